"""The plan, and its file as a stranger's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from energy_fixtures.errors import ConfigurationError
from reports.sweep.plan import LARGEST_BYTES, PLAN_VERSION, Case, Plan, grouped, plan_text, read_plan

CASES = (
    Case(nodeid="a.py::t[1]", load_key="k1", engine="vllm", model="tiny", label="tiny", boards=2, measures=True),
    Case(nodeid="a.py::t[2]", load_key="k2", engine="vllm", model="tiny", label="tiny", boards=2, measures=True),
    Case(nodeid="a.py::t[3]", load_key="k1", engine="vllm", model="tiny", label="tiny", boards=2, measures=True),
    Case(nodeid="b.py::f", measures=True),
    Case(nodeid="b.py::g", skip="no GPU", measures=True),
    Case(nodeid="b.py::h"),
)


def plan(**changes: object) -> Plan:
    fields = {"version": PLAN_VERSION, "arguments": ("benchmarks",), "code": "abc", "cases": CASES}
    return Plan(**{**fields, "groups": grouped(CASES), **changes})  # type: ignore[arg-type]


def test_cases_that_share_a_load_are_one_group() -> None:
    """One group per engine load with its boards, one per file of plain functions; what is skipped is in none."""
    groups = grouped(CASES)
    assert [(group.number, group.boards, group.nodeids) for group in groups] == [
        (1, 2, ("a.py::t[1]", "a.py::t[3]")),
        (2, 2, ("a.py::t[2]",)),
        (3, 0, ("b.py::f", "b.py::h")),
    ]
    assert groups[0].label == "vllm · tiny"


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    """The file holds all of it, and the key does not hang on what is expected."""
    path = tmp_path / "plan.json"
    path.write_bytes(plan_text(plan()))
    assert read_plan(path) == plan()
    expecting = tuple(Case(**{**{f: getattr(c, f) for f in c.__struct_fields__}, "expected_s": 3.0}) for c in CASES)
    assert plan(cases=expecting).key == plan().key
    assert plan(code="abd").key != plan().key


def broken(**changes: object) -> str:
    return json.dumps({**json.loads(plan_text(plan())), **changes})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is no plan"),
        ("[1, 2", "is no plan"),
        ("null", "is no plan"),
        ("[" * 100_000, "is no plan"),
        ("\xff\xfe", "is no plan"),
        (broken(version=99), "has version 99"),
        (broken(version="1"), "is no plan"),
        (broken(groups=[]), "exactly one group"),
        (broken(cases=[*json.loads(plan_text(plan()))["cases"], {"nodeid": "a.py::t[1]"}]), "named once"),
        (broken(groups=[{**json.loads(plan_text(plan()))["groups"][0], "number": 7}]), "exactly one group"),
        (broken(groups=[{**one, "boards": -1} for one in json.loads(plan_text(plan()))["groups"]]), "boards"),
        (broken(arguments=["a\0b"]), "NUL"),
        (broken(arguments="benchmarks"), "is no plan"),
        (broken(cases=[{"nodeid": "\x1b[31m::x"}], groups=[]), "control"),
        (broken(cases=[{"nodeid": "x"}], groups=[]), "node id"),
    ],
)
def test_a_file_that_is_no_plan_is_refused_in_one_sentence(tmp_path: Path, content: str, says: str) -> None:
    """Torn, foreign, newer, deep or contradicting files are named with what is wrong, and nothing else happens."""
    path = tmp_path / "plan.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ConfigurationError, match=says) as caught:
        read_plan(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_too_large_to_be_a_plan_is_not_read(tmp_path: Path) -> None:
    """Its size and kind alone are looked at."""
    path = tmp_path / "plan.json"
    with path.open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    with pytest.raises(ConfigurationError, match="more than the 64 MiB"):
        read_plan(path)
    endless = tmp_path / "endless.json"
    endless.symlink_to("/dev/zero")
    with pytest.raises(ConfigurationError, match="it is a device"):
        read_plan(endless)


def test_a_group_that_does_not_exist_is_named() -> None:
    """--group 9 of a plan with three says which there are."""
    with pytest.raises(ConfigurationError, match="groups 1 to 3"):
        plan().group(9)

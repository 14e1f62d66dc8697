"""The fingerprint: what differs is named, what may differ is let pass and said, nothing private is in it."""

from __future__ import annotations

import getpass
import os
import socket

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.environment import build_environment, differences, incomparable
from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.records import Environment
from energy_fixtures.rules import RULES, rule_of

BOARD = {"name": "NVIDIA H200", "uuid": "GPU-1", "power_limit_w": 700.0}
HOST = {"cpu": "Example CPU", "cores": 2, "system": "Linux"}


def test_equal_environments_compare(environment):
    """An environment compares with itself, and there is nothing to say."""
    assert incomparable(environment(), environment()) == []
    assert differences(environment(), environment()) == []


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"boards": ({**BOARD, "name": "NVIDIA H100"},)}, "board name NVIDIA H200 against NVIDIA H100"),
        ({"boards": ({**BOARD, "uuid": "GPU-2"},)}, "board uuid GPU-1 against GPU-2"),
        ({"boards": ({**BOARD, "power_limit_w": 500.0},)}, "board power_limit_w 700.0 against 500.0"),
        ({"boards": ()}, "1 GPUs against 0"),
        (
            {"meter": {"name": "modelled", "method": "modelled", "domains": "cpu:0"}},
            "counter joules against modelled joules",
        ),
        ({"meter": {"name": "replay", "method": "replay", "domains": "gpu:0"}}, "counter joules against replay joules"),
        (
            {"meter": {"name": "zeus", "method": "counter", "domains": "gpu:0 cpu:0"}},
            "meter domains gpu:0 against gpu:0 cpu:0",
        ),
        ({"host": {**HOST, "cpu": "Other"}}, "host cpu Example CPU against Other"),
        ({"engine": {"device": "cpu", "dtype": "float32", "weights": "dummy"}}, "engine device cuda against cpu"),
    ],
)
def test_difference_that_matters_is_named(environment, change, clause):
    """Each field that must match says what it was on both sides."""
    assert clause in incomparable(environment(), environment(**change))


def test_every_reason_is_named_at_once(environment):
    """Another host does not hide that the board is another one as well."""
    other = environment(host={**HOST, "cpu": "Other"}, boards=({**BOARD, "uuid": "GPU-2"},))

    assert incomparable(environment(), other) == [
        "host cpu Example CPU against Other",
        "board uuid GPU-1 against GPU-2",
    ]


def test_new_version_is_what_a_comparison_is_for(environment):
    """Package versions, the driver and the kernel may differ, and each is said once."""
    old = environment(
        packages={"torch": "2.13.0", "zeus": "0.16.0"},
        host={**HOST, "kernel": "6.8"},
        boards=({**BOARD, "driver": "570.1"},) * 2,
        engine={"framework": "vllm", "framework_version": "0.31", "torch_version": "2.13.0"},
    )
    new = environment(
        packages={"torch": "2.14.0", "zeus": "0.16.0"},
        host={**HOST, "kernel": "6.12"},
        boards=({**BOARD, "driver": "575.2"},) * 2,
        engine={"framework": "vllm", "framework_version": "0.32", "torch_version": "2.14.0"},
    )

    assert incomparable(old, new) == []
    assert sorted(differences(old, new)) == [
        "driver 570.1 against 575.2",
        "kernel 6.8 against 6.12",
        "torch 2.13.0 against 2.14.0",
        "vllm 0.31 against 0.32",
    ]


def test_versions_of_a_framework_that_did_not_run_are_not_said(environment):
    """Another vLLM says nothing of joules that Transformers used; without an engine every package counts."""
    engine = {"framework": "transformers", "framework_version": "5.19"}
    old, new = {"transformers": "5.19", "vllm": "0.31"}, {"transformers": "5.19", "vllm": "0.32"}

    assert differences(environment(packages=old, engine=engine), environment(packages=new, engine=engine)) == []
    assert differences(environment(packages=old, engine={}), environment(packages=new, engine={})) == [
        "vllm 0.31 against 0.32"
    ]


def test_what_only_one_side_knows_refuses_nothing(environment):
    """A file of an older version, which knew fewer fields, is compared, and one line says what it does not tell."""
    old = environment()
    new = environment(
        host={**HOST, "governor": "performance", "smt": "on"}, boards=({**BOARD, "default_power_limit_w": 700.0},)
    )

    assert incomparable(old, new) == incomparable(new, old) == []
    assert differences(old, new) == ["the baseline does not say: governor, smt, default power limit w"]
    assert differences(new, old) == ["only the baseline says: governor, smt, default power limit w"]


def test_package_that_is_missing_on_one_side_is_said(environment):
    """A package is known to be absent, which is not the same as unknown."""
    assert differences(environment(packages={"triton": "3.1"}), environment(packages={})) == ["triton 3.1 against none"]


facts = {
    side: st.fixed_dictionaries(
        {}, optional={field.partition(".")[2]: st.sampled_from(["a", "b"]) for field in RULES if field.startswith(side)}
    )
    for side in ("host", "engine", "meter", "board", "package")
}
environments = st.builds(
    Environment,
    host=facts["host"],
    boards=st.tuples(facts["board"]),
    packages=facts["package"],
    engine=facts["engine"],
    meter=facts["meter"].map(lambda meter: {**meter, "method": "counter"}),
)


@given(old=environments, new=environments)
def test_the_rules_decide_for_every_field(old: Environment, new: Environment):
    """Two sides are incomparable exactly if a field that must match is known to differ; the rest is said or ignored."""
    sides = (
        ("host", old.host, new.host),
        ("engine", old.engine, new.engine),
        ("meter", old.meter, new.meter),
        ("board", old.boards[0], new.boards[0]),
    )
    known = {f"{side}.{name}": (a[name], b[name]) for side, a, b in sides for name in {*a} & {*b}}
    differing = [field for field, (a, b) in known.items() if a != b]
    refused = [field for field in differing if rule_of(field).says == "must match"]
    said = [field for field in differing if rule_of(field).says == "may differ"]
    notes = [note for note in differences(old, new) if " against " in note]

    assert len(incomparable(old, new)) == len(refused)
    assert bool(notes) >= bool(said)
    assert len(notes) == len(set(notes))
    assert bool(incomparable(new, old)) == bool(refused)


def test_this_machine_tells_nothing_private():
    """The fingerprint of this machine holds neither host name, user name nor a path."""
    meter = MeterInfo(name="modelled", method="modelled", domains=("cpu:0",), resolution_s=0.01)
    text = msgspec.json.encode(build_environment((), meter, {"device": "cpu"})).decode()

    assert '"cores"' in text and '"modelled"' in text
    for private in (socket.gethostname(), os.getcwd(), os.path.expanduser("~")):
        assert len(private) < 4 or private not in text
    assert f'"{getpass.getuser()}"' not in text


def test_fingerprint_of_this_machine_is_read_back():
    """What this machine tells passes the record's types on its way to a file and back."""
    meter = MeterInfo(name="modelled", method="modelled", domains=("cpu:0",), resolution_s=0.01)
    here = build_environment(({"name": "X", "clocks_locked": False},), meter, {"device": "cpu"})

    assert msgspec.json.decode(msgspec.json.encode(here), type=Environment) == here

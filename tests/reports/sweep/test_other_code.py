"""One report is of one code: what was measured with another is never taken over silently."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from energy_fixtures.errors import ConfigurationError
from reports.sweep import command
from reports.sweep.collect import code_of, environ_for, plan_of, words_of
from reports.sweep.command import Asked, collected, one_group, sweep
from reports.sweep.plan import Case, Listing, plan_text, read_plan
from reports.sweep.state import State

CASES = (Case(nodeid="test_a.py::test_one", measures=True),)
FILE = Path("plan.json")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder outside git, worked in, with one test file and a plan of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    (tmp_path / "test_a.py").write_text("def test_one(energy): energy(sum, range(9))\n")
    plan = plan_of(Listing(cases=CASES), (".",), tmp_path, None, [FILE])
    FILE.write_bytes(plan_text(plan))
    return tmp_path


@pytest.fixture
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that says who got as far as using it."""

    def prepare(sweep: str, engines: frozenset[str]) -> None:
        raise ConfigurationError(f"prepared {sweep}")

    @contextlib.contextmanager
    def connect(*_: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(has_boards=False, prepare=prepare)

    monkeypatch.setattr(command, "_cluster", connect)


def asked(**more: object) -> Asked:
    return Asked(**{"arguments": (), "plan": FILE, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("begun", [False, True])
def test_a_plan_of_other_code_is_refused(checkout: Path, no_cluster: None, begun: bool) -> None:
    """By a group, by the report and by a cluster's driver, before and after others have begun; nothing is measured."""
    if begun:
        State(checkout / "plan.sweep").begin(read_plan(FILE))
    (checkout / "conftest.py").write_text("# decides about every test\n")
    for use, how in ((one_group, asked(group=1)), (collected, asked(collect=True)), (sweep, asked(ray="auto"))):
        with pytest.raises(ConfigurationError, match="the code here is another than when the plan was made"):
            use(how, lambda line: None)
    assert State(checkout / "plan.sweep").journals() == []


def test_fresh_takes_the_code_as_it_is(checkout: Path, no_cluster: None) -> None:
    """What the other code measured is put aside, and the plan says the new code from then on, so that it can be gone on with."""
    State(checkout / "plan.sweep").begin(read_plan(FILE))
    before = State(checkout / "plan.sweep").identity
    (checkout / "test_a.py").write_text("def test_one(energy): energy(sum, range(10))\n")
    with pytest.raises(ConfigurationError, match="prepared"):
        sweep(asked(ray="auto", fresh=True), lambda line: None)
    with pytest.raises(ConfigurationError, match="prepared") as again:
        sweep(asked(ray="auto", resume=True), lambda line: None)
    assert before not in str(again.value)
    (aside,) = (path for path in checkout.iterdir() if path.name.startswith("plan.sweep."))
    assert State(aside).identity == before


def test_a_sweep_that_was_reported_is_not_reported_again(checkout: Path, no_cluster: None) -> None:
    """A driver killed between its report and putting the folder aside: the same command does that, with the report's status."""
    state = State(checkout / "plan.sweep")
    state.begin(read_plan(FILE))
    assert state.reported is None
    state.mark_reported(1)
    said: list[str] = []
    assert sweep(asked(ray="auto"), said.append) == 1
    assert "was reported already, with exit status 1" in said[-1]
    assert not (checkout / "plan.sweep" / "plan.json").exists()


def test_new_files_are_code_and_what_a_sweep_writes_is_not(tmp_path: Path) -> None:
    """In git and outside, a new conftest.py makes another code; the sweep's own outputs never do."""
    for checkout in (tmp_path / "git", tmp_path / "plain"):
        checkout.mkdir()
        (checkout / "test_a.py").touch()
        if checkout.name == "git":
            for words in (
                ["init", "-q"],
                ["add", "."],
                ["-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "c"],
            ):
                subprocess.run(["git", "-C", str(checkout), *words], check=True)
        plain = code_of(CASES, checkout, [checkout / "out"])
        (checkout / "out").mkdir()
        (checkout / "out" / "made.py").touch()
        assert code_of(CASES, checkout, [checkout / "out"]) == plain
        (checkout / "conftest.py").touch()
        assert code_of(CASES, checkout, [checkout / "out"]) != plain


def test_pytest_addopts_are_of_the_plan(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand before the arguments as pytest puts them, make another sweep, and no machine adds its own."""
    environ = {"PYTEST_ADDOPTS": "-k 'a or b'", "HOME": "x"}
    assert words_of(("benchmarks",), environ) == ("-k", "a or b", "benchmarks")
    assert "PYTEST_ADDOPTS" not in environ_for(environ) and environ_for(environ)["HOME"] == "x"
    with pytest.raises(ConfigurationError, match="cannot be taken apart"):
        words_of((), {"PYTEST_ADDOPTS": "'"})
    same = Asked(arguments=("benchmarks",), ray="auto")
    before = command.state_for(same).folder
    monkeypatch.setenv("PYTEST_ADDOPTS", "--energy-min-rounds=9")
    assert command.state_for(same).folder != before
    monkeypatch.setenv("PYTEST_ADDOPTS", "-x")
    with pytest.raises(ConfigurationError, match="stops at a failure"):
        same.check()

"""`joules sweep` without a cluster: what is refused, the plan, and groups run one by one as a Slurm array does."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.store import read_run
from reports.cli import main
from reports.sweep import listing
from reports.sweep.alone import visible
from reports.sweep.cli import sweep
from reports.sweep.collect import check_arguments
from reports.sweep.command import Asked, report
from reports.sweep.page import needs
from reports.sweep.plan import Group, read_plan
from reports.sweep.state import State

ROOT = Path(__file__).parents[3]
OPTIONS = ("--energy-meter=simulated:cpu:0=50", "--energy-min-window=0.02", "-p", "no:cacheprovider")
ARGUMENTS = (".", *OPTIONS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-n", "2"], "xdist workers"),
        (["-n2"], "xdist workers"),
        (["--numprocesses=auto"], "xdist workers"),
        (["--dist=load"], "xdist workers"),
        (["-x"], "stops at a failure"),
        (["--maxfail=3"], "stops at a failure"),
        (["--collect-only"], "--dry-run"),
        (["--pdb"], "keyboard"),
        (["--energy-resume"], "goes on by itself"),
        (["--energy-server=http://127.0.0.1:8000"], "do not see"),
        (["--energy-skip"], "measures nothing"),
    ],
)
def test_options_that_contradict_a_sweep_are_refused_by_name(arguments: Sequence[str], says: str) -> None:
    """Each with its reason, before anything starts; -n 0 is none of them."""
    with pytest.raises(ConfigurationError, match=says) as caught:
        check_arguments(["benchmarks", *arguments])
    assert str(caught.value).startswith(arguments[0])
    check_arguments(["benchmarks", "-n", "0", "-k", "x", "--dist=no"])


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        ("-vx", "--maxfail"),
        ("-xq", "--maxfail"),
        ("-n2", "-n"),
        ("--collectonly", "--collect-only"),
        ("--setup-only", "--setup-only"),
        ("--setup-plan", "--setup-plan"),
        ("--fixtures", "--fixtures"),
        ("--fixtures-per-test", "--fixtures-per-test"),
        ("-o addopts=-x", "--maxfail"),
        ("--stepwise", "--stepwise"),
        ("--pdb", "--pdb"),
        ("--trace", "--trace"),
        ("--energy-resume", "--energy-resume"),
        ("--energy-server=http://127.0.0.1:8000", "--energy-server"),
        ("--energy-disable", "--energy-disable"),
        ("--energy-skip", "--energy-skip"),
    ],
)
def test_options_are_refused_however_they_are_written(pytester: pytest.Pytester, arguments: str, flag: str) -> None:
    """What counts is what pytest made of them: short options in one word, abbreviations, an ini file's addopts."""
    pytester.makeconftest('pytest_plugins = ["energy_fixtures.plugin", "reports.plugin"]')
    config = pytester.parseconfig(*arguments.split())
    with pytest.raises(pytest.UsageError, match=f"^{flag} does not go with joules sweep: it "):
        listing.pytest_cmdline_main(config)


def test_options_that_go_with_a_sweep_are_let_through(pytester: pytest.Pytester) -> None:
    """Then pytest is told to run nothing."""
    config = pytester.parseconfig("-v", "-n0", "-k", "x", "--maxfail=0")
    listing.pytest_cmdline_main(config)
    assert config.option.collectonly is True


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Asked(arguments=()), "-- is missing"),
        (Asked(arguments=(), plan=Path("no.json")), "no.json does not exist"),
        (Asked(arguments=("b",)), "where to run is not said"),
        (Asked(arguments=("b",), group=1), "need the plan"),
        (Asked(arguments=("b",), plan=Path("p"), group=1, ray="auto"), "without Ray"),
        (Asked(arguments=("b",), plan=Path("p"), group=1, collect=True), "one at a time"),
        (Asked(arguments=("b",), plan=Path("p"), collect=True, fresh=True), "write it again with --dry-run"),
        (Asked(arguments=("b",), ray="auto", resume=True, fresh=True), "give one of them"),
        (Asked(arguments=("b",), ray="auto", retries=-1), "--retries -1"),
    ],
)
def test_a_command_line_that_contradicts_itself_is_refused(asked: Asked, says: str) -> None:
    """One sentence that names what is missing or too much."""
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        asked.check()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sweep", "--ray", "auto", "benchmarks"], "-- is missing"),
        (["sweep", "--ray", "127.0.0.1:1", "--", "benchmarks"], "no cluster answers there"),
        (["sweep", "--ray", "auto", "--", "b", "-n", "4"], "xdist"),
    ],
)
def test_wrong_use_ends_with_4_and_one_sentence(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told on standard error, without a traceback, and nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 4
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said and said.count("\n") == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"] == []


def test_boards_are_those_that_the_scheduler_shows() -> None:
    """A group takes what CUDA_VISIBLE_DEVICES names and refuses fewer than it needs; one of the host narrows nothing."""
    assert visible(2, {"CUDA_VISIBLE_DEVICES": "3,5"}) == "3,5"
    assert visible(2, {}) is None
    assert visible(0, {"CUDA_VISIBLE_DEVICES": "3"}) is None
    with pytest.raises(ConfigurationError, match="needs 2 GPUs and CUDA_VISIBLE_DEVICES shows 1"):
        visible(2, {"CUDA_VISIBLE_DEVICES": "3"})


def test_groups_run_one_by_one_make_the_report_of_one_machine(
    joules: Callable[..., tuple[int, str]],
    project: Path,
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    """A plan, its groups, the report: what is missing fails by name, options of the whole are of all groups, and a machine
    keeps nothing but locks.
    """
    status, said = joules(project, "--dry-run", "--plan", "plan.json", "--", *ARGUMENTS, "--energy-json=all.json")
    plan = read_plan(project / "plan.json")
    assert status == 0
    assert [len(group.nodeids) for group in plan.groups] == [6, 3, 2]
    assert "unknown of 11 of 11 cases" in said and "skipped: 1 because not today" in said and "--array=1-3" in said

    environ["TMPDIR"] = str(tmp_path)
    for group in ("3", "2"):
        assert joules(project, "--plan", "plan.json", "--group", group)[0] == 0
    assert {path.suffix for path in (tmp_path / f"joules-sweep-{os.getuid()}").iterdir()} == {".lock"}
    status, said = joules(project, "--plan", "plan.json", "--collect")
    assert status == 1 and State(project / "plan.sweep").reported is None
    assert "7 failed, 4 passed, 1 skipped" in said and "was not measured: it was not run yet" in said
    assert len(read_run(project / "all.json").results) == 4

    assert joules(project, "--plan", "plan.json", "--group", "1")[0] == 0
    run = json.loads((project / "all.json").read_text())
    cheap = [trial for result in run["energy"]["results"] for trial in result["trials"]]
    for trial in cheap:
        trial["reading"]["energy_j"] = {domain: joule / 10 for domain, joule in trial["reading"]["energy_j"].items()}
    (project / "base.json").write_text(json.dumps(run))
    more = (
        "--energy-html=page.html",
        "--junitxml=junit.xml",
        "--energy-compare=base.json",
        "--energy-compare-fail=mean:20%",
        "--energy-baseline-policy=inconclusive",  # two rounds exclude nothing
    )
    asked = msgspec.structs.replace(plan, arguments=(*plan.arguments, *more))
    assert report(asked, State(project / "plan.sweep"), project) == 1
    assert State(project / "plan.sweep").reported == 1
    junit = (project / "junit.xml").read_text()
    assert 'tests="12"' in junit and 'failures="4"' in junit  # test_fails, and test_b; the base has nothing of test_a
    assert "INCONCLUSIVE against base" in junit
    assert len(read_run(project / "all.json").results) == 10
    assert (project / "page.html").stat().st_size > 10_000


def test_a_wide_group_says_what_it_needs() -> None:
    """One board, several, several of a type, or a whole machine."""
    group = Group(number=1, label="x", boards=2, nodeids=("a::b",))
    assert needs(group, None) == "2 GPUs" and needs(group, "H100") == "2 H100"
    assert needs(msgspec.structs.replace(group, boards=1), None) == "1 GPU"
    assert needs(msgspec.structs.replace(group, boards=0), "H100") == "a whole machine"


def test_a_selection_without_energy_has_nothing_to_sweep(joules: Callable[..., tuple[int, str]], project: Path) -> None:
    """Only tests that do not measure, or arguments that pytest refuses: exit 4 and why."""
    status, said = joules(project, "--dry-run", "--", "test_c.py", "-k", "plain", *OPTIONS)
    assert (status, "no selected test measures energy" in said) == (4, True)
    status, said = joules(project, "--dry-run", "--", "--no-such-option")
    assert (status, "pytest refuses what follows --" in said) == (4, True)


def test_every_option_is_documented() -> None:
    """docs/sweep.md has a row for each option of the command, and for none that it has not."""
    rows = [line for line in (ROOT / "docs" / "sweep.md").read_text().splitlines() if line.startswith("| `--")]
    named = {word for line in rows for word in re.findall(r"`(--[a-z-]+)", line.split("|")[1])}
    known = {f"--{name.replace('_', '-')}" for name in inspect.signature(sweep).parameters} - {"--pytest-arguments"}
    assert named == known

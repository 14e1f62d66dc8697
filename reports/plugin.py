"""Wiring of the report: options in, results in, verdicts and lines out. No arithmetic here."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from energy_fixtures.errors import ConfigurationError, JoulesError
from energy_fixtures.records import Environment, Result
from reports.comparison import Baseline
from reports.options import STALE_DAYS, add_options, names_a_file, read_options
from reports.outputs import refuse_clashes
from reports.past import learnt_from
from reports.selection import Selection, owners
from reports.session import WIDE, ReportSession

KEY = pytest.StashKey[ReportSession]()
DESELECTED = pytest.StashKey[set[str]]()
"""Node ids that were left out on purpose; they are not missing from the baseline."""
SELECTED = pytest.StashKey[frozenset[str]]()
"""Node ids of the tests that are to run."""

_NARROWING = {"keyword": "-k", "markexpr": "-m", "lf": "--lf", "deselect": "--deselect", "ignore": "--ignore",
              "ignore_glob": "--ignore-glob"}  # fmt: skip
"""pytest's options that leave tests out, by where it keeps them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    try:
        config.stash[KEY] = ReportSession(read_options(config))
    except JoulesError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[DESELECTED] = set()
    config.stash[SELECTED] = frozenset()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Find the baseline before anything is collected, so that what is wrong with it costs nothing."""
    report = session.config.stash[KEY]
    measures = session.config.pluginmanager.hasplugin("energy_fixtures.plugin")
    if not measures or session.config.option.collectonly or hasattr(session.config, "workerinput"):
        return
    try:
        path = _load_baseline(session.config, report) if report.options.comparing else None
        _refuse_clashes(session.config, report, path)
    except JoulesError as error:
        raise pytest.UsageError(str(error)) from error


def _refuse_clashes(config: pytest.Config, report: ReportSession, baseline: Path | None) -> None:
    """No file of this session is written over another one, or over the baseline, whether that exists by now or not."""
    from energy_fixtures.session import KEY as MEASURING

    options, junit = report.options, getattr(config.option, "xmlpath", None)
    outputs = {
        "--energy-json": config.stash[MEASURING].options.json,
        "--energy-markdown": options.markdown,
        "--energy-html": options.html,
        "--junitxml": None if junit is None else Path(junit),
    }
    absent = None if report.absent is None else Path(report.absent)
    refuse_clashes(outputs, {"--energy-compare": baseline or absent, "--energy-boards": options.boards})


def _load_baseline(config: pytest.Config, report: ReportSession) -> Path | None:
    """Read the run to compare with; where it lies, None where there is none."""
    from energy_fixtures.boards import read_boards
    from energy_fixtures.environment import host_facts
    from energy_fixtures.recording import CUT_OFF
    from energy_fixtures.session import KEY as MEASURING
    from energy_fixtures.store import Store, read_run
    from energy_fixtures.timing import machine_folder
    from reports.baselines import find_baseline, fitting, saved_runs, stated

    session = config.stash[MEASURING]
    boards = session.boards if session.elsewhere else read_boards()
    machine = machine_folder(tuple(str(board["name"]) for board in boards))
    options, doubts = session.options, list[str]()
    store = saved_runs(options.shared, options.storage, machine, doubts.append)
    report.storage = store.place
    if isinstance(store, Store):
        kept = list[str]()
        report.recovered = tuple(CUT_OFF.format(os.path.relpath(path)) for path in store.recover(kept.append))
        report.recovered += tuple(kept)
    here = Environment(host=host_facts(), boards=boards, packages={}, engine={}, meter={})
    reference, resumes = report.options.reference, options.resume
    path = find_baseline(store, reference, whole=resumes, fits=fitting(here, options.meter), say=doubts.append)
    report.recovered += stated(doubts)
    if path is None:
        report.absent = reference if reference is not None and names_a_file(reference) else None
        return None
    run = read_run(path)
    if resumes and run.unfinished is not None:
        raise ConfigurationError(
            f"--energy-compare={reference} names a run that was cut off, and --energy-resume may go on from it: its results"
            " would be compared with themselves; name a whole run"
        )
    report.baseline = Baseline(path.stem, run)
    report.refused = () if session.elsewhere else report.baseline.elsewhere(here)
    report.stale = report.baseline.stale(datetime.datetime.now(datetime.UTC), STALE_DAYS)
    report.max_rounds = options.max_rounds
    if report.options.limits:
        report.between = learnt_from(store.runs())
    return path


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Every past result that these tests may have again can be judged, by each limit, and they share the doubt that is left.

    A test has one result, or one per window, Scenario and rate: the baseline knows how many, as `joules compare` does.
    """
    report = config.stash[KEY]
    config.stash[SELECTED] = frozenset(item.nodeid for item in items)
    measuring = {item.nodeid for item in items if "energy" in getattr(item, "fixturenames", ())}
    past = () if report.baseline is None else report.baseline.names
    expected = [name for name in past if not measuring.isdisjoint(owners(name))]
    report.gated = max(1, len(expected) * len(report.options.limits))


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        item.config.stash[DESELECTED].add(item.nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    return [] if config.option.collectonly else config.stash[KEY].header()


@pytest.hookimpl(optionalhook=True)
def pytest_energy_result(config: pytest.Config, item: pytest.Item, result: Result, environment: Environment) -> None:
    report = config.stash[KEY]
    report.add(result, environment)
    said = report.verdict(result)
    if said is not None:
        from energy_fixtures.session import KEY as MEASURING

        config.stash[MEASURING].live.judged(result.fullname, said.verdict.value, said.sentence)
    item.user_properties += report.properties(result)  # of the test case in JUnit's file


@pytest.hookimpl(optionalhook=True)
def pytest_energy_more(config: pytest.Config, result: Result, environment: Environment) -> bool | None:
    return config.stash[KEY].open(result, environment) or None


@pytest.hookimpl(optionalhook=True)
def pytest_energy_verdict(config: pytest.Config, result: Result) -> str | None:
    return config.stash[KEY].failure(result)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    writer = terminalreporter._tw  # its only handle; pytest's own plugins use it too
    width = writer.fullwidth if terminalreporter.isatty else max(WIDE, writer.fullwidth)
    report = config.stash[KEY]
    for line in report.lines(width=width, colour=writer.hasmarkup, selection=_selection(config)):
        terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A missing case has no test that could fail for it, and neither has a page that cannot be written."""
    report, selection = session.config.stash[KEY], _selection(session.config)
    gone = "missing" in report.options.failing and report.missing(selection.expects)
    if not hasattr(session.config, "workerinput"):
        _write_pages(report, selection.expects)
    if (gone or report.unwritten) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _write_pages(report: ReportSession, expected: Callable[[str], bool]) -> None:
    """Each as a whole. One that cannot be written keeps no other from being written."""
    for option, path, page_of in (
        ("--energy-markdown", report.options.markdown, report.markdown),
        ("--energy-html", report.options.html, report.html),
    ):
        page = None if path is None else page_of(expected)
        if path is not None and page is not None:
            _write(report, path, page, option)


def _write(report: ReportSession, path: Path, page: str, option: str) -> None:
    """Over what was there; added to the end of GitHub's step summary, which other steps and plugins write to as well."""
    from reports.console import write_text

    try:
        if path.exists() and path.samefile(os.environ.get("GITHUB_STEP_SUMMARY") or os.devnull):
            with path.open("a", encoding="utf-8") as file:
                file.write(page)
        else:
            write_text(path, page, option=option)
    except JoulesError as error:
        report.unwritten.append(str(error))
    except OSError as error:
        report.unwritten.append(f"{option} {path} cannot be written: {error.strerror}")


def _selection(config: pytest.Config) -> Selection:
    """What of the baseline was to run now."""
    left_out: set[str] = config.stash[DESELECTED]
    return Selection(
        arguments=tuple(config.args),
        folder=config.invocation_params.dir,
        root=config.rootpath,
        selected=config.stash[SELECTED],
        left_out=frozenset(left_out),
        narrowed_by=tuple(said for name, said in _NARROWING.items() if getattr(config.option, name, None)),
    )

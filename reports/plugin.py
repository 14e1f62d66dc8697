"""Wiring of the report: options in, results in, verdicts and lines out. No arithmetic here."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from energy_fixtures.errors import JoulesError
from energy_fixtures.records import Environment, Result
from reports.comparison import Baseline
from reports.history import learnt_from
from reports.options import STALE_DAYS, add_options, read_options
from reports.session import WIDE, ReportSession

KEY = pytest.StashKey[ReportSession]()
DESELECTED = pytest.StashKey[set[str]]()
"""Node ids that were left out on purpose; they are not missing from the baseline."""


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    try:
        config.stash[KEY] = ReportSession(read_options(config))
    except JoulesError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[DESELECTED] = set()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Find the baseline before anything is collected, so that what is wrong with it costs nothing."""
    report = session.config.stash[KEY]
    measures = session.config.pluginmanager.hasplugin("energy_fixtures.plugin")
    if not report.options.comparing or not measures or session.config.option.collectonly:
        return
    if hasattr(session.config, "workerinput"):
        return
    try:
        _load_baseline(session.config, report)
    except JoulesError as error:
        raise pytest.UsageError(str(error)) from error


def _load_baseline(config: pytest.Config, report: ReportSession) -> None:
    from energy_fixtures.boards import read_boards
    from energy_fixtures.environment import host_facts
    from energy_fixtures.session import CUT_OFF
    from energy_fixtures.session import KEY as MEASURING
    from energy_fixtures.store import Store, read_run
    from energy_fixtures.timing import machine_folder

    boards = read_boards()
    machine = machine_folder(tuple(str(board["name"]) for board in boards))
    store = Store(config.stash[MEASURING].options.storage, machine)
    report.storage = os.path.relpath(store.folder)
    report.recovered = tuple(CUT_OFF.format(os.path.relpath(path)) for path in store.recover())
    path = store.find(report.options.reference)
    if path is None:
        return
    report.baseline = Baseline(path.stem, read_run(path))
    here = Environment(host=host_facts(), boards=boards, packages={}, engine={}, meter={})
    report.refused = report.baseline.elsewhere(here)
    report.stale = report.baseline.stale(datetime.datetime.now(datetime.UTC), STALE_DAYS)
    report.max_rounds = config.stash[MEASURING].options.max_rounds
    if report.options.limits:
        report.between = learnt_from(store.runs())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """As many cases may be judged as can be measured, and the doubt that is left is shared among them."""
    config.stash[KEY].gated = sum("energy" in getattr(item, "fixturenames", ()) for item in items)


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
    for line in report.lines(width=width, colour=writer.hasmarkup, expected=_expected(config)):
        terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A missing case has no test that could fail for it, and neither has a page that cannot be written."""
    report = session.config.stash[KEY]
    gone = "missing" in report.options.failing and report.missing(_expected(session.config))
    if report.options.markdown is not None and not hasattr(session.config, "workerinput"):
        _write_markdown(report, report.options.markdown, _expected(session.config))
    if (gone or report.unwritten) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _write_markdown(report: ReportSession, path: Path, expected: Callable[[str], bool]) -> None:
    """As a whole; added to the end of GitHub's step summary, which other steps and plugins write to as well."""
    from reports.console import write_text

    page = report.markdown(expected)
    if page is None:
        return
    try:
        if path.exists() and path.samefile(os.environ.get("GITHUB_STEP_SUMMARY") or os.devnull):
            with path.open("a", encoding="utf-8") as file:
                file.write(page)
        else:
            write_text(path, page, option="--energy-markdown")
    except JoulesError as error:
        report.unwritten = str(error)
    except OSError as error:
        report.unwritten = f"--energy-markdown {path} cannot be written: {error.strerror}"


def _expected(config: pytest.Config) -> Callable[[str], bool]:
    """Whether a case of the baseline, by full name, was to run now."""
    left_out = config.stash[DESELECTED]

    def expected(fullname: str) -> bool:
        asked = any(_lies_under(fullname, argument, config) for argument in config.args)
        return asked and not any(fullname == name or fullname.startswith(f"{name}::") for name in left_out)

    return expected


def _lies_under(nodeid: str, argument: str, config: pytest.Config) -> bool:
    """Whether a test is among those that one of pytest's arguments names, also when its file is gone."""
    path, _, part = argument.partition("::")
    file, _, rest = nodeid.partition("::")
    asked = (config.invocation_params.dir / path).resolve()
    here = (config.rootpath / file).resolve()
    inside = asked == here or asked in here.parents
    return inside and (not part or rest == part or rest.startswith((f"{part}[", f"{part}::")))

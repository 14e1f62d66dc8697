"""pytest plugin of `joules sweep` that makes the report: a session like any other, whose cases were measured on other machines.

Each case is answered from the sweep's folder: its results go through the same hooks as if they had been measured here, so that
tables, pages, files, verdicts and the exit code are those of one machine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from energy_fixtures import timing
from energy_fixtures.records import Environment
from energy_fixtures.session import KEY
from reports.sweep.journal import Finished
from reports.sweep.order import FOLDER
from reports.sweep.page import measured_lines
from reports.sweep.shared import beside_others, doubted
from reports.sweep.state import State


class Replay:
    """One sweep's report.

    Args:
        state: Where its answers lie.
    """

    def __init__(self, state: State) -> None:
        plan = state.plan
        assert plan is not None, "a sweep was begun before it is told of"
        journals = state.journals()
        self._lines = measured_lines(plan, journals)
        self._cases = plan.by_nodeid()
        self._place = {case.nodeid: index for index, case in enumerate(plan.cases)}
        self._crashed, self._lost = state.crashed(), state.lost()
        self._finished = state.finished()
        self._beside = beside_others(journals)

    @property
    def environments(self) -> list[Environment]:
        """Of all results."""
        return [environment for case in self._finished.values() for environment in case.environments]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """In the plan's order."""
        items.sort(key=lambda item: self._place.get(item.nodeid, len(self._place)))

    def pytest_report_collectionfinish(self, config: pytest.Config) -> list[str]:
        """The header: where the cases were measured."""
        session = config.stash[KEY]
        if session.options.save or session.options.autosave or session.options.json:
            names = tuple(str(board["name"]) for board in session.boards if "name" in board)
            self._lines += session.recording.open(session.options, timing.head(config), names)
        return self._lines

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool:
        """Tell of the case as if it ran now."""
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self._reports(item):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    # -- parts ---------------------------------------------------------------------------------------------------

    def _reports(self, item: pytest.Item) -> Sequence[pytest.TestReport]:
        finished = self._finished.get(item.nodeid) or self._crashed.get(item.nodeid)
        case = self._cases.get(item.nodeid)
        if finished is not None:
            return self._told(item, finished)
        if case is not None and case.skip is not None:
            return _made_up(item, "skipped", f"Skipped: {case.skip}")
        why = self._lost.get(item.nodeid, "it was not run yet" if case is not None else "the plan does not name it")
        return _made_up(item, "failed", f"{item.name} was not measured: {why}")

    def _told(self, item: pytest.Item, finished: Finished) -> list[pytest.TestReport]:
        config, session = item.config, item.config.stash[KEY]
        known = {environment.key: environment for environment in finished.environments}
        sentences = []
        beside = (finished.nodeid, finished.began_s) in self._beside
        for measured in finished.results:
            result, environment = doubted(measured) if beside else measured, known[measured.environment]
            session.tell(item, result, environment)
            verdicts = config.hook.pytest_energy_verdict(
                config=config, item=item, result=result, environment=environment
            )
            sentences += [said for said in verdicts if said]
        reports = [
            config.hook.pytest_report_from_serializable(config=config, data=dict(data)) for data in finished.reports
        ]
        ours = {name for name, _ in item.user_properties}
        for report in reports:
            theirs = [tuple(one) for one in report.user_properties if one[0] not in ours]
            report.user_properties = [*theirs, *item.user_properties]
            if report.when == "call" and report.passed and sentences:
                report.outcome, report.longrepr = "failed", "\n".join(sentences)
        return reports


def _made_up(item: pytest.Item, outcome: Literal["skipped", "failed"], why: str) -> list[pytest.TestReport]:
    """Reports of a case that ran nowhere."""
    path, line, _ = item.location
    skipped = outcome == "skipped"
    whens: tuple[Literal["setup", "call", "teardown"], ...]
    whens, told = (("setup", "teardown"), "setup") if skipped else (("setup", "call", "teardown"), "call")
    return [
        pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords=dict.fromkeys(item.keywords, 1),
            outcome=outcome if when == told else "passed",
            longrepr=None if when != told else (str(path), line or 0, why) if skipped else why,
            when=when,
        )
        for when in whens
    ]


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """After the measuring half has read its options."""
    replay = Replay(State(Path(os.environ[FOLDER])))
    session = config.stash[KEY]
    session.elsewhere = True
    boards = {tuple(sorted(map(str, one.items()))): one for known in replay.environments for one in known.boards}
    session.boards = tuple(boards.values())
    config.pluginmanager.register(replay, "joules-sweep-replay")

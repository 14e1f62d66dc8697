"""pytest plugin of `joules sweep` on a node: runs the cases of one order, and writes each down as soon as it is finished.

The command line is the user's own, so that options mean here what they mean on one machine. Only what concerns the whole
(saving, comparing, pages) is left to the session that makes the report, `replay`.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.records import Environment, Result
from energy_fixtures.session import KEY
from reports.sweep.journal import Begin, End, Finished, Line, Writer
from reports.sweep.order import FILE, Order

OF_THE_WHOLE = (
    *("energy_save", "energy_compare", "energy_compare_fail", "energy_baseline_policy", "energy_markdown"),
    *("energy_html", "energy_json", "energy_storage", "xmlpath"),
    *("benchmark_save", "benchmark_autosave", "benchmark_json", "benchmark_compare", "benchmark_compare_fail"),
    "benchmark_histogram",
)
"""Options, as pytest keeps them, that concern all results together."""


class OnNode:
    """One order's run.

    Args:
        order: What to run.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._journal = Writer(order.journal)
        self._given: set[str] = set()
        self._waiting: list[str] = []
        self._began_s = 0.0
        self._reports: list[pytest.TestReport] = []
        self._results: list[tuple[Result, Environment]] = []
        self._missing: tuple[str, ...] = ()
        begin = Begin(
            sweep=order.sweep,
            group=order.group,
            node=order.node,
            clock=order.clock,
            boards=order.boards,
            devices=order.devices,
            began_s=time.monotonic(),
        )
        self._journal.write(Line(begin=begin))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Before others look at them: the order's cases alone, in its order."""
        place = {nodeid: index for index, nodeid in enumerate(self._order.nodeids)}
        items[:] = sorted((item for item in items if item.nodeid in place), key=lambda item: place[item.nodeid])
        found = {item.nodeid for item in items}
        self._missing = tuple(nodeid for nodeid in self._order.nodeids if nodeid not in found)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """What is going to run, in order, after everybody had a say."""
        self._waiting = [item.nodeid for item in session.items]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """A case that was given away is passed over; those are always the last ones, so no fixture waits for it."""
        self._look_for_gifts()
        if item.nodeid in self._given:
            return True
        self._waiting.remove(item.nodeid)
        self._reports, self._results = [], []
        self._began_s = time.monotonic()
        item.config.stash[KEY].engine_lost = None
        self._journal.write(Line(started=item.nodeid))
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Of the running case."""
        self._reports.append(report)

    def pytest_energy_result(self, result: Result, environment: Environment) -> None:
        """Of the running case."""
        self._results.append((result, environment))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> Generator[None]:
        """The case is finished: it is on disk before the next one begins."""
        yield
        config = self._config
        reports = tuple(
            config.hook.pytest_report_to_serializable(config=config, report=report) for report in self._reports
        )
        environments = {environment.key: environment for _, environment in self._results}
        finished = Finished(
            nodeid=nodeid,
            reports=reports,
            results=tuple(result for result, _ in self._results),
            environments=tuple(environments.values()),
            began_s=self._began_s,
            ended_s=time.monotonic(),
            crashed=config.stash[KEY].engine_lost,
        )
        self._journal.write(Line(finished=finished))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """The last line, after the engine has ended."""
        why = None
        if self._missing:
            why = f"its code is another: {self._order.node} does not find {self._missing[0]}"
        elif self._order.nodeids and not self._reports and session.testsfailed:
            why = f"{self._order.node} cannot collect the cases"
        self._journal.write(Line(end=End(status=int(exitstatus), ended_s=time.monotonic(), why=why)))
        self._journal.close()

    def pytest_configure(self, config: pytest.Config) -> None:
        """For the hooks that are not told."""
        self._config = config

    def _look_for_gifts(self) -> None:
        """Leave the last cases to others as far as they were asked for and have not begun."""
        with contextlib.suppress(FileNotFoundError):
            asked = set(msgspec.json.decode(self._order.gifts.read_bytes(), type=tuple[str, ...]))
            self._order.gifts.unlink()
            leaving: list[str] = []
            while self._waiting and self._waiting[-1] in asked:
                leaving.append(self._waiting.pop())
            self._given.update(leaving)
            self._journal.write(Line(given=tuple(reversed(leaving))))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before any plugin reads its options."""
    order = msgspec.json.decode(Path(os.environ[FILE]).read_bytes(), type=Order)
    for name in OF_THE_WHOLE:
        if hasattr(config.option, name):
            setattr(config.option, name, None)
    config.option.energy_autosave = None
    explaining = config.pluginmanager.get_plugin("reports.plugin")
    if explaining is not None:  # its options were read; tables of one group are for nobody
        config.pluginmanager.unregister(explaining)
    files = dict.fromkeys(nodeid.partition("::")[0] for nodeid in order.nodeids)
    config.args = [str(config.rootpath / file) for file in files]
    config.pluginmanager.register(OnNode(order), "joules-sweep-on-node")

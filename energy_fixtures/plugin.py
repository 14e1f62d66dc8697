"""Wiring: options in, records out. No arithmetic here."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import msgspec
import pytest

from energy_fixtures import hookspecs, ordering
from energy_fixtures.environment import accelerator_present
from energy_fixtures.errors import ConfigurationError, JoulesError, MeterUnavailable
from energy_fixtures.fixture import EnergyFixture, budget_of
from energy_fixtures.models.catalogue import resolve
from energy_fixtures.options import add_options, read_options, refuse_missing_gpu, refuse_workers
from energy_fixtures.records import Scenario
from energy_fixtures.scenarios import NotPossible, Resolved, refuse_bad_workloads, resolve_scenario
from energy_fixtures.session import KEY, EnergySession

CASE = pytest.StashKey[Resolved]()
"""On an item: its Scenario, resolved."""


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "energy_budget(joules=..., joules_per_output_token=..., ...): fail the test above a limit"
    )
    config.addinivalue_line("markers", "gpu: needs a GPU; skipped with the reason where there is none")
    config.addinivalue_line(
        "markers", "slow: takes minutes without a GPU; left out there unless asked for with -m slow"
    )
    with _usage():
        refuse_workers(config)
        options = read_options(config)
        for name in (*options.models, *((options.draft_model,) if options.draft_model else ())):
            resolve(name)
    config.stash[KEY] = EnergySession(config, options)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Several models multiply the cases; a single one leaves the ids as the file wrote them."""
    models = metafunc.config.stash[KEY].options.models
    if len(models) > 1 and {"scenario", "energy_model"} <= set(metafunc.fixturenames):
        metafunc.parametrize("energy_model", models, ids=[name.replace("/", "-") for name in models])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Resolve every Scenario, skip what cannot run here, and put together what shares a load."""
    session = config.stash[KEY]
    with _usage():
        for item in items:
            _prepare(item, session)
    items[:] = ordering.grouped(items, lambda item: item.stash[CASE].load_key if CASE in item.stash else None)


def _prepare(item: pytest.Item, session: EnergySession) -> None:
    measures = "energy" in getattr(item, "fixturenames", ())
    if budget_of(item) and not measures:
        raise ConfigurationError(
            f"{item.nodeid}: energy_budget limits nothing; the test does not use the energy fixture"
        )
    if session.options.only and not measures:
        item.add_marker(pytest.mark.skip(reason="--energy-only: does not measure energy"))
    if not measures or session.elsewhere:
        return
    if session.options.skip:
        item.add_marker(pytest.mark.skip(reason="--energy-skip: measures energy"))
    if item.get_closest_marker("gpu") and not accelerator_present():
        item.add_marker(pytest.mark.skip(reason="needs a GPU, and this machine has none"))
    scenario = _scenario(item)
    if scenario is not None:
        model = item.callspec.params.get("energy_model", session.options.models[0])  # type: ignore[attr-defined]
        try:
            item.stash[CASE] = resolve_scenario(scenario, model, session.options)
        except NotPossible as reason:
            item.add_marker(pytest.mark.skip(reason=str(reason)))


def _scenario(item: pytest.Item) -> Scenario | None:
    """The Scenario among a test's parameters."""
    given = item.callspec.params.get("scenario") if hasattr(item, "callspec") else None
    return given if isinstance(given, Scenario) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """What is to be measured is known; a session that ends before all of it is done was cut off."""
    energy = session.config.stash[KEY]
    measuring = [item for item in session.items if "energy" in getattr(item, "fixturenames", ())]
    running = [item for item in measuring if not item.get_closest_marker("skip")]
    energy.resuming.expects({item: item.stash.get(CASE, None) for item in running})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that came to its end, whatever that is, need not be gone on with."""
    outcome = yield
    item.config.stash[KEY].resuming.pending.discard(item.nodeid)
    return outcome


@pytest.hookimpl(tryfirst=True)
def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """The header, once it is known that something will be measured; the last moment before engines load."""
    session = config.stash[KEY]
    measuring = [item for item in items if "energy" in getattr(item, "fixturenames", ())]
    if not measuring or config.option.collectonly or session.options.disabled or session.options.skip:
        return []
    if session.elsewhere:
        return []
    with _usage():
        refuse_missing_gpu(session.options)
    running = [item for item in measuring if not item.get_closest_marker("skip")]
    if not running:
        return []
    if all(_scenario(item) for item in items) and config.get_verbosity() <= 0:
        session.line_per_case = True
        terminal = config.pluginmanager.getplugin("terminalreporter")
        terminal.showfspath = terminal._show_progress_info = False  # no file names and percents between our lines
    cases = [item.stash[CASE] for item in running if CASE in item.stash]
    with _usage():
        refuse_bad_workloads(cases, session.options)
        try:
            return session.start(cases, len(running))
        except MeterUnavailable as reason:
            if session.options.meter != "auto":  # what was named is not replaced by silence
                raise pytest.UsageError(str(reason)) from reason
            return [f"meter: none; tests that measure energy are skipped: {reason}"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test came to is told at once."""
    report = yield
    session = item.config.stash[KEY]
    over = report.when == "call" or not report.passed
    if over and "energy" in getattr(item, "fixturenames", ()):
        session.say_outcome(item, report.outcome, report.longrepr)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """A case has said everything in its own line; a letter beside it would say less."""
    told = report.skipped or report.when == "call"
    return (report.outcome, "", report.outcome.upper()) if told and config.stash[KEY].line_per_case else None


@pytest.fixture
def energy_model(request: pytest.FixtureRequest) -> str:
    """The model under test; parametrized when `--energy-model` names several."""
    given: Any = getattr(request, "param", None)
    return given if isinstance(given, str) else request.config.stash[KEY].options.models[0]


@pytest.fixture
def energy(request: pytest.FixtureRequest, energy_model: str) -> EnergyFixture:
    """Measure the energy of a function, a block or a Scenario; see the README."""
    if hasattr(request.config, "workerinput") and not request.config.stash[KEY].options.disabled:
        pytest.fail(
            "energy cannot be told apart between xdist workers that share a board; run these tests with -n 0",
            pytrace=False,
        )
    return EnergyFixture(request.config.stash[KEY], request.node, energy_model)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge inside the call phase, so that a bad verdict is a failing test."""
    outcome = yield
    fixture = getattr(item, "funcargs", {}).get("energy")
    if isinstance(fixture, EnergyFixture):
        fixture.settle()
    return outcome


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """An engine stays loaded only while the next test may use it."""
    if nextitem is None or CASE in nextitem.stash or "energy" not in getattr(nextitem, "fixturenames", ()):
        item.config.stash[KEY].next_is(nextitem.stash.get(CASE, None) if nextitem is not None else None)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    energy = session.config.stash[KEY]
    energy.finish()
    if energy.recording.unsaved and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for path in config.stash[KEY].recording.saved:
        terminalreporter.write_line(f"energy results saved in {path}")
    for path in config.stash[KEY].recording.superseded:
        terminalreporter.write_line(f"energy results of {path}, which was cut off, are all in it; that run is removed")
    for doubt in config.stash[KEY].recording.doubts:
        terminalreporter.write_line(f"energy: {doubt}")
    for path, reason in config.stash[KEY].recording.unsaved.items():
        terminalreporter.write_line(f"energy results NOT saved in {path}: {reason}", red=True)


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """GPUs are part of the machine in pytest-benchmark's files too."""
    boards = config.stash[KEY].boards
    if boards:
        machine_info["gpus"] = [dict(board) for board in boards]


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(config: pytest.Config, benchmarks: object, output_json: dict[str, Any]) -> None:
    """Let pytest-benchmark's own files carry the energy block as well."""
    energy = config.stash[KEY]
    if energy.recording.results:
        run = energy.recording.run(energy.resuming.origin if energy.resuming.pending else None)
        output_json["energy"] = msgspec.to_builtins(run)


class _usage:
    """Turn our own errors into pytest's usage error, exit code 4."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, JoulesError) and not isinstance(error, MeterUnavailable):
            raise pytest.UsageError(str(error)) from error

"""pytest plugin of `joules sweep`: says what was collected, in a file, and runs nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from energy_fixtures import timing
from energy_fixtures.plugin import CASE
from energy_fixtures.store import publish
from reports.sweep.collect import ALONE
from reports.sweep.order import LISTING
from reports.sweep.plan import Case, Listing

REFUSED = {
    "numprocesses": "-n",
    "tx": "--tx",
    "collectonly": "--collect-only",
    "maxfail": "--maxfail",
    "stepwise": "--stepwise",
    "usepdb": "--pdb",
    "trace": "--trace",
    "setuponly": "--setup-only",
    "setupplan": "--setup-plan",
    "showfixtures": "--fixtures",
    "show_fixtures_per_test": "--fixtures-per-test",
    "cacheshow": "--cache-show",
    "energy_resume": "--energy-resume",
    "energy_server": "--energy-server",
    "energy_disable": "--energy-disable",
    "energy_skip": "--energy-skip",
    "benchmark_disable": "--benchmark-disable",
}
"""Options as pytest keeps them, with their flags: `-vx`, an ini file's addopts and PYTEST_ADDOPTS end here as well."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Refuse what does not go with a sweep, before any plugin acts on it; then nothing is run."""
    for name, flag in REFUSED.items():
        if getattr(config.option, name, None):
            raise pytest.UsageError(f"{flag} does not go with joules sweep: it {ALONE[flag]}; leave it out")
    if getattr(config.option, "dist", "no") != "no":
        raise pytest.UsageError(f"--dist does not go with joules sweep: it {ALONE['--dist']}; add -n 0")
    config.option.collectonly = True


def pytest_collection_finish(session: pytest.Session) -> None:
    """After every other plugin had its say: what is left runs or is skipped."""
    cases = tuple(map(_case, session.items))
    config = session.config
    root = os.path.relpath(config.rootpath, config.invocation_params.dir)
    listing = Listing(cases=cases, commit=timing.head(config).commit_info, root=root)
    publish(Path(os.environ[LISTING]), msgspec.json.encode(listing))


def _case(item: pytest.Item) -> Case:
    measures = "energy" in getattr(item, "fixturenames", ())
    resolved = item.stash.get(CASE, None)
    skip = _skipped(item)
    if resolved is None:
        return Case(nodeid=item.nodeid, skip=skip, measures=measures)
    spec = resolved.spec
    return Case(
        nodeid=item.nodeid,
        load_key=resolved.load_key,
        engine=spec.engine,
        model=spec.model.name,
        label=resolved.load_label,
        boards=spec.boards if spec.device == "cuda" else 0,
        skip=skip,
        measures=measures,
    )


def _skipped(item: pytest.Item) -> str | None:
    """The reason of an unconditional skip mark; a condition is looked at where the test runs."""
    marks: Sequence[pytest.Mark] = list(item.iter_markers("skip"))
    if not marks:
        return None
    reason = marks[0].kwargs.get("reason", marks[0].args[0] if marks[0].args else "unconditional skip")
    return " ".join(str(reason).split())[:2000]

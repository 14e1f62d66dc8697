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
from reports.sweep.order import LISTING
from reports.sweep.plan import Case, Listing


def pytest_configure(config: pytest.Config) -> None:
    """Workers that the project itself asks for are told of before anything is collected."""
    if getattr(config.option, "dist", "no") != "no":  # from the project's own addopts
        raise pytest.UsageError(
            "xdist workers are asked for, and a board's counter cannot tell workers apart; add -n 0"
        )


def pytest_collection_finish(session: pytest.Session) -> None:
    """After every other plugin had its say: what is left runs or is skipped."""
    cases = tuple(map(_case, session.items))
    listing = Listing(cases=cases, commit=timing.head(session.config).commit_info)
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

"""Runs in a shared store that is a folder, quick to write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from energy_fixtures.records import Environment, Result
from energy_fixtures.storage.location import Location, location_of
from energy_fixtures.storage.outgoing import OutgoingRun
from energy_fixtures.store import Head


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Location:
    """The store; this test's own cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return location_of(f"file://{tmp_path}/shared")


@pytest.fixture
def save(
    where: Location, result: Callable[..., Result], environment: Callable[..., Environment]
) -> Callable[[str, float], OutgoingRun]:
    """One whole run of a branch whose cases all take about these joules."""

    def saved(branch: str, joules: float) -> OutgoingRun:
        info = {"id": "3f2a9c1d0b7e", "branch": branch}
        run = OutgoingRun(where, "m", Head(machine_info={}, commit_info=info, datetime="2026", version="5.2.0"))
        run.keep(result(joules=(joules, joules * 1.01, joules * 0.99)), environment(), None)
        run.close()
        return run

    return saved

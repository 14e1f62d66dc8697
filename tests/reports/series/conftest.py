"""Rows of the index as `storage.index.open_index` gives them, and stores that the product's own writer wrote."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from energy_fixtures.records import Environment
from energy_fixtures.store import Head, Store
from reports.series.answer import Answer, history, notes
from reports.series.examine import Examined, examined
from reports.series.gather import gathered

START = datetime.datetime(2026, 9, 1, tzinfo=datetime.UTC)
METRIC = "joules_per_output_token"


@pytest.fixture
def rows(environment: Callable[..., Environment]) -> Callable[..., pl.DataFrame]:
    """Rows of one case: a run a day, each with a commit of its own; lists give a column its values run by run."""

    def make(values: Sequence[float], case: str = "b8", **columns: Any) -> pl.DataFrame:
        count = len(values)
        told: dict[str, Any] = {
            "run": [f"box/{number:04d}_x" for number in range(1, count + 1)],
            "machine": "box",
            "board": "NVIDIA H200",
            "commit": [f"{number:08x}{'0' * 32}" for number in range(1, count + 1)],
            "branch": "main",
            "dirty": False,
            "started_at": [START + datetime.timedelta(days=number) for number in range(count)],
            "environment": environment().key,
            "method": "counter",
            "question": "frameworks",
            "case": case,
            "fullname": f"benchmarks/test_frameworks.py::test_frameworks[{case}]",
            "metric": METRIC,
            "mean": list(map(float, values)),
            "sd": [0.005 * abs(value) for value in values],
            "rounds": 5,
            **columns,
        }
        each = {name: value if isinstance(value, list) else [value] * count for name, value in told.items()}
        return pl.DataFrame(each, schema_overrides={"board": pl.String, "commit": pl.String, "sd": pl.Float64})

    return make


@pytest.fixture
def answered(environment: Callable[..., Environment]) -> Callable[..., tuple[Answer, list[Examined]]]:
    """What is said of rows, without a store."""
    from energy_fixtures.metrics import METRICS

    def make(frame: pl.DataFrame, *environments: Environment) -> tuple[Answer, list[Examined]]:
        known = {one.key: one for one in (environment(), *environments)}
        found = examined(gathered(frame, known), 0.99)
        metric = METRICS[frame["metric"][0]]
        said = Answer(
            metric=metric.name,
            unit=metric.unit,
            direction=metric.direction,
            what=metric.what,
            storage=".benchmarks",
            confidence=0.99,
            level=0.95,
            histories=tuple(history(one, metric, 0.95, len(found)) for one in found),
            notes=tuple(notes(found)),
        )
        return said, found

    return make


@pytest.fixture
def stepped() -> list[float]:
    """Thirty runs in J/token with 1 % noise; from the sixteenth on 5 % more."""
    random = np.random.default_rng(7)
    levels = np.r_[np.full(15, 0.040), np.full(15, 0.042)]
    return [float(value) for value in levels * np.exp(random.normal(0, 0.01, 30))]


@pytest.fixture
def store(
    tmp_path: Path, case: Callable[..., Any], environment: Callable[..., Environment], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Writes sessions through `Store`: one per level, with the Environment that is given for it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def write(levels: Sequence[float], places: Sequence[Environment] = (), method: str = "counter") -> Path:
        import msgspec

        kept = Store(tmp_path / "runs", "box")
        for number, level in enumerate(levels):
            when = (START + datetime.timedelta(days=number)).isoformat()
            commit = {"id": f"{number + 1:08x}{'0' * 32}", "branch": "main", "dirty": False}
            writer = kept.begin(
                f"{number + 1}_x", Head(machine_info={}, commit_info=commit, datetime=when, version="5.2.0")
            )
            place = places[number] if places else environment()
            for name, factor in (("b1", 5.0), ("b8", 1.0)):
                values = [factor * level * share for share in (0.995, 1.0, 1.005)]
                made = msgspec.structs.replace(
                    case(name, values, method=method), environment=place.key, started_at=when
                )
                writer.append(made, place, None)
            writer.close()
        return tmp_path / "runs"

    return write

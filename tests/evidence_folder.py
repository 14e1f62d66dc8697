"""Evidence folders made from records, for tests of the tools that read them."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from energy_fixtures.records import SCHEMA_VERSION, Environment, Result, Run
from tests.conftest import make_environment, make_result, make_scenario, make_trial

HERE = make_environment(packages={"torch": "2.11.0"})
SIMULATED = make_environment(boards=({"name": "Simulated Board", "driver": "570.00.simulated"},))


def result(
    case: str,
    joules_per_request: float,
    *,
    question: str = "frameworks",
    environment: Environment = HERE,
    **scenario: object,
) -> Result:
    """Three windows of one batch of two requests, 1 % apart."""
    joules = [2 * joules_per_request * share for share in (0.99, 1.0, 1.01)]
    trials = tuple(make_trial(value, index=index) for index, value in enumerate(joules))
    return make_result(
        f"test_{question}[{case}]",
        question=question,
        trials=trials,
        scenario=make_scenario(**{"batch_size": 2, **scenario}),
        environment=environment.key,
        fullname=f"benchmarks/test_{question}.py::test_{question}[{case}]",
    )


def written(
    place: Path,
    runs: Mapping[str, Sequence[Result]],
    environment: Environment = HERE,
    head: str = "# 2026-11-21 abc all",
) -> Path:
    """A folder as run_board.sh leaves it: these runs, and commands.txt."""
    for name, results in runs.items():
        run = Run(schema_version=SCHEMA_VERSION, environments={environment.key: environment}, results=tuple(results))
        path = place / f"{name}.json.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(msgspec.json.encode({"energy": run})))
    place.mkdir(exist_ok=True)
    (place / "commands.txt").write_text(f"{head}\njoules doctor --json\n    exit 0\n")
    return place

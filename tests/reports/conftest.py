"""Builders of cases as the suite makes them, with energy given per token."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from energy_fixtures.readings import Reading
from energy_fixtures.records import Environment, Generation, Request, Result, Run, Scenario, Trial


@pytest.fixture
def case(environment: Callable[..., Environment]) -> Callable[..., Result]:
    """A Result of one Scenario: one trial per given J/token."""

    def make(
        name: str,
        joules_per_token: Sequence[float],
        *,
        question: str = "frameworks",
        accepted: float | None = None,
        method: str = "counter",
        doubts: tuple[str, ...] = (),
        invalid: Sequence[tuple[str, ...]] = (),
        scope: tuple[str, ...] = ("gpu:0",),
        **fields: object,
    ) -> Result:
        chosen = {"engine": "vllm", "model": "tiny", "batch_size": 1, "input_tokens": 8, "output_tokens": 10, **fields}
        scenario = Scenario(**chosen)  # type: ignore[arg-type]
        request = Request(
            input_tokens=scenario.input_tokens,
            output_tokens=scenario.output_tokens,
            finish_reason="length",
            ttft_s=0.05,
            e2e_s=0.5,
        )
        drafted = None if accepted is None else 100
        generation = Generation(
            requests=(request,) * scenario.batch_size,
            drafted_tokens=drafted,
            accepted_tokens=None if accepted is None else round(100 * accepted),
        )
        tokens = scenario.batch_size * scenario.output_tokens
        trials = tuple(
            Trial(
                index=index,
                iterations=1,
                reading=Reading(energy_j={"gpu:0": value * tokens}, duration_s=1.0, method=method),  # type: ignore[arg-type]
                generation=generation,
                doubts=doubts,
                invalid_reasons=invalid[index] if invalid else (),
            )
            for index, value in enumerate(joules_per_token)
        )
        return Result(
            fullname=f"benchmarks/test_{question}.py::test_{question}[{name}]",
            question=question,
            case=name,
            scenario=scenario,
            environment=environment().key,
            scope=scope,
            trials=trials,
            started_at="2026-01-01T00:00:00+00:00",
        )

    return make


@pytest.fixture
def run_of(environment: Callable[..., Environment]) -> Callable[..., Run]:
    """A Run of these Results, all in the same Environment."""

    def make(*results: Result, where: Environment | None = None) -> Run:
        known = where or environment()
        environments = {result.environment: known for result in results}
        return Run(schema_version=1, environments=environments, results=results)

    return make

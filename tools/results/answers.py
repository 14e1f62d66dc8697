"""The three sentences that a reader remembers, and whether the gate tells the truth: computed, with their intervals."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reports.break_even import Point, crossing, sentence, series_of
from reports.gate import Verdict
from reports.ideal.table4 import table4
from reports.papers import rows_of
from reports.published import WORKLOADS
from reports.render.serving import beside_offline, cheapest_rates
from reports.render.speculation import labels_of
from reports.render.text import plain
from reports.workload_totals import Saving, StackTotal, over_ideal, savings_of, totals_of
from tools.results.evidence import Evidence
from tools.results.questions import LEVEL
from tools.results.writing import UNKNOWN, Page, factor, interval, percent

PAPERS_STACK = ("vllm", "cuda_graphs")
_LAYERS = re.compile(r"synthetic:l(\d+)-")


def headline(page: Page, evidence: Evidence, boards: Path | None) -> list[str]:
    """Binned workloads beside Table 4 of the paper; what is to be remembered of them."""
    page.heading("The headline beside Table 4")
    results, environments = evidence.of("headline-")
    totals = totals_of(results, LEVEL)
    if not totals:
        page.text("Not measured: run the stage headline.")
        return []
    paper = {row.workload: row for row in table4()}
    savings = {(one.stack.workload, one.stack.engine, one.stack.execution): one for one in savings_of(totals, LEVEL)}

    def row(one: StackTotal) -> tuple[str, ...]:
        saving = savings.get((one.workload, one.engine, one.execution))
        published = paper.get(WORKLOADS.get(one.workload, ""))
        excess, saved = UNKNOWN, UNKNOWN
        if published is not None and one.engine == "transformers":
            excess = percent(published.pytorch_excess, 2)
        if published is not None and (one.engine, one.execution) == PAPERS_STACK:
            excess, saved = percent(published.vllm_excess, 2), percent(-published.published_saving, 2)
        above = over_ideal(one, environments, "sparse", boards)
        return (
            f"{one.workload}{' (synthetic)' if one.synthetic else ''}",
            f"{one.engine} {one.execution.replace('_', ' ')}",
            f"{len(one.cells)}, {100 * one.covered:.1f} %",
            f"unknown: {above}" if isinstance(above, str) else percent(above - 1, 2),
            excess,
            _saved(saving),
            saved,
        )

    heads = (
        "workload",
        "stack",
        "cells, of the requests",
        "over the ideal",
        "Table 4",
        "against Transformers",
        "Table 4",
    )
    page.table(
        "Energy at the largest batch that fits; Table 4 is of one RTX A6000, Llama-3.1-8B", heads, map(row, totals)
    )
    return [
        f"{one.stack.workload}: {one.stack.engine} {one.stack.execution.replace('_', ' ')} changes energy by {_saved(one)}"
        f" against eager Transformers (cells measured on both: {one.cells})"
        for one in savings.values()
    ]


def _saved(one: Saving | None) -> str:
    if one is None:
        return UNKNOWN
    ends = "" if one.low is None or one.high is None else f" ({percent(one.low - 1)} to {percent(one.high - 1)})"
    return percent(one.ratio - 1, 2) + ends


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """The batch at which guessing ahead stops (or starts) to pay, in words, by the mean and by both ends of its interval."""

    surely: str
    likely: str
    at_most: str


def break_even(points: Sequence[Point]) -> BreakEven:
    """Where savings cross zero: of the worst, the middle and the best saving that the intervals allow."""
    known = [(point.batch_size, point.against) for point in points if point.against is not None]
    worst, best = (
        [(batch, 1 - end) for batch, against in known if (end := getattr(against, side)) is not None]
        for side in ("high", "low")
    )
    middle = [(batch, 1 - against.value) for batch, against in known if against.value is not None]
    return BreakEven(surely=_until(worst), likely=_until(middle), at_most=_at_most(best))


def _until(savings: Sequence[tuple[int, float]]) -> str:
    """Up to where it pays from the smallest batch on."""
    if not savings:
        return UNKNOWN
    if savings[0][1] <= 0:
        return f"below {savings[0][0]}"
    return next(_crossings(savings), f"above {savings[-1][0]}")


def _at_most(savings: Sequence[tuple[int, float]]) -> str:
    """From where on it pays no more."""
    if not savings:
        return UNKNOWN
    if savings[-1][1] > 0:
        return f"above {savings[-1][0]}"
    return next(reversed(list(_crossings(savings))), f"below {savings[0][0]}")


def _crossings(savings: Sequence[tuple[int, float]]) -> Iterator[str]:
    for before, after in itertools.pairwise(savings):
        if before[1] > 0 >= after[1]:
            yield f"{crossing(before, after):.3g}"


def speculative(page: Page, evidence: Evidence) -> list[str]:
    """Break-even batch of each way of guessing ahead."""
    page.heading("Break-even batch of guessing ahead")
    results, _ = evidence.of("speculative")
    series = [one for one in series_of(results, LEVEL) if any(point.saving is not None for point in one.points)]
    if not series:
        page.text("Not measured: run the stage speculative.")
        return []
    labels = labels_of(series)
    found = [break_even(one.points) for one in series]
    page.table(
        f"Batch up to which it pays, and where the ends of the {100 * LEVEL:g} % intervals of the savings cross zero",
        ("guessing ahead", "surely up to", "by the means", "at most up to", "in words"),
        [
            (label, one.surely, one.likely, one.at_most, sentence(way.points))
            for label, one, way in zip(labels, found, series, strict=True)
        ],
    )
    return [f"{label}: {sentence(way.points)}" for label, way in zip(labels, series, strict=True)]


def moe(page: Page, evidence: Evidence) -> list[str]:
    """A mixture of experts against a dense model with as many active parameters."""
    page.heading("What experts cost")
    results, _ = evidence.of("moe-")
    rows = rows_of("moe", results, LEVEL)
    if not rows:
        page.text("Not measured: run the stage moe.")
        return []
    page.table(
        "Joules per output token, mixture of experts over dense",
        ("pair", "batch", "here", "interval", "published"),
        [
            (
                row.what,
                str(row.batch_size),
                factor(row.change.value),
                interval(row.change.low, row.change.high),
                UNKNOWN if row.published is None else row.published.sentence,
            )
            for row in rows
        ],
    )
    worst = max(rows, key=lambda row: row.change.value or 0.0)
    return [f"{worst.what}, batch {worst.batch_size}: {factor(worst.change.value)} (the largest of {len(rows)})"]


def serving(page: Page, evidence: Evidence) -> list[str]:
    """What arrivals cost beside one batch, and the cheapest rate that keeps the level."""
    page.heading("Joules per token at a service level")
    results, _ = evidence.of("serving")
    if not results:
        page.text("Not measured: run the stage serving.")
        return []
    best = cheapest_rates(results)
    page.items([*beside_offline(results, LEVEL), *best])
    if not best:
        page.text("No two rates of one case were measured, so that none can be called the cheapest.")
    return best


def truth(page: Page, evidence: Evidence) -> list[str]:
    """The same work twice, and a change of known size."""
    page.heading("Does the gate tell the truth?")
    said = [*_same(page, evidence), *_layer(page, evidence)]
    if not said:
        page.text("Not measured: run the stage truth.")
    return said


def _same(page: Page, evidence: Evidence) -> Iterator[str]:
    if evidence.same is None:
        return
    rows = evidence.same.rows
    alarms = sum(row.verdict in (Verdict.REGRESSED.value, Verdict.IMPROVED.value) for row in rows)
    page.table(
        f"Two sessions of the same work (A/A), limit {', '.join(evidence.same.limits)}",
        ("case", "second / first", "interval", "verdict"),
        [
            (
                row.case,
                *(
                    (UNKNOWN, UNKNOWN)
                    if row.change is None
                    else (factor(row.change.ratio), interval(row.change.low, row.change.high))
                ),
                row.verdict or row.state,
            )
            for row in rows
        ],
    )
    yield f"the same work twice: false alarms {alarms}, cases {len(rows)}"


def _layer(page: Page, evidence: Evidence) -> Iterator[str]:
    if evidence.layer is None:
        return
    found = evidence.layer
    layers = [int(one[1]) for text in (found.a, found.b) if (one := _LAYERS.search(text))]
    most = layers[1] / layers[0] if len(layers) == 2 and layers[0] else None
    rows = []
    for case in found.cases:
        found_in = interval(case.low, case.high)
        rows.append(
            (case.case, factor(case.ratio), found_in, case.verdict or case.state, _size(case.low, case.high, most))
        )
    expected = "unknown" if most is None else f"between 1 and {most:.4g} (layers alone; embedding and head stay)"
    page.table(
        f"A against B in turn: {plain(found.a)} against {plain(found.b)}; expected {expected}",
        ("case", "B / A", "interval", "verdict", "size"),
        rows,
    )
    shown = sum(case.low is not None and case.low > 1 for case in found.cases)
    yield f"one change of known size: cases {len(found.cases)}, shown in {shown}"


def _size(low: float | None, high: float | None, most: float | None) -> str:
    """Whether a change between none and `most` was found with the right size; an interval that holds both shows nothing."""
    if low is None or high is None or most is None:
        return UNKNOWN
    if high < 1 or low > most:
        return "WRONG"
    return "right" if low > 1 else "not shown"

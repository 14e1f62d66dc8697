"""Each question's tables as the product prints them, the gap to the ideal, prefill and decode, and the published shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import RenderableType

from energy_fixtures.phases import split
from energy_fixtures.readings import COVERAGE
from energy_fixtures.records import Environment, Result
from energy_fixtures.units import quantity
from reports.ideal.gap import DECODE_GAP, GAP, PREFILL_GAP
from reports.metrics import named
from reports.render.tables import View, question_table
from reports.render.terminal import report
from tools.results.checks import NEAR, Check, checks_of
from tools.results.evidence import Evidence
from tools.results.writing import UNKNOWN, Page, factor, interval

LEVEL = 0.95
APART = ("window-", "truth-")
"""Runs whose cases are repeats, not answers."""

STAGES = {
    "Transformers": ("transformers-",),
    "vLLM": ("vllm-",),
    "The headline's cells": ("headline-",),
    "Guessing ahead": ("speculative",),
    "Mixture of experts against dense": ("moe-",),
    "Serving": ("serving",),
}
GAPS = (GAP, PREFILL_GAP, DECODE_GAP)


def tables(page: Page, evidence: Evidence, boards: Path | None) -> None:
    """Every question as `pytest` reports it, with the papers' comparison below, stage by stage."""
    for title, prefixes in STAGES.items():
        page.heading(title)
        results, environments = evidence.of(*prefixes)
        if not results:
            page.text(f"Not measured: run the stage {prefixes[0].rstrip('-')}.")
            continue
        page.listing(report(results, environments, View(level=LEVEL, boards=boards)))
        page.listing(_gaps(title, results, environments, boards))


def _gaps(
    title: str, results: Sequence[Result], environments: Mapping[str, Environment], boards: Path | None
) -> Iterator[RenderableType]:
    """Joules over the floor of the board, where it is known; of one method at a time."""
    for method in dict.fromkeys(result.method for result in results):
        alike = [result for result in results if result.method == method]
        known = [name for name in GAPS if any(named(name, environments, boards).values(result) for result in alike)]
        if known:
            view = View(level=LEVEL, metrics=tuple(known), boards=boards)
            yield from question_table(f"{title}: gap to the ideal", alike, environments, view)


def phases(page: Page, evidence: Evidence) -> None:
    """Whether prefill and decode add up to the whole, case by case."""
    page.heading("Prefill and decode")
    results, _ = _answers(evidence)
    found = [(result, parts) for result in results if result.prefill_trials and (parts := split(result)) is not None]
    if not found:
        page.text("No case has windows that end at the first token: run the stages transformers or vllm.")
        return
    checked = [parts.adds_up for _, parts in found if parts.adds_up is not None]
    page.text(
        f"Of {len(found)} cases, {len(checked)} can be checked, and in {sum(checked)} of them prefill and decode add up to"
        " the whole within their errors (95 %)."
    )
    page.table(
        "Joules of one iteration by phase, and what the check leaves over",
        ("case", "prefill", "decode", "whole", "left over", "adds up"),
        [
            (
                f"{result.question} {result.case}",
                quantity(parts.prefill_j, "J"),
                quantity(parts.decode_j, "J"),
                quantity(parts.whole_j, "J"),
                _left_over(parts.residual_j, parts.residual_u_j),
                {True: "yes", False: "NO", None: f"not checked: {parts.unchecked}"}[parts.adds_up],
            )
            for result, parts in found
        ],
    )


def _left_over(left_j: float | None, u_j: float | None) -> str:
    if left_j is None:
        return UNKNOWN
    return quantity(left_j, "J") + ("" if u_j is None else f" ± {quantity(COVERAGE * u_j, 'J', 2)}")


def shapes(page: Page, evidence: Evidence) -> tuple[Check, ...]:
    """The published shapes, each with pass or fail; the checks themselves."""
    page.heading("Published shapes")
    found = checks_of(_answers(evidence)[0], LEVEL)
    if not found:
        page.text("No pair of cases allows a check: run the stages transformers or vllm.")
        return found
    page.text(
        f"pass: the whole {100 * LEVEL:g} % interval lies in the range in which the finding counts as found here, which is a"
        f" factor of {NEAR:g} around a published figure, or the limit of the sentence; fail: outside; open: neither is shown."
        " Boards and models are not the papers'."
    )
    page.table(
        "Ratios of joules per request",
        ("shape", "batch", "here", "interval", "range", "verdict", "published"),
        [
            (
                one.what,
                str(one.batch_size),
                factor(one.change.value),
                interval(one.change.low, one.change.high),
                interval(one.low, one.high),
                one.verdict,
                one.published,
            )
            for one in found
        ],
    )
    return found


def _answers(evidence: Evidence) -> tuple[list[Result], dict[str, Environment]]:
    runs = {name: run for name, run in evidence.runs.items() if not name.startswith(APART)}
    environments = {key: one for run in runs.values() for key, one in run.environments.items()}
    return [one for run in runs.values() for one in run.results], environments

"""The table of question `serving`: arrivals beside one batch, joules of the whole run and of its steady state, latencies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from energy_fixtures.metrics import METRICS
from energy_fixtures.records import PARALLEL, Environment, Result, Scenario
from energy_fixtures.serving.records import Arrivals
from energy_fixtures.serving.search import Tried, at_rate, cheapest
from energy_fixtures.serving.slo import worded
from energy_fixtures.units import quantity, significant
from reports.render.captions import caption
from reports.render.columns import UNKNOWN, Column
from reports.render.tables import WIDEST_NAME, View, new_table, note_lines, shared, trials
from reports.render.text import Footnotes, doubts_of, honest, plain
from reports.statistics import ratio

WIDEST_ARRIVALS = 25  # of their words before they are folded; leaves room for the figures in 100 columns
STEADY = "steady state: from the moment when B requests have a token until N - B - 1 answers are whole (N sent, B served at once)"
SAME_LENGTHS = "beside offline: the same lengths, as many at once; other prompts"

WHOLE = METRICS["joules_per_output_token"]
FIGURES = (
    ("steady_joules_per_output_token", "steady\nstate"),
    ("ttft_p99", "TTFT\np99"),
    ("tpot_p99", "TPOT\np99"),
    ("request_throughput", "answers"),
    ("goodput", "good\nanswers"),
)
"""Metrics beside the headline, with what stands above them; those without a value are left out."""


def serving_table(
    title: str, results: Sequence[Result], environments: Mapping[str, Environment], view: View
) -> list[RenderableType]:
    """Table, what online costs beside offline, the cheapest rate that meets the level; empty without an arrival run.

    Args:
        title: What is asked.
        results: All obtained by one method.
        environments: By key, for the caption.
        view: Level of every interval; its columns and order do not apply here.
    """
    if not any(_arrivals(result) for result in results):
        return []
    whole = Column.of(WHOLE, results, view.level)
    columns = [(Column.of(METRICS[name], results, view.level), heading) for name, heading in FIGURES]
    columns = [(column, heading) for column, heading in columns if not column.empty]
    if columns and columns[-1][0].metric.name == "goodput":  # then all answers are told by `joules serving`
        columns = [pair for pair in columns if pair[0].metric.name != "request_throughput"]
    shown = (*shared([doubts_of(result) for result in results]), *view.everywhere)
    notes = Footnotes()
    marks = [notes.mark(_said(result, shown)) for result in results]
    table = new_table(honest(title, results[0].method))
    table.add_column("case", overflow="fold", max_width=WIDEST_NAME)
    table.add_column("arrivals", overflow="fold", max_width=WIDEST_ARRIVALS)
    table.add_column(Text(f"whole run\n{whole.unit} ±"), justify="right", no_wrap=True)
    for column, heading in columns:
        table.add_column(Text(f"{heading}\n{column.unit}"), justify="right", no_wrap=True)
    level = any(level_met(result) is not None for result in results)
    if level:
        table.add_column("level", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    if any(marks):
        table.add_column("notes", no_wrap=True)
    for row, result in enumerate(results):
        table.add_row(
            Text(plain(result.case)),
            Text(arrivals_said(result.scenario)),
            Text(whole.spread(row)),
            *(Text(column.value(row)) for column, _ in columns),
            *([LEVELS[level_met(result)]] if level else []),
            Text(trials(result)),
            *([Text(marks[row])] if any(marks) else []),
        )
    beside = beside_offline(results, view.level)
    closing = [*beside, *cheapest_rates(results)]
    below = [caption(results, environments, view.level), STEADY, *([SAME_LENGTHS] if beside else [])]
    return [
        table,
        *(Text(line, style="bold") for line in closing),
        *(Text(line) for line in below),
        *note_lines(shown, notes, view),
    ]


LEVELS = {True: "met", False: "not met", None: UNKNOWN}


def _arrivals(result: Result) -> Arrivals | None:
    return None if result.scenario is None else result.scenario.arrivals


def arrivals_said(scenario: Scenario | None, *, rate: bool = True) -> str:
    """How requests come, in a few words: `poisson 8/s, 64 requests`; without its rate `poisson, 64 requests`."""
    if scenario is None:
        return ""
    arrivals, mix = scenario.arrivals, scenario.mix
    if arrivals is None and mix is not None:
        named = [] if mix.workload is None else [plain(mix.workload.rsplit("/", 1)[-1])]
        return ", ".join([f"batches of {scenario.batch_size}", f"{mix.requests} requests", *named])
    if arrivals is None:
        return f"one batch of {scenario.batch_size}"
    words = [arrivals.process.replace("_", " ")]
    if arrivals.request_rate is not None and rate:
        words.append(f"{arrivals.request_rate:g}/s")
    if arrivals.burstiness is not None:
        words.append(f"burstiness {arrivals.burstiness:g}")
    parts = [" ".join(words), f"{arrivals.requests} requests"]
    if arrivals.time_scale is not None and arrivals.time_scale != 1:
        parts.append(f"time × {arrivals.time_scale:g}")
    if arrivals.max_concurrency is not None:
        parts.append(f"{arrivals.max_concurrency} at once")
    if arrivals.workload is not None:
        parts.append(plain(arrivals.workload.rsplit("/", 1)[-1]))
    if arrivals.turns > 1:
        parts.append(f"{arrivals.turns} turns")
    if arrivals.shared_prefix_tokens:
        parts.append(f"{arrivals.shared_prefix_tokens} tokens shared")
    return ", ".join([*parts, *(["prefix cache"] if scenario.prefix_caching else [])])


def level_met(result: Result) -> bool | None:
    """Whether every trial met the service level; None where there was none, or no trial that can tell."""
    values = METRICS["slo_met"].values(result)
    return min(values) > 0 if values else None


def _said(result: Result, shown: Sequence[str]) -> list[str]:
    """Doubts of this case alone, then how many requests failed and how."""
    sentences = [sentence for sentence in doubts_of(result) if sentence not in shown]
    runs = [run for trial in result.trials if trial.generation is not None for run in trial.generation.serving]
    failed = Counter(served.failure for run in runs for served in run.requests if served.failure is not None)
    if failed:
        sent = sum(len(run.requests) for run in runs)
        kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in failed.items())
        sentences.append(f"{failed.total()} of {sent} requests in all windows failed: {kinds}")
        words = {kind: said for run in reversed(runs) for kind, said in run.said.items()}
        sentences += [f"the first {kind.replace('_', ' ')}: {plain(said)}" for kind, said in words.items()]
    foreign = sum(run.foreign_requests or 0 for run in runs)
    if foreign:
        sentences.append(f"{foreign} requests of others were answered meanwhile")
    if len(result.valid_trials) == 1:
        sentences.append("one valid trial has no spread; raise --energy-min-rounds")
    return sentences


def beside_offline(results: Sequence[Result], level: float) -> list[str]:
    """What each arrival process costs beside the same lengths offline, as many at once as the server had.

    With lengths of a workload those are the same requests in order of arrival, a batch at a time. Conversations have no
    offline side: a later turn waits for the answer before it. Nor have requests that were cut, which offline leaves out.
    """
    lines = []
    offline = {_work(result.scenario): result for result in results if _arrivals(result) is None and result.scenario}
    for result in results:
        arrivals, scenario = _arrivals(result), result.scenario
        base = offline.get(_work(scenario)) if arrivals is not None and scenario is not None else None
        if base is None or arrivals is None or arrivals.turns > 1 or base.scope != result.scope or _cut(result):
            continue
        mine, theirs = WHOLE.values(result), WHOLE.values(base)
        against = ratio(theirs, mine, level) if mine and theirs else None
        if against is None or against.value is None:
            continue
        lines.append(
            f"{plain(result.case)}: {100 * (against.value - 1):+.1f} % joules per token beside {plain(base.case)}"
            + ("" if against.low is None or against.high is None else _interval(against.low, against.high))
        )
    return lines


def _cut(result: Result) -> bool:
    """Whether requests of the workload were longer than the case allows."""
    runs = (run for trial in result.trials if trial.generation is not None for run in trial.generation.serving)
    return any(run.cut for run in runs)


def _interval(low: float, high: float) -> str:
    return f" ({100 * (low - 1):+.1f} to {100 * (high - 1):+.1f})"


def _work(scenario: Scenario | None) -> tuple[object, ...]:
    if scenario is None:
        return ()
    source = scenario.arrivals or scenario.mix
    return (
        None if source is None or source.workload is None else (source.workload, source.requests, scenario.seed),
        scenario.model,
        scenario.dtype,
        scenario.served_at_once,
        scenario.input_tokens,
        scenario.output_tokens,
        scenario.decoding,
        scenario.execution,
        scenario.quantization,
        scenario.kv_cache_dtype,
        scenario.speculation,
        scenario.prefix_caching,
        *(getattr(scenario, name) for name in PARALLEL),
    )


def cheapest_rates(results: Sequence[Result]) -> list[str]:
    """Of cases that differ in nothing but their rate: the cheapest one that meets the service level."""
    groups: dict[tuple[object, ...], list[Result]] = {}
    for result in results:
        arrivals = _arrivals(result)
        if arrivals is not None and arrivals.request_rate is not None and result.service_level is not None:
            assert result.scenario is not None  # it has arrivals
            key = (at_rate(result.scenario, 1.0).key, result.scope)
            groups.setdefault(key, []).append(result)
    return [_sentence(rivals) for rivals in groups.values() if len({_rate(result) for result in rivals}) > 1]


def _sentence(rivals: Sequence[Result]) -> str:
    assert rivals[0].service_level is not None  # cheapest_rates has looked
    asked = worded(rivals[0].service_level)
    tried = [
        Tried(rate=_rate(result), met=bool(level_met(result)), joules_per_token=_mean(result))
        for result in rivals
        if level_met(result) is not None
    ]
    met = {one.rate for one in tried if one.met}
    missed = sorted({one.rate for one in tried} - met)
    known = {one.rate for one in tried if one.met and one.joules_per_token is not None}
    unknown = {_rate(result) for result in rivals} - known - set(missed)
    unsaid = f"; {len(unknown)} more without a valid trial" if unknown else ""
    best = cheapest(tried)
    if best is None or best.joules_per_token is None:
        if not missed:
            return f"{asked}: unknown, no trial of {len(unknown)} rates is valid"
        return (
            f"{asked}: none of {len(missed)} rates meets it, the lowest was {significant(missed[0])} requests/s{unsaid}"
        )
    beyond = [rate for rate in missed if rate > max(met)]
    limit = f"; {significant(beyond[0])} requests/s does not meet it" if beyond else "; no higher rate was tried"
    return (
        f"{asked}: the cheapest of {len(met)} rates that meet it is {significant(best.rate)} requests/s,"
        f" {quantity(best.joules_per_token, WHOLE.unit)}{limit}{unsaid}"
    )


def _rate(result: Result) -> float:
    arrivals = _arrivals(result)
    assert arrivals is not None and arrivals.request_rate is not None  # cheapest_rates has looked
    return arrivals.request_rate


def _mean(result: Result) -> float | None:
    values = WHOLE.values(result)
    return sum(values) / len(values) if values else None

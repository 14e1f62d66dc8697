"""The papers' own comparisons, for the board at hand: which Result stands against which. Pure.

Each question has one reference case per kind of work (eager Transformers, greedy decoding, one board, ...); a `Row` is
another case of the same work against it. Equal work is told by equal Scenarios but for what the question changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import msgspec

from energy_fixtures.metrics import METRICS, Metric
from energy_fixtures.records import Decoding, Result, Scenario, Trial
from reports.published import FIGURES, Published
from reports.statistics import Ratio, ratio


def _batch_s(trial: Trial, result: Result) -> float | None:
    """Seconds of one iteration, by its span; where there are none, of its longest request."""
    done = trial.generation
    if done is None:
        return None
    if done.spans:
        return fmean(span.end_s - span.start_s for span in done.spans)
    times = [request.e2e_s for request in done.requests]
    known = [seconds for seconds in times if seconds is not None]
    size, rest = divmod(len(times), trial.iterations)
    if not size or rest or len(known) < len(times):
        return None
    return fmean(max(known[first : first + size]) for first in range(0, len(known), size))


ENERGY, REQUEST = METRICS["joules_per_output_token"], METRICS["joules_per_request"]
LATENCY = Metric(
    name="batch_s", unit="s", direction="lower", what="seconds until the whole batch has its last token", of=_batch_s
)
"""Of the whole batch, as the papers time it: a mean over its requests leaves out what the last ones wait for."""

PARALLEL = {"tensor_parallel": "TP", "pipeline_parallel": "PP", "data_parallel": "DP"}
STACK_NAMES = {
    ("transformers", "eager"): "Transformers eager",
    ("transformers", "compiled"): "Transformers compiled",
    ("transformers", "static_cache"): "Transformers static cache",
    ("vllm", "eager"): "vLLM eager",
    ("vllm", "compiled"): "vLLM compiled",
    ("vllm", "cuda_graphs"): "vLLM CUDA graphs",
}
OTHER_SHAPES = {(900, 100): "P2", (100, 900): "P3"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One comparison: `what` in the words of the table, `change` candidate over reference in `metric`."""

    what: str
    batch_size: int
    metric: Metric
    candidate: Result
    reference: Result
    change: Ratio
    published: Published | None = None


def rows_of(question: str, results: Sequence[Result], level: float) -> tuple[Row, ...]:
    """The comparisons of a question, in order of its cases; none for a question that compares nothing.

    Args:
        question: The benchmark file's.
        results: All obtained by one method.
        level: Confidence of the intervals.
    """
    compare = QUESTIONS.get(question)
    if compare is None:
        return ()
    known = [result for result in results if result.scenario is not None]
    return tuple(row for row in compare(known, level) if row.change.value is not None)


def _row(
    what: str,
    metric: Metric,
    candidate: Result,
    reference: Result | None,
    level: float,
    published: str | None = None,
    *,
    wider: bool = False,
) -> Iterator[Row]:
    """One row where both sides are known and of one method, and of one scope unless the candidate's is to be `wider`."""
    if reference is None or reference.method != candidate.method:
        return
    if reference.scope != candidate.scope and not wider:
        return
    base, new = metric.values(reference), metric.values(candidate)
    if base and new:
        yield Row(
            what=what,
            batch_size=_scenario(candidate).batch_size,
            metric=metric,
            candidate=candidate,
            reference=reference,
            change=ratio(base, new, level),
            published=None if published is None else FIGURES[published],
        )


def _scenario(result: Result) -> Scenario:
    assert result.scenario is not None  # rows_of keeps no other
    return result.scenario


def _by_work(results: Sequence[Result]) -> dict[str, Result]:
    return {_scenario(result).key: result for result in results}


def _changed(scenario: Scenario, **fields: object) -> str:
    """The key of the same Scenario with other fields."""
    return msgspec.structs.replace(scenario, **fields).key


def frameworks(results: Sequence[Result], level: float) -> Iterator[Row]:
    """Every stack against eager Transformers; CUDA graphs against eager vLLM as well."""
    known = _by_work(results)
    for result in results:
        scenario = _scenario(result)
        stack = (scenario.engine, scenario.execution)
        if stack not in STACK_NAMES:
            continue
        eager = known.get(_changed(scenario, engine="transformers", execution="eager"))
        if stack != ("transformers", "eager"):
            figure = {
                ("vllm", "cuda_graphs"): "vllm against transformers",
                ("transformers", "compiled"): "compiled against eager",
            }.get(stack)
            other = "eager" if scenario.engine == "transformers" else "Transformers eager"
            yield from _row(f"{STACK_NAMES[stack]} / {other}", ENERGY, result, eager, level, figure)
        if stack == ("vllm", "cuda_graphs"):
            plain = known.get(_changed(scenario, execution="eager"))
            figure = "cuda graphs against eager"
            yield from _row("vLLM CUDA graphs / eager", ENERGY, result, plain, level, figure)


def decoding(results: Sequence[Result], level: float) -> Iterator[Row]:
    """Every way of choosing a token against greedy."""
    known = _by_work(results)
    for result in results:
        scenario = _scenario(result)
        if scenario.decoding != Decoding.greedy():
            greedy = known.get(_changed(scenario, decoding=Decoding.greedy()))
            yield from _row(f"{scenario.engine} {_said(scenario.decoding)} / greedy", ENERGY, result, greedy, level)


def _said(how: Decoding) -> str:
    words = {"": how.num_beams, "temperature": how.temperature, "top-k": how.top_k, "top-p": how.top_p}
    return " ".join([how.method, *(f"{name} {value:g}".strip() for name, value in words.items() if value is not None)])


def batching(results: Sequence[Result], level: float) -> Iterator[Row]:
    """Every batch against one request alone, of the same lengths, by energy per request."""
    known = _by_work(results)
    for result in results:
        scenario = _scenario(result)
        if scenario.batch_size > 1:
            alone = known.get(_changed(scenario, batch_size=1))
            what = f"{scenario.engine} {scenario.input_tokens} + {scenario.output_tokens}, batch / one alone"
            yield from _row(what, REQUEST, result, alone, level, "batched against alone")


def speculative(results: Sequence[Result], level: float) -> Iterator[Row]:
    """A draft model against none where the paper has a figure: at its smallest and its largest batch."""
    known = _by_work(results)
    for result in results:
        scenario = _scenario(result)
        drafts = scenario.speculation is not None and scenario.speculation.method == "draft"
        if drafts and scenario.batch_size in (1, 128):
            none = known.get(_changed(scenario, speculation=None))
            figure = f"speculation at batch {scenario.batch_size}"
            yield from _row(f"{scenario.engine} draft model / none", ENERGY, result, none, level, figure)


EQUAL_SIZE = 1.2
"""Active parameters that differ by more than this factor are not the equal size that the comparison asks for."""


def active_sizes(row: Row) -> tuple[int, int] | None:
    """Parameters that a token visits, of candidate and reference; None where a file does not hold the shapes."""
    new, old = row.candidate.architecture, row.reference.architecture
    return None if new is None or old is None else (new.active_parameters, old.active_parameters)


def moe(results: Sequence[Result], level: float) -> Iterator[Row]:
    """The mixture of experts against the dense model; the file's ids say which is which."""
    dense = {_changed(_scenario(result), model=None): result for result in results if "dense" in result.case.split("-")}
    for result in results:
        if "moe" in result.case.split("-"):
            other = dense.get(_changed(_scenario(result), model=None))
            what = f"{_scenario(result).engine} mixture of experts / dense"
            yield from _row(what, ENERGY, result, other, level, "moe against dense")


def parallelism(results: Sequence[Result], level: float) -> Iterator[Row]:
    """Several boards against one: energy of all of them, and latency of the whole batch."""
    known = _by_work(results)
    for result in results:
        scenario = _scenario(result)
        if scenario.boards == 1:
            continue
        single = known.get(_changed(scenario, **dict.fromkeys(PARALLEL, 1)))
        counts = {word: getattr(scenario, name) for name, word in PARALLEL.items()}
        spread = " ".join(f"{word} {count}" for word, count in counts.items() if count > 1)
        for metric, kind in ((ENERGY, "energy"), (LATENCY, "latency")):
            figure = f"{spread.replace(' ', '').lower()} {kind}"
            published = figure if figure in FIGURES and scenario.batch_size == 1 else None
            yield from _row(f"{spread} / one board, {kind}", metric, result, single, level, published, wider=True)


def quantisation(results: Sequence[Result], level: float) -> Iterator[Row]:
    """Fewer bits against the weights and cache as they are, in the same number format of activations."""
    known = _by_work(results)
    for result in results:
        scenario = _scenario(result)
        cache = "" if scenario.kv_cache_dtype == "auto" else f"{scenario.kv_cache_dtype} cache"
        bits = " + ".join(part for part in (scenario.quantization or "", cache) if part)
        if bits:
            plain = known.get(_changed(scenario, quantization=None, kv_cache_dtype="auto"))
            yield from _row(f"{scenario.engine} {bits} / {scenario.dtype}", ENERGY, result, plain, level)


def structure(results: Sequence[Result], level: float) -> Iterator[Row]:
    """Every changed shape against the base; the file's ids say which is the base."""
    base = {_changed(_scenario(result), model=None): result for result in results if result.case.endswith("-base")}
    for result in results:
        other = base.get(_changed(_scenario(result), model=None))
        if other is not None and other is not result:
            engine, _, change = result.case.partition("-")
            yield from _row(f"{engine} {change} / base", REQUEST, result, other, level)


def geometry(results: Sequence[Result], level: float) -> Iterator[Row]:
    """P2 and P3 against P1 by energy per request, and the time of a hundred requests against one."""
    known = _by_work(results)
    for result in results:
        scenario = _scenario(result)
        lengths = (scenario.input_tokens, scenario.output_tokens)
        if lengths in OTHER_SHAPES:
            name = OTHER_SHAPES[lengths]
            first = known.get(_changed(scenario, input_tokens=100, output_tokens=100))
            what = f"{scenario.engine} {name} {lengths[0]} + {lengths[1]} / P1 100 + 100"
            yield from _row(what, REQUEST, result, first, level, f"{name} against P1")
        if lengths == (300, 300) and scenario.batch_size == 100:
            alone = known.get(_changed(scenario, batch_size=1))
            what = f"{scenario.engine} 300 + 300, time of 100 / 1"
            yield from _row(what, LATENCY, result, alone, level, "P300 batch time")


QUESTIONS: dict[str, Callable[[Sequence[Result], float], Iterator[Row]]] = {
    "frameworks": frameworks,
    "decoding": decoding,
    "speculative": speculative,
    "batching": batching,
    "moe": moe,
    "parallelism": parallelism,
    "quantisation": quantisation,
    "structure": structure,
    "geometry": geometry,
}
"""The comparison of each question, by the name of its file."""

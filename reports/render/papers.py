"""Below a question's table: the papers' own comparison for this board, with what was published and how its setting differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from string import ascii_lowercase

from rich.console import RenderableType
from rich.text import Text

from energy_fixtures.records import Environment, Result
from energy_fixtures.units import quantity, significant
from reports.boards import Peak
from reports.lines import Line, lines_of
from reports.papers import EQUAL_SIZE, Row, active_sizes, rows_of
from reports.published import FIGURES, FINDINGS, Published, alike
from reports.render.replay import replay_parts
from reports.render.tables import WIDEST_NAME, View, new_table
from reports.render.text import NOT_MEASURED, honest, plain
from reports.workload_totals import Saving, StackTotal, over_ideal, savings_of, totals_of

WIDE_NAME = WIDEST_NAME + 8
PEAKS: tuple[Peak, Peak] = ("sparse", "dense")
PUBLISHED_STACKS = {"transformers": "eager", "vllm": "cuda_graphs"}  # of Table 4


def paper_parts(
    question: str, results: Sequence[Result], environments: Mapping[str, Environment], view: View
) -> list[RenderableType]:
    """Table of comparisons, then sentences; empty where the question compares nothing or too little was measured.

    Args:
        question: The benchmark file's.
        results: All obtained by one method.
        environments: By key, for the setting.
        view: Level of the intervals.
    """
    rows = rows_of(question, results, view.level)
    references = _References(environments)
    parts: list[RenderableType] = [_table(rows, references)] if rows else []
    said: list[str] = []
    if question == "parallelism":
        said += [line for row in rows if row.metric.name.startswith("joules") for line in _boards(row)]
    if question == "moe":
        said += dict.fromkeys(line for row in rows for line in _sizes(row))
    if question == "geometry":
        said += [_line(line, results[0]) for line in lines_of(results)]
    if question == "workloads":
        said += _workloads(results, references, environments, view)
    if rows or said or question == "serving":  # whose own table compares
        engines = {None if one.scenario is None else one.scenario.engine: one for one in reversed(results)}
        for finding in FINDINGS.get(question, ()):
            for first in reversed(engines.values()):
                references.mark(finding, first)
    said += references.lines()
    replayed = replay_parts(results, view.level) if question == "workloads" else []
    return [*([Text("")] if rows else []), *parts, *(Text(plain(line)) for line in said), *replayed]


class _References:
    """Letters for published figures, beside a table's numbered notes; says once for all that share it how it is here."""

    def __init__(self, environments: Mapping[str, Environment]) -> None:
        self._environments = environments
        self._letters: dict[str, str] = {}
        self._unlike: dict[str, list[str]] = {}

    def mark(self, published: Published, here: Result) -> str:
        """The letter of this figure in parentheses."""
        letter = self._letters.setdefault(published.sentence, f"({ascii_lowercase[len(self._letters)]})")
        differences = differences_of(published, here, self._environments.get(here.environment))
        letters = self._unlike.setdefault(", ".join(differences), [])
        if letter not in letters:
            letters.append(letter)
        return letter

    def beside(self, published: Published, here: Result) -> str:
        """The figure that is nearest to what was measured here, with its letter."""
        workload = here.params.get("workload")
        board = _board(self._environments.get(here.environment))
        figure = published.nearest(board, workload if isinstance(workload, str) else None)
        return f"{figure} {self.mark(published, here)}"

    def lines(self) -> list[str]:
        """Every figure behind its letter, then the settings."""
        settings = [
            f"here, unlike {' '.join(letters)}: {said}"
            if said
            else f"here, as in {' '.join(letters)}: the same setting"
            for said, letters in self._unlike.items()
        ]
        return [*(f"{letter} {sentence}" for sentence, letter in self._letters.items()), *settings]


def _table(rows: Sequence[Row], references: _References) -> RenderableType:
    table = new_table(honest("as the papers compare", rows[0].candidate.method))
    table.add_column("this / reference", overflow="fold", max_width=WIDE_NAME)
    for heading in ("batch", "change", f"{100 * rows[0].change.level:g} % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    published = any(row.published for row in rows)
    if published:
        table.add_column("published", justify="right", no_wrap=True)
    for row in rows:
        figure = "" if row.published is None else references.beside(row.published, row.candidate)
        factor = row.published is not None and row.published.printed == "factor"
        table.add_row(
            Text(plain(row.what)),
            str(row.batch_size),
            _change(row.change.value, factor=factor),
            _interval(row.change.low, row.change.high, factor=factor),
            *([Text(figure)] if published else []),
        )
    return table


def _change(ratio: float | None, *, factor: bool) -> str:
    if ratio is None:
        return "—"
    return f"{significant(ratio)}x" if factor else f"{100 * (ratio - 1):+.1f} %"


def _interval(low: float | None, high: float | None, *, factor: bool) -> str:
    if low is None or high is None:
        return "unknown"
    return f"{_change(low, factor=factor).removesuffix(' %').removesuffix('x')} to {_change(high, factor=factor)}"


def differences_of(published: Published, here: Result, environment: Environment | None) -> list[str]:
    """What is not as in the paper, as far as it says: engine, board, model, number format, requests, weights, meter."""
    scenario = here.scenario
    board = _board(environment)
    found = []
    if published.engine is not None and scenario is not None and scenario.engine != published.engine:
        found.append(f"engine {scenario.engine}")
    boards = [published.board] if published.board else [value.where for value in published.values if value.where]
    if boards and board is not None and not any(alike(name, board) for name in boards):
        found.append(board)
    if published.binned and "workload" not in here.params:
        found.append("one length at one batch size")
    if scenario is not None and scenario.model is not None:
        if published.model is not None and not alike(published.model, scenario.model):
            found.append(scenario.model)
        if published.dtype is not None and scenario.dtype != published.dtype:
            found.append(scenario.dtype)
    if here.params.get("synthetic"):
        found.append("drawn requests (synthetic)")
    if here.params.get("workload") == "azure-conv":
        found.append("the 2023 trace")  # the paper's statistics are those of the week of 2024
    if environment is not None and environment.engine.get("weights") == "dummy":
        found.append("random weights")
    if here.method in NOT_MEASURED:
        found.append(f"joules {NOT_MEASURED[here.method]}")
    return found


def _board(environment: Environment | None) -> str | None:
    """The board that worked, or the processor where it did."""
    if environment is None:
        return None
    if environment.engine.get("device") == "cpu" or not environment.boards:
        return str(environment.host.get("cpu", "a CPU"))
    return str(environment.boards[0].get("name", "a GPU"))


def _boards(row: Row) -> list[str]:
    """What each board took of one batch, of those that a spread case used."""
    trials = row.candidate.valid_trials
    each = [
        quantity(fmean(trial.reading.energy_j[domain] / trial.iterations for trial in trials), "J")
        for domain in row.candidate.scope
        if all(domain in trial.reading.energy_j for trial in trials)
    ]
    if len(row.candidate.scope) < 2 or len(each) < len(row.candidate.scope):
        return []
    shares = ", ".join(f"{domain} {joules}" for domain, joules in zip(row.candidate.scope, each, strict=True))
    return [f"per board, {row.candidate.case}: {shares} for one batch"]


def _sizes(row: Row) -> Iterator[str]:
    """Active parameters of both sides: the question is about equal ones."""
    sizes = active_sizes(row)
    if sizes is None:
        return
    unequal = "; they differ by more than a fifth, and part of the change is size" if _unequal(*sizes) else ""
    new, old = (f"{size / 1e9:.2f} G" for size in sizes)
    yield f"active parameters of {row.what}: {new} / {old}{unequal}"


def _unequal(one: int, other: int) -> bool:
    return max(one, other) > EQUAL_SIZE * min(one, other)


def _line(line: Line, here: Result) -> str:
    side, other = ("input", "output") if line.axis == "input_tokens" else ("output", "input")
    how = "" if here.method not in NOT_MEASURED else f" ({NOT_MEASURED[here.method]})"
    return (
        f"{line.engine} b{line.batch_size}, {side} {line.shortest} to {line.longest} with {line.beside} {other} tokens:"
        f" {quantity(line.start_j, 'J')} + {quantity(line.joules_per_token, 'J/token')} per {side} token and request{how},"
        f" a straight line explains {100 * line.explained:.1f} % of {line.points} points"
    )


def _workloads(
    results: Sequence[Result], references: _References, environments: Mapping[str, Environment], view: View
) -> list[str]:
    totals = totals_of(results, view.level)
    said = [
        line for one in totals for line in (_total(one, results[0]), _over_ideal(one, references, environments, view))
    ]
    for saving in savings_of(totals, view.level):
        said.append(_saving(saving) + _beside("vllm against transformers", saving.stack, references))
    return said


def _beside(figure: str, one: StackTotal, references: _References) -> str:
    """The published figure behind a semicolon, where this is the stack that it is of."""
    if PUBLISHED_STACKS.get(one.engine) != one.execution:
        return ""
    return f"; published {references.beside(FIGURES[figure], one.example)}"


def _total(one: StackTotal, here: Result) -> str:
    name = f"{one.workload} (synthetic)" if one.synthetic else one.workload
    how = "" if here.method not in NOT_MEASURED else f", {NOT_MEASURED[here.method]}"
    error = one.total.uncertainty_j
    gain = "with the board's own gain" if one.total.scale else "without the board's own gain"
    spread = "" if error is None else f" ± {quantity(error, 'J', 2)} (standard uncertainty, {gain})"
    part = "all it has in cells" if one.covered >= 1 else f"{100 * one.covered:.1f} % of those in cells"
    beyond = "" if one.left_out is None else f"; {one.left_out:,} more are longer than the bins"
    return (
        f"{name} on {one.engine} {one.execution.replace('_', ' ')}: {quantity(one.total.covered_j, 'J')}{spread}{how},"
        f" for {one.total.requests:,} requests ({part}, {_cells(len(one.cells))}{beyond}) in {one.total.batches:,.1f} batches;"
        f" {_inflation(one)}"
    )


def _over_ideal(one: StackTotal, references: _References, environments: Mapping[str, Environment], view: View) -> str:
    """Table 4 of the paper: how much more than the ideal as it counts, at the peak that it takes and at the dense one."""
    sparse, dense = (over_ideal(one, environments, peak, view.boards) for peak in PEAKS)
    if isinstance(sparse, str) or isinstance(dense, str):
        return f"  over the ideal by an unknown share: {sparse}"
    return (
        f"  {_change(sparse, factor=False)} over the ideal of operations alone, with full attention and the peak with"
        f" sparsity as in the paper"
        f" (dense: {_change(dense, factor=False)}){_beside(f'{one.engine} over the ideal', one, references)}"
    )


def _inflation(one: StackTotal) -> str:
    """By how much these cells are longer than their requests: it stands beside every total."""
    if one.input_inflation is None or one.output_inflation is None:
        return "by how much the bins inflate it is not known: the file does not hold the true tokens"
    return f"the bins inflate it: input ×{one.input_inflation:.2f}, output ×{one.output_inflation:.2f}"


def _saving(one: Saving) -> str:
    stacks = " against ".join(f"{side.engine} {side.execution.replace('_', ' ')}" for side in (one.stack, one.against))
    interval = "" if one.low is None or one.high is None else f" [{_interval(one.low, one.high, factor=False)}]"
    return f"{one.stack.workload}: {stacks} over {_cells(one.cells)}: {_change(one.ratio, factor=False)}{interval}"


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'}"

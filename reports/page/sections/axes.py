"""Cases that are equal but for one thing, drawn along it: framework, decoding, batch, lengths.

Two pictures. Where a question has few kinds of work each case is drawn; over many kinds of work, what each value takes
beside the cheapest (or the smallest) of its own kind, so that a thousand cases make no larger picture than ten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

from energy_fixtures.records import Scenario
from energy_fixtures.units import quantity, scale_of, significant
from reports.page import draw
from reports.page.cases import PER_TOKEN, Case, decoding, framework, told_apart
from reports.page.figure import Cell, Column, Figure, Section, mean_columns

MOST_WORKS = 12
"""Kinds of work that are told apart in one picture."""

MOST_LANES = 24
"""Kinds of work times runs in it."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One thing in which cases may differ.

    Attributes:
        name, title: Of the section.
        fields: What a Scenario says of it.
        parts: Words that tell the other things apart, of `cases.PARTS`.
        value: Where on the axis a case lies: words for kinds, an int for sizes.
        along: Title of an axis of sizes; empty for kinds.
        base: What ratios are over.
    """

    name: str
    title: str
    fields: tuple[str, ...]
    parts: tuple[str, ...]
    value: Callable[[Scenario], str | int]
    along: str = ""
    base: str = "the cheapest"


WAYS = (
    Way(
        name="framework",
        title="Joules per token by framework",
        fields=("engine", "execution", "engine_options"),
        parts=("model", "decoding", "batch", "lengths", "format", "boards", "arrivals"),
        value=framework,
    ),
    Way(
        name="decoding",
        title="Joules per token by decoding",
        fields=("decoding", "speculation"),
        parts=("model", "framework", "batch", "lengths", "format", "boards", "arrivals"),
        value=decoding,
    ),
    Way(
        name="batch",
        title="Joules per token by batch size",
        fields=("batch_size",),
        parts=("model", "framework", "decoding", "lengths", "format", "boards", "arrivals"),
        value=lambda scenario: scenario.batch_size,
        along="batch size",
        base="the smallest batch",
    ),
)
LENGTHS = (
    Way(
        name="input",
        title="Prompt length",
        fields=("input_tokens",),
        parts=("model", "framework", "decoding", "batch", "output", "format", "boards", "arrivals"),
        value=lambda scenario: scenario.input_tokens,
        along="prompt tokens",
        base="the shortest prompt",
    ),
    Way(
        name="output",
        title="Output length",
        fields=("output_tokens",),
        parts=("model", "framework", "decoding", "batch", "input", "format", "boards", "arrivals"),
        value=lambda scenario: scenario.output_tokens,
        along="output tokens",
        base="the shortest output",
    ),
)

MODEL = Way(
    name="model",
    title="Joules per token by model and number format",
    fields=("model", "dtype", "quantization", "kv_cache_dtype"),
    parts=("framework", "decoding", "batch", "lengths", "boards", "arrivals"),
    value=lambda scenario: " ".join(
        part for part in (scenario.model, scenario.dtype, scenario.quantization) if part not in (None, "auto")
    ),
)


@dataclass(eq=False)
class Work:
    """Cases of one source and question that differ in one thing alone."""

    question: str
    source: str
    members: list[tuple[str | int, Case]] = field(default_factory=list)
    label: str = ""

    @property
    def smallest(self) -> float:
        """Joules per token of the smallest size."""
        return min(self.members, key=lambda one: one[0])[1].means[PER_TOKEN].center

    @property
    def cheapest(self) -> float:
        """The fewest joules per token."""
        return min(case.means[PER_TOKEN].center for _, case in self.members)


def works(cases: Sequence[Case], way: Way) -> list[Work]:
    """Every kind of work in which at least two values of the axis were measured, told apart by labels."""
    groups: dict[str, Work] = {}
    for case in cases:
        if case.scenario is not None and PER_TOKEN in case.means:
            key = case.without(way.fields)
            work = groups.setdefault(key, Work(question=case.result.question, source=case.source.label))
            work.members.append((way.value(case.scenario), case))
    found = [work for work in groups.values() if len({value for value, _ in work.members}) > 1]
    by_question: dict[tuple[str, str], list[Work]] = {}
    for work in found:
        by_question.setdefault((work.question, work.source), []).append(work)
    for alike in by_question.values():
        scenarios = [scenario for work in alike if (scenario := work.members[0][1].scenario) is not None]
        for work, label in zip(alike, told_apart(scenarios, way.parts), strict=True):
            work.label = label
    return found


def section(cases: Sequence[Case], way: Way) -> Section | None:
    """The section of one axis; None where no two cases are equal but for it."""
    found = works(cases, way)
    if not found:
        return None
    figures = [*_overview(found, way), *_details(found, way)]
    said = () if way.along else _cheapest(found)
    return Section(name=way.name, title=way.title, said=said, figures=tuple(figures))


def lengths(cases: Sequence[Case]) -> Section | None:
    """The section on prompt and output lengths."""
    parts = [one for way in LENGTHS if (one := section(cases, way)) is not None]
    if not parts:
        return None
    figures = tuple(figure for part in parts for figure in part.figures)
    return Section(name="lengths", title="Joules per token by prompt and output length", figures=figures)


def _cheapest(found: Sequence[Work]) -> tuple[str, ...]:
    """Which value took the fewest joules most often."""
    wins: dict[str | int, int] = {}
    for work in found:
        value = min(work.members, key=lambda one: one[1].means[PER_TOKEN].center)[0]
        wins[value] = wins.get(value, 0) + 1
    best, count = max(wins.items(), key=lambda one: one[1])
    if len(found) == 1:
        return (f"The fewest joules per token: {best}.",)
    return (f"In {count} of {len(found)} comparisons of the same work the fewest joules per token: {best}.",)


def _details(found: Sequence[Work], way: Way) -> list[Figure]:
    """Every case, question by question."""
    questions: dict[str, list[Work]] = {}
    for work in found:
        questions.setdefault(work.question, []).append(work)
    small = [question for question, own in questions.items() if _fits(own)]
    small.sort(key=lambda question: -_values(questions[question]))  # what asks for this axis comes first
    rows = [_row(work, value, case) for work in found for value, case in _ordered(work)]
    chosen = sorted(
        (row for row in rows if row["question"] in small), key=lambda row: small.index(str(row["question"]))
    )
    notes: tuple[str, ...] = ()
    if small and len(small) < len(questions):
        big = [question for question in questions if question not in small]
        notes = (f"{', '.join(big)}: more than {MOST_WORKS} kinds of work, in the overview and the table only",)
    if len({row["source"] for row in chosen}) > 1 and len({row["work"] for row in chosen}) > 1:
        notes = (*notes, "Colours are runs, shapes kinds of work; point at one to see which.")
    spec = _lines(chosen, way) if way.along else _dots(chosen)
    return [
        Figure(
            name=f"by-{way.name}",
            title=f"Each case by {way.along or way.name}{', with its interval' if small else ''}",
            what=f"Joules per output token by {way.along or way.name}, cases that are equal but for it.",
            columns=(
                Column(key="question", title="question"),
                Column(key="source", title="run"),
                Column(key="work", title="same work"),
                Column(key="value", title=way.along or way.name),
                Column(key="case", title="case", shown=False),
                *mean_columns("energy per output token", "J/token"),
            ),
            rows=rows,
            spec=spec if small else None,
            datasets={"drawn": chosen} if small else {},
            chooser="question" if len(small) > 1 else None,
            notes=notes,
            folded=True,
        )
    ]


def _fits(works: Sequence[Work]) -> bool:
    """Whether one picture can hold them."""
    runs = len({work.source for work in works})
    return len(works) <= min(MOST_LANES, MOST_WORKS * runs)


def _values(works: Sequence[Work]) -> int:
    """How many values of the axis they hold."""
    return len({value for work in works for value, _ in work.members})


def _ordered(work: Work) -> list[tuple[str | int, Case]]:
    numbers = all(isinstance(value, int) for value, _ in work.members)
    return sorted(work.members, key=lambda one: one[0]) if numbers else list(work.members)


def _row(work: Work, value: str | int, case: Case) -> dict[str, Cell]:
    several = f"{work.label} · {work.source}"
    return {
        "question": work.question,
        "source": work.source,
        "work": work.label,
        "line": several,
        "value": value,
        "case": case.name,
        **case.figure(PER_TOKEN),
    }


def _dots(rows: Sequence[dict[str, Cell]]) -> dict[str, Any]:
    """A row per value, a dot with its interval per kind of work."""
    along, shape = _told(rows)
    x = draw.axis("mean", "energy per output token", "J/token", _numbers(rows, "mean", "low", "high"))
    y = draw.names("value", [str(row["value"]) for row in rows])
    offset = draw.lanes("line", [str(row["line"]) for row in rows])
    colour = {"color": draw.kinds(along, [str(row[along]) for row in rows])}
    dots = {**colour, "shape": draw.shapes(shape, colour["color"])}
    where = {"x": x, "y": y, "yOffset": offset}
    ends = {**where, "x": {**x, "field": "low"}, "x2": {"field": "high"}}
    return draw.layers(
        draw.mark("rule", {**ends, **colour}, dataset="drawn", strokeWidth=1.5),
        draw.mark("point", {**where, **dots}, dataset="drawn", filled=True, size=60, opacity=1, tooltip=draw.TIP),
        height={"step": 13},
    )


def _lines(rows: Sequence[dict[str, Cell]], way: Way) -> dict[str, Any]:
    """A line per kind of work along the axis."""
    along, shape = _told(rows)
    x = draw.sizes("value", way.along, [value for row in rows if isinstance(value := row["value"], int)])
    y = draw.axis("mean", "energy per output token", "J/token", _numbers(rows, "mean", "low", "high"))
    colour = {"color": draw.kinds(along, [str(row[along]) for row in rows])}
    where = {"x": x, "y": y, **colour}
    dots = {**where, "shape": draw.shapes(shape, colour["color"])}
    ends = {**where, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    line = {**where, "detail": {"field": "line", "type": "nominal"}}
    return draw.layers(
        draw.mark("line", line, dataset="drawn", strokeWidth=1.5),
        draw.mark("rule", ends, dataset="drawn", strokeWidth=1.5),
        draw.mark("point", dots, dataset="drawn", filled=True, size=50, opacity=1, tooltip=draw.TIP),
        height=320,
    )


def _told(rows: Sequence[dict[str, Cell]]) -> tuple[str, str]:
    """What colours and shapes stand for: the runs where there are several, else the kinds of work."""
    return ("source", "work") if len({row["source"] for row in rows}) > 1 else ("work", "work")


def _numbers(rows: Sequence[dict[str, Cell]], *names: str) -> list[float]:
    return [value for row in rows for name in names if isinstance(value := row[name], float)]


def _overview(found: Sequence[Work], way: Way) -> list[Figure]:
    """What values take beside the cheapest (or the smallest size) of their own kind of work, over all kinds of work."""
    if len(found) <= MOST_WORKS // 2:
        return []
    ratios: dict[tuple[str, str | int], list[float]] = {}
    for work in found:
        base = work.smallest if way.along else work.cheapest
        for value, case in work.members:
            if base > 0:
                ratios.setdefault((work.source, value), []).append(case.means[PER_TOKEN].center / base)
    rows = [_spread(source, value, one) for (source, value), one in ratios.items()]
    rows.sort(key=lambda row: (str(row["source"]), row["value"] if way.along else row["middle"]))
    unit = "×"
    return [
        Figure(
            name=f"over-{way.name}",
            title=f"Over all {len(found)} kinds of work: times the joules of {way.base}",
            what=f"Median, middle half and range of joules per output token over {way.base} of the same work.",
            columns=(
                Column(key="source", title="run"),
                Column(key="value", title=way.along or way.name),
                Column(key="works", title="kinds of work"),
                Column(key="least", title="least", unit=unit),
                Column(key="quarter", title="lower quarter", unit=unit),
                Column(key="middle", title="median", unit=unit),
                Column(key="three", title="upper quarter", unit=unit),
                Column(key="most", title="most", unit=unit),
            ),
            rows=rows,
            spec=_bands(rows, way) if way.along else _boxes(rows, way),
        )
    ]


def _spread(source: str, value: str | int, ratios: Sequence[float]) -> dict[str, Cell]:
    quarter, middle, three = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else [ratios[0]] * 3
    return {
        "source": source,
        "value": value,
        "works": len(ratios),
        "least": min(ratios),
        "quarter": quarter,
        "middle": middle,
        "three": three,
        "most": max(ratios),
    }


def _boxes(rows: Sequence[dict[str, Cell]], way: Way) -> dict[str, Any]:
    x = draw.axis("middle", f"times the joules of {way.base}", "", _numbers(rows, "least", "most"))
    y = draw.names("value", [str(row["value"]) for row in rows])
    offset = draw.lanes("source", [str(row["source"]) for row in rows])
    colour = {"color": draw.kinds("source", [str(row["source"]) for row in rows])}
    where = {"x": x, "y": y, "yOffset": offset, **colour}
    whole = {**where, "x": {**x, "field": "least"}, "x2": {"field": "most"}}
    half = {**where, "x": {**x, "field": "quarter"}, "x2": {"field": "three"}}
    return draw.layers(
        draw.mark("rule", whole, strokeWidth=1.5),
        draw.mark("rule", half, strokeWidth=7, opacity=0.45),
        draw.mark("point", where, filled=True, size=70, opacity=1, tooltip=draw.TIP),
        height={"step": 24},
    )


def _bands(rows: Sequence[dict[str, Cell]], way: Way) -> dict[str, Any]:
    x = draw.sizes("value", way.along, [value for row in rows if isinstance(value := row["value"], int)])
    y = draw.axis("middle", f"times the joules of {way.base}", "", _numbers(rows, "least", "most"))
    colour = {"color": draw.kinds("source", [str(row["source"]) for row in rows])}
    where = {"x": x, "y": y, **colour}
    half = {**where, "y": {**y, "field": "quarter"}, "y2": {"field": "three"}}
    whole = {**where, "y": {**y, "field": "least"}, "y2": {"field": "most"}}
    return draw.layers(
        draw.mark("area", half, opacity=0.2),
        draw.mark("rule", whole, strokeWidth=1),
        draw.mark("line", where, strokeWidth=2),
        draw.mark("point", where, filled=True, size=60, opacity=1, tooltip=draw.TIP),
    )


def told(case: Case) -> str:
    """Joules per token of a case in words, for sentences."""
    mean = case.means[PER_TOKEN]
    if mean.low is None or mean.high is None:
        return quantity(mean.center, "J/token")
    factor, _ = scale_of(mean.center, "J/token")
    ends = " to ".join(significant(end / factor) for end in (mean.low, mean.high))
    return f"{quantity(mean.center, 'J/token')} ({100 * case.level:g} %: {ends})"

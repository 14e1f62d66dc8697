"""Everything that the page says, from runs and what was found between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from energy_fixtures.records import Environment
from energy_fixtures.units import quantity
from reports.compare.rows import Report, boards_of
from reports.compare.summary import ACROSS
from reports.explain.costs import own_joules
from reports.page.cases import PER_TOKEN, Case, Source, cases_of, told_apart
from reports.page.figure import Page, Section
from reports.page.sections import axes, changes, latency, measured, serving, speculation, tables, timelines
from reports.render.comparison_table import short
from reports.render.text import NOT_MEASURED

MOST_MODELS = 4


def page_of(sources: Sequence[Source], reports: Sequence[Report], level: float, boards: Path | None = None) -> Page:
    """The page of one or several runs.

    Args:
        sources: The runs, at least one, each with at least one result.
        reports: What comparisons of them say; of a single run the one that compares it with nothing.
        level: Confidence of intervals, in (0, 1).
        boards: File of boards beside the table, for the gap to the ideal.
    """
    cases = cases_of(sources, level, boards)
    compared = [report for report in reports if report.candidate is not None]
    found: list[tuple[Section | None, str]] = [
        *((changes.section(one, number=number), "") for number, one in enumerate(compared)),
        *((axes.section(cases, way), _absent(way.name)) for way in axes.WAYS),
        (axes.section(cases, axes.MODEL), ""),
        (measured.calls(cases), ""),
        (speculation.section(sources, level), "Speculation: no case guesses ahead; give a Scenario a Speculation."),
        (latency.section(cases), "Energy against latency: needs two cases of the same work with times per token."),
        (
            serving.section(cases),
            "Serving: no case has requests that arrive; pytest benchmarks -k serving measures some.",
        ),
        (
            measured.phases(cases),
            "Prefill and decode: not told apart; measure with --energy-phases, or on a board with a power timeline.",
        ),
        (axes.lengths(cases), "Lengths: no two cases differ in prompt or output length alone."),
        (measured.gap(cases, boards), "Gap to the ideal: " + _why_no_gap(sources, boards)),
        (
            timelines.section(cases),
            "Power and temperature over time: the meter saw no board; they come from a GPU's meter.",
        ),
        (tables.all_cases(cases), ""),
        (tables.doubts(cases), ""),
        (tables.environments(sources), ""),
    ]
    crossed = dict.fromkeys(label for report in reports for label in report.labels if label == ACROSS)
    return Page(
        title=" and ".join(source.label if len(sources) > 1 else short(source.name) for source in sources),
        verdict=_verdict(cases, compared, [source.label for source in sources]),
        failed=any(report.verdict != "passed" for report in reports),
        labels=(*_labels(cases), *crossed),
        facts=_facts(sources, cases),
        sources=tuple(source.label for source in sources),
        sections=tuple(section for section, _ in found if section is not None),
        absent=tuple(sentence for section, sentence in found if section is None and sentence),
    )


def _absent(way: str) -> str:
    return f"By {way}: no two cases are equal but for their {way}."


def _why_no_gap(sources: Sequence[Source], boards: Path | None) -> str:
    from reports.ideal.gap import why_unknown

    reasons = [reason for source in sources for reason in why_unknown(source.results, source.environments, boards)]
    return f"{'; '.join(dict.fromkeys(reasons)) or 'no case was metered'}."


def _verdict(cases: Sequence[Case], compared: Sequence[Report], labels: Sequence[str]) -> str:
    """The one sentence: what comparisons say, else which case takes the least."""
    if compared:
        each = zip(labels[-len(compared) :], compared, strict=True)  # the first run is what the others are held against
        said = [f"{label} against {labels[0]}: {report.sentence}" for label, report in each]
        return f"{'; '.join(said)}."  # a run's name stays as it is written
    count = f"{len(cases)} case{'' if len(cases) == 1 else 's'}"
    known = [case for case in cases if PER_TOKEN in case.means]
    if not known:
        return f"Measured {count}, compared with nothing."
    label, alike, kinds = _largest_work(known)
    if len(alike) == 1:
        which = "one of them, " if len(cases) > 1 else ""
        return f"Measured {count}: {which}{alike[0].name} takes {axes.told(alike[0])}."
    ranked = sorted(alike, key=lambda case: case.means[PER_TOKEN].center)
    first, last = ranked[0], ranked[-1]
    least = first.means[PER_TOKEN].center
    times = f", {last.means[PER_TOKEN].center / least:.3g} times as much" if least > 0 else ""
    of = f"Of {count}" if kinds == 1 else f"Of {len(alike)} cases of the same work ({label}), {len(cases)} in all"
    return (
        f"{of}, {first.name} takes the fewest joules per output token, {axes.told(first)}; "
        f"{last.name} the most, {axes.told(last)}{times}."
    )


def _largest_work(cases: Sequence[Case]) -> tuple[str, list[Case], int]:
    """The kind of work that most cases do: its label, those cases, and how many kinds there are.

    The same work may be done in many ways; other lengths or another model are other work and are not ranked with it.
    """
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.without((*latency.CHOICE, "seed"), question=False), []).append(case)
    ranked = sorted(groups.values(), key=len, reverse=True)
    scenarios = [scenario for members in ranked if (scenario := members[0].scenario) is not None]
    return told_apart(scenarios, ("model", "lengths", "format"))[0], ranked[0], len(ranked)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _labels(cases: Sequence[Case]) -> tuple[str, ...]:
    """That joules are not measured, where they are not."""
    methods = Counter(case.result.method for case in cases)
    return tuple(
        f"joules are {NOT_MEASURED[method]}" + ("" if count == len(cases) else f" in {count} of {len(cases)} cases")
        for method, count in methods.items()
        if method in NOT_MEASURED
    )


def _facts(sources: Sequence[Source], cases: Sequence[Case]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What was compared and on what, a cell per source."""
    facts = [
        ("run", tuple(short(source.name) for source in sources)),
        ("measured", tuple(_when(source) for source in sources)),
        ("cases", tuple(_counted(source) for source in sources)),
        ("models", tuple(_models(source) for source in sources)),
        ("boards or processor", tuple(_each(source, boards_of) for source in sources)),
        (
            "engines",
            tuple(
                _each(
                    source, lambda one: f"{one.engine.get('framework', '')} {one.engine.get('framework_version', '')}"
                )
                for source in sources
            ),
        ),
        (
            "meter",
            tuple(_each(source, _meter) for source in sources),
        ),
        ("joules of", tuple(_joined(" + ".join(result.scope) for result in source.results) for source in sources)),
        ("power at rest", tuple(_idle(source) for source in sources)),
        (
            "measuring took",
            tuple(own_joules(source.results).sentence.removeprefix("measuring took ") for source in sources),
        ),
    ]
    return tuple((name, cells) for name, cells in facts if any(cells))


def _each(source: Source, say: Callable[[Environment], str]) -> str:
    return _joined(say(one).strip() for one in source.environments.values())


def _meter(environment: Environment) -> str:
    name, method = (str(environment.meter.get(field, "")) for field in ("name", "method"))
    return name if name == method or not method else f"{name} ({method})"


def _joined(words: Iterable[str | None]) -> str:
    known = list(dict.fromkeys(word for word in words if word))
    more = f" and {len(known) - MOST_MODELS} more" if len(known) > MOST_MODELS else ""
    return ", ".join(known[:MOST_MODELS]) + more


def _when(source: Source) -> str:
    moments = sorted(result.started_at for result in source.results)
    try:
        first, last = (datetime.fromisoformat(moment) for moment in (moments[0], moments[-1]))
    except ValueError:  # a file that was written by hand
        return moments[0]
    same = first.date() == last.date()
    return f"{first:%Y-%m-%d %H:%M} to {last:{'%H:%M' if same else '%Y-%m-%d %H:%M'}} UTC"


def _counted(source: Source) -> str:
    windows = sum(len(result.trials) for result in source.results)
    valid = sum(len(result.valid_trials) for result in source.results)
    said = f"{windows} windows" if valid == windows else f"{valid} of {windows} windows count"
    return f"{len(source.results)} ({said})"


def _models(source: Source) -> str:
    return _joined(result.scenario.model for result in source.results if result.scenario is not None)


def _idle(source: Source) -> str:
    known = dict.fromkeys(tuple(sorted(result.idle_w.items())) for result in source.results if result.idle_w)
    return _joined(", ".join(f"{domain} {quantity(watts, 'W')}" for domain, watts in one) for one in known)

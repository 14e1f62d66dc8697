"""`joules history` for a terminal: a row per series, then what was found in each."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from energy_fixtures.units import quantity, scale_of, significant
from reports.gate import percent_change
from reports.render.tables import WIDEST_NAME, new_table
from reports.render.text import NOT_MEASURED, plain
from reports.series.answer import Answer, Drift, History, Moment, Size, StandingOut, Step, Turned
from reports.series.change_points import FEWEST, LEAST

BARS = "▁▂▃▄▅▆▇█"
LEAST_RANGE = 8.0
"""A line is drawn over so many standard deviations at least, so that noise alone looks flat."""

MOST_TURNS = 5
"""Changes of the environment that are listed; the newest tell most."""

SURE = 0.9999
"""Above this a confidence is not told by its digits: they would depend on how normal the noise is."""

_UNDER = " " * 9


def renderables(answer: Answer) -> list[RenderableType]:
    """The whole page."""
    runs = sum(one.runs for one in answer.histories)
    series = "1 series" if len(answer.histories) == 1 else f"{len(answer.histories)} series"
    better = f", {answer.direction} is better" if answer.direction else ""
    title = f"history of {answer.metric} ({answer.unit}{better}): {series}, {runs:,} runs"
    return [
        Text(title, style="bold"),
        _table(answer),
        *_captions(answer),
        *(line for one in answer.histories for line in _found(one, answer)),
        *_turns(answer),
        *([Text()] if answer.notes else []),
        *(Text(f"note: {plain(note)}") for note in answer.notes),
    ]


def sentence(answer: Answer) -> str:
    """The answer in one line, for whoever has the page in a file."""
    steps, drifts = (sum(len(getattr(one, kind)) for one in answer.histories) for kind in ("steps", "drifts"))
    return f"{answer.metric}: {_count(steps, 'step')} and {_count(drifts, 'drift')} in {len(answer.histories)} series"


def label(one: History) -> str:
    """Case, board, and how its joules were obtained unless they were measured."""
    how = "" if one.measured else f", {_not_measured(one)}"
    return plain(f"{one.case} on {one.board or one.machine}{how}")


def _not_measured(one: History) -> str:
    return NOT_MEASURED.get(one.method, f"{one.method}, not measured")


def commit(moment: Moment) -> str:
    """Eight digits of the commit, with + where there were edits on top; the run's name where there is none."""
    if moment.commit is None:
        return plain(moment.run)
    return plain(moment.commit[:8]) + ("+" if moment.dirty else "")


def _table(answer: Answer) -> Table:
    table = new_table("")
    table.title = None
    table.add_column("case", overflow="fold", max_width=WIDEST_NAME)
    table.add_column("board", overflow="fold", max_width=20)
    mixed = not all(one.measured for one in answer.histories)
    if mixed:
        table.add_column("joules", no_wrap=True)
    table.add_column("runs", justify="right", no_wrap=True)
    factor, prefix = scale_of(answer.histories[0].newest.value, answer.unit)
    table.add_column(
        f"newest {prefix}{answer.unit} ±" if answer.unit != "1" else "newest ±", justify="right", no_wrap=True
    )
    table.add_column("oldest to newest", no_wrap=True)
    table.add_column("found", overflow="fold")
    for one in answer.histories:
        table.add_row(
            Text(plain(one.case)),
            Text(plain(one.board or one.machine)),
            *([Text(plain(one.method))] if mixed else []),
            Text(f"{one.runs:,}"),
            Text(_newest(one, factor)),
            Text(bars(one)),
            Text(_summary(one), style="bold" if one.steps or one.drifts else ""),
        )
    return table


def _newest(one: History, factor: float) -> str:
    """As in a table of results: the value, and half of its interval."""
    value = significant(one.newest.value / factor)
    if one.newest.high is None:
        return value
    return f"{value} ± {significant((one.newest.high - one.newest.value) / factor, 2)}"


def bars(one: History) -> str:
    """A line of the series; noise alone looks flat."""
    low, high = min(one.shape), max(one.shape)
    middle = (low + high) / 2
    least = LEAST_RANGE * (one.between_runs or 0.0) * abs(middle)
    span = max(high - low, least)
    if span <= 0:
        return BARS[len(BARS) // 2] * len(one.shape)
    places = (int((value - middle) / span * len(BARS) + len(BARS) / 2) for value in one.shape)
    return "".join(BARS[min(max(place, 0), len(BARS) - 1)] for place in places)


def _summary(one: History) -> str:
    if not one.enough:
        return f"too few runs (< {FEWEST})"
    parts = [_count(len(one.steps), "step"), _count(len(one.drifts), "drift"), _count(len(one.standing_out), "bad run")]
    return ", ".join(part for part in parts if not part.startswith("0 ")) or "no change found"


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def _captions(answer: Answer) -> Iterable[Text]:
    yield Text(
        f"± {100 * answer.level:g} % interval of the newest run by its own rounds; "
        f"all changes together hold at {100 * answer.confidence:g} %"
    )
    for method in dict.fromkeys(_not_measured(one) for one in answer.histories if not one.measured):
        yield Text(f"joules: {plain(method)}")


def _found(one: History, answer: Answer) -> Iterable[Text]:
    """What is to be said of a series, under its name; nothing where nothing was found."""
    lines = [line for _, text in sorted(_by_place(one, answer), key=lambda pair: pair[0]) for line in text]
    if one.apart:
        lines.insert(0, Text(f"  a series of its own, since {plain('; '.join(one.apart))}"))
    if not lines:
        return
    noise = [] if one.between_runs is None else [f"runs differ by {_share(one.between_runs)} on their own"]
    noise += [] if one.within_runs is None else [f"rounds of one run by {_share(one.within_runs)}"]
    yield Text()
    yield Text(label(one), style="bold")
    yield from lines
    if noise:
        yield Text(f"  noise  {', '.join(noise)}")


def _by_place(one: History, answer: Answer) -> Iterable[tuple[int, list[Text]]]:
    for step in one.steps:
        yield step.first_after.number, _step(step, answer)
    for drift in one.drifts:
        yield drift.first.number, _drift(drift, answer)
    for far in one.standing_out:
        yield far.at.number, _standing_out(far, one, answer)


def _step(step: Step, answer: Answer) -> list[Text]:
    sure = f"> {100 * SURE:g} %" if step.confidence > SURE else f"{100 * step.confidence:.4g} %"
    lines = [
        Text.assemble("  step   ", (_size(step.size, answer), _style(step.size)), f", confidence {sure}"),
        Text(f"{_UNDER}between {_when(step.last_before)} and {_when(step.first_after)}"),
    ]
    if step.earliest.number < step.latest.number:
        lines.append(
            Text(
                f"{_UNDER}its first run may be any of {step.earliest.number} to {step.latest.number}, 95 in 100: "
                f"{_count(step.commits, 'commit')} in question"
            )
        )
    changed = plain(", ".join(step.environment))
    why = {
        "code": "",
        "environment": f"the same commit on both sides; what changed is {changed}",
        "code or environment": f"the environment changed there as well ({changed}): the code or that",
        "neither": "the same commit and environment on both sides: the day, or what no fingerprint holds",
    }[step.suspects]
    return [*lines, *([Text(f"{_UNDER}{why}")] if why else [])]


def _drift(drift: Drift, answer: Answer) -> list[Text]:
    return [
        Text.assemble("  drift  ", (_size(drift.size, answer), _style(drift.size)), ", no one commit is to blame"),
        Text(f"{_UNDER}slowly from {_when(drift.first)} to {_when(drift.last)}"),
    ]


def _standing_out(far: StandingOut, one: History, answer: Answer) -> list[Text]:
    by = f", {percent_change(1 + far.share)}" if far.share is not None else ""
    lines = [
        Text(f"  bad    {_when(far.at)} shows {quantity(far.value, answer.unit)}{by}; one run is not called a change")
    ]
    if one.runs - far.at.number < LEAST - 1:
        lines.append(Text(f"{_UNDER}of the newest runs {LEAST} alike would be one"))
    return lines


def _when(moment: Moment) -> str:
    return f"{commit(moment)} (run {moment.number}, {moment.started_at:%Y-%m-%d})"


def _turns(answer: Answer) -> Iterable[Text]:
    """Changes of the environment, the newest last, each once for all series that met it."""
    met: dict[tuple[str, tuple[str, ...]], list[Turned]] = {}
    for one in answer.histories:
        for turn in one.environment:
            met.setdefault((one.board or one.machine, turn.differences), []).append(turn)
    told = sorted(met.items(), key=lambda pair: pair[1][0].at.started_at)
    shown = told if len(told) <= MOST_TURNS else told[-MOST_TURNS + 1 :]
    if shown:
        yield Text()
        yield Text("environment", style="bold")
    if len(shown) < len(told):
        yield Text(f"  {len(told) - len(shown)} earlier changes; --format json has all")
    for (where, differences), turns in shown:
        again = f", {len(turns)} times in {len(answer.histories)} series" if len(turns) > 1 else ""
        since = min(turn.at.started_at for turn in turns)
        yield Text(f"  {plain(where)}: {plain(', '.join(differences))} from {since:%Y-%m-%d} on{again}")


def _size(size: Size, answer: Answer) -> str:
    factor, _ = scale_of(size.after, answer.unit)
    values = f"{significant(size.before / factor)} → {quantity(size.after, answer.unit)}"
    if size.share is None or size.share_low is None or size.share_high is None:
        return values
    low, high = percent_change(1 + size.share_low)[:-2], percent_change(1 + size.share_high)[:-2]
    return f"{percent_change(1 + size.share)} ({low} to {high}), {values}"


def _style(size: Size) -> str:
    return "" if size.better is None else "green" if size.better else "bold red"


def _share(value: float) -> str:
    return f"{100 * value:.2g} %"

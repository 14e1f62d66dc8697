"""What `joules history` does: open the index of a store, make series of it, and look for changes in each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import Metric
from energy_fixtures.storage.index import open_index
from energy_fixtures.storage.location import Location
from reports.render.text import to_lines
from reports.series.answer import Answer, history, notes
from reports.series.environments import environments_of
from reports.series.examine import Examined, examined
from reports.series.gather import Wanted, gathered, selected
from reports.series.page import renderables


@dataclass(frozen=True, kw_only=True)
class Question:
    """What was asked.

    Attributes:
        metric: Of each run.
        location: Of the runs.
        wanted: Which of them.
        confidence: That no series shows a change that is none, in (0, 1).
        level: Of the intervals, in (0, 1).
    """

    metric: Metric
    location: Location
    wanted: Wanted
    confidence: float
    level: float


def answer(
    question: Question, say: Callable[[str], None] = lambda step: None, told: Callable[[str], None] = lambda note: None
) -> tuple[Answer, list[Examined]]:
    """The series with what was found in them, in words and as they are, for pictures; in the same order.

    Args:
        question: What was asked.
        say: Takes what is being done.
        told: Takes a sentence for each file of the store that was passed over.

    Raises:
        ConfigurationError: There is no such store, no run has the metric, or none is as asked for.
        StoreError: The store cannot be reached.
    """
    known = question.metric
    say(f"reading {question.location}")
    frame = open_index(question.location, metric=known.name, say=told)
    if frame.is_empty():
        there = sorted(open_index(question.location)["metric"].unique().to_list())
        offered = f"it has {', '.join(there)}" if there else "it has no results yet; save some with --energy-save"
        raise ConfigurationError(f"no run in {question.location} has {known.name}; {offered}")
    kept = selected(frame, question.wanted)
    say("reading environments")
    series = gathered(kept, environments_of(question.location, kept), question.wanted.last)
    if not series:
        raise ConfigurationError(f"no run in {question.location} has a {known.name} that is a number")
    say("looking for changes")
    found = examined(series, question.confidence)
    histories = tuple(history(one, known, question.level, len(found)) for one in found)
    said = Answer(
        metric=known.name,
        unit=known.unit,
        direction=known.direction,
        what=known.what,
        storage=str(question.location),
        confidence=question.confidence,
        level=question.level,
        histories=histories,
        notes=tuple(notes(found)),
    )
    return said, found


def rendered(answered: Answer, form: str, width: int) -> str:
    """The answer as the text of a file, with a line end."""
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(answered)).decode() + "\n"
    return "\n".join(to_lines(renderables(answered), width=width, colour=False)) + "\n"


def moment_of(text: str, now: datetime | None = None) -> datetime:
    """Read `--since`: a date, a date and time, or so many days as `30d`.

    Args:
        text: What was typed; without a zone it is UTC.
        now: The clock, for days.

    Raises:
        ConfigurationError: It is none of these.

    Example:
        >>> moment_of("2026-10-01").isoformat()
        '2026-10-01T00:00:00+00:00'
    """
    if text.endswith("d") and text[:-1].isdecimal() and len(text) <= len("99999d"):
        return (now or datetime.now(UTC)) - timedelta(days=int(text[:-1]))
    try:
        said = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"--since {text} is no date; write 2026-10-01, or 30d for the last 30 days") from error
    return said if said.tzinfo is not None else said.replace(tzinfo=UTC)


def confidence_of(text: str) -> float:
    """Read `--confidence`, as --energy-compare-confidence is read.

    Raises:
        ConfigurationError: It is no percentage from 50 to below 100.

    Example:
        >>> confidence_of("99%"), confidence_of("95")
        (0.99, 0.95)
    """
    try:
        said = float(text.removesuffix("%")) / 100
    except ValueError:
        said = math.nan
    if not 0.5 <= said < 1:
        raise ConfigurationError(f"--confidence {text}: give a percentage from 50 to below 100, for example 99%")
    return said

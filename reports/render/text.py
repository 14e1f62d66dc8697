"""Names made harmless, notes numbered, and renderables turned into lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from energy_fixtures.readings import Method
from energy_fixtures.reasons import REASONS
from energy_fixtures.records import Result
from reports.render.phases import phase_doubts

if TYPE_CHECKING:
    from rich.console import RenderableType

NOT_MEASURED: dict[Method, str] = {
    "modelled": "modelled, not measured",
    "replay": "replayed, not measured now",
    "simulated": "simulated, not measured",
}


MOST_COLUMNS = 10_000
"""More than any table has."""


def plain(name: str) -> str:
    """A name from a result as data: control characters are written out, so that no file can paint the terminal.

    >>> plain("b8\\x1b[31m")
    'b8\\\\x1b[31m'
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def plain_json(text: str) -> str:
    """JSON whose letters are all printable: what is not stands as its escape, so that it reads back as the same value.

    >>> print(plain_json('{"name": "b8\\u202e"}'))
    {"name": "b8\\u202e"}
    """
    if text.replace("\n", "").isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text)


def honest(title: str, method: Method) -> str:
    """A title that says how its joules were obtained unless they were measured."""
    return f"{title} ({NOT_MEASURED[method]})" if method in NOT_MEASURED else title


class Footnotes:
    """Numbers sentences in order of first use."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, sentences: Iterable[str]) -> str:
        """The numbers of these sentences, for example `1, 3`; empty for none."""
        numbers = {self._numbers.setdefault(sentence, len(self._numbers) + 1) for sentence in sentences}
        return ", ".join(str(number) for number in sorted(numbers))

    def lines(self) -> list[str]:
        """Every sentence behind its number."""
        return [f"({number}) {sentence}" for sentence, number in self._numbers.items()]


def reason(code: str) -> str:
    """A code of `energy_fixtures.reasons` as sentence and remedy; a code this version does not know as itself."""
    known = REASONS.get(code)
    return plain(code) if known is None else f"{known.sentence}; {known.remedy}"


def doubts_of(result: Result) -> tuple[str, ...]:
    """Why trials of this result do not count, then what weakens those that do; each once."""
    invalid: dict[str, int] = {}
    for trial in result.trials:
        for code in trial.invalid_reasons:
            invalid[code] = invalid.get(code, 0) + 1
    total = len(result.trials)
    sentences = [f"{count} of {total} trials do not count: {reason(code)}" for code, count in invalid.items()]
    codes = dict.fromkeys(code for trial in result.trials for code in (*trial.reading.doubts, *trial.doubts))
    return (*sentences, *(reason(code) for code in codes), *phase_doubts(result))


def to_lines(renderables: Iterable[RenderableType], *, width: int, colour: bool) -> list[str]:
    """Print for a terminal `width` columns wide; without `colour` no escape sequence is written."""
    import io

    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    paper = io.StringIO()
    console = Console(
        file=paper,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for renderable in renderables:
        # a table that is too wide runs over the edge: a cut figure would be another figure
        needed = Measurement.get(console, console.options.update(width=MOST_COLUMNS), renderable).maximum
        console.width = max(width, needed) if isinstance(renderable, Table) else width
        console.print(renderable)
    return [line.rstrip() for line in paper.getvalue().splitlines()]

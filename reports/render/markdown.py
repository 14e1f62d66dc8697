"""A comparison as Markdown: for a CI step summary, and for one comment on a pull request that is found again and updated.

    <!-- pytest-joules -->        the hidden marker, always the first line
    verdict in one sentence
    table                         of a large comparison only what changed
    missing, notes, environment

Equal reports give equal text. Names are data: nothing in them can become markup, a mention or a link.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.units import quantity
from reports.compare.rows import Report, Row
from reports.comparison import State
from reports.explain.told import Told
from reports.gate import Verdict
from reports.render.comparison_table import (
    below,
    change,
    figure,
    interval,
    judged,
    relative,
    row_notes,
    sentences,
    title,
    unique_names,
)
from reports.render.explanation import bases
from reports.render.text import plain

MARKER = "pytest-joules"

MOST_ROWS = 100
"""GitHub takes 65,536 characters in a comment; a row has some 150 to 400."""

LONGEST_NAME = 120
MOST_NOTED = 20

_SIGNS = {
    Verdict.REGRESSED.value: "🔴 ",
    Verdict.IMPROVED.value: "🟢 ",
    Verdict.UNCHANGED.value: "⚪ ",
    Verdict.INCONCLUSIVE.value: "🟡 ",
    Verdict.INCOMPARABLE.value: "🟡 ",
}
_HEADS = {"passed": "", "regressed": "❌ ", "refused": "❌ "}
# signs of Markdown and HTML, mentions and issues; a colon of a protocol or an emoji, the point of a bare address
_MARKUP = re.compile(r"[\\`*_\[\]<>#|&@~$]|:(?=//|[\w+-]+:)|(?<=www)\.", re.IGNORECASE)


_ISSUE = re.compile(r"(?<=GH-)(?=\d)", re.IGNORECASE)
_COMMIT = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{7,}(?![0-9A-Za-z])")
_SHORTEST_COMMIT = 7


def marker(name: str | None = None) -> str:
    """The line by which the comment is found again; a name keeps comments of several jobs apart.

    Raises:
        ConfigurationError: A name that could end the HTML comment early.

    >>> marker("gpu-a100")
    '<!-- pytest-joules gpu-a100 -->'
    """
    if name is None:
        return f"<!-- {MARKER} -->"
    if not re.fullmatch(r"[A-Za-z0-9](?:[-._ ]?[A-Za-z0-9])*", name):
        raise ConfigurationError(
            f"--comment {name!r}: use letters and digits, with single - . _ or spaces between them"
        )
    return f"<!-- {MARKER} {name} -->"


def escaped(text: str) -> str:
    """Text as data: whatever Markdown, HTML or GitHub could take for a sign of its own becomes a character reference.

    >>> escaped("a|b <i> @you")
    'a&#124;b &#60;i&#62; &#64;you'
    """
    said = plain(text)
    short = said if len(said) <= LONGEST_NAME else f"{said[: LONGEST_NAME - 1]}…"
    return _quoted(short)


def markdown(report: Report, *, comment: str | None = None) -> str:
    """The whole text, with a line end.

    Args:
        report: What was found.
        comment: Name in the hidden marker, None for the plain one.
    """
    present = [row for row in report.rows if row.state != State.MISSING.value]
    told = [row for row in present if _needs_reader(row)] if len(present) > MOST_ROWS else present
    shown = told[:MOST_ROWS]
    lines = [marker(comment), f"### {_HEADS[report.verdict]}energy: {_sentence(title(report))}", ""]
    lines += [f"**{_sentence(report.sentence)}**", ""]
    lines += [*(f"> {_sentence(label)}" for label in report.labels), *([""] if report.labels else [])]
    lines += _table(report, shown)
    if len(shown) < len(present):
        lines += [f"and {len(present) - len(shown)} more rows; `joules compare --format csv` has all", ""]
    lines += _list("what the gate says", [_sentence(line) for line in sentences(report)])
    lines += why_lines(report.explanations, report.unexplained)
    lines += _list("not compared", _reasons(present))
    new = [row.case for row in _cases(present) if row.state == State.NEW.value]
    lines += _list("new", [code(case) for case in new]) if report.candidate is not None else []
    gone = [row.case for row in _cases(report.rows) if row.state == State.MISSING.value]
    lines += _list("missing", [code(case) for case in gone])
    lines += [f"<sub>{'<br>'.join(_sentence(note) for note in below(report))}</sub>"]
    return "\n".join(lines) + "\n"


def _needs_reader(row: Row) -> bool:
    """Whether a row of a large table is shown: what changed, and what could not be compared."""
    return row.verdict in (Verdict.REGRESSED.value, Verdict.IMPROVED.value) or row.shown is not None


def _sentence(text: str) -> str:
    """A sentence of ours with names in it: as escaped as a name, but never shortened."""
    return calm(_quoted(plain(text)))


def calm(quoted: str, *, commits: bool = False) -> str:
    """Escaped text outside of code; with `commits` their links are wanted.

    GitHub looks for mentions, issues (`#26`, `GH-26`) and commits once more in what is rendered, though not in code: a space
    of no width, which was escaped if it was in the name, parts their sign from what follows, and a commit's digits.
    """
    parted = _ISSUE.sub("&#8203;", quoted)
    parted = parted if commits else _COMMIT.sub(_parted, parted)
    return parted.replace("&#64;", "&#64;&#8203;").replace("&#35;", "&#35;&#8203;")


def _parted(found: re.Match[str]) -> str:
    """Hex digits in pieces that are too short for a commit."""
    size, digits = _SHORTEST_COMMIT - 1, found[0]
    return "&#8203;".join(digits[start : start + size] for start in range(0, len(digits), size))


def _quoted(text: str) -> str:
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", text)


def code(name: str) -> str:
    """A name as data, in code, where GitHub looks for nothing."""
    return f"<code>{escaped(name)}</code>"


def _table(report: Report, rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    several = len({row.metric for row in rows}) > 1
    if report.candidate is None and report.by is None:
        return _measured(report, rows)
    sides = ["first", "this"] if report.by else ["baseline", "candidate"]
    heads = ["case", *([report.by] if report.by else []), *(["metric"] if several else []), *sides]
    left = len(heads) - 2
    heads += ["change", f"{100 * report.level:g} % interval"]
    heads += [*([_sentence(report.control)] if report.control is not None else []), "verdict"]
    names = unique_names(rows)
    lines = [] if several else [f"`{rows[0].metric}`", ""]
    lines += [_line(heads), _line(["---"] * left + ["---:"] * (len(heads) - left - 1) + ["---"])]
    for row in rows:
        cells = [code(names[row.fullname]), *([_sentence(row.of)] if report.by else [])]
        cells += [_sentence(row.metric)] if several else []
        cells += [figure(row.baseline, row.unit), figure(row.candidate, row.unit), change(row), interval(row)]
        cells += [relative(row)] if report.control is not None else []
        lines.append(_line([*cells, _SIGNS.get(row.verdict or "", "") + judged(row)]))
    return [*lines, ""]


def _measured(report: Report, rows: Sequence[Row]) -> list[str]:
    """Of a run that is compared with nothing: what each case takes."""
    heads = ["case", "metric", "mean", f"{100 * report.level:g} % interval", "n"]
    lines = [_line(heads), _line(["---", "---", "---:", "---:", "---:"])]
    names = unique_names(rows)
    for row in rows:
        one = row.candidate
        ends = "" if one is None or one.low is None or one.high is None else _ends(one.low, one.high, row.unit)
        count = "" if one is None else str(one.trials)
        lines.append(_line([code(names[row.fullname]), _sentence(row.metric), figure(one, row.unit), ends, count]))
    return [*lines, ""]


def _ends(low: float, high: float, unit: str) -> str:
    return f"{quantity(low, unit)} to {quantity(high, unit)}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cases(rows: Sequence[Row]) -> list[Row]:
    """The first row of each case."""
    return list({(row.fullname, row.of): row for row in reversed(rows)}.values())[::-1]


def _reasons(rows: Sequence[Row]) -> list[str]:
    """Cases that are not compared, those with the same reasons in one line."""
    reasons: dict[str, list[str]] = {}
    for row in _cases(rows):
        for note in row_notes(row):
            reasons.setdefault(note, []).append(row.case)
    return [
        f"{', '.join(code(case) for case in cases[:MOST_NOTED])}{_more(cases)}: {_sentence(note)}"
        for note, cases in reasons.items()
    ]


def _list(head: str, items: Sequence[str]) -> list[str]:
    if not items:
        return []
    shown = [f"- {item}" for item in items[:MOST_NOTED]]
    more = [f"- and {len(items) - MOST_NOTED} more"] if len(items) > MOST_NOTED else []
    return [f"**{head}**", "", *shown, *more, ""]


def why_lines(cases: Sequence[Told], more: int = 0) -> list[str]:
    """What changes are made of and what they cost: a bullet per case, then `more` that have none, and what costs rest on."""
    lines = [
        f"- **{one.verdict}** {calm(escaped(one.case))}: {_sentence(one.sentence)}. "
        f"Costs: {_sentence(one.costs.sentence)}."
        for one in cases[:MOST_NOTED]
    ]
    more += len(cases[MOST_NOTED:])
    lines += [f"- and {more} more" if cases else f"- {more} are not explained"] if more else []
    lines += ["", *(_sentence(basis) for basis in bases(cases))] if cases else []
    return ["**why, and what it costs**", "", *lines, ""] if lines else []


def _more(cases: Sequence[str]) -> str:
    return f" and {len(cases) - MOST_NOTED} more" if len(cases) > MOST_NOTED else ""

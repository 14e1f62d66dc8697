"""Every `--energy-*` option of the explaining half and its ini twin; how sure it is by default stands in `reports.policy`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import nearest
from reports.boards import all_boards
from reports.explain.prices import Prices, parse_prices
from reports.gate import Limit, parse_limit
from reports.metrics import NAMES, check
from reports.policy import CONFIDENCE

NEWEST = "newest"

STATES = ("no-baseline", "new", "missing", "stale", "incomparable", "other-workload", "inconclusive")
"""What --energy-baseline-policy may fail."""

STALE_DAYS = 30.0
"""A baseline older than this is called stale: drivers, boards and people have changed meanwhile."""

COMPARE = f"compare with a saved run: its number, part of its name, a file, or {NEWEST} (also without a value)"
FAIL = (
    "fail a test whose figure is worse than the baseline's by more than this, a mean's where it is shown to be worse at all; "
    "repeatable: METRIC:STAT:LIMIT, "
    "for example joules_per_output_token:mean:2.5%, or mean:5%; STAT is mean, median, min or max; "
    "implies --energy-compare"
)

CONFIDENCE_HELP = (
    "how sure it has to be that a mean beyond the limit is worse at all (or better) before the case is called REGRESSED (or "
    "IMPROVED), for all cases of the session together and however many rounds are bought (default: 99%)"
)
POLICY = (
    f"what else fails: lenient (nothing, the default), strict (everything), or a comma list of {', '.join(STATES)}; "
    "all but lenient imply --energy-compare"
)

MARKDOWN = (
    "write the session's report to this file as Markdown; appended where it is the file that GITHUB_STEP_SUMMARY names"
)

HTML = "write the session's report to this file as one HTML page that needs no network"

_OPTIONS: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("compare", "NUM|FILE", {"nargs": "?", "const": NEWEST}, COMPARE),
    ("compare-fail", "EXPR", {"action": "append"}, FAIL),
    ("compare-confidence", "PERCENT", {}, CONFIDENCE_HELP),
    ("baseline-policy", "POLICY", {}, POLICY),
    ("columns", "LIST", {}, "metrics to show, comma separated"),
    ("sort", "KEY", {}, "order of the rows: name or a metric, best first (default: as they ran)"),
    ("price-per-kwh", "PRICE", {}, "price of a kilowatt-hour, for what a change costs: 0.30EUR (default: no money)"),
    (
        "grid-g-per-kwh",
        "GRAMS",
        {},
        "grams of CO2e that a kilowatt-hour causes here (default: 458, the world's average)",
    ),
    ("markdown", "PATH", {}, MARKDOWN),
    ("html", "PATH", {}, HTML),
    ("boards", "FILE", {}, "boards beside the table of data sheets, for gap_to_ideal (layout: reports/boards.toml)"),
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user asked for, checked.

    Attributes:
        compare: The run to compare with, as `Store.find` reads it, `NEWEST`, or None for no comparison.
        limits: What fails a case.
        columns: Metric names, empty for the usual ones.
        sort: `name`, a metric, or None for the order of the run.
        confidence: See `gate.Policy`.
        failing: The `STATES` that fail a case, or the session where there is no case.
        prices: Of a kilowatt-hour, for what changes cost.
        markdown: File for the report as Markdown, None for none.
        html: File for the report as a page, None for none.
        boards: File of boards beside the table, None for none.
    """

    compare: str | None
    limits: tuple[Limit, ...]
    columns: tuple[str, ...]
    sort: str | None
    confidence: float = CONFIDENCE
    failing: frozenset[str] = frozenset()
    prices: Prices = field(default_factory=Prices)
    markdown: Path | None = None
    html: Path | None = None
    boards: Path | None = None

    @property
    def comparing(self) -> bool:
        """Whether there is a comparison at all."""
        return self.compare is not None

    @property
    def reference(self) -> str | None:
        """As `Store.find` takes it: None for the newest."""
        return None if self.compare == NEWEST else self.compare


def add_options(parser: pytest.Parser) -> None:
    """Register every option and its ini twin."""
    group = parser.getgroup("energy", "energy as a test result (pytest-joules)")
    for name, metavar, more, text in _OPTIONS:
        dest = f"energy_{name.replace('-', '_')}"
        escaped = text.replace("%", "%%")  # argparse formats its help
        group.addoption(f"--energy-{name}", default=None, metavar=metavar, dest=dest, help=escaped, **more)
        kind: Literal["args", "string"] = "args" if "action" in more else "string"
        parser.addini(dest, text, type=kind, default=None)


def read_options(config: pytest.Config) -> Options:
    """Command line before ini file before default.

    Raises:
        ConfigurationError: A value that cannot be what its option needs.
    """
    compare, fail, columns, sort, confidence, policy, price, grid, markdown, html, boards = (
        config.getoption(name) or config.getini(name) or None
        for name in (
            "energy_compare",
            "energy_compare_fail",
            "energy_columns",
            "energy_sort",
            "energy_compare_confidence",
            "energy_baseline_policy",
            "energy_price_per_kwh",
            "energy_grid_g_per_kwh",
            "energy_markdown",
            "energy_html",
            "energy_boards",
        )
    )
    if config.getoption("energy_compare") == "":
        raise ConfigurationError(f"--energy-compare= is empty; name a run, or write --energy-compare={NEWEST}")
    limits = tuple(dict.fromkeys(parse_limit(expression) for expression in fail or ()))
    failing = _failing(policy or "lenient")
    if compare is None and (limits or failing):
        compare = NEWEST
    return Options(
        compare=_reference(compare),
        limits=limits,
        columns=_columns(columns or ""),
        sort=_sort(sort),
        confidence=_confidence(confidence),
        failing=failing,
        prices=parse_prices(price, grid, ("--energy-price-per-kwh", "--energy-grid-g-per-kwh")),
        markdown=_file(markdown, "--energy-markdown"),
        html=_file(html, "--energy-html"),
        boards=_boards(boards),
    )


def _confidence(text: str | None) -> float:
    try:
        level = CONFIDENCE if text is None else float(text.removesuffix("%")) / 100
    except ValueError:
        level = 0.0
    if not 0.5 <= level < 1:
        raise ConfigurationError(
            f"--energy-compare-confidence={text}: give a percentage from 50 to below 100, for example 99%"
        )
    return level


def _failing(text: str) -> frozenset[str]:
    named = {"lenient": frozenset[str](), "strict": frozenset(STATES)}
    if text in named:
        return named[text]
    words = frozenset(word.strip() for word in text.split(",") if word.strip())
    for word in words or {text}:
        if word not in STATES:
            raise ConfigurationError(
                f"--energy-baseline-policy has no state {word!r}; use lenient, strict, or some of {', '.join(STATES)}"
            )
    return words


def names_a_file(reference: str) -> bool:
    """Whether a run is named by its file, which may not be there yet, and not by its number or part of its name.

    >>> names_a_file("energy/base.json"), names_a_file("0001"), names_a_file("main")
    (True, False, False)
    """
    return reference.lower().endswith(".json") or (os.sep in reference and not Path(reference).name.isdecimal())


def _reference(text: str | None) -> str | None:
    if text is not None and (Path(text).is_dir() or text.endswith(".py") or "::" in text):
        raise ConfigurationError(
            f"--energy-compare took {text!r} as the run to compare with; "
            f"name tests before it, or write --energy-compare={NEWEST}"
        )
    return text


def _file(name: str | None, option: str) -> Path | None:
    """A file that can be written later: found out now, not when everything is measured."""
    if name is None:
        return None
    path = Path(name)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ConfigurationError(f"{option}={name}: name a file in a folder that exists")
    return path


def _boards(name: str | None) -> Path | None:
    """A file of boards that can be read: found out now, not when everything is measured."""
    if name is None:
        return None
    try:
        all_boards(Path(name))
    except ConfigurationError as error:
        raise ConfigurationError(f"--energy-boards: {error}") from error
    return Path(name)


def _columns(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        try:
            check(name)
        except ConfigurationError as error:
            raise ConfigurationError(f"--energy-columns: {error}") from error
    return names


def _sort(name: str | None) -> str | None:
    if name is not None and name not in ("name", *NAMES):
        known = ", ".join(nearest(name, NAMES))
        raise ConfigurationError(f"--energy-sort={name}: use name or a metric, such as {known}")
    return name

"""A Report in the format that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from energy_fixtures.errors import ConfigurationError
from reports.compare.rows import Report
from reports.render.exporters import as_bencher, as_csv, as_github_action_benchmark, as_json
from reports.render.markdown import markdown, marker
from reports.render.text import to_lines

FORMATS: Mapping[str, Callable[[Report], str]] = {
    "markdown": markdown,
    "json": as_json,
    "csv": as_csv,
    "bencher": as_bencher,
    "github-action-benchmark": as_github_action_benchmark,
}
"""Beside `table`."""

ALONE = ("bencher", "github-action-benchmark")
"""Formats that hold one run and need no second one."""


def check(output_format: str, comment: str | None) -> None:
    """Refuse what cannot be written before anything is read.

    Raises:
        ConfigurationError: An unknown format, or a marker that fits none.
    """
    if output_format not in ("table", *FORMATS):
        raise ConfigurationError(f"--format {output_format}: use table, {', '.join(FORMATS)}")
    if comment is not None:
        if output_format != "markdown":
            raise ConfigurationError("--comment names the hidden marker of --format markdown; no other format has one")
        marker(comment)


def rendered(report: Report, output_format: str, comment: str | None, width: int) -> str:
    """The report as text; a table without colour, `width` columns wide."""
    if output_format == "markdown":
        return markdown(report, comment=comment)
    if output_format == "table":
        from reports.render.comparison_table import comparison_report

        return "\n".join(to_lines(comparison_report(report), width=width, colour=False)) + "\n"
    return FORMATS[output_format](report)

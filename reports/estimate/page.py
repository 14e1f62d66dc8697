"""An answer as one self-contained page: no script, no request to anywhere, light and dark by the reader's setting."""

from __future__ import annotations

from html import escape

from reports.estimate.answer import Answer, Swing
from reports.estimate.sections import Section, headline, sections
from reports.render.text import plain

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --line: #c8ccd1; --bar: #2f6f9f; --soft: #57606a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --paper: #14171a; --line: #3d444d; --bar: #7fb7de; --soft: #a0a8b0; }
}
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 2rem 0 0.5rem; }
.table { overflow-x: auto; } table { border-collapse: collapse; }
th, td { padding: 0.25rem 0.75rem; border-bottom: 1px solid var(--line); text-align: right; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child, .text { text-align: left; }
p, li { color: var(--soft); } .said { color: var(--ink); }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; } svg rect { fill: var(--bar); } svg line { stroke: var(--line); }
"""

_TEXT = ("source", "from", "to")


def page(answer: Answer) -> str:
    """The whole page; every name and number from files is escaped."""
    title = _safe(answer.title or "Energy of LLM inference, estimated")
    body = "\n".join(_section(section, answer) for section in sections(answer))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{title}</h1>\n<p class="said">{_safe(headline(answer))}</p>\n{body}\n</main>\n</body>\n</html>\n'
    )


def _section(section: Section, answer: Answer) -> str:
    heading = f"<h2>{_safe(section.heading)}</h2>"
    said = "".join(f"<li>{_safe(sentence)}</li>" for sentence in section.sentences)
    below = f"<ul>{said}</ul>" if said else ""
    picture = _tornado(answer) if "assumption" in section.columns else ""
    return f"<section>{heading}{_table(section)}{picture}{below}</section>"


def _table(section: Section) -> str:
    if not section.columns:
        return ""
    kinds = [' class="text"' if column in _TEXT else "" for column in section.columns]
    head = "".join(
        f'<th scope="col"{kind}>{_safe(name)}</th>' for name, kind in zip(section.columns, kinds, strict=True)
    )
    rows = "".join(f"<tr>{_cells(row, kinds)}</tr>" for row in section.rows)
    label = _safe(section.heading)
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{label}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cells(row: tuple[str, ...], kinds: list[str]) -> str:
    first, *rest = row
    cells = "".join(f"<td{kind}>{_safe(cell)}</td>" for cell, kind in zip(rest, kinds[1:], strict=True))
    return f'<th scope="row">{_safe(first)}</th>{cells}'


def _tornado(answer: Answer) -> str:
    """Bars around the blend's median; the table above holds the same figures."""
    if answer.blend is None:
        return ""
    swings, middle = answer.sensitivity, answer.blend.p50
    ends = [value for swing in swings for value in (swing.low_wh, swing.high_wh)] + [middle]
    low, high = min(ends), max(ends)
    scale = 560 / (high - low) if high > low else 0.0
    height = 26 * len(swings) + 8
    bars = "".join(_bar(number, swing, low, scale) for number, swing in enumerate(swings))
    x = 200 + (middle - low) * scale
    return (
        f'<svg viewBox="0 0 780 {height}" role="img" aria-label="the same as bars; the line is the median of the blend">'
        f'{bars}<line x1="{x:.1f}" y1="0" x2="{x:.1f}" y2="{height}"/></svg>'
    )


def _bar(number: int, swing: Swing, low: float, scale: float) -> str:
    left = min(swing.low_wh, swing.high_wh)
    y = 26 * number + 4
    return (
        f'<text x="0" y="{y + 15}">{_safe(swing.assumption)}</text>'
        f'<rect x="{200 + (left - low) * scale:.1f}" y="{y}" width="{max(1.0, swing.width * scale):.1f}" height="20" rx="2"/>'
    )


def _safe(text: str) -> str:
    return escape(plain(text), quote=True)

"""Photograph a page of `joules report`: `python -m tools.screenshot_report RUN... [--folder=FOLDER]`, in the project's folder.

It needs a Chromium. What lies in docs/pictures was made so from a run of the suite on a CPU; see docs/html.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from reports.explain.prices import Prices
from reports.page.command import inputs, report_page
from reports.page.document import html_of
from tools.browser import Browser

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
STORAGE = Path(".benchmarks")
SIZES = {"report-wide.png": (1100, 1400, False), "report-phone-dark.png": (390, 1400, True)}
"""Width, height and whether it is dark, of each picture."""


def photograph(runs: Sequence[str], folder: Path) -> list[Path]:
    """Write the top of the page of these runs, wide and light, narrow and dark.

    Raises:
        RuntimeError: There is no Chromium.
        ConfigurationError: A run cannot be read.
    """
    page = report_page(inputs(runs, STORAGE, None), STORAGE, None, Prices())
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with tempfile.TemporaryDirectory() as place, Browser() as browser:
        file = Path(place) / "report.html"
        file.write_text(html_of(page), encoding="utf-8")
        for name, (width, height, dark) in SIZES.items():
            tab = browser.open(file, width=width, height=height, dark=dark)
            tab.ask("document.getElementById('contents').open = false")
            (folder / name).write_bytes(tab.picture(whole=False))
            written.append(folder / name)
            tab.close()
    return written


def main(arguments: Sequence[str]) -> None:
    """Photograph these runs, the newest where none is named."""
    runs = [one for one in arguments if not one.startswith("--folder=")]
    named = [one.removeprefix("--folder=") for one in arguments if one.startswith("--folder=")]
    for file in photograph(runs or ["newest"], Path(named[-1]) if named else FOLDER):
        print(file)


if __name__ == "__main__":
    main(sys.argv[1:])

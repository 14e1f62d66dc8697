"""How large the HTML report is, and how long a browser takes to open it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from perf.figure import Figure
from reports.page.cases import Source
from reports.page.content import page_of
from reports.page.document import html_of
from tests.conftest import make_environment, make_result, make_scenario
from tools.browser import Browser, find_chromium

CASES = (1000, 5000)
GOAL_S = {1000: 1.0, 5000: 5.0}
GOAL_EMPTY_MB = 3.0
TIMES = 5
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def figures() -> Iterator[Figure]:
    """A small page, and opening large ones."""
    small = _page(64)
    yield Figure(
        name="the page before its data",
        value=len(small.encode()) / 1e6,
        unit="MB",
        goal=GOAL_EMPTY_MB,
        detail="64 cases; the drawing library is in it",
    )
    if find_chromium() is None:
        print("skip  opening the page: no Chromium on this machine")
        return
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        for cases in CASES:
            file = Path(folder) / f"{cases}.html"
            file.write_text(_page(cases), encoding="utf-8")
            opened_s = []
            for _ in range(TIMES):
                tab = browser.open(file)
                opened_s.append(float(tab.ask(LOADED)) / 1e3)
                tab.close()
            yield Figure(
                name=f"opening the page of {cases:,} cases",
                value=median(opened_s),
                unit="s",
                goal=GOAL_S[cases],
                detail=f"load event, median of {TIMES}, slowest {max(opened_s):.2f} s; {file.stat().st_size / 1e6:.2f} MB",
            )


def _page(cases: int) -> str:
    environment = make_environment(engine={"device": "cuda", "dtype": "bfloat16", "weights": "dummy"})
    results = tuple(
        make_result(
            f"test_x[case-{number}]",
            (8.0 + number / cases, 8.1, 7.9),
            scenario=make_scenario(batch_size=1 + number % 64, input_tokens=8 * (1 + number // 64)),
            environment=environment.key,
        )
        for number in range(cases)
    )
    source = Source(name="0001_x", label="0001_x", results=results, environments={environment.key: environment})
    return html_of(page_of((source,), (), 0.95))

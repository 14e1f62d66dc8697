"""Runs for the page, a browser that opens it, and names that try to break it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.models.architecture import architecture
from energy_fixtures.models.shapes import SHAPES
from energy_fixtures.readings import BoardTrace
from energy_fixtures.records import Decoding, Environment, Result, Span, Speculation, Trial
from reports.compare.rows import Report
from reports.page.cases import Source
from reports.page.content import page_of
from reports.page.document import html_of
from tools.browser import Browser, find_chromium

HOSTILE = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    "<!--<script>",
    "<img src=x onerror='window.hacked = 3'>",
    '"><svg onload="window.hacked=4">',
    "datum.mean) || (window.hacked = 5",
    "{{data}} {{script}} ${window.hacked = 6}",
    "quote \" and ' and ` and \\ and &lt;",
    "bell \x07 escape \x1b[31m line \u2028 null \x00",
    '=HYPERLINK("http://example.invalid")',
)


@pytest.fixture
def source(environment: Callable[..., Environment]) -> Callable[..., Source]:
    """A run of these results, all in one environment."""

    def make(*results: Result, name: str = "0001_first", label: str | None = None, where: object = None) -> Source:
        known = where or environment(engine={"device": "cuda", "dtype": "bfloat16", "weights": "dummy"})
        return Source(
            name=name,
            label=label or name,
            results=results,
            environments={result.environment: known for result in results},  # type: ignore[misc]
        )

    return make


@pytest.fixture
def suite(case: Callable[..., Result]) -> tuple[Result, ...]:
    """A little of every question: two frameworks at two batch sizes and lengths, sampling, guessing ahead, one board's power."""
    found = []
    for engine, batch, tokens in itertools.product(("vllm", "transformers"), (1, 8), (8, 64)):
        joules = (2.0 if engine == "vllm" else 3.0) / batch + tokens / 100
        values = (joules, 1.02 * joules, 0.98 * joules)
        name = f"{engine}-b{batch}-in{tokens}"
        found.append(case(name, values, engine=engine, batch_size=batch, input_tokens=tokens))
    found.append(case("vllm-sample", (2.5, 2.6), question="decoding", decoding=Decoding.sample(top_k=5)))
    found.append(case("vllm-greedy", (2.0, 2.1), question="decoding", doubts=("clock_changed",)))
    for batch, joules in ((1, 1.2), (8, 0.35)):
        guess = Speculation(method="ngram", num_tokens=4, ngram_max=4)
        plain = case(f"plain-b{batch}", (2 / batch, 2.04 / batch), question="speculative", batch_size=batch)
        ahead = case(
            f"ngram-b{batch}", (joules, 1.01 * joules), question="speculative", batch_size=batch, speculation=guess,
            accepted=0.6,
        )  # fmt: skip
        found += [plain, ahead]
    return (*found, with_board(found[0]))


def with_board(result: Result) -> Result:
    """The same as another case of a shape that is known, with a power timeline of its board and prefill measured beside."""
    timeline = tuple((0.1 * step, 200.0 + 20 * step, 40.0 + step) for step in range(10))
    spans = (Span(start_s=0.0, first_token_s=0.3, end_s=0.95),)

    def trial(one: Trial, share: float) -> Trial:
        joules = {name: share * value for name, value in one.reading.energy_j.items()}
        boards = {"gpu:0": BoardTrace(timeline=timeline)}
        reading = msgspec.structs.replace(one.reading, energy_j=joules, boards=boards)
        assert one.generation is not None
        return msgspec.structs.replace(
            one, reading=reading, generation=msgspec.structs.replace(one.generation, spans=spans)
        )

    return msgspec.structs.replace(
        result,
        case="on-a-board",
        fullname="t.py::test_boards[on-a-board]",
        question="boards",
        trials=tuple(trial(one, 1.0) for one in result.trials),
        prefill_trials=tuple(trial(one, 0.25) for one in result.trials),
        architecture=architecture(SHAPES["llama-3.1-8b"].config),
    )


@pytest.fixture
def many(case: Callable[..., Result]) -> Callable[[int], list[Result]]:
    """So many cases over engines, batch sizes and lengths."""

    def make(count: int) -> list[Result]:
        return [
            case(
                f"case-{number}",
                (1 + number % 7, 1.1 + number % 7),
                engine=("vllm", "transformers")[number % 2],
                batch_size=2 ** (number // 2 % 6),
                input_tokens=8 * (1 + number // 12 % 20),
                output_tokens=4 * (1 + number // 240),
            )
            for number in range(count)
        ]

    return make


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """A page of these runs as a file."""

    def write(*sources: Source, reports: tuple[Report, ...] = ()) -> Path:
        path = tmp_path / "report.html"
        path.write_text(html_of(page_of(sources, reports, 0.95)), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium for all tests."""
    if find_chromium() is None:
        pytest.skip("no Chromium on this machine; install chromium to test the page in it")
    with Browser() as found:
        yield found

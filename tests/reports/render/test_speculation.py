from __future__ import annotations

from pathlib import Path

import pytest

from energy_fixtures.records import Speculation
from reports.render.speculation import speculation_table
from reports.render.tables import View
from reports.render.terminal import report
from reports.render.text import to_lines

NGRAM = Speculation(method="ngram", ngram_max=4)
DRAFT = Speculation(method="draft", draft_model="tiny-draft")
VIEW = View(level=0.95)


@pytest.fixture
def printed(environment):
    def show(results, title: str = "energy: speculative, tiny") -> list[str]:
        return to_lines(
            speculation_table(title, results, {environment().key: environment()}, VIEW), width=100, colour=False
        )

    return show


@pytest.fixture
def measured(case):
    """Autoregressive, n-gram and draft at batch 1, 4 and 16 on vLLM, n-gram at batch 1 on Transformers, modelled."""

    def near(value: float) -> list[float]:
        return [value * 0.99, value, value * 1.01]

    def one(name: str, value: float, batch: int, speculation: Speculation | None = None, engine: str = "vllm"):
        doubts = ("modelled_not_measured", *(("acceptance_of_random_weights",) if speculation else ()))
        return case(
            f"{engine}-{name}-b{batch}",
            near(value),
            question="speculative",
            method="modelled",
            doubts=doubts,
            engine=engine,
            batch_size=batch,
            speculation=speculation,
            accepted=0.55 if speculation else None,
        )

    results = [one("autoregressive", 0.060 / batch**0.5, batch) for batch in (1, 4, 16)]
    for batch, share in ((1, 0.7), (4, 0.9), (16, 1.2)):
        results.append(one("ngram", share * 0.060 / batch**0.5, batch, NGRAM))
    for batch, share in ((1, 0.8), (4, 0.85), (16, 0.9)):
        results.append(one("draft", share * 0.060 / batch**0.5, batch, DRAFT))
    return [*results, one("ngram", 0.1, 1, NGRAM, engine="transformers")]


def test_the_table_reads_as_its_golden_copy(measured, printed):
    """Value ± spread of both ways, saving, acceptance and joules per accepted token by batch size, then where it stops."""
    golden = Path(__file__).with_name("speculation.txt")
    got = "\n".join(printed(measured, "energy: speculative, tiny")) + "\n"
    if got != golden.read_text(encoding="utf-8"):
        golden.with_suffix(".got").write_text(got, encoding="utf-8")  # to look at, and to move over when it is right

    assert got == golden.read_text(encoding="utf-8")


def test_nothing_that_guesses_ahead_is_no_table(case, printed):
    """A selection of autoregressive cases leaves the table to the general one."""
    assert printed([case("ar", [1.0, 1.0], question="speculative")]) == []


def test_series_that_share_engine_and_method_are_told_apart(case, printed):
    """Two look-aheads of one method have labels that say which is which."""
    results = [
        case("g2", [1.0, 1.0], speculation=Speculation(method="ngram", ngram_max=4, num_tokens=2)),
        case("g4", [1.0, 1.0], speculation=NGRAM),
    ]
    lines = printed(results)

    assert any(line.startswith("vllm ngram, look-ahead 2 ") for line in lines)
    assert any(line.startswith("vllm ngram, look-ahead 4 ") for line in lines)


def test_a_case_without_a_partner_is_not_lost(case, environment):
    """An autoregressive case whose speculative twin failed still has its row, in a table below."""
    results = [
        case("ar-b1", [1.0, 1.0], question="speculative"),
        case("ng-b1", [0.5, 0.5], question="speculative", speculation=NGRAM),
        case("ar-b64", [1.0, 1.0], question="speculative", batch_size=64),
    ]
    lines = to_lines(report(results, {environment().key: environment()}, VIEW), width=100, colour=False)

    assert any(line.startswith("vllm ngram ") for line in lines)
    assert any(line.startswith("ar-b64 ") for line in lines)
    assert not any(line.startswith("ar-b1 ") for line in lines)

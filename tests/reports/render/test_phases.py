"""Prefill and decode in the report: columns, where they come from, and a note where they do not add up."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
import pytest

from energy_fixtures.phases import NO_TIMES
from energy_fixtures.readings import Reading
from energy_fixtures.records import Environment, Generation, Request, Result, Scenario, Span, Trial
from reports.comparison import Pair, State
from reports.gate import Verdict
from reports.render.phases import phase_doubts, phases_said
from reports.render.tables import Compared, View
from reports.render.terminal import report
from reports.render.text import doubts_of, to_lines

BATCH, INPUT, OUTPUT, ITERATIONS = 8, 128, 64, 4


def window(joules: float, prefill_s: float | None, whole_s: float, output: int, **more: object) -> Trial:
    """A window of four iterations, joules and seconds of each given."""
    one = Request(input_tokens=INPUT, output_tokens=output, finish_reason="length", ttft_s=prefill_s, e2e_s=whole_s)
    spans = tuple(
        Span(
            start_s=number * whole_s,
            first_token_s=None if prefill_s is None else number * whole_s + prefill_s,
            end_s=(number + 1) * whole_s,
        )
        for number in range(ITERATIONS)
    )
    reading = Reading(
        energy_j={"gpu:0": joules * ITERATIONS, "cpu:0": 40.0, "dram:0": 0.96},
        uncertainty_j={"gpu:0": 0.002 * joules * ITERATIONS},
        duration_s=whole_s * ITERATIONS,
        method="counter",
    )
    generation = Generation(requests=(one,) * BATCH * ITERATIONS, spans=spans)
    fields = {"index": 0, "iterations": ITERATIONS, "reading": reading, "generation": generation}
    return Trial(**{**fields, **more})  # type: ignore[arg-type]


def case_of(name: str, prefill_s: float | None = 0.1, **more: object) -> Result:
    """51.2 J in 1 s, 10.24 J of it prefill; `prefill_s` is what the full windows say of their prefill."""
    scenario = Scenario(engine="vllm", model="tiny", batch_size=BATCH, input_tokens=INPUT, output_tokens=OUTPUT)
    fields = {
        "fullname": f"x::{name}",
        "question": "frameworks",
        "case": name,
        "scenario": scenario,
        "environment": "here",
        "scope": ("gpu:0",),
        "trials": tuple(window(51.2, prefill_s, 1.0, OUTPUT, index=index) for index in range(3)),
        "prefill_trials": tuple(window(10.24, 0.1, 0.1, 1, index=index) for index in range(3)),
        "started_at": "2026-01-01T00:00:00+00:00",
        "idle_w": {"gpu:0": 71.0},
    }
    return Result(**{**fields, **more})  # type: ignore[arg-type]


@pytest.fixture
def printed(environment: Callable[..., Environment]) -> Callable[..., list[str]]:
    """The report as lines without colour."""

    def show(results: list[Result], view: View | None = None, width: int = 100) -> list[str]:
        parts = report(results, {"here": environment()}, view or View(level=0.95))
        return to_lines(parts, width=width, colour=False)

    return show


def test_phases_are_columns_where_they_are_known(printed: Callable[..., list[str]]) -> None:
    """Prefill per input token, decode per output token after the first, and below the table what that means."""
    lines = printed([case_of("b8")], width=200)
    text = "\n".join(lines)

    # 10.24 J / 1024 tokens, 40.96 J / 504 tokens, 40.96 J / 2048 tokens
    assert re.search(r"^b8 +100 ± 0\.4 % +10\.0 +81\.3 +20\.0 +51\.2 +512 +3$", text, re.MULTILINE)
    assert "prefill per input token, decode per output token after the first; " in text
    assert "prefill from windows that end at the first token" in text
    assert "host: joules of cpu:0 + dram:0 per output token" in lines


def test_tables_without_phases_say_nothing_of_them(printed: Callable[..., list[str]]) -> None:
    """A run without phases has no such column, caption or note."""
    text = "\n".join(printed([case_of("b8", prefill_trials=())]))

    assert "prefill" not in text
    assert "decode" not in text


def test_the_caption_tells_the_meters_error_and_power_at_rest(printed: Callable[..., list[str]]) -> None:
    """Half of the 95 % interval in percent, and the power of the scope at rest where it was measured."""
    known, unknown = printed([case_of("b8")], width=200), printed([case_of("b8", idle_w={})], width=200)

    assert any("; meter's error ±0.4 % (95 %); idle 71.0 W; " in line for line in known)
    assert not any("idle" in line for line in unknown)


def test_phases_that_do_not_add_up_are_a_note_on_their_row(printed: Callable[..., list[str]]) -> None:
    """The row whose prefill took a fifth longer inside says so with the figures; the other row does not."""
    lines = printed([case_of("good"), case_of("bad", 0.12)], width=300)
    text = "\n".join(lines)

    assert re.search(r"^good .* 3$", text, re.MULTILINE)
    assert re.search(r"^bad .* 3 +1$", text, re.MULTILINE)
    assert "(1) prefill and decode measured apart differ from the whole by more than their errors explain" in text
    assert "(+2.05 J ± 0 J of 51.2 J per iteration); look at both phases with longer windows" in text


def test_a_check_that_cannot_be_made_is_said(result: Callable[..., Result]) -> None:
    """Phases without times are said to be unchecked; without a valid window, to be unknown; without any, nothing."""
    bad = tuple(window(1.0, 0.1, 0.1, 1, index=index, invalid_reasons=("throttled",)) for index in range(2))
    sentences = phase_doubts(case_of("b8", prefill_trials=bad))

    assert phase_doubts(case_of("b8", None)) == (f"phases are not checked: {NO_TIMES}",)
    assert sentences[0].startswith("2 of 2 windows that end at the first token do not count: the board slowed itself")
    assert sentences[1] == "phases are not known: no valid window of each kind"
    assert phase_doubts(result()) == ()
    assert doubts_of(case_of("b8", prefill_trials=bad))[-2:] == sentences


def test_rows_of_both_kinds_are_both_said() -> None:
    """A table without any phases has no sentence; one with some says where they come from."""
    said = phases_said([case_of("b8"), case_of("b1", prefill_trials=())])

    assert said is not None
    assert said.endswith("; prefill from windows that end at the first token")
    assert phases_said([case_of("b1", prefill_trials=())]) is None


def test_tables_with_every_column_fit_100_columns(printed: Callable[..., list[str]]) -> None:
    """Phases and host take the place of what can be told from the rest; on a narrow terminal, of more."""
    results = [case_of("transformers-static-cache-b32"), case_of("vllm-b1", 0.12)]

    assert max(map(len, printed(results))) <= 100
    assert max(map(len, printed(results, View(level=0.95, narrow=True), width=80))) <= 80


def test_a_comparison_keeps_the_phases(printed: Callable[..., list[str]]) -> None:
    """Beside a baseline the table has room for the phases by leaving out power and throughput."""
    one = case_of("b8")
    pair = Pair(state=State.COMPARED, candidate=one, baseline=one)
    compared = {one.fullname: Compared(pair=pair, verdict=Verdict.UNCHANGED)}
    text = "\n".join(printed([one], View(level=0.95, compared=compared), width=200))

    assert re.search(r"prefill +decode *\n", text)
    assert "power" not in text.split("joules of")[0]


@pytest.mark.parametrize("name", ["net_joules_per_output_token", "net_energy_j", "host_joules_per_output_token"])
def test_columns_are_shown_when_named(printed: Callable[..., list[str]], name: str) -> None:
    """A named metric is the table's first column; net needs a baseline for every domain of the scope."""
    named = View(level=0.95, metrics=(name,))

    assert any(re.match(r"^b8 +-?\d+\.?\d* ± 0\.0 % +3$", line) for line in printed([case_of("b8")], named))
    if name.startswith("net"):
        none = msgspec.structs.replace(case_of("b8"), idle_w={"cpu:0": 3.0})
        assert not any("net" in line for line in printed([none], named))

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from energy_fixtures.metrics import METRICS
from energy_fixtures.readings import Reading
from energy_fixtures.records import Trial
from reports.render.tables import View
from reports.render.terminal import report, some
from reports.render.text import plain, to_lines

VIEW = View(level=0.95)


@pytest.fixture
def printed(environment):
    """The report as lines without colour."""

    def show(results, view: View = VIEW, width: int = 100) -> list[str]:
        return to_lines(report(results, {environment().key: environment()}, view), width=width, colour=False)

    return show


def test_a_case_is_a_row_with_value_spread_and_unit(case, printed):
    """The headline metric stands first, with its interval in percent and one prefix for the column."""
    lines = printed([case("vllm-eager-b1", [0.040, 0.041, 0.042]), case("vllm-eager-b2", [0.020, 0.020])])

    assert lines[1] == "energy: frameworks, tiny"
    assert "mJ/token ±" in lines[4]
    assert re.search(r"^vllm-eager-b1 +41\.0 ± 6\.1 % +410 ", "\n".join(lines), re.MULTILINE)
    assert re.search(r"^vllm-eager-b2 +20\.0 ± 0\.0 % ", "\n".join(lines), re.MULTILINE)


def test_the_caption_names_meter_domains_and_level(case, printed):
    """Under every table stands what its joules are."""
    assert "joules of gpu:0; meter zeus (counter); auto; 8 + 10 tokens; ± is the 95 % interval of the mean" in printed(
        [case("b1", [1.0, 1.0])]
    )


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("modelled", "(modelled, not measured)"),
        ("replay", "(replayed, not measured now)"),
        ("simulated", "(simulated, not measured)"),
    ],
)
def test_every_title_says_when_nothing_was_measured(case, printed, method, said):
    """Joules that no meter read are named in the title, also of the speculative table."""
    for question in ("frameworks", "speculative"):
        lines = printed([case("b1", [1.0, 1.0], method=method, question=question)])
        assert f"energy: {question}, tiny {said}" in lines
    assert not any("not measured" in line for line in printed([case("b1", [1.0, 1.0])]))


def test_columns_with_nothing_in_them_are_left_out(case, printed):
    """Acceptance is a column only where something was drafted."""
    view = View(level=0.95, metrics=("joules_per_output_token", "acceptance_rate"))

    assert "acceptance" not in "\n".join(printed([case("b1", [1.0, 1.0])], view))
    lines = "\n".join(printed([case("b1", [1.0, 1.0]), case("b2", [1.0, 1.0], accepted=0.5)], view))
    assert "acceptance" in lines
    assert re.search(r"^b1 .* — ", lines, re.MULTILINE)


def test_doubts_become_numbered_notes(case, printed):
    """A doubt of one case is a numbered sentence with a remedy; a doubt of all cases is said once."""
    lines = printed(
        [
            case("b1", [1.0, 1.0], doubts=("weights_are_dummies",)),
            case("b2", [1.0, 1.0, 1.0], doubts=("weights_are_dummies",), invalid=[("prefix_cache_hit",), (), ()]),
        ],
        width=300,
    )

    text = "\n".join(lines)
    assert re.search(r"^b2 .* 2/3 +1$", text, re.MULTILINE)
    assert "(1) 1 of 3 trials do not count: part of the prompts came from the prefix cache" in text
    assert "keep prefix caching off and let the seed vary by round" in text
    assert text.count("the weights are random numbers") == 1
    assert "all cases: the weights are random numbers" in text


def test_a_case_without_a_valid_trial_is_shown_without_a_number(case, printed):
    """Invalid joules are an em dash, never a zero."""
    lines = "\n".join(printed([case("bad", [1.0], invalid=[("energy_not_positive",)]), case("good", [1.0, 1.0])]))

    assert re.search(r"^bad +— .* 0/1 ", lines, re.MULTILINE)


def test_one_trial_says_that_it_has_no_spread(case, printed):
    """A single trial prints `± ?` and a note."""
    lines = "\n".join(printed([case("b1", [1.0]), case("b2", [1.0, 1.0])]))

    assert re.search(r"^b1 +1\.00 ± \? ", lines, re.MULTILINE)
    assert "(1) one valid trial has no spread" in lines


def test_rows_are_sorted_when_asked(case, printed):
    """By name, or best first by a metric, whichever side is better; what is unknown comes last."""
    results = [case("b", [2.0, 2.0]), case("a", [3.0, 3.0]), case("c", [1.0, 1.0]), case("d", [1.0], invalid=[("x",)])]

    def order(sort: str | None) -> str:
        lines = printed(results, View(level=0.95, sort=sort))
        return "".join(line[0] for line in lines if re.match(r"^[abcd] ", line))

    assert order(None) == "bacd"
    assert order("name") == "abcd"
    assert order("joules_per_output_token") == "cbad"
    assert order("output_tokens_per_joule") == "cbad"


def test_models_have_tables_of_their_own(case, printed):
    """Two models under test are two tables, each named; the question about architectures keeps one."""
    both = [case("b1-x", [1.0, 1.0]), case("b1-y", [1.0, 1.0], model="shape:olmo-1b")]

    assert [line for line in printed(both) if line.startswith("energy: ")] == [
        "energy: frameworks, tiny",
        "energy: frameworks, shape:olmo-1b",
    ]
    moe = [msgspec.structs.replace(result, question="moe") for result in both]
    assert [line for line in printed(moe) if line.startswith("energy: ")] == ["energy: moe"]


def test_a_plain_function_is_judged_per_iteration(result, printed):
    """Without tokens the table shows joules per call and the window."""
    trials = tuple(
        Trial(index=index, iterations=4, reading=Reading(energy_j={"gpu:0": 8.0}, duration_s=2.0, method="counter"))
        for index in range(2)
    )
    lines = "\n".join(printed([result(scenario=None, trials=trials, case="test_f")]))

    assert re.search(r"^test_f +2\.00 ± 0\.0 % +4\.00 +2\.00 +2$", lines, re.MULTILINE)
    assert "iteration" in lines
    assert "token" not in lines


def test_frameworks_end_with_who_takes_the_least(case, printed):
    """Per kind of work, the cheapest case and how much less it takes than the dearest; unequal work is not ranked."""
    lines = printed(
        [
            case("slow-b1", [0.2, 0.2], engine="transformers"),
            case("fast-b1", [0.05, 0.05]),
            case("fast-b8", [0.01, 0.01], batch_size=8),
        ]
    )

    assert "b1: fast-b1 takes the least, 50.0 mJ/token, 75 % less than slow-b1" in lines
    assert not any(line.startswith("b8: ") for line in lines)


def test_a_lead_within_noise_is_not_called_a_lead(case, printed):
    """Where the interval of the ratio holds 1, the closing sentence says so."""
    lines = printed([case("x", [1.0, 1.4]), case("y", [1.1, 1.5])])

    assert any(line.endswith("not shown against y") for line in lines)


def test_the_usual_tables_fit_100_columns(case, printed):
    """The suite's longest ids with every usual column stay within 100 columns, and below with fewer on a narrow terminal."""
    results = [
        case("transformers-static-cache-b32", [0.0412, 0.0413]),
        case("vllm-b1", [1.0, 1.2], invalid=[("x",), ()]),
    ]

    assert max(map(len, printed(results))) <= 100
    assert max(map(len, printed(results, View(level=0.95, narrow=True), width=80))) <= 80


NAMES = st.text(min_size=1, max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    name=NAMES
    | st.sampled_from(["[red]x[/red]", "[/]", "[link=file:///x]y", ":smile:", "\x1b[31mred", "a\nb", "\\[b]"])
)
def test_names_are_data(case, printed, name):
    """No name crashes the report, is taken for markup, or reaches the terminal with a control character."""
    lines = printed([case(name, [1.0, 1.0])], width=400)
    text = "\n".join(lines)

    assert all(letter.isprintable() or letter == "\n" for letter in text)
    if len(plain(name)) <= 36 and plain(name).isascii():
        assert any(line.startswith(plain(name).rstrip()) for line in lines)


VALUES = st.floats(min_value=1e-9, max_value=1e12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(st.lists(VALUES, min_size=1, max_size=4), min_size=1, max_size=5), st.sampled_from(["x", "speculative"])
)
def test_any_joules_can_be_shown(case, printed, samples, question):
    """Tables of any values over twenty decades, in all columns, are printed with every case in them."""
    results = [case(f"case{i}", values, question=question, accepted=0.5) for i, values in enumerate(samples)]
    lines = printed(results, View(level=0.95, metrics=tuple(METRICS)))

    assert all(any(line.startswith(f"case{i} ") for line in lines) for i in range(len(samples)))


def test_colour_is_written_only_where_it_is_wanted(case, environment):
    """Without colour there is no escape sequence; with it the title is bold."""
    parts = report([case("b1", [1.0, 1.0])], {environment().key: environment()}, VIEW)

    assert "\x1b" not in "".join(to_lines(parts, width=100, colour=False))
    assert "\x1b[1m" in "".join(to_lines(parts, width=100, colour=True))


def test_long_lists_of_names_are_cut():
    """Five names are said, the rest is counted."""
    assert some(["a", "b"]) == "a, b"
    assert some(list("abcdefgh")) == "a, b, c, d, e and 3 more"


def test_what_holds_for_all_tables_is_said_once(case, printed):
    """A doubt that every result shares stands below the last table, one that a single table shares below that table."""
    dummy, short = "weights_are_dummies", "window_short_for_meter"
    lines = printed(
        [
            case("b1", [1.0, 1.0], doubts=(dummy, short)),
            case("b2", [1.0, 1.0], doubts=(dummy, short)),
            case("b1", [1.0, 1.0], doubts=(dummy,), question="decoding"),
        ],
        width=200,
    )

    assert sum("the weights are random numbers" in line for line in lines) == 1
    assert lines[-1].startswith("all tables: the weights are random numbers")
    assert sum(line.startswith("all cases: the window was too short") for line in lines) == 1


def test_the_leader_is_held_against_the_runner_up(case, printed):
    """A lead over the dearest is no lead over a close second: the closing sentence names who it is not shown against."""
    lines = printed([case("a", [0.9, 1.1, 1.0]), case("b", [1.11, 0.91, 1.01]), case("c", [3.0, 3.01, 2.99])])

    assert any(line.endswith("67 % less than c; not shown against b") for line in lines)

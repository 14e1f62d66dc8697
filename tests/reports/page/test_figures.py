"""What is drawn follows from the cases: groups that are equal but for one thing, fronts, splits, labels."""

from __future__ import annotations

import json
from itertools import pairwise

import altair
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.records import Decoding
from reports.page.cases import PER_TOKEN, cases_of, labels_of, told_apart
from reports.page.content import page_of
from reports.page.draw import axis, narrowed
from reports.page.sections import axes, latency
from tests.reports.page.conftest import HOSTILE

FRAMEWORK, DECODING, BATCH = axes.WAYS


def figures(page):
    """Every figure of a page by name."""
    return {figure.name: figure for section in page.sections for figure in section.figures}


def test_works_are_equal_but_for_the_axis(case, source):
    """Cases form a kind of work along batch size when all else is equal; one that differs in its length stands alone."""
    results = [case(f"b{batch}", (8 / batch, 8 / batch), batch_size=batch) for batch in (1, 2, 4)]
    results.append(case("longer", (1.0, 1.0), batch_size=8, input_tokens=99))
    (work,) = axes.works(cases_of([source(*results)], 0.95), BATCH)

    assert [(value, case.result.case) for value, case in work.members] == [(1, "b1"), (2, "b2"), (4, "b4")]
    assert work.smallest == 8.0 and work.cheapest == 2.0


def test_data_parallel_cases_have_a_batch_axis(case, source):
    """A batch of two copies, which no batch of one could feed, lies on the axis too."""
    results = [case(f"b{batch}", (1.0, 1.0), batch_size=batch, data_parallel=2) for batch in (2, 4)]

    assert len(axes.works(cases_of([source(*results)], 0.95), BATCH)) == 1


def test_two_runs_are_not_mixed(case, source):
    """The same two cases in two runs are two kinds of work, labelled by their runs."""
    results = [case(f"b{batch}", (1.0, 1.0), batch_size=batch) for batch in (1, 2)]
    cases = cases_of([source(*results, label="old"), source(*results, label="new")], 0.95)

    assert [work.source for work in axes.works(cases, BATCH)] == ["old", "new"]
    assert [case.name for case in cases] == ["b1 · old", "b2 · old", "b1 · new", "b2 · new"]


def test_many_kinds_of_work_become_an_overview(case, source):
    """Over ten lengths the dearer framework takes 1.5 times the joules in the median, and nobody has to read ten dots."""
    results = [
        case(f"{engine}-{tokens}", (joules * tokens, joules * tokens), engine=engine, input_tokens=tokens)
        for tokens in range(1, 11)
        for engine, joules in (("vllm", 2.0), ("transformers", 3.0))
    ]
    section = axes.section(cases_of([source(*results)], 0.95), FRAMEWORK)
    assert section is not None
    overview = section.figures[0]

    assert section.said == ("In 10 of 10 comparisons of the same work the fewest joules per token: vllm eager.",)
    assert [(row["value"], row["works"], row["middle"]) for row in overview.rows] == [
        ("vllm eager", 10, 1.0),
        ("transformers eager", 10, 1.5),
    ]


def test_the_front_holds_what_nothing_beats(case, source):
    """Of four cases the one that another beats in joules and ties in time is not on the front."""
    results = [
        case(f"c{joules}", (joules, joules), batch_size=batch) for batch, joules in ((1, 4.0), (2, 1.0), (4, 2.0))
    ]
    cases = cases_of([source(*results)], 0.95)

    assert [case.result.case for case in latency.front(cases)] == ["c1.0"]


class _Mean:
    def __init__(self, center: float) -> None:
        self.center = center


class _Case:
    def __init__(self, tpot: float, joules: float) -> None:
        self.means = {"tpot": _Mean(tpot), PER_TOKEN: _Mean(joules)}


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=30))
def test_every_case_is_on_the_front_or_beaten(points):
    """The front falls strictly, and whatever is not on it is matched or beaten in both by something that is."""
    cases = [_Case(tpot, joules) for tpot, joules in points]
    found = [(one.means["tpot"].center, one.means[PER_TOKEN].center) for one in latency.front(cases)]  # type: ignore[arg-type]

    assert all(slow[0] > fast[0] and slow[1] < fast[1] for fast, slow in pairwise(found))
    assert all(any(tpot <= one[0] and joules <= one[1] for tpot, joules in found) for one in points)


def test_labels_name_what_differs(scenario):
    """A label has the parts that differ alone; equal scenarios are numbered."""
    scenarios = [scenario(batch_size=1), scenario(batch_size=8), scenario(batch_size=8, decoding=Decoding.beam(4))]

    assert told_apart(scenarios, ("model", "decoding", "batch")) == [
        "greedy · b1",
        "greedy · b8",
        "beam num_beams 4 · b8",
    ]
    assert told_apart([scenario(), scenario(seed=1)], ("model", "batch")) == ["same work", "#2"]


def test_runs_are_called_by_board_number_or_name(environment):
    """Boards tell runs apart where they differ, else the saved number, else the whole name."""
    here, there = {"k": environment()}, {"k": environment(boards=({"name": "NVIDIA A100"},))}
    saved = ["0001_6050dc8c_20261121_132133", "0002_6050dc8c_20261121_132528_uncommitted-changes"]

    assert labels_of(["a", "b"], [here, there]) == ["NVIDIA H200, 700 W", "NVIDIA A100"]
    assert labels_of(saved, [here, here]) == ["0001", "0002"]
    assert labels_of([saved[0], saved[1], saved[0]], [here, here, there]) == [
        "0001 · NVIDIA H200, 700 W",
        "0002 · NVIDIA H200, 700 W",
        "0001 · NVIDIA A100",
    ]
    assert labels_of(["same", "same"], [here, here]) == ["same #1", "same #2"]


def test_specifications_are_vega_lite(source, suite):
    """Altair accepts every specification of the page."""
    drawn = [figure.spec for figure in figures(page_of([source(*suite)], [], 0.95)).values() if figure.spec is not None]

    assert len(drawn) >= 9
    for spec in drawn:
        altair.LayerChart.from_dict(json.loads(json.dumps(spec)))


def strings(part: object, inside: str = "") -> list[str]:
    """Every text of a specification but the values of scales' domains."""
    if isinstance(part, dict):
        return [text for key, value in part.items() if key != "domain" for text in strings(value, key)]
    if isinstance(part, list):
        return [text for value in part for text in strings(value, inside)]
    return [part] if isinstance(part, str) else []


def test_no_name_can_become_an_expression(case, source):
    """Of a specification only the domains of scales, which are values, hold names of results."""
    results = [
        case(name, (1.0 + at, 2.0 + at), batch_size=2**at, model=name, engine=engine)
        for at, name in enumerate(HOSTILE)
        for engine in ("vllm", "transformers")
    ]
    harmless = [case(f"c{at}", (1.0 + at, 2.0 + at), batch_size=2**at) for at in range(3)]
    same = {
        text for figure in figures(page_of([source(*harmless)], [], 0.95)).values() for text in strings(figure.spec)
    }
    seen = {text for figure in figures(page_of([source(*results)], [], 0.95)).values() for text in strings(figure.spec)}

    assert len(same) > 20
    assert [text for text in seen if any(name in text for name in HOSTILE)] == []


@pytest.mark.parametrize(
    ("values", "kind", "title"),
    [
        ([0.001, 0.002], None, "energy, mJ/token"),
        ([0.001, 1.0], "log", "energy, J/token, log"),
        ([-0.5, 100.0], None, "energy, J/token"),
        ([], None, "energy, J/token"),
    ],
)
def test_an_axis_suits_its_values(values, kind, title):
    """One prefix for all labels; logarithmic where values spread widely and are above zero."""
    found = axis("mean", "energy", "J/token", values)

    assert found["scale"].get("type") == kind
    assert found["title"] == title


def test_a_chosen_part_has_its_own_legend_and_height(source, suite):
    """Of one question only what occurs there is in the legend, and layers without rows are gone."""
    page = figures(page_of([source(*suite)], [], 0.95))
    batch = page["by-batch"]
    assert batch.spec is not None and batch.chooser == "question"
    drawn = [row for row in batch.datasets["drawn"] if row["question"] == "speculative"]
    found = narrowed(batch.spec, {"table": batch.rows, "drawn": drawn})

    assert found["layer"][0]["encoding"]["color"]["scale"]["domain"] == ["greedy", "greedy + ngram ahead by 4"]
    assert narrowed(batch.spec, {"table": batch.rows, "drawn": []})["layer"] == []


def test_what_is_absent_is_said(case, source):
    """A run of one case has no axis, and the page says in a line each what would make the missing sections."""
    page = page_of([source(case("only", (2.0, 2.2)))], [], 0.95)

    assert page.verdict.startswith("Measured 1 case: only takes 2.10 J/token (95 %: ")
    assert [section.name for section in page.sections] == ["all", "doubts", "environment"]
    assert (
        "Prefill and decode: not told apart; measure with --energy-phases, or on a board with a power timeline."
        in page.absent
    )


def test_the_verdict_names_the_cheapest_and_the_dearest(case, source):
    """Without a baseline the sentence is about who takes the fewest joules."""
    page = page_of([source(case("good", (2.0, 2.0)), case("bad", (8.0, 8.0), method="counter"))], [], 0.95)

    assert page.verdict == (
        "Of 2 cases, good takes the fewest joules per output token, 2.00 J/token (95 %: 2.00 to 2.00); "
        "bad the most, 8.00 J/token (95 %: 8.00 to 8.00), 4 times as much."
    )


def test_only_the_same_work_is_ranked(case, source):
    """A verdict ranks the cases of the kind of work that most do, and leaves those of other lengths out."""
    results = [case(f"b{batch}", (4 / batch, 4 / batch), batch_size=batch) for batch in (1, 4)]
    page = page_of([source(*results, case("longer", (0.1, 0.1), output_tokens=999))], [], 0.95)

    assert page.verdict == (
        "Of 2 cases of the same work (8 + 10 tokens), 3 in all, b4 takes the fewest joules per output token, "
        "1.00 J/token (95 %: 1.00 to 1.00); b1 the most, 4.00 J/token (95 %: 4.00 to 4.00), 4 times as much."
    )


def test_joules_that_are_not_measured_are_labelled(case, source):
    """The page says so above everything else."""
    assert page_of([source(case("a", (1.0, 1.0), method="modelled"))], [], 0.95).labels == (
        "joules are modelled, not measured",
    )


def test_phases_are_shares_of_the_whole(source, suite):
    """A prefill that takes a quarter of the joules beside has a share of a quarter."""
    rows = figures(page_of([source(*suite)], [], 0.95))["phases"].rows

    assert [(row["case"], row["share"]) for row in rows] == [("on-a-board", pytest.approx(0.25))]


def test_the_gap_says_why_it_is_unknown(source, suite):
    """The one case of a known shape has a gap, and the others' reason stands below it."""
    gap = figures(page_of([source(*suite)], [], 0.95))["gap"]

    assert [row["case"] for row in gap.rows] == ["on-a-board"]
    assert (
        f"Unknown: the result does not carry the shape of its model ({len(suite) - 1} of {len(suite)} cases)."
        in gap.notes
    )


def test_windows_lie_one_behind_the_other(source, suite):
    """Timelines of three windows are drawn with a gap between, each window and its prefill marked."""
    figure = figures(page_of([source(*suite)], [], 0.95))["timelines"]
    windows = figure.datasets["windows"]

    assert [(row["begin"], row["end"]) for row in windows] == [(0.0, 1.0), (1.04, 2.04), (2.08, 3.08)]
    assert [(row["begin"], row["end"]) for row in figure.datasets["prefill"]] == [
        (0.0, 0.3),
        (1.04, 1.34),
        (2.08, 2.38),
    ]
    assert [row["s"] for row in figure.rows][9:12] == [0.9, 1.04, 1.14]

"""The page of one board, made from its raw files: what is measured, what is missing, and what is only a rehearsal."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.models.architecture import architecture
from energy_fixtures.models.synthetic import synthetic
from energy_fixtures.origin import Origin
from energy_fixtures.records import SCHEMA_VERSION, Environment, Result, Run, Speculation
from reports.break_even import series_of
from tests.conftest import make_environment, make_result, make_scenario
from tests.evidence_folder import HERE, SIMULATED, result, written
from tools import results_page
from tools.results.answers import break_even
from tools.results.checks import checks_of

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Write:
    """Writes runs as run_board.sh leaves them."""
    return partial(written, tmp_path / "board-2026-11-21")


def made(evidence: Path, tmp_path: Path) -> str:
    """The page that the command writes."""
    page = tmp_path / "results-h200.md"
    assert results_page.main([str(evidence), "-o", str(page)]) == 0
    return page.read_text()


def test_a_page_says_what_is_missing(folder: Write, tmp_path: Path):
    """Of a folder with one stage, every other stage is named with the command that measures it, and no table is empty."""
    page = made(folder({"vllm-frameworks": [result("vllm-eager-b2", 8.0)]}), tmp_path)

    for stage in ("doctor", "window", "headline", "speculative", "moe", "serving", "truth", "dataset"):
        assert f"run the stage {stage}" in page
    assert "run the stage vllm" not in page.split("## vLLM")[1]
    assert "NVIDIA H200" in page.splitlines()[0]
    assert "vllm-eager-b2" in page
    assert "NOT MEASURED" not in page


@pytest.mark.parametrize(
    ("environment", "head", "why"),
    [
        (SIMULATED, "# 2026-11-21 abc all", "simulated board"),
        (HERE, "# 2026-11-21 abc all, REHEARSED on a simulated board: nothing here was measured", "simulated board"),
        (make_environment(engine={"device": "cpu", "weights": "dummy"}), "#", "a board that did none of the work"),
    ],
)
def test_a_rehearsal_is_labelled_everywhere(
    folder: Write, tmp_path: Path, environment: Environment, head: str, why: str
):
    """Title, every table and every listing of a run that no working board was metered in say that nothing was measured."""
    shapes = [result("a", 8.0, environment=environment), result("b", 9.0, environment=environment, batch_size=3)]
    page = made(folder({"vllm-frameworks": shapes, "window-1": shapes}, environment, head), tmp_path)

    label = "REHEARSED, NOT MEASURED"
    assert page.startswith(f"# {label}") and why in page.splitlines()[0]
    lines = page.splitlines()
    for number, line in enumerate(lines):
        table = line.startswith("|") and not lines[number - 1].startswith("|")
        listing = line.endswith("text") and line.startswith("```")
        items = line.startswith("- ") and not lines[number - 1].startswith("- ")
        if table or items or listing or line.startswith("!["):
            assert any(label in above for above in lines[max(0, number - 4) : number]), line
    assert label in (tmp_path / "pictures" / "results-h200-windows.svg").read_text()


def test_modelled_joules_are_labelled(folder: Write, tmp_path: Path):
    """Joules that no meter measured never make a page of measurements."""
    modelled = result("a", 8.0)
    trials = tuple(
        msgspec.structs.replace(one, reading=msgspec.structs.replace(one.reading, method="modelled"))
        for one in modelled.trials
    )
    page = made(folder({"vllm-frameworks": [msgspec.structs.replace(modelled, trials=trials)]}), tmp_path)
    assert page.startswith("# REHEARSED, NOT MEASURED: joules modelled, not measured")


def test_names_in_files_are_data(folder: Write, tmp_path: Path):
    """A case's name, a board's, a command and a file's name neither become markup nor close a code block."""
    evil = "```\n# <script>alert(1)</script> [x](http://e.example) @you \x1b[31m| y"
    there = make_environment(boards=({"name": evil},))
    place = folder({"vllm-frameworks": [result(evil, 8.0, environment=there)]}, there, head=f"# {evil}")
    (place / "evil<b>.json.gz").write_bytes(gzip.compress(b"{}"))
    page = made(place, tmp_path)

    assert "\x1b" not in page
    outside, fence = [], None
    for line in page.splitlines():
        if fence is None and line.startswith("```"):
            fence = line.removesuffix("text")
        elif fence is not None and line == fence:
            fence = None
        elif fence is None:
            outside.append(line)
    assert fence is None and outside
    assert not any(sign in line for line in outside for sign in ("<script", "](http", "@you", "<b>"))
    assert sum(line.startswith("# ") for line in outside) == 1


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(b"{")[:-4], gzip.compress(b"[" * 9000)])
def test_a_broken_file_is_said_and_the_others_are_read(folder: Write, tmp_path: Path, content: bytes):
    """What cannot be read is named on the page; nothing else is lost."""
    place = folder({"vllm-frameworks": [result("vllm-eager-b2", 8.0)]})
    (place / "moe-vllm.json.gz").write_bytes(content)
    page = made(place, tmp_path)
    assert "moe-vllm.json.gz is left out" in page
    assert "vllm-eager-b2" in page


def test_no_folder_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A folder that is not there ends with 4 and one sentence."""
    assert results_page.main([str(tmp_path / "none"), "-o", str(tmp_path / "page.md")]) == 4
    assert "is no folder" in capsys.readouterr().err


def test_published_shapes_pass_fail_or_stay_open():
    """By hand: 2.2 times is within 1.5 of 2.19, 5 times is not, and an interval across the limit shows neither."""

    def verdict(factor: float) -> str:
        first = result("P1", 1.0, question="geometry", input_tokens=100, output_tokens=100)
        second = result("P2", factor, question="geometry", input_tokens=900, output_tokens=100)
        (check,) = checks_of([first, second], 0.95)
        assert check.change.value == pytest.approx(factor)
        return check.verdict

    assert (verdict(2.2), verdict(5.0), verdict(1.5 * 2.19)) == ("pass", "fail", "open")


def test_decode_is_linear_where_late_tokens_cost_as_much_as_early_ones():
    """By hand: 10, 20 and 40 J at 100, 200 and 400 tokens are 0.1 J a token throughout; 80 J at the end are thrice that."""

    def check(last_j: float) -> tuple[float, str]:
        lengths = {100: 10.0, 200: 20.0, 400: last_j}
        rows = [
            result(f"out{tokens}", joules, question="geometry", output_tokens=tokens)
            for tokens, joules in lengths.items()
        ]
        (found,) = checks_of(rows, 0.95)
        return round(found.change.value or 0, 6), found.verdict

    assert check(40.0) == (1.0, "pass")
    assert check(80.0) == (3.0, "fail")


def test_break_even_has_an_interval():
    """By hand: savings of 0.1 at 8 and -0.1 at 32 cross at 16; what the intervals allow lies on both sides of it."""
    guess = Speculation(method="ngram", ngram_max=4)
    rows = []
    for batch, saving in ((8, 0.1), (32, -0.1)):
        rows.append(result(f"ar{batch}", 1.0, batch_size=batch))
        rows.append(result(f"ng{batch}", 1 - saving, batch_size=batch, speculation=guess))
    (series,) = series_of(rows, 0.95)
    found = break_even(series.points)

    assert found.likely == "16"
    assert 8 < float(found.surely) < 16 < float(found.at_most) < 32


@pytest.mark.parametrize(
    ("savings", "found"),
    [
        ({1: -0.2, 8: 0.2, 32: -0.2}, ("below 1", "below 1", "16")),
        ({1: 0.2, 8: 0.3}, ("above 8", "above 8", "above 8")),
        ({1: -0.2, 8: -0.3}, ("below 1", "below 1", "below 1")),
    ],
)
def test_break_even_outside_of_what_was_measured(savings: dict[int, float], found: tuple[str, str, str]):
    """Where it never, always or not from the first batch on pays, no batch size is made up; spreads of nothing decide."""
    guess = Speculation(method="ngram", ngram_max=4)
    rows = []
    for batch, saving in savings.items():
        level = {"batch_size": batch}
        rows.append(make_result(f"ar{batch}", (2.0,) * 3, scenario=make_scenario(**level)))
        rows.append(
            make_result(f"ng{batch}", (2 - 2 * saving,) * 3, scenario=make_scenario(speculation=guess, **level))
        )
    (series,) = series_of(rows, 0.95)
    even = break_even(series.points)
    assert (even.surely, even.likely, even.at_most) == found


def cell(stack: str, execution: str, joules: float) -> Result:
    """One cell of a workload that it alone makes up: 10 requests in batches of 2."""
    made = result(f"burstgpt-{stack}", joules, question="workloads", engine=stack, execution=execution)
    params = {"workload": "burstgpt-like", "synthetic": True, "requests": 10, "workload_requests": 10, "left_out": 0}
    return msgspec.structs.replace(made, params=params)


def test_the_headline_stands_beside_table_4(folder: Write, tmp_path: Path):
    """By hand: 2.7 J against 10 J a request is 73 % less, beside the paper's -73.00 %, and the page begins with it."""
    stacks = {"headline-transformers-eager": [cell("transformers", "eager", 10.0)]}
    stacks["headline-vllm-cuda-graphs"] = [cell("vllm", "cuda_graphs", 2.7)]
    page = made(folder(stacks), tmp_path)

    (row,) = [line for line in page.splitlines() if line.startswith("| burstgpt-like (synthetic) | vllm cuda graphs")]
    assert "| -73.00 % (" in row and row.endswith("| -73.00 % |")
    assert "burstgpt-like: vllm cuda graphs changes energy by -73.00 %" in page.split("## ")[0]


def test_experts_stand_against_dense(folder: Write, tmp_path: Path):
    """By hand: 15 J against 10 J a request is 1.5 times as much, beside the published figure."""
    pair = [result("vllm-dense-b2", 10.0, question="moe"), result("vllm-moe-b2", 15.0, question="moe", model="other")]
    page = made(folder({"moe-vllm": pair}), tmp_path)
    assert "| vllm mixture of experts / dense | 2 | ×1.50 |" in page
    assert "+54.24 %" in page


def test_the_truth_test_counts_false_alarms_and_finds_a_known_change(folder: Write, tmp_path: Path):
    """The same work has no alarm; 3 % for one layer of 32 more lies between no change and 33 / 32, 9 % does not."""
    place = folder({"vllm-frameworks": [result("a", 8.0)]})
    figure = {"mean": 1.0, "low": 0.9, "high": 1.1, "trials": 5}
    row = {"case": "a", "question": "x", "fullname": "x::a", "metric": "joules_per_output_token", "unit": "J/token"}
    row |= {"direction": "lower", "method": "counter", "scope": ["gpu:0"], "where": "", "state": "compared"}
    row |= {"baseline": figure, "candidate": figure, "change": {"ratio": 1.001, "low": 0.99, "high": 1.01}}
    row |= {"verdict": "UNCHANGED", "sentences": [], "differences": [], "notes": []}
    same = {"verdict": "passed", "sentence": "", "baseline": "a", "candidate": "b", "by": None, "level": 0.95}
    same |= {"limits": ["mean:2%"], "labels": [], "counts": {}, "rows": [row], "notes": [], "environment": ""}
    (place / "truth-same.json.gz").write_bytes(gzip.compress(msgspec.json.encode(same)))

    def case(name: str, low: float, high: float) -> dict[str, object]:
        sides: dict[str, object] = dict.fromkeys(("a", "b", "a_blocks", "b_blocks", "sentences", "differences"), ())
        known = {"case": name, "fullname": name, "state": "compared", "metric": "m", "unit": "J", "method": "counter"}
        return {**sides, **known, "ratio": (low + high) / 2, "low": low, "high": high, "verdict": "REGRESSED"}

    layer: dict[str, object] = {"schema_version": 1, "a": "--energy-model synthetic:l32-h8-a1-kv1-f8"}
    layer |= {
        "b": "--energy-model synthetic:l33-h8-a1-kv1-f8",
        "how": "",
        "order": "ABBA",
        "took_s": 1.0,
        "energy_j": 1.0,
    }
    layer |= {
        "stopped": None,
        "limits": [],
        "level": 0.95,
        "drift": {},
        "cases": [case("x", 1.02, 1.04), case("y", 1.08, 1.1), case("z", 0.9, 1.2)],
    }
    layer |= dict.fromkeys(("missing", "ignored", "differing", "explanations", "notes"), ())
    (place / "truth-layer.json.gz").write_bytes(gzip.compress(msgspec.json.encode(layer)))
    page = made(place, tmp_path)

    assert "the same work twice: false alarms 0, cases 1" in page
    assert "expected between 1 and 1.031" in page
    assert [line.rsplit("| ", 1)[1] for line in page.splitlines() if line.startswith(("| x |", "| y |", "| z |"))] == [
        "right |",
        "WRONG |",
        "not shown |",
    ]


def test_phases_that_were_not_measured_are_said(folder: Write, tmp_path: Path):
    """Without windows that end at the first token no closure is claimed."""
    page = made(folder({"vllm-frameworks": [result("a", 8.0)]}), tmp_path)
    assert "No case has windows that end at the first token" in page


def test_the_gap_to_the_ideal_stands_below_the_figures(folder: Write, tmp_path: Path):
    """Where board and shape are known, joules stand beside the floor of the board's data sheet."""
    shape = architecture(synthetic("synthetic:l2-h64-a4-kv2-f128"))
    there = make_environment(engine={"device": "cuda", "dtype": "bfloat16"})
    known = msgspec.structs.replace(result("a", 8.0, environment=there, dtype="bfloat16"), architecture=shape)
    page = made(folder({"vllm-frameworks": [known]}, there), tmp_path)
    assert "vLLM: gap to the ideal" in page


def test_files_of_two_boards_are_said(folder: Write, tmp_path: Path):
    """Two boards of one name are not one board: the page says how many there are."""
    other = make_environment(boards=({"name": "NVIDIA H200", "uuid": "GPU-2"},))
    place = folder({"vllm-frameworks": [result("a", 8.0)]})
    folder({"moe-vllm": [result("b", 8.0, environment=other)]}, other)
    assert "The files are of 2 different boards" in made(place, tmp_path)


def test_a_run_that_was_cut_off_is_said(folder: Write, tmp_path: Path):
    """What a stage finished stands on the page, and that it is not all."""
    place = folder({"vllm-frameworks": [result("a", 8.0)]})
    run = Run(
        schema_version=SCHEMA_VERSION,
        environments={HERE.key: HERE},
        results=(result("b", 9.0, question="moe"),),
        unfinished=Origin(),
    )
    (place / "moe-vllm.json").write_bytes(msgspec.json.encode({"energy": run}))
    assert "moe-vllm was cut off: run its stage again" in made(place, tmp_path)

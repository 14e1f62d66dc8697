"""`joules report`: which runs, what it refuses, what it prints and writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.records import Environment, Result, Run
from reports.cli import main


@pytest.fixture
def saved(
    tmp_path: Path, case: Callable[..., Result], run_of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Write a run of two cases with these joules per token; the folder is the current one."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, joules: float, where: Environment | None = None) -> Path:
        results = [
            case(f"b{batch}", tuple(joules / batch * share for share in (0.99, 1.0, 1.01)), batch_size=batch)
            for batch in (1, 2)
        ]
        path = tmp_path / f"{name}.json"
        path.write_bytes(msgspec.json.encode({"energy": run_of(*results, where=where)}))
        return path

    return write


def test_a_run_is_a_page(saved, capsys):
    """One run gives a page; its verdict and where the page lies are said."""
    saved("first", 2.0)

    assert main(["report", "first.json", "-o", "page.html"]) == 0
    said = capsys.readouterr().err
    assert "Of 2 cases, b2 takes the fewest joules per output token, 1.00 J/token" in said
    assert "page.html" in said
    assert Path("page.html").read_text().startswith("<!doctype html>")


def test_two_runs_are_compared(saved, capsys):
    """The second run is held against the first, and the page begins with what changed."""
    saved("first", 2.0)
    saved("second", 4.0)

    assert main(["report", "first.json", "second.json", "-o", "page.html", "--plots", "plots"]) == 0
    assert "second against first: of 2 figures compared: 2 worse than before" in capsys.readouterr().err
    assert "What changed: second against first" in Path("page.html").read_text()
    assert {"changes.png", "changes.svg", "by-batch.svg"} <= {file.name for file in Path("plots").iterdir()}


def test_two_boards_are_side_by_side(saved, environment, capsys):
    """Runs of two boards are compared with the label that sensors differ, and are called by their boards."""
    saved("first", 2.0)
    other = environment(boards=({"name": "NVIDIA A100", "uuid": "GPU-2", "power_limit_w": 400.0},))
    saved("second", 4.0, other)

    assert main(["report", "first.json", "second.json"]) == 0
    page = Path("report.html").read_text()
    assert "across boards, by choice and not normalised" in page.lower()
    assert '<th scope="col">NVIDIA H200, 700 W</th><th scope="col">NVIDIA A100, 400 W</th>' in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["first.json", "first.json"], "the same run was named twice; name each run once"),
        (["nowhere.json"], "no result file and no run saved under .benchmarks matches 'nowhere.json'"),
        (["first.json", "-o", "first.json"], "-o first.json is what the answer is made from; name another file"),
        (["first.json", "--plots", "first.json"], "--plots first.json: name a folder"),
        (["first.json"] * 9, "a page shows 1 to 8 runs, not 9"),
        (["first.json", "--boards", "none.toml"], "none.toml"),
        (["first.json", "--price-per-kwh", "cheap"], "--price-per-kwh=cheap"),
        (["empty.json"], "empty.json holds no result; measure again, or name another run"),
    ],
)
def test_wrong_use_is_one_sentence(saved, run_of, capsys, arguments, words):
    """What cannot be shown is told with exit status 4, and nothing is written."""
    saved("first", 2.0)
    Path("empty.json").write_bytes(msgspec.json.encode({"energy": run_of()}))

    assert main(["report", *arguments]) == 4
    assert words in capsys.readouterr().err
    assert not Path("report.html").exists()

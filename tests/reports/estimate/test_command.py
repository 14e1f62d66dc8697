"""`joules estimate` as a person types it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.errors import ConfigurationError
from reports.estimate.answer import Answer

Command = Callable[..., str]

RAY = importlib.util.find_spec("ray") is not None


def test_bare_it_answers_with_the_base_case(command: Command) -> None:
    """Without a word it gives the published base case, says so, and the refined method beside it."""
    printed = command("--draws", "20000")
    assert printed.startswith("estimated bottom-up, not measured: released method, the base case, v2 parameters")
    assert "the same blend, refined method" in printed
    assert "DeepSeek-R1" in printed


def test_json_is_one_answer(command: Command) -> None:
    """--format json prints one Answer and nothing else; what was not asked is null or empty."""
    answer = msgspec.json.decode(command("--draws", "500", "--format", "json", "--method", "refined"), type=Answer)
    assert (answer.method, answer.fleet, answer.levers, answer.trace) == ("refined", None, (), None)
    assert len(answer.models) == 5


def test_everything_at_once(command: Command, tmp_path: Path) -> None:
    """A scenario file, sets, a fleet, levers, sensitivity, a picture and a page go together."""
    scenario = tmp_path / "mine.toml"
    scenario.write_text('title = "Ours"\ndraws = 500\nregime = "test-time"\n[fleet]\nlong_share = 0.2\n')
    picture, page = tmp_path / "tornado.svg", tmp_path / "page.html"
    arguments = ("--set", "node.power_kw=9", "--fleet", "1e6", "--levers", "all", "--sensitivity", "--plot", picture)
    assert command(scenario, *arguments, "--format", "html", "-o", page) == ""
    text = page.read_text()
    assert all(words in text for words in ("<h1>Ours</h1>", "20 % test-time", "1,000,000 queries", "node.power_kw 9.0"))
    assert picture.read_text().startswith("<svg")


def test_a_trace_of_the_scenario_file(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traces may stand in the scenario file, and give totals."""
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("ContextTokens,GeneratedTokens\n500,300\n")
    Path("mine.toml").write_text('traces = ["t.csv"]\n')
    assert json.loads(command("mine.toml", "--format", "json"))["trace"]["requests"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--draws", "0"), "draws lie between 1"),
        (("--fleet", "many"), "--fleet 'many' needs queries a day"),
        (("--fleet", "-5"), "queries_per_day must be above 0"),
        (("--levers", "magic"), "no lever is called 'magic'"),
        (("--levers", "model,model"), "needs each lever once"),
        (("--levers", ","), "needs each lever once"),
        (("--plot", "a.gif"), "--plot a.gif has to end in"),
        (("--model", "gpt"), "unknown model 'gpt'"),
        (("--trace", "t.csv", "--sensitivity"), "a trace gives totals"),
        (("--trace", "t.csv", "--regime", "agentic"), "a trace has lengths of its own"),
        (("--results", "r.json", "--method", "released"), "knows its own table only"),
        (("--boundary", "gpu_only", "--fleet", "1e9"), "a fleet needs --boundary facility"),
        (("--ray", "127.0.0.1:1"), "no cluster answers there" if RAY else "--ray needs Ray"),
        (("--check", "--fleet", "1e9"), "--check asks of the published figures alone"),
    ],
)
def test_wrong_use_is_told_in_one_sentence(arguments: tuple[str, ...], words: str, command: Command) -> None:
    """What cannot be asked is refused before anything is computed or written."""
    with pytest.raises(ConfigurationError) as seen:
        command(*arguments)
    assert words in str(seen.value)
    assert "\n" not in str(seen.value)


def test_agentic_queries_are_refined_unless_released_is_asked_for(command: Command) -> None:
    """Without a method the header names the refined one and why; the released one, typed, says how far beyond its rows it is."""
    arguments = ("--regime", "agentic", "--draws", "2000")
    ours = " ".join(command(*arguments).split())
    assert "refined method (the default for agentic queries, which outgrow the released method's rows)" in ours
    released = " ".join(command(*arguments, "--method", "released").split())
    assert "not measured: released method, v2" in released
    assert (
        "prompt of 14,895 tokens on average is 3.0 times its longest row, 5,000: extrapolated by its power" in released
    )
    assert "is 3.0 times its longest row, 5,000: one speed for every length" in released
    assert "its longest row" not in command(*arguments, "--method", "released", "--set", "agentic.turns=1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot read result file r.json"),
        ("{", "not a whole result file"),
        ("[1, 2]", "r.json"),
        ('{"benchmarks": []}', "has no `energy` block"),
        ('{"energy": {"schema_version": 1, "runs": 3}}', "r.json"),
        ("\x00\xff", "not a whole result file"),
    ],
)
def test_results_that_are_none_are_wrong_use(
    text: str | None, words: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing, malformed or foreign file is told in one sentence that names the option."""
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("r.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError) as seen:
        command("--results", "r.json")
    assert str(seen.value).startswith("--results: ")
    assert words in str(seen.value)
    assert "\n" not in str(seen.value)


def test_the_answer_never_replaces_what_it_is_made_from(command: Command, tmp_path: Path) -> None:
    """-o with the scenario's own name is refused, and the file is as it was."""
    scenario = tmp_path / "mine.toml"
    scenario.write_text("draws = 5\n")
    with pytest.raises(ConfigurationError, match="what the answer is made from"):
        command(scenario, "-o", scenario)
    assert scenario.read_text() == "draws = 5\n"


def test_check_prints_every_published_figure(command: Command) -> None:
    """--check puts published and own figures side by side, the replayed ones in every digit."""
    printed = command("--check", "--draws", "2000")
    assert printed.count("every digit") == 33
    assert "Mixtral 8x22B, released" in printed

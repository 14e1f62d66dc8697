"""Scenario files and --set: what they may say, and one sentence for everything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from energy_fixtures.errors import ConfigurationError
from reports.estimate.reading import changed, chosen_models, read_scenario
from reports.estimate.scenario import Pue, Scenario


def test_nothing_said_is_the_published_base_case() -> None:
    """Without a file the scenario is v2 as published, and nothing in it is called changed."""
    scenario = read_scenario()
    assert scenario == Scenario()
    assert changed(scenario) == ()
    assert [model.name for model in chosen_models(scenario)][3:] == ["DeepSeek-R1", "Llama 3.1 Nemotron Ultra 253B"]


def test_v1_has_larger_nodes() -> None:
    """The preprint's parameters are 11.3 and 14.1 kW, and they are not called changed either."""
    scenario = read_scenario(options={"parameters": "v1"})
    assert (scenario.node.power_kw, scenario.node.power_of("DeepSeek-R1")) == (11.3, 14.1)
    assert changed(scenario) == ()


def test_a_file_then_sets_then_options(tmp_path: Path) -> None:
    """The command's own options win over --set, --set over the file, and the file over what is published."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'seed = 7\ndraws = 5\nmethod = "refined"\n[node]\npower_kw = 3\n[node.models]\n"a b" = 2.5\n[pue]\np95 = 1.2\n'
    )
    sets = ("node.power_kw=4", "draws=6", 'node.models."c d"=9', "regime=agentic")
    scenario = read_scenario(path, sets, {"seed": 8, "draws": None})
    assert (scenario.seed, scenario.draws, scenario.method, scenario.regime) == (8, 6, "refined", "agentic")
    assert scenario.node.models == {"a b": 2.5, "c d": 9.0}
    assert (scenario.node.power_kw, scenario.pue.p5, scenario.pue.p95) == (4.0, 1.05, 1.2)


def test_what_is_changed_is_named() -> None:
    """Every assumption that is not the published one is named with its value."""
    scenario = read_scenario(sets=("node.power_kw=4", "tokens.input=1000"), options={"draws": 7})
    assert changed(scenario) == ("node.power_kw 4.0", "tokens.input 1000")


def test_own_rows_add_a_model_or_replace_one(tmp_path: Path) -> None:
    """Rows of a file make a new model; those of a published name replace it."""
    rows = "rows = [{input_tokens=1, output_tokens=2, tokens_per_s=3.0, source='x'}, {input_tokens=9, output_tokens=2, tokens_per_s=1.0, source='x'}]\n"
    path = tmp_path / "mine.toml"
    path.write_text(f'[[served]]\nname = "mine"\n{rows}[[served]]\nname = "DeepSeek-R1"\n{rows}')
    models = {model.name: model for model in chosen_models(read_scenario(path))}
    assert len(models) == 6
    assert len(models["mine"].rows) == len(models["DeepSeek-R1"].rows) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[pue]\np5 = 0.9", "PUE is facility over IT energy and needs 1 <= p5"),
        ("[utilisation]\np95 = 1.1", "utilisation needs 0 < p5 <= p95 <= 1"),
        ("[utilisation]\np5 = 0", "utilisation needs 0 < p5"),
        ("[node]\npower_kw = nan", "node.power_kw is nan; it needs a finite number"),
        ("[node]\npower_kw = inf", "node.power_kw is inf"),
        ("[fleet]\nfactors = [1.1, nan]", "fleet.factors is nan"),
        ("[node]\npower_kw = 0", "power_kw must be above 0 kW, got 0.0"),
        ("[node.models]\nx = -1", "x must be above 0 kW"),
        ("[nod]\nx = 1", "nothing reads 'nod'; the nearest is 'node'"),
        ("[node]\npower = 1", "nothing reads 'node.power'; the nearest is 'node.power_kw'"),
        ("[[served]]\nname = 'x'\nrow = []", "nothing reads 'served.row'; the nearest is 'served.rows'"),
        ("[tokens]\ninput = 0", "input lies between 1 and 10,000,000 tokens, got 0"),
        ("[tokens]\ntraditional = -300", "traditional lies between 1 and"),
        ("[agentic]\nturns = 0", "turns lie between 1 and 1,000"),
        ("draws = 0", "draws lie between 1 and 20,000,000 per model, got 0"),
        ("seed = -1", "a seed is a whole number from 0"),
        ("models = []", "models names at least one"),
        ("parameters = 'v3'", "parameters are v1 or v2, got 'v3'"),
        ("regime = 'chat'", "regime: Invalid enum value 'chat'"),
        ("boundary = 'all'", "boundary: Invalid enum value 'all'"),
        ("draws = 1.5", "draws: Expected `int`, got `float`"),
        ("tokens = 3", "tokens: Expected `object`"),
        ("[levers.model]\np5 = 3.0\np95 = 2.0", "levers.model: p95 must not lie below p5"),
        ("[node", "is not TOML"),
    ],
)
def test_wrong_files_are_told_in_one_sentence(text: str, words: str, tmp_path: Path) -> None:
    """The sentence names the file, the key, what was seen and what was needed."""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as seen:
        read_scenario(path)
    assert words in str(seen.value)
    assert "mine.toml" in str(seen.value)
    assert "\n" not in str(seen.value)


@pytest.mark.parametrize("text", ["foo", "=3", "a b=3", "node.power_kw.x.y=1\nseed=3", "node.power=1", "x=[1"])
def test_wrong_sets_are_told(text: str) -> None:
    """A --set that is no key and value, or that nothing reads, says what it needs."""
    with pytest.raises(ConfigurationError, match="--set"):
        read_scenario(sets=(text,))


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """A missing file and one that is no text are named."""
    with pytest.raises(ConfigurationError, match=r"cannot read scenario gone\.toml: No such file"):
        read_scenario(tmp_path / "gone.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"bytes\.toml is not TOML"):
        read_scenario(tmp_path / "bytes.toml")


def test_unknown_models_offer_the_nearest() -> None:
    """A misspelt model is told with the nearest, case does not matter, and one named twice is refused."""
    with pytest.raises(ConfigurationError, match=r"unknown model 'deepsek'; the nearest are DeepSeek-R1"):
        chosen_models(read_scenario(options={"models": ["deepsek"]}))
    assert chosen_models(read_scenario(options={"models": ["deepseek-r1"]}))[0].name == "DeepSeek-R1"
    with pytest.raises(ConfigurationError, match="named twice"):
        chosen_models(read_scenario(options={"models": ["DeepSeek-R1", "deepseek-r1"]}))


def test_one_number_is_a_constant(tmp_path: Path) -> None:
    """Where percentiles are read, one number has both at it, in a file and after --set; what it may be does not change."""
    file = tmp_path / "scenario.toml"
    file.write_text("pue = 1.3\n")

    assert read_scenario(file).pue == Pue(p5=1.3, p95=1.3)
    assert read_scenario(file, ["pue=1.1", "utilisation=0.5"]).pue == Pue(p5=1.1, p95=1.1)
    assert read_scenario(None, ["pue.p95=1.3"]).pue == Pue(p5=1.05, p95=1.3)
    with pytest.raises(ConfigurationError, match="PUE is facility over IT energy"):
        read_scenario(None, ["pue=0.9"])


def test_whole_numbers_may_be_written_with_an_exponent(tmp_path: Path) -> None:
    """draws=1e6 is a million, in --set and in a file; half a draw is none."""
    path = tmp_path / "mine.toml"
    path.write_text("draws = 1e3\n[agentic]\nturns = 2e1\n")
    assert read_scenario(None, ("draws=1e6",)).draws == 1_000_000
    scenario = read_scenario(path)
    assert (scenario.draws, scenario.agentic.turns) == (1_000, 20)
    with pytest.raises(ConfigurationError, match="draws: Expected `int`, got `float`"):
        read_scenario(None, ("draws=1.5",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("node.powerkw=1", "the nearest is 'node.power_kw'"),
        ("turns=3", "the nearest is 'agentic.turns'"),
        ("foo.bar=1", "known are title, method,"),
        ("node.foo=1", "known in node are power_kw, models, gpu_share"),
    ],
)
def test_an_unknown_key_is_offered_one_like_it_or_none(text: str, words: str) -> None:
    """A key that resembles nothing is not told that the first of the list is the nearest."""
    with pytest.raises(ConfigurationError) as seen:
        read_scenario(None, (text,))
    assert words in str(seen.value)
    assert ("nearest" in str(seen.value)) == ("nearest" in words)


def test_agentic_queries_are_refined_by_default(tmp_path: Path) -> None:
    """Wherever the regime is said, the method is ours, unless one is named wherever that may be."""
    path = tmp_path / "mine.toml"
    path.write_text('regime = "agentic"\nmethod = "released"\n')
    assert read_scenario(None, ("regime=agentic",)).method == "refined"
    assert read_scenario(None, (), {"regime": "agentic"}).method == "refined"
    assert read_scenario(path).method == "released"
    assert read_scenario(None, (), {"regime": "agentic", "method": "released"}).method == "released"
    assert read_scenario(None, (), {"regime": "test-time"}).method == "released"

from __future__ import annotations

import json

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.architecture import architecture
from energy_fixtures.models.catalogue import SHAPES
from reports.ideal.answer import answer as floor
from reports.predict.models import find_architecture, find_model, rows
from reports.predict.shape import shape_of


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_each_architecture_has_its_published_size(row):
    """Parameters counted from the written configuration are within 0.4 % of the published count."""
    assert architecture(row.config).parameters / 1e9 == pytest.approx(row.parameters_b, rel=0.004)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("llama-2-7b", "Llama-2-7b"),
        ("meta-llama/Llama-2-7b-hf", "Llama-2-7b"),
        ("Llama-2-7b-hf", "Llama-2-7b"),
        ("OPT-1.3B", "OPT-1.3B"),
        ("opt-13b", "OPT-13B"),
        ("DeepSeek-R1", "DeepSeek-V3"),
        ("meta-llama/Llama-3.1-8B", "Llama-3.1-8B"),
        ("meta-llama/Llama-3.1-8B-Instruct", "Llama-3.1-8B"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "Llama-3.1-8B"),
        ("META-LLAMA/llama-3.1-70b-instruct", "Llama-3.1-70B"),
        ("meta-llama/Llama-3.1-405B-Instruct", "Llama-3.1-405B"),
        ("meta-llama/Llama-3.3-70B-Instruct", "Llama-3.1-70B"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "Llama-3-8B"),
        ("Llama-3-8B-Instruct", "Llama-3-8B"),
        ("meta-llama/Llama-2-13b-hf", "Llama-2-13b-chat"),
        ("meta-llama/Llama-2-7b-chat-hf", "Llama-2-7b"),
        ("meta-llama/Llama-2-7b", "Llama-2-7b"),
        ("Qwen/Qwen2.5-7B-Instruct", "Qwen2.5-7B"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "Qwen3-30B-A3B"),
        ("google/gemma-2-9b-it", "Gemma-2-9B"),
        ("mistralai/Mistral-7B-Instruct-v0.1", "Mistral-7B"),
        ("mistralai/Mistral-7B-Instruct-v0.2", "Mistral-7B-v0.2"),
        ("mistralai/Mistral-7B-Instruct-v0.3", "Mistral-7B-v0.3"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "Mixtral-8x7B"),
        ("deepseek-ai/DeepSeek-R1", "DeepSeek-V3"),
        ("deepseek-ai/DeepSeek-R1-0528", "DeepSeek-V3"),
        ("deepseek-ai/DeepSeek-V2-Lite-Chat", "DeepSeek-V2-Lite"),
        ("microsoft/Phi-3-mini-4k-instruct", "Phi-3-mini-128k"),
        ("allenai/OLMo-1B-hf@main", "OLMo-1B"),
        ("shape:qwen2.5-7b", "shape:qwen2.5-7b"),
        ("synthetic:l12-h768-a12-kv4-f3072", "synthetic:l12-h768-a12-kv4-f3072"),
    ],
)
def test_names_in_any_spelling(typed, name):
    """Case, owner and suffix do not matter, the point between digits does."""
    assert find_architecture(typed)[0] == name


@pytest.mark.parametrize("typed", ["Llama-2-7b-AWQ", "deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "Qwen/Qwen2.5-VL-7B"])
def test_another_architecture_is_not_taken_for_a_known_one(typed, monkeypatch, tmp_path):
    """Words that change weights or architecture are never dropped."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match="nearest"):
        find_architecture(typed)


@pytest.mark.parametrize("name", SHAPES)
def test_one_truth_for_both_tables(name):
    """A model that stands in `shapes.py` too has the same architecture there."""
    listed = {row.hub: row for row in rows()}.get(SHAPES[name].hub)
    assert listed is not None
    ours, theirs = (shape_of("x", architecture(config)) for config in (listed.config, SHAPES[name].config))
    if name != "qwen2.5-0.5b-padded":
        assert ours == theirs


@pytest.mark.parametrize(
    ("typed", "parameters"),
    [("meta-llama/Llama-3.1-8B-Instruct", 8_030_261_248), ("Qwen/Qwen2.5-7B-Instruct", 7_615_616_512)],
)
def test_the_floor_takes_the_same_names(typed, parameters, monkeypatch, tmp_path):
    """`joules ideal` answers for a hub id by its architecture, and for a config.json."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    work = {"gpu": "H100", "batch_size": 1, "input_tokens": 8, "output_tokens": 8}
    known = floor(model=typed, **work)
    assert (known.parameters, known.dtype) == (parameters, "bfloat16")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(dict(find_model(typed).config)))
    assert floor(model=str(path), **work).ideal_j == known.ideal_j


def test_a_row_needs_one_configuration():
    """A row of the table has a configuration or the name of a shape, never both and never neither."""
    entry = type(rows()[0])
    for fields in ({}, {"written": {"a": 1}, "shape": "olmo-1b"}):
        with pytest.raises(ValueError, match="either a config or the name of a shape"):
            entry(name="x", hub="y", parameters_b=1.0, **fields)


def test_a_configuration_file(tmp_path):
    """A config.json serves as a model, by the name of its folder."""
    folder = tmp_path / "mine"
    folder.mkdir()
    config = {"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4}
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 128, "vocab_size": 100}))
    name, known = find_architecture(str(folder / "config.json"))
    assert (name, known.layers) == ("mine", 2)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("lama-2-7b", "Llama-2-7b"),
        ("meta-llama/Llama-3.1-80B-Instruct", "nearest known are Llama-3.1-8B, Llama-3.1-70B, Llama-3.1-405B"),
        ("zzzz", "nearest are Llama-3.1-8B, Qwen2.5-7B, Mixtral-8x7B"),
        ("nobody/knows-this-llama", "not known here"),
        ("missing.json", "cannot be read"),
        ("\x1b[31mred", r"\\x1b"),
    ],
)
def test_unknown_models_offer_the_nearest(typed, words):
    """An unknown name is refused with what is nearest to it, and never painted on the terminal."""
    with pytest.raises(ConfigurationError, match=words) as refused:
        find_architecture(typed)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize("content", ["[1]", "{", '{"model_type": "none"}'])
def test_broken_configurations_are_refused(tmp_path, content):
    """What is no configuration of a known family is refused with a sentence."""
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError):
        find_architecture(str(path))

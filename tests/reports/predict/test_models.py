from __future__ import annotations

import json

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.architecture import architecture
from reports.predict.models import find_architecture, rows


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
        ("shape:qwen2.5-7b", "shape:qwen2.5-7b"),
        ("synthetic:l12-h768-a12-kv4-f3072", "synthetic:l12-h768-a12-kv4-f3072"),
    ],
)
def test_names_in_any_spelling(typed, name):
    """Case, owner and suffix do not matter, the point between digits does."""
    assert find_architecture(typed)[0] == name


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

"""Architectures: counts in closed form against published numbers and against real models."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.architecture import FAMILIES, architecture
from energy_fixtures.models.shapes import SHAPES, Config
from energy_fixtures.models.tiny import RECIPES, TINY, TINY_MOE
from tests.energy_fixtures.models.small import SMALL

CONFIGS: dict[str, Config] = {
    **{name: shape.config for name, shape in SHAPES.items()},
    **{name: recipe.config for name, recipe in RECIPES.items()},
    **SMALL,
}


@pytest.mark.parametrize("name", SHAPES)
def test_counts_match_the_published_ones(name: str) -> None:
    """The closed form gives the number of parameters that the publisher states, to the last one."""
    assert architecture(SHAPES[name].config).parameters == SHAPES[name].parameters


@pytest.mark.engines
@pytest.mark.parametrize("name", CONFIGS)
def test_counts_match_real_models(name: str) -> None:
    """The closed form gives what Transformers builds from the same configuration, as written and as saved."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    settings: dict[str, Any] = dict(CONFIGS[name])
    config = transformers.AutoConfig.for_model(settings.pop("model_type"), **settings)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    counted = sum(parameter.numel() for parameter in model.parameters())
    assert architecture(CONFIGS[name]).parameters == counted
    assert architecture(config.to_dict()).parameters == counted


def test_every_family_is_checked() -> None:
    """No family can be added without a model that it is checked against."""
    assert {config["model_type"] for config in SMALL.values()} == set(FAMILIES)


def test_tiny_moe_is_as_active_as_tiny() -> None:
    """One token visits as many parameters of the tiny mixture of experts as of the tiny model, within two percent."""
    tiny, sparse = architecture(TINY), architecture(TINY_MOE)
    assert sparse.active_parameters == pytest.approx(tiny.parameters, rel=0.02)
    assert sparse.parameters > 2.5 * tiny.parameters


def test_tiny_is_of_the_promised_size() -> None:
    """The default model has about three million parameters and a context long enough for length sweeps."""
    assert architecture(TINY).parameters == pytest.approx(3e6, rel=0.05)
    assert TINY["max_position_embeddings"] == 32768


@given(st.sampled_from(sorted(set(CONFIGS) - {"qwen3_moe partly dense"})), st.integers(4, 100))
def test_layers_cost_the_same_each(name: str, layers: int) -> None:
    """Every further layer adds the same number of parameters."""
    key = "n_layer" if "n_layer" in CONFIGS[name] else "num_hidden_layers"

    def count(number: int) -> int:
        return architecture({**CONFIGS[name], key: number}).parameters

    assert count(layers + 1) - count(layers) == count(6) - count(5) > 0


@pytest.mark.parametrize("name", CONFIGS)
def test_active_parameters_are_never_more(name: str) -> None:
    """A dense model is wholly active, a mixture of experts only in part."""
    shape = architecture(CONFIGS[name])
    assert (shape.active_parameters < shape.parameters) == (shape.experts > 0)


@pytest.mark.parametrize(
    ("name", "kind"), [("gpt2", "MHA"), ("llama", "GQA"), ("falcon", "MQA"), ("deepseek_v3", "MLA")]
)
def test_the_kind_of_attention_is_told(name: str, kind: str) -> None:
    """Heads that share keys and values, all of them or in groups, and latent attention are told apart."""
    assert architecture(CONFIGS[name]).attention == kind


@pytest.mark.parametrize(
    ("name", "config", "sliding"),
    [
        ("mistral-7b", {}, 32),
        ("mistral-7b", {"sliding_window": None}, 0),
        ("gemma2", {"sliding_window": 8}, 2),
        ("gemma3_text", {"sliding_window": 8, "num_hidden_layers": 13}, 11),
        ("gemma3_text", {"sliding_window": 8, "layer_types": ["full_attention", "sliding_attention"]}, 1),
        ("qwen2.5-7b", {"sliding_window": 8, "max_window_layers": 20}, 0),
        ("qwen2.5-7b", {"sliding_window": 8, "max_window_layers": 20, "use_sliding_window": True}, 8),
        ("llama", {"sliding_window": 8}, 0),
    ],
)
def test_layers_that_slide_are_counted(name: str, config: Config, sliding: int) -> None:
    """A window counts for the layers that have one, by the configuration's list or by the family's habit."""
    assert architecture({**CONFIGS[name], **config}).sliding_layers == sliding


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "mamba"}, "'mamba'"),
        ({"model_type": "llamma"}, "give one of llama"),
        ({"model_type": ["llama"]}, "llama"),
        ({}, "None"),
        ({**TINY, "hidden_size": None}, "hidden_size"),
        ({**TINY, "vocab_size": "many"}, "vocab_size"),
        ({**TINY, "vocab_size": True}, "vocab_size"),
        ({**TINY, "num_attention_heads": 0}, "num_attention_heads must be >= 1, got 0"),
        ({**TINY, "num_hidden_layers": -1}, "impossible: layers must be >= 1, got -1"),
        ({**TINY_MOE, "num_experts_per_tok": 9}, "experts_per_token must lie in .1, experts., got 9"),
    ],
)
def test_what_cannot_be_counted_is_refused(config: Config, said: str) -> None:
    """An unknown architecture and a missing or impossible size are named, never counted as zero."""
    with pytest.raises(ConfigurationError, match=said):
        architecture(config)

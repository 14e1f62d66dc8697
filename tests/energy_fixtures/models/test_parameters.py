"""Parameter counts: the closed form against published numbers and against real models."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.parameters import parameter_count
from energy_fixtures.models.shapes import SHAPES, Config
from energy_fixtures.models.tiny import RECIPES, TINY, TINY_MOE

CONFIGS: dict[str, Config] = {
    **{name: shape.config for name, shape in SHAPES.items()},
    **{name: recipe.config for name, recipe in RECIPES.items()},
    "llama with biases": {**TINY, "attention_bias": True, "mlp_bias": True},
    "llama with tied embeddings": {**TINY, "tie_word_embeddings": True},
    "olmoe with grouped keys": {**SHAPES["olmoe-1b-7b"].config, "num_key_value_heads": 4, "num_hidden_layers": 2},
    "olmo with biases": {**SHAPES["olmo-1b"].config, "attention_bias": True},
}


@pytest.mark.parametrize("name", SHAPES)
def test_counts_match_the_published_ones(name: str) -> None:
    """The closed form gives the number of parameters that the publisher states, to the last one."""
    assert parameter_count(SHAPES[name].config) == SHAPES[name].parameters


@pytest.mark.engines
@pytest.mark.parametrize("name", CONFIGS)
def test_counts_match_real_models(name: str) -> None:
    """The closed form gives what Transformers builds from the same configuration."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    settings: dict[str, Any] = dict(CONFIGS[name])
    config = transformers.AutoConfig.for_model(settings.pop("model_type"), **settings)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    assert parameter_count(CONFIGS[name]) == sum(parameter.numel() for parameter in model.parameters())


def test_tiny_moe_is_as_active_as_tiny() -> None:
    """One token visits as many parameters of the tiny mixture of experts as of the tiny model, within two percent."""
    assert parameter_count(TINY_MOE, active=True) == pytest.approx(parameter_count(TINY), rel=0.02)
    assert parameter_count(TINY_MOE) > 2.5 * parameter_count(TINY)


def test_tiny_is_of_the_promised_size() -> None:
    """The default model has about three million parameters and a context long enough for length sweeps."""
    assert parameter_count(TINY) == pytest.approx(3e6, rel=0.05)
    assert TINY["max_position_embeddings"] == 32768


@settings(deadline=None)  # a busy machine is no failure
@given(st.sampled_from(sorted(CONFIGS)), st.integers(1, 100))
def test_layers_cost_the_same_each(name: str, layers: int) -> None:
    """Every further layer adds the same number of parameters."""

    def count(number: int) -> int:
        return parameter_count({**CONFIGS[name], "num_hidden_layers": number})

    assert count(layers + 1) - count(layers) == count(2) - count(1) > 0


@settings(deadline=None)  # a busy machine is no failure
@given(st.sampled_from(sorted(CONFIGS)))
def test_active_parameters_are_never_more(name: str) -> None:
    """A dense model is wholly active, a mixture of experts only in part."""
    config = CONFIGS[name]
    sparse = "num_experts_per_tok" in config
    assert (parameter_count(config, active=True) < parameter_count(config)) == sparse


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "mamba"}, "'mamba'"),
        ({}, "None"),
        ({**TINY, "hidden_size": None}, "hidden_size"),
        ({**TINY, "vocab_size": "many"}, "vocab_size"),
        ({**TINY, "vocab_size": True}, "vocab_size"),
    ],
)
def test_what_cannot_be_counted_is_refused(config: Config, said: str) -> None:
    """An unknown architecture or a missing size is named, never counted as zero."""
    with pytest.raises(ConfigurationError, match=said):
        parameter_count(config)

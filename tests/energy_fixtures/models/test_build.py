"""Weights of the built models: the same bytes everywhere, and what the models share."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from pathlib import Path

import pytest

from energy_fixtures.models.tiny import RECIPES

numpy = pytest.importorskip("numpy")
pytest.importorskip("safetensors")

from energy_fixtures.models.architecture import architecture  # noqa: E402
from energy_fixtures.models.build import WEIGHTS_FILE, tensors, write_weights  # noqa: E402

SHA256 = {
    "tiny": "c243237a2cba953e91f2c5ca3c13b2bed756982c8925b4b0b7c3ce3cc26ff3be",
    "tiny-draft": "7f942d992b36dfb58a4056a2ad619b9959aa011e492cb99228f576233f88ef58",
    "tiny-moe": "7a9185947fc5629877b44bc4fb9cac39f99919c8dacf4a1bd68ca9c3cfbeaeff",
}


@pytest.mark.parametrize("name", RECIPES)
def test_weights_are_the_same_on_every_machine(name: str, tmp_path: Path) -> None:
    """The weights of a built model have one known content, so that joules of two machines are of the same model."""
    write_weights(RECIPES[name], tmp_path)
    assert hashlib.sha256((tmp_path / WEIGHTS_FILE).read_bytes()).hexdigest() == SHA256[name]


@pytest.mark.parametrize("name", RECIPES)
def test_weights_are_as_many_as_the_configuration_says(name: str) -> None:
    """The drawn tensors hold exactly the parameters that their configuration counts."""
    assert sum(values.size for _, values in tensors(RECIPES[name])) == architecture(RECIPES[name].config).parameters


@pytest.mark.parametrize("name", RECIPES)
def test_weights_are_spread_and_never_zero(name: str) -> None:
    """No tensor is constant but the normalisations: zeros would run faster and cooler than real weights do."""
    for key, values in tensors(RECIPES[name]):
        assert numpy.isfinite(values).all()
        if key.endswith("norm.weight"):
            assert (values == 1).all()
        else:
            assert (values != 0).all() and abs(float(values.mean())) < 0.1 * float(values.std())


def test_draft_is_the_beginning_of_tiny() -> None:
    """Every weight of the draft is a weight of its target."""
    target = dict(tensors(RECIPES["tiny"]))
    draft = dict(tensors(RECIPES["tiny-draft"]))
    assert draft.keys() < target.keys()
    assert all((target[key] == values).all() for key, values in draft.items())


def test_another_seed_draws_other_weights() -> None:
    """Two seeds share no embedding."""
    other = dict(tensors(dataclasses.replace(RECIPES["tiny-draft"], seed=2)))
    name = "model.embed_tokens.weight"
    assert (other[name] != dict(tensors(RECIPES["tiny-draft"]))[name]).mean() > 0.99


def test_scales_are_those_of_the_recipe() -> None:
    """Logits, embedding and later layers have the standard deviations that the recipe names."""
    recipe = RECIPES["tiny"]
    weights = dict(tensors(recipe))
    assert weights["model.embed_tokens.weight"].std() == pytest.approx(1, rel=0.02)
    assert weights["lm_head.weight"].std() * math.sqrt(256) == pytest.approx(recipe.liveliness, rel=0.02)
    first, later = (weights[f"model.layers.{index}.mlp.down_proj.weight"].std() for index in (0, 3))
    assert later / first == pytest.approx(recipe.later_layers, rel=0.02)

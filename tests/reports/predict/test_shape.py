from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from reports.predict.models import known_shapes
from reports.predict.shape import typical_shape


def test_every_step_of_a_dense_model_reads_all_but_the_embedding(known):
    """Llama-2-7B reads its 6.738 B parameters less the 131 M rows of its input embedding, and keeps 524,288 bytes a token."""
    shape = known("Llama-2-7b")
    assert shape.parameters == 6_738_415_616
    assert shape.every_step == shape.parameters - 32_000 * 4096
    assert shape.cache_bytes(1) == 2 * 2 * 32 * 4096
    assert (shape.experts, shape.active, shape.plain) == (0, shape.every_step, 0.0)


def test_a_tied_head_is_read(known):
    """Where the head is the embedding itself, it is read once in every step."""
    shape = known("OPT-1.3B")
    positions = 2050 * 2048
    assert shape.every_step == shape.parameters - positions
    assert shape.plain == 1.0


def test_one_token_visits_its_own_experts_and_many_visit_all(known):
    """Mixtral reads two experts a layer for one token, 8 (1 - 0.75^2) for two, and nearly all eight for a hundred."""
    shape = known("Mixtral-8x7B")
    assert shape.experts_read(1) == 2.0
    assert shape.experts_read(2) == pytest.approx(3.5)
    assert shape.experts_read(100) == pytest.approx(8.0)
    assert shape.active == pytest.approx(12.75e9, rel=0.001)


def test_latent_attention_keeps_one_short_vector(known):
    """DeepSeek-V3 keeps 576 numbers a layer and token, whatever its 128 heads."""
    shape = known("DeepSeek-V3")
    assert shape.cache_bytes(1) == 2 * 576 * 61
    assert shape.active == pytest.approx(36.6e9, rel=0.01)
    assert shape.latent == 1.0


def test_a_window_bounds_the_cache_of_sliding_layers(known):
    """Half of Gemma-2's layers look back 4,096 tokens: beyond that only the other half grows."""
    shape = known("Gemma-2-9B")
    grown = shape.cache_bytes(8192) - shape.cache_bytes(4096)
    assert grown == pytest.approx(shape.cache_bytes(4096) / 2)


@settings(deadline=None, max_examples=60)
@given(size=st.floats(0.05, 2000), ratio=st.floats(1.06, 40))
def test_a_typical_mixture_has_exactly_its_two_sizes(size, ratio):
    """Whatever was typed as total and active parameters is what the shape has."""
    shape = typical_shape(size, size / ratio, known_shapes())
    experts = shape.sparse_layers * shape.experts * shape.expert
    assert shape.every_step > 0
    assert shape.every_step + experts == pytest.approx(size * 1e9)
    assert shape.active == pytest.approx(size / ratio * 1e9)


def test_a_typical_shape_is_near_the_known_ones():
    """Of 7, 13 and 70 B dense parameters, depth is within a sixth of Llama-2's."""
    depths = [typical_shape(size, None, known_shapes()).layers for size in (6.74, 13.0, 69.0)]
    assert depths == pytest.approx([32, 40, 80], rel=1 / 6)


@pytest.mark.parametrize(
    ("size", "active", "words"),
    [(0.0, None, "--params-b"), (-7.0, None, "--params-b"), (float("nan"), None, "--params-b"), (7.0, 8.0, "--active")],
)
def test_sizes_that_cannot_be_are_refused(size, active, words):
    """Zero, negative and unknown sizes, and more active than there are, are refused by the option's name."""
    with pytest.raises(ConfigurationError, match=words):
        typical_shape(size, active, known_shapes())

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from reports.boards import find_board
from reports.predict.constants import prior_constants
from reports.predict.machines import machine_of
from reports.predict.models import known_shapes
from reports.predict.physics import Work, cost
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


@settings(max_examples=60)
@given(size=st.floats(0.05, 2000), ratio=st.floats(1.06, 40))
def test_a_typical_mixture_has_exactly_its_two_sizes(size, ratio):
    """Whatever was typed as total and active parameters is what the shape has."""
    shape = typical_shape(size, size / ratio, known_shapes())
    experts = shape.sparse_layers * shape.experts * shape.expert
    assert shape.every_step > 0
    assert shape.every_step + experts == pytest.approx(size * 1e9)
    assert shape.active == pytest.approx(size / ratio * 1e9)


def test_a_typical_shape_is_near_the_known_ones():
    """Of 7, 13 and 70 B dense parameters, depth is within a fifth of Llama-2's."""
    depths = [typical_shape(size, None, known_shapes()).layers for size in (6.74, 13.0, 69.0)]
    assert depths == pytest.approx([32, 40, 80], rel=1 / 5)


def spent(total, active, *, board="H100", batch=1.0):
    """Joules of one request on sixteen boards, by the medians of the priors."""
    work = Work(batch=batch, input_tokens=300, output_tokens=300, boards=16)
    return cost(
        typical_shape(total, active, known_shapes()), machine_of(find_board(board)), work, prior_constants()
    ).joules


@settings(max_examples=60)
@given(
    total=st.sampled_from([3.0, 14.0, 47.0, 235.0, 671.0]),
    ratio=st.floats(2.2, 40),
    board=st.sampled_from(["H100", "A100-80", "L4", "A6000"]),
    batch=st.sampled_from([1.0, 32.0, 256.0]),
)
def test_more_active_parameters_cost_more(total, ratio, board, batch):
    """Of mixtures of one total size the one with more active parameters takes more joules, whatever the board and batch."""
    fewer, more = (spent(total, total / by, board=board, batch=batch) for by in (ratio, ratio / 1.1))
    assert more > fewer


@settings(max_examples=60)
@given(
    total=st.sampled_from([3.0, 14.0, 47.0, 235.0, 671.0]),
    ratio=st.floats(1.0, 40),
    batch=st.sampled_from([1.0, 32.0, 256.0]),
)
def test_a_little_more_changes_little(total, ratio, batch):
    """A thousandth more of either size never jumps: joules move by less than half a percent, down to the dense model."""
    here = spent(total, total / ratio, batch=batch)
    assert spent(total, total / ratio * 0.999, batch=batch) == pytest.approx(here, rel=0.005)
    assert spent(total * 1.001, total / ratio, batch=batch) == pytest.approx(here, rel=0.005)
    assert spent(total, total * 0.999999, batch=batch) == pytest.approx(spent(total, None, batch=batch), rel=1e-4)


@settings(max_examples=60)
@given(size=st.floats(0.05, 2000), more=st.floats(1.001, 10))
def test_larger_dense_models_are_deeper_and_keep_more(size, more):
    """Depth and cache of a typical dense model grow with its size."""
    small, large = (typical_shape(one, None, known_shapes()) for one in (size, size * more))
    assert large.layers >= small.layers
    assert large.cache_bytes(1000) >= small.cache_bytes(1000) * (1 - 1e-9)


@pytest.mark.parametrize(
    ("size", "active", "words"),
    [(0.0, None, "--params-b"), (-7.0, None, "--params-b"), (float("nan"), None, "--params-b"), (7.0, 8.0, "--active")],
)
def test_sizes_that_cannot_be_are_refused(size, active, words):
    """Zero, negative and unknown sizes, and more active than there are, are refused by the option's name."""
    with pytest.raises(ConfigurationError, match=words):
        typical_shape(size, active, known_shapes())

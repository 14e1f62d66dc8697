"""Bytes moved: by hand, and laws that hold for every shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.models.architecture import architecture
from energy_fixtures.models.shapes import SHAPES
from reports.ideal.traffic import NOTHING, decode_traffic, pass_weights, prefill_traffic, visited_experts
from tests.energy_fixtures.models.small import SMALL

LLAMA = architecture(SHAPES["llama-3.1-8b"].config)
MIXTRAL = architecture(SHAPES["mixtral-8x7b"].config)
SIXTEEN = {"dtype_bytes": 2.0, "kv_bytes": 2.0}


def test_a_step_reads_all_weights_but_the_embedding() -> None:
    """Of the embedding a step reads the rows of its tokens; a tied one is read whole, as the head."""
    tied = architecture(SHAPES["llama-3.2-1b"].config)
    assert pass_weights(LLAMA, 3) == LLAMA.parameters - LLAMA.embedding_parameters + 3 * 4096
    assert pass_weights(tied, 3) == tied.parameters


def test_prompt_and_steps_by_hand() -> None:
    """Two requests of 100 prompt and 3 output tokens: the cache is written in both phases and read in decode."""
    reading = prefill_traffic(LLAMA, batch_size=2, input_tokens=100, **SIXTEEN)
    assert reading.cache_written == 2 * 100 * LLAMA.kv_bytes_per_token(2) and reading.cache_read == 0
    writing = decode_traffic(LLAMA, batch_size=2, input_tokens=100, output_tokens=3, **SIXTEEN)
    assert writing.weights == 2 * 2 * pass_weights(LLAMA, 2)
    assert writing.cache_read == 2 * (100 + 101) * LLAMA.kv_bytes_per_token(2)
    assert writing.cache_written == 2 * 2 * LLAMA.kv_bytes_per_token(2)
    assert writing.total == writing.weights + writing.cache_read + writing.cache_written


def test_one_output_token_needs_no_step() -> None:
    """Decode of one output token moves nothing: it came out of the prompt."""
    assert decode_traffic(LLAMA, batch_size=1, input_tokens=9, output_tokens=1, **SIXTEEN) == NOTHING


def test_experts_by_hand() -> None:
    """One token visits its own two of eight experts, two tokens 3.5 on average, many all."""
    assert visited_experts(MIXTRAL, 1) == pytest.approx(2)
    assert visited_experts(MIXTRAL, 2) == pytest.approx(3.5)
    assert visited_experts(MIXTRAL, 1000) == pytest.approx(8)
    assert visited_experts(LLAMA, 5) == 0
    assert pass_weights(MIXTRAL, 1) == pytest.approx(MIXTRAL.active_parameters - MIXTRAL.embedding_parameters + 4096)


def test_a_window_bounds_what_a_step_reads() -> None:
    """At a context beyond the window a sliding layer reads one token fewer than its window: the last is new."""
    shape = architecture({**SHAPES["mistral-7b"].config, "sliding_window": 64})
    steps = decode_traffic(shape, batch_size=1, input_tokens=100, output_tokens=3, **SIXTEEN)
    assert steps.cache_read == 2 * 63 * shape.kv_bytes_per_token(2)


@given(st.sampled_from(sorted(SMALL)), st.integers(1, 9), st.integers(1, 80), st.integers(1, 30), st.integers(1, 6))
def test_more_tokens_a_step_move_fewer_bytes(name: str, batch: int, inputs: int, outputs: int, stride: int) -> None:
    """Steps that yield several tokens never move more than steps that yield one, and write the same cache."""
    shape = architecture({**SMALL[name], "sliding_window": 20})
    work = {"batch_size": batch, "input_tokens": inputs, "output_tokens": outputs, **SIXTEEN}
    one = decode_traffic(shape, **work)  # type: ignore[arg-type]
    several = decode_traffic(shape, **work, tokens_per_step=stride)  # type: ignore[arg-type]
    assert several.total <= one.total * (1 + 1e-9)
    assert several.cache_written == one.cache_written


@given(st.sampled_from(sorted(SMALL)), st.integers(1, 200))
def test_a_pass_reads_no_weight_twice(name: str, tokens: int) -> None:
    """However many tokens: at least what one visits, at most every weight there is."""
    shape = architecture(SMALL[name])
    assert 0 < pass_weights(shape, tokens) <= pass_weights(shape, tokens + 1) <= shape.parameters

"""Operations in closed form: by hand, and against PyTorch's counter on real models of every family."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.models.architecture import Architecture, architecture
from energy_fixtures.models.shapes import SHAPES, Config
from reports.ideal.flops import NONE, decode_flops, prefill_flops, seen_tokens
from tests.energy_fixtures.models.small import SMALL

ONE = Architecture(
    model_type="llama",
    layers=2,
    hidden_size=8,
    intermediate_size=16,
    attention_heads=2,
    kv_heads=1,
    head_dim=4,
    vocab_size=32,
)
LLAMA = architecture(SHAPES["llama-3.1-8b"].config)

BATCH, INPUT, OUTPUT = 2, 32, 6


def test_a_prompt_by_hand() -> None:
    """Three tokens of a tiny model: every product counted with pencil and paper."""
    counted = prefill_flops(ONE, batch_size=1, input_tokens=3)
    assert counted.projections == 2 * 3 * 2 * (8 * 8 + 2 * 8 * 4 + 8 * 8)  # q, k and v, o in two layers
    assert counted.feed_forward == 2 * 3 * 2 * (3 * 8 * 16)
    assert counted.attention == 2 * 2 * (1 + 2 + 3) * (2 * 4 + 2 * 4)  # each token sees itself and those before
    assert counted.head == 2 * 1 * 32 * 8  # the last token's logits only
    assert counted.total == counted.projections + counted.feed_forward + counted.attention + counted.head


def test_steps_by_hand() -> None:
    """Two steps after three tokens: attention sees four, then five."""
    counted = decode_flops(ONE, batch_size=1, input_tokens=3, output_tokens=3)
    assert counted.attention == 2 * 2 * (4 + 5) * (2 * 4 + 2 * 4)
    assert counted.head == 2 * 2 * 32 * 8
    assert counted.projections == 2 * 2 * 2 * (8 * 8 + 2 * 8 * 4 + 8 * 8)


def test_one_output_token_is_prefill_alone() -> None:
    """The first token comes out of the prompt: nothing is left for decode."""
    assert decode_flops(LLAMA, batch_size=4, input_tokens=100, output_tokens=1) == NONE


def test_about_two_operations_per_parameter_and_token() -> None:
    """Short prompts take two operations per parameter and token, but for the embedding, which is looked up."""
    counted = prefill_flops(LLAMA, batch_size=1, input_tokens=100, head_of_all=True).total
    multiplied = LLAMA.parameters - LLAMA.embedding_parameters - LLAMA.norm_parameters
    assert counted == pytest.approx(2 * 100 * multiplied, rel=0.005)


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 300))
def test_reading_on_is_reading_at_once(past: int, new: int, window: int) -> None:
    """Tokens that are read in two pieces see as many others as in one, with a window or without."""
    for limit in (None, window):
        assert seen_tokens(0, past, limit) + seen_tokens(past, new, limit) == seen_tokens(0, past + new, limit)
    assert seen_tokens(past, new, window) == sum(min(past + index + 1, window) for index in range(new))


@given(st.sampled_from(sorted(SMALL)), st.integers(1, 8), st.integers(1, 64), st.integers(1, 16))
def test_sequences_cost_the_same_each(name: str, batch: int, inputs: int, outputs: int) -> None:
    """A batch takes as many operations as its sequences one by one."""
    shape = architecture(SMALL[name])
    one, all_of_them = (
        prefill_flops(shape, batch_size=size, input_tokens=inputs)
        + decode_flops(shape, batch_size=size, input_tokens=inputs, output_tokens=outputs)
        for size in (1, batch)
    )
    assert all_of_them.total == pytest.approx(batch * one.total)


def test_a_window_saves_attention_only() -> None:
    """Sliding layers take fewer operations for attention at long context, and the same for everything else."""
    sliding = architecture(SHAPES["mistral-7b"].config)
    full = architecture({**SHAPES["mistral-7b"].config, "sliding_window": None})
    seen, saved = (
        decode_flops(shape, batch_size=1, input_tokens=8192, output_tokens=9, absorbed=True)
        for shape in (full, sliding)
    )
    assert saved.attention == seen.attention - 2 * 32 * 2 * 4096 * sum(8193 + step - 4096 for step in range(8))
    assert (saved.projections, saved.feed_forward, saved.head) == (seen.projections, seen.feed_forward, seen.head)


@pytest.mark.engines
@pytest.mark.parametrize("name", SMALL)
def test_the_counter_agrees(name: str) -> None:
    """PyTorch's FlopCounterMode counts the same within two percent, on a real model, for prompt and steps with a cache."""
    shape = architecture(SMALL[name])
    read, stepped = _counted(SMALL[name], BATCH, INPUT, OUTPUT)
    prompt = prefill_flops(shape, batch_size=BATCH, input_tokens=INPUT, counting="full")
    steps = decode_flops(shape, batch_size=BATCH, input_tokens=INPUT, output_tokens=OUTPUT, absorbed=False)
    assert prompt.total == pytest.approx(read, rel=0.02)
    assert steps.total == pytest.approx(stepped, rel=0.02)


@pytest.mark.engines
@pytest.mark.parametrize("name", ["llama-3.1-8b", "gemma-2b"])
def test_the_counter_agrees_at_full_size(name: str) -> None:
    """A published model at full size is counted alike within two percent."""
    config = SHAPES[name].config
    read, stepped = _counted(config, 1, 128, 2)
    prompt = prefill_flops(architecture(config), batch_size=1, input_tokens=128, counting="full")
    step = decode_flops(architecture(config), batch_size=1, input_tokens=128, output_tokens=2)
    assert prompt.total == pytest.approx(read, rel=0.02)
    assert step.total == pytest.approx(stepped, rel=0.02)


def _counted(config: Config, batch: int, inputs: int, outputs: int) -> tuple[int, int]:
    """What PyTorch counts for the prompt and for the steps after it, of a model that Transformers builds without weights.

    Attention and experts are plain products: the counter does not know every kernel that stands in for them.
    """
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    counter = pytest.importorskip("torch.utils.flop_counter").FlopCounterMode
    settings: dict[str, Any] = dict(config)
    chosen = transformers.AutoConfig.for_model(settings.pop("model_type"), **settings)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(
            chosen, attn_implementation="eager", experts_implementation="batched_mm"
        ).eval()
        tokens = torch.zeros((batch, inputs), dtype=torch.long)
    with torch.no_grad():
        with counter(display=False) as prompt:
            out = model(tokens, use_cache=True, logits_to_keep=1)
        with counter(display=False) as steps:
            for _ in range(outputs - 1):
                out = model(tokens[:, :1], past_key_values=out.past_key_values, use_cache=True)
    return prompt.get_total_flops(), steps.get_total_flops()

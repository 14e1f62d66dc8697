"""What each way of storing weights in fewer bits needs is said before anything loads."""

from __future__ import annotations

import msgspec
import pytest

from energy_fixtures.engines import quantisation
from energy_fixtures.engines.quantisation import METHODS, STORED, STORED_AS, refusal, vllm_arguments
from energy_fixtures.models.base import ModelSpec
from energy_fixtures.models.dimensions import BYTES_PER_PARAMETER
from energy_fixtures.records import Scenario

TINY = ModelSpec(name="tiny", source="built", default_dtype="float32")
SHAPE = ModelSpec(name="shape:llama-3.1-8b", source="shape", default_dtype="bfloat16")
TRAINED = ModelSpec(
    name="meta-llama/Llama-3.1-8B", source="hub", default_dtype="auto", location="meta-llama/Llama-3.1-8B"
)
BASE = Scenario(engine="vllm", model="tiny", dtype="bfloat16", batch_size=1, input_tokens=8, output_tokens=8)
AWQ = {"quantization_config": {"quant_method": "awq", "bits": 4}}

replace = msgspec.structs.replace


@pytest.mark.parametrize(
    ("fields", "model", "config", "device", "words"),
    [
        ({"quantization": "fp8"}, TINY, None, "cpu", "vLLM's CPU build cannot convert weights to fp8"),
        (
            {"quantization": "awq", "dtype": "float32"},
            TINY,
            None,
            "cpu",
            "awq needs activations in bfloat16 or float16",
        ),
        ({"quantization": "awq"}, TRAINED, {}, "cuda", "is stored in plain numbers, not as awq"),
        ({"quantization": "gptq"}, TRAINED, AWQ, "cuda", "is stored as awq, not as gptq"),
        (
            {"quantization": "int8", "engine": "transformers"},
            TINY,
            None,
            "cpu",
            "converts no weights to int8; use engine vllm",
        ),
        (
            {"kv_cache_dtype": "fp8", "engine": "transformers"},
            TINY,
            None,
            "cuda",
            "cache in the model's own number format",
        ),
        ({"quantization": "int8", "kv_cache_dtype": "fp8"}, SHAPE, None, "cuda", "have no scales for a cache in fp8"),
    ],
    ids=["fp8 on a CPU", "float32", "plain weights", "other bits", "Transformers", "its cache", "both"],
)
def test_what_cannot_be_is_said_with_the_reason(
    fields: dict[str, object], model: ModelSpec, config: dict[str, object] | None, device: str, words: str
) -> None:
    """A case that the stack, the board or the checkpoint cannot do is refused in one sentence."""
    reason = refusal(replace(BASE, **fields), model, config, device)  # type: ignore[arg-type]

    assert reason is not None and words in reason


@pytest.mark.parametrize(
    ("fields", "model", "config", "device"),
    [
        ({}, TINY, None, "cpu"),
        ({"quantization": "int8"}, TINY, None, "cpu"),
        ({"quantization": "awq"}, SHAPE, None, "cpu"),
        ({"quantization": "fp8"}, TRAINED, {}, "cuda"),
        ({"quantization": "awq"}, TRAINED, AWQ, "cuda"),
        ({"quantization": "awq"}, TRAINED, None, "cuda"),  # not on this machine yet: only the load can tell
        ({"quantization": "mxfp8"}, TINY, None, "cuda"),  # vLLM's own word
        ({"kv_cache_dtype": "fp8"}, TINY, None, "cuda"),
    ],
)
def test_what_may_be_tried_is_not_refused(
    fields: dict[str, object], model: ModelSpec, config: dict[str, object] | None, device: str
) -> None:
    """Random weights may take any layout, a checkpoint its own; what nobody knows before loading is left to the load."""
    assert refusal(replace(BASE, **fields), model, config, device) is None  # type: ignore[arg-type]


def test_bitsandbytes_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its packages the sentence holds the pip command; without weights to load it says so; a vLLM without it too."""
    case = replace(BASE, engine="transformers", quantization="bnb-int8")
    monkeypatch.setattr(
        quantisation.importlib.util, "find_spec", lambda name: None if name == "accelerate" else object()
    )
    assert refusal(case, TINY, None, "cpu") == "accelerate is not installed; pip install accelerate"

    monkeypatch.setattr(quantisation.importlib.util, "find_spec", lambda name: object())
    assert refusal(case, TINY, None, "cpu") is None
    assert "has none to load" in str(refusal(case, SHAPE, None, "cpu"))

    monkeypatch.setattr(quantisation, "_vllm_has", lambda module: False)
    assert "the installed vLLM has no bitsandbytes" in str(refusal(replace(case, engine="vllm"), TINY, None, "cpu"))


def test_an_fp8_cache_needs_wide_registers_on_a_cpu(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor without AVX-512 is told before the load; one with it may try."""
    case = replace(BASE, kv_cache_dtype="fp8")
    for flags, refused in (("flags: avx2 sse4_2", True), ("flags: avx2 avx512f", False)):
        (tmp_path / "cpuinfo").write_text(flags)
        monkeypatch.setattr(quantisation, "_CPU_FLAGS", tmp_path / "cpuinfo")

        assert (refusal(case, TINY, None, "cpu") is not None) is refused


def test_random_weights_take_the_layout_and_trained_ones_keep_theirs() -> None:
    """Only a model of random numbers gets a configuration of another layout; a checkpoint's own word is left alone."""
    assert vllm_arguments("awq", TINY) == {
        "quantization": None,
        "load_format": "dummy",
        "hf_overrides": {"quantization_config": STORED["awq"]},
    }
    assert vllm_arguments("awq", TRAINED) == {"quantization": None}
    assert vllm_arguments("fp8", TRAINED) == {"quantization": "fp8"}
    assert vllm_arguments(None, TINY) == {"quantization": None}


def test_every_method_has_a_size() -> None:
    """What a weight takes is known for every method, in the words of the models."""
    assert set(STORED_AS) == set(METHODS)
    assert set(STORED_AS.values()) <= set(BYTES_PER_PARAMETER)

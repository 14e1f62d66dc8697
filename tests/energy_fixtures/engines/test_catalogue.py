"""Which scenarios share a load, and how an engine that is not installed is named."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.engines import catalogue
from energy_fixtures.engines.base import EngineSpec
from energy_fixtures.engines.catalogue import CONTEXT_TOKENS, MAX_BATCH_SIZE, engine_spec, installed
from energy_fixtures.models.base import ModelSpec
from energy_fixtures.records import Decoding, Scenario, Speculation

MODEL = ModelSpec(name="tiny", source="built", default_dtype="float32", draft="tiny-draft")
DRAFT = ModelSpec(name="tiny-draft", source="built", default_dtype="float32")
DRAFTED = Speculation(method="draft", num_tokens=4, draft_model="tiny-draft")
NGRAM = Speculation(method="ngram", num_tokens=4, ngram_max=3)

engines = st.sampled_from(["transformers", "vllm"])
tokens = st.integers(1, 100_000)
batches = st.integers(1, 5_000)
decodings = st.one_of(
    st.just(Decoding.greedy()),
    st.integers(2, 64).map(Decoding.beam),
    st.floats(0.1, 2.0).map(lambda value: Decoding.sample(temperature=value)),
)


def scenario(engine: str, **fields: object) -> Scenario:
    """A resolved scenario that fits the usual capacity, with the given fields."""
    usual = {"batch_size": 8, "input_tokens": 64, "output_tokens": 64, "model": "tiny", "dtype": "float32"}
    return msgspec.convert({"engine": engine, **usual, **msgspec.to_builtins(fields)}, Scenario)


def spec_of(asked: Scenario) -> EngineSpec:
    """What has to be loaded for it."""
    drafted = asked.speculation is not None and asked.speculation.method == "draft"
    return engine_spec(asked, model=MODEL, draft=DRAFT if drafted else None, device="auto", trust_remote_code=False)


@given(engines, st.integers(1, 64), st.integers(1, 2048), st.integers(1, 2048), st.integers(0, 9))
def test_sizes_within_the_usual_capacity_share_a_load(
    engine: str, batch: int, prompt: int, output: int, seed: int
) -> None:
    """Batch, lengths and seed ask for no load of their own as long as the usual capacity holds them."""
    sized = scenario(engine, batch_size=batch, input_tokens=prompt, output_tokens=output, seed=seed)

    assert spec_of(scenario(engine)) == spec_of(sized)


@given(engines, batches, tokens, tokens, decodings, st.sampled_from([None, DRAFTED, NGRAM]))
def test_capacity_holds_the_scenario(
    engine: str, batch: int, prompt: int, output: int, decoding: Decoding, speculation: Speculation | None
) -> None:
    """Every sequence fits with its drafted tokens, every beam has a place, and less than twice the need is reserved."""
    asked = scenario(
        engine,
        batch_size=batch,
        input_tokens=prompt,
        output_tokens=output,
        decoding=decoding,
        speculation=None if decoding.method == "beam" else speculation,
    )
    ahead = 0 if asked.speculation is None else asked.speculation.num_tokens
    needed, sequences = prompt + output + ahead, batch * (decoding.num_beams or 1)

    spec = spec_of(asked)

    assert needed <= spec.context_tokens < max(CONTEXT_TOKENS + 1, 2 * needed)
    assert sequences <= spec.max_batch_size < max(MAX_BATCH_SIZE + 1, 2 * sequences)
    assert spec.context_tokens.bit_count() == 1 and spec.max_batch_size.bit_count() == 1


@given(st.sampled_from(["eager", "compiled", "static_cache"]), decodings, st.sampled_from([None, DRAFTED, NGRAM]))
def test_one_transformers_load_serves_all_modes(
    execution: str, decoding: Decoding, speculation: Speculation | None
) -> None:
    """Execution, decoding and speculation of Transformers come with the work, not with the load."""
    speculation = None if decoding.method == "beam" else speculation
    decoding = Decoding.beam(4) if decoding.method == "beam" else decoding
    asked = scenario("transformers", execution=execution, decoding=decoding, speculation=speculation)

    assert spec_of(scenario("transformers")) == spec_of(asked)


@pytest.mark.parametrize(
    "fields",
    [
        {"execution": "cuda_graphs"},
        {"tensor_parallel": 2},
        {"prefix_caching": True},
        {"speculation": DRAFTED},
        {"speculation": NGRAM},
        {"quantization": "fp8"},
        {"dtype": "bfloat16"},
        {"engine_options": {"attention_backend": "FLASH_ATTN"}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_vllm_loads_anew_for_what_it_settles_at_load(fields: dict[str, object]) -> None:
    """A case that differs in anything vLLM fixes while loading gets a load of its own."""
    assert spec_of(scenario("vllm")) != spec_of(scenario("vllm", **fields))


def test_vllm_decoding_comes_with_the_work() -> None:
    """Greedy, sampled and small beam cases of vLLM share a load."""
    specs = {
        spec_of(scenario("vllm", decoding=decoding)).max_batch_size
        for decoding in (Decoding.greedy(), Decoding.beam(4))
    }

    assert {MAX_BATCH_SIZE} == specs
    assert spec_of(scenario("vllm")) == spec_of(scenario("vllm", decoding=Decoding.sample(top_k=50)))


def test_vllm_spec_names_its_draft() -> None:
    """The draft model is part of a vLLM load, with its look-ahead."""
    spec = spec_of(scenario("vllm", speculation=DRAFTED))

    assert (spec.draft, spec.speculation_method, spec.speculation_tokens) == (DRAFT, "draft", 4)


def test_missing_engine_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine whose package is not there is answered by a sentence that holds the pip command."""
    monkeypatch.setattr(catalogue, "_PACKAGES", {"vllm": ("no_such_package_of_this_name",)})

    assert installed("vllm") == "no_such_package_of_this_name is not installed; pip install 'pytest-joules[vllm]'"


def test_looking_for_engines_imports_none() -> None:
    """Asking what is installed leaves the frameworks outside the process."""
    code = (
        "import sys; from energy_fixtures.engines.catalogue import installed;"
        "installed('vllm'); installed('transformers');"
        "print([name for name in ('torch', 'vllm', 'transformers') if name in sys.modules])"
    )

    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )

"""What cannot run here is said when a Scenario is resolved: heads, layers, boards and bits."""

from __future__ import annotations

import msgspec
import pytest

from energy_fixtures import Scenario, Speculation
from energy_fixtures.errors import ConfigurationError
from energy_fixtures.options import read_options
from energy_fixtures.scenarios import NotPossible, resolve_scenario

PLAIN = Scenario(engine="vllm", batch_size=8, input_tokens=8, output_tokens=8)
EAGLE = Speculation(method="eagle")
LLAMA = "meta-llama/Llama-3.1-8B-Instruct"


@pytest.fixture
def resolved(pytestconfig, monkeypatch):
    """Resolve a changed Scenario for a model as the command line would, on a CPU of two cores."""

    def make(model="tiny", **fields):
        monkeypatch.setattr("energy_fixtures.scenarios.installed", lambda engine: None)
        monkeypatch.setattr("energy_fixtures.scenarios._cores", lambda: 2)
        options = read_options(pytestconfig)
        given = type(options)(**{**vars(options), "device": "cpu"})
        return resolve_scenario(msgspec.structs.replace(PLAIN, **fields), model, given)

    return make


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"speculation": EAGLE}, "no EAGLE head of tiny is known; name one as draft_model"),
        ({"speculation": Speculation(method="mtp")}, "made without multi-token-prediction layers"),
        ({"tensor_parallel": 4}, "4 parts of the work need a CPU core each"),
        ({"pipeline_parallel": 2}, "pipeline parallelism crashes in vLLM's CPU build"),
        ({"quantization": "fp8", "dtype": "bfloat16"}, "cannot convert weights to fp8"),
        ({"quantization": "awq"}, "awq needs activations in bfloat16 or float16 and this case has float32"),
    ],
    ids=["eagle", "mtp", "tp", "pp", "fp8", "awq"],
)
def test_it_is_skipped_before_anything_loads(resolved, fields, words):
    """The case is not possible here, in a sentence that says what would be needed."""
    with pytest.raises(NotPossible, match=words):
        resolved(**fields)


def test_a_published_head_is_found_by_its_target(resolved):
    """EAGLE needs no name where its authors published a head for the model, and the Scenario that is stored names it."""
    found = resolved(model=LLAMA, speculation=EAGLE, dtype="bfloat16")

    assert found.draft is not None and found.draft.name == "yuhuili/EAGLE-LLaMA3.1-Instruct-8B"
    assert found.scenario.speculation.draft_model == found.draft.name
    assert (found.spec.speculation_method, found.spec.draft) == ("eagle", found.draft)


def test_the_load_is_named_by_what_is_special_about_it(resolved):
    """The line that tells of a load names bits, cache and spread, and each of them is a load of its own."""
    fields = {"dtype": "bfloat16", "quantization": "awq", "kv_cache_dtype": "fp8", "tensor_parallel": 2}
    awq = resolved(dtype="bfloat16", quantization="awq", tensor_parallel=2)
    cache = resolved(kv_cache_dtype="fp8", data_parallel=2)

    assert awq.load_label == "tiny · bfloat16 · eager · awq · TP 2"
    assert cache.load_label == "tiny · float32 · eager · fp8 cache · DP 2"
    assert (awq.spec.boards, cache.spec.boards) == (2, 2)
    keys = {resolved(**{"dtype": "bfloat16", name: value}).load_key for name, value in fields.items()}
    assert len(keys) == 4


def test_weights_in_fewer_bits_fit_where_plain_ones_do_not(resolved, monkeypatch):
    """Memory is counted in the bits that the weights will have: 8 billion in 4 bits fit into 8 GB, in 16 they do not."""
    monkeypatch.setattr("energy_fixtures.scenarios._memory", lambda on, boards: (8e9, "this machine's memory"))
    shape = "shape:llama-3.1-8b"

    with pytest.raises(ConfigurationError, match=r"needs 16\.1 GB for its bfloat16 weights"):
        resolved(model=shape)
    assert resolved(model=shape, quantization="awq").scenario.quantization == "awq"

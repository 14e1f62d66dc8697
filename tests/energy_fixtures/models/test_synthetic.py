from __future__ import annotations

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.catalogue import architecture_of, config_of, resolve
from energy_fixtures.models.synthetic import synthetic


def test_a_name_is_an_architecture():
    """Layers, hidden size, heads, KV heads and inner width are those of the name."""
    config = synthetic("synthetic:l12-h768-a12-kv4-f3072")
    assert config["model_type"] == "llama"
    known = architecture_of(resolve("synthetic:l12-h768-a12-kv4-f3072"))
    assert known is not None
    assert (known.layers, known.hidden_size, known.attention_heads) == (12, 768, 12)
    assert (known.kv_heads, known.head_dim, known.intermediate_size, known.vocab_size) == (4, 64, 3072, 32_000)


def test_experts_and_vocabulary():
    """Experts make it a mixture, and a vocabulary of its own makes it smaller."""
    known = architecture_of(resolve("SYNTHETIC:l2-h64-a2-kv1-f128-e8k2-v512"))
    assert known is not None
    assert (known.experts, known.experts_per_token, known.expert_intermediate_size) == (8, 2, 128)
    assert known.vocab_size == 512


def test_equal_names_in_any_case_are_one_model():
    """The model's own name is written small, so that results of it are found again."""
    assert resolve("Synthetic:L2-H64-A2-KV1-F128") == resolve("synthetic:l2-h64-a2-kv1-f128")
    assert config_of(resolve("synthetic:l2-h64-a2-kv1-f128")) == synthetic("synthetic:l2-h64-a2-kv1-f128")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("synthetic:big", "write synthetic:l12"),
        ("synthetic:l2-h65-a2-kv1-f128", "multiple of the attention heads"),
        ("synthetic:l2-h62-a2-kv1-f128", "must be even"),
        ("synthetic:l2-h60-a4-kv1-f128", "must be even"),
        ("synthetic:l2-h64-a4-kv3-f128", "multiple of the KV heads"),
        ("synthetic:l0-h64-a4-kv2-f128", "at least 1"),
        ("synthetic:l2-h64-a0-kv2-f128", "at least 1"),
        ("synthetic:l2-h64-a4-kv2-f128-e2k3", "no more experts"),
        ("synthetic:l2-h64-a4-kv2-f128-v12", "at least 300 tokens"),
    ],
)
def test_names_that_no_engine_builds(name, words):
    """A name of another form, or sizes that do not fit each other, is refused with the rule."""
    with pytest.raises(ConfigurationError, match=words):
        resolve(name)

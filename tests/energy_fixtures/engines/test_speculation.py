"""EAGLE and MTP run where the model has the parts for it, and say so where it has not."""

from __future__ import annotations

import msgspec
import pytest

from energy_fixtures.engines.base import EngineSpec
from energy_fixtures.engines.catalogue import engine_spec
from energy_fixtures.engines.speculation import refusal
from energy_fixtures.engines.vllm_arguments import speculative_config
from energy_fixtures.models.catalogue import resolve
from energy_fixtures.records import Scenario, Speculation

EAGLE, MTP = Speculation(method="eagle", num_tokens=3), Speculation(method="mtp", num_tokens=2)
BASE = Scenario(engine="vllm", model="tiny", dtype="float32", batch_size=1, input_tokens=8, output_tokens=8)
TINY = resolve("tiny")

replace = msgspec.structs.replace


def spec_of(scenario: Scenario, draft: str | None = None) -> EngineSpec:
    """What has to be loaded for it."""
    head = None if draft is None else resolve(draft)
    return engine_spec(scenario, model=TINY, draft=head, device="cuda", trust_remote_code=False)


@pytest.mark.parametrize(
    ("fields", "config", "words"),
    [
        ({"speculation": MTP}, {"num_hidden_layers": 4}, "tiny was made without multi-token-prediction layers"),
        ({"speculation": MTP}, {"num_nextn_predict_layers": 0}, "without multi-token-prediction layers"),
        ({"speculation": EAGLE, "engine": "transformers"}, {}, "not with eagle; use engine vllm"),
    ],
    ids=["no key", "no layer", "Transformers"],
)
def test_a_model_without_the_parts_is_told_so(fields: dict[str, object], config: dict[str, object], words: str) -> None:
    """The sentence names the model, or the engine that can."""
    assert words in str(refusal(replace(BASE, **fields), TINY, config))


@pytest.mark.parametrize("name", ["num_nextn_predict_layers", "mtp_num_hidden_layers"])
def test_a_model_with_the_layers_may_use_them(name: str) -> None:
    """Both names under which configurations count them are known; an unknown configuration is left to the load."""
    assert refusal(replace(BASE, speculation=MTP), TINY, {name: 1}) is None
    assert refusal(replace(BASE, speculation=MTP), TINY, None) is None
    assert refusal(BASE, TINY, {}) is None


def test_vllm_is_told_in_its_own_words() -> None:
    """MTP names no model, EAGLE its head, and a head of the third EAGLE its own method."""
    head = "yuhuili/EAGLE-LLaMA3.1-Instruct-8B"
    third = "yuhuili/EAGLE3-LLaMA3.1-Instruct-8B"

    assert speculative_config(spec_of(replace(BASE, speculation=MTP))) == {"num_speculative_tokens": 2, "method": "mtp"}
    told = [speculative_config(spec_of(replace(BASE, speculation=EAGLE), name)) or {} for name in (head, third)]
    assert [(one["method"], one["model"]) for one in told] == [("eagle", head), ("eagle3", third)]
    assert speculative_config(spec_of(BASE)) is None


def test_layers_of_the_target_have_no_model_of_their_own() -> None:
    """A draft model is refused for n-grams and for MTP, which need none."""
    for method in ("ngram", "mtp"):
        with pytest.raises(ValueError, match="belongs to the methods draft and eagle"):
            Speculation(method=method, draft_model="a/b", ngram_max=2 if method == "ngram" else None)  # type: ignore[arg-type]

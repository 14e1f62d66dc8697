"""Guessing ahead with parts that belong to a model: which heads are published, which models have layers for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from energy_fixtures.models.base import ModelSpec
from energy_fixtures.models.shapes import Config
from energy_fixtures.records import Scenario

EAGLE_HEADS: Mapping[str, str] = {
    "meta-llama/Llama-3.1-8B-Instruct": "yuhuili/EAGLE-LLaMA3.1-Instruct-8B",
    "meta-llama/Meta-Llama-3-8B-Instruct": "yuhuili/EAGLE-LLaMA3-Instruct-8B",
}
"""Heads by hub id of their target, as the authors list them (github.com/SafeAILab/EAGLE)."""

MTP_LAYERS = ("num_nextn_predict_layers", "mtp_num_hidden_layers")
"""Keys of a config.json that count the layers which predict further tokens."""


def refusal(scenario: Scenario, model: ModelSpec, config: Config | None) -> str | None:
    """Why a model cannot guess ahead by EAGLE or MTP here, in one sentence; None where nothing is known against it."""
    method = None if scenario.speculation is None else scenario.speculation.method
    if method not in ("eagle", "mtp"):
        return None
    if scenario.engine == "transformers":
        return f"Transformers guesses ahead with a draft model or n-grams, not with {method}; use engine vllm"
    if method == "mtp" and config is not None and not any(config.get(name) for name in MTP_LAYERS):
        return f"{model.name} was made without multi-token-prediction layers; name a model that has them (DeepSeek-V3, GLM-4.5, ...)"
    return None

"""From a Scenario as a benchmark file writes it to one that can be loaded: models named, number format chosen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import msgspec

from energy_fixtures.boards import read_boards
from energy_fixtures.engines.base import EngineSpec
from energy_fixtures.engines.catalogue import engine_spec, installed
from energy_fixtures.environment import accelerator_present
from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.base import ModelSpec
from energy_fixtures.models.catalogue import resolve, weight_bytes
from energy_fixtures.options import Options
from energy_fixtures.record import digest
from energy_fixtures.records import MOE_SIBLING, Scenario


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A Scenario with everything named, and what has to be loaded for it.

    `load_key` is equal for all that can share one load.
    """

    scenario: Scenario
    spec: EngineSpec
    draft: ModelSpec | None

    @property
    def load_key(self) -> str:
        """Equal for scenarios that share one loaded engine."""
        return digest(self.spec)

    @property
    def load_label(self) -> str:
        """What is loaded, in a few words."""
        spec = self.spec
        parts = [spec.model.name, spec.dtype]
        if spec.engine == "vllm":
            parts.append(spec.execution.replace("_", " "))
        if spec.speculation_method:
            parts.append(spec.speculation_method)
        if spec.tensor_parallel > 1:
            parts.append(f"TP {spec.tensor_parallel}")
        return " · ".join(parts)


class NotPossible(Exception):
    """A case that this machine or selection cannot run; it is skipped with this sentence."""


def resolve_scenario(scenario: Scenario, model_name: str, options: Options) -> Resolved:
    """Name the models, settle number format and device, and work out the load.

    Raises:
        NotPossible: No such sibling or draft is known, it does not fit, or the engine is not installed.
        ConfigurationError: A model name that means nothing, or a model that was asked for and does not fit.
    """
    reason = installed(scenario.engine)
    if reason is not None:
        raise NotPossible(reason)
    target = _named(model_name, options)
    if scenario.model == MOE_SIBLING:
        if target.moe is None:
            raise NotPossible(
                f"the catalogue knows no mixture-of-experts sibling of {target.name}; use tiny, shape:olmo-1b, ..."
            )
        model = resolve(target.moe)
    else:
        model = target if scenario.model is None else _named(scenario.model, options)
    draft = _draft(scenario, model, options)
    dtype = options.dtype if scenario.dtype == "auto" and options.dtype != "auto" else scenario.dtype
    dtype = model.default_dtype if dtype == "auto" else dtype
    named = msgspec.structs.replace(scenario, model=model.name, dtype=dtype)
    if draft is not None and scenario.speculation is not None:
        named = msgspec.structs.replace(
            named, speculation=msgspec.structs.replace(scenario.speculation, draft_model=draft.name)
        )
    _refuse_what_does_not_fit(model, draft, named, options, asked_for=model.name == target.name)
    trusted = model.trusted and (draft is None or draft.trusted)  # vLLM has one switch for both
    spec = engine_spec(named, model=model, draft=draft, device=device(options), trust_remote_code=trusted)
    return Resolved(scenario=named, spec=spec, draft=draft)


def device(options: Options) -> Literal["auto", "cpu", "cuda"]:
    """Where engines run: as asked, else a GPU where one is."""
    if options.device != "auto":
        return options.device
    return "cuda" if accelerator_present() else "cpu"


def _draft(scenario: Scenario, model: ModelSpec, options: Options) -> ModelSpec | None:
    if scenario.speculation is None or scenario.speculation.method != "draft":
        return None
    name = scenario.speculation.draft_model or options.draft_model or model.draft
    if name is None:
        raise NotPossible(f"the catalogue knows no draft model of {model.name}; name one with --energy-draft-model")
    if name == model.name:
        raise ConfigurationError(f"--energy-draft-model={name} is the model itself; name a smaller one")
    return _named(name, options)


def _named(name: str, options: Options) -> ModelSpec:
    """The model of a name that a user typed, trusted where the same name stands in --energy-trust-remote-code."""
    return msgspec.structs.replace(resolve(name), trusted=name in options.trust_remote_code)


def _refuse_what_does_not_fit(
    model: ModelSpec, draft: ModelSpec | None, scenario: Scenario, options: Options, *, asked_for: bool
) -> None:
    """Weights alone that exceed the memory can be told before anything loads; what else is needed, only the load tells."""
    needed = [weight_bytes(one, scenario.dtype) for one in (model, draft) if one is not None]
    known_bytes = sum(size for size in needed if size is not None)
    memory_bytes, where = _memory(device(options), scenario.tensor_parallel)
    if known_bytes <= memory_bytes:
        return
    sentence = (
        f"{model.name} needs {known_bytes / 1e9:.1f} GB for its {scenario.dtype} weights and {where} has "
        f"{memory_bytes / 1e9:.1f} GB; choose a smaller model, or a smaller number format with --energy-dtype"
    )
    raise ConfigurationError(f"--energy-model: {sentence}") if asked_for else NotPossible(sentence)


@cache
def _memory(on: str, boards: int) -> tuple[float, str]:
    """Bytes that weights may take on `on`, and what to call it; infinite where it cannot be known beforehand."""
    if on == "cpu":
        import psutil

        return float(psutil.virtual_memory().total), "this machine's memory"
    sizes = [float(board["memory_total_bytes"]) for board in read_boards() if "memory_total_bytes" in board]
    if not sizes:
        return float("inf"), "the GPU"
    return sum(sizes[:boards]), "the GPU" if boards == 1 else f"{boards} GPUs together"

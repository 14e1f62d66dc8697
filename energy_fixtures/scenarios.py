"""From a Scenario as a benchmark file writes it to one that can be loaded: models named, number format chosen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import msgspec

from energy_fixtures.boards import read_boards
from energy_fixtures.engines import parallelism, quantisation, speculation
from energy_fixtures.engines.base import EngineSpec
from energy_fixtures.engines.catalogue import engine_spec, installed
from energy_fixtures.environment import accelerator_present
from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.base import ModelSpec
from energy_fixtures.models.catalogue import architecture_of, config_of, resolve, weight_bytes
from energy_fixtures.models.dimensions import Architecture
from energy_fixtures.options import Options
from energy_fixtures.record import digest
from energy_fixtures.records import MOE_SIBLING, SERVERS, Scenario
from energy_fixtures.replay_check import mixed_of
from energy_fixtures.serving.schedule import schedule_of, stored
from energy_fixtures.workloads.arrivals import arrival_times_s


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """A Scenario with everything named, and what has to be loaded for it.

    `load_key` is equal for all that can share one load. `noted` goes into the Result beside the test's parameters.
    """

    scenario: Scenario
    spec: EngineSpec
    draft: ModelSpec | None
    noted: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def stored(self) -> Scenario:
        """The Scenario as a result keeps it."""
        mix, mixed = self.scenario.mix, mixed_of(self.scenario)
        if mix is None or mixed is None:
            return stored(self.scenario)
        return msgspec.structs.replace(self.scenario, mix=msgspec.structs.replace(mix, workload=mixed.source))

    @property
    def has_prefill(self) -> bool:
        """Whether its work up to the first token can be done apart: there is a second, and its requests are in one phase."""
        return (self.scenario.arrivals or self.scenario.mix) is None and self.scenario.output_tokens >= 2

    @property
    def load_key(self) -> str:
        """Equal for scenarios that share one loaded engine."""
        return digest(self.spec)

    @property
    def architecture(self) -> Architecture | None:
        """The model's shape, where its configuration tells it."""
        return architecture_of(self.spec.model)

    @property
    def load_label(self) -> str:
        """What is loaded, in a few words."""
        spec = self.spec
        parts = [spec.model.name, spec.dtype]
        if spec.engine.startswith("vllm"):
            parts.append(spec.execution.replace("_", " "))
        if spec.speculation_method:
            parts.append(spec.speculation_method)
        parts += [spec.quantization] if spec.quantization else []
        parts += [f"{spec.kv_cache_dtype} cache"] if spec.kv_cache_dtype != "auto" else []
        spread = {"TP": spec.tensor_parallel, "PP": spec.pipeline_parallel, "DP": spec.data_parallel}
        parts += [f"{name} {count}" for name, count in spread.items() if count > 1]
        return " · ".join(parts)


class NotPossible(Exception):
    """A case that this machine or selection cannot run; it is skipped with this sentence."""


def resolve_scenario(scenario: Scenario, model_name: str, options: Options) -> Resolved:
    """Name the models, settle number format and device, and work out the load.

    Raises:
        NotPossible: No such sibling or draft is known, it does not fit, or the engine is not installed.
        ConfigurationError: A model name that means nothing, or a model that was asked for and does not fit.
    """
    scenario = with_workload(scenario, options)
    if scenario.engine in SERVERS:
        _refuse_endless(scenario, options)
        if options.server is not None or scenario.engine == "server":
            return _on_running_server(scenario, options)
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
    for reason in _known_refusals(named, model, options):
        if reason is not None:
            raise NotPossible(reason)
    _refuse_what_does_not_fit(model, draft, named, options, asked_for=model.name == target.name)
    trusted = model.trusted and (draft is None or draft.trusted)  # vLLM has one switch for both
    spec = engine_spec(named, model=model, draft=draft, device=device(options), trust_remote_code=trusted)
    return Resolved(scenario=named, spec=spec, draft=draft)


def with_workload(scenario: Scenario, options: Options) -> Scenario:
    """The Scenario, with the session's workload where its mix of requests or its replay of arrivals names none.

    Raises:
        NotPossible: Arrivals are to be replayed, and the session names no trace that could hold them.
    """
    mix, arrivals = scenario.mix, scenario.arrivals
    if mix is not None and mix.workload is None:
        mix = msgspec.structs.replace(mix, workload=options.workload)
    if arrivals is not None and arrivals.process == "trace" and arrivals.workload is None:
        from energy_fixtures.workloads.catalogue import is_drawn  # with the generators and downloads

        if is_drawn(options.workload):
            raise NotPossible(
                f"{options.workload} is drawn and has no recorded times to replay; name a trace with --energy-workload=FILE"
            )
        arrivals = msgspec.structs.replace(arrivals, workload=options.workload)
    return msgspec.structs.replace(scenario, mix=mix, arrivals=arrivals)


def refuse_bad_workloads(cases: Iterable[Resolved], options: Options) -> None:
    """Read every workload that these cases take their requests from: a bad one is told before an engine loads.

    Raises:
        ConfigurationError: A trace cannot be read or used, holds too few requests, or takes longer than is waited for.
    """
    for case in cases:
        arrivals = case.scenario.arrivals
        mixed_of(case.scenario)
        if arrivals is not None and arrivals.workload is not None:
            _refuse_late(schedule_of(case.scenario).last_s, options)


def device(options: Options) -> Literal["auto", "cpu", "cuda"]:
    """Where engines run: as asked, else a GPU where one is."""
    if options.device != "auto":
        return options.device
    return "cuda" if accelerator_present() else "cpu"


def _on_running_server(scenario: Scenario, options: Options) -> Resolved:
    """The same case on a server that runs already: what it settles itself is left open, what it cannot be told refused."""
    from energy_fixtures.serving.running import as_served, refusal, server_of  # for those who name a server

    if options.server is None:
        raise NotPossible(
            "this case needs a server that runs already; name it with --energy-server=http://127.0.0.1:PORT"
        )
    served = server_of(options.server, options.models)
    reason = refusal(scenario, served)
    if reason is not None:
        raise NotPossible(reason)
    named = as_served(scenario, served)
    boards = 1 if device(options) == "cpu" else max(1, len(read_boards()))  # nobody tells which of them it uses
    spec = engine_spec(
        named, model=served.model, draft=None, device=device(options), trust_remote_code=False, server=served.spec
    )
    return Resolved(scenario=named, spec=msgspec.structs.replace(spec, tensor_parallel=boards), draft=None)


def _refuse_endless(scenario: Scenario, options: Options) -> None:
    """Arrivals that take longer than the engine is waited for would be measured and then lost.

    A trace is not read here, but in `refuse_bad_workloads`: listing the cases must stay quick.
    """
    if scenario.arrivals is not None and scenario.arrivals.process != "trace":
        _refuse_late(arrival_times_s(scenario.arrivals, scenario.seed)[-1], options)


def _refuse_late(last_s: float, options: Options) -> None:
    if last_s >= options.timeout_s:
        raise ConfigurationError(
            f"the arrivals of one run take {last_s:.0f} s and --energy-timeout is {options.timeout_s:g} s; raise it, or ask"
            " for fewer requests or a higher rate"
        )


def _known_refusals(scenario: Scenario, model: ModelSpec, options: Options) -> Iterator[str | None]:
    """What can be told before anything loads: bits, boards, heads."""
    config, where = config_of(model), device(options)
    boards = len(read_boards()) if scenario.boards > 1 and where == "cuda" else None
    yield parallelism.refusal(scenario, where, boards=boards or None, cores=_cores())
    yield quantisation.refusal(scenario, model, config, where)
    yield speculation.refusal(scenario, model, config)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _draft(scenario: Scenario, model: ModelSpec, options: Options) -> ModelSpec | None:
    if scenario.speculation is not None and scenario.speculation.method == "eagle":
        head = scenario.speculation.draft_model or speculation.EAGLE_HEADS.get(model.location or "")
        if head is None:
            raise NotPossible(
                f"no EAGLE head of {model.name} is known; name one as draft_model of the case's Speculation"
            )
        return _named(head, options)
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
    bits = quantisation.STORED_AS.get(scenario.quantization or "", scenario.dtype)
    needed = [weight_bytes(model, bits)] + ([] if draft is None else [weight_bytes(draft, scenario.dtype)])
    known_bytes = sum(size for size in needed if size is not None)
    memory_bytes, where = _memory(device(options), scenario.tensor_parallel * scenario.pipeline_parallel)
    if known_bytes <= memory_bytes:
        return
    sentence = (
        f"{model.name} needs {known_bytes / 1e9:.1f} GB for its {bits} weights and {where} has "
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

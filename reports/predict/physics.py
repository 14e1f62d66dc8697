"""Time and energy of one request in closed form, from an architecture, boards and a handful of constants.

    batch ─► how many sequences fit beside the weights ─► waves
    wave  ─► prefill in chunks of CHUNK_TOKENS ─► decode, one step per token, at its mean context

    step:   host     = (step + launches * layer * mode + sequences * sequence) * host of the machine + doublings of boards * mode
            boards   = norm4(bytes / bandwidth, operations / rate)
            seconds  = norm_overlap(host, boards) + all-reduces
            power    = least8(rest + awake + joules of bytes and operations / seconds, TDP)

norm_p(a, b) = (a^p + b^p)^(1/p) is a smooth maximum, least_q(a, b) = (a^-q + b^-q)^(-1/q) a smooth minimum.
Nothing but + - * / and powers, so that a web page computes the same numbers (docs/predicting.md has it in JavaScript).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from energy_fixtures.record import Record, need
from reports.predict.constants import Constants
from reports.predict.machines import Link, Machine
from reports.predict.shape import Shape

CHUNK_TOKENS = 8192.0
"""Prompt tokens of one prefill pass; vLLM's default budget lies between 2,048 and 16,384."""

USABLE_MEMORY = 0.9  # vLLM's gpu_memory_utilization
ENGINE_BYTES = 1.5e9  # activations and context per board
HELD = (
    0.75  # of its output that a sequence's cache is sized for: batches begin together, and grow into each other's room
)
EXPERTS_PER_DOUBLING = 128.0  # of experts, that double a mixture's launches: sorting tokens by expert grows with them
MOST_EXPERTS = 256.0  # from which on it is taken to grow no more: no measured mixture has more
SHARPNESS_WORK = 4.0
SHARPNESS_CAP = 8.0
LINKS: dict[Link, float] = {"nvlink": 1.0, "pcie_peer": 3.0, "pcie": 8.0}
"""An all-reduce against one over NVLink: over PCIe from board to board, and through the host's memory, about 0.1 ms."""
NETWORK = 2.0  # and across machines against within one

Execution = Literal["eager", "cuda_graphs", "transformers"]
TERMS = ("idle", "awake", "weights", "kv_cache", "compute", "communication")
"""What a joule is spent on: at rest for the time it takes, held awake and launching, bytes of weights, bytes of the
cache, operations, and waiting for other boards."""


class Work(Record, frozen=True, kw_only=True):
    """What is asked of the boards: a batch of equal requests, all there from the start.

    `weight_bytes` are those of one weight; 8 bit weights are floats, or with `whole_numbers` int8, multiplied as such.
    """

    batch: float = 1.0
    input_tokens: float
    output_tokens: float
    boards: int = 1
    weight_bytes: float = 2.0
    whole_numbers: bool = False
    execution: Execution = "eager"

    def __post_init__(self) -> None:
        for name in ("batch", "input_tokens", "output_tokens", "boards"):
            need(1 <= getattr(self, name) < math.inf, f"{name} must be at least 1", getattr(self, name))
        need(0 < self.weight_bytes <= 4, "weight_bytes must lie in (0, 4]", self.weight_bytes)

    @property
    def cache_factor(self) -> float:
        """Bytes of a cached number against 16 bit: a cache is as wide as the arithmetic, and no narrower than 16 bit."""
        return 2.0 if self.weight_bytes > 2 else 1.0


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One forward pass on all boards.

    Attributes:
        seconds, joules: What it takes. terms: Joules by `TERMS`, which sum to `joules`.
        memory_s, compute_s, host_s, link_s: The times it is made of.
    """

    seconds: float
    joules: float
    terms: Mapping[str, float]
    memory_s: float
    compute_s: float
    host_s: float
    link_s: float


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One request of the batch.

    Attributes:
        joules: GPU energy of one request. seconds: From the batch handed over to its last token.
        prefill, decode: Joules of one request by `TERMS`. step: One decode step of the whole batch.
        concurrent: Sequences that are decoded at once, at most the batch.
    """

    joules: float
    seconds: float
    prefill: Mapping[str, float]
    decode: Mapping[str, float]
    step: Pass
    concurrent: float


def room_bytes(shape: Shape, machine: Machine, work: Work) -> float:
    """Memory of all boards that an engine has left for the cache beside the weights; below 0 where they do not fit."""
    usable = work.boards * (USABLE_MEMORY * machine.memory_bytes - ENGINE_BYTES)
    return usable - shape.parameters * work.weight_bytes


def cost(shape: Shape, machine: Machine, work: Work, constants: Constants) -> Cost:
    """Time and GPU energy of one request, joules, by phase and term."""
    mean_tokens = work.input_tokens + work.output_tokens / 2
    held = work.cache_factor * shape.cache_bytes(work.input_tokens + HELD * work.output_tokens)
    fits = max(1.0, room_bytes(shape, machine, work) / held)
    concurrent = min(work.batch, fits)
    tokens = work.input_tokens * concurrent
    passes = max(1.0, tokens / CHUNK_TOKENS)
    prompt = forward(
        shape, machine, work, constants, tokens / passes, concurrent / passes, work.input_tokens / 2, cached=False
    )
    step = forward(shape, machine, work, constants, concurrent, concurrent, mean_tokens, cached=True)
    steps = work.output_tokens - 1  # prefill gives the first token
    prefill = {term: prompt.terms[term] * passes / concurrent for term in TERMS}
    decode = {term: step.terms[term] * steps / concurrent for term in TERMS}
    return Cost(
        joules=math.fsum([*prefill.values(), *decode.values()]),
        seconds=(prompt.seconds * passes + step.seconds * steps) * work.batch / concurrent,
        prefill=prefill,
        decode=decode,
        step=step,
        concurrent=concurrent,
    )


def forward(
    shape: Shape,
    machine: Machine,
    work: Work,
    constants: Constants,
    tokens: float,
    sequences: float,
    context_tokens: float,
    *,
    cached: bool,
) -> Pass:
    """One pass over `tokens` tokens of `sequences` sequences.

    Args:
        context_tokens: Tokens that each token looks back on, on average.
        cached: Whether it reads the cache from memory (decode); a prompt's own keys stay on the chip.
    """
    c, boards = constants, float(work.boards)
    steady = shape.every_step * work.weight_bytes
    expert = shape.sparse_layers * shape.experts_read(tokens) * shape.expert * work.weight_bytes
    cache = sequences * work.cache_factor * shape.cache_bytes(context_tokens) if cached else 0.0
    operations = 2 * shape.active * tokens + 4 * shape.attention * tokens * context_tokens
    memory_s = (steady + cache + expert / c.expert_efficiency) / (
        boards * machine.bandwidth_bytes_s * c.memory_efficiency
    )
    compute_s = operations / (boards * peak_flop_s(machine, work) * c.compute_efficiency)
    doublings = math.log2(boards)
    host_s = machine.host * (
        c.step_s + _launches(shape, c) * c.layer_s * _launch_factor(work, c) + sequences * c.sequence_s
    )
    host_s += c.several_s * doublings * _launch_factor(work, c)
    link_s = 2 * shape.layers * _all_reduce_s(machine, work, c) if work.boards > 1 else 0.0
    busy_s = _smooth_maximum(host_s, _smooth_maximum(memory_s, compute_s, SHARPNESS_WORK), c.overlap)
    seconds = busy_s + link_s

    awake_w = c.awake_w * (machine.tdp_w / 300) ** c.awake_exponent * (1 + (c.several_awake if boards > 1 else 0))
    floor_w = machine.idle_w + awake_w
    asked = {
        "idle": boards * machine.idle_w * busy_s,
        "awake": boards * awake_w * busy_s,
        "weights": c.joules_per_byte * (steady + expert),
        "kv_cache": c.joules_per_byte * cache,
        "compute": c.compute_share * max(machine.tdp_w - floor_w, 0.0) * boards * compute_s,
        "communication": boards * floor_w * link_s,
    }
    power_w = math.fsum(asked.values()) / boards / seconds
    capped = (1 + (power_w / machine.tdp_w) ** SHARPNESS_CAP) ** (-1 / SHARPNESS_CAP)
    terms = {term: joules * capped for term, joules in asked.items()}
    return Pass(
        seconds=seconds,
        joules=math.fsum(terms.values()),
        terms=terms,
        memory_s=memory_s,
        compute_s=compute_s,
        host_s=host_s,
        link_s=link_s,
    )


def peak_flop_s(machine: Machine, work: Work) -> float:
    """Dense peak for these weights, FLOP/s: 4 bit ones, and those of a width the board lacks, are widened to 16 bit first."""
    if work.weight_bytes > 2:
        return machine.flop_s_32bit
    if work.weight_bytes == 1:
        return machine.flop_s_int8 if work.whole_numbers else machine.flop_s_8bit
    return machine.flop_s_16bit


def _launches(shape: Shape, c: Constants) -> float:
    """Kernels of one pass, in layers' worth."""
    per_layer = 1 + c.latent_layers * shape.latent + c.plain_layers * shape.plain
    sorting = 1 + min(shape.experts, MOST_EXPERTS) / EXPERTS_PER_DOUBLING
    return shape.layers * per_layer + shape.sparse_layers * c.sparse_layers * sorting


def _launch_factor(work: Work, c: Constants) -> float:
    return {"eager": 1.0, "cuda_graphs": c.graph_launch, "transformers": c.transformers_launch}[work.execution]


def _all_reduce_s(machine: Machine, work: Work, c: Constants) -> float:
    """Seconds of one all-reduce of a few tokens."""
    apart = NETWORK if work.boards > machine.boards_per_node else 1.0
    return c.link_s * LINKS[machine.link] * (1 + math.log2(work.boards) / 2) * apart


def _smooth_maximum(a: float, b: float, sharpness: float) -> float:
    return float((a**sharpness + b**sharpness) ** (1 / sharpness))

"""The least energy that a request could take on a board: by operations alone, and with bytes and rest counted.

    prefill                       decode
    ───────                       ──────
    weights read once             weights read once a step, experts as often as tokens visit them
    cache written                 cache read and written
    all prompt tokens at once     one token per sequence and step

Two bounds for each phase, of `count` boards that share the work perfectly:

    ideal   operations x TDP / peak                               "Energy Considerations of LLM Inference", section 5
    floor   rest x time + (TDP - rest) x operations / peak + bytes x energy of the memory's own cells and wires,
            with time = the longer of operations / peak and bytes / bandwidth; at most TDP x time

Modelled from data sheets, never measured. What it leaves out and what it takes for granted: docs/ideal.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.architecture import Architecture, bytes_per_parameter
from reports.boards import Board, Peak
from reports.ideal.flops import Counting, decode_flops, prefill_flops
from reports.ideal.traffic import Traffic, decode_traffic, prefill_traffic

MEMORY_J_PER_BYTE = {
    "HBM": 8
    * 3.92e-12,  # pJ/bit of HBM2: O'Connor et al., Fine-Grained DRAM, MICRO-50 (2017); Micron states 6.0 for HBM2E
    "GDDR6": 8 * 7.25e-12,  # pJ/bit of the device: Micron, ultra-bandwidth solutions (2020): GDDR6 7.5, GDDR6X 7.25
}
"""Energy of moving one byte between a board's memory and its chip, by the beginning of the memory's name."""

LEAST_J_PER_BYTE = min(MEMORY_J_PER_BYTE.values())
"""For memory of another kind."""

UNPACKED = ("int4", "fp8", "int8")
"""Weights that are unpacked to 16 bits before they are multiplied where a board has no matrix units for them (AWQ, Marlin)."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is asked of a model.

    Attributes:
        shape: The model. dtype: Of its weights and arithmetic.
        batch_size, input_tokens, output_tokens: B requests of I prompt and O output tokens each.
        kv_dtype: Of the cache, None for the weights' own (16 bits where those have fewer).
        tokens_per_step: Most tokens that one step can yield for a request: 1, or 1 + look-ahead with speculation.

    Raises:
        ConfigurationError: A count below one, or an unknown dtype.
    """

    shape: Architecture
    batch_size: int
    input_tokens: int
    output_tokens: int
    dtype: str = "bfloat16"
    kv_dtype: str | None = None
    tokens_per_step: int = 1

    def __post_init__(self) -> None:
        for name in ("batch_size", "input_tokens", "output_tokens", "tokens_per_step"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name.replace('_', ' ')} must be >= 1, got {getattr(self, name)}")
        bytes_per_parameter(self.dtype)
        bytes_per_parameter(self.kv_dtype or self.dtype)

    @property
    def kv_bytes(self) -> float:
        """Bytes of one number of the cache."""
        return (
            max(2.0, bytes_per_parameter(self.dtype)) if self.kv_dtype is None else bytes_per_parameter(self.kv_dtype)
        )

    def computed_in(self, board: Board) -> str:
        """Number format of the products on that board."""
        return "float16" if self.dtype in UNPACKED and self.dtype not in board.dense_flop_s else self.dtype

    @property
    def memory_bytes(self) -> float:
        """What the boards have to hold at the end: weights and cache."""
        context = self.input_tokens + self.output_tokens - 1
        cache = self.batch_size * self.shape.kv_bytes(context, self.kv_bytes)
        return self.shape.weight_bytes(self.dtype) + cache


@dataclass(frozen=True, kw_only=True)
class Bound:
    """One phase.

    Attributes:
        flop: Operations. traffic: Bytes.
        compute_s, memory_s: Time at peak rate and at peak bandwidth.
        ideal_j: By operations alone.
        idle_j: Rest over the time, None where the board's power at rest is unknown; then the floor does without it.
        compute_j, memory_j: Of operations and of bytes, above rest.
        floor_j: Everything together, at most TDP over the time.
    """

    flop: float
    traffic: Traffic
    compute_s: float
    memory_s: float
    ideal_j: float
    idle_j: float | None
    compute_j: float
    memory_j: float
    floor_j: float

    @property
    def time_s(self) -> float:
        """The longer of the two."""
        return max(self.compute_s, self.memory_s)

    @property
    def bound_by(self) -> Literal["compute", "memory"]:
        """What takes longer."""
        return "compute" if self.compute_s >= self.memory_s else "memory"


@dataclass(frozen=True, kw_only=True)
class Floor:
    """Both phases of a job on `count` boards, done by so many `copies` of them at once; bounds are of one copy."""

    job: Job
    board: Board
    count: int
    copies: int
    peak: Peak
    idle_w: float | None
    prefill: Bound
    decode: Bound

    @property
    def ideal_j(self) -> float:
        """Of all copies, by operations alone."""
        return self.copies * (self.prefill.ideal_j + self.decode.ideal_j)

    @property
    def floor_j(self) -> float:
        """Of all copies."""
        return self.copies * (self.prefill.floor_j + self.decode.floor_j)

    @property
    def time_s(self) -> float:
        """From the first token read to the last one written."""
        return self.prefill.time_s + self.decode.time_s

    @property
    def fits(self) -> bool:
        """Whether weights and cache fit into the memory that the boards' driver hands out."""
        return self.job.memory_bytes <= self.count * self.board.capacity_bytes


def floor_of(
    job: Job,
    board: Board,
    *,
    count: int = 1,
    copies: int = 1,
    peak: Peak = "dense",
    idle_w: float | None = None,
    counting: Counting = "causal",
) -> Floor:
    """The two bounds of `job`.

    Args:
        job: What is asked.
        board: Row of the board table.
        count: Boards that share the work, each of this kind.
        copies: Whole copies of the model, each with `count` boards and a job like this one of its own.
        peak: Which peak rate.
        idle_w: Power at rest of one board, where it is known better than the table does.
        counting: Attention of a prompt. "full" is more than the work, as published ideals count it: no lower bound.

    Raises:
        ConfigurationError: `count` below one, power at rest outside [0, TDP), or a dtype that the board cannot compute in.
    """
    if count < 1:
        raise ConfigurationError(f"a job needs at least one board, got {count}")
    rest_w = rest_of(board, idle_w)
    prompt = prefill_flops(job.shape, batch_size=job.batch_size, input_tokens=job.input_tokens, counting=counting)
    steps = decode_flops(
        job.shape, batch_size=job.batch_size, input_tokens=job.input_tokens, output_tokens=job.output_tokens
    )
    rate = board.peak_flop_s(job.computed_in(board), peak)
    sizes = {"dtype_bytes": bytes_per_parameter(job.dtype), "kv_bytes": job.kv_bytes}
    reading = prefill_traffic(job.shape, batch_size=job.batch_size, input_tokens=job.input_tokens, **sizes)
    writing = decode_traffic(
        job.shape,
        batch_size=job.batch_size,
        input_tokens=job.input_tokens,
        output_tokens=job.output_tokens,
        tokens_per_step=job.tokens_per_step,
        **sizes,
    )
    return Floor(
        job=job,
        board=board,
        count=count,
        copies=copies,
        peak=peak,
        idle_w=rest_w,
        prefill=bound_of(prompt.total, reading, board, rate, count, rest_w),
        decode=bound_of(steps.total, writing, board, rate, count, rest_w),
    )


def rest_of(board: Board, idle_w: float | None) -> float | None:
    """Power at rest as it was measured, or as the table has it; None where neither knows.

    Raises:
        ConfigurationError: It is outside [0, TDP).
    """
    rest_w = board.idle_w if idle_w is None else idle_w
    if rest_w is not None and not 0 <= rest_w < board.tdp_w:
        raise ConfigurationError(f"power at rest of {board.name} must lie in [0, {board.tdp_w:g}) W, got {rest_w:g}")
    return rest_w


def bound_of(flop: float, traffic: Traffic, board: Board, rate: float, count: int, rest_w: float | None) -> Bound:
    """So many operations and bytes on `count` boards of peak `rate` each."""
    compute_s = flop / (count * rate)
    memory_s = traffic.total / (count * board.bandwidth_bytes_s)
    time_s = max(compute_s, memory_s)
    idle_j = None if rest_w is None else count * rest_w * time_s
    compute_j = count * (board.tdp_w - (rest_w or 0.0)) * compute_s
    memory_j = traffic.total * memory_j_per_byte(board)
    return Bound(
        flop=flop,
        traffic=traffic,
        compute_s=compute_s,
        memory_s=memory_s,
        ideal_j=count * board.tdp_w * compute_s,
        idle_j=idle_j,
        compute_j=compute_j,
        memory_j=memory_j,
        floor_j=min(count * board.tdp_w * time_s, (idle_j or 0.0) + compute_j + memory_j),
    )


def memory_j_per_byte(board: Board) -> float:
    """Of the board's kind of memory; the least known where the kind is not."""
    return next((cost for kind, cost in MEMORY_J_PER_BYTE.items() if board.memory.startswith(kind)), LEAST_J_PER_BYTE)

"""What `joules ideal` answers, as a record: the question in full, then both phases. Modelled, every number of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.architecture import Architecture, architecture
from energy_fixtures.models.catalogue import config_of, resolve
from energy_fixtures.models.shapes import Config
from energy_fixtures.record import Record
from reports.boards import Peak, find_board
from reports.ideal.floor import Bound, Floor, Job, floor_of
from reports.predict.models import find_model

AUTO = "auto"


class Phase(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One phase of the whole batch; `tokens` are those that its joules are divided by, None where it has none."""

    flop: float
    weight_bytes: float
    cache_read_bytes: float
    cache_written_bytes: float
    compute_s: float
    memory_s: float
    bound_by: Literal["compute", "memory"]
    ideal_j: float
    idle_j: float | None
    compute_j: float
    memory_j: float
    floor_j: float
    tokens: int
    ideal_joules_per_token: float | None
    floor_joules_per_token: float | None


class Answer(Record, frozen=True, kw_only=True, omit_defaults=False):
    """The question and what follows from it. `method` says that nothing here was measured.

    `ideal` counts operations alone, `floor` bytes and power at rest as well; see `reports.ideal.floor`.
    """

    method: Literal["modelled"]
    model: str
    parameters: int
    active_parameters: int
    attention: str
    board: str
    board_source: str
    gpu_count: int
    dtype: str
    kv_dtype: str | None
    peak: Peak
    batch_size: int
    input_tokens: int
    output_tokens: int
    tdp_w: float
    idle_w: float | None
    memory_bytes: float
    fits: bool
    prefill: Phase
    decode: Phase
    time_s: float
    ideal_j: float
    floor_j: float
    ideal_joules_per_request: float
    floor_joules_per_request: float
    ideal_joules_per_output_token: float
    floor_joules_per_output_token: float


def answer(
    *,
    model: str,
    gpu: str,
    batch_size: int,
    input_tokens: int,
    output_tokens: int,
    dtype: str = AUTO,
    kv_dtype: str | None = None,
    peak: Peak = "dense",
    gpu_count: int = 1,
    idle_w: float | None = None,
    boards: Path | None = None,
) -> Answer:
    """The two bounds for that model on that board.

    Args:
        model: As `joules predict run` takes it: a published name or hub id, `tiny`, `shape:NAME`, a folder, a config.json.
        gpu: Name of a board; `boards` is a file of further ones.
        batch_size, input_tokens, output_tokens: B requests of I prompt and O output tokens.
        dtype: Of weights and arithmetic; "auto" is the model's own.
        kv_dtype: Of the cache, None for the weights' own.
        peak: Which of the board's peak rates.
        gpu_count: Boards that share the work.
        idle_w: Power at rest of one board, where it is known better than the table does.

    Raises:
        ConfigurationError: Something is unknown or impossible; the message says what.
    """
    name, shape, own = _opened(model)
    job = Job(
        shape=shape,
        batch_size=batch_size,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        dtype=own if dtype == AUTO else dtype,
        kv_dtype=kv_dtype,
    )
    return _record(name, floor_of(job, find_board(gpu, boards), count=gpu_count, peak=peak, idle_w=idle_w))


def _opened(typed: str) -> tuple[str, Architecture, str]:
    """Name, shape and own number format of a model: as --energy-model knows it, else as `joules predict run` does."""
    if typed.endswith(".json"):
        return _listed(typed)
    try:
        spec = resolve(typed)
        config = config_of(spec)
        if config is not None:
            return spec.name, architecture(config), _own(spec.default_dtype, config)
        raise ConfigurationError(
            f"the configuration of {spec.name} is not on this machine; give a folder that holds its config.json, or a shape:NAME"
        )
    except ConfigurationError as error:
        try:
            return _listed(typed)
        except ConfigurationError:
            raise error from None


def _listed(typed: str) -> tuple[str, Architecture, str]:
    found = find_model(typed)
    return found.name, found.architecture, _own(found.dtype, found.config)


def _own(default: str, config: Config) -> str:
    own = default if default != AUTO else config.get("dtype") or config.get("torch_dtype")
    return "bfloat16" if own is None else str(own)


def _record(name: str, floor: Floor) -> Answer:
    job, shape = floor.job, floor.job.shape
    written = job.batch_size * job.output_tokens
    return Answer(
        method="modelled",
        model=name,
        parameters=shape.parameters,
        active_parameters=shape.active_parameters,
        attention=shape.attention,
        board=floor.board.name,
        board_source=floor.board.source,
        gpu_count=floor.count,
        dtype=job.dtype,
        kv_dtype=job.kv_dtype,
        peak=floor.peak,
        batch_size=job.batch_size,
        input_tokens=job.input_tokens,
        output_tokens=job.output_tokens,
        tdp_w=floor.board.tdp_w,
        idle_w=floor.idle_w,
        memory_bytes=job.memory_bytes,
        fits=floor.fits,
        prefill=_phase(floor.prefill, job.batch_size * job.input_tokens),
        decode=_phase(floor.decode, job.batch_size * (job.output_tokens - 1)),
        time_s=floor.time_s,
        ideal_j=floor.ideal_j,
        floor_j=floor.floor_j,
        ideal_joules_per_request=floor.ideal_j / job.batch_size,
        floor_joules_per_request=floor.floor_j / job.batch_size,
        ideal_joules_per_output_token=floor.ideal_j / written,
        floor_joules_per_output_token=floor.floor_j / written,
    )


def _phase(bound: Bound, tokens: int) -> Phase:
    return Phase(
        flop=bound.flop,
        weight_bytes=bound.traffic.weights,
        cache_read_bytes=bound.traffic.cache_read,
        cache_written_bytes=bound.traffic.cache_written,
        compute_s=bound.compute_s,
        memory_s=bound.memory_s,
        bound_by=bound.bound_by,
        ideal_j=bound.ideal_j,
        idle_j=bound.idle_j,
        compute_j=bound.compute_j,
        memory_j=bound.memory_j,
        floor_j=bound.floor_j,
        tokens=tokens,
        ideal_joules_per_token=bound.ideal_j / tokens if tokens else None,
        floor_joules_per_token=bound.floor_j / tokens if tokens else None,
    )

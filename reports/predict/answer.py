"""A question about one deployment and its predicted answer: value, interval, terms, and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.architecture import bytes_per_parameter
from energy_fixtures.record import Record
from reports.boards import find_board
from reports.predict.constants import JOULES_PER_WH
from reports.predict.machines import Machine, machine_of
from reports.predict.models import Found, find_model
from reports.predict.physics import TERMS, Execution, Work, cost, room_bytes
from reports.predict.predictor import Predictor
from reports.predict.shape import Shape, shape_of, typical_shape
from reports.predict.stored import stored_dtype

DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
"""Short names that users type, beside the project's own."""

FAR = 2.0
"""Distance outside the seen range, as a logarithm, from which the answer is called a guess."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What was typed: a model or a size, boards, and the work of one batch. `boards` is a file of further boards."""

    model: str | None = None
    params_b: float | None = None
    active_params_b: float | None = None
    gpu: str
    gpu_count: int = 1
    batch: int = 1
    input_tokens: int = 300
    output_tokens: int = 300
    dtype: str = "auto"
    execution: Execution = "eager"
    boards: Path | None = None


class Figure(Record, frozen=True, kw_only=True):
    """A predicted number with the interval that holds the measured one with probability `level`."""

    value: float
    low: float
    high: float
    level: float


class Understood(Record, frozen=True, kw_only=True, omit_defaults=False):
    """The inputs as they were understood."""

    model: str
    architecture: str
    parameters: float
    active_parameters: float
    layers: int
    gpu: str
    gpu_count: int
    batch: int
    input_tokens: int
    output_tokens: int
    dtype: str
    execution: Execution
    concurrent: float


class Prediction(Record, frozen=True, kw_only=True, omit_defaults=False):
    """The answer. Never measured: `kind` says so wherever it goes.

    Attributes:
        wh_per_request, joules_per_request: GPU energy of one request of the batch, gross.
        joules_per_output_token: The same over its output tokens.
        seconds_per_batch: From the batch handed over to its last token.
        terms: Joules of one request by phase and by what they are spent on.
        inputs: As understood. flags: What weakens the answer, one sentence each; empty where nothing does.
        fitted_on: What the predictor learned from.
    """

    kind: str = "predicted, not measured"
    boundary: str = "gpu_only"
    wh_per_request: Figure
    joules_per_request: Figure
    joules_per_output_token: Figure
    seconds_per_batch: float
    terms: Mapping[str, Mapping[str, float]]
    inputs: Understood
    flags: tuple[str, ...]
    fitted_on: str
    predictor_version: int


def answer(question: Question, predictor: Predictor) -> Prediction:
    """Predict.

    Raises:
        ConfigurationError: A value that cannot be, an unknown name, or weights that do not fit into the boards' memory.
    """
    _check(question)
    model = None if question.model is None else find_model(question.model)
    shape = _shape(question, model, predictor)
    machine = _machine(question, predictor)
    asked, notes = question.dtype, list[str]()
    if model is not None and asked.lower() == "auto":
        asked, notes = _stored(model)
    dtype, more = _dtype(asked, machine)
    notes += more
    work = Work(
        batch=question.batch,
        input_tokens=question.input_tokens,
        output_tokens=question.output_tokens,
        boards=question.gpu_count,
        weight_bytes=bytes_per_parameter(dtype),
        whole_numbers=dtype == "int8",
        execution=question.execution,
    )
    notes += _memory_notes(shape, machine, work, dtype)
    spent = cost(shape, machine, work, predictor.constants)
    log_factor = predictor.residual.log_factor(shape, machine, work, spent)
    factor = math.exp(log_factor)
    half, flags = doubt(shape, machine, work, predictor, concurrent=spent.concurrent)
    if spent.concurrent < work.batch:
        flags.append(
            f"memory holds {spent.concurrent:.0f} of the {question.batch} requests at a time; the rest waits for its turn"
        )
    joules = spent.joules * factor
    phases = {"prefill": spent.prefill, "decode": spent.decode}
    terms = {phase: {term: value * factor for term, value in parts.items()} for phase, parts in phases.items()}
    terms["total"] = {term: terms["prefill"][term] + terms["decode"][term] for term in TERMS}

    def figure(value: float) -> Figure:
        level = predictor.widths.level
        return Figure(value=value, low=value * math.exp(-half), high=value * math.exp(half), level=level)

    return Prediction(
        wh_per_request=figure(joules / JOULES_PER_WH),
        joules_per_request=figure(joules),
        joules_per_output_token=figure(joules / question.output_tokens),
        seconds_per_batch=spent.seconds,
        terms=terms,
        inputs=Understood(
            model=shape.name,
            architecture="typical of its size" if shape.inferred else shape.family,
            parameters=shape.parameters,
            active_parameters=shape.active,
            layers=round(shape.layers),
            gpu=machine.name,
            gpu_count=question.gpu_count,
            batch=question.batch,
            input_tokens=question.input_tokens,
            output_tokens=question.output_tokens,
            dtype=dtype,
            execution=question.execution,
            concurrent=spent.concurrent,
        ),
        flags=(*notes, *flags),
        fitted_on=predictor.fitted_on.says,
        predictor_version=predictor.version,
    )


def _check(question: Question) -> None:
    """Refuse counts that cannot be, and a question about no model or about two."""
    counts = {
        "--gpu-count": question.gpu_count,
        "--batch": question.batch,
        "--input": question.input_tokens,
        "--output": question.output_tokens,
    }
    for option, value in counts.items():
        if not 1 <= value <= 10**9:
            raise ConfigurationError(f"{option} must be a whole number from 1 to 1e9, got {value}")
    if (question.model is None) == (question.params_b is None):
        raise ConfigurationError("say which model: either --model NAME, or its size with --params-b")
    if question.model is not None and question.active_params_b is not None:
        raise ConfigurationError("--active-params-b belongs to --params-b; a named model says itself what is active")


def _shape(question: Question, model: Found | None, predictor: Predictor) -> Shape:
    if model is not None:
        return shape_of(model.name, model.architecture)
    assert question.params_b is not None  # checked
    return typical_shape(
        question.params_b, question.active_params_b, [shape for shape in predictor.shapes if not shape.inferred]
    )


def _machine(question: Question, predictor: Predictor) -> Machine:
    """The board as the predictor learned it, else as its data sheet says; a file of boards goes before both."""
    if question.boards is None and (own := predictor.machine(question.gpu)) is not None:
        return own
    board = find_board(question.gpu, question.boards)
    learned = predictor.machine(board.name) if question.boards is None else None
    return learned or machine_of(board)


def _stored(model: Found) -> tuple[str, list[str]]:
    """The dtype that the model is stored in, and what there is to say of it; a listed name says nothing of it."""
    if not model.stored:
        return model.dtype, []
    dtype, note = stored_dtype(model.config)
    return dtype or "auto", [] if note is None else [note]


def _dtype(typed: str, machine: Machine) -> tuple[str, list[str]]:
    """The dtype of the weights, and what there is to say of it."""
    name = DTYPES.get(typed.lower(), typed.lower())
    if name == "auto":
        return ("bfloat16" if machine.bfloat16 else "float16"), []
    per_parameter = bytes_per_parameter(name)  # refuses what it does not know
    notes = []
    if name == "bfloat16" and not machine.bfloat16:
        name = "float16"
        notes.append(f"{machine.name} does not compute in bfloat16; float16 is assumed, of the same size")
    if per_parameter != 2:
        notes.append(f"fitted on 16 bit weights; {name} changes {_changes(name, machine)}, not the kernels' efficiency")
    return name, notes


def _changes(dtype: str, machine: Machine) -> str:
    """What another width than 16 bit changes on that board."""
    if dtype == "float32":
        return f"the bytes of weights and cache and the rate ({machine.flop_s_32bit / 1e12:.3g} TFLOPS)"
    rate = {"fp8": machine.flop_s_8bit, "int8": machine.flop_s_int8}.get(dtype, machine.flop_s_16bit)
    if rate == machine.flop_s_16bit:
        return f"only the bytes of the weights, which {machine.name} multiplies in 16 bit"
    return f"the bytes of the weights and the rate ({rate / 1e12:.4g} TFLOPS)"


def _memory_notes(shape: Shape, machine: Machine, work: Work, dtype: str) -> list[str]:
    """What the memory says.

    Raises:
        ConfigurationError: The weights alone are larger than all of it.
    """
    weights, memory = shape.parameters * work.weight_bytes, work.boards * machine.memory_bytes
    if weights >= memory:
        needed = math.ceil(weights / (0.85 * machine.memory_bytes))
        raise ConfigurationError(
            f"{shape.name} needs {weights / 1e9:.0f} GB for its {dtype} weights, and {work.boards} x {machine.name} have"
            f" {memory / 1e9:.0f} GB; give --gpu-count {needed} or more, or a smaller --dtype"
        )
    room = room_bytes(shape, machine, work)
    one = work.cache_factor * shape.cache_bytes(work.input_tokens + work.output_tokens)
    if room < one:
        return [
            f"{weights / 1e9:.0f} GB of weights leave {max(room, 0) / 1e9:.1f} of {memory / 1e9:.0f} GB beside what an engine"
            f" needs, and one request's cache takes {one / 1e9:.1f} GB: an engine may refuse to load this"
        ]
    return []


def doubt(
    shape: Shape, machine: Machine, work: Work, predictor: Predictor, *, concurrent: float
) -> tuple[float, list[str]]:
    """Half width of the logarithm, and a sentence for each thing that widens it.

    `concurrent` are the requests that memory allows at once: those that wait for their turn make nothing less certain.
    """
    widths, learned = predictor.widths, predictor.fitted_on
    seen, batched = machine.name in learned.boards, concurrent > 1
    flags = []
    if batched:
        base = widths.seen_board_batched if seen else widths.new_board_batched
    else:
        base = widths.seen_board if seen else widths.new_board
    if not seen:
        flags.append(f"extrapolation: no row was measured on {machine.name}; learned from {', '.join(learned.boards)}")
    parts = [base]
    if shape.inferred:
        parts.append(widths.inferred_mixture if shape.experts else widths.inferred)
        flags.append(
            f"only the size is known: {shape.layers:.0f} layers and common proportions are assumed; name the model for less doubt"
        )
    asked = {
        "parameters": shape.parameters,
        "active parameters": shape.active,
        "batch": concurrent,
        "input tokens": work.input_tokens,
        "output tokens": work.output_tokens,
        "boards": float(work.boards),
    }
    for name, value in asked.items():
        known = learned.ranges.get(name)
        distance = 0.0 if known is None else known.distance(value)
        if known is None or distance == 0.0:
            continue
        parts.append(widths.outside * distance)
        guess = ", far outside: a guess" if distance > FAR else ""
        flags.append(f"extrapolation: {value:,.6g} {name}, learned from {known.low:,.6g} to {known.high:,.6g}{guess}")
    if any(method not in ("counter", "integrated power") for method in learned.methods):
        flags.append(f"this predictor was fitted on joules that no meter measured ({', '.join(learned.methods)})")
    return math.sqrt(math.fsum(part * part for part in parts)), flags

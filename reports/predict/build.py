"""From measured rows to a Predictor: constants, correction where it helps, intervals, ranges, worked examples."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec

from energy_fixtures.readings import MEASURED
from reports.boards import all_boards
from reports.predict.answer import doubt
from reports.predict.fitting import enough, fit, published
from reports.predict.intervals import inferred_widths, widths
from reports.predict.machines import machine_of
from reports.predict.models import known_shapes
from reports.predict.observations import Observation
from reports.predict.physics import Work, cost
from reports.predict.predictor import Check, FittedOn, Predictor, Range, meanings, sealed
from reports.predict.residual import Residual, fit_residual
from reports.predict.shape import typical_shape
from reports.predict.validation import (
    SPLITS,
    Held,
    Split,
    chosen_residual,
    errors,
    leave_out,
    ours,
    ours_corrected,
)

EXAMPLES: tuple[tuple[str, str, Work], ...] = (
    ("Llama-2-7b", "NVIDIA A100 40GB SXM", Work(input_tokens=300, output_tokens=300)),
    ("Llama-3-8B", "NVIDIA H100 SXM", Work(input_tokens=300, output_tokens=300, weight_bytes=1.0)),
    ("Mixtral-8x7B", "NVIDIA A100 80GB SXM", Work(batch=50, input_tokens=900, output_tokens=100, boards=2)),
    (
        "Llama-2-13b-chat",
        "NVIDIA A100 80GB SXM",
        Work(batch=8, input_tokens=2000, output_tokens=9, weight_bytes=1.0, whole_numbers=True),
    ),
    ("Phi-2", "NVIDIA L4", Work(batch=90, input_tokens=700, output_tokens=300, weight_bytes=4.0)),
    ("DeepSeek-V3", "NVIDIA A100 80GB SXM", Work(input_tokens=300, output_tokens=300, boards=32)),
    ("Gemma-2-27B", "NVIDIA L4", Work(batch=200, input_tokens=5000, output_tokens=400, boards=8)),
    ("235 B, 22 B active", "NVIDIA H200", Work(batch=64, input_tokens=1000, output_tokens=500, boards=4)),
    ("OPT-125M", "Tesla T4", Work(input_tokens=20, output_tokens=1, execution="cuda_graphs")),
)

TYPICAL: tuple[tuple[float, float | None], ...] = (
    *((size, None) for size in (1.0, 3.0, 8.0, 14.0, 32.0, 70.0, 120.0, 405.0)),
    *((30.0, 3.0), (120.0, 5.0), (235.0, 22.0), (671.0, 37.0), (1000.0, 32.0)),
)
"""Sizes of models that nobody describes, total and active in 1e9: for pages that have to assume one for a service."""


def build(observations: Sequence[Observation], say: Callable[[str], None] = lambda step: None) -> Predictor:
    """Fit, and find out how far off it is for what it has not seen.

    Raises:
        ConfigurationError: Too few rows or models.
    """
    enough(observations)
    say("fitting the constants")
    constants = fit(observations)
    held: dict[Split, list[Held]] = {}
    corrected: dict[Split, list[Held]] = {}
    for split in SPLITS:
        say(f"leaving out one {split} after another")
        held[split] = leave_out(observations, split, ours)
        corrected[split] = leave_out(observations, split, ours_corrected)
    helps = chosen_residual(observations, held, corrected)
    residual = fit_residual(observations, constants) if helps else Residual()
    left_out = corrected if helps else held
    known = known_shapes()
    table = {board.name: machine_of(board) for board in all_boards()}
    predictor = Predictor(
        constants=constants,
        meanings=meanings(),
        residual=residual,
        widths=widths(left_out, inferred_widths(known, observations, constants)),
        fitted_on=_fitted_on(observations, left_out),
        machines=tuple({**table, **{one.machine.name: one.machine for one in observations}}.values()),
        shapes=(*known, *(typical_shape(total, active, known) for total, active in TYPICAL)),
        checks=(),
    )
    return sealed(msgspec.structs.replace(predictor, checks=checks(predictor)))


def checks(predictor: Predictor) -> tuple[Check, ...]:
    """The worked examples, for whoever computes elsewhere."""
    shapes = {shape.name: shape for shape in predictor.shapes}
    machines = {machine.name: machine for machine in predictor.machines}
    found = []
    for name, board, work in EXAMPLES:
        shape, machine = shapes[name], machines[board]
        spent = cost(shape, machine, work, predictor.constants)
        joules = spent.joules * math.exp(predictor.residual.log_factor(shape, machine, work, spent))
        half, _ = doubt(shape, machine, work, predictor, concurrent=spent.concurrent)
        found.append(
            Check(
                shape=name,
                machine=board,
                batch=work.batch,
                input_tokens=work.input_tokens,
                output_tokens=work.output_tokens,
                boards=work.boards,
                weight_bytes=work.weight_bytes,
                whole_numbers=work.whole_numbers,
                execution=work.execution,
                joules=joules,
                low=joules * math.exp(-half),
                high=joules * math.exp(half),
                seconds=spent.seconds,
            )
        )
    return tuple(found)


RANGES: Mapping[str, Callable[[Observation], float]] = {
    "parameters": lambda one: one.shape.parameters,
    "active parameters": lambda one: one.shape.active,
    "batch": lambda one: one.work.batch,
    "input tokens": lambda one: one.work.input_tokens,
    "output tokens": lambda one: one.work.output_tokens,
    "boards": lambda one: one.work.boards,
}
"""What is looked at to tell whether a question lies outside what was learned from."""


def _fitted_on(observations: Sequence[Observation], held: Mapping[Split, Sequence[Held]]) -> FittedOn:
    values: dict[str, list[float]] = {name: [of(one) for one in observations] for name, of in RANGES.items()}
    for figure in published():
        values["batch"].append(figure.work.batch)
        values["input tokens"].append(figure.work.input_tokens)
        values["output tokens"].append(figure.work.output_tokens)
    boards = sorted({one.gpu for one in observations})
    models = sorted({one.model for one in observations})
    methods = sorted({one.method for one in observations})
    sources = list(dict.fromkeys(one.source.split(" ")[0] for one in observations))
    mean_ape = {}
    for split in SPLITS:
        for column in sorted({one.column for one in observations}):
            known = errors(held[split], column)
            if known is not None:
                mean_ape[f"{split} left out, {column}"] = known.mape
    obtained = (
        "measured" if all(method in MEASURED for method in methods) else "NOT measured (" + ", ".join(methods) + ")"
    )
    return FittedOn(
        says=(
            f"{len(observations)} {obtained} rows of {len(models)} models on {', '.join(boards)} ({', '.join(sources)}),"
            f" and {len(published())} single figures printed in arXiv 2511.05597"
        ),
        sources=tuple(sources),
        rows=len(observations),
        models=tuple(models),
        boards=tuple(boards),
        methods=tuple(methods),
        ranges={name: Range(low=min(found), high=max(found)) for name, found in values.items()},
        mean_ape=mean_ape,
    )

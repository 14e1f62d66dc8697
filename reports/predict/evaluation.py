"""What `joules predict evaluate` finds: both splits for every method, paper 1's cross-validation, and what cannot be done."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from statistics import fmean, stdev

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.record import Record
from reports.predict.intervals import LEVEL, coverage
from reports.predict.learners import LEARNERS, learner
from reports.predict.observations import Column, Observation
from reports.predict.physics import Work
from reports.predict.validation import SPLITS, Errors, Held, Method, Split, errors, leave_out, ours, ours_corrected

FOLDS = 5
REPEATS = 5
FEATURES = 30
FEWEST = 5
"""Rows of one column below which nothing is split."""

OURS = "ours: physics"
CORRECTED = "ours: physics + ridge"

COLUMN_NAMES: dict[Column, str] = {
    "single": "one prompt alone",
    "batched": "batched deployment",
    "result": "result files",
}


class Row(Record, frozen=True, kw_only=True, omit_defaults=False):
    """A row that was left out, predicted by ours."""

    model: str
    family: str
    gpu: str
    boards: int
    measured_wh: float
    predicted_wh: float


class LeftOut(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One method on one split of one column; `coverage` of its own intervals only for ours."""

    column: Column
    split: Split
    method: str
    rows: int
    mape: float
    median_ape: float
    rmse_wh: float
    mae_wh: float
    r2: float | None
    coverage: float | None = None


class PerBoard(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Ours on one kind of board that was left out. `bias` is the geometric mean of predicted over measured, in percent off 1."""

    column: Column
    gpu: str
    rows: int
    mape: float
    bias: float


class Repeated(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One method in repeated cross-validation, mean over the folds and standard deviation."""

    column: Column
    method: str
    rmse_wh: float
    rmse_sd: float
    r2: float | None
    r2_sd: float | None
    mae_wh: float
    mae_sd: float
    mape: float
    mape_sd: float


class Evaluation(Record, frozen=True, kw_only=True, omit_defaults=False):
    """Everything that was found.

    Attributes:
        says: What it was evaluated on. level: Of the intervals whose coverage is told.
        left_out: Per column, split and method. per_board: Of ours, each board that was left out. repeated: Paper 1's Table II. unseen: Rows behind the plots.
        cannot: What these rows do not allow, one sentence each.
    """

    says: str
    level: float
    left_out: tuple[LeftOut, ...]
    per_board: tuple[PerBoard, ...]
    repeated: tuple[Repeated, ...]
    unseen: tuple[Row, ...]
    cannot: tuple[str, ...]


def evaluated(observations: Sequence[Observation], say: Callable[[str], None] = lambda step: None) -> Evaluation:
    """Leave out and cross-validate, every column by itself for the learners; ours always learns from all columns.

    Raises:
        ConfigurationError: Fewer rows than can be split.
    """
    columns: list[Column] = [name for name in COLUMN_NAMES if sum(one.column == name for one in observations) >= FEWEST]
    if not columns:
        raise ConfigurationError(
            f"{len(observations)} rows are too few to leave any out; evaluation needs at least {FEWEST} of one kind"
        )
    found: list[LeftOut] = []
    cannot: list[str] = []
    unseen: list[Row] = []
    own: dict[tuple[str, Split], list[Held]] = {}
    for split in SPLITS:
        for name, method in ((OURS, ours), (CORRECTED, ours_corrected)):
            say(f"{name}: leaving out one {split} after another")
            own[name, split] = leave_out(observations, split, method)
    for column in columns:
        rows = [one for one in observations if one.column == column]
        for split in SPLITS:
            if not own[OURS, split]:
                cannot.append(f"leaving out a {split}: there is only one; measure on another")
                continue
            for name in (OURS, CORRECTED):
                found += _left_out(column, split, name, own[name, split], own_intervals=True)
            for name in LEARNERS:
                say(f"{name}: leaving out one {split} after another, {COLUMN_NAMES[column]}")
                found += _left_out(column, split, name, leave_out(rows, split, learner(name)))
    for one in own[OURS, "model"]:
        if one.observation.column == columns[0]:
            unseen.append(_row(one))
    return Evaluation(
        says=_says(observations),
        level=LEVEL,
        left_out=tuple(found),
        per_board=tuple(per_board(own[OURS, "gpu"], columns)),
        repeated=tuple(_repeated(observations, columns, say)),
        unseen=tuple(unseen),
        cannot=(*cannot, *_cannot(observations)),
    )


def per_board(held: Sequence[Held], columns: Sequence[Column]) -> list[PerBoard]:
    """Error and bias by kind of board and column, of boards that were left out."""
    found = []
    for column in columns:
        for gpu in sorted({one.observation.gpu for one in held}):
            rows = [one for one in held if one.observation.gpu == gpu]
            known = errors(rows, column)
            if known is not None:
                bias = fmean(one.log_ratio for one in rows if one.observation.column == column)
                found.append(
                    PerBoard(column=column, gpu=gpu, rows=known.rows, mape=known.mape, bias=100 * math.expm1(bias))
                )
    return found


def sum_over_prompts(
    one: Observation, lengths: Sequence[tuple[float, float]], predict: Callable[[Work], float]
) -> float:
    """Joules of a batch of unequal prompts as paper 1 has it: each as if all were like it, then summed.

    Args:
        one: Deployment that they run on.
        lengths: Input and output tokens of each prompt.
        predict: Joules of one request of a uniform batch.
    """
    works = (
        Work(
            batch=len(lengths),
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            boards=one.work.boards,
            weight_bytes=one.work.weight_bytes,
            whole_numbers=one.work.whole_numbers,
            execution=one.work.execution,
        )
        for input_tokens, output_tokens in lengths
    )
    return math.fsum(predict(work) for work in works)


def _left_out(
    column: Column, split: Split, name: str, held: Sequence[Held], *, own_intervals: bool = False
) -> list[LeftOut]:
    known = errors(held, column)
    if known is None:
        return []
    ratios = [one.log_ratio for one in held if one.observation.column == column]
    return [
        LeftOut(
            column=column,
            split=split,
            method=name,
            rows=known.rows,
            mape=known.mape,
            median_ape=known.median_ape,
            rmse_wh=known.rmse_wh,
            mae_wh=known.mae_wh,
            r2=known.r2,
            coverage=coverage(ratios) if own_intervals else None,
        )
    ]


def _repeated(
    observations: Sequence[Observation], columns: Sequence[Column], say: Callable[[str], None]
) -> list[Repeated]:
    """Five folds, five times over, drawn anew; every method on the same folds and on the rows of one column."""
    found = []
    for column in columns:
        rows = [one for one in observations if one.column == column]
        methods: dict[str, Method] = {OURS: ours, **{name: learner(name) for name in LEARNERS}}
        for name, method in methods.items():
            say(f"{name}: {FOLDS} folds, {REPEATS} times, {COLUMN_NAMES[column]}")
            folds = [_fold(rows, chosen, method) for chosen in _folds(len(rows), REPEATS)]
            r2 = [one.r2 for one in folds if one.r2 is not None]
            found.append(
                Repeated(
                    column=column,
                    method=name,
                    rmse_wh=fmean(one.rmse_wh for one in folds),
                    rmse_sd=stdev(one.rmse_wh for one in folds),
                    r2=fmean(r2) if r2 else None,
                    r2_sd=stdev(r2) if len(r2) > 1 else None,
                    mae_wh=fmean(one.mae_wh for one in folds),
                    mae_sd=stdev(one.mae_wh for one in folds),
                    mape=fmean(one.mape for one in folds),
                    mape_sd=stdev(one.mape for one in folds),
                )
            )
    return found


def _folds(rows: int, repeats: int) -> list[set[int]]:
    """The rows of every test fold."""
    folds = []
    for repeat in range(repeats):
        order = random.Random(repeat).sample(range(rows), rows)
        folds += [set(order[start::FOLDS]) for start in range(FOLDS)]
    return folds


def _fold(rows: Sequence[Observation], chosen: set[int], method: Method) -> Errors:
    predict = method([one for place, one in enumerate(rows) if place not in chosen])
    held = [Held(observation=rows[place], joules=predict(rows[place])) for place in sorted(chosen)]
    known = errors(held)
    assert known is not None  # no fold is empty
    return known


def _row(one: Held) -> Row:
    seen = one.observation
    return Row(
        model=seen.model,
        family=seen.shape.family,
        gpu=seen.gpu,
        boards=seen.work.boards,
        measured_wh=seen.wh,
        predicted_wh=seen.wh * math.exp(one.log_ratio),
    )


def _says(observations: Sequence[Observation]) -> str:
    models, boards = {one.model for one in observations}, sorted({one.gpu for one in observations})
    methods = ", ".join(sorted({one.method for one in observations}))
    return f"{len(observations)} rows ({methods}) of {len(models)} models on {', '.join(boards)}"


def _cannot(observations: Sequence[Observation]) -> list[str]:
    """What paper 1 did and these rows do not allow."""
    per_model: dict[str, int] = {}
    for one in observations:
        per_model[one.model] = per_model.get(one.model, 0) + 1
    said = []
    if len(observations) < 2 * FEATURES:
        said.append(
            f"with {FEATURES} features on {len(observations)} rows a linear regression has nothing to hold it; its figures"
            " say that, not more"
        )
    if max(per_model.values()) < FEWEST:
        said.append(
            "Table III holds out one model with hundreds of rows; no model has more than"
            f" {max(per_model.values())} here, so every model is left out in turn and R2 is over all of them"
        )
    if len({(one.work.input_tokens, one.work.output_tokens) for one in observations}) == 1:
        work = observations[0].work
        said.append(
            f"every row has {work.input_tokens:g} tokens in and {work.output_tokens:g} out: nothing is learned of lengths,"
            " they are the physics' alone, and mixed lengths (a sum over prompts) have no measured batch to be held against"
        )
    return said

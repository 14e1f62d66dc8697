"""Training rows from files: tables with the columns of paper 1's Table IV, and our own result files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from energy_fixtures.errors import ConfigurationError, ResultFileError
from energy_fixtures.foreign import MOST_TABLE_BYTES, Refused, read_file
from energy_fixtures.metrics import metric
from energy_fixtures.models.architecture import bytes_per_parameter
from energy_fixtures.readings import MEASURED
from energy_fixtures.records import Environment, Result, Scenario
from energy_fixtures.store import read_run
from reports.boards import find_board
from reports.predict.constants import JOULES_PER_WH
from reports.predict.machines import machine_of
from reports.predict.models import named_architecture
from reports.predict.observations import Column, Observation
from reports.predict.physics import Execution, Work
from reports.predict.shape import shape_of
from reports.render.text import plain

COLUMNS = ("model", "gpu", "count", "single_wh")
"""What a table has to have; `batched_wh`, `input_tokens`, `output_tokens` and `batch` may be there too."""

TOKENS = 300
"""Input and output tokens of a row that states none: the best inference for paper 1's Table IV."""

BATCH = 50
"""Prompts of a batched row that states none: inferred, paper 1 uses 50 where it names a number, and 100 fits worse."""

MOST = 1e9
"""Of any figure in a row: no prompt takes a gigawatt-hour, and products of such values stay finite."""

BATCHED_WEIGHT = 0.25
"""Of a batched row whose batch is inferred, against 1 for a single prompt."""


def read_observations(
    paths: Sequence[Path], *, allow_modelled: bool = False, boards: Path | None = None
) -> list[Observation]:
    """Every row of every file.

    Args:
        paths: CSV tables and result files (JSON), in any order.
        allow_modelled: Whether joules that no meter measured may serve; they never mix with measured ones.
        boards: File of further boards.

    Raises:
        ConfigurationError: A file cannot be read, has no usable row, names an unknown model or board, holds joules that
            were not measured, or measured and other joules meet.
    """
    found: list[Observation] = []
    for path in paths:
        rows = list(
            _table(path, boards) if path.suffix.lower() in (".csv", ".tsv") else _results(path, allow_modelled, boards)
        )
        if not rows:
            raise ConfigurationError(
                f"{path.name} has no row that can be used; needed are GPU joules of whole requests"
            )
        found += rows
    methods = sorted({one.method for one in found})
    if any(method in MEASURED for method in methods) and any(method not in MEASURED for method in methods):
        raise ConfigurationError(
            f"measured and other joules meet in one training set ({', '.join(methods)}); fit each by itself"
        )
    if not found:
        raise ConfigurationError("the training set is empty; name result files or tables")
    return found


# -- tables ------------------------------------------------------------------------------------------------------------


def _table(path: Path, boards: Path | None) -> Iterator[Observation]:
    try:
        content = read_file(path, MOST_TABLE_BYTES).decode("utf-8-sig")
        with io.StringIO(content, newline="") as file:
            reader = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise ConfigurationError(
                    f"{path.name} has no column {', '.join(missing)}; a table needs {', '.join(COLUMNS)}"
                )
            for number, row in enumerate(reader, start=2):
                yield from _row(f"{path.name} line {number}", row, boards)
    except OSError as error:
        raise ConfigurationError(f"{path.name} cannot be read: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError, Refused) as error:
        raise ConfigurationError(f"{path.name} is no table: {error}; give a CSV file in UTF-8") from error


def _row(where: str, row: Mapping[str, str | None], boards: Path | None) -> Iterator[Observation]:
    try:
        name, known = named_architecture(row["model"] or "")
        board = find_board(row["gpu"] or "", boards)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {plain(str(error))}") from error
    count = int(_whole(where, row, "count") or 1)
    input_tokens = _whole(where, row, "input_tokens") or TOKENS
    output_tokens = _whole(where, row, "output_tokens") or TOKENS
    batch = _whole(where, row, "batch")
    columns: tuple[tuple[Column, str, float, float], ...] = (
        ("single", "single_wh", 1.0, 1.0),
        ("batched", "batched_wh", batch or BATCH, BATCHED_WEIGHT if batch is None else 1.0),
    )
    for column, key, prompts, weight in columns:
        wh = _number(where, row, key)
        if wh is None:
            continue
        yield Observation(
            model=name,
            gpu=board.name,
            shape=shape_of(name, known),
            architecture=known,
            machine=machine_of(board),
            cores=board.cores,
            work=Work(batch=prompts, boards=count, input_tokens=input_tokens, output_tokens=output_tokens),
            joules=wh * JOULES_PER_WH,
            column=column,
            weight=weight,
            source=where,
        )


def _number(where: str, row: Mapping[str, str | None], column: str) -> float | None:
    text = (row.get(column) or "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < MOST:
        raise ConfigurationError(
            f"{where}: {column} must be a number above 0 and below {MOST:g}, got {plain(text)!r}; mend the table"
        )
    return value


def _whole(where: str, row: Mapping[str, str | None], column: str) -> float | None:
    value = _number(where, row, column)
    if value is not None and (value < 1 or value % 1):
        raise ConfigurationError(f"{where}: {column} must be a whole number from 1 on, got {value:g}; mend the table")
    return value


# -- result files ------------------------------------------------------------------------------------------------------


def _results(path: Path, allow_modelled: bool, boards: Path | None) -> Iterator[Observation]:
    try:
        run = read_run(path)
    except ResultFileError as error:
        raise ConfigurationError(str(error)) from error
    for result in run.results:
        environment = run.environments.get(result.environment)
        if result.scenario is None or environment is None or not result.valid_trials:
            continue
        if result.method not in MEASURED and not allow_modelled:
            raise ConfigurationError(
                f"{path.name} holds {result.method} joules ({plain(result.case)}), and a predictor learns from measured ones;"
                " leave the file out, or say --allow-modelled to fit on it and label the outcome"
            )
        row = _result(path, result, result.scenario, environment, boards)
        if row is not None:
            yield row


def _result(
    path: Path, result: Result, scenario: Scenario, environment: Environment, boards: Path | None
) -> Observation | None:
    """One case; None where it is no plain decoding of one batch on GPUs, which the physics does not describe."""
    values = metric("joules_per_request").values(result)
    on_gpus = bool(environment.boards) and all(domain.startswith("gpu:") for domain in result.scope)
    plain_decoding = scenario.speculation is None and scenario.decoding.method != "beam"
    alike = scenario.arrivals is None and scenario.mix is None  # one batch of equal requests
    if (
        not values
        or not on_gpus
        or not alike
        or not plain_decoding
        or scenario.model is None
        or scenario.quantization is not None
    ):
        return None
    name, known = named_architecture(scenario.model.split("@")[0])
    board = find_board(str(environment.boards[0].get("name", "")), boards)
    work = Work(
        batch=scenario.batch_size,
        input_tokens=scenario.input_tokens,
        output_tokens=scenario.output_tokens,
        boards=scenario.tensor_parallel,
        weight_bytes=bytes_per_parameter("bfloat16" if scenario.dtype == "auto" else scenario.dtype),
        execution=_execution(scenario),
    )
    return Observation(
        model=name,
        gpu=board.name,
        shape=shape_of(name, known),
        architecture=known,
        machine=machine_of(board),
        cores=board.cores,
        work=work,
        joules=fmean(values),
        column="result",
        weight=1.0,
        source=f"{path.name} {plain(result.case)}",
        method=result.method,
    )


def _execution(scenario: Scenario) -> Execution:
    if scenario.engine == "transformers":
        return "transformers"
    return "cuda_graphs" if scenario.execution in ("cuda_graphs", "compiled") else "eager"

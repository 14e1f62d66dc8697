"""The predictor's data set, made from raw results: a row per case, and what is only a rehearsal says so."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.models.architecture import architecture
from energy_fixtures.models.synthetic import synthetic
from energy_fixtures.records import Result
from tests.conftest import make_environment
from tests.evidence_folder import SIMULATED, result, written
from tools import dataset
from tools.results.evidence import read_evidence
from tools.results.learned import observed
from tools.results.points import COLUMNS, noise_floor, points_of

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Write:
    """Writes runs as run_board.sh leaves them."""
    return partial(written, tmp_path / "board-2026-11-21")


def swept(case: str, joules: float, **fields: object) -> Result:
    """A case of the predictor's sweep."""
    return result(case, joules, question="predictor", model="synthetic:l2-h64-a4-kv2-f128", **fields)


def test_the_dataset_has_a_row_per_case_with_its_uncertainty(folder: Write, tmp_path: Path):
    """A case that a later call measured again is there once, a repeat names its case, and unknown is empty, never zero."""
    name = "dataset/machine"
    runs = {
        f"{name}/0001_dataset": [swept("000-x", 4.0), swept("001-=y", 8.0)],
        f"{name}/0002_dataset": [swept("000-x", 5.0), swept("000-x-again", 5.5)],
    }
    place = folder(runs)
    assert (
        dataset.main([str(place), "-o", str(tmp_path / "h200")]) == 4
    )  # two rows are too few to fit on; the table is there

    rows = list(csv.DictReader(io.StringIO(gzip.decompress((tmp_path / "h200.csv.gz").read_bytes()).decode())))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["case"], float(row["joules_per_request"]), row["repeats"]) for row in rows] == [
        ("000-x", 5.0, ""),
        ("001-=y", 8.0, ""),
        ("000-x-again", 5.5, "000-x"),
    ]
    assert float(rows[0]["joules_per_request_low"]) < 5.0 < float(rows[0]["joules_per_request_high"])
    assert (rows[0]["measured"], rows[0]["layers"], rows[0]["idle_w"]) == ("yes", "", "")
    assert noise_floor(points_of(read_evidence(place))) == pytest.approx([2 * 0.5 / 10.5])
    sheet = (tmp_path / "h200.md").read_text()
    assert "CC BY 4.0" in sheet and "NVIDIA H200" in sheet and "NOT MEASURED" not in sheet


def test_a_dataset_that_was_not_measured_says_so_in_its_name(folder: Write, tmp_path: Path):
    """File name, every row and the datasheet of a rehearsal say that it was none."""
    place = folder({"dataset/machine/0001_dataset": [swept("000-x", 4.0, environment=SIMULATED)]}, SIMULATED)
    dataset.main([str(place), "-o", str(tmp_path / "h200")])

    assert not (tmp_path / "h200.csv.gz").exists()
    rows = gzip.decompress((tmp_path / "h200-not-measured.csv.gz").read_bytes()).decode()
    assert "run on a simulated board" in rows
    assert (tmp_path / "h200-not-measured.md").read_text().startswith("# REHEARSED, NOT MEASURED")


def test_a_shape_is_in_its_row(folder: Write):
    """The architecture of a point is that of its Result."""
    shape = architecture(synthetic("synthetic:l2-h64-a4-kv2-f128"))
    case = msgspec.structs.replace(swept("000-x", 4.0), architecture=shape)
    (point,) = points_of(read_evidence(folder({"dataset/machine/0001_dataset": [case]})))
    assert (point.layers, point.hidden_size, point.kv_heads, point.parameters) == (2, 64, 2, shape.parameters)


def test_a_predictor_of_a_rehearsal_says_that_nothing_was_measured(folder: Write):
    """Rows that a real meter read off a made-up board are no measured rows for the predictor's file."""
    case = swept(
        "000-x",
        4.0,
        environment=(named := make_environment(boards=({"name": "NVIDIA H200", "driver": "1.simulated"},))),
    )
    place = folder({"dataset/machine/0001_dataset": [case, swept("000-x-again", 4.0, environment=named)]}, named)
    (row,) = observed(read_evidence(place), None)
    assert row.method == "simulated"

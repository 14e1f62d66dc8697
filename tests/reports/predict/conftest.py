"""Rows, shapes and the table of paper 1 where this machine has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from energy_fixtures.models.architecture import Architecture
from reports.boards import find_board
from reports.predict.constants import Constants, prior_constants
from reports.predict.machines import Machine, machine_of
from reports.predict.models import find_architecture
from reports.predict.observations import Observation
from reports.predict.physics import Work
from reports.predict.predictor import Predictor, read_predictor
from reports.predict.shape import Shape, shape_of

TABLE = Path(__file__).parents[4] / "shared" / "data" / "table4_train.csv"


@pytest.fixture
def table() -> Path:
    """Paper 1's Table IV, which may not be shipped."""
    if not TABLE.exists():
        pytest.skip(f"{TABLE.name} is not beside this checkout; its licence keeps it out of the package")
    return TABLE


@pytest.fixture
def known() -> Callable[[str], Shape]:
    """The shape of a named model."""
    return lambda name: shape_of(*find_architecture(name))


@pytest.fixture
def board() -> Callable[[str], Machine]:
    """A board as the physics sees it."""
    return lambda name: machine_of(find_board(name))


@pytest.fixture
def constants() -> Constants:
    """The medians of the priors."""
    return prior_constants()


@pytest.fixture
def shipped() -> Predictor:
    """The predictor that comes with the package."""
    return read_predictor()


@pytest.fixture
def row() -> Callable[..., Observation]:
    """A row whose joules follow the given constants, off by a factor."""

    def make(model: str, gpu: str, constants: Constants, *, factor: float = 1.0, **work: object) -> Observation:
        name, architecture = find_architecture(model)
        asked = Work(**{"input_tokens": 300.0, "output_tokens": 300.0, **work})  # type: ignore[arg-type]
        row = observation(name, architecture, gpu, asked, 1.0)
        joules = row.cost(constants).joules * factor
        return observation(name, architecture, gpu, asked, joules)

    return make


def observation(name: str, architecture: Architecture, gpu: str, work: Work, joules: float) -> Observation:
    """One row as a table gives it."""
    known = find_board(gpu)
    return Observation(
        model=name,
        gpu=known.name,
        shape=shape_of(name, architecture),
        architecture=architecture,
        machine=machine_of(known),
        cores=known.cores,
        work=work,
        joules=joules,
        column="single" if work.batch == 1 else "batched",
        weight=1.0,
        source=f"made {name}",
    )

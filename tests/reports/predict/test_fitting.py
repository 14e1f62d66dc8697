from __future__ import annotations

import math

import msgspec
import pytest

from energy_fixtures.errors import ConfigurationError
from reports.predict.constants import PRIORS, prior_constants
from reports.predict.fitting import NOISE, enough, fit, moved, published
from reports.predict.training import read_observations

MODELS = ("OPT-125M", "OPT-1.3B", "Qwen2.5-3B", "Llama-2-7b", "Qwen1.5-7B", "OPT-6.7B", "Gemma-2B", "Phi-2")


def test_the_constants_are_all_described():
    """Every constant has a prior with unit and meaning, and every prior a constant."""
    names = list(msgspec.structs.asdict(prior_constants()))
    assert names == list(PRIORS)
    assert all(prior.unit and prior.meaning and prior.median > 0 and prior.spread > 0 for prior in PRIORS.values())


def test_fitting_finds_what_made_the_rows(row, constants):
    """Rows made with dearer bytes and slower launches are explained better by the fit than by the priors."""
    truth = msgspec.structs.replace(constants, joules_per_byte=2.2e-10, layer_s=5e-4)
    rows = [row(model, gpu, truth) for model in MODELS for gpu in ("A100-40", "L4")]
    found = fit(rows)
    assert found.joules_per_byte == pytest.approx(2.2e-10, rel=0.2)
    assert found.layer_s > constants.layer_s  # the rest of it went into other launches: few rows cannot tell them apart

    def off(constants):
        return sum(abs(one.log_ratio(constants)) for one in rows) / len(rows)

    assert off(found) < off(constants) / 3


def test_one_odd_row_does_not_bend_the_rest(row, constants):
    """A row that is ten times too dear moves the others' predictions by less than one row's noise."""
    rows = [row(model, "A100-40", constants) for model in MODELS]
    odd = [*rows[:-1], row(MODELS[-1], "A100-40", constants, factor=10.0)]
    even, bent = fit(rows), fit(odd)
    moved = [math.log(one.cost(bent).joules / one.cost(even).joules) for one in rows[:-1]]
    assert max(abs(value) for value in moved) < NOISE


def test_no_rows_and_too_few(row, constants):
    """An empty set, and one smaller than the number of constants that it bears on, is refused with what is missing."""
    for refuse in (fit, enough):
        with pytest.raises(ConfigurationError, match="empty"):
            refuse([])
    with pytest.raises(ConfigurationError, match="2 rows are fewer than the"):
        enough([row(model, "L4", constants) for model in ("OPT-125M", "Llama-2-7b")])


def test_constants_that_rows_bear_on(row, constants):
    """One dense eager request on one board bears on bytes, launches and watts; not on experts, links, graphs or batches."""
    found = set(moved([row("Llama-2-7b", "A100-40", constants)]))
    assert {"joules_per_byte", "layer_s", "awake_w", "memory_efficiency"} <= found
    never = {
        "sparse_layers",
        "latent_layers",
        "expert_efficiency",
        "link_s",
        "several_s",
        "several_awake",
        "sequence_s",
    }
    assert not found & (never | {"graph_launch", "transformers_launch"})
    assert "sparse_layers" in moved([row("Mixtral-8x7B", "A100-80", constants, boards=2)])


def test_rows_of_one_model_say_nothing_of_another(row, constants):
    """However many rows, two models are too few."""
    rows = [row(model, "L4", constants, batch=float(batch)) for model in MODELS[:2] for batch in range(1, 15)]
    with pytest.raises(ConfigurationError, match="2 models"):
        enough(rows)


def test_published_figures_are_near(shipped):
    """The shipped constants are within 15 % of OPT-30B's three energies, and within 40 % of two times of a 405 B model."""
    off = {figure.name: abs(math.expm1(figure.log_ratio(shipped.constants))) for figure in published()}
    assert len(off) == 5
    assert max(value for name, value in off.items() if name.startswith("OPT-30B")) < 0.15
    assert max(off.values()) < 0.4


def test_the_table_is_explained(table, shipped):
    """On the rows it was fitted on, the shipped predictor is below 10 % for one prompt and below 20 % for batches."""
    rows = read_observations([table])
    for column, most in (("single", 10.0), ("batched", 20.0)):
        apes = [100 * abs(math.expm1(one.log_ratio(shipped.constants))) for one in rows if one.column == column]
        assert len(apes) >= 25
        assert sum(apes) / len(apes) < most

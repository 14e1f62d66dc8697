"""optimum-benchmark's own matrix as cases of ours: one model, three batch sizes."""

from __future__ import annotations

import pytest

from energy_fixtures import Scenario
from energy_fixtures.fixture import EnergyFixture


@pytest.mark.parametrize("batch_size", [1, 4, 8], ids="b{}".format)
def test_matrix(batch_size: int, energy: EnergyFixture) -> None:
    """Measure 64 prompt and 64 output tokens per sequence."""
    energy.measure(
        Scenario(engine="transformers", execution="eager", batch_size=batch_size, input_tokens=64, output_tokens=64)
    )

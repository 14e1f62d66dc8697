from __future__ import annotations

from collections.abc import Callable

import pytest

from energy_fixtures.records import SCHEMA_VERSION, Environment, Result, Run, Trial
from reports.baselines import fitting


@pytest.mark.parametrize(
    ("meter", "method", "fits"),
    [
        ("simulated:300", "simulated", True),
        ("simulated", "counter", False),
        ("zeus", "counter", True),
        ("zeus", "modelled", False),
        ("auto", "counter", True),
        ("auto", "simulated", False),
    ],
)
def test_a_baseline_fits_where_its_joules_were_obtained_alike(
    meter: str,
    method: str,
    fits: bool,
    result: Callable[..., Result],
    environment: Callable[..., Environment],
    trial: Callable[..., Trial],
) -> None:
    """On a machine with a board `auto` measures; a meter that measures is never held against one that does not."""
    import msgspec

    where = environment()
    reading = msgspec.structs.replace(trial().reading, method=method)
    run = Run(
        schema_version=SCHEMA_VERSION,
        environments={where.key: where},
        results=(result(trials=(trial(reading=reading),)),),
    )
    assert fitting(where, meter)(run) is fits


def test_a_run_of_another_board_does_not_fit(
    result: Callable[..., Result], environment: Callable[..., Environment]
) -> None:
    """The rules of the fingerprint decide, as everywhere."""
    there, here = environment(), environment(boards=({"name": "Another", "uuid": "GPU-9"},))
    run = Run(schema_version=SCHEMA_VERSION, environments={there.key: there}, results=(result(),))
    assert not fitting(here, "zeus")(run) and fitting(there, "zeus")(run)

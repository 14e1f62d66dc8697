from __future__ import annotations

import msgspec
import pytest

from energy_fixtures.readings import Reading
from energy_fixtures.records import Trial
from reports.explain.costs import WORLD_GRID_GCO2E_PER_KWH, Costs, OwnJoules, own_joules
from tests.reports.sides import side


def costs(**changes: object) -> Costs:
    """3.6 MJ more for a million requests."""
    usual = {
        "count": 1_000_000,
        "of": "requests",
        "energy_j": 3.6e6,
        "low_j": 3.0e6,
        "high_j": 4.2e6,
        "grid_gco2e_per_kwh": 400.0,
        "price_per_kwh": 0.25,
        "currency": "EUR",
        "method": "counter",
        "same_work": True,
    }
    return Costs(**{**usual, **changes})  # type: ignore[arg-type]


def test_a_kilowatt_hour_by_hand():
    """3.6 MJ are 1 kWh: 400 g at 400 g/kWh, 0.25 EUR at that price."""
    one = costs()

    assert (one.energy_kwh, one.gco2e, one.money) == (1.0, 400.0, 0.25)
    assert one.sentence == ("1.00 kWh (833 Wh to 1.17 kWh), 400 gCO2e and 0.250 EUR more per million requests")


def test_what_is_saved_is_less():
    """A change below zero is said with positive figures, the smaller end first."""
    saved = costs(energy_j=-3.6e6, low_j=-4.2e6, high_j=-3.0e6, price_per_kwh=None, count=1000, of="iterations")

    assert saved.money is None
    assert saved.sentence == "1.00 kWh (833 Wh to 1.17 kWh) and 400 gCO2e less per 1,000 iterations"


def test_costs_of_noise_of_models_and_of_other_work_are_labelled():
    """What weakens the figures stands behind them."""
    assert costs(low_j=-1.0).sentence.endswith("(not told apart from noise)")
    assert costs(low_j=None, high_j=None).sentence.startswith("1.00 kWh, 400 gCO2e")
    assert costs(method="modelled", same_work=False).sentence.endswith("(modelled, not measured; not the same work)")
    assert costs(energy_j=0.0, low_j=0.0, high_j=0.0).sentence == (
        "no joules more or less per million requests (not told apart from noise)"
    )


def test_the_basis_names_the_grid_and_the_price():
    """The factor in use is printed, with its publisher where nobody chose another one."""
    assert costs().basis.startswith("costs: 400 gCO2e/kWh, 0.25 EUR per kWh; ")
    assert costs(grid_gco2e_per_kwh=WORLD_GRID_GCO2E_PER_KWH, price_per_kwh=None).basis.startswith(
        "costs: 458 gCO2e/kWh (world average of 2025, Ember); "
    )
    assert "cooling" in costs().basis


def test_money_without_a_currency_says_that_it_is_money():
    """A bare number would be taken for anything."""
    assert "0.250 of money" in costs(currency="").sentence


def test_own_joules_are_of_every_window():
    """Valid, invalid and prefill's windows, all domains, and their time."""
    beside = Trial(
        index=0, iterations=1, reading=Reading(energy_j={"gpu:0": 50.0, "cpu:0": 8.0}, duration_s=0.5, method="counter")
    )
    result = side(
        spread=(0, 0, 0), time_spread=(0, 0, 0), invalid=[(600.0, "throttled")], prefill_trials=(beside,)
    )  # 3 windows of 3 x 600 J in 3 x 2 s
    own = own_joules([result])

    assert own.energy_j == {"counter": pytest.approx(3 * 1800 + 600 + 58)}
    assert own.duration_s == pytest.approx(3 * 6 + 6 + 0.5)
    assert (own.windows, own.invalid) == (5, 1)
    assert own.sentence == (
        "measuring took 6.06 kJ in 24.5 s of metered windows (1 of 5 invalid); loading and warm-up come on top"
    )


def test_own_joules_of_other_methods_are_kept_apart():
    """Modelled joules are never added to measured ones; both ways of measuring are."""
    results = [side(method=method) for method in ("counter", "integrated power", "modelled")]
    sentence = own_joules(results).sentence

    assert "took 10.8 kJ and 5.40 kJ (modelled, not measured) in 54.0 s" in sentence


def test_windows_without_joules_still_took_their_time():
    """A window whose counters could not be read adds seconds and no joules."""
    broken = Reading(energy_j={}, duration_s=4.0, method="counter")
    result = side()
    trials = tuple(msgspec.structs.replace(trial, reading=broken) for trial in result.trials)
    own = own_joules([msgspec.structs.replace(result, trials=trials)])

    assert own == OwnJoules(energy_j={}, duration_s=12.0, windows=3, invalid=0)
    assert own.sentence == "measuring took no joules that were metered"


def test_no_results_took_nothing():
    """Without a result there is no window."""
    assert own_joules([]) == OwnJoules(energy_j={}, duration_s=0.0, windows=0, invalid=0)


def test_parts_of_a_run_add_up():
    """What two processes summed of one run is what one would have summed; methods stay apart."""
    results = [side(), side(method="modelled", invalid=[(9.0, "throttled")]), side(seconds=5.0)]
    apart = own_joules(results[:1]) + own_joules(results[1:])

    whole = own_joules(results)
    assert apart.energy_j == pytest.approx(dict(whole.energy_j))
    assert apart.duration_s == pytest.approx(whole.duration_s)
    assert (apart.windows, apart.invalid) == (whole.windows, whole.invalid) == (10, 1)
    assert apart.sentence == whole.sentence

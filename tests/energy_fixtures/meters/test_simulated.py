"""The simulated meter: exact integrals of a trace, and its little language."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.meters.simulated import PowerTrace, SimulatedMeter, parse_simulated

watts = st.just(0.0) | st.floats(0.001, 2000)  # a Reading takes no joules between 0 and 1e-30
traces = st.builds(
    PowerTrace,
    shape=st.sampled_from(["constant", "square", "sine"]),
    low_w=watts,
    high_w=watts,
    period_s=st.floats(0.01, 100),
)
moments = st.integers(0, 10**6).map(lambda milliseconds: milliseconds / 1000)


class FakeClock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_constant_power_times_time():
    """Without a SPEC a window costs 300 W times its length, on gpu:0, and says that it was not measured."""
    clock = FakeClock()
    meter = SimulatedMeter(clock=clock)
    token = meter.begin("case", ())
    clock.now_s += 2.5

    reading = meter.end(token)

    assert reading.energy_j == {"gpu:0": 750.0}
    assert reading.duration_s == 2.5
    assert reading.method == "simulated"
    assert reading.doubts == ("simulated_not_measured",)


def test_square_wave_by_hand():
    """A square wave starts low: 0.5 s of 100 W and 0.2 s of 600 W are 170 J."""
    trace = dict(parse_simulated("square=100/600@1").traces)["gpu:0"]

    assert trace.energy_j(0.7) == pytest.approx(0.5 * 100 + 0.2 * 600)
    assert trace.energy_j(10.0) == pytest.approx(3500)


def test_sine_by_quadrature():
    """The closed form of the sine trace agrees with adding up its power in small steps."""
    trace = dict(parse_simulated("sine=100/600@1").traces)["gpu:0"]
    steps = 10_000
    power = [350 - 250 * math.cos(math.tau * (step + 0.5) * 1.3 / steps) for step in range(steps)]

    assert trace.energy_j(1.3) == pytest.approx(math.fsum(power) * 1.3 / steps, rel=1e-6)


@given(trace=traces, times=st.tuples(moments, moments, moments))
def test_adjoining_windows_add_up(trace: PowerTrace, times: tuple[float, float, float]):
    """The joules from a to c are those from a to b and from b to c together."""
    first, middle, last = sorted(times)
    clock = FakeClock()
    meter = SimulatedMeter("0", clock=clock)
    meter._traces = {"gpu:0": trace}
    clock.now_s += first
    whole, left = meter.begin("", ()), meter.begin("", ())
    clock.now_s = 100.0 + middle
    left_j, right = meter.end(left).energy_j["gpu:0"], meter.begin("", ())
    clock.now_s = 100.0 + last
    right_j, whole_j = meter.end(right).energy_j["gpu:0"], meter.end(whole).energy_j["gpu:0"]

    assert left_j + right_j == pytest.approx(whole_j, rel=1e-6, abs=1e-3)


@given(trace=traces, times=st.tuples(moments, moments))
def test_energy_lies_between_the_two_levels(trace: PowerTrace, times: tuple[float, float]):
    """Mean power over any window is never outside the trace's levels."""
    begin, end = sorted(times)
    joules = trace.energy_j(end) - trace.energy_j(begin)
    low, high = sorted((trace.high_w if trace.shape == "constant" else trace.low_w, trace.high_w))

    assert low * (end - begin) - 1e-3 <= joules * (1 + 1e-9)
    assert joules <= high * (end - begin) * (1 + 1e-9) + 1e-3


@given(low=st.integers(0, 999), high=st.integers(0, 999), period=st.floats(0.001, 100), seed=st.integers(0, 10**6))
def test_spec_says_what_it_parses_to(low: int, high: int, period: float, seed: int):
    """Every well-formed SPEC parses to the numbers that were written."""
    parsed = parse_simulated(f"gpu:0={low},cpu:1=square={low}/{high}@{period},noise=2.5%,seed={seed}")

    assert dict(parsed.traces)["gpu:0"].high_w == low
    assert dict(parsed.traces)["cpu:1"] == PowerTrace(shape="square", low_w=low, high_w=high, period_s=period)
    assert (parsed.noise, parsed.seed) == (0.025, seed)


@given(st.text(max_size=20))
def test_any_spec_parses_or_is_refused(spec: str):
    """No SPEC crashes the parser: it is read, or refused with a sentence that names the meter."""
    try:
        parsed = parse_simulated(spec)
    except ConfigurationError as error:
        refusal = str(error)
    else:
        refusal = "" if parsed.traces else "read as nothing"
    assert refusal.startswith("--energy-meter=simulated cannot read") or not refusal


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ("40x", "watts are a number"),
        ("-3", "watts are a number"),
        ("nan", "watts are a number"),
        ("square=1/2", "square=LOW/HIGH@SECONDS"),
        ("square=1/2@0", "period"),
        ("noise=2", "percentage"),
        ("noise=60%", "below 50%"),
        ("seed=x", "whole number"),
        ("1,2", "has a trace already"),
        ("", "watts are a number"),
    ],
)
def test_bad_spec_is_explained(spec: str, part: str):
    """A SPEC that cannot be read is refused with the rule that it breaks."""
    with pytest.raises(ConfigurationError, match=part):
        parse_simulated(spec)


def test_noise_is_seeded_and_stated():
    """Noise differs by window and by seed, repeats for the same seed, and is stated as the uncertainty."""

    def joules(spec: str) -> list[float]:
        clock = FakeClock()
        meter = SimulatedMeter(spec, clock=clock)
        values = []
        for _ in range(5):
            token = meter.begin("", ())
            clock.now_s += 1.0
            reading = meter.end(token)
            assert reading.uncertainty_j["gpu:0"] == pytest.approx(8.0)
            values.append(reading.energy_j["gpu:0"])
        return values

    assert joules("400,noise=2%,seed=1") == joules("400,noise=2%,seed=1")
    assert joules("400,noise=2%,seed=1") != joules("400,noise=2%,seed=2")
    assert len(set(joules("400,noise=2%"))) == 5

"""The guards: different work is invalid, not fast, and a reading that should not be believed says why."""

from __future__ import annotations

import msgspec
import pytest

from energy_fixtures import guards
from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.readings import BoardTrace, Reading
from energy_fixtures.reasons import REASONS
from energy_fixtures.records import Generation, Request, Trial

REQUEST = Request(input_tokens=8, output_tokens=4, finish_reason="length", ttft_s=0.1, e2e_s=0.4)
METER = MeterInfo(name="m", method="counter", domains=("gpu:0",), resolution_s=0.1)
GPU = ("gpu:0",)


def read(board: BoardTrace | None = None, other: BoardTrace | None = None, **changes: object) -> Reading:
    """A ten-second window of 1000 J on gpu:0 with the host's joules beside it, and a gpu:1 that is nobody's business."""
    boards = {domain: trace for domain, trace in (("gpu:0", board), ("gpu:1", other)) if trace is not None}
    fields: dict[str, object] = {
        "energy_j": {"gpu:0": 1000.0, "gpu:1": 500.0, "cpu:0": 90.0},
        "duration_s": 10.0,
        "method": "counter",
        "boards": boards,
    }
    return Reading(**{**fields, **changes})  # type: ignore[arg-type]


def doubts(reading: Reading, scope: tuple[str, ...] = GPU, max_error: float | None = 0.01) -> tuple[str, ...]:
    return guards.reading_doubts(reading, METER, scope, max_error)


def generation(*requests, **changes):
    return msgspec.structs.replace(Generation(requests=requests), **changes)


def test_work_as_asked_has_no_reason(scenario):
    """Two requests of 8 + 4 tokens in each of two iterations are exactly what was asked for."""
    assert guards.work_differs(scenario(), 2, generation(*[REQUEST] * 4)) == ()


@pytest.mark.parametrize(
    ("done", "code"),
    [
        (generation(REQUEST), "request_count_differs"),
        (generation(REQUEST, msgspec.structs.replace(REQUEST, output_tokens=3)), "output_tokens_differ"),
        (generation(REQUEST, msgspec.structs.replace(REQUEST, input_tokens=7)), "input_tokens_differ"),
        (generation(REQUEST, REQUEST, prefix_cache_hit_tokens=16), "prefix_cache_hit"),
    ],
)
def test_other_work_is_named(scenario, done, code):
    """Each way of doing less than asked has its own code."""
    assert guards.work_differs(scenario(), 1, done) == (code,)


def test_prefix_hits_are_fine_where_asked_for(scenario):
    """A case that asks for prefix caching is not punished for hits."""
    done = generation(REQUEST, REQUEST, prefix_cache_hit_tokens=16)

    assert guards.work_differs(scenario(prefix_caching=True), 1, done) == ()


def test_energy_that_is_not_positive_is_invalid():
    """Zero joules for work is never a result."""
    reading = Reading(energy_j={"gpu:0": 0.0}, duration_s=1.0, method="counter")

    assert guards.reading_invalid(reading, ("gpu:0",), None) == ("energy_not_positive",)


def test_domain_outside_the_scope_may_read_zero():
    """Only what stands for the work must have used energy."""
    reading = Reading(energy_j={"gpu:0": 1.0, "dram:0": 0.0}, duration_s=1.0, method="counter")

    assert guards.reading_invalid(reading, ("gpu:0",), 0.99) == ()


@pytest.mark.parametrize(("engine_s", "fits"), [(1.2, False), (1.04, True), (1.0, True), (0.91, True), (0.5, False)])
def test_engine_time_is_the_windows(engine_s: float, fits: bool):
    """Work that took longer than its window, or ended long before it, cannot be paired with it, except on replay."""
    measured = Reading(energy_j={"gpu:0": 1.0}, duration_s=1.0, method="counter")
    replayed = msgspec.structs.replace(measured, method="replay")
    codes = () if fits else ("benchmark_duration_mismatch",)

    assert guards.reading_invalid(measured, ("gpu:0",), engine_s) == codes
    assert guards.reading_invalid(replayed, ("gpu:0",), engine_s) == ()


def under(limit_w: float | None, *codes: str) -> Trial:
    """A trial under a power limit, invalid where there are codes."""
    board = BoardTrace(power_limit_min_w=limit_w, power_limit_max_w=limit_w)
    return Trial(index=0, iterations=1, reading=read(board), invalid_reasons=codes)


@pytest.mark.parametrize(
    ("earlier", "limit_w", "differs"),
    [
        ([], 400.0, False),
        ([under(700.0)], 700.0, False),
        ([under(700.0)], 400.0, True),
        ([under(700.0), under(400.0, "power_limit_changed")], 400.0, True),
        ([under(700.0, "throttled"), under(400.0)], 400.0, False),
        ([under(None)], 400.0, False),
        ([under(700.0)], None, False),
    ],
)
def test_one_case_has_one_power_limit(earlier: list[Trial], limit_w: float | None, differs: bool):
    """A limit other than that of the first valid window is noticed, on boards in scope, where both are known."""
    reading = under(limit_w).reading

    assert guards.limit_differs(reading, earlier, GPU) == differs
    assert not guards.limit_differs(reading, earlier, ("gpu:1",))


def test_reading_without_joules_is_not_called_short():
    """A window whose counter failed has that reason and no advice to make it longer."""
    failed = read(energy_j={"cpu:0": 3.0}, duration_s=0.05, invalid_reasons=("counter_unreadable",))
    short = read(duration_s=0.05)

    assert doubts(failed) == ()
    assert doubts(short) == ("window_short_for_meter",)


def test_reasons_of_the_meter_come_first_and_once():
    """What the meter found invalid itself is handed on; a domain that it left out is not blamed a second time."""
    lost = read(energy_j={"cpu:0": 3.0}, invalid_reasons=("counter_unreadable",))
    unexplained = read(energy_j={"cpu:0": 3.0})
    stuck = read(energy_j={"gpu:0": 0.0}, invalid_reasons=("counter_stuck", "energy_not_positive"))

    assert guards.reading_invalid(lost, GPU, None) == ("counter_unreadable",)
    assert guards.reading_invalid(unexplained, GPU, None) == ("energy_not_positive",)
    assert guards.reading_invalid(stuck, GPU, None) == ("counter_stuck", "energy_not_positive")


@pytest.mark.parametrize(
    ("board", "codes"),
    [
        (BoardTrace(throttle=("sw_power_cap", "applications_clocks_setting", "sync_boost")), ()),
        (BoardTrace(throttle=("hw_slowdown",)), ("throttled",)),
        (BoardTrace(throttle=("sw_power_cap", "sw_thermal_slowdown")), ("throttled",)),
        (BoardTrace(throttle=("hw_thermal_slowdown", "hw_power_brake_slowdown")), ("throttled",)),
        (BoardTrace(power_limit_min_w=500, power_limit_max_w=700), ("power_limit_changed",)),
        (BoardTrace(power_limit_min_w=700, power_limit_max_w=700, foreign_processes=0), ()),
        (BoardTrace(foreign_processes=2), ("foreign_process",)),
        (BoardTrace(), ()),
    ],
)
def test_what_happened_on_a_board_invalidates(board: BoardTrace, codes: tuple[str, ...]):
    """Throttling, a changed limit and a stranger on a board in scope are invalid; on another board they are not."""
    assert guards.reading_invalid(read(board), GPU, None) == codes
    assert guards.reading_invalid(read(other=board), GPU, None) == ()
    assert guards.reading_invalid(read(other=board), ("gpu:0", "gpu:1"), None) == codes


@pytest.mark.parametrize(
    ("board", "codes"),
    [
        (BoardTrace(throttle=("sw_power_cap",)), ("power_capped",)),
        (BoardTrace(sm_clock_min_hz=1.7e9, sm_clock_max_hz=1.98e9), ("clock_changed",)),
        (BoardTrace(sm_clock_min_hz=1.8e9, sm_clock_max_hz=1.98e9), ()),
        (BoardTrace(mig=True), ("whole_card_reading",)),
        (BoardTrace(mig=False), ()),
        (BoardTrace(), ()),
    ],
)
def test_what_happened_on_a_board_is_doubted(board: BoardTrace, codes: tuple[str, ...]):
    """The power cap, a wandering clock and a partitioned board weaken a reading in whose scope they are."""
    assert doubts(read(board)) == codes
    assert doubts(read(other=board)) == ()


@pytest.mark.parametrize(
    ("integrated_j", "counter_error_j", "integrated_error_j", "disagree"),
    [
        (1049.0, 0.0, 0.0, False),
        (951.0, 0.0, 0.0, False),
        (1051.0, 0.0, 0.0, True),
        (949.0, 0.0, 0.0, True),
        (1069.0, 10.0, 0.0, False),
        (1071.0, 10.0, 0.0, True),
        (1099.0, 15.0, 20.0, False),
        (1101.0, 15.0, 20.0, True),
    ],
)
def test_two_meters_disagree(integrated_j: float, counter_error_j: float, integrated_error_j: float, disagree: bool):
    """Five percent of the counter and two standard uncertainties of both is what may lie between them, on either side."""
    reading = read(
        integrated_j={"gpu:0": integrated_j},
        uncertainty_j={"gpu:0": counter_error_j},
        integrated_uncertainty_j={"gpu:0": integrated_error_j},
    )

    assert doubts(reading, max_error=None) == (("meters_disagree",) if disagree else ())
    assert doubts(reading, ("gpu:1",), max_error=None) == ()


def test_the_error_asked_for():
    """Half of the 95 % interval is held against the limit, over all domains in scope together."""
    reading = read(uncertainty_j={"gpu:0": 5.0, "gpu:1": 5.0})

    assert doubts(reading, max_error=0.0099) == ()
    assert doubts(reading, max_error=0.0097) == ("error_above_limit",)
    assert doubts(reading, ("gpu:0", "gpu:1"), max_error=0.0093) == ()
    assert doubts(reading, max_error=None) == ()


def test_joules_of_gpus_alone_say_so():
    """Where the scope is GPUs and nothing of the host is metered, that is said; not where the host is the scope."""
    alone = read(energy_j={"gpu:0": 1000.0})

    assert doubts(alone) == ("host_energy_missing",)
    assert doubts(read()) == ()
    assert doubts(read(energy_j={"gpu:0": 1000.0, "soc": 1.0})) == ()
    assert doubts(read(energy_j={"cpu:0": 5.0}), ("cpu:0",)) == ()


def test_short_window_is_a_doubt():
    """A window of few counter steps counts, with a doubt, unless the meter states its error itself."""
    short = read(duration_s=0.5, doubts=("modelled_not_measured",))

    assert doubts(short) == ("modelled_not_measured", "window_short_for_meter")
    assert doubts(msgspec.structs.replace(short, duration_s=2.0)) == ("modelled_not_measured",)
    assert doubts(msgspec.structs.replace(short, uncertainty_j={"gpu:0": 1.0})) == ("modelled_not_measured",)


def heated(*pairs: tuple[float | None, float | None], **changes: object) -> list[Trial]:
    """Trials whose board had these temperatures at their start and end."""
    return [
        Trial(
            index=index,
            iterations=1,
            reading=read(BoardTrace(temperature_start_c=start_c, temperature_end_c=end_c)),
            **changes,  # type: ignore[arg-type]
        )
        for index, (start_c, end_c) in enumerate(pairs)
    ]


def test_temperature_that_drifts_from_round_to_round():
    """Means more than five degrees apart drift; rising and falling inside each round alike does not."""
    assert guards.temperature_drifts(heated((50, 54), (53, 57), (56, 61)), GPU)
    assert not guards.temperature_drifts(heated((50, 60), (50, 60), (55, 65)), GPU)
    assert not guards.temperature_drifts(heated((50, 54), (None, 90), (90, None)), GPU)
    assert not guards.temperature_drifts(heated((50, 54), (80, 84)), ("gpu:1",))
    assert not guards.temperature_drifts([], GPU)


def test_invalid_trials_do_not_drift():
    """A trial that does not count does not make the others drift either."""
    hot = heated((90, 90), invalid_reasons=("throttled",))

    assert not guards.temperature_drifts([*heated((50, 50)), *hot], GPU)


def test_the_hottest_board_speaks_for_all():
    """Of several boards in scope the hottest one of each round counts."""
    trials = [
        Trial(
            index=index,
            iterations=1,
            reading=read(*(BoardTrace(temperature_start_c=celsius, temperature_end_c=celsius) for celsius in both)),
        )
        for index, both in enumerate([(70, 40), (71, 60)])
    ]

    assert not guards.temperature_drifts(trials, ("gpu:0", "gpu:1"))
    assert guards.temperature_drifts(trials, ("gpu:1",))


def test_doubts_of_the_work():
    """Preemptions, dummy weights and their acceptance rate are told."""
    assert guards.generation_doubts(generation(REQUEST, preemptions=2), dummy_weights=False) == ("requests_preempted",)
    assert guards.generation_doubts(generation(REQUEST, drafted_tokens=3), dummy_weights=True) == (
        "weights_are_dummies",
        "acceptance_of_random_weights",
    )


def test_every_code_has_a_sentence_and_a_remedy():
    """No reason code without its sentence and what to do about it."""
    for reason in REASONS.values():
        assert reason.sentence and reason.remedy
        assert not reason.sentence.endswith(".")


def test_requests_of_different_lengths_are_checked_one_by_one(scenario):
    """Each request of each iteration has to have its own lengths, in their order."""
    own = [msgspec.structs.replace(REQUEST, input_tokens=given, output_tokens=made) for given, made in ((3, 2), (9, 5))]
    lengths = ((3, 2), (9, 5))

    assert guards.work_differs(scenario(), 2, generation(*own, *own), lengths) == ()
    assert guards.work_differs(scenario(), 1, generation(*own[::-1]), lengths) == (
        "input_tokens_differ",
        "output_tokens_differ",
    )
    assert guards.work_differs(scenario(), 2, generation(*own), lengths) == ("request_count_differs",)

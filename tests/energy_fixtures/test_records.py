"""The records: what exists is valid, and survives its JSON form."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.readings import Reading
from energy_fixtures.record import digest
from energy_fixtures.records import Decoding, Generation, Request, Scenario, Span, Speculation

COUNTS = st.integers(min_value=1, max_value=100_000)
DECODINGS = st.one_of(
    st.just(Decoding.greedy()),
    st.builds(Decoding.beam, st.integers(2, 16)),
    st.builds(
        Decoding.sample,
        temperature=st.floats(0.01, 5),
        top_k=st.none() | st.integers(1, 1000),
        top_p=st.none() | st.floats(0.01, 1),
    ),
)
SPECULATIONS = st.one_of(
    st.none(),
    st.builds(Speculation, method=st.just("ngram"), num_tokens=st.integers(1, 9), ngram_max=st.integers(1, 9)),
    st.builds(Speculation, method=st.just("draft"), num_tokens=st.integers(1, 9), draft_model=st.none() | st.text()),
)


@st.composite
def scenarios(draw):
    decoding = draw(DECODINGS)
    return Scenario(
        engine=draw(st.sampled_from(["transformers", "vllm"])),
        model=draw(st.none() | st.text()),
        batch_size=draw(COUNTS),
        input_tokens=draw(COUNTS),
        output_tokens=draw(COUNTS),
        decoding=decoding,
        speculation=None if decoding.method == "beam" else draw(SPECULATIONS),
        seed=draw(st.integers(-(2**31), 2**31)),
        engine_options=draw(st.dictionaries(st.text(), st.integers() | st.booleans() | st.text(), max_size=3)),
    )


@given(scenarios())
def test_scenario_survives_json(scenario):
    """Any Scenario comes back from its JSON equal and with an equal key."""
    again = msgspec.json.decode(msgspec.json.encode(scenario), type=Scenario)

    assert again == scenario
    assert again.key == scenario.key


@given(scenarios(), scenarios())
def test_key_tells_scenarios_apart(one, other):
    """Two Scenarios have one key exactly when they are equal."""
    assert (one.key == other.key) == (one == other)


def test_field_at_its_default_does_not_change_the_key():
    """A field that a later version adds with a default leaves the keys of old files alone."""
    plain = Scenario(engine="vllm", batch_size=1, input_tokens=1, output_tokens=1)
    values = {"prefix_caching": False, "seed": 0, "decoding": Decoding.greedy(), "data_parallel": 1}
    explicit = Scenario(engine="vllm", batch_size=1, input_tokens=1, output_tokens=1, **values)

    assert plain.key == explicit.key
    assert digest(plain) == plain.key


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"batch_size": 0}, "batch_size must be >= 1"),
        ({"output_tokens": -3}, "output_tokens must be >= 1"),
        ({"execution": "static_cache"}, "engine vllm executes as one of"),
        ({"decoding": Decoding.beam(4), "speculation": Speculation(method="draft")}, "exclude each other"),
    ],
)
def test_scenario_that_breaks_a_rule_cannot_exist(scenario, change, rule):
    """A Scenario that nobody could run is refused at birth, with the rule and the value."""
    with pytest.raises(ValueError, match=rule):
        scenario(**change)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Decoding(method="beam"),
        lambda: Decoding(method="greedy", temperature=0.5),
        lambda: Decoding(method="sample"),
        lambda: Decoding.sample(top_p=1.5),
        lambda: Decoding.sample(temperature=0.0),
        lambda: Decoding(num_beams=3),
        lambda: Speculation(method="ngram"),
        lambda: Speculation(method="draft", ngram_max=3),
        lambda: Speculation(method="draft", num_tokens=0),
    ],
)
def test_contradictory_decoding_cannot_exist(build):
    """A parameter of another method, or a missing or impossible one, is refused."""
    with pytest.raises(ValueError):
        build()


def test_rules_hold_for_json_too(scenario):
    """A file cannot smuggle in a record that code could not build."""
    text = msgspec.json.encode(scenario()).replace(b'"batch_size":2', b'"batch_size":0')

    with pytest.raises(msgspec.ValidationError, match="batch_size must be >= 1"):
        msgspec.json.decode(text, type=Scenario)


def test_tpot_leaves_out_the_first_token():
    """TPOT is (E2E - TTFT) / (tokens - 1), and unknown below two tokens or without timings."""
    request = Request(input_tokens=4, output_tokens=5, finish_reason="length", ttft_s=0.2, e2e_s=1.0)

    assert request.tpot_s == pytest.approx(0.2)
    assert msgspec.structs.replace(request, output_tokens=1).tpot_s is None
    assert msgspec.structs.replace(request, ttft_s=None).tpot_s is None


def test_acceptance_is_unknown_where_nothing_was_drafted():
    """Zero drafted tokens give no acceptance rate, not a rate of zero."""
    assert Generation(requests=(), drafted_tokens=0, accepted_tokens=0).acceptance is None
    assert Generation(requests=(), drafted_tokens=8, accepted_tokens=2).acceptance == 0.25


def test_joules_of_a_domain_that_was_not_metered_are_unknown():
    """A sum over domains is None as soon as one of them is missing, never a partial sum."""
    reading = Reading(energy_j={"gpu:0": 3.0, "gpu:1": 4.0}, duration_s=1.0, method="counter")

    assert reading.joules() == 7.0
    assert reading.joules(("gpu:1",)) == 4.0
    assert reading.joules(("gpu:0", "cpu:0")) is None


def test_reading_refuses_what_is_not_a_number():
    """Not-a-number joules or a negative duration cannot enter a record."""
    with pytest.raises(ValueError, match="energy_j of gpu:0 must be a number"):
        Reading(energy_j={"gpu:0": float("nan")}, duration_s=1.0, method="counter")
    for joules in (-1.0, float("inf"), 1e308):
        with pytest.raises(ValueError, match="energy_j of gpu:0 must be a number"):
            Reading(energy_j={"gpu:0": joules}, duration_s=1.0, method="counter")
    with pytest.raises(ValueError, match="duration_s"):
        Reading(energy_j={"gpu:0": 1.0}, duration_s=-1.0, method="counter")


def test_result_of_mixed_methods_cannot_exist(result, trial):
    """Measured and modelled joules never share a Result."""
    modelled = Reading(energy_j={"gpu:0": 1.0}, duration_s=1.0, method="modelled")

    with pytest.raises(ValueError, match="one method"):
        result(trials=(trial(), trial(reading=modelled)))


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), 1e300])
def test_spans_are_times(seconds):
    """An iteration cannot begin before the work, nor last longer than anybody lives."""
    with pytest.raises(ValueError, match="a span lies between"):
        Span(start_s=0.0, first_token_s=None, end_s=seconds)


@pytest.mark.parametrize(
    "moment",
    ["9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00"],
)
def test_a_moment_that_some_zone_cannot_tell_is_refused(result, moment):
    """A result's time can be said in UTC and in any other zone; one without a zone is none."""
    with pytest.raises(ValueError, match="started_at must be a date and time with its zone"):
        result(started_at=moment)
    assert result(started_at="2026-12-31T23:59:59-14:00").started_at.startswith("2026")

"""Metrics: known answers, and None for what cannot be computed."""

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import METRICS, headline, metric, nearest
from energy_fixtures.readings import Reading
from energy_fixtures.records import Generation, Request


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("joules_per_output_token", 1.0),  # 8 J over 2 requests of 4 tokens
        ("joules_per_input_token", 0.5),
        ("joules_per_total_token", 8 / 24),
        ("joules_per_request", 4.0),
        ("joules_per_iteration", 8.0),
        ("output_tokens_per_joule", 1.0),
        ("gpu_energy_j", 8.0),
        ("total_energy_j", 8.0),
        ("avg_power_w", 8.0),
        ("window_s", 1.0),
        ("output_throughput", 8.0),
        ("ttft", 0.1),
        ("tpot", 0.1),
        ("e2el", 0.4),
    ],
)
def test_known_answers(trial, result, name, value):
    """Each metric of a trial worked out by hand."""
    assert METRICS[name].of(trial(8.0), result()) == pytest.approx(value)


@pytest.mark.parametrize(
    "name",
    [
        "joules_per_accepted_token",
        "acceptance_rate",
        "cpu_energy_j",
        "dram_energy_j",
        "prefill_joules_per_input_token",
        "decode_joules_per_output_token",
        "net_energy_j",
        "net_joules_per_output_token",
        "host_joules_per_output_token",
    ],
)
def test_what_was_not_seen_is_unknown(trial, result, name):
    """A metric without its ingredients is None, never zero."""
    assert METRICS[name].of(trial(), result()) is None


def test_accepted_tokens_are_the_divisor(trial, result):
    """Joules per accepted token divide by accepted tokens only, and are unknown when none was accepted."""
    request = Request(input_tokens=8, output_tokens=4, finish_reason="length", ttft_s=None, e2e_s=None)

    def with_counts(drafted, accepted):
        return trial(generation=Generation(requests=(request,), drafted_tokens=drafted, accepted_tokens=accepted))

    assert METRICS["joules_per_accepted_token"].of(with_counts(10, 4), result()) == 2.0
    assert METRICS["joules_per_drafted_token"].of(with_counts(10, 4), result()) == 0.8
    assert METRICS["joules_per_accepted_token"].of(with_counts(10, 0), result()) is None


def test_scope_decides_what_is_summed(trial, result):
    """Joules per token sum over the scope, the total over everything that was metered."""
    reading = Reading(energy_j={"gpu:0": 8.0, "cpu:0": 2.0}, duration_s=1.0, method="counter")

    assert METRICS["joules_per_output_token"].of(trial(reading=reading), result()) == 1.0
    assert METRICS["total_energy_j"].of(trial(reading=reading), result()) == 10.0
    assert METRICS["cpu_energy_j"].of(trial(reading=reading), result()) == 2.0


def test_net_is_gross_less_rest(trial, result):
    """Power at rest, times the window, is taken off every domain of the scope; one without a baseline leaves net unknown."""
    reading = Reading(energy_j={"gpu:0": 50.0, "gpu:1": 40.0}, duration_s=0.5, method="counter")
    window = trial(reading=reading)
    both = result(scope=("gpu:0", "gpu:1"), idle_w={"gpu:0": 60.0, "gpu:1": 80.0, "cpu:0": 500.0})

    assert METRICS["net_energy_j"].of(window, both) == pytest.approx(90.0 - 140.0 * 0.5)
    assert METRICS["net_joules_per_output_token"].of(window, both) == pytest.approx(20.0 / 8)
    assert METRICS["net_energy_j"].of(window, result(scope=("gpu:0", "gpu:1"), idle_w={"gpu:0": 60.0})) is None


def test_the_host_stands_beside_gpus(trial, result):
    """Processors and memory over generated tokens, where the scope is GPUs alone; not where the host is the scope."""
    reading = Reading(
        energy_j={"gpu:0": 8.0, "cpu:0": 2.0, "cpu:1": 1.0, "dram:0": 1.0, "soc": 9.0},
        duration_s=1.0,
        method="counter",
    )
    window = trial(reading=reading)
    memory = Reading(energy_j={"gpu:0": 8.0, "dram:0": 1.0}, duration_s=1.0, method="counter")

    assert METRICS["host_joules_per_output_token"].of(window, result()) == pytest.approx(0.5)
    assert METRICS["host_joules_per_output_token"].of(window, result(scope=("cpu:0", "dram:0"))) is None
    assert METRICS["host_joules_per_output_token"].of(trial(reading=memory), result()) is None


def test_phases_are_divided_by_their_own_tokens(trial, result):
    """Prefill over prompt tokens, decode over the tokens after each request's first; one value per pair of windows."""
    first = Request(input_tokens=8, output_tokens=1, finish_reason="length", ttft_s=0.1, e2e_s=0.1)
    beside = [
        trial(joules, index=index, iterations=2, generation=Generation(requests=(first,) * 4))
        for index, joules in enumerate((4.0, 5.0))
    ]
    whole = [trial(joules, index=index) for index, joules in enumerate((8.0, 9.0, 10.0))]
    measured = result(trials=tuple(whole), prefill_trials=tuple(beside))

    assert METRICS["prefill_joules_per_input_token"].values(measured) == (2.0 / 16, 2.5 / 16)
    assert METRICS["decode_joules_per_output_token"].values(measured) == ((8.0 - 2.0) / 6, (9.0 - 2.5) / 6)


def test_invalid_trials_do_not_count(result, trial):
    """Values come from valid trials only."""
    trials = (trial(8.0), trial(80.0, index=1, invalid_reasons=("output_tokens_differ",)))

    assert METRICS["gpu_energy_j"].values(result(trials=trials)) == (8.0,)


def test_headline_is_per_token_where_there_are_tokens(result, trial):
    """A plain function is judged by joules per iteration, an engine by joules per output token."""
    assert headline(result()).name == "joules_per_output_token"
    assert headline(result(trials=(trial(generation=None),))).name == "joules_per_iteration"


def test_unknown_metric_offers_the_nearest():
    """A misspelt metric is refused with names that exist."""
    with pytest.raises(ConfigurationError, match="joules_per_output_token"):
        metric("joule_per_output_tokens")
    assert nearest("gpu_energy", METRICS)[0] == "gpu_energy_j"


def test_every_metric_says_its_divisor_and_unit():
    """Names carry no scaled unit, and each metric explains itself."""
    for name, one in METRICS.items():
        assert one.name == name
        assert one.what
        assert not name.endswith(("_ms", "_mj", "_kwh"))


def test_percentiles_are_over_the_requests_of_a_window(trial, result):
    """95 of 100 requests stay below ttft_p95, linear between the nearest two."""
    requests = tuple(
        Request(input_tokens=1, output_tokens=2, finish_reason="length", ttft_s=index / 100, e2e_s=1 + index / 100)
        for index in range(101)
    )
    one = trial(generation=Generation(requests=requests))

    assert METRICS["ttft_p95"].of(one, result()) == pytest.approx(0.95)
    assert METRICS["tpot_p99"].of(one, result()) == pytest.approx(1.0)
    assert METRICS["ttft_p95"].of(trial(generation=None), result()) is None

"""What does a token cost when requests arrive one by one, beside the same requests in one batch, and at which rate?"""

import pytest

from energy_fixtures import Arrivals, Mix, Scenario

BATCH_SIZE = 8  # B: requests served at once, and the batch offline
INPUT_TOKENS = 64
OUTPUT_TOKENS = 64
REQUESTS = 64
RATES = (2.0, 8.0)  # requests per second
BURSTINESS = 0.25  # shape of the gamma distribution: gaps vary twice as much as those of a Poisson process
SHORT = f"online-burst-b{BATCH_SIZE}"  # the case that takes seconds without a GPU
WORKLOAD = "burstgpt-like"  # lengths of real conversations, drawn; any trace on disk would do
LONGEST_INPUT, LONGEST_OUTPUT = 1024, 512  # no drawn request is longer; what is longer in a trace is cut, and said
TIME_SCALE = 0.5  # a trace is replayed at twice its speed


def online(arrivals, *, input_tokens=INPUT_TOKENS, output_tokens=OUTPUT_TOKENS, **changes):
    return Scenario(
        engine="vllm_server",
        batch_size=BATCH_SIZE,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        arrivals=arrivals,
        **changes,
    )


def offline(batch_size, *, input_tokens=INPUT_TOKENS, output_tokens=OUTPUT_TOKENS, **changes):
    return Scenario(
        engine="vllm", batch_size=batch_size, input_tokens=input_tokens, output_tokens=output_tokens, **changes
    )


def cases():
    half = BATCH_SIZE // 2
    for size in (BATCH_SIZE, half):
        yield f"offline-b{size}", offline(size)
    yield SHORT, online(Arrivals.all_at_once(3 * BATCH_SIZE))
    for rate in RATES:
        yield f"online-poisson{rate:g}", online(Arrivals.poisson(REQUESTS, rate))
    rate = RATES[-1]
    yield f"online-constant{rate:g}", online(Arrivals.constant(REQUESTS, rate))
    yield f"online-gamma{rate:g}", online(Arrivals.gamma(REQUESTS, rate, BURSTINESS))
    yield f"online-concurrency{half}", online(Arrivals.all_at_once(REQUESTS, max_concurrency=half))
    turns = Arrivals(process="poisson", requests=REQUESTS, request_rate=rate, turns=4)
    for cached in (False, True):
        yield f"online-turns4-{'cached' if cached else 'uncached'}", online(turns, prefix_caching=cached)
    chat = Arrivals(process="poisson", requests=REQUESTS, request_rate=RATES[0], workload=WORKLOAD)
    longest = {"input_tokens": LONGEST_INPUT, "output_tokens": LONGEST_OUTPUT}
    yield f"online-{WORKLOAD}", online(chat, **longest)
    yield f"offline-{WORKLOAD}", offline(BATCH_SIZE, **longest, mix=Mix(requests=REQUESTS, workload=WORKLOAD))
    replayed = Arrivals.trace(REQUESTS, time_scale=TIME_SCALE)  # of --energy-workload; skipped where that is no trace
    yield "online-trace", online(replayed, **longest)


def params():
    for name, scenario in cases():
        marks = () if name == SHORT else (pytest.mark.slow,)
        yield pytest.param(scenario, id=name, marks=marks)


@pytest.mark.serving
@pytest.mark.parametrize("scenario", list(params()))
def test_serving(scenario, energy):
    energy.measure(scenario)


@pytest.mark.serving
@pytest.mark.slow
@pytest.mark.parametrize("scenario", [pytest.param(online(Arrivals.poisson(REQUESTS, RATES[0])), id="poisson")])
def test_cheapest_rate(scenario, energy):
    energy.measure_rates(scenario)

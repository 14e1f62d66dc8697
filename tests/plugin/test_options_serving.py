"""--energy-server, --energy-slo, --energy-rate-search: text and exit code, on a fake server on the loopback."""

from __future__ import annotations

import json

import pytest

from energy_fixtures.serving.local import free_port
from energy_fixtures.serving.running import server_of
from tests.energy_fixtures.serving.fake import Fake, serving

CASES = """
import pytest
from energy_fixtures import Arrivals, Scenario

def online(arrivals, **changes):
    return Scenario(
        engine="vllm_server", batch_size=2, input_tokens=8, output_tokens=6, arrivals=arrivals, **changes
    )

@pytest.mark.parametrize("scenario", [pytest.param(online(Arrivals.poisson(8, 200.0)), id="poisson")])
def test_serving(scenario, energy):
    energy.measure(scenario)

LENGTHS = Arrivals(process="poisson", requests=6, request_rate=200.0, workload="burstgpt-like")

@pytest.mark.parametrize("scenario", [pytest.param(online(LENGTHS), id="workload")])
def test_workload(scenario, energy):
    energy.measure(scenario)

@pytest.mark.parametrize("scenario", [pytest.param(online(Arrivals.trace(6, time_scale=0.1)), id="replayed")])
def test_replayed(scenario, energy):
    energy.measure(scenario)

@pytest.mark.parametrize("scenario", [pytest.param(online(Arrivals.constant(6, 1.0)), id="constant")])
def test_cheapest(scenario, energy):
    energy.measure_rates(scenario)

@pytest.mark.parametrize("scenario", [pytest.param(online(Arrivals.poisson(6, 9.0), quantization="fp8"), id="fp8")])
def test_settled(scenario, energy):
    energy.measure(scenario)

@pytest.mark.parametrize("scenario", [pytest.param(online(Arrivals.constant(6, 0.001)), id="endless")])
def test_endless(scenario, energy):
    energy.measure(scenario)
"""
QUICK = ("--energy-min-rounds=2", "--energy-min-window=0.01", "--energy-max-warmup=0.01", "--energy-device=cpu")


@pytest.fixture
def fake():
    """A server that runs already."""
    with serving(Fake(gap_s=0.002)) as server:
        yield server
    server_of.cache_clear()


@pytest.fixture
def serve(pytester, run, fake):
    """Run one of the tests on the fake server."""
    pytester.makepyfile(test_serving=CASES)

    def run_on(name, *args):
        url = f"--energy-server=http://127.0.0.1:{fake.address.port}"
        return run(*QUICK, url, f"--energy-json={pytester.path / 'out.json'}", "-k", name, *args)

    return run_on


def stored(pytester):
    """The results of the saved file."""
    return json.loads((pytester.path / "out.json").read_text())["energy"]["results"]


def test_a_case_runs_on_a_running_server(serve, pytester):
    """The case of our own server runs on the one that was named; the table says how requests came and what they cost."""
    seen = serve("poisson", "--energy-slo=ttft_p99_ms:5000")
    seen.assert_outcomes(passed=1)
    seen.stdout.fnmatch_lines(["*energy: serving, fake-1b*", "*poisson 200/s*met*"])

    (result,) = stored(pytester)
    assert result["scenario"]["engine"] == "server" and result["scenario"]["model"] == "fake-1b"
    assert result["service_level"] == {"limits": [["ttft", 0.99, 5.0]]}
    runs = [trial["generation"]["serving"][0] for trial in result["trials"]]
    assert all(len(one["requests"]) == 8 and "reading" in one["steady"] for one in runs)


def test_lengths_come_from_a_workload(serve, pytester):
    """Each request is as long as the workload says, as far as the case allows; what was cut is a doubt."""
    serve("workload").assert_outcomes(passed=1)

    (result,) = stored(pytester)
    requests = result["trials"][0]["generation"]["requests"]
    assert all(1 <= one[0] <= 8 and 1 <= one[1] <= 6 for one in requests) and len({one[1] for one in requests}) > 1
    assert "workload_cut" in result["trials"][0]["doubts"] and not result["trials"][0].get("invalid_reasons")


def test_a_trace_of_the_session_is_replayed_at_another_speed(serve, pytester):
    """Requests are sent at a tenth of the recorded times of --energy-workload; the result names it by content."""
    rows = [f"2024-05-12 00:00:0{second}Z,{4 + second},3" for second in range(4) for _ in range(2)]
    (pytester.path / "trace.csv").write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows, ""]))
    serve("replayed", "--energy-workload=trace.csv").assert_outcomes(passed=1)

    (result,) = stored(pytester)
    arrivals = result["scenario"]["arrivals"]
    assert arrivals["process"] == "trace" and arrivals["workload"].startswith("trace.csv@")
    sent = result["trials"][0]["generation"]["serving"][0]["requests"]
    assert [one[0] for one in sent] == pytest.approx([0.0, 0.0, 0.1, 0.1, 0.2, 0.2])


def test_without_a_trace_nothing_is_replayed(serve):
    """A drawn workload has no times: the case is skipped with what to name."""
    seen = serve("replayed", "-rs")
    seen.assert_outcomes(skipped=1)
    seen.stdout.fnmatch_lines(["*burstgpt-like is drawn and has no recorded times*"])


def test_failures_are_counted_and_void_the_case(serve, fake, pytester):
    """A server at its capacity makes every trial invalid: the case fails with the reason, the numbers are kept."""
    fake.wrong = dict.fromkeys(range(0, 1000, 4), "503")
    seen = serve("poisson")
    seen.assert_outcomes(failed=1)
    seen.stdout.fnmatch_lines(["*0 valid of*at its capacity*", "*requests in all windows failed: * at capacity*"])
    assert 'the first at capacity: status 503: {"error": {"message": "no"}}' in " ".join(seen.stdout.str().split())

    (result,) = stored(pytester)
    assert {code for trial in result["trials"] for code in trial["invalid_reasons"]} == {"requests_refused"}


def test_the_key_is_sent_and_never_kept(serve, fake, pytester, monkeypatch):
    """A server that wants a key gets the one of OPENAI_API_KEY, which stands in no output and no file."""
    fake.key = "sk-not-to-be-seen"
    refused = serve("poisson")
    monkeypatch.setenv("OPENAI_API_KEY", fake.key)
    seen = serve("poisson", "--energy-autosave")
    seen.assert_outcomes(passed=1)

    assert refused.ret == 4
    refused.stderr.fnmatch_lines(["*wants a key (status 401); set OPENAI_API_KEY*"])
    written = [path.read_bytes() for path in pytester.path.rglob("*.json*")]
    assert len(written) >= 2 and not any(fake.key.encode() in content for content in written)
    assert fake.key not in seen.stdout.str() + seen.stderr.str()


def test_the_cheapest_rate_is_named(serve, pytester):
    """The highest rate is tried first, then the lowest; where both meet the level the cheaper one is named, and no more tried."""
    seen = serve("constant", "--energy-slo=e2el_p99_ms:60000", "--energy-rate-search=20:300")
    seen.assert_outcomes(passed=1)

    assert [one["scenario"]["arrivals"]["request_rate"] for one in stored(pytester)] == [300.0, 20.0]
    seen.stdout.fnmatch_lines(["*the cheapest of 2 rates that meet it is * requests/s*"])
    assert "no higher rate was tried" in " ".join(seen.stdout.str().split())


def test_a_level_that_no_rate_meets_is_said(serve, pytester):
    """Where neither end meets the level the search is over, and it is a result and no failure."""
    seen = serve("constant", "--energy-slo=ttft_p99_ms:0.001", "--energy-rate-search=100:300")
    seen.assert_outcomes(passed=1)
    seen.stdout.fnmatch_lines(["*none of 2 rates meets it*"])


def test_without_a_range_the_search_is_skipped(serve):
    """The search needs its range, and says so."""
    serve("constant", "-rs").stdout.fnmatch_lines(["*needs --energy-rate-search=LOW:HIGH*"])


def test_what_the_server_settled_is_skipped(serve):
    """A case that needs the server started otherwise is skipped with the field's name."""
    seen = serve("fp8", "-rs")
    seen.assert_outcomes(skipped=1)
    seen.stdout.fnmatch_lines(["*asks for quantization*"])


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--energy-server=http://192.0.2.7:8000", "*--energy-server: 192.0.2.7 is not this machine's loopback*"),
        ("--energy-server=http://ann:pw@127.0.0.1:8000", "*--energy-server: the address holds more than a server*"),
        ("--energy-slo=ttft:5", "*--energy-slo: 'ttft:5' is no limit*"),
        ("--energy-rate-search=5:1", "*--energy-rate-search: '5:1' is no range*"),
        ("--energy-rate-search=1:5", "*--energy-rate-search looks for a rate that meets --energy-slo; give both*"),
    ],
)
def test_wrong_values_are_told_before_anything_runs(sleeper, run, option, said):
    """A value that cannot be what its option needs ends the session with exit code 4 and one sentence."""
    seen = run(option)

    assert seen.ret == 4
    seen.stderr.fnmatch_lines([said])
    assert "pw@" not in seen.stderr.str()


def test_a_server_that_is_not_there_is_told(pytester, run):
    """Nothing at the address ends the session before anything is measured."""
    pytester.makepyfile(test_serving=CASES)
    seen = run(*QUICK, f"--energy-server=http://127.0.0.1:{free_port()}", "-k", "poisson")

    assert seen.ret == 4
    seen.stderr.fnmatch_lines(["*nothing answers at http://127.0.0.1*start the server first*"])


def test_arrivals_longer_than_the_timeout_are_refused(pytester, run):
    """A run that would be given up before its end is refused with both times."""
    pytester.makepyfile(test_serving=CASES)
    seen = run(*QUICK, "-k", "endless")

    assert seen.ret == 4
    seen.stderr.fnmatch_lines(["*take 5000 s and --energy-timeout is 600 s*"])

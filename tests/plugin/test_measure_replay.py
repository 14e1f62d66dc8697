"""`energy.measure_replay` on a real engine, `--energy-workload`, and bad traces that are told before anything loads."""

from __future__ import annotations

import json

import polars  # noqa: F401 - pytest inside pytest forgets what it imports, and Polars must not be imported twice
import pytest

CASE = """
import pytest
from energy_fixtures import Arrivals, Mix, Scenario

@pytest.mark.parametrize("scenario", [
    Scenario(engine="transformers", batch_size=2, input_tokens=64, output_tokens=8, mix=Mix(requests=3))
])
def test_replay(scenario, energy):
    energy.measure_replay(scenario)
"""
ONLINE = """
import pytest
from energy_fixtures import Arrivals, Scenario

@pytest.mark.parametrize("scenario", [Scenario(
    engine="vllm_server", batch_size=1, input_tokens=64, output_tokens=8,
    arrivals=Arrivals(process="trace", requests=3, time_scale=1.0, workload="trace.csv"),
)])
def test_serving(scenario, energy):
    energy.measure(scenario)
"""
HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
ROWS = [f"2023-11-16 18:15:4{second}.0000000,{given},{made}\n" for second, given, made in ((0, 20, 3), (1, 33, 8))]
GOOD = HEADER + "".join(ROWS) + "2023-11-16 18:15:42.0000000,65,8\n"
SHORT = ("--energy-min-rounds=2", "--energy-min-window=0.01", "--energy-max-warmup=0.1", "--energy-idle=0")


@pytest.mark.engines
def test_a_trace_is_measured_in_cells_and_as_it_is(pytester, run):
    """Cells and replay are results of their own; the report sets one against the other; no path stands in the file."""
    pytester.makepyfile(test_workloads=CASE)
    (pytester.path / "trace.csv").write_text(GOOD)

    done = run("--energy-device=cpu", "--energy-json=out.json", "--energy-workload=trace.csv", *SHORT, own_process=True)

    done.assert_outcomes(passed=1)
    results = json.loads((pytester.path / "out.json").read_text())["energy"]["results"]
    assert [one["case"] for one in results] == ["scenario0::32+8", "scenario0::64+8", "scenario0::replay"]
    replay = results[-1]
    assert replay["scenario"]["mix"]["workload"] == replay["params"]["replayed"]
    assert replay["params"]["replayed"].startswith("trace.csv@")
    assert [request[:2] for request in replay["trials"][0]["generation"]["requests"]][:2] == [[20, 3], [33, 8]]
    done.stdout.fnmatch_lines(
        [
            "*2 requests of trace.csv@*, in batches of 2*",
            "transformers eager *",
            "binning inflates input ×1.8113, output ×1.4545",
            "1 of 3 are in neither: longer than 64 + 8 tokens",
        ]
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no file trace.csv"),
        ("", "is empty"),
        (HEADER, "has no usable row"),
        ("TIMESTAMP,ContextTokens\n", "has no column 'GeneratedTokens'"),
        (HEADER + ROWS[0] + "2023-11-16 18:15:46+00:00,3,3\n" + ROWS[1], "zone"),
        ('[{"conversations": []}]', "to measure, name a trace of lengths"),
        (HEADER + ROWS[0], "has 1 usable requests, 3 were asked for"),
        (HEADER + ROWS[0] + "2023-11-16 18:15:46.0000000,-3,3\n" + ROWS[1], "has 2 usable requests"),
        (GOOD.replace(",20,", ",1000000000,").replace(",33,", ",1000000000,"), "none of the first 3 requests"),
    ],
)
def test_a_bad_trace_is_told_before_an_engine_loads(pytester, run, content, words):
    """One sentence and exit status 4, no test begun."""
    pytester.makepyfile(test_workloads=CASE)
    if content is not None:
        (pytester.path / "trace.csv").write_text(content)

    done = run("--energy-device=cpu", "--energy-workload=trace.csv", *SHORT)

    assert done.ret == 4
    (said,) = [line for line in done.errlines if line.startswith("ERROR: ")]
    assert words in said
    assert "loaded" not in done.stdout.str() and "passed" not in done.stdout.str()


def test_a_serving_case_with_a_bad_trace_is_told_as_early(pytester, run):
    """The trace that its arrivals come from is read before the server starts."""
    pytester.makepyfile(test_workloads=ONLINE)

    done = run("--energy-device=cpu", *SHORT)

    assert done.ret == 4
    done.stderr.fnmatch_lines(["ERROR: there is no file trace.csv*"])


def test_a_misspelt_generator_offers_the_nearest(pytester, run):
    """A name that is neither a file nor known is told with what it may have meant."""
    pytester.makepyfile(test_workloads=CASE)

    done = run("--energy-device=cpu", "--energy-workload=burstgpt-lik", *SHORT)

    assert done.ret == 4
    done.stderr.fnmatch_lines(
        ["ERROR: 'burstgpt-lik' is neither a file nor a known workload; nearest are burstgpt-like*"]
    )


def test_a_trace_that_takes_longer_than_is_waited_for_is_refused(pytester, run):
    """Recorded arrivals beyond --energy-timeout would be measured and then lost."""
    pytester.makepyfile(test_workloads=ONLINE)
    (pytester.path / "trace.csv").write_text(GOOD.replace("18:15:42.0", "18:35:42.0"))

    done = run("--energy-device=cpu", *SHORT)

    assert done.ret == 4
    done.stderr.fnmatch_lines(["ERROR: the arrivals of one run take 120? s and --energy-timeout is 600 s; raise it*"])


def test_listing_cases_reads_no_trace(pytester, run):
    """`--collect-only` stays quick, also where the trace is missing."""
    pytester.makepyfile(test_workloads=CASE)

    done = run("--energy-device=cpu", "--collect-only", "--energy-workload=trace.csv")

    assert done.ret == 0

"""The gap to the ideal: of results as the suite writes them, and why there is none where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import METRICS
from energy_fixtures.models.architecture import architecture
from energy_fixtures.models.shapes import SHAPES
from energy_fixtures.records import Environment, Generation, Result, Run, Speculation
from energy_fixtures.serving.records import Arrivals
from energy_fixtures.workloads.mix import Mix
from reports.boards import find_board
from reports.ideal.floor import Floor, Job, floor_of
from reports.ideal.gap import DECODE_GAP, GAP, PREFILL_GAP, WHAT, floor_for, gap_metric, why_unknown
from reports.ideal.served import floor_of_requests
from reports.metrics import NAMES, check, named
from reports.render.tables import View
from reports.render.terminal import report
from reports.render.text import to_lines
from tests.reports.test_boards import ROW

LLAMA = architecture(SHAPES["llama-3.1-8b"].config)
ENGINE = {"device": "cuda", "dtype": "bfloat16", "weights": "dummy"}
WORK = {"model": "shape:llama-3.1-8b", "batch_size": 4, "input_tokens": 128, "output_tokens": 16}


@pytest.fixture
def here(environment: Callable[..., Environment]) -> Environment:
    """One H200 that computes in bfloat16."""
    return environment(engine=ENGINE)


@pytest.fixture
def one(case: Callable[..., Result], here: Environment) -> Callable[..., Result]:
    """A result of Llama-3.1-8B there, 1 and 3 J/token; fields of the scenario as keywords."""

    def make(name: str = "b4", method: str = "counter", **fields: object) -> Result:
        made = case(name, (1.0, 3.0), method=method, **{**WORK, **fields})
        return msgspec.structs.replace(made, architecture=LLAMA, environment=here.key)

    return make


def floor(result: Result, environment: Environment, boards: Path | None = None) -> Floor:
    found = floor_for(result, environment, boards)
    assert isinstance(found, Floor), found
    return found


def test_a_gap_is_joules_over_the_floor(one: Callable[..., Result], here: Environment) -> None:
    """Joules of a window over the floor of its iterations, on the board that was metered."""
    job = Job(shape=LLAMA, batch_size=4, input_tokens=128, output_tokens=16)
    least_j = floor_of(job, find_board("H200")).floor_j
    values = gap_metric(GAP, {here.key: here}).values(one())
    assert values == pytest.approx([64 * 1.0 / least_j, 64 * 3.0 / least_j])


def test_more_iterations_have_as_many_floors(one: Callable[..., Result], here: Environment) -> None:
    """A window of two runs is held against two floors."""
    twice = one()
    trials = tuple(msgspec.structs.replace(trial, iterations=2) for trial in twice.trials)
    metric = gap_metric(GAP, {here.key: here})
    (half, *_), (whole, *_) = metric.values(msgspec.structs.replace(twice, trials=trials)), metric.values(twice)
    assert half == pytest.approx(whole / 2)


def test_rest_is_taken_from_the_result(one: Callable[..., Result], here: Environment) -> None:
    """Power at rest as it was measured goes before the published one."""
    assert floor(one(), here).idle_w == find_board("H200").idle_w
    assert floor(msgspec.structs.replace(one(), idle_w={"gpu:0": 100.0}), here).idle_w == 100.0


def test_a_lower_power_limit_lowers_the_floor(
    one: Callable[..., Result], environment: Callable[..., Environment], here: Environment
) -> None:
    """A board that may not draw its full power is held against the power that it may draw."""
    capped = environment(engine=ENGINE, boards=({"name": "NVIDIA H200", "power_limit_w": 350.0},))
    assert floor(one(), capped).board.tdp_w == 350.0
    assert floor(one(), capped).floor_j < floor(one(), here).floor_j


def test_parallel_work_has_the_floor_of_all_its_boards(
    one: Callable[..., Result], environment: Callable[..., Environment]
) -> None:
    """Split layers share one job; whole copies have a job of their own each."""
    four = environment(engine=ENGINE, boards=({"name": "NVIDIA H200"},) * 4)
    split, copied = (
        floor(msgspec.structs.replace(one(**{kind: 4}), scope=tuple(f"gpu:{n}" for n in range(4))), four)
        for kind in ("tensor_parallel", "data_parallel")
    )
    assert (split.count, split.copies, split.job.batch_size) == (4, 1, 4)
    assert (copied.count, copied.copies, copied.job.batch_size) == (1, 4, 1)
    assert copied.floor_j > split.floor_j  # every copy reads all weights


def test_speculation_is_held_against_fewer_steps(one: Callable[..., Result], here: Environment) -> None:
    """Four tokens ahead may yield five a step, so that weights may be read a fifth as often."""
    guessed = floor(one(speculation=Speculation(method="draft", num_tokens=4)), here)
    assert guessed.decode.traffic.weights == pytest.approx(floor(one(), here).decode.traffic.weights / 5, rel=0.01)


def test_quantised_weights_have_a_floor_of_their_own(one: Callable[..., Result], here: Environment) -> None:
    """Weights in fewer bits are fewer bytes to read in every step."""
    four, eight, sixteen = (floor(one(quantization=way), here).decode for way in ("awq", "fp8", None))
    assert four.floor_j < eight.floor_j < sixteen.floor_j
    stored = msgspec.structs.replace(here, engine={**here.engine, "quantization": "awq_marlin"})
    assert floor(one(), stored).decode == four  # as the engine says of a model that is stored so


@pytest.mark.parametrize(
    ("change", "facts", "why"),
    [
        ({"scenario": None}, {}, "a plain function has no floor"),
        ({"architecture": None}, {}, "does not carry the shape"),
        ({"scope": ("cpu:0",)}, {}, "no GPU was metered"),
        ({"scope": ("gpu:1",)}, {}, "does not name the metered boards"),
        ({}, {"boards": ({"name": "NVIDIA Z9"},)}, "the board table has no NVIDIA Z9"),
        ({}, {"boards": ({"name": "NVIDIA H200", "mig": True},)}, "partitioned"),
        ({"scope": ("gpu:0", "gpu:1")}, {"boards": ({"name": "NVIDIA H200"}, {"name": "NVIDIA L4"})}, "boards differ"),
        ({}, {"boards": ({"name": "Tesla T4"},)}, "no peak rate for bfloat16"),
        ({}, {"engine": {**ENGINE, "dtype": "float64"}}, "unknown dtype"),
        ({}, {"engine": {**ENGINE, "device": "cpu"}}, "the engine ran on the CPU"),
        ({}, {"engine": {**ENGINE, "quantization": "my-own"}}, "the bytes of my-own weights are not known"),
    ],
)
def test_an_unknown_gap_says_why(
    one: Callable[..., Result],
    environment: Callable[..., Environment],
    change: dict[str, object],
    facts: dict[str, object],
    why: str,
) -> None:
    """Where shape, board or number format is missing, the gap is unknown, never zero, and the reason is a clause."""
    where = environment(**{"engine": ENGINE, **facts})
    result = msgspec.structs.replace(one(), **change)  # type: ignore[arg-type]
    found = floor_for(result, where)
    assert isinstance(found, str) and why in found
    assert gap_metric(GAP, {result.environment: where}).values(result) == ()


def test_cached_prompts_have_no_floor(one: Callable[..., Result], here: Environment) -> None:
    """Prompts that were not computed are not held against a floor that computes them."""
    result = one()
    hit = tuple(
        msgspec.structs.replace(trial, generation=msgspec.structs.replace(trial.generation, prefix_cache_hit_tokens=16))
        for trial in result.trials
    )
    assert "came from a cache" in str(floor_for(msgspec.structs.replace(result, trials=hit), here))
    assert floor_for(result, None) == "the environment is missing"
    assert "bytes of my-own weights" in str(floor_for(one(quantization="my-own"), here))


def test_a_server_is_held_against_the_floor_of_its_requests(one: Callable[..., Result], here: Environment) -> None:
    """All that its requests took over the least for them, with as many at once as the server takes; phases have none."""
    served = one(engine="vllm_server", arrivals=Arrivals.all_at_once(12))
    trials = tuple(
        msgspec.structs.replace(
            trial,
            iterations=2,
            generation=msgspec.structs.replace(trial.generation, requests=trial.generation.requests * 6),
        )
        for trial in served.trials
        if trial.generation is not None
    )
    result = msgspec.structs.replace(served, trials=trials, prefill_trials=trials)
    facts = msgspec.structs.replace(here, engine={**here.engine, "max_num_seqs": 8})
    least_j = floor_of_requests(
        {(128, 16): 12.0}, Job(shape=LLAMA, batch_size=8, input_tokens=128, output_tokens=16), find_board("H200")
    ).floor_j

    assert gap_metric(GAP, {here.key: facts}).values(result) == pytest.approx([32 / least_j, 96 / least_j])
    assert gap_metric(PREFILL_GAP, {here.key: facts}).values(result) == ()
    assert gap_metric(DECODE_GAP, {here.key: facts}).values(result) == ()


def test_a_replay_is_held_against_the_floor_of_its_requests(one: Callable[..., Result], here: Environment) -> None:
    """Requests of their own lengths each, not the longest that the case allows."""
    replay = one(mix=Mix(workload="x", requests=4))
    shorter = tuple(
        msgspec.structs.replace(
            trial,
            generation=msgspec.structs.replace(
                trial.generation,
                requests=tuple(
                    msgspec.structs.replace(each, input_tokens=32 * (at + 1))
                    for at, each in enumerate(trial.generation.requests)
                ),
            ),
        )
        for trial in replay.trials
        if trial.generation is not None
    )
    found = floor_for(msgspec.structs.replace(replay, trials=shorter), here)
    job = Job(shape=LLAMA, batch_size=4, input_tokens=128, output_tokens=16)

    assert found == floor_of_requests({(32 * many, 16): 1.0 for many in (1, 2, 3, 4)}, job, find_board("H200"))


def test_what_a_server_keeps_to_itself_leaves_no_floor(one: Callable[..., Result], here: Environment) -> None:
    """A running server's number format, hits of a cache that nobody counted, and a run without an answer are reasons."""
    arrivals = Arrivals.all_at_once(12)
    running = one(engine="server", execution="as_served", arrivals=arrivals)
    cached = one(engine="vllm_server", prefix_caching=True, arrivals=arrivals)
    silent = one(engine="vllm_server", arrivals=arrivals)
    none = tuple(msgspec.structs.replace(trial, generation=Generation(requests=())) for trial in silent.trials)

    assert floor_for(running, here) == "in which number format a running server computes is not known"
    assert floor_for(cached, here) == "whether prompts came from a cache is not known"
    assert floor_for(msgspec.structs.replace(silent, trials=none), here) == "no request was answered whole"


def test_a_board_of_ones_own_has_a_gap(
    one: Callable[..., Result], environment: Callable[..., Environment], tmp_path: Path
) -> None:
    """A board that the table does not know gets a gap from a file."""
    mine = tmp_path / "boards.toml"
    mine.write_text(ROW)
    where = environment(engine=ENGINE, boards=({"name": "Example 1"},))
    assert floor(one(), where, mine).board.name == "Example 1"


def test_phases_have_gaps_of_their_own(one: Callable[..., Result], here: Environment) -> None:
    """Where prefill was measured beside, each phase is held against its own floor, and both fit the whole."""
    result = one()
    prefill = tuple(
        msgspec.structs.replace(trial, reading=msgspec.structs.replace(trial.reading, energy_j={"gpu:0": 20.0}))
        for trial in result.trials
    )
    result = msgspec.structs.replace(result, prefill_trials=prefill)
    found = floor(result, here)
    first, *_ = gap_metric(PREFILL_GAP, {here.key: here}).values(result)
    rest, *_ = gap_metric(DECODE_GAP, {here.key: here}).values(result)
    whole, *_ = gap_metric(GAP, {here.key: here}).values(result)
    assert first == pytest.approx(20.0 / found.prefill.floor_j)
    assert first * found.prefill.floor_j + rest * found.decode.floor_j == pytest.approx(whole * found.floor_j)


def test_the_table_shows_the_gap_and_what_it_is_from(one: Callable[..., Result], here: Environment) -> None:
    """A column of ratios, and a line that says which floor; simulated joules are still called simulated."""
    view = View(level=0.95, metrics=("joules_per_output_token", GAP), sort=GAP)
    lines = to_lines(report([one(method="simulated")], {here.key: here}, view), width=200, colour=False)
    text = "\n".join(lines)
    assert "gap to" in text and "simulated, not measured" in text
    assert "gap to ideal: over the modelled floor of NVIDIA H200: dense peak, bytes moved, power at rest" in text


def test_the_table_says_once_why_there_is_no_gap(
    one: Callable[..., Result], environment: Callable[..., Environment]
) -> None:
    """On a machine without a GPU the column is left out, and one line says why."""
    cpu = environment(engine=ENGINE, boards=())
    results = [msgspec.structs.replace(one(name), scope=("cpu:0",), environment=cpu.key) for name in ("a", "b")]
    view = View(level=0.95, metrics=("avg_power_w", GAP))
    text = "\n".join(to_lines(report(results, {cpu.key: cpu}, view), width=200, colour=False))
    assert text.count("gap to ideal unknown: no GPU was metered") == 1
    assert why_unknown([results[0], one()], {cpu.key: cpu}, None) == [
        "no GPU was metered (1 of 2 cases)",
        "the environment is missing (1 of 2 cases)",
    ]


def test_names_of_metrics_are_checked() -> None:
    """Columns take every metric of a trial and every gap; a misspelt one gets the nearest."""
    assert set(NAMES) == {*METRICS, *WHAT}
    for name in NAMES:
        check(name)
        assert named(name, {}).name == name
    with pytest.raises(ConfigurationError, match="'gap_to_ideel'; use one of gap_to_ideal"):
        check("gap_to_ideel")


def test_the_shape_travels_in_the_file(one: Callable[..., Result], run_of: Callable[..., Run]) -> None:
    """A result that was written and read again has the same gap; one of an older version has none."""
    run = run_of(one())
    again = msgspec.json.decode(msgspec.json.encode(run), type=Run)
    assert again.results[0].architecture == LLAMA
    plain = msgspec.to_builtins(run)
    del plain["results"][0]["architecture"]
    assert msgspec.convert(plain, Run).results[0].architecture is None


def test_every_gap_is_documented(request: pytest.FixtureRequest) -> None:
    """docs/metrics.md says what each gap is."""
    text = (request.config.rootpath / "docs" / "metrics.md").read_text()
    assert all(f"| `{name}` |" in text and what in text for name, what in WHAT.items())

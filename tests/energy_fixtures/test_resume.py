"""Which Result of an earlier session still holds, and what is said of one that does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.origin import Origin
from energy_fixtures.records import Environment, Result, Run
from energy_fixtures.resume import CutOff, Resume, Wanted, cut_off
from energy_fixtures.store import Head, Store

HERE = Origin(commit="a" * 40)
set_ = msgspec.structs.replace


def run_of(*results: Result, environment: Environment, origin: Origin = HERE, name: str = "0001_a") -> CutOff:
    run = Run(schema_version=1, environments={environment.key: environment}, results=results, unfinished=origin)
    return CutOff(path=Path(f"{name}.json"), run=run)


def wanted(result: Result, environment: Environment, engine: Mapping[str, str] = {}) -> Wanted:
    """The same case again, as far as is known before an engine is loaded."""
    assert result.scenario is not None
    return Wanted(
        name=result.fullname,
        scenario=result.scenario,
        params=result.params,
        environment=set_(environment, engine=engine),
    )


@pytest.fixture
def past(result, environment) -> tuple[Result, Environment]:
    return result(), environment()


def test_the_same_case_is_taken_once(past):
    """What is the same is given as it was stored; a test that runs a second time is there to be measured again."""
    said: list[str] = []
    resume = Resume([run_of(past[0], environment=past[1])], HERE, said.append)

    assert resume.take(wanted(*past), lambda: past[1].engine) == past
    assert resume.take(wanted(*past), lambda: None) is None
    assert said == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda one: set_(one, host={**one.host, "kernel": "6.9"}), "host kernel none -> 6.9"),
        (lambda one: set_(one, packages={"torch": "2.14.0"}), "torch 2.13.0 -> 2.14.0"),
        (lambda one: set_(one, packages={}), "torch 2.13.0 -> none"),
        (lambda one: set_(one, boards=()), "number of boards 1 -> 0"),
        (
            lambda one: set_(one, boards=({**one.boards[0], "power_limit_w": 500.0},)),
            "board power limit w 700.0 -> 500.0",
        ),
        (lambda one: set_(one, meter={**one.meter, "domains": "cpu:0"}), "meter domains gpu:0 -> cpu:0"),
        (lambda one: set_(one, engine={**one.engine, "dtype": "float16"}), "engine dtype float32 -> float16"),
    ],
)
def test_any_other_environment_starts_over(past, change, reason):
    """Host, board, package, meter and engine: what is other is told with both values, once."""
    said: list[str] = []
    result, environment = past
    resume = Resume([run_of(result, environment=environment)], HERE, said.append)
    now = change(environment)

    for _ in range(2):
        assert resume.take(wanted(result, now), lambda: now.engine) is None
    assert said == [f"  starts over: {reason}"]


def test_what_does_not_matter_is_no_reason(past):
    """The kernel counts a little more or less memory after a boot, and a cache takes what happened to be free."""
    result, environment = past
    before = set_(environment, host={**environment.host, "memory_bytes": 64_000_000_000})
    now = set_(environment, host={**environment.host, "memory_bytes": 64_000_004_096})
    asked = {**now.engine, "kv_cache_tokens": 7}
    result = set_(result, environment=before.key)
    resume = Resume([run_of(result, environment=before)], HERE, print)

    assert resume.take(wanted(result, now), lambda: asked) == (result, before)


def test_an_engine_that_is_not_loaded_is_not_asked(past):
    """Without an engine's word its packages decide; the engine is asked only when all else is the same."""
    result, environment = past
    resume = Resume([run_of(result, environment=environment)], HERE, print)
    elsewhere = set_(environment, packages={})

    def never() -> None:
        raise AssertionError("an engine was loaded in vain")

    assert resume.take(wanted(result, elsewhere), never) is None
    assert resume.take(wanted(result, environment), lambda: None) == past


def test_the_largest_batch_is_found_again_by_the_most_that_was_tried(past):
    """A case at the largest batch that fits is the same as long as the most to try is."""
    result, environment = past
    found = set_(result, params={"most_tried": 64, "largest_because": "out of memory at 3"})
    resume = Resume([run_of(found, environment=environment)], HERE, print)
    asked = set_(result.scenario, batch_size=64)
    now = replace(wanted(result, environment), scenario=asked, params={"most_tried": 64}, largest=True)

    assert not resume.holds(replace(now, params={"most_tried": 32}))
    assert not resume.holds(replace(now, largest=False))
    assert resume.holds(now)


def test_the_newest_that_holds_is_taken(past):
    """Of two runs that were cut off the newer one's result comes first, unless only the older one's is the same."""
    result, environment = past
    newer = set_(result, started_at="2026-02-02T00:00:00+00:00")
    both = [run_of(newer, environment=environment, name="0002_b"), run_of(result, environment=environment)]
    other = [run_of(newer, environment=environment, origin=Origin(commit="b" * 40), name="0002_b"), both[1]]

    assert Resume(both, HERE, print).take(wanted(*past), lambda: None) == (newer, environment)
    assert Resume(other, HERE, print).take(wanted(*past), lambda: None) == past


def test_results_without_a_scenario_or_an_environment_are_not_taken(past):
    """Functions run again; a document whose environment is missing cannot be verified."""
    result, environment = past
    plain = run_of(set_(result, scenario=None), environment=environment)
    lost = CutOff(path=Path("x.json"), run=set_(run_of(result, environment=environment).run, environments={}))

    assert not Resume([plain], HERE, print).holds(wanted(*past))
    assert not Resume([lost], HERE, print).holds(wanted(*past))


def test_hostile_names_are_data(past):
    """A reason that quotes a file cannot steer the terminal."""
    said: list[str] = []
    result, environment = past
    before = set_(environment, packages={"torch": "\x1b[31mred\n::error::"})
    resume = Resume([run_of(set_(result, environment=before.key), environment=before)], HERE, said.append)
    resume.take(wanted(result, environment), lambda: None)

    assert said == [r"  starts over: torch \x1b[31mred\n::error:: -> 2.13.0"]


def test_runs_up_to_a_whole_one_are_gone_on_from(tmp_path: Path, result, environment):
    """The chain of runs that were cut off ends at one that is whole; files of others are passed over."""
    store = Store(tmp_path, "m")
    head = Head(machine_info={}, commit_info={}, datetime="2026-01-01", version="5", origin=HERE)
    for name, unfinished in (("old", True), ("whole", False), ("cut", True), ("again", True)):
        writer = store.begin(name, head)
        writer.append(result(), environment(), None)
        writer.close(unfinished=unfinished)
    (store.folder / "0009_broken.json").write_text("{")

    found = cut_off(store.runs())

    assert [run.path.stem for run in found] == ["0004_again", "0003_cut"]
    assert [run.origin for run in found] == [HERE, HERE]
    assert store.find(None, whole=True) == store.folder / "0009_broken.json"  # whose reader says what is wrong
    (store.folder / "0009_broken.json").unlink()
    assert store.find(None) == store.folder / "0004_again.json"
    assert store.find(None, whole=True) == store.folder / "0002_whole.json"


def test_cases_that_are_not_known_yet_are_not_counted(past):
    """Where no case is known before the tests run, the header says that they are looked up then."""
    result, environment = past
    (line,) = Resume([run_of(result, environment=environment)], HERE, print).header([])

    assert line == "energy resume: goes on from 0001_a: cases that a test names while it runs are looked up then"

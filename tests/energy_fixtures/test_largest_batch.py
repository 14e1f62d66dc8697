"""The largest batch that fits: found within its fineness, never beyond what is safe, and an OOM on the way is an answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures import largest_batch
from energy_fixtures.engines.catalogue import engine_spec
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.errors import EngineFailed
from energy_fixtures.largest_batch import FINENESS, Limit, at_largest_batch, capacity, largest, room, sequence_bytes
from energy_fixtures.models.catalogue import architecture_of, resolve
from energy_fixtures.records import Decoding, Scenario
from energy_fixtures.scenarios import Resolved

FAKE_CHILD = Path(__file__).parent / "engines" / "fake_child.py"
BASE = Scenario(engine="transformers", model="tiny", dtype="float32", batch_size=64, input_tokens=100, output_tokens=28)
FACTS = {"kv_cache_tokens": 4096, "block_tokens": 128, "max_num_seqs": 256}

replace = msgspec.structs.replace


def resolved(scenario: Scenario) -> Resolved:
    """The case with what has to be loaded for it, on the CPU."""
    spec = engine_spec(scenario, model=resolve("tiny"), draft=None, device="cpu", trust_remote_code=False)
    return Resolved(scenario=scenario, spec=spec, draft=None)


class Loads:
    """Loads the made-up engine of fake_child.py in a real process, again whenever it has ended."""

    def __init__(self) -> None:
        self.count = 0
        self._host: EngineHost | None = None

    def __call__(self, case: Resolved) -> EngineHost:
        if self._host is None or not self._host.alive:
            self.count += 1
            self._host = EngineHost.load(case.spec, timeout_s=60, command=(sys.executable, str(FAKE_CHILD)))
        return self._host

    def close(self) -> None:
        if self._host is not None:
            self._host.close()


@pytest.fixture
def loads():
    made = Loads()
    yield made
    made.close()


def asked(fits_until: int, asks: list[int]) -> Callable[[int], bool]:
    """Something that fits up to a number, and writes down what it was asked."""

    def fits(size: int) -> bool:
        asks.append(size)
        return size <= fits_until

    return fits


@given(st.integers(1, 5000), st.integers(1, 3000), st.booleans())
def test_the_answer_fits_and_is_not_far_below_the_truth(true: int, most: int, certain: bool) -> None:
    """What is found fits, is within one part in 16 of the largest that does, and nothing beyond the limit is tried."""
    asks: list[int] = []
    found = largest(asked(true, asks), [Limit(sequences=most, because="limit", certain=certain)])
    best = min(true, most)

    assert found.batch_size <= best
    assert best - found.batch_size <= max(1, best // FINENESS)
    assert max(asks) <= most
    assert ("limit" == found.because) is (true >= most)


def test_what_the_engine_promises_is_tried_once() -> None:
    """Where capacity is known, one try at it settles the matter."""
    asks: list[int] = []

    assert largest(asked(100, asks), [Limit(sequences=37, because="cache", certain=True)]).batch_size == 37
    assert asks == [37]


def test_the_smallest_bound_counts() -> None:
    """The reason that is told is that of the lowest limit."""
    limits = [Limit(sequences=64, because="asked"), Limit(sequences=9, because="cache", certain=True)]

    assert largest(asked(1000, []), limits).because == "cache"


def test_not_even_one_is_a_failure() -> None:
    """A model that has no room for one sequence is out of memory, with the way out."""
    with pytest.raises(EngineFailed, match="Not even a batch of one fits") as failure:
        largest(asked(0, []), [Limit(sequences=8, because="asked")])

    assert failure.value.kind == "out_of_memory"


@pytest.mark.parametrize(
    ("fields", "sequences"),
    [
        ({}, 32),  # 128 tokens are one block each
        ({"output_tokens": 29}, 16),  # one token more is another block
        ({"decoding": Decoding.beam(4)}, 8),
        ({"data_parallel": 2}, 64),
        ({"input_tokens": 1, "output_tokens": 1}, 32),
    ],
    ids=["full blocks", "another block", "beams", "copies", "short"],
)
def test_capacity_is_whole_blocks_of_the_cache(fields: dict[str, object], sequences: int) -> None:
    """4,096 tokens in blocks of 128 hold 32 sequences of up to 128 tokens: every beam takes its own, every copy adds."""
    found = capacity(FACTS, replace(BASE, engine="vllm", **fields))

    assert found is not None and (found.sequences, found.certain) == (sequences, True)


def test_an_engine_without_a_reserved_cache_has_no_capacity() -> None:
    """Transformers says nothing of a cache: its capacity is unknown, not zero."""
    assert capacity({"framework": "transformers"}, BASE) is None


def test_bytes_of_a_sequence_by_hand() -> None:
    """tiny keeps 4 layers x 2 x 2 heads x 64 numbers of 4 bytes per token, and computes 2 x 640 + 4 x 256 per prompt token."""
    shape = architecture_of(resolve("tiny"))
    assert shape is not None

    assert sequence_bytes(shape, BASE) == 128 * 4 * 2 * 2 * 64 * 4 + 100 * (2 * 640 + 4 * 256) * 4


def test_a_host_is_never_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU the bound leaves a fifth of the available memory alone."""
    each = 128 * 4096 + 100 * 2304 * 4
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=10 * each / 0.8 + 1))

    found = room(resolved(BASE))

    assert found is not None and (found.sequences, found.certain) == (10, False)


@pytest.mark.parametrize("how", ["memory", "cuda memory", "sigkill"])
def test_running_out_of_memory_is_an_answer(loads: Loads, how: str) -> None:
    """An engine that has no memory beyond 13 sequences, or is killed for it, is loaded again and 13 is the answer."""
    tried: list[int] = []
    scenario = replace(BASE, engine_options={"run": f"{how} beyond 13"})

    case = at_largest_batch(resolved(scenario), loads, tried.append)

    assert case.scenario == replace(scenario, batch_size=13)
    assert case.noted == {"most_tried": 64, "largest_because": "out of memory at 14"}
    assert tried == [1, 2, 4, 8, 16, 12, 14, 13]
    assert loads.count == 3


def test_the_most_that_is_tried_is_the_cases_own(loads: Loads) -> None:
    """A batch that fits as asked is kept, and the result says that nothing larger was tried."""
    case = at_largest_batch(resolved(replace(BASE, batch_size=6)), loads)

    assert case.scenario.batch_size == 6
    assert case.noted["largest_because"] == "the most that was tried"


def test_another_failure_is_no_answer(loads: Loads) -> None:
    """An engine that breaks for another reason ends the search with its own error."""
    scenario = replace(BASE, engine_options={"run": "raise beyond 3"})

    with pytest.raises(EngineFailed, match="the weights are of another model"):
        at_largest_batch(resolved(scenario), loads)


def test_what_cannot_be_done_alone_is_not_too_large(loads: Loads) -> None:
    """A case that one sequence is refused for is not possible: the refusal itself is told, and it is skipped."""
    with pytest.raises(EngineFailed, match="This engine has no beams") as refused:
        at_largest_batch(resolved(replace(BASE, engine_options={"prepare": "unsupported"})), loads)

    assert refused.value.kind == "unsupported"


def test_a_preempted_batch_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that the engine served in parts was too large."""
    host = SimpleNamespace(
        facts={},
        prepare=lambda work: setattr(host, "size", work.scenario.batch_size),
        go=lambda: None,
        collect=lambda: SimpleNamespace(preemptions=int(host.size > 5)),
    )

    found = at_largest_batch(resolved(replace(BASE, batch_size=8)), lambda case: host)  # type: ignore[arg-type,return-value]

    assert found.scenario.batch_size == 5
    assert largest_batch.ran_out_of_memory(EngineFailed("no", kind="raised")) is False

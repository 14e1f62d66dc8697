"""The floor: by hand on a made-up board, and laws that hold for every shape and board."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.models.architecture import architecture
from energy_fixtures.models.shapes import SHAPES
from reports.boards import Board, all_boards, find_board
from reports.ideal.floor import MEMORY_J_PER_BYTE, Job, floor_of, memory_j_per_byte
from reports.ideal.table4 import excess, saving, table4
from tests.energy_fixtures.models.small import SMALL

LLAMA = architecture(SHAPES["llama-3.1-8b"].config)
JOB = Job(shape=LLAMA, batch_size=1, input_tokens=512, output_tokens=64)
BOARD = Board(
    name="Example",
    aliases=(),
    architecture="Example",
    tdp_w=110.0,
    memory="HBM3",
    memory_bytes=80 * 2**30,
    bandwidth_bytes_s=1e12,
    dense_flop_s={"bf16": 1e14, "fp16": 1e14},
    sparse_flop_s={"bf16": 2e14},
    cores=1,
    source="made up",
    idle_w=10.0,
)


def test_a_phase_that_waits_for_memory_by_hand() -> None:
    """Decode: time is bytes over bandwidth; rest lasts as long, operations and bytes come on top."""
    decode = floor_of(JOB, BOARD).decode
    assert decode.bound_by == "memory" and decode.time_s == decode.traffic.total / 1e12
    assert decode.compute_s == decode.flop / 1e14
    assert decode.ideal_j == pytest.approx(decode.flop * 110 / 1e14)
    assert decode.idle_j == pytest.approx(10 * decode.time_s)
    assert decode.compute_j == pytest.approx(100 * decode.compute_s)
    assert decode.memory_j == pytest.approx(decode.traffic.total * 8 * 3.92e-12)
    assert decode.floor_j == pytest.approx(decode.idle_j + decode.compute_j + decode.memory_j)


def test_a_phase_that_computes_all_the_time_draws_its_limit() -> None:
    """Prefill: the board cannot draw more than its limit, so ideal and floor are one."""
    prefill = floor_of(JOB, BOARD).prefill
    assert prefill.bound_by == "compute"
    assert prefill.floor_j == pytest.approx(prefill.ideal_j) == pytest.approx(110 * prefill.time_s)


def test_unknown_rest_is_left_out_and_said() -> None:
    """A board whose power at rest nobody published has a floor without it, never one with zero watts named."""
    floor = floor_of(JOB, replace(BOARD, idle_w=None))
    assert floor.idle_w is None and floor.decode.idle_j is None
    assert floor.decode.floor_j == pytest.approx(floor.decode.compute_j + floor.decode.memory_j)
    assert floor_of(JOB, replace(BOARD, idle_w=None), idle_w=10.0).floor_j == floor_of(JOB, BOARD).floor_j


def test_the_sparse_peak_halves_the_ideal() -> None:
    """A peak that counts zeros makes the ideal as much lower as it is higher."""
    assert floor_of(JOB, BOARD, peak="sparse").ideal_j == pytest.approx(floor_of(JOB, BOARD).ideal_j / 2)


def test_the_papers_ideal() -> None:
    """On an RTX A6000 with the sparse peak an operation takes 0.9687 pJ, as in the paper."""
    floor = floor_of(JOB, find_board("A6000"), peak="sparse")
    assert floor.ideal_j / (floor.prefill.flop + floor.decode.flop) == pytest.approx(0.9687e-12, rel=1e-4)


@given(
    st.sampled_from(sorted(SMALL)),
    st.sampled_from([board.name for board in all_boards()]),
    st.integers(1, 300),
    st.integers(1, 600),
    st.integers(1, 40),
    st.sampled_from(["float16", "float32", "int4"]),
)
def test_laws(name: str, gpu: str, batch: int, inputs: int, outputs: int, dtype: str) -> None:
    """The floor lies between the ideal and the board's limit over the time; a batch is at most its requests one by one."""
    shape, board = architecture(SMALL[name]), find_board(gpu)

    def of(size: int):
        return floor_of(
            Job(shape=shape, batch_size=size, input_tokens=inputs, output_tokens=outputs, dtype=dtype), board
        )

    floor, one = of(batch), of(1)
    for bound in (floor.prefill, floor.decode):
        assert bound.ideal_j <= bound.floor_j * (1 + 1e-9)
        assert bound.floor_j <= board.tdp_w * bound.time_s * (1 + 1e-9)
    assert floor.ideal_j == pytest.approx(batch * one.ideal_j)
    assert floor.floor_j <= batch * one.floor_j * (1 + 1e-9)


def test_boards_that_share_the_work_take_as_much() -> None:
    """Two boards take half the time at twice the power: perfect sharing neither saves nor costs."""
    one, two = floor_of(JOB, BOARD), floor_of(JOB, BOARD, count=2)
    assert two.floor_j == pytest.approx(one.floor_j)
    assert two.time_s == pytest.approx(one.time_s / 2)


def test_copies_take_a_multiple() -> None:
    """Two whole copies, each with a job of its own, take twice the joules in the same time."""
    one, two = floor_of(JOB, BOARD), floor_of(JOB, BOARD, copies=2)
    assert (two.floor_j, two.ideal_j, two.time_s) == (2 * one.floor_j, 2 * one.ideal_j, one.time_s)


def test_what_does_not_fit_is_said() -> None:
    """Weights and cache beyond the boards' memory are told, and fit on more boards."""
    small = replace(BOARD, memory_bytes=15 * 2**30)
    job = replace(JOB, batch_size=8)
    assert not floor_of(job, small).fits
    assert floor_of(job, small, count=2).fits
    assert job.memory_bytes == LLAMA.weight_bytes("bfloat16") + 8 * (512 + 63) * 128 * 1024


def test_what_error_correction_takes_is_not_there() -> None:
    """An L4 of 24 GiB hands out 22.5: weights and cache of 23 GiB fit its data sheet and not the board, as on a real one."""
    ours, job = find_board("L4"), replace(JOB, batch_size=1)
    cache_gib, weights_gib = 23 - LLAMA.weight_bytes("bfloat16") / 2**30, LLAMA.weight_bytes("bfloat16") / 2**30
    tokens = int(cache_gib * 2**30 / (128 * 1024))
    full = replace(job, input_tokens=tokens - job.output_tokens + 1)
    assert weights_gib < ours.capacity_bytes / 2**30 < full.memory_bytes / 2**30 < ours.memory_bytes / 2**30
    assert ours.capacity_bytes == 23_034 * 2**20
    assert not floor_of(full, ours).fits
    assert floor_of(replace(full, input_tokens=full.input_tokens - 5_000), ours).fits


def test_packed_weights_are_multiplied_in_16_bits_where_the_board_needs_it() -> None:
    """Four-bit weights move a quarter of the bytes and are computed at the 16-bit rate; so are 8-bit ones without units."""
    plain, packed = floor_of(JOB, BOARD), floor_of(replace(JOB, dtype="int4"), BOARD)
    assert packed.decode.compute_s == plain.decode.compute_s
    assert packed.decode.traffic.weights == plain.decode.traffic.weights / 4
    assert packed.decode.traffic.cache_read == plain.decode.traffic.cache_read  # the cache stays at 16 bits
    assert floor_of(replace(JOB, dtype="fp8"), BOARD).decode.compute_s == plain.decode.compute_s
    native = replace(BOARD, dense_flop_s={**BOARD.dense_flop_s, "fp8": 2e14})
    assert floor_of(replace(JOB, dtype="fp8"), native).decode.compute_s == plain.decode.compute_s / 2


def test_a_smaller_cache_format_is_taken() -> None:
    """An 8-bit cache moves half the bytes of a 16-bit one."""
    halved = floor_of(replace(JOB, kv_dtype="fp8"), BOARD).decode.traffic
    assert halved.cache_read == floor_of(JOB, BOARD).decode.traffic.cache_read / 2


def test_memory_of_an_unknown_kind_costs_the_least() -> None:
    """A floor may be too low, never too high: an unknown kind of memory counts as the thriftiest known."""
    assert memory_j_per_byte(replace(BOARD, memory="XYZ")) == min(MEMORY_J_PER_BYTE.values())
    assert memory_j_per_byte(replace(BOARD, memory="GDDR6")) > memory_j_per_byte(BOARD)


@pytest.mark.parametrize("change", [{"batch_size": 0}, {"output_tokens": -1}, {"dtype": "fp7"}, {"kv_dtype": "x"}])
def test_impossible_jobs_are_refused(change: dict[str, object]) -> None:
    """A count below one or an unknown number format is named."""
    with pytest.raises(ConfigurationError, match=r"must be >= 1|unknown dtype"):
        replace(JOB, **change)  # type: ignore[arg-type]


def test_impossible_boards_are_refused() -> None:
    """No board, or one that draws more at rest than at its limit, has no floor."""
    with pytest.raises(ConfigurationError, match="at least one board, got 0"):
        floor_of(JOB, BOARD, count=0)
    with pytest.raises(ConfigurationError, match=r"must lie in \[0, 110\) W, got 110"):
        floor_of(JOB, BOARD, idle_w=110.0)


def test_table_4_follows_from_its_own_percentages() -> None:
    """The paper's savings are what its excesses over the ideal say, to the digit that it prints."""
    assert [f"{100 * row.saving:.2f}" for row in table4()] == ["73.00", "37.58", "72.18"]
    assert all(row.saving == pytest.approx(row.published_saving, abs=5e-5) for row in table4())


def test_full_attention_is_counted_on_request() -> None:
    """As published ideals count it: more operations of the prompt, the same of every later token."""
    causal, full = floor_of(JOB, BOARD), floor_of(JOB, BOARD, counting="full")
    pairs = LLAMA.layers * (512 * 512 - 512 * 513 / 2)
    assert full.prefill.flop - causal.prefill.flop == 4 * pairs * LLAMA.attention_heads * LLAMA.head_dim
    assert full.decode == causal.decode


def test_excess_and_saving_fit_each_other() -> None:
    """Going from 6 J to 3 J over an ideal of 2 J saves half."""
    assert saving(excess(6.0, 2.0), excess(3.0, 2.0)) == pytest.approx(0.5)


MEASURED = {
    "Mixtral-8x7B": "mixtral-8x7b",
    "Qwen2.5-3B": "qwen2.5-3b",
    "Gemma-2B": "gemma-2b",
    "Llama-3.2-1B": "llama-3.2-1b",
    "Qwen2.5-0.5B": "qwen2.5-0.5b",
}


def test_no_published_measurement_lies_below_the_floor(request: pytest.FixtureRequest) -> None:
    """Single prompts of 300 + 300 tokens as measured elsewhere (arXiv 2511.05597, Table IV) take at least their floor."""
    table = request.config.rootpath.parent / "shared" / "data" / "table4_train.csv"
    if not table.is_file():
        pytest.skip("the published measurements lie beside the project, and are not there")
    rows = [row for row in csv.DictReader(table.read_text().splitlines()) if row["model"] in MEASURED]
    gaps = []
    for row in rows:
        shape = architecture(SHAPES[MEASURED[row["model"]]].config)
        job = Job(shape=shape, batch_size=1, input_tokens=300, output_tokens=300)
        floor = floor_of(job, find_board(row["gpu"]), count=int(row["count"]))
        gaps.append(3600 * float(row["single_wh"]) / floor.floor_j)
    assert len(gaps) == len(MEASURED)
    assert min(gaps) > 3 and max(gaps) < 30

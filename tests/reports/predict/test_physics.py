from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy_fixtures.models.architecture import architecture
from reports.boards import find_board
from reports.predict.constants import prior_constants
from reports.predict.machines import machine_of
from reports.predict.models import rows
from reports.predict.physics import TERMS, Work, cost, forward, peak_flop_s, room_bytes
from reports.predict.shape import shape_of

SHAPES = {row.name: shape_of(row.name, architecture(row.config)) for row in rows()}
BOARDS = {name: machine_of(find_board(name)) for name in ("A100-80", "A100-40", "L4", "T4", "H100", "V100")}
PRIOR = prior_constants()
LAWS = settings(max_examples=60)

shapes = st.sampled_from(sorted(SHAPES)).map(SHAPES.__getitem__)
boards = st.sampled_from(sorted(BOARDS)).map(BOARDS.__getitem__)
works = st.builds(
    Work,
    batch=st.integers(1, 256).map(float),
    input_tokens=st.integers(1, 4000).map(float),
    output_tokens=st.integers(2, 2000).map(float),
    boards=st.sampled_from([1, 2, 4, 8, 16]),
    execution=st.sampled_from(["eager", "cuda_graphs", "transformers"]),
)


def changed(work: Work, **fields: object) -> Work:
    return msgspec.structs.replace(work, **fields)


def test_one_step_by_hand(known, board):
    """With launches for nothing and no overlap to speak of, a step lasts bytes / (bandwidth * efficiency)."""
    free = msgspec.structs.replace(PRIOR, step_s=1e-12, layer_s=1e-15, sequence_s=1e-15, overlap=8.0)
    shape, machine = known("Llama-2-7b"), board("A100-40")
    step = forward(shape, machine, Work(input_tokens=300, output_tokens=300), free, 1, 1, 450, cached=True)
    moved = 2 * shape.every_step + 450 * 524_288
    assert step.seconds == pytest.approx(moved / (1555e9 * 0.8), rel=1e-3)
    assert step.terms["weights"] == pytest.approx(2 * shape.every_step * 1.5e-10, rel=0.05)  # less what the TDP caps
    floor_w = 0.13 * 400 + PRIOR.awake_w * (400 / 300) ** PRIOR.awake_exponent
    assert step.terms["idle"] + step.terms["awake"] == pytest.approx(floor_w * step.seconds, rel=0.05)


def test_launching_bounds_small_models(known, board):
    """OPT-125M on an A100 waits for its host: a step takes launches and little else."""
    step = cost(known("OPT-125M"), board("A100-80"), Work(input_tokens=10, output_tokens=10), PRIOR).step
    host_s = PRIOR.step_s + 12 * (1 + PRIOR.plain_layers) * PRIOR.layer_s + PRIOR.sequence_s
    assert step.host_s == pytest.approx(host_s)
    assert step.seconds == pytest.approx(host_s, rel=0.02)


def test_memory_decides_how_many_run_at_once(known, board):
    """OPT-30B leaves an 80 GB board room for the caches of a dozen requests of 900 + 100 tokens, so 100 go in waves."""
    work = Work(batch=100, input_tokens=900, output_tokens=100)
    spent = cost(known("OPT-30B"), board("A100-80"), work, PRIOR)
    held = room_bytes(known("OPT-30B"), board("A100-80"), work) / known("OPT-30B").cache_bytes(975)
    assert spent.concurrent == pytest.approx(held)
    assert 8 < spent.concurrent < 16


@LAWS
@given(shape=shapes, machine=boards, work=works)
def test_terms_are_the_whole(shape, machine, work):
    """Joules are the sum of their terms, none below zero, and the mean power of the boards stays below TDP."""
    spent = cost(shape, machine, work, PRIOR)
    terms = [spent.prefill[term] + spent.decode[term] for term in TERMS]
    assert spent.joules == pytest.approx(math.fsum(terms))
    assert min(terms) >= 0
    assert spent.joules * work.batch / spent.seconds / work.boards < machine.tdp_w


@LAWS
@given(shape=shapes, machine=boards, work=works, more=st.floats(1.01, 8))
def test_longer_answers_cost_more(shape, machine, work, more):
    """More output tokens take more joules and more seconds."""
    short, long = (
        cost(shape, machine, one, PRIOR) for one in (work, changed(work, output_tokens=work.output_tokens * more))
    )
    assert long.joules > short.joules
    assert long.seconds > short.seconds


@LAWS
@given(shape=shapes, machine=boards, work=works, more=st.floats(1.01, 8))
def test_longer_prompts_cost_more(shape, machine, work, more):
    """More input tokens take no fewer joules."""
    short, long = (
        cost(shape, machine, one, PRIOR) for one in (work, changed(work, input_tokens=work.input_tokens * more))
    )
    assert long.joules >= short.joules * (1 - 1e-9)


@LAWS
@given(shape=shapes, machine=boards, work=works, more=st.floats(1.01, 8))
def test_larger_batches_cost_less_each(shape, machine, work, more):
    """More requests at once take no more joules each, and no fewer together."""
    few, many = (cost(shape, machine, one, PRIOR) for one in (work, changed(work, batch=work.batch * more)))
    assert many.joules <= few.joules * (1 + 1e-9)
    assert many.joules * more >= few.joules * (1 - 1e-9)


@LAWS
@given(shape=shapes, machine=boards, work=works)
def test_smaller_weights_cost_less(shape, machine, work):
    """Eight bit weights take no more joules than sixteen bit ones."""
    assert (
        cost(shape, machine, changed(work, weight_bytes=1.0), PRIOR).joules <= cost(shape, machine, work, PRIOR).joules
    )


@LAWS
@given(shape=shapes, machine=boards, work=works)
def test_float32_costs_more(shape, machine, work):
    """Weights and cache of 32 bit, computed outside the matrix units, take more joules than 16 bit."""
    assert (
        cost(shape, machine, changed(work, weight_bytes=4.0), PRIOR).joules > cost(shape, machine, work, PRIOR).joules
    )


def test_rates_by_number_format(known, board):
    """An A100 computes at 312 TFLOPS in 16 bit, at 19.5 in float32, at 624 in int8, and widens fp8 and int4 to 16 bit."""
    machine, work = board("A100-80"), Work(input_tokens=9, output_tokens=9)
    rates = [
        peak_flop_s(machine, changed(work, weight_bytes=width, whole_numbers=whole)) / 1e12
        for width, whole in ((2.0, False), (4.0, False), (1.0, True), (1.0, False), (0.5, False))
    ]
    assert rates == [312, 19.5, 624, 312, 312]
    assert peak_flop_s(board("H100"), changed(work, weight_bytes=1.0)) == 1979e12


def test_a_float32_cache_is_twice_as_wide(known, board):
    """Half as many requests find room per byte of memory: a cached number takes 4 bytes beside 4 byte weights."""
    asked = Work(batch=500, input_tokens=900, output_tokens=100)
    shape, machine = known("OPT-2.7B"), board("A100-80")
    wide = changed(asked, weight_bytes=4.0)
    held = room_bytes(shape, machine, wide) / (2 * shape.cache_bytes(975))
    assert cost(shape, machine, wide, PRIOR).concurrent == pytest.approx(held)


def test_launches_of_a_mixture_are_bounded(known, board):
    """Beyond 256 experts, more than any measured mixture has, more of them launch no more."""
    shape, work = known("DeepSeek-V3"), Work(input_tokens=9, output_tokens=9, boards=16)
    more = msgspec.structs.replace(shape, experts=1024, expert=shape.expert / 4)
    hosts = [cost(one, board("A100-80"), work, PRIOR).step.host_s for one in (shape, more)]
    assert hosts[0] == hosts[1]


def test_several_boards_launch_for_less_with_graphs(known, board):
    """What each doubling of the boards adds to the host shrinks with CUDA graphs as launches do."""
    shape, machine = known("Llama-3.1-8B"), board("A6000")
    added = {}
    for mode in ("eager", "cuda_graphs"):
        one, two = (
            cost(shape, machine, Work(input_tokens=9, output_tokens=9, boards=n, execution=mode), PRIOR).step.host_s
            for n in (1, 2)
        )
        added[mode] = two - one
    assert added["eager"] == pytest.approx(PRIOR.several_s)
    assert added["cuda_graphs"] == pytest.approx(PRIOR.several_s * PRIOR.graph_launch)


def test_tensor_parallel_as_paper_2_prints_it(known, board, shipped):
    """Llama-3.1-8B alone on two and four A6000: sooner and dearer than on one, within 20 points of what P2 prints."""
    works = [Work(input_tokens=512, output_tokens=64, boards=boards, execution="cuda_graphs") for boards in (1, 2, 4)]
    one, two, four = (cost(known("Llama-3.1-8B"), board("A6000"), work, shipped.constants) for work in works)
    assert [two.seconds / one.seconds, four.seconds / one.seconds] == pytest.approx([0.598, 0.387], abs=0.2)
    assert [two.joules / one.joules, four.joules / one.joules] == pytest.approx([1.293, 1.552], abs=0.2)


@LAWS
@given(shape=shapes, machine=boards, work=works)
def test_graphs_launch_for_less(shape, machine, work):
    """CUDA graphs take no more than eager, eager no more than Transformers."""
    modes = ("cuda_graphs", "eager", "transformers")
    joules = [cost(shape, machine, changed(work, execution=mode), PRIOR).joules for mode in modes]
    assert joules == sorted(joules)


@LAWS
@given(machine=boards, work=works, layers=st.integers(1, 100))
def test_energy_is_linear_in_layers_where_memory_is_free(machine, work, layers):
    """At one request on one board, each layer more adds about the same joules."""
    base = msgspec.structs.replace(SHAPES["Gemma-7B"], parameters=1e6, every_step=1e8, cache=1000.0, attention=4096.0)
    alone = changed(work, batch=1.0, boards=1)

    def joules(count: int) -> float:
        scaled = {
            "layers": count,
            **{name: getattr(base, name) * count for name in ("every_step", "cache", "attention")},
        }
        return cost(msgspec.structs.replace(base, **scaled), machine, alone, PRIOR).joules

    steps = [joules(layers + 2) - joules(layers + 1), joules(layers + 1) - joules(layers)]
    assert steps[0] == pytest.approx(steps[1], rel=0.2)


def test_ratios_of_lengths_that_paper_1_prints(known, board, shipped):
    """OPT-30B: long prompts 5.8 and long answers 21.9 times P(100,100); the fitted physics says 4 to 8 and 15 to 30."""
    shape, machine = known("OPT-30B"), board("A100-80")
    lengths = ((100, 100), (900, 100), (100, 900))
    joules = [
        cost(shape, machine, Work(batch=100, input_tokens=a, output_tokens=b), shipped.constants).joules
        for a, b in lengths
    ]
    assert 4 < joules[1] / joules[0] < 8
    assert 15 < joules[2] / joules[0] < 30


@pytest.mark.parametrize("field", ["batch", "input_tokens", "output_tokens", "boards"])
def test_work_that_cannot_be_is_refused(field):
    """Nothing below one is asked of boards."""
    with pytest.raises(ValueError, match=field):
        Work(**{"input_tokens": 1, "output_tokens": 1, field: 0})

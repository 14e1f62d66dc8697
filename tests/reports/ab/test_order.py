"""Which side is measured next, and when it is enough."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.ab.order import Done, Goal, Stop, blocks_expected, next_block, seconds_left, side_of


def blocks(count: int, *, took_s: float = 10.0, energy_j: float = 5.0, valid: int = 2) -> list[Done]:
    return [
        Done(side=side_of(index), took_s=took_s, energy_j=energy_j, valid={"case": valid}) for index in range(count)
    ]


def run_out(goal: Goal, **fields: float) -> tuple[str, str | None]:
    """The order of all blocks until it stops, and why it stopped."""
    done: list[Done] = []
    while not isinstance(step := next_block(goal, done), Stop):
        done = blocks(len(done) + 1, **fields)
        assert done[-1].side == step
    return "".join(one.side for one in done), step.why


def test_both_sides_stand_at_the_same_moment_on_average():
    """Over any whole number of groups of four the mean position of both sides is the same, so steady drift cancels."""
    for groups in (1, 2, 5):
        places = {side: [index for index in range(4 * groups) if side_of(index) == side] for side in ("A", "B")}
        assert sum(places["A"]) == sum(places["B"])


@pytest.mark.parametrize(("rounds", "order"), [(2, "AB"), (4, "ABBA"), (6, "ABBAAB"), (8, "ABBAABBA")])
def test_enough_when_every_case_has_its_rounds(rounds, order):
    """Blocks go on in ABBA order until each side has the rounds, and no longer."""
    assert run_out(Goal(rounds=rounds, block_rounds=2)) == (order, None)


@given(
    rounds=st.integers(2, 30),
    valid=st.integers(0, 4),
    max_time_s=st.one_of(st.just(math.inf), st.floats(1, 500)),
    max_joules=st.one_of(st.just(math.inf), st.floats(1, 500)),
)
def test_it_always_ends_with_equally_many_blocks(rounds, valid, max_time_s, max_joules):
    """Whatever the blocks bring, it ends after 2 x rounds blocks at most, with as many of A as of B and one at least."""
    goal = Goal(rounds=rounds, block_rounds=2, max_time_s=max_time_s, max_joules=max_joules)
    order, why = run_out(goal, valid=valid)

    assert 1 <= order.count("A") == order.count("B") <= rounds
    assert (why is None) == (valid * order.count("A") >= rounds)


def test_a_pair_of_blocks_that_would_end_too_late_is_not_begun():
    """With blocks of 10 s, 45 s allow four of them and the reason names the option and what is lacking."""
    order, why = run_out(Goal(rounds=20, block_rounds=2, max_time_s=45))
    assert order == "ABBA"
    assert why is not None and "--max-time 45 s" in why and "4 of 20 rounds" in why


def test_joules_are_a_budget_too():
    """With blocks of 5 J, 21 J allow four of them."""
    order, why = run_out(Goal(rounds=20, block_rounds=2, max_joules=21))
    assert order == "ABBA"
    assert why is not None and "--max-joules 21 J" in why


def test_the_case_with_fewest_decides():
    """A case that one side measures only now and then keeps it going."""
    goal = Goal(rounds=4, block_rounds=2)
    done = [
        Done(side=side_of(index), took_s=1, energy_j=1, valid={"often": 2, "seldom": index % 2}) for index in range(4)
    ]
    assert next_block(goal, done) == "A"


def test_no_case_at_all_ends_it():
    """Sides without a single case are given up after the most blocks that could be needed."""
    done = [Done(side=side_of(index), took_s=1, energy_j=0, valid={}) for index in range(4)]
    step = next_block(Goal(rounds=2, block_rounds=2), done)
    assert isinstance(step, Stop) and step.why == "after 4 blocks a case has 0 of 2 valid trials on a side"


def test_time_left():
    """Nothing is claimed before a block has ended; then each block still to come counts as its side's took."""
    goal = Goal(rounds=6, block_rounds=2)
    assert seconds_left(goal, []) is None
    assert seconds_left(goal, blocks(1)) == 50.0
    slow_b = [blocks(1)[0], Done(side="B", took_s=20, energy_j=1, valid={"case": 2})]
    assert blocks_expected(goal, slow_b) == 6
    assert seconds_left(goal, slow_b) == 20 + 10 + 10 + 20
    assert seconds_left(Goal(rounds=6, block_rounds=2, max_time_s=45), slow_b) == 15.0

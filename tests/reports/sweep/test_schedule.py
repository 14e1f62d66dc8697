"""Who runs where: whole boards, longest first, bounded retries elsewhere, tails shared where that is worth it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.sweep.schedule import Give, Move, Node, Schedule, Start, Work


def work(group: int, boards: int = 1, cases: int = 2, load_s: float | None = None, case_s: float | None = None) -> Work:
    nodeids = tuple(f"t.py::test_{group}[{index}]" for index in range(cases))
    return Work(group=group, boards=boards, nodeids=nodeids, load_s=load_s, cases_s=dict.fromkeys(nodeids, case_s))


def starts(moves: list[Move]) -> list[tuple[int, str]]:
    return [(move.running.work.group, move.running.node) for move in moves if isinstance(move, Start)]


def run_first(schedule: Schedule, token: int, took_s: float = 1.0) -> None:
    nodeid = schedule.running[token].left[0]
    schedule.started(token, nodeid)
    schedule.finished(token, nodeid, took_s)


def test_the_widest_and_then_the_longest_go_first() -> None:
    """The whole machine before many boards, many boards before few, long groups before short ones."""
    nodes = [Node(key="a", boards=8), Node(key="b", boards=8)]
    works = [work(1, boards=1, case_s=5), work(2, boards=1, case_s=50), work(3, boards=8), work(4, boards=0)]
    assert starts(Schedule(nodes, works, 2).moves()) == [(4, "a"), (3, "b")]
    assert starts(Schedule([Node(key="a", boards=1)], works[:2], 2).moves()) == [(2, "a")]


def test_a_group_without_boards_has_its_machine_alone() -> None:
    """Beside a group of the host nothing runs, and it begins only on a machine where nothing does."""
    schedule = Schedule([Node(key="a", boards=4)], [work(1, boards=0), work(2), work(3)], 2)
    assert starts(schedule.moves()) == [(1, "a")]
    run_first(schedule, 1)
    run_first(schedule, 1)
    schedule.ended(1, None)
    assert starts(schedule.moves()) == [(2, "a"), (3, "a")]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6), boards=st.lists(st.integers(0, 4), min_size=1, max_size=5), groups=st.integers(1, 12)
)
def test_boards_are_whole_and_every_case_is_answered_once(seed: int, boards: list[int], groups: int) -> None:
    """Whatever fails when: no board has two groups, no case is finished twice, and each is finished or lost with a reason."""
    draw = random.Random(seed)
    nodes = [Node(key=str(index), boards=count) for index, count in enumerate(boards)]
    works = [work(number, draw.randint(0, 4), draw.randint(1, 6)) for number in range(1, groups + 1)]
    schedule = Schedule(nodes, works, retries=2)
    schedule.give_up_what_fits_nowhere("too few boards")
    finished: list[str] = []
    for _ in range(10_000):
        for move in schedule.moves():
            if isinstance(move, Give) and draw.random() < 0.5:
                schedule.given(move.running.token, move.nodeids)
        for node in schedule.nodes.values():
            there = [one.work.boards for one in schedule.running.values() if one.node == node.key]
            assert there == [0] or (0 not in there and sum(there) <= node.boards)
        if schedule.done:
            break
        running = schedule.running[draw.choice(list(schedule.running))]
        chance = draw.random()
        if chance < 0.05 and len(schedule.nodes) > 1 and running.node in schedule.nodes:
            schedule.gone(running.node, "lost")
            for other in [one for one in schedule.running.values() if one.node == running.node]:
                schedule.ended(other.token, "lost")
        elif running.left and chance < 0.8:
            nodeid = running.left[0]
            schedule.started(running.token, nodeid)
            if draw.random() < 0.2:
                schedule.ended(running.token, "crashed")
            else:
                crashed = "its engine was killed" if draw.random() < 0.1 else None
                schedule.finished(running.token, nodeid, 1.0, crashed)
                finished += [] if crashed else [nodeid]
        else:
            schedule.ended(running.token, None)
    assert schedule.done
    assert len(set(finished)) == len(finished)
    assert set(finished) | set(schedule.lost) == {nodeid for one in works for nodeid in one.nodeids}
    assert not set(finished) & set(schedule.lost)
    assert all(schedule.lost.values())


def test_a_group_that_would_outlast_all_others_is_split() -> None:
    """Its parts hold each case once and are long against a load; a group whose parts would not be stays whole."""
    nodes = [Node(key=str(index), boards=1) for index in range(4)]
    schedule = Schedule(nodes, [work(1, cases=40, load_s=10, case_s=10)], 2)
    schedule.moves()
    parts = [*(one.work.nodeids for one in schedule.running.values()), *(one.nodeids for one in schedule.queue)]
    assert len(schedule.running) == 4 and min(map(len, parts)) * 10 >= 20
    assert sorted(nodeid for part in parts for nodeid in part) == sorted(work(1, cases=40).nodeids)
    assert len(Schedule(nodes, [work(1, cases=40, load_s=1000, case_s=10)], 2).moves()) == 1


def test_what_failed_is_tried_elsewhere_and_then_given_up_by_name() -> None:
    """A case that crashes everywhere is run once more per retry, on a node that it has not failed on, then lost with the reason."""
    schedule = Schedule([Node(key="a", boards=1), Node(key="b", boards=1)], [work(1, cases=1)], retries=1)
    (first,) = starts(schedule.moves())
    schedule.started(1, "t.py::test_1[0]")
    schedule.ended(1, "pytest was killed by signal 9 on a")
    (second,) = starts(schedule.moves())
    schedule.started(2, "t.py::test_1[0]")
    schedule.ended(2, "pytest was killed by signal 9 on b")
    assert {first[1], second[1]} == {"a", "b"}
    assert schedule.done
    assert schedule.lost == {"t.py::test_1[0]": "pytest was killed by signal 9 on b, after 2 attempts"}


def test_the_case_that_was_running_is_tried_again_alone() -> None:
    """Cases behind one that kills its process do not count as tried, and do not run in one process with it again."""
    schedule = Schedule([Node(key="a", boards=2), Node(key="b", boards=2)], [work(1, cases=3)], retries=2)
    schedule.moves()
    schedule.started(1, "t.py::test_1[0]")
    schedule.ended(1, "crashed")
    assert sorted(one.nodeids for one in schedule.queue) == [
        ("t.py::test_1[0]",),
        ("t.py::test_1[1]", "t.py::test_1[2]"),
    ]


def test_a_node_that_fails_repeatedly_is_no_longer_used() -> None:
    """Two attempts in a row that finish nothing: the node is left out, with the last reason, and others do the work."""
    nodes = [Node(key="a", boards=1), Node(key="b", boards=2)]
    schedule = Schedule(nodes, [work(1), work(2), work(3), work(4)], retries=5)
    for _ in range(2):
        schedule.moves()
        token = next(one.token for one in schedule.running.values() if one.node == "a")
        schedule.ended(token, "it lacks torch")
    assert schedule.distrusted == {"a": "it lacks torch"}
    schedule.moves()
    assert {one.node for one in schedule.running.values()} == {"b"}
    schedule.came(Node(key="a", boards=1))
    assert "a" not in schedule.nodes


def test_what_fits_nowhere_is_given_up_at_once() -> None:
    """Nobody waits for a node with more boards than any has, at the start or when the last such node is lost."""
    schedule = Schedule([Node(key="a", boards=2), Node(key="b", boards=8)], [work(1, boards=8, cases=1)], retries=2)
    assert schedule.give_up_what_fits_nowhere("x") == []
    schedule.moves()
    schedule.gone("b", "b was lost")
    schedule.ended(1, "b was lost")
    assert schedule.lost == {"t.py::test_1[0]": "no node is left that it could run on"}


@pytest.mark.parametrize(("case_s", "shared"), [(60.0, 5), (1.0, 0)])
def test_a_tail_is_shared_where_a_second_load_is_worth_it(case_s: float, shared: int) -> None:
    """An idle slot takes half of the waiting cases of the longest group, unless loading would take longer than they do."""
    schedule = Schedule([Node(key="a", boards=1)], [work(1, cases=11, load_s=30, case_s=case_s)], retries=2)
    schedule.moves()
    schedule.started(1, "t.py::test_1[0]")
    assert schedule.moves() == []
    schedule.came(Node(key="b", boards=1))
    gives = [move for move in schedule.moves() if isinstance(move, Give)]
    assert [len(move.nodeids) for move in gives] == ([shared] if shared else [])
    if gives:
        schedule.given(1, gives[0].nodeids)
        assert starts(schedule.moves()) == [(1, "b")]
        assert not set(schedule.running[1].left) & set(schedule.running[2].left)

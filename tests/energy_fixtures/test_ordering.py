"""Ordering: every case once, loads together."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.ordering import grouped

ITEMS = st.lists(st.tuples(st.integers(), st.sampled_from([None, "a", "b", "c"])))


@given(ITEMS)
def test_every_case_stays(items):
    """Ordering loses no case and makes up none."""
    assert Counter(grouped(items, lambda item: item[1])) == Counter(items)


@given(ITEMS)
def test_loads_are_contiguous(items):
    """Each group is loaded once: its cases stand next to each other, in the order they came."""
    ordered = grouped(items, lambda item: item[1])
    switches = [key for index, (_, key) in enumerate(ordered) if key and (index == 0 or ordered[index - 1][1] != key)]

    assert len(switches) == len(set(switches))
    for group in set(switches):
        assert [item for item in ordered if item[1] == group] == [item for item in items if item[1] == group]


def test_items_without_a_load_keep_their_place():
    """A test that needs no engine stays where it was among the groups."""
    items = [("x", None), ("v1", "v"), ("t1", "t"), ("y", None), ("v2", "v")]

    assert [name for name, _ in grouped(items, lambda item: item[1])] == ["x", "v1", "v2", "t1", "y"]

"""What joules contain, and which would be counted twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.meters.contents import contents, counted_twice, inside_another
from energy_fixtures.meters.domains import KINDS

MI250X = "AMD Instinct MI250X"


@pytest.mark.parametrize(
    ("domain", "names", "words"),
    [
        ("gpu:0", ("NVIDIA H200",), ["board", "memory", "without the host"]),
        ("gpu:0", (), ["board", "memory", "without the host"]),
        ("gpu:0", ("NVIDIA GH200 480GB",), ["superchip", "Grace CPU"]),
        ("gpu:1", ("NVIDIA H100", "NVIDIA GB200"), ["superchip"]),
        ("gpu:0", (MI250X, MI250X), ["both of its dies"]),
        ("gpu:1", (MI250X, MI250X), ["one die", "other die"]),
        ("cpu:0", (), ["package", "integrated GPU", "without memory"]),
        ("dram:1", (), ["memory on that package"]),
        ("soc", (), ["Jetson", "sum of its parts"]),
    ],
)
def test_each_total_says_what_it_contains(domain: str, names: tuple[str, ...], words: list[str]):
    """A phrase per domain names its parts, and for special boards what is special."""
    ((said_of, phrase),) = contents((domain,), names)

    assert said_of == domain
    assert [word for word in words if word not in phrase] == []


@given(st.lists(st.sampled_from(["gpu:0", "gpu:7", "cpu:0", "dram:0", "soc"]), unique=True))
def test_every_domain_is_explained(domains: list[str]):
    """Whatever is metered has a phrase, in the same order, with names known or not."""
    assert [domain for domain, _ in contents(domains)] == domains
    assert {domain.partition(":")[0] for domain in domains} <= set(KINDS)


@pytest.mark.parametrize(
    ("domains", "names", "left_out"),
    [
        (("gpu:0", "cpu:0", "dram:0"), ("NVIDIA H200",), []),
        (("gpu:0", "cpu:0", "dram:0"), ("NVIDIA GH200 480GB",), ["cpu:0", "dram:0"]),
        (("gpu:1", "cpu:0"), ("NVIDIA GH200 480GB", "NVIDIA H100"), []),
        (("cpu:0", "soc"), (), ["cpu:0"]),
        (("gpu:0", "soc"), ("Orin (nvgpu)",), ["gpu:0"]),
        (("gpu:0", "soc"), ("NVIDIA RTX 6000 Ada Generation",), []),
        (("gpu:0", "cpu:0"), ("NVIDIA GeForce GTX 1080",), []),
    ],
)
def test_what_lies_inside_another_total_is_named(domains: tuple[str, ...], names: tuple[str, ...], left_out: list[str]):
    """A superchip's board holds its host, a SoC's total its parts; a card in a slot is apart."""
    found = inside_another(domains, names)

    assert [domain for domain, _ in found] == left_out
    assert all(domain in sentence and "contain" in sentence for domain, sentence in found)


def test_two_dies_with_one_counter_are_one_board():
    """Of two dies that show the same joules at the same moments the second is dropped."""
    found = counted_twice(
        (MI250X,) * 4, earlier := {f"gpu:{i}": 1e6 + 500 * (i // 2) for i in range(4)}, later(earlier)
    )

    assert [domain for domain, _ in found] == ["gpu:1", "gpu:3"]
    assert "one board with gpu:0" in found[0][1]


def later(earlier: dict[str, float], joules: float = 150.0) -> dict[str, float]:
    """The counters half a second on, read a millisecond apart."""
    return {domain: value + joules + 0.3 * (int(domain[-1]) % 2) for domain, value in earlier.items()}


@pytest.mark.parametrize(
    ("names", "first_j", "second_j"),
    [
        ((MI250X, MI250X), (1000.0, 1150.0), (1200.0, 1350.0)),  # dies with counters of their own
        ((MI250X, MI250X), (1000.0, 1150.0), (0.0, 0.0)),  # the second tells nothing, Zeus drops it
        ((MI250X, MI250X), (1000.0, 1000.0), (1000.0, 1000.0)),  # nothing moved, nothing is known
        (("NVIDIA H200", "NVIDIA H200"), (1000.0, 1150.0), (1000.0, 1150.0)),  # boards of one die each
        ((MI250X, "AMD Instinct MI300X"), (1000.0, 1150.0), (1000.0, 1150.0)),
    ],
)
def test_other_pairs_are_kept(names: tuple[str, str], first_j: tuple[float, float], second_j: tuple[float, float]):
    """Only dies of a dual-die board whose counters moved together are taken for one."""
    earlier, now = ({"gpu:0": a, "gpu:1": b} for a, b in zip(first_j, second_j, strict=True))

    assert counted_twice(names, earlier, now) == ()


def test_a_die_alone_is_kept():
    """A second die without its first, or the other way round, counts."""
    for index in (0, 1):
        earlier = {f"gpu:{index}": 1000.0}
        assert counted_twice((MI250X, MI250X), earlier, later(earlier)) == ()


@given(
    start_j=st.floats(0, 1e9),
    grown_j=st.floats(1, 1e4),
    apart_j=st.floats(0, 1e4),
)
def test_one_board_is_told_by_how_far_apart_its_counters_are(start_j: float, grown_j: float, apart_j: float):
    """The verdict hangs on the distance against the growth alone, not on how long the driver has been loaded."""
    start_j = float(round(start_j))
    earlier = {"gpu:0": start_j, "gpu:1": start_j + apart_j}
    now = {"gpu:0": start_j + grown_j, "gpu:1": start_j + apart_j + grown_j}
    found = counted_twice((MI250X, MI250X), earlier, now)

    if apart_j < 0.04 * grown_j:
        assert found
    if apart_j > 0.06 * grown_j:
        assert not found

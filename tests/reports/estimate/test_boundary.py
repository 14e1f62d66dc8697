"""Boundaries: one per table, in the right order, and never more than was metered."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest

from energy_fixtures.errors import ConfigurationError
from reports.estimate.answer import Answer
from reports.estimate.boundary import reach
from reports.estimate.estimate import Question
from reports.estimate.scenario import Boundary, Node, Reference, Scenario


def test_each_boundary_holds_more_than_the_one_before(answered: Callable[..., Answer]) -> None:
    """The blend's median grows from boards to accelerators, the facility and the full stack, by the published shares."""
    order = ("gpu_only", "active_accelerator", "facility", "full_stack")
    assert set(order) == set(get_args(Boundary))
    medians = [answered(boundary=boundary).blend.p50 for boundary in order]  # type: ignore[union-attr]
    assert medians == sorted(medians)
    assert medians[1] / medians[0] == pytest.approx(0.70 / (5.6 / 10.2), rel=1e-6)
    assert medians[3] / medians[2] == pytest.approx(1.10, rel=1e-6)


@pytest.mark.parametrize("boundary", ["gpu_only", "active_accelerator"])
def test_processors_hold_no_accelerators(boundary: Boundary) -> None:
    """Joules of processors and memory are not told as those of boards."""
    with pytest.raises(ConfigurationError, match="metered processors and memory"):
        reach(boundary, "machine", Node())


def test_boards_are_taken_as_they_are() -> None:
    """Metered boards are gpu_only without any factor, and the facility by the node's share and PUE."""
    assert reach("gpu_only", "boards", Node()).factor == 1
    whole = reach("facility", "boards", Node(gpu_share=0.5))
    assert (whole.factor, whole.with_pue) == (2.0, True)


def test_a_figure_of_another_boundary_is_refused(answered: Callable[..., Answer]) -> None:
    """A reference of boards beside an estimate of a facility ends with a sentence, not with a table."""
    from reports.estimate.estimate import estimate

    other = Reference(name="mine", wh=0.2, boundary="gpu_only", source="x")
    with pytest.raises(ConfigurationError, match="'mine' is of boundary gpu_only, the estimate of facility"):
        estimate(Scenario(draws=10, references=(other,)), Question())


@pytest.mark.parametrize(
    ("boundary", "count"), [("gpu_only", 3), ("active_accelerator", 2), ("facility", 0), ("full_stack", 1)]
)
def test_published_figures_stand_in_their_own_boundary(
    boundary: str, count: int, answered: Callable[..., Answer]
) -> None:
    """A table shows the published figures of its boundary and no others."""
    shown = answered(boundary=boundary).references
    assert len(shown) == count
    assert {one.boundary for one in shown} <= {boundary}


@pytest.mark.parametrize("boundary", ["gpu_only", "full_stack"])
def test_a_fleet_is_told_of_the_facility_alone(boundary: str, answered: Callable[..., Answer]) -> None:
    """Other boundaries would count idle machines twice, or not at all, and are refused."""
    with pytest.raises(ConfigurationError, match=f"a fleet needs --boundary facility, not {boundary}"):
        answered(Question(fleet=True), boundary=boundary)

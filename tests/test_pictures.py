"""What the pictures of docs/measurement.md show is what the meter does."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import median

import pytest

from energy_fixtures.readings import COVERAGE
from tools.measurement_data import (
    IDLE_W,
    LEVEL,
    SQUARE,
    WORK_S,
    WORK_W,
    budget,
    errors,
    one_window,
    p95,
    seen_share_errors,
)

ROOT = Path(__file__).parents[1]


def test_one_window_holds_the_work_alone():
    """The window of the picture is charged 400 W for 0.43 s, which neither the bare counter nor a line gives."""
    seen = one_window()
    joules = seen.reading.energy_j["gpu:0"]

    assert seen.truth_j == pytest.approx(WORK_W * WORK_S, rel=0.001)
    assert abs(joules - seen.truth_j) <= COVERAGE * seen.reading.uncertainty_j["gpu:0"]
    assert seen.naive_j < seen.linear_j < joules


def test_one_window_begins_at_a_step_and_leaves_the_counter_alone():
    """A step lies right before the window, and no reading of the counter inside it."""
    seen = one_window()

    assert min(abs(at_s) for at_s in seen.ticks_s) < 0.002
    assert [at_s for at_s in seen.reads_s if 0 < at_s < WORK_S] == []
    assert min(seen.reads_s) < 0 and max(seen.reads_s) > WORK_S


def test_drawn_curves_meet():
    """The rebuilt piece begins and ends on the counter's steps and follows the truth between, as does its error band."""
    seen = one_window()
    steps = dict(seen.counter)
    at_s, energy_j = zip(*seen.rebuilt, strict=True)

    assert (energy_j[0], energy_j[-1]) == (
        pytest.approx(steps[min(steps, key=lambda step_s: abs(step_s - at_s[0]))]),
        pytest.approx(steps[min(steps, key=lambda step_s: abs(step_s - at_s[-1]))]),
    )
    truth_j = [WORK_W * moment_s - (WORK_W - IDLE_W) * max(0.0, moment_s - WORK_S) for moment_s in at_s]
    assert energy_j == pytest.approx(truth_j, abs=0.1)
    assert len(seen.rebuilt_u_j) == len(seen.rebuilt)


def test_errors_tell_ours_from_the_bare_counter():
    """On level power for a second the bare counter is off by up to a step, ours by a hundredth of that, as it says."""
    seen = errors(LEVEL, 1.0, 100)

    assert 0.05 < p95(seen.naive) < 0.12
    assert median(seen.ours) < 0.002
    assert seen.covered >= 0.95
    assert median(errors(SQUARE, 1.0, 40).claims) > 10 * median(seen.claims)


def test_budget_names_each_part():
    """Of the parts of the uncertainty, edges lead where power changes, and the gain is 5 % over the square root of 3."""
    level, changing = budget(LEVEL, 1.0, 20), budget(SQUARE, 1.0, 20)

    assert set(level) == {"tick", "quantum", "edges", "sample_gaps", "board_gain"}
    assert changing["edges"] > 10 * level["edges"]
    assert level["board_gain"] == pytest.approx(0.05 / 3**0.5)


def test_quarter_of_the_time_is_enough_unless_work_keeps_step():
    """A sensor that sees 25 of 100 ms is right on work whose period is 25 ms and can miss most of it at 100 ms."""
    assert max(map(abs, seen_share_errors(0.025, 1.0))) < 1e-9
    assert max(map(abs, seen_share_errors(0.1, 5.0))) == pytest.approx(250 / 350)
    assert max(map(abs, seen_share_errors(0.073, 5.0))) < 0.05


def test_pages_show_each_picture_there_is():
    """The pages of docs/ show every picture of its folder and none that is missing."""
    pages = "\n".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    shown = set(re.findall(r"\]\(pictures/([\w.-]+)\)", pages))

    assert shown
    assert shown == {file.name for file in (ROOT / "docs" / "pictures").iterdir()}


def test_pictures_can_be_drawn():
    """The script draws the window as SVG on a white ground, with its axes named."""
    import vl_convert

    from tools.draw_measurement import draw_window

    drawn = vl_convert.vegalite_to_svg(draw_window(one_window()).to_dict())

    assert 'fill="white"' in drawn
    assert "energy since t0, J" in drawn and "true power, W" in drawn

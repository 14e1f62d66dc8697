"""What to do next with a case: warm up, cool down, open a window, or stop. Pure; `runner` carries it out.

    warm-up, warm-up, ...          unmetered, until throughput, power and temperature are level
    (cool-down)                    before each window, where it was asked for
    window, window, ...            metered, each over whole iterations, long enough for the error asked for
    enough                         as many valid windows as rounds, or the time or the spare windows are spent

Every window repeats the same number of iterations, so that trials are alike; it only ever grows, when a window came
out shorter or less certain than was asked for.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

MAX_ITERATIONS = 10_000
"""Repeats inside one window; work too short even for this (below 20 µs for 0.2 s) is not what a meter can see."""

SHORT = 0.8  # of the length that was asked for; below this windows are sized again
WORTH = 1.1  # times as many iterations; for less than this windows are left as they are
MARGIN = 1.1  # a grown window is so much longer than its error says, because errors vary from window to window
MOST_PRACTICE = 2  # windows that only told the length: one that was too short, one that was too uncertain
BLOCK_SHARE = 0.25  # of a window in each warm-up block after the first: long enough for power to be seen
LEVEL_BLOCKS = 3
LEVEL_SPREAD = 0.05  # of the mean, largest less smallest
LEVEL_STEP_C = 1.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much to measure of one case.

    Attributes:
        warmup_rounds: Unmetered blocks before the first window; at least one is done where it has to size the windows.
        rounds: Valid windows wanted, at least one.
        bought: Rounds on top of them, because a verdict was still open.
        min_window_s: Work shorter than this is repeated inside one window.
        max_time_s: After this long in windows no further one is opened (but never fewer than two where `rounds` asks).
        max_warmup_s: No warm-up block beyond `warmup_rounds` that would end later than this; where `steady`, later than
            this after the first one, which compiles and fills caches.
        max_error: Windows grow until half of their 95 % interval is below this share of their joules.
        cooldown_s: Longest wait before each window for the board to be as cool as it was at first; 0 for steady heat.
        steady: Whether an unlevel board is worth a doubt and a second warm-up block however slow the first one was.
        iterations: Fixed repeats per window, one entry per window, after exactly `warmup_rounds` single iterations;
            None sizes them from the warm-up.
    """

    warmup_rounds: int
    rounds: int
    min_window_s: float
    max_time_s: float
    max_warmup_s: float = 0.0
    max_error: float = math.inf
    cooldown_s: float = 0.0
    steady: bool = False
    iterations: tuple[int, ...] | None = None
    bought: int = 0

    @property
    def wanted(self) -> int:
        """Valid windows wanted in all."""
        return self.rounds + self.bought

    @property
    def spare(self) -> int:
        """How many invalid windows are replaced."""
        return 0 if self.iterations is not None else max(2, self.rounds // 2)


@dataclass(frozen=True, kw_only=True)
class Warmed:
    """One warm-up block; mean power and temperature at its end are None where no board tells them."""

    duration_s: float
    iterations: int
    power_w: float | None = None
    temperature_c: float | None = None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One window.

    Attributes:
        duration_s: Between its two ends.
        iterations: Repeats inside it.
        relative_error: Half of the 95 % interval as a share of the joules, None where the meter does not state it.
        valid: Whether it counts.
        took_s: With getting ready and telling what was done.
    """

    duration_s: float
    iterations: int
    relative_error: float | None
    valid: bool
    took_s: float


@dataclass(frozen=True, kw_only=True)
class WarmUp:
    """Do `iterations` unmetered iterations."""

    index: int
    iterations: int


@dataclass(frozen=True, kw_only=True)
class CoolDown:
    """Wait until the board is as cool as it was before the first warm-up, at most so long."""

    longest_s: float


@dataclass(frozen=True, kw_only=True)
class Window:
    """Meter `iterations` iterations as trial `index`."""

    index: int
    iterations: int


@dataclass(frozen=True, kw_only=True)
class Enough:
    """Stop; `cut_short` when fewer windows are valid than rounds were asked for."""

    cut_short: bool


Step = WarmUp | CoolDown | Window


def next_step(
    plan: Plan, warmed: Sequence[Warmed], measured: Sequence[Measured], *, rested: bool = False
) -> Step | Enough:
    """The next step.

    Args:
        plan: How much to measure.
        warmed: Every warm-up block so far.
        measured: Every window so far, practice included.
        rested: Whether the step before this one was a cool-down.
    """
    if not measured:
        block = _warm_up(plan, warmed)
        if block is not None:
            return block
    kept = measured[practice(plan, measured) :]
    enough = _enough(plan, kept)
    if enough is not None:
        return enough
    if plan.cooldown_s > 0 and not rested:
        return CoolDown(longest_s=plan.cooldown_s)
    return Window(index=len(kept), iterations=_iterations(plan, warmed, measured, kept))


def practice(plan: Plan, measured: Sequence[Measured]) -> int:
    """How many of the first windows only told how long windows have to be: warm-ups, not trials."""
    count = 0
    while count < min(len(measured), MOST_PRACTICE) and _outgrown(plan, measured[count]):
        count += 1
    return count


def level(warmed: Sequence[Warmed]) -> bool:
    """Whether throughput, power and temperature no longer change: over the last three blocks, where they are known."""
    last = warmed[-LEVEL_BLOCKS:]
    if len(last) < LEVEL_BLOCKS:
        return False
    speeds = [block.duration_s / block.iterations for block in last]
    powers = [block.power_w for block in last if block.power_w is not None]
    heats = [block.temperature_c for block in last if block.temperature_c is not None]
    steps = [abs(after - before) for before, after in itertools.pairwise(heats)]
    return _alike(speeds) and _alike(powers) and all(step < LEVEL_STEP_C for step in steps)


def iterations_for(min_window_s: float, iteration_s: float) -> int:
    """How many iterations of `iteration_s` fill `min_window_s`, in [1, MAX_ITERATIONS].

    A tenth is added where more than one is needed: the warm-up that was timed tends to be slower than what follows.
    """
    if iteration_s >= min_window_s:
        return 1
    return min(MAX_ITERATIONS, math.ceil(1.1 * min_window_s / max(iteration_s, 1e-9)))


def _warm_up(plan: Plan, warmed: Sequence[Warmed]) -> WarmUp | None:
    """The next warm-up block, None when it is enough."""
    if plan.iterations is not None:
        return WarmUp(index=len(warmed), iterations=1) if len(warmed) < plan.warmup_rounds else None
    if not warmed:
        return WarmUp(index=0, iterations=1)
    iteration_s = warmed[-1].duration_s / warmed[-1].iterations
    block = WarmUp(index=len(warmed), iterations=iterations_for(BLOCK_SHARE * plan.min_window_s, iteration_s))
    if len(warmed) < plan.warmup_rounds or (plan.steady and len(warmed) == 1):
        return block
    spent_s = math.fsum(done.duration_s for done in warmed[1 if plan.steady else 0 :])
    if level(warmed) or spent_s + block.iterations * iteration_s > plan.max_warmup_s:
        return None
    return block


def _enough(plan: Plan, kept: Sequence[Measured]) -> Enough | None:
    """Whether the trials so far are all there will be."""
    valid = sum(window.valid for window in kept)
    if plan.iterations is not None:
        return Enough(cut_short=valid < len(kept)) if len(kept) >= len(plan.iterations) else None
    if valid >= plan.wanted:
        return Enough(cut_short=False)
    hopeless = valid == 0 and len(kept) > plan.spare
    late = valid >= min(2, plan.rounds) and math.fsum(window.took_s for window in kept) >= plan.max_time_s
    if hopeless or late or len(kept) >= plan.wanted + plan.spare:
        return Enough(cut_short=True)
    return None


def _iterations(plan: Plan, warmed: Sequence[Warmed], measured: Sequence[Measured], kept: Sequence[Measured]) -> int:
    if plan.iterations is not None:
        return plan.iterations[len(kept)]
    if not measured:
        return iterations_for(plan.min_window_s, warmed[-1].duration_s / warmed[-1].iterations)
    left_s = plan.max_time_s - math.fsum(window.took_s for window in kept)
    rounds_left = plan.wanted - sum(window.valid for window in kept)
    return _grown(plan, measured[-1], left_s / rounds_left)


def _outgrown(plan: Plan, window: Measured) -> bool:
    """Whether a first window was shorter than all that follow will have to be."""
    return plan.iterations is None and _grown(plan, window, plan.max_time_s / plan.rounds) > window.iterations


def _grown(plan: Plan, last: Measured, room_s: float) -> int:
    """Iterations of the window after `last`, never fewer; `room_s` is what each window still to come may take.

    The error at a window's edges is of so many joules, however long it is: as a share it falls as the window grows.
    """
    iteration_s = max(last.duration_s / last.iterations, 1e-9)
    wanted = last.iterations
    if last.duration_s < SHORT * plan.min_window_s:
        wanted = iterations_for(plan.min_window_s, iteration_s)
    error = last.relative_error
    if last.valid and error is not None and error > plan.max_error:
        needed_s = MARGIN * last.duration_s * error / plan.max_error
        beside_s = max(0.0, last.took_s - last.duration_s)
        wanted = max(wanted, math.floor(min(math.ceil(needed_s / iteration_s), (room_s - beside_s) / iteration_s)))
    return min(MAX_ITERATIONS, wanted) if wanted >= WORTH * last.iterations else last.iterations


def _alike(values: Sequence[float]) -> bool:
    """Whether they differ by no more than LEVEL_SPREAD of their mean; true of fewer than two."""
    return len(values) < 2 or max(values) - min(values) <= LEVEL_SPREAD * math.fsum(values) / len(values)

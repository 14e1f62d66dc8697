"""`python -m perf.inside`: how often the gate says REGRESSED of a true change near its limit, by seeded simulation.

REGRESSED needs a mean beyond the limit and an interval that shows that it is worse at all. So a true change inside the limit
may be called REGRESSED as well, and one beyond it may not be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from energy_fixtures.readings import Reading
from energy_fixtures.records import Result, Trial
from reports.ab.replication import policy_for
from reports.comparison import Pair, State
from reports.gate import Policy, Verdict, judge, parse_limit
from reports.noise import Between
from reports.policy import CONFIDENCE, LEVEL

LIMIT = parse_limit("mean:2.5%")
CHANGES = (0.0, 0.01, 0.015, 0.02, 0.0225, 0.025, 0.03, 0.04, 0.06)
NOISE = 0.01
FEWEST, MOST, BLOCK = 5, 20, 2
RUNS = 1000
SEED = 20260103

Values = Sequence[float]


def stored(base: Values, new: Values, between: Between | None) -> Verdict:
    """Against a stored run, with rounds bought from FEWEST on for as long as the gate asks for them."""
    policy = Policy(confidence=CONFIDENCE, between=between, max_rounds=MOST)
    past, said = _result(base), Verdict.INCONCLUSIVE
    for rounds in range(FEWEST, MOST + 1):
        pair = Pair(state=State.COMPARED, candidate=_result(new[:rounds]), baseline=past)
        judged = judge(LIMIT, pair, LEVEL, policy)
        assert judged is not None, "there is a baseline"
        said = judged.verdict
        if not judged.open:
            break
    return said


def in_turn(base: Values, new: Values, rounds: int) -> Verdict:
    """As `joules ab`, in blocks of two rounds whose days are alike."""
    sizes = (BLOCK,) * (rounds // BLOCK)
    old, now = (_result(values[:rounds]) for values in (base, new))
    pair = Pair(state=State.COMPARED, candidate=now, baseline=old, sessions=(sizes, sizes))
    judged = judge(LIMIT, pair, LEVEL, policy_for(pair, Policy(confidence=CONFIDENCE)))
    assert judged is not None, "there is a baseline"
    return judged.verdict


WAYS: Mapping[str, Callable[[Values, Values], Verdict]] = {
    "stored, no day part": lambda base, new: stored(base, new, None),
    "stored, 1 % assumed": lambda base, new: stored(base, new, Between()),
    "ab, 6 rounds": lambda base, new: in_turn(base, new, 6),
    "ab, 12 rounds": lambda base, new: in_turn(base, new, 12),
}


def shares() -> Mapping[float, Mapping[str, float]]:
    """By true change, the share of runs that each way calls REGRESSED; all ways see the same draws."""
    rng = np.random.default_rng(SEED)
    found = {}
    for change in CHANGES:
        logs = rng.normal(0, NOISE, (RUNS, 2, MOST)) + np.array([[0.0], [math.log1p(change)]])
        draws = np.exp(logs).tolist()
        found[change] = {
            name: sum(way(base, new) is Verdict.REGRESSED for base, new in draws) / RUNS for name, way in WAYS.items()
        }
    return found


def _result(values: Values) -> Result:
    trials = (
        Trial(
            index=index,
            iterations=1,
            reading=Reading(energy_j={"gpu:0": value}, duration_s=1.0, method="simulated"),
        )
        for index, value in enumerate(values)
    )
    return Result(
        fullname="benchmarks/test_one.py::test_one",
        question="one",
        case="one",
        scenario=None,
        environment="here",
        scope=("gpu:0",),
        trials=tuple(trials),
        started_at="2026-01-01T00:00:00+00:00",
    )


def main() -> None:
    """Print the table."""
    print(
        f"REGRESSED at {LIMIT.expression}, one case, {100 * CONFIDENCE:g} % sure, {100 * NOISE:g} % noise, {RUNS} runs"
    )
    print("true change", *(f"{name:>19}" for name in WAYS))
    for change, found in shares().items():
        cells = (f"{100 * found[name]:.1f} %" for name in WAYS)
        print(f"{100 * change:>+9g} %", *(f"{cell:>19}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()

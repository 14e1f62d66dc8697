"""What an A/B run says, before it is printed: cases in pairs, verdicts, what differed and what drifted. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from energy_fixtures.records import Result, Run
from reports.ab.merge import Drift, Merged, drift
from reports.ab.order import Name
from reports.ab.pairing import align
from reports.ab.replication import doubt, in_sessions, policy_for
from reports.ab.spread import block_spread
from reports.comparison import Baseline, Pair, State
from reports.explain.prices import Prices
from reports.explain.told import Told
from reports.gate import Judgement, Limit, Policy, Verdict, judge
from reports.render.explanation import MOST, moved, told_of

SIDES: tuple[Name, Name] = ("A", "B")


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What the comparison took. `order` has one letter per block; `stopped` says why before every case had its rounds."""

    order: str
    rounds: int
    took_s: float
    energy_j: float
    stopped: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Both sides, compared.

    Attributes:
        labels: What the sides are called.
        how: One line on what the two have in common.
        spent: What it took.
        sides: A and B as they were measured.
        pairs: Each case of B with its partner in A, by full name.
        judgements: What each limit says of a pair, by full name; empty where no limit was named.
        limits: What was allowed.
        level: Confidence of every interval.
        missing: Cases of A without a partner in B.
        ignored: What was ignored to make pairs.
        drifts: Last block over first block of each side, where that is known.
        notes: What else a reader has to know, a sentence each.
    """

    labels: tuple[str, str]
    how: str
    spent: Spent
    sides: tuple[Merged, Merged]
    pairs: Mapping[str, Pair]
    judgements: Mapping[str, tuple[Judgement, ...]]
    limits: tuple[Limit, ...]
    level: float
    missing: tuple[Result, ...]
    ignored: tuple[str, ...]
    drifts: Mapping[Name, Drift]
    notes: tuple[str, ...]

    @property
    def candidate(self) -> Run:
        """Side B as one run."""
        return self.sides[1].run

    def worst(self, fullname: str) -> Verdict | None:
        """The worst that any limit says of a case; None where none was named, or nothing can be said."""
        said = {judgement.verdict for judgement in self.judgements.get(fullname, ())}
        return next((verdict for verdict in Verdict if verdict in said), None)

    @property
    def verdicts(self) -> Mapping[Verdict, int]:
        """How many cases got which verdict, worst first, none left out that occurs."""
        counts = Counter(worst for name in self.pairs if (worst := self.worst(name)) is not None)
        return {verdict: counts[verdict] for verdict in Verdict if counts[verdict]}

    @property
    def regressed(self) -> bool:
        """Whether the limits fail a case."""
        return Verdict.REGRESSED in self.verdicts

    def told(self, prices: Prices, most: int | None = MOST) -> tuple[tuple[Told, ...], int]:
        """Why cases regressed or improved, the largest changes first, and how many more did.

        Its intervals take rounds as independent; what the sides' sessions differ by is in the verdicts alone.
        """
        judged = [(pair, self.worst(name)) for name, pair in self.pairs.items()]
        before, after = (side.run.environments for side in self.sides)
        found = moved(judged, before, after, level=self.level, most=most)
        return told_of(found, prices.costs), found.more

    @property
    def differing(self) -> tuple[str, ...]:
        """What differs around the pairs that were compared, and for how many of them when not for all."""
        compared = [pair for pair in self.pairs.values() if pair.state is State.COMPARED]
        counts = Counter(note for pair in compared for note in pair.notes)
        total = len(compared)
        return tuple(
            f"{note}{'' if count == total else f' ({count} of {total} cases)'}" for note, count in counts.items()
        )


def conclude(
    sides: tuple[Merged, Merged],
    *,
    labels: tuple[str, str],
    how: str,
    spent: Spent,
    limits: Sequence[Limit],
    level: float,
    by_options: bool,
    notes: Sequence[str] = (),
) -> Outcome:
    """Pair the cases, judge them and gather what a reader has to know.

    Args:
        sides: A and B, each with at least one result.
        labels, how, spent, notes: See `Outcome`.
        limits: What was allowed.
        level: Confidence of every interval, in (0, 1).
        by_options: Whether the sides differ by options, so that other work is what is asked about.
    """
    aligned = align(sides[0].run, sides[1].run) if by_options else None
    baseline = Baseline("A", sides[0].run if aligned is None else aligned.run)
    candidates = sides[1].run.results
    paired = {
        result.fullname: baseline.pair(result, sides[1].run.environments[result.environment]) for result in candidates
    }
    pairs = in_sessions(paired, sides)
    gated = sum(pair.state is State.COMPARED for pair in pairs.values())
    policy = Policy(gated=max(1, gated * len(limits)), max_rounds=spent.rounds).learning_from(baseline.results, limits)
    said = {
        name: [judge(limit, pair, level, policy_for(pair, policy)) for limit in limits] for name, pair in pairs.items()
    }
    drifts = {name: moved for name, side in zip(SIDES, sides, strict=True) if (moved := drift(side)) is not None}
    spread = block_spread(sides)
    said_of_sessions = (None if spread is None else spread.sentence, doubt(pairs.values()))
    doubts = [sentence for sentence in said_of_sessions if sentence is not None]
    of_sides = [f"{name}, {note}" for name, side in zip(SIDES, sides, strict=True) for note in side.notes]
    return Outcome(
        labels=labels,
        how=how,
        spent=spent,
        sides=sides,
        pairs=pairs,
        judgements={name: tuple(one for one in some if one is not None) for name, some in said.items()},
        limits=tuple(limits),
        level=level,
        missing=baseline.missing(candidates, lambda fullname: True),
        ignored=() if aligned is None else aligned.notes,
        drifts=drifts,
        notes=(*doubts, *notes, *of_sides),
    )


def reportable(sides: tuple[Merged, Merged]) -> bool:
    """Whether some case has two valid trials on each side, so that there is something to say."""
    return all(any(len(result.valid_trials) >= 2 for result in side.run.results) for side in sides)

"""Pairs of an A/B run with the sessions that their trials came from, and the gate's policy that counts sessions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from energy_fixtures.metrics import Metric
from reports.ab.merge import Merged
from reports.comparison import Pair, State, by_session, no_narrower, own_share
from reports.gate import Policy
from reports.noise import Between
from reports.replication import session_ratio
from reports.sequential import Samples
from reports.statistics import Ratio


def in_sessions(pairs: Mapping[str, Pair], sides: Sequence[Merged]) -> dict[str, Pair]:
    """The pairs of two sides, told how many trials each block brought.

    Args:
        pairs: By full name in B; partners in A may have another name there, and hold the same trials.
        sides: A and B.
    """
    base, new = sides
    of_base = {id(result.trials): base.sizes[result.fullname] for result in base.run.results}
    return {
        name: pair
        if pair.baseline is None
        else replace(pair, sessions=(of_base[id(pair.baseline.trials)], new.sizes[name]))
        for name, pair in pairs.items()
    }


def policy_for(pair: Pair, policy: Policy) -> Policy:
    """How this pair is judged: by its sessions where both sides have several, else as if A were stored on another day."""
    if pair.sessions is None:
        return policy
    if not pair.replicated:
        return replace(policy, between=policy.between or Between())
    return BySession(**{one.name: getattr(policy, one.name) for one in fields(Policy)}, pair=pair)


def doubt(pairs: Iterable[Pair]) -> str | None:
    """What a reader has to know where sessions could not be counted; None where they could."""
    told = [pair for pair in pairs if pair.state is State.COMPARED and pair.sessions is not None]
    alone = sum(not pair.replicated for pair in told)
    if alone == 0:
        return None
    cases = "" if alone == len(told) else f" of {alone} of {len(told)} cases"
    return (
        f"a side{cases} has one session only, which says nothing of what sessions differ by: {100 * Between().deviation:g} % is "
        "assumed; two blocks a side (more --rounds, more time, or fewer rounds in a block) show it"
    )


@dataclass(frozen=True, kw_only=True)
class BySession(Policy):
    """Each session of the pair counts as one value; the spread of its rounds is inside the spread of sessions.

    Nothing is borrowed from other cases: they share the sessions, so that fifty cases of three sessions are three sessions.
    """

    pair: Pair

    def interval(self, samples: Samples, known: Metric, level: float) -> Ratio:
        """B over A at a level, by sessions; never narrower than what the meter itself may be off by."""
        return no_narrower(session_ratio(*by_session(known, self.pair), level), own_share(known, self.pair))

    def best(self, samples: Samples, known: Metric, level: float) -> Ratio:
        """No session is added for what the others showed."""
        return self.interval(samples, known, level)

"""Which case of A belongs to which case of B when their options differ, so that their names or Scenarios may too. Pure.

    same full name                                       ─► a pair, whatever the options changed in its Scenario
    same Scenario but for the fields that the options
    changed (their values differ between the two sides)  ─► a pair, if it is the only one on each side
    else                                                 ─► new, or missing

What was ignored to make a pair is said. Revisions are never paired like this: there, other work is no comparison.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from energy_fixtures.environment import differences, incomparable
from energy_fixtures.records import Environment, Result, Run, Scenario
from reports.comparison import scenario_differences


@dataclass(frozen=True, kw_only=True)
class Aligned:
    """Side A told in the names of side B, ready to be a baseline, and what was ignored for it, a clause each."""

    run: Run
    notes: tuple[str, ...]


def align(base: Run, candidate: Run) -> Aligned:
    """Give each result of `base` the name, the Scenario and the engine facts of its partner in `candidate`.

    Trials, meter, boards and host stay as they are, so that what may not be compared for their sake still is not.
    """
    partners = _partners(base.results, candidate.results)
    environments: dict[str, Environment] = {}
    results: list[Result] = []
    ignored: Counter[str] = Counter()
    for past in base.results:
        then = base.environments[past.environment]
        partner = partners.get(past.fullname)
        if partner is not None:
            now = candidate.environments[partner.environment]
            alike = msgspec.structs.replace(then, engine=now.engine)
            renamed = (f"case {past.case} against {partner.case}",) if past.fullname != partner.fullname else ()
            work = scenario_differences(past.scenario, partner.scenario)
            ignored.update((*renamed, *work, *_engine_clauses(then, alike, now)))
            then = alike
            past = msgspec.structs.replace(
                past, fullname=partner.fullname, case=partner.case, question=partner.question, scenario=partner.scenario
            )
        environments[then.key] = then
        results.append(msgspec.structs.replace(past, environment=then.key))
    cases = f" ({{}} of {len(partners)} cases)"
    notes = tuple(clause + ("" if count == len(partners) else cases.format(count)) for clause, count in ignored.items())
    run = Run(schema_version=base.schema_version, environments=environments, results=tuple(results))
    return Aligned(run=run, notes=notes)


def _partners(base: Sequence[Result], candidate: Sequence[Result]) -> Mapping[str, Result]:
    """The partner of each result of `base`, by its full name."""
    named = {result.fullname: result for result in candidate}
    partners = {past.fullname: named[past.fullname] for past in base if past.fullname in named}
    left = [past for past in base if past.fullname not in partners and past.scenario is not None]
    right = [new for new in candidate if new.fullname not in partners and new.scenario is not None]
    changed = _changed([_fields(past) for past in left], [_fields(new) for new in right])
    rests = _by_rest(right, changed)
    for rest, group in _by_rest(left, changed).items():
        if len(group) == 1 and len(rests.get(rest, ())) == 1:
            partners[group[0].fullname] = rests[rest][0]
    return partners


def _changed(left: Sequence[Mapping[str, str]], right: Sequence[Mapping[str, str]]) -> frozenset[str]:
    """Fields whose values are not the same set on both sides."""
    names = Scenario.__struct_fields__
    return frozenset(name for name in names if {one[name] for one in left} != {one[name] for one in right})


def _by_rest(results: Sequence[Result], changed: frozenset[str]) -> dict[tuple[str, ...], list[Result]]:
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        rest = tuple(text for name, text in _fields(result).items() if name not in changed)
        groups.setdefault((result.question, *rest), []).append(result)
    return groups


def _fields(result: Result) -> dict[str, str]:
    assert result.scenario is not None  # _partners asks only for those that have one
    return {
        name: msgspec.json.encode(value, order="sorted").decode()
        for name, value in msgspec.structs.asdict(result.scenario).items()
    }


def _engine_clauses(then: Environment, alike: Environment, now: Environment) -> list[str]:
    """What the two engines said differently of themselves."""
    still = {*incomparable(alike, now), *differences(alike, now)}
    return [clause for clause in (*incomparable(then, now), *differences(then, now)) if clause not in still]

"""Which cases ran while another group was at work on the same machine, so that the host's joules are of both. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from energy_fixtures.records import Result, Trial
from reports.sweep.journal import Journal

CODE = "host_energy_shared"
HOST = ("cpu", "dram", "soc")


def beside_others(journals: Sequence[Journal]) -> frozenset[tuple[str, float]]:
    """Cases, by node id and monotonic begin, that overlap with another journal of the same machine."""
    by_clock: dict[str, list[tuple[float, float, Journal]]] = defaultdict(list)
    for journal in journals:
        if journal.begin is not None and journal.ended_s is not None:
            by_clock[journal.begin.clock].append((journal.begin.began_s, journal.ended_s, journal))
    return frozenset(
        (case.nodeid, case.began_s)
        for spans in by_clock.values()
        for _, _, journal in spans
        for case in journal.finished
        if any(
            other is not journal and began_s < case.ended_s and case.began_s < ended_s
            for began_s, ended_s, other in spans
        )
    )


def doubted(result: Result) -> Result:
    """The result, with the doubt on every trial that has joules of the host."""
    return msgspec.structs.replace(
        result,
        trials=tuple(map(_doubted, result.trials)),
        prefill_trials=tuple(map(_doubted, result.prefill_trials)),
    )


def _doubted(trial: Trial) -> Trial:
    if not any(domain.partition(":")[0] in HOST for domain in trial.reading.energy_j):
        return trial
    return msgspec.structs.replace(trial, doubts=tuple(dict.fromkeys((*trial.doubts, CODE))))

"""What the page says without pictures: every case, the doubts, the environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from energy_fixtures.records import Environment
from reports.ideal.gap import GAP
from reports.page.cases import PER_CALL, PER_TOKEN, Case, Source, decoding, framework
from reports.page.figure import Cell, Column, Figure, Section, mean_columns
from reports.render.text import doubts_of

MOST_NAMED = 5

CASES = "cases"
"""Name of the table of all cases, which can be filtered."""

_MORE = (
    ("joules_per_request", "energy per request", "J/request"),
    ("prefill_joules_per_input_token", "prefill per input token", "J/token"),
    ("decode_joules_per_output_token", "decode per output token", "J/token"),
    ("net_joules_per_output_token", "net of idle", "J/token"),
    ("avg_power_w", "power", "W"),
    ("ttft", "TTFT", "s"),
    ("tpot", "TPOT", "s"),
    ("e2el", "E2EL", "s"),
    ("output_throughput", "output", "tokens/s"),
    ("acceptance_rate", "acceptance", "%"),
    (GAP, "gap to ideal", "×"),
)
_HIDDEN = ("joules_per_request", "net_joules_per_output_token", "e2el")


def all_cases(cases: Sequence[Case]) -> Section:
    """Every case with its figures."""
    rows = [_row(case) for case in cases]
    figure = Figure(
        name=CASES,
        title="Every case",
        what="Every case with its figures.",
        columns=(
            Column(key="case", title="case"),
            *mean_columns("energy per output token", "J/token")[:3],
            Column(key="call", title="energy per call", unit="J"),
            Column(key="question", title="question"),
            Column(key="source", title="run", shown=len({row["source"] for row in rows}) > 1),
            Column(key="framework", title="framework"),
            Column(key="decoding", title="decoding"),
            Column(key="batch", title="batch"),
            Column(key="input", title="input"),
            Column(key="output", title="output"),
            Column(key="model", title="model"),
            Column(key="method", title="joules are", shown=False),
            Column(key="scope", title="of", shown=False),
            *(Column(key=key, title=title, unit=unit, shown=key not in _HIDDEN) for key, title, unit in _MORE),
            Column(key="windows", title="windows"),
            Column(key="doubts", title="doubts"),
            Column(key="fullname", title="test", shown=False),
        ),
        rows=rows,
    )
    return Section(name="all", title="All cases", figures=(figure,))


def _row(case: Case) -> dict[str, Cell]:
    scenario, result = case.scenario, case.result
    valid, total = len(result.valid_trials), len(result.trials)
    row: dict[str, Cell] = {
        "case": result.case,
        "question": result.question,
        "source": case.source.label,
        "method": result.method,
        "scope": " + ".join(result.scope),
        **case.figure(PER_TOKEN),
        "call": case.center(PER_CALL),
        **{key: case.center(key) for key, _, _ in _MORE},
        "windows": total if valid == total else f"{valid} of {total}",
        "doubts": len(doubts_of(result)),
        "fullname": result.fullname,
    }
    if scenario is not None:
        row |= {
            "framework": framework(scenario),
            "decoding": decoding(scenario),
            "batch": scenario.batch_size,
            "input": scenario.input_tokens,
            "output": scenario.output_tokens,
            "model": scenario.model,
        }
    return row


def doubts(cases: Sequence[Case]) -> Section:
    """What makes windows invalid or weakens them, with its remedy and the cases that it concerns."""
    seen: dict[str, list[str]] = {}
    for case in cases:
        for sentence in doubts_of(case.result):
            seen.setdefault(sentence, []).append(case.name)
    ordered = sorted(seen.items(), key=lambda one: -len(one[1]))
    rows: list[dict[str, Cell]] = [
        {"doubt": sentence, "count": len(names), "cases": _some(names, len(cases))} for sentence, names in ordered
    ]
    if not rows:
        return Section(name="doubts", title="Doubts", said=("No case carries a doubt, and every window counts.",))
    figure = Figure(
        name="doubts",
        title="What weakens these figures, and what to do about it",
        what="Each doubt with the number of cases that carry it.",
        columns=(
            Column(key="doubt", title="doubt; remedy"),
            Column(key="count", title="cases"),
            Column(key="cases", title="which"),
        ),
        rows=rows,
    )
    doubted = {name for names in seen.values() for name in names}
    said = (
        f"{len(doubted)} of {len(cases)} cases carry a doubt; figures of cases with doubts count, with these words.",
    )
    return Section(name="doubts", title="Doubts", said=said, figures=(figure,))


def _some(names: Sequence[str], total: int) -> str:
    if len(names) == total and total > 1:
        return "all"
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def environments(sources: Sequence[Source]) -> Section:
    """Where and with what everything was measured, a column per run; what differs inside a run is listed."""
    fields: dict[str, dict[str, Cell]] = {}
    for number, source in enumerate(sources):
        seen: dict[str, dict[str, None]] = {}
        for environment in source.environments.values():
            for name, value in _facts(environment).items():
                seen.setdefault(name, {})[str(value)] = None
        for name, values in seen.items():
            fields.setdefault(name, {"field": name})[f"run{number}"] = " / ".join(values)
    figure = Figure(
        name="environment",
        title="Host, boards, engine, meter and packages",
        what="The facts by which it is decided what may be compared.",
        columns=(
            Column(key="field", title="fact"),
            *(Column(key=f"run{number}", title=source.label) for number, source in enumerate(sources)),
        ),
        rows=list(fields.values()),
    )
    return Section(name="environment", title="Environment", figures=(figure,))


def _facts(environment: Environment) -> Mapping[str, Cell]:
    sides = {"host": environment.host, "engine": environment.engine, "meter": environment.meter}
    boards = {f"board {number}": board for number, board in enumerate(environment.boards)}
    found: dict[str, Cell] = {}
    for side, facts in (*boards.items(), *sides.items(), ("package", environment.packages)):
        found |= {f"{side}: {name.replace('_', ' ')}": value for name, value in facts.items()}
    return found

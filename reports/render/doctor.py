"""An Examination in words and tables, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from energy_fixtures.examination import BoardFinding, CounterFinding, Examination, Modelled, Verdict
from energy_fixtures.readings import COVERAGE
from energy_fixtures.units import duration, quantity, significant
from reports.render.tables import new_table
from reports.render.text import plain, reason

UNKNOWN = "—"
_SWITCHES = {"ecc": "ECC", "mig": "MIG", "persistence": "persistence"}


def examination_report(seen: Examination) -> list[RenderableType]:
    """Everything that was found, top down: the machine, its meters, each counter's figures, the boards, the verdict."""
    parts: list[RenderableType] = [*_lines(_head(seen)), Text(""), *_lines(_meters(seen))]
    examined = [counter for counter in seen.counters if counter.problem is None]
    if examined:
        parts += [Text(""), _cadence_table(examined), Text(""), _rest_table(examined), *_lines(_legend(examined))]
    if seen.boards:
        parts += [Text(""), *_lines(line for board in seen.boards for line in _board(board))]
    first, *rest = _verdict(seen.verdict, seen.counters, seen.modelled)
    return [*parts, Text(""), Text(first, style="bold"), *_lines(rest)]


def _lines(lines: Iterable[str]) -> list[RenderableType]:
    """Each line, folded below its own beginning."""
    return [Padding(Text(line.lstrip()), (0, 0, 0, len(line) - len(line.lstrip()))) for line in lines]


def _head(seen: Examination) -> Iterator[str]:
    host = seen.host
    words = [str(host.get("cpu", "unknown processor"))]
    if "cores" in host:
        words.append(f"{host['cores']} cores")
    words.append(f"{host.get('system', '')} {host.get('kernel', '')}".strip())
    if host.get("virtual_machine") == "yes":
        words.append("virtual machine")
    if host.get("container", "none") != "none":
        words.append(f"in a container ({host['container']})")
    yield f"joules doctor · {seen.examined_at} · took {duration(seen.took_s)}"
    yield plain(" · ".join(word for word in words if word))


def _meters(seen: Examination) -> Iterator[str]:
    """One line per meter: works, or why not and the fix."""
    counted = {counter.domain for counter in seen.counters}
    for counter in seen.counters:
        word = "works" if counter.problem is None else f"does not work: {plain(counter.problem)}"
        if counter.problem is None and counter.contents is not None:
            word = f"works: {counter.contents}"
        yield f"  {counter.domain:<7} energy counter {word}"
    for board in seen.boards:
        if board.domain not in counted and board.sensor_w is not None:
            yield f"  {board.domain:<7} no energy counter; joules are integrated from sampled power"
    for sentence in seen.missing:
        yield f"  missing {plain(sentence)}"


def _cadence_table(counters: Sequence[CounterFinding]) -> RenderableType:
    table = new_table("counters")
    table.add_column("domain")
    for heading in ("updates every", "step", "one reading", "read once per update", "read fast"):
        table.add_column(heading, justify="right", no_wrap=True)
    for counter in counters:
        rate = counter.read_rate
        once = fast = UNKNOWN
        if rate is not None:
            spread = COVERAGE * rate.uncertainty
            once = f"{_change(rate.once_short, spread)} at {rate.once_hz:.0f}/s"
            fast = f"{_change(rate.fast_short, spread)} at {rate.fast_hz:.0f}/s"
        table.add_row(
            counter.domain,
            "every reading" if counter.period_s is None else quantity(counter.period_s, "s"),
            quantity(counter.step_j, "J"),
            quantity(counter.read_s, "s", 2),
            once,
            fast,
        )
    return table


def _change(short: float, spread: float) -> str:
    return f"{round(-100 * short, 2) + 0.0:+.2f} ± {100 * spread:.2f} %"  # + 0.0 makes no -0.00


def _rest_table(counters: Sequence[CounterFinding]) -> RenderableType:
    table = new_table("at rest, and the shortest window")
    table.add_column("domain")
    for heading in ("power", "spread", "lowest – highest", "sensor / counter", "level load", "changing load"):
        table.add_column(heading, justify="right", no_wrap=True)
    for counter in counters:
        idle, beside, need = counter.idle, counter.agreement, counter.shortest_window
        rest = [UNKNOWN] * 3
        if idle is not None:
            extremes = f"{significant(idle.lowest_w)} – {significant(idle.highest_w)} W"
            rest = [quantity(idle.mean_w, "W"), quantity(idle.spread_w, "W", 2), extremes]
        ratio = UNKNOWN
        if beside is not None:
            ratio = f"{beside.ratio:.3f} ± {COVERAGE * beside.uncertainty:.3f}"
        windows = [UNKNOWN] * 2 if need is None else [duration_of(need.level_s), duration_of(need.changing_s)]
        table.add_row(counter.domain, *rest, ratio, *windows)
    return table


def _legend(counters: Sequence[CounterFinding]) -> Iterator[str]:
    rates = [counter.read_rate for counter in counters if counter.read_rate is not None]
    if rates:
        yield (
            "read once per update, read fast: change of the power that the counter shows at rest, against reading it at "
            f"the ends of a span only; {rates[0].spans} spans of {duration_of(rates[0].span_s)} each; ± is 95 %"
        )
    idles = [counter.idle for counter in counters if counter.idle is not None]
    if idles:
        windows = f"{idles[0].windows} consecutive windows of {duration_of(idles[0].window_s)}"
        yield f"at rest: {windows}; spread is their standard deviation"
    needs = {counter.domain: counter.shortest_window for counter in counters if counter.shortest_window is not None}
    if needs:
        error = next(iter(needs.values())).error
        jumps = ", ".join(f"{quantity(need.swing_w, 'W')} on {domain}" for domain, need in needs.items())
        yield (
            f"level, changing load: the shortest window whose joules are known to {100 * error:g} % in 95 of 100; level "
            "from what the windows at rest vary by at their ends, changing if power jumps inside the update that a "
            f"window ends in ({jumps}) and no power samples help"
        )
    for counter in counters:
        if counter.wraps_after_s is not None:
            yield f"{counter.domain} starts again from zero after {duration(counter.wraps_after_s)} at rest"


def _board(board: BoardFinding) -> Iterator[str]:
    facts = board.facts
    words = [str(facts[name]) for name in ("name",) if name in facts]
    words += [f"{name} {facts[name]}" for name in ("driver", "vbios") if name in facts]
    if board.power_limit_w is not None:
        words.append(f"limit {quantity(board.power_limit_w, 'W')}")
    words += [f"{label} {'on' if facts[name] else 'off'}" for name, label in _SWITCHES.items() if name in facts]
    yield plain(f"  {board.domain}: " + " · ".join(words))
    words = [] if board.sensor_w is None else [f"draws {quantity(board.sensor_w, 'W')}"]
    if board.temperature_end_c is not None:
        start = "" if board.temperature_start_c is None else f"{board.temperature_start_c:.0f} to "
        words.append(f"{start}{board.temperature_end_c:.0f} °C")
    if board.sm_clock_hz is not None:
        words.append(f"SM clock {board.sm_clock_hz / 1e6:.0f} MHz")
    if board.throttle is not None:
        words.append(f"slowed by {', '.join(board.throttle)}" if board.throttle else "not slowed down")
    if board.foreign_processes is not None:
        words.append(
            f"{board.foreign_processes or 'no'} foreign process" + ("es" if board.foreign_processes > 1 else "")
        )
    if words:
        yield plain("    " + " · ".join(words))


def _verdict(verdict: Verdict, counters: Sequence[CounterFinding], modelled: Modelled) -> Iterator[str]:
    if not verdict.measured:
        yield "verdict: no measured joules here" + (": no counter can be relied on" if counters else "")
        if counters:  # that can be read: pytest believes them until a window shows that they are broken
            yield "  pytest would take them all the same and find its windows invalid; mend them, or choose"
            yield "  --energy-meter=modelled:"
        yield (
            f"  {'it takes' if counters else 'pytest uses the modelled meter:'} {modelled.idle_w_per_core:.3g} W idle and {modelled.load_w_per_core:.3g} W "
            f"busy per core, {modelled.cores} cores"
        )
        yield f"  ({plain(modelled.source)}); it says so everywhere and is never compared with measured joules"
    elif verdict.shortest_level_s is None or verdict.shortest_changing_s is None:
        yield "verdict: joules can be measured here, integrated from sampled power"
    else:
        error = next(counter.shortest_window.error for counter in counters if counter.shortest_window is not None)
        yield (
            f"verdict: joules can be measured here; for {100 * error:g} % a window has to last "
            f"{duration_of(verdict.shortest_level_s)} at level load, {duration_of(verdict.shortest_changing_s)} at worst"
        )
    for domain in verdict.loses_when_read_fast:
        rate = next(counter.read_rate for counter in counters if counter.domain == domain)
        assert rate is not None, "it was judged by that"
        yield (
            f"  {domain} loses {100 * rate.fast_short:.1f} % of its energy when it is read {rate.fast_hz:.0f} times a second: "
            "let nothing else poll it while measuring (nvidia-smi -l, exporters)"
        )
    for domain, code in verdict.doubts:
        yield f"  {f'{domain}: ' if domain else ''}{reason(code)}"


def duration_of(seconds: float) -> str:
    """Seconds with a prefix where they are few, as a person says them where they are many.

    >>> duration_of(0.0412), duration_of(4.26), duration_of(75)
    ('41 ms', '4.3 s', '1 min 15 s')
    """
    return quantity(seconds, "s", 2) if seconds < 9.95 else duration(seconds)

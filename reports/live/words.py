"""The sentences that the terminal and the page share."""

from __future__ import annotations

import datetime

from energy_fixtures.units import duration, quantity
from reports.live.state import Now, Row
from reports.render.text import NOT_MEASURED, plain


def headline_of(now: Now) -> str:
    """Which run, and how its joules come about."""
    known = NOT_MEASURED.get(now.method, "")  # type: ignore[call-overload]  # as it was written in a file
    said = known if known.startswith(now.meter) else ", ".join(word for word in (now.meter, known) if word)
    return plain(f"{now.folder} · process {now.pid} · meter {said}")


def step_of(now: Now) -> str:
    """What is being done, or how it ended."""
    if now.state == "ended":
        saved = f"; saved in {', '.join(now.saved)}" if now.saved else "; not saved"
        return plain(f"the run has ended at {_moment(now.seen_at)}{saved}")
    if now.state == "lost":
        return f"the run was cut off after {_moment(now.seen_at)}: its process is gone; its next run saves what had finished"
    return plain(now.step or "starting")


def _moment(at: float) -> str:
    """Hours and minutes here, with the date where that is not today's."""
    when, today = datetime.datetime.fromtimestamp(at), datetime.date.today()
    return f"{when:%H:%M}" if when.date() == today else f"{when:%Y-%m-%d %H:%M}"


def figures_of(now: Now) -> list[tuple[str, str]]:
    """Label and figure, in the order in which they are shown."""
    joules = quantity(now.joules, "J") + ("" if now.measured else f" {now.method}")
    power = "not known" if now.power_w is None else f"{quantity(now.power_w, 'W')} ({now.power_of})"
    heat = [] if now.temperature_c is None else [("hottest board", f"{now.temperature_c:.0f} °C")]
    apart = [f"{count} {word}" for count, word in ((now.failed, "failed"), (now.skipped, "skipped")) if count]
    done = f"{now.done}" + (f" ({', '.join(apart)})" if apart else "")
    said = [("verdicts", ", ".join(f"{count} {name}" for name, count in now.verdicts.items()))] if now.verdicts else []
    left = f"{now.left}" + ("" if now.seconds_left is None else f", about {duration(max(1.0, now.seconds_left))}")
    step = [("this step", f"{now.elapsed_s:.0f} s")] if now.state == "running" else []
    watts = [("power now", power)] if now.state == "running" else []
    return [*step, *watts, *heat, ("joules so far", f"{joules} in {now.windows} windows"), ("tests done", done),
            *said, ("tests left" if now.state == "running" else "not run", left)]  # fmt: skip


def name_of(row: Row) -> str:
    """The test's name and its parameters, without its file."""
    return plain(row.fullname.partition("::")[2] or row.fullname)


def value_of(row: Row) -> str:
    """Its headline figure, or why there is none."""
    if row.value is None:
        return plain(f"{row.outcome}: {row.why}" if row.why else row.outcome)
    label = f" {row.method}" if row.method in NOT_MEASURED else ""
    return f"{quantity(row.value, row.unit)}{label}"


def verdict_of(row: Row) -> str:
    """The gate's word, or that the test failed."""
    return plain(row.verdict or ("failed" if row.outcome == "failed" else ""))

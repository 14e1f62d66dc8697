"""A running session for Prometheus, in its text format 0.0.4.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import time

from reports.live.state import Picture

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(picture: Picture | None) -> str:
    """Every figure of the session; `joules_up` alone while none runs."""
    running = picture is not None and not picture.over
    lines = [*_metric("joules_up", "gauge", "Whether a session is running.", {"": float(running)})]
    if picture is None:
        return "\n".join(lines) + "\n"
    now = picture.now(time.time())
    method = f'{{method="{_label(now.method)}"}}'
    lines += _metric(
        "joules_window_energy_joules_total", "counter", "Joules of all metered windows.", {method: now.joules}
    )
    lines += _metric("joules_windows_total", "counter", "Metered windows.", {"": float(now.windows)})
    if now.power_w is not None:
        of = f'{{of="{_label(now.power_of)}",method="{_label(now.method)}"}}'
        lines += _metric("joules_power_watts", "gauge", "Power now, and whose.", {of: now.power_w})
    if now.temperature_c is not None:
        lines += _metric("joules_temperature_celsius", "gauge", "Of the hottest board.", {"": now.temperature_c})
    passed = now.done - now.failed - now.skipped
    outcomes = {"passed": passed, "failed": now.failed, "skipped": now.skipped}
    tests = {f'{{outcome="{name}"}}': float(count) for name, count in outcomes.items()}
    lines += _metric("joules_tests_total", "counter", "Finished tests and results.", tests)
    lines += _metric("joules_tests_left", "gauge", "Tests still to come.", {"": float(now.left)})
    if now.seconds_left is not None:
        lines += _metric("joules_seconds_left", "gauge", "Estimate of the rest.", {"": now.seconds_left})
    if now.verdicts:
        said = {f'{{verdict="{_label(name)}"}}': float(count) for name, count in now.verdicts.items()}
        lines += _metric("joules_verdicts_total", "counter", "Verdicts of the gate.", said)
    return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, help_text: str, samples: dict[str, float]) -> list[str]:
    return [
        f"# HELP {name} {help_text}",
        f"# TYPE {name} {kind}",
        *(f"{name}{labels} {value!r}" for labels, value in samples.items()),
    ]


def _label(value: str) -> str:
    """As the format asks: backslash, quote and line end escaped."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

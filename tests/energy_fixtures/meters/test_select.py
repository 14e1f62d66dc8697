"""From options to a meter, and its line in the header."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from energy_fixtures.errors import ConfigurationError, MeterUnavailable
from energy_fixtures.meters import select
from energy_fixtures.meters.base import MeterInfo
from energy_fixtures.meters.probe import Probe
from energy_fixtures.meters.select import check_meter_choice, choose_meter, header_lines

NOTHING = Probe(counters=False, missing=("no GPU: none is seen; install one", "no RAPL: none is seen; build one"))


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any counter."""
    monkeypatch.setattr(select, "probe", lambda: NOTHING)


@pytest.mark.parametrize(
    ("choice", "part"),
    [
        ("zuse", "did you mean zeus"),
        ("model", "did you mean modelled"),
        ("", "Meters are auto, zeus, modelled, replay:FILE, simulated"),
        ("zeus:gpu", "zeus takes nothing after a colon"),
        ("replay", "names no file"),
        ("replay:", "names no file"),
        ("replay:not-there.json", "names no file"),
        ("simulated:many", "watts are a number"),
    ],
)
def test_bad_choice_is_refused_early(choice: str, part: str):
    """A meter that cannot be is refused by the cheap check and by the real choice, in the same words."""
    for refuse in (check_meter_choice, lambda text: choose_meter(text, domains=None, cpu_watts=None)):
        with pytest.raises(ConfigurationError, match=part):
            refuse(choice)


def test_other_options_are_checked_with_it():
    """Watts and domains are checked whatever the meter."""
    with pytest.raises(ConfigurationError, match="IDLE:LOAD"):
        check_meter_choice("auto", cpu_watts="much")
    with pytest.raises(ConfigurationError, match="did you mean gpu"):
        check_meter_choice("auto", domains="gup")
    with pytest.raises(ConfigurationError, match="asks for 'gpu', which the modelled meter does not have; use cpu:0"):
        check_meter_choice("modelled", domains="gpu")


@pytest.mark.parametrize("choice", ["zeus", "simulated:300"])
def test_watts_for_another_meter_are_refused(choice: str):
    """Watts per core for a meter that would not use them are an error and not silently dropped."""
    with pytest.raises(ConfigurationError, match=f"--energy-cpu-watts=2:8.*--energy-meter={choice} does not use it"):
        check_meter_choice(choice, cpu_watts="2:8")
    for uses_it in ("auto", "modelled"):
        check_meter_choice(uses_it, cpu_watts="2:8")


def test_auto_without_counters_models(bare_machine: None):
    """Where nothing can be read, auto models, and its header says so and what is missing."""
    meter = choose_meter("auto", domains=None, cpu_watts="2:8")

    assert header_lines(meter.info) == [
        "meter: modelled, not measured · cpu:0 · 2 W idle, 8 W busy per core (--energy-cpu-watts)",
        "  no GPU: none is seen; install one",
        "  no RAPL: none is seen; build one",
    ]


def test_zeus_by_name_does_not_fall_back(bare_machine: None):
    """Who asks for zeus gets zeus or an error with the fixes, never modelled joules."""
    with pytest.raises(MeterUnavailable, match=r"no GPU: none is seen.*--energy-meter=modelled"):
        choose_meter("zeus", domains=None, cpu_watts=None)


def test_domain_that_auto_cannot_give(bare_machine: None):
    """Asking for a GPU where auto can only model the CPU is refused with what exists and why the rest does not."""
    with pytest.raises(ConfigurationError) as caught:
        choose_meter("auto", domains="gpu:0", cpu_watts=None)

    assert "asks for 'gpu:0', which the modelled meter does not have; use cpu:0" in str(caught.value)
    assert "no GPU: none is seen; install one" in str(caught.value)


def test_header_of_counters():
    """Measured joules are announced by meter, method and domains."""
    info = MeterInfo(
        name="zeus", method="counter", domains=("gpu:0", "cpu:0"), resolution_s=0.1, missing=("no DRAM; add some",)
    )

    assert header_lines(info) == ["meter: zeus · counter · gpu:0 cpu:0", "  no DRAM; add some"]


def test_header_of_a_simulation():
    """A simulated meter is announced as not measured, with its trace."""
    info = choose_meter("simulated:square=100/600@0.7", domains=None, cpu_watts=None).info

    assert header_lines(info) == ["meter: simulated, not measured · gpu:0 · square=100/600@0.7"]


def test_nothing_heavy_is_imported():
    """Choosing a meter on a machine without counters imports neither zeus nor torch."""
    script = (
        "import sys\n"
        "from energy_fixtures.meters import select\n"
        "from energy_fixtures.meters.probe import Probe\n"
        "select.probe = lambda: Probe(counters=False, missing=())\n"
        "select.choose_meter('auto', domains=None, cpu_watts=None)\n"
        "select.choose_meter('simulated', domains=None, cpu_watts=None)\n"
        "print(sorted({'zeus', 'torch', 'transformers', 'vllm', 'pandas', 'sklearn'} & set(sys.modules)))\n"
    )
    root = Path(select.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"

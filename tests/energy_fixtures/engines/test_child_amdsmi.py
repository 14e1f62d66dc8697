"""A package `amdsmi` that cannot work does not stop an engine from loading."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from energy_fixtures.engines import child


@pytest.mark.parametrize("driver", [True, False], ids=["AMD", "no AMD"])
def test_it_looks_absent_only_without_the_driver(driver: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without AMD's driver importing it is an ImportError, which whoever wants it bears; with the driver it is left alone."""
    known = tmp_path / "kfd"
    if driver:
        known.touch()
    monkeypatch.setattr(child, "AMD_DRIVER", str(known))
    monkeypatch.setattr(sys, "modules", {name: module for name, module in sys.modules.items() if name != "amdsmi"})

    child.hide_amdsmi_without_amd()

    assert ("amdsmi" in sys.modules) is not driver
    assert sys.modules.get("amdsmi") is None

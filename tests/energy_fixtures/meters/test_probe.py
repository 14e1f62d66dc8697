"""What the probe says is missing, and the one-line fix that it offers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from energy_fixtures.meters import probe


@pytest.fixture
def powercap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A powercap tree with one package, where the probe looks first."""
    tree = tmp_path / "intel-rapl"
    zone = tree / "intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "energy_uj").write_text("1")
    monkeypatch.setattr(probe, "RAPL_DIR", tree)
    monkeypatch.setattr(probe, "CONTAINER_RAPL_DIR", tmp_path / "none")
    return tree


@pytest.fixture
def no_powercap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No powercap tree anywhere."""
    monkeypatch.setattr(probe, "RAPL_DIR", tmp_path / "none")
    monkeypatch.setattr(probe, "CONTAINER_RAPL_DIR", tmp_path / "none either")


def test_readable_rapl_is_not_missing(powercap: Path):
    """A powercap tree that can be read is not complained about."""
    assert probe.missing_rapl({}) is None


def test_unreadable_rapl_gets_the_chmod_line(powercap: Path, monkeypatch: pytest.MonkeyPatch):
    """Counters that may not be read give the chmod line and zeusd; with zeusd set, nothing is missing."""

    def refuse(path: Path) -> bytes:  # root may read everything, so the refusal is injected
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)

    sentence = probe.missing_rapl({})
    assert sentence is not None
    assert f"sudo chmod -R a+r {powercap}" in sentence
    assert "ZEUSD_SOCK_PATH" in sentence
    assert probe.missing_rapl({"ZEUSD_SOCK_PATH": "/run/zeusd.sock"}) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads files whatever their mode")
def test_unreadable_file_is_noticed(powercap: Path):
    """A counter without read permission is seen as such by trying."""
    (powercap / "intel-rapl:0" / "energy_uj").chmod(0)

    assert "may not be read" in (probe.missing_rapl({}) or "")


@pytest.mark.parametrize(
    ("container", "virtual", "fix"),
    [
        (True, False, "-v"),
        (True, True, "container on a virtual machine"),
        (False, True, "run on bare metal"),
        (False, False, "sudo modprobe intel_rapl_msr"),
    ],
)
def test_absent_rapl_by_kind_of_machine(
    no_powercap: None, monkeypatch: pytest.MonkeyPatch, container: bool, virtual: bool, fix: str
):
    """A container is told the mount, a virtual machine to go to bare metal, a bare machine the kernel module."""
    monkeypatch.setattr(probe, "_is_container", lambda: container)
    monkeypatch.setattr(probe, "_is_virtual_machine", lambda: virtual)

    sentence = probe.missing_rapl({})
    assert sentence is not None
    assert sentence.startswith("no RAPL: ")
    assert fix in sentence

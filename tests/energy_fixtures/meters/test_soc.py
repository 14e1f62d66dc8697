"""Joules of a system on chip."""

from __future__ import annotations

from types import SimpleNamespace

from energy_fixtures.meters.soc import soc_joules


def test_soc_counts_each_part_once():
    """A SoC's total is its total rail, or its parts without what is inside other parts, in joules."""
    jetson = SimpleNamespace(cpu_energy_mj=1000.0, gpu_energy_mj=2000.0, total_energy_mj=5000.0)
    apple = SimpleNamespace(cpu_total_mj=1000, performance_cluster_mj=[600], gpu_mj=2000, dram_mj=500, ane_mj=None)

    assert soc_joules(jetson) == 5.0
    assert soc_joules(apple) == 3.5
    assert soc_joules(None) is None

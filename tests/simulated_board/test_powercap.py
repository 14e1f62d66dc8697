"""The powercap tree is what it says, and the real Zeus reads it as the kernel's."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.simulated_board.board import run_on_board
from tests.simulated_board.powercap import RANGE_UJ, Powercap

WATTS = {"cpu:0": "100/200@0.5", "dram:0": "20", "cpu:1": "150", "psys": "400"}


def shown_uj(tree: Powercap, domain: str) -> int:
    return int((tree.zones[domain] / "energy_uj").read_text())


def test_looks_like_the_kernels(tmp_path: Path):
    """Packages, the memory inside its package, and the platform last, each with name, counter and range."""
    tree = Powercap(tmp_path / "intel-rapl", WATTS, start_j=5)
    files = sorted(path.relative_to(tree.folder).as_posix() for path in tree.folder.rglob("name"))

    assert files == ["intel-rapl:0/intel-rapl:0:0/name", "intel-rapl:0/name", "intel-rapl:1/name", "intel-rapl:2/name"]
    assert (tree.folder / "intel-rapl:1" / "name").read_text() == "package-1\n"
    assert (tree.folder / "intel-rapl:0" / "intel-rapl:0:0" / "name").read_text() == "dram\n"
    assert (tree.folder / "intel-rapl:2" / "name").read_text() == "psys\n"
    assert (tree.zones["cpu:0"] / "max_energy_range_uj").read_text() == f"{RANGE_UJ}\n"
    assert shown_uj(tree, "cpu:1") == 5_000_000


def test_counters_advance_by_watts_and_wrap_around(tmp_path: Path):
    """A counter moves by power times time, and begins again at its range."""
    tree = Powercap(tmp_path / "tree", WATTS, origin_s=100, start_j=5, range_uj=200_000_000)
    tree.advance(101)
    assert [shown_uj(tree, domain) for domain in WATTS] == [155_000_000, 25_000_000, 155_000_000, 5_000_000]
    tree.advance(102)
    assert [shown_uj(tree, domain) for domain in WATTS] == [105_000_000, 45_000_000, 105_000_000, 5_000_000]


def test_thread_follows_the_clock(tmp_path: Path):
    """As a context manager the tree moves by itself, is never met empty, and stands still afterwards."""
    with Powercap(tmp_path / "tree", WATTS) as tree:
        begin_s, give_up_s = time.monotonic(), time.monotonic() + 30
        values = [shown_uj(tree, "cpu:1")]
        while values[-1] - values[0] < 30_000_000 and time.monotonic() < give_up_s:
            values.append(shown_uj(tree, "cpu:1"))
        end_s = time.monotonic()
    still = shown_uj(tree, "cpu:1")
    time.sleep(0.05)

    assert values == sorted(values)
    assert 30_000_000 <= values[-1] - values[0] <= 1e6 * tree.energy_j("cpu:1", tree.origin_s, end_s)
    assert begin_s < end_s
    assert shown_uj(tree, "cpu:1") == still


ZEUS = """
import json, os, pathlib, time
from tests.simulated_board.powercap import show_to_zeus
show_to_zeus(pathlib.Path(os.environ["TREE"]))
from zeus.monitor import ZeusMonitor
monitor = ZeusMonitor(gpu_indices=[], cpu_indices=[0])
begin_s = time.monotonic()
monitor.begin_window("window", sync_execution=False)
begun_s = time.monotonic()
time.sleep(float(os.environ["SECONDS_LONG"]))
ending_s = time.monotonic()
seen = monitor.end_window("window", sync_execution=False)
print(json.dumps([begin_s, begun_s, ending_s, time.monotonic(), seen.cpu_energy[0], seen.dram_energy[0]]))
"""


def test_a_window_of_zeus_is_the_true_energy(tmp_path: Path):
    """Real Zeus gives the true joules of package and memory, but for how far the writer was behind."""
    with Powercap(tmp_path / "tree", WATTS) as tree:
        environ = {"TREE": str(tree.folder), "SECONDS_LONG": "0.7"}
        begin_s, begun_s, ending_s, end_s, cpu_j, dram_j = json.loads(run_on_board(ZEUS, environ=environ, init_error=9))

    for domain, joules, most_w in (("cpu:0", cpu_j, 200), ("dram:0", dram_j, 20)):
        slack_j = most_w * tree.lag_s + 1e-5
        assert tree.energy_j(domain, begun_s, ending_s) - slack_j <= joules
        assert joules <= tree.energy_j(domain, begin_s, end_s) + slack_j


METER = """
import json, os, pathlib
from tests.simulated_board.powercap import RANGE_UJ, Powercap, show_to_zeus
watts, start_j = {"cpu:0": 200, "dram:0": 20}, RANGE_UJ / 1e6 - 500
tree = Powercap(pathlib.Path(os.environ["TREE"]), watts, origin_s=0, start_j=start_j)
show_to_zeus(tree.folder)
from energy_fixtures.meters.select import choose_meter
tree.advance(0)
meter, seen = choose_meter("zeus", domains=None, cpu_watts=None), []
for end_s in (1, 2, 3.25):
    token = meter.begin("case", ())
    tree.advance(end_s)
    seen.append((meter.end(token).energy_j, tree.counter_uj("cpu:0", end_s) < 200e6))
meter.close()
print(json.dumps(seen))
"""


def test_wraparound_inside_a_window_of_the_meter(tmp_path: Path):
    """The joules of a window in which the counter starts again from zero are those that were drawn."""
    first, second, wrapped = json.loads(run_on_board(METER, environ={"TREE": str(tmp_path / "tree")}, init_error=9))

    assert [is_round for _, is_round in (first, second, wrapped)] == [False, False, True]
    assert [first[0], second[0]] == [pytest.approx({"cpu:0": 200, "dram:0": 20}, abs=1e-5)] * 2
    assert wrapped[0] == pytest.approx({"cpu:0": 250, "dram:0": 25}, abs=1e-5)

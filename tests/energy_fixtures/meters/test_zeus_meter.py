"""The zeus meter, with the real Zeus: on simulated boards (a libnvidia-ml of our own) and on a powercap tree."""

from __future__ import annotations

import http.server
import json
import socketserver
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.simulated_board.board import board_environ, run_on_board
from tests.simulated_board.powercap import RANGE_UJ, zone

pytestmark = pytest.mark.quiet

UUID = "GPU-00000000-0000-0000-0000-00000000000"  # and the board's index

MEASURE = """
import json, sys, time
from energy_fixtures.errors import JoulesError
from energy_fixtures.meters.select import choose_meter, header_lines
meter = choose_meter("zeus", domains={domains!r}, cpu_watts=None)
facts = dict(header=" · ".join(header_lines(meter.info)), resolution_s=meter.info.resolution_s, missing=meter.info.missing)
try:
    token = meter.begin("case", ())
    time.sleep({seconds})
    {meanwhile}
    reading = meter.end(token)
    facts |= dict(energy_j=reading.energy_j, duration_s=reading.duration_s)
    facts |= dict(method=reading.method, doubts=reading.doubts, reasons=reading.invalid_reasons)
    facts |= dict(uncertainty_j=reading.uncertainty_j, integrated_j=reading.integrated_j)
except JoulesError as error:
    facts |= dict(error=str(error))
finally:
    meter.close()
import multiprocessing
facts |= dict(heavy=sorted({{"torch", "jax", "cupy"}} & set(sys.modules)), left=len(multiprocessing.active_children()))
print(json.dumps(facts))
"""


def measure(seconds: float = 0.3, domains: str | None = None, meanwhile: str = "pass", **settings: object) -> Any:
    """What a window of that length gives on the simulated boards, in a process of its own."""
    return json.loads(run_on_board(MEASURE.format(seconds=seconds, domains=domains, meanwhile=meanwhile), **settings))


def test_counter_of_two_boards():
    """Joules of each board are its power times the window; nothing touches torch; the header says counter."""
    seen = measure(count=2, watts=300)

    assert seen["energy_j"]["gpu:0"] == pytest.approx(300 * seen["duration_s"], abs=300 * 0.01)
    assert seen["energy_j"]["gpu:1"] == pytest.approx(301 * seen["duration_s"], abs=301 * 0.01)
    assert seen["header"].startswith("meter: zeus · counter · gpu:0 gpu:1")
    assert (seen["method"], seen["doubts"], seen["reasons"]) == ("counter", [], [])
    assert seen["resolution_s"] < 0.005  # this board's counter steps every millisecond
    assert seen["heavy"] == []


def test_nothing_is_printed_on_the_way():
    """Importing Zeus and what it imports prints nothing of its own on stdout or stderr."""
    script = "from energy_fixtures.meters.select import *; choose_meter('zeus', domains=None, cpu_watts=None)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=board_environ(), capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("visible", ["0,3", f"{UUID}0,{UUID}3"])
def test_visible_devices_and_chosen_domains(visible: str):
    """Indices follow CUDA_VISIBLE_DEVICES, UUIDs included, and only the chosen domain is read."""
    script = MEASURE.format(seconds=0.3, domains="gpu:1", meanwhile="pass")
    seen = json.loads(run_on_board(script, count=4, watts=300, environ={"CUDA_VISIBLE_DEVICES": visible}))

    assert list(seen["energy_j"]) == ["gpu:1"]
    assert seen["energy_j"]["gpu:1"] == pytest.approx(303 * seen["duration_s"], abs=303 * 0.01)


def test_counter_that_was_reset():
    """A counter that starts again from zero inside the window makes the reading invalid, with no joules in it."""
    seen = measure(meanwhile="import os; os.environ['SIMULATED_BOARD_RESET_AT_S'] = str(time.monotonic())")

    assert seen["energy_j"] == {}
    assert seen["reasons"] == ["counter_went_backwards"]


@pytest.mark.parametrize("tick_ms", [20, 100])
def test_steps_are_seen_and_waited_for(tick_ms: int):
    """The period and step of the counter are measured, and a window of some steps is right to within half a percent."""
    seen = measure(seconds=0.53, watts=400, tick_ms=tick_ms, quantum_mj=500, phase_ms=7)

    assert seen["resolution_s"] == pytest.approx(tick_ms / 1000, rel=0.05)
    assert seen["energy_j"]["gpu:0"] == pytest.approx(400 * seen["duration_s"], rel=0.005)
    assert 0 < seen["uncertainty_j"]["gpu:0"] < 0.01 * seen["energy_j"]["gpu:0"]


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [("LOST_AT_S", "counter_unreadable"), ("DENIED_AT_S", "counter_unreadable"), ("STUCK_AT_S", "counter_stuck")],
)
def test_board_that_fails_inside_the_window(meanwhile: str, reason: str):
    """A board lost, locked or stuck inside the window makes the reading invalid with its reason, and nothing raises."""
    change = f"import os; os.environ['SIMULATED_BOARD_{meanwhile}'] = str(time.monotonic() - 0.2)"
    seen = measure(meanwhile=change, tick_ms=100)

    assert seen["energy_j"] == {}
    assert seen["reasons"] == [reason]


def test_power_beside_the_counter_shows_a_wrong_sensor():
    """A power sensor that says a tenth too much stands beside the counter's joules as what it is."""
    seen = measure(seconds=1.0, watts=300, power_gain=1.1)

    assert seen["integrated_j"]["gpu:0"] == pytest.approx(1.1 * seen["energy_j"]["gpu:0"], rel=0.02)


def test_board_without_a_counter():
    """Before Volta power is sampled and integrated; constant power, which Zeus itself calls 0 J, counts in full."""
    seen = measure(no_counter=1, watts=300)

    assert seen["energy_j"]["gpu:0"] == pytest.approx(300 * seen["duration_s"], rel=0.05)
    assert (seen["method"], seen["doubts"]) == ("integrated power", ["power_integrated"])
    assert seen["left"] == 0


def test_lost_board_is_missing_not_zero():
    """A board that does not answer is listed as missing, with the driver's words; the others are metered."""
    seen = measure(count=2, lost_at_s_1=0)

    assert list(seen["energy_j"]) == ["gpu:0"]
    assert any("gpu:1 is not read: GPU is lost" in sentence for sentence in seen["missing"])


def test_denied_counter_leaves_power():
    """A board whose counter may not be read is metered by its power, and the header says why."""
    seen = measure(denied=1, watts=300)

    assert seen["energy_j"]["gpu:0"] == pytest.approx(300 * seen["duration_s"], rel=0.05)
    assert (seen["method"], seen["doubts"]) == ("integrated power", ["power_integrated"])
    assert "gpu:0: the energy counter is not read (Insufficient Permissions)" in seen["header"]


def test_nothing_to_read_falls_back_with_the_reason():
    """Where neither counter nor power may be read, auto models and its header says why."""
    script = (
        "from energy_fixtures.meters.select import choose_meter, header_lines\n"
        "print(*header_lines(choose_meter('auto', domains=None, cpu_watts=None).info), sep='\\n')"
    )
    printed = run_on_board(script, denied=1, no_power=1)

    assert printed.startswith("meter: modelled, not measured")
    assert "gpu:0 is not read: " in printed


RAPL = """
import json, os, pathlib
from tests.simulated_board.powercap import show_to_zeus
from energy_fixtures.meters.select import choose_meter
tree = pathlib.Path(os.environ["RAPL_TREE"])
show_to_zeus(tree)
package, memory = tree / "intel-rapl:0/energy_uj", tree / "intel-rapl:0/intel-rapl:0:0/energy_uj"
meter = choose_meter("zeus", domains=None, cpu_watts=None)
answers = [meter.info.domains]
for package_uj, memory_uj in json.loads(os.environ["RAPL_STEPS"]):
    token = meter.begin("case", ())
    package.write_text(str(package_uj))
    memory.write_text(str(memory_uj))
    reading = meter.end(token)
    answers.append([dict(reading.energy_j), reading.invalid_reasons])
meter.close()
import multiprocessing
answers.append(len(multiprocessing.active_children()))
print(json.dumps(answers))
"""


def run_on_rapl(tree: Path, steps: list[tuple[int, int]], **environ: str) -> str:
    """Windows on a powercap tree whose counters take the values of `steps`, (package, memory) in µJ, inside them."""
    settings = {"RAPL_TREE": str(tree), "RAPL_STEPS": json.dumps(steps), **environ}
    return run_on_board(RAPL, environ=settings, init_error=9)


def test_powercap_tree(tmp_path: Path):
    """Package and memory are read; `psys` is left out; a wraparound is counted at once; a reset is no energy."""
    zone(tmp_path / "intel-rapl:0", "package-0", RANGE_UJ - 12_000_000)
    zone(tmp_path / "intel-rapl:0" / "intel-rapl:0:0", "dram", 5_000_000)
    zone(tmp_path / "intel-rapl:1", "psys", 7_000_000)
    steps = [(RANGE_UJ - 2_000_000, 6_000_000), (3_000_000, 6_000_000), (1_000_000, 6_000_000)]
    domains, first, wrapped, reset, left = json.loads(run_on_rapl(tmp_path, steps))

    assert domains == ["cpu:0", "dram:0"]
    assert first == [pytest.approx({"cpu:0": 10.0, "dram:0": 1.0}), []]
    assert wrapped == [pytest.approx({"cpu:0": 5.0, "dram:0": 0.0}), []]
    assert reset == [{"dram:0": 0.0}, ["counter_went_backwards"]]
    assert left == 0


class Zeusd(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A daemon on a socket that answers what Zeus asks of zeusd: package 0 of a powercap tree, memory included."""

    daemon_threads = True

    def __init__(self, socket: Path, tree: Path) -> None:
        self.tree = tree
        super().__init__(str(socket), ZeusdHandler)


class ZeusdHandler(http.server.BaseHTTPRequestHandler):
    server: Zeusd

    def do_GET(self) -> None:
        package = self.server.tree / "intel-rapl:0"
        answers: dict[str, Any] = {
            "/discover": {
                "gpus": [],
                "cpus": [{"id": 0, "dram_available": True}],
                "enabled_api_groups": ["cpu-read"],
                "auth_required": False,
            },
            "/cpu/get_cumulative_energy": {
                "0": {
                    "cpu_energy_uj": int((package / "energy_uj").read_text()),
                    "dram_energy_uj": int((package / "intel-rapl:0:0" / "energy_uj").read_text()),
                }
            },
        }
        body = json.dumps(answers[self.path.partition("?")[0]]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "a socket has none"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_counters_through_zeusd(tmp_path: Path):
    """With ZEUSD_SOCK_PATH the same counters are read through the daemon, by the real client; none is left polling."""
    tree = tmp_path / "tree"
    zone(tree / "intel-rapl:0", "package-0", 10_000_000)
    zone(tree / "intel-rapl:0" / "intel-rapl:0:0", "dram", 5_000_000)
    with tempfile.TemporaryDirectory() as folder, Zeusd(Path(folder) / "zeusd.sock", tree) as daemon:
        thread = threading.Thread(target=daemon.serve_forever, daemon=True)
        thread.start()
        printed = run_on_rapl(tree, [(30_000_000, 6_000_000)], ZEUSD_SOCK_PATH=str(Path(folder) / "zeusd.sock"))
        daemon.shutdown()
    domains, (reading, _), left = json.loads(printed)

    assert domains == ["cpu:0", "dram:0"]
    assert reading == pytest.approx({"cpu:0": 20.0, "dram:0": 1.0})
    assert left == 0


def test_one_board_of_two_dies_counts_once():
    """Of a dual-die board whose dies tell the same joules one is left out, with the sentence that says why."""
    seen = measure(count=2, watts=300, watts_1=300, name="AMD Instinct MI250X")

    assert list(seen["energy_j"]) == ["gpu:0"]
    assert any("gpu:1 is left out: it is one board with gpu:0" in sentence for sentence in seen["missing"])


def test_superchip_contains_its_host(tmp_path: Path):
    """Beside a superchip's board, whose joules hold its processor and memory, RAPL is not metered a second time."""
    zone(tmp_path / "intel-rapl:0", "package-0", 5_000_000)
    script = RAPL.replace("answers = [meter.info.domains]", "answers = [meter.info.domains, meter.info.contents]")
    settings = {"RAPL_TREE": str(tmp_path), "RAPL_STEPS": "[]"}
    domains, held, _ = json.loads(run_on_board(script, environ=settings, name="NVIDIA GH200 480GB"))

    assert domains == ["gpu:0"]
    assert "whole superchip module" in held[0][1]

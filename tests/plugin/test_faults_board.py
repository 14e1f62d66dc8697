"""Boards and processors that fail in the middle of a window: real Zeus, a simulated board, a made-up powercap tree."""

from __future__ import annotations

import os

import pytest

from tests.plugin.faults import Session, run_session
from tests.simulated_board.board import ROOT, board_environ

pytestmark = pytest.mark.quiet

USUAL = {
    "reasons": "0",
    "processes": "",
    "limit_w": "700",
    **dict.fromkeys(("reset_at_s", "stuck_at_s", "denied_at_s", "lost_at_s"), "inf"),
}
"""Settings of the board that change while a session runs, as it begins."""

HEADER = f"""
import pathlib, time
import pytest

from energy_fixtures.session import KEY as MEASURING

USUAL = {USUAL}
OPENED = []  # windows of the running test; on a busy machine it warms up more often, so calls would not tell

@pytest.fixture(autouse=True)
def opened(request, monkeypatch):
    meter = request.config.stash[MEASURING].meter
    begin = meter.begin
    OPENED.clear()
    monkeypatch.setattr(meter, "begin", lambda label, pids: (OPENED.append(label), begin(label, pids))[1])
"""
CASES = (
    HEADER
    + """
def set_board(setting, text):
    fresh = pathlib.Path("fresh")
    fresh.write_text(text)
    fresh.replace(setting)  # whoever reads meanwhile finds the one or the other

class Fault:
    '''Work of 60 ms; in the middle of window `first` the board gets another setting, in that of `last` its usual one.'''

    def __init__(self, setting, text, first, last=None):
        self.setting, self.text, self.first, self.last = setting, text, first, last

    def __call__(self):
        window = len(OPENED) - 1
        time.sleep(0.03)
        if window == self.first:
            set_board(self.setting, self.text or repr(time.monotonic()))
        if window == self.last:
            set_board(self.setting, USUAL[self.setting])
        time.sleep(0.03)

def test_before(energy):
    energy(time.sleep, 0.06)

@pytest.mark.parametrize("fault", [
    pytest.param(("reset_at_s", None, 1), id="reset"),
    pytest.param(("reasons", "8", 1, 2), id="throttled"),
    pytest.param(("processes", "1:512", 1, 2), id="stranger"),
    pytest.param(("limit_w", "400", 1), id="limit"),
])
def test_counter_goes_on(energy, fault):
    energy(Fault(*fault))

def test_other_limit(energy):
    energy(time.sleep, 0.06)

@pytest.mark.parametrize("setting", ["stuck_at_s", "denied_at_s"])
def test_counter_ends(energy, setting):
    try:
        energy(Fault(setting, None, 1))
    finally:
        set_board(setting, USUAL[setting])

def test_with(energy):
    for name in ("first", "second"):
        with energy.window(name):
            time.sleep(0.06)
            if name == "second":
                set_board("denied_at_s", repr(time.monotonic()))
    set_board("denied_at_s", "inf")

def test_limit_between(energy):
    for limit in ("600", "500"):
        set_board("limit_w", limit)
        with energy.window("block"):
            time.sleep(0.06)

def test_after(energy):
    energy(time.sleep, 0.06)

def test_lost(energy):
    energy(Fault("lost_at_s", None, 1))  # and it stays so

def test_after_lost(energy):
    energy(time.sleep, 0.06)
"""
)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """One session on a board of 400 W with steps of 20 ms, a fault per case."""
    folder = tmp_path_factory.mktemp("board")
    (folder / "test_cases.py").write_text(CASES)
    for setting, text in USUAL.items():
        (folder / setting).write_text(text)
    settings = {setting: f"file:{folder / setting}" for setting in USUAL}
    environ = board_environ(watts=400, tick_ms=20, **settings)
    return run_session(folder, environ, "--energy-domains=gpu")


def test_every_case_ends_for_itself(board: Session):
    """A board that fails, for a while or for good, fails the cases it fails; all others pass, and all are stored."""
    calm = ("test_before", "test_other_limit", "test_after")

    assert board.code == 1
    assert "7 failed, 6 passed" in board.said
    assert "Traceback" not in board.said
    for case in calm:
        assert board.reasons(case) == [[]] * 3
    assert board.cases[0] == "test_before" and board.cases[-1] == "test_after_lost"


def test_no_case_has_a_wrong_number(board: Session):
    """Whatever happened to its neighbours, each trial that counts has the board's 400 W."""
    for case in board.cases:
        assert board.watts(case) == pytest.approx([400] * board.reasons(case).count([]), rel=0.12), case


@pytest.mark.parametrize(
    ("case", "code", "windows"),
    [
        ("reset", "counter_went_backwards", 1),
        ("throttled", "throttled", 2),
        ("stranger", "foreign_process", 2),
    ],
)
def test_passing_fault_is_replaced(board: Session, case: str, code: str, windows: int):
    """A fault that ends costs the windows it fell into: they are kept as invalid, others replace them, one note says so."""
    assert board.reasons(case) == [[], *[[code]] * windows, [], []]
    assert board.notes(case, code) == 1
    assert board.failures(case, code) == 0


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("stuck_at_s", "counter_stuck"),
        ("denied_at_s", "counter_unreadable"),
        ("test_lost", "counter_unreadable"),
    ],
)
def test_lasting_fault_fails_its_case(board: Session, case: str, code: str):
    """A counter that ends keeps what came before, leaves no joules after it, and fails the case with reason and remedy."""
    assert board.reasons(case) == [[], *[[code]] * 4]
    assert [trial["reading"]["energy_j"] for trial in board.trials(case)[1:]] == [{}] * 4
    assert board.failures(case, code) == 1


def test_case_after_a_lost_board_ends_early(board: Session):
    """On a board that is gone a case stops after its spare windows and has no figure, in seconds neither."""
    entries = [entry["name"] for entry in board.document["benchmarks"]]

    assert board.reasons("test_after_lost") == [["counter_unreadable"]] * 3
    assert board.failures("test_after_lost", "counter_unreadable") == 1
    assert "test_before" in entries and "test_after_lost" not in entries


def test_power_limit_changed_in_the_middle(board: Session):
    """Windows under another limit than the case's first do not count; the next case has its own limit in its fingerprint."""
    limits_w = {case: board.environment(case)["boards"][0]["power_limit_w"] for case in board.cases}

    assert board.reasons("limit") == [[], *[["power_limit_changed"]] * 4]
    assert board.failures("limit", "power_limit_changed") == 1
    assert limits_w["test_before"] == limits_w["limit"] == 700
    assert limits_w["test_other_limit"] == 400


def test_power_limit_changed_between_two_windows(board: Session):
    """A limit that nobody saw change, because no window was open, sets its windows apart all the same."""
    assert board.reasons("test_limit_between::block") == [[], ["power_limit_changed"]]
    assert board.environment("test_limit_between::block")["boards"][0]["power_limit_w"] == 600
    assert board.environment("test_after")["boards"][0]["power_limit_w"] == 500


def test_block_that_loses_its_counter(board: Session):
    """Of two blocks in one test the whole one keeps its joules, the other has none and fails the test."""
    assert board.reasons("test_with::first") == [[]]
    assert board.reasons("test_with::second") == [["counter_unreadable"]]
    assert board.failures("test_with::second", "counter_unreadable") == 1


RAPL = (
    HEADER
    + """
from tests.simulated_board.plugin import KEY

@pytest.fixture
def tree(request):
    return request.config.stash[KEY]

def test_before(energy):
    energy(time.sleep, 0.06)

def test_wrap(energy, tree):
    file = tree.zones["cpu:0"] / "energy_uj"
    rounds, seen_uj = [], []

    def near_its_range():
        rounds.append(None)
        if len(rounds) == 2:  # 5 J are left, of the 13 J to come
            tree.start_j += (tree.range_uj - int(file.read_text())) / 1e6 - 5
            time.sleep(0.05)

    def work():
        seen_uj.append(int(file.read_text()))
        time.sleep(0.2)
        seen_uj.append(int(file.read_text()))

    energy.pedantic(work, setup=near_its_range, rounds=3)
    assert [begin > end for begin, end in zip(seen_uj[::2], seen_uj[1::2])] == [False, True, False]

def test_revoked(energy, tree):
    zones = tree.zones

    def work():
        time.sleep(0.03)
        if len(OPENED) == 2 and tree.zones is zones:
            tree.zones = {domain: zone for domain, zone in zones.items() if domain != "cpu:0"}
            time.sleep(0.03)
            (zones["cpu:0"] / "energy_uj").unlink()
        time.sleep(0.03)

    try:
        energy(work)
    finally:
        tree.zones = zones

def test_after(energy):
    energy(time.sleep, 0.06)
"""
)


@pytest.fixture(scope="module")
def rapl(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """One session on a processor of 65 W and its memory of 8 W."""
    folder = tmp_path_factory.mktemp("rapl")
    (folder / "test_cases.py").write_text(RAPL)
    tree = ("-p", "tests.simulated_board.plugin", "--simulated-powercap=cpu:0=65 dram:0=8")
    return run_session(folder, os.environ | {"PYTHONPATH": str(ROOT)}, *tree, "--energy-domains=cpu,dram")


def test_counter_that_starts_again_from_zero_at_its_range(rapl: Session):
    """A RAPL counter that goes round inside a window, and Zeus noticing it in the next, change no joules at all."""
    assert rapl.reasons("test_wrap") == [[]] * 3
    assert rapl.watts("test_wrap") == pytest.approx([73] * 3, rel=0.12)


def test_counter_whose_permission_is_revoked(rapl: Session):
    """A processor's counter that may no longer be read ends its case; the memory's joules alone are no result."""
    domains = [set(trial["reading"]["energy_j"]) for trial in rapl.trials("test_revoked")]

    assert rapl.code == 1
    assert rapl.reasons("test_revoked") == [[], *[["counter_unreadable"]] * 4]
    assert domains == [{"cpu:0", "dram:0"}, *[{"dram:0"}] * 4]
    assert rapl.failures("test_revoked", "counter_unreadable") == 1
    for case in ("test_before", "test_after"):
        assert rapl.reasons(case) == [[]] * 3
        assert rapl.watts(case) == pytest.approx([73] * 3, rel=0.25)

"""Kill -9 at random moments, then resume: is every finished case there, is each what it was, is nothing left behind?

    campaign   a fresh folder with a few short cases; sessions with --energy-resume follow each other until one ends by itself
    session    runs until a random moment; then its parent, engine or server is killed
    after it   no process, shared memory, socket, temporary file or half-written file of it may be left, and every result
               that a session acknowledged (its line was printed, so it was fsynced) must be in the journal as it was
    at the end the document of the session that came to its end holds every acknowledged result once, unchanged

Every process of a session carries a mark in its environment, by which it is found whatever became of its parents.
"""

from __future__ import annotations

import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
MARK = "JOULES_SOAK"
GONE_S = 15.0  # the kernel and the guard have so long to end what belonged to a process that was killed
LONGEST_S = 300.0  # of one session that is left to end by itself

CASES = """
import pytest
from energy_fixtures import Arrivals, Scenario

CASES = {
    "transformers": {
        f"b{b}-o{o}": Scenario(engine="transformers", batch_size=b, input_tokens=8, output_tokens=o)
        for b, o in ((1, 8), (2, 8), (4, 8), (1, 16), (2, 16))
    },
    "vllm": {f"b{b}": Scenario(engine="vllm", batch_size=b, input_tokens=8, output_tokens=8) for b in (1, 2, 4)},
    "server": {
        f"o{o}": Scenario(
            engine="vllm_server", batch_size=2, input_tokens=8, output_tokens=o, arrivals=Arrivals.all_at_once(6)
        )
        for o in (8, 12, 16)
    },
}[%r]

@pytest.mark.parametrize("scenario", CASES.values(), ids=CASES)
def test_case(scenario, energy):
    energy.measure(scenario)
"""

OPTIONS = (
    "-p", "energy_fixtures.plugin", "-p", "reports.plugin", "-p", "no:cacheprovider", "--energy-resume",
    "--energy-autosave", "--energy-meter=simulated:300", "--energy-device=cpu", "--energy-min-rounds=2",
    "--energy-min-window=0.05", "--energy-max-warmup=0.05",
)  # fmt: skip

VICTIMS: dict[str, str] = {
    "parent": "-m pytest",
    "engine": "energy_fixtures.engines.child",
    "server": "energy_fixtures.engines.vllm_main",
}
"""What is killed, and the words of its command line."""

KEPT = ("torchinductor_", "pytest-joules-")
"""What is there on purpose: PyTorch's cache for its next load, and the feeds of the newest sessions for who looks on."""
SCRATCH = "joules-engine-"
"""After a kill -9 of the parent the folder of its vLLM stays until the next session, which removes it."""

LINE = re.compile(r"^  (\S+) +\S+ \S*J/.* ([2-9]|\d\d+) rounds within", re.MULTILINE)
"""The line of a finished case; one with fewer valid trials than two has failed, and is measured again."""


@dataclass
class Tally:
    """What the soak has seen; every entry of `faults` is a promise that was broken."""

    moments: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    sessions: int = 0
    campaigns: int = 0
    acknowledged: int = 0
    resumed: int = 0
    faults: list[str] = field(default_factory=list)
    longest_end_s: float = 0.0

    def summary(self) -> dict[str, Any]:
        """For a JSON file."""
        return {
            "kills": sum(self.moments.values()),
            "killed": dict(self.moments),
            "sessions that ended before their moment came": self.missed,
            "sessions": self.sessions,
            "campaigns": self.campaigns,
            "results acknowledged": self.acknowledged,
            "results taken over": self.resumed,
            "longest wait for the last process of a killed session, s": round(self.longest_end_s, 3),
            "faults": self.faults,
        }


class Campaign:
    """One folder, and the sessions that work in it until one of them comes to its end.

    Args:
        folder: Empty; the sessions' temporary files go there too.
        engine: Key of CASES.
        tally: What was seen so far.
    """

    def __init__(self, folder: Path, engine: str, tally: Tally) -> None:
        self._folder, self._tally = folder, tally
        self._mark = uuid.uuid4().hex
        self._acknowledged: dict[str, str] = {}
        self._memory = shared_memory()
        self._temporary = folder / "tmp"
        self._temporary.mkdir(parents=True)
        (folder / "test_soak.py").write_text(CASES % engine)
        tally.campaigns += 1

    def session(self, victim: str | None, after_s: float) -> tuple[bool, float]:
        """One session; whether it came to its end by itself, or with its engine killed, and how long it took."""
        self._tally.sessions += 1
        environ = {**os.environ, MARK: self._mark, "TMPDIR": str(self._temporary), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "pytest", *OPTIONS, f"--rootdir={self._folder}", "--import-mode=importlib"]
        began_s = time.monotonic()
        with (self._folder / "said.txt").open("w+") as said:
            session = subprocess.Popen(
                command, cwd=self._folder, env=environ, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
            )
            killed = self._kill(session, victim, after_s) if victim else False
            try:
                session.wait(LONGEST_S)
            except subprocess.TimeoutExpired:
                self._fault("a session did not come to its end")
            finally:  # also when the soak itself is ended
                session.kill()
                session.wait()
        took_s = time.monotonic() - began_s
        moment = f"{victim} killed after {after_s:.2f} s" if killed else "whole session"
        self._look(moment, may_stay=1 if killed and victim == "parent" else 0)
        return session.returncode != -signal.SIGKILL or self._is_whole(), took_s

    def _is_whole(self) -> bool:
        """Whether the newest document is of a session that was through when it was killed: nothing is left to resume."""
        documents = sorted(self._folder.glob(".benchmarks/*/*.json"))
        return bool(documents) and "unfinished" not in json.loads(documents[-1].read_text())["energy"]

    def end(self) -> None:
        """The last document holds every acknowledged result once, as it was."""
        text = (self._folder / "said.txt").read_text()
        documents = sorted(self._folder.glob(".benchmarks/*/*.json"))
        if documents or self._acknowledged:  # none where the engine was killed while it loaded
            run = json.loads(documents[-1].read_text())["energy"]
            found = Counter(result["fullname"] for result in run["results"])
            lost = [name for name in self._acknowledged if name not in found]
            twice = [name for name, count in found.items() if count > 1]
            if lost or twice:
                self._fault(f"lost {lost}, twice {twice}")
            failed = "valid of" in text  # such a case was measured anew, and what it was before is kept
            if "unfinished" in run or (len(documents) > 1 and not failed):
                self._fault(f"what was cut off is not taken over: {[path.name for path in documents]}")
        self._tally.resumed += text.count("from the interrupted run")
        self._tally.acknowledged += len(self._acknowledged)
        shutil.rmtree(self._folder)

    def _kill(self, session: subprocess.Popen[bytes], victim: str, after_s: float) -> bool:
        """Kill -9, if the session and its victim are still there then."""
        try:
            session.wait(after_s)
        except subprocess.TimeoutExpired:
            chosen = session.pid if victim == "parent" else self._find(VICTIMS[victim])
            if chosen is not None:
                os.kill(chosen, signal.SIGKILL)
                self._tally.moments[victim] += 1
                return True
        self._tally.missed += 1
        return False

    def _find(self, words: str) -> int | None:
        """The first process with these words at the start of its command line: it started the others."""
        mine = [process for process in marked(self._mark) if words in " ".join(command_of(process)[:4])]
        return min((process.pid for process in mine), default=None)

    def _look(self, moment: str, may_stay: int) -> None:
        """What must hold after every session, however it ended; so many engines' folders may stay for the next one."""
        began_s = time.monotonic()
        if not wait_until(lambda: not marked(self._mark), GONE_S):
            left = marked(self._mark)
            self._fault(f"{moment}: processes left: {[' '.join(command_of(one))[:120] for one in left]}")
            for process in left:
                process.kill()
        self._tally.longest_end_s = max(self._tally.longest_end_s, time.monotonic() - began_s)
        if not wait_until(lambda: shared_memory() <= self._memory, 1.0):
            self._fault(f"{moment}: shared memory left: {sorted(shared_memory() - self._memory)}")
            self._memory = shared_memory()
        stray = [name for name in (path.name for path in self._temporary.iterdir()) if not name.startswith(KEPT)]
        if any(not name.startswith(SCRATCH) for name in stray) or len(stray) > may_stay:
            self._fault(f"{moment}: temporary files left: {stray}")
            shutil.rmtree(self._temporary)
            self._temporary.mkdir()
        kept: dict[str, str] = {}
        for name, result in self._kept():
            if kept.setdefault(name, result) != result:
                self._fault(f"{moment}: there are two results of {name}")
        for name, _ in LINE.findall((self._folder / "said.txt").read_text()):
            if not any(fullname.endswith(f"[{name}]") for fullname in kept):
                self._fault(f"{moment}: {name} was acknowledged and is in no file")
        for name, result in kept.items():
            if self._acknowledged.setdefault(name, result) != result:
                self._fault(f"{moment}: {name} is another result now")
        lost = [name for name in self._acknowledged if name not in kept]
        if lost:
            self._fault(f"{moment}: lost {lost}")

    def _kept(self) -> Iterator[tuple[str, str]]:
        """Every result in a document or a journal, by full name, as text that is equal for equal results."""
        for path in self._folder.glob(".benchmarks/*/*.json"):
            for result in json.loads(path.read_text())["energy"]["results"]:
                if _finished(result):
                    yield result["fullname"], json.dumps(result, sort_keys=True)
        for path in self._folder.glob(".benchmarks/*/*.jsonl"):
            for line in path.read_text().split("\n")[:-1]:
                result = json.loads(line).get("result")
                if result is not None and _finished(result):
                    yield result["fullname"], json.dumps(result, sort_keys=True)

    def _fault(self, what: str) -> None:
        self._tally.faults.append(f"{self._folder.name}: {what}")
        said = (self._folder / "said.txt").read_text()
        print(f"FAULT {self._folder.name}: {what}\n{said}", flush=True)


def kills(
    seed: int,
    count: int,
    folder: Path,
    engines: dict[str, int],
    say: Callable[[str], None] = print,
    lasts_s: Mapping[str, float] = {},
    longest_s: float = math.inf,
) -> Tally:
    """Kill at `count` random moments.

    Args:
        seed: Of everything that is random.
        count: Moments.
        folder: For the campaigns; each one's own is removed when it has ended well.
        engines: How often each kind of campaign is drawn.
        say: Told how far it is.
        lasts_s: How long a whole session of each kind takes; where it is not known, the first one tells it.
        longest_s: Begin no campaign after this long.
    """
    drawn = random.Random(seed)
    tally = Tally()
    known_s = dict(lasts_s)
    began_s = time.monotonic()
    while sum(tally.moments.values()) < count and time.monotonic() - began_s < longest_s:
        (engine,) = drawn.choices(list(engines), list(engines.values()))
        campaign = Campaign(folder / f"{tally.campaigns:03d}-{engine}", engine, tally)
        whole = False
        while not whole:
            left = count - sum(tally.moments.values())
            victim, after_s = _moment(drawn, engine, known_s.get(engine, 0.0))
            whole, took_s = campaign.session(victim if left and engine in known_s else None, after_s)
            known_s.setdefault(engine, took_s)
        campaign.end()
        say(f"{sum(tally.moments.values())} of {count} kills, {tally.sessions} sessions, {len(tally.faults)} faults")
    return tally


def _finished(result: dict[str, Any]) -> bool:
    return sum(not trial.get("invalid_reasons") for trial in result["trials"]) >= 2


def _moment(drawn: random.Random, engine: str, lasts_s: float) -> tuple[str, float]:
    victims = ["parent"] * 5 + ["engine"] * 3 + (["server"] * 4 if engine == "server" else [])
    return drawn.choice(victims), drawn.uniform(0.05, max(0.1, lasts_s))


def marked(mark: str) -> list[psutil.Process]:
    """The living processes that carry the mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.pid != os.getpid()
                and process.environ().get(MARK) == mark
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except (psutil.Error, OSError):  # it ended meanwhile, or is another user's
            continue
    return found


def command_of(process: psutil.Process) -> list[str]:
    """Its command line; nothing when it has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def shared_memory() -> set[str]:
    """POSIX and System V shared memory and semaphores of this namespace."""
    found = {f"/dev/shm/{name}" for name in os.listdir("/dev/shm")}
    for kind in ("shm", "sem", "msg"):
        lines = Path("/proc/sysvipc", kind).read_text().splitlines()[1:]
        found |= {f"sysv {kind} {' '.join(line.split()[:2])}" for line in lines}
    return found


def wait_until(fact: Callable[[], bool], limit_s: float) -> bool:
    """Whether it came true within the limit."""
    until_s = time.monotonic() + limit_s
    while not fact():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.1)
    return True

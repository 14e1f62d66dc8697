"""Run a command and watch the memory of it and of all that it starts: the proportional set size, which counts a shared page once.

python perf/peer/memory.py OUT COMMAND...   prints: exit status, seconds, peak of the sum in bytes, of it anonymous
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

EVERY_S = 0.02


def family(pid: int) -> list[int]:
    """The process and all its descendants that are alive."""
    found = [pid]
    for member in found:
        for task in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:  # it ended meanwhile
                continue
    return found


def set_size(pid: int) -> tuple[int, int]:
    """Bytes of a process, and those of them that no file holds; a page that several processes share is divided among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it ended meanwhile
        return 0, 0
    sizes = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines[1:])}
    return sizes.get("Pss", 0), sizes.get("Pss_Anon", 0)


def main(out: str, *command: str) -> None:
    """Run it once."""
    with open(out, "wb") as file:
        began_s = time.monotonic()
        child = subprocess.Popen(command, stdout=file)
        peak = (0, 0)
        while child.poll() is None:
            sizes = [set_size(pid) for pid in family(child.pid)]
            peak = max(peak, (sum(size for size, _ in sizes), sum(size for _, size in sizes)))
            time.sleep(EVERY_S)
    print(child.returncode, time.monotonic() - began_s, *peak)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Hours in minutes: kill -9 at random moments, and engines loaded again and again.

    python tools/soak.py kills --seed 1 --count 100 [--out FILE]
    python tools/soak.py cycles --minutes 30 [--out FILE]

Shared memory is looked at in a namespace of its own where the user may have one (root), so that nobody else's counts.
Exit status 1 when a promise was broken; each is printed, and stands in the summary under `faults`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

APART = "JOULES_SOAK_APART"
NAMESPACE = ("unshare", "--mount", "--ipc", "sh", "-c", 'mount -t tmpfs tmpfs /dev/shm && exec "$@"', "sh")


def main() -> int:
    """Run one soak and print its summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    kills = kinds.add_parser("kills", help="kill -9 at random moments, and resume")
    kills.add_argument("--seed", type=int, default=1)
    kills.add_argument("--count", type=int, default=100)
    kills.add_argument("--minutes", type=float, default=1e6, help="begin no campaign after this long")
    kills.add_argument("--engines", default="transformers:8,vllm:1,server:1", help="how often each is drawn")
    cycles = kinds.add_parser("cycles", help="load, work, run out of memory, crash, serve; over and over")
    cycles.add_argument("--minutes", type=float, default=30.0)
    for one in (kills, cycles):
        one.add_argument("--out", type=Path, help="write the summary here as well")
    arguments = parser.parse_args()
    if APART not in os.environ and _may_be_apart():
        os.execvpe(NAMESPACE[0], [*NAMESPACE, sys.executable, *sys.argv], {**os.environ, APART: "1"})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # its folder goes with it
    folder = Path(tempfile.mkdtemp(prefix="joules-soak-"))
    try:
        if arguments.kind == "kills":
            from tools.soak_kills import kills as soak_kills

            weights = dict(part.split(":") for part in arguments.engines.split(","))
            engines = {engine: int(weight) for engine, weight in weights.items()}
            summary = soak_kills(
                arguments.seed, arguments.count, folder, engines, longest_s=60 * arguments.minutes
            ).summary()
        else:
            from tools.soak_cycles import cycles as soak_cycles

            summary = soak_cycles(60 * arguments.minutes, folder).summary()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = json.dumps(summary, indent=1)
    print(text)
    if arguments.out is not None:
        arguments.out.write_text(text + "\n")
    return 1 if summary["faults"] else 0


def _may_be_apart() -> bool:
    if shutil.which(NAMESPACE[0]) is None:
        return False
    return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Hold every locked package against the known vulnerabilities, with pip-audit: `tox -e audit`. Needs a network.

What cannot be looked up fails: pip-audit alone says "no known vulnerabilities" also where it could ask nobody. A local
build ("torch 2.13.0+cpu") is in no database; the release that it was built from is looked up instead.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "ci.lock"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^+\s;]+)(\+\S+)?", re.MULTILINE)


def pins(lock: str) -> list[str]:
    """`name==version` of every package of a lock, without the word of a local build."""
    return [f"{name}=={version}" for name, version, _ in PINNED.findall(lock)]


def main(arguments: Sequence[str]) -> int:
    """Run pip-audit with further arguments of its own; the exit status."""
    packages = pins(LOCK.read_text())
    print(f"audit: {len(packages)} packages of {LOCK.relative_to(ROOT)}", flush=True)
    with tempfile.TemporaryDirectory() as work:
        listed = Path(work, "pins.txt")
        listed.write_text("".join(f"{pin}\n" for pin in packages))
        command = [sys.executable, "-m", "pip_audit", "--strict", "--disable-pip", "--no-deps", "-r", str(listed)]
        return subprocess.run([*command, *arguments], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

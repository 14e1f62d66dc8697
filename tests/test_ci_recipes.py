"""The workflows of docs/ci: they parse, name only what exists, and their scripts do what docs/ci.md says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reports.cli import main
from reports.render.markdown import marker

yaml = pytest.importorskip("yaml")

CI = Path(__file__).parents[1] / "docs" / "ci"
GITHUB, GITLAB = (yaml.safe_load((CI / f"{name}-energy.yml").read_text()) for name in ("github", "gitlab"))
STEPS = GITHUB["jobs"]["energy"]["steps"]
TINY = """
def test_sum(energy):
    energy.pedantic(sum, args=(range(1000),), rounds=3, iterations=2)
"""


def scripts():
    """Every shell line of both workflows, continued lines joined."""
    found = [step["run"] for step in STEPS if "run" in step]
    for part in ("before_script", "script", "after_script"):
        found += GITLAB["energy"][part]
    return "\n".join(found).replace("\\\n", " ").splitlines()


def test_commands_have_only_options_that_exist(pytestconfig, capsys):
    """Each option that the workflows give to pytest or joules is one of theirs."""
    assert main(["compare", "--help"]) == 0
    of_joules = set(re.findall(r"(?<!\w)--?[a-z][a-z-]*", capsys.readouterr().out))
    of_pytest = {name for group in pytestconfig._parser._groups for one in group.options for name in one.names()}
    of_pytest |= {name for one in pytestconfig._parser._anonymous.options for name in one.names()}
    lines = [line.strip() for line in scripts()]
    calls = {
        "joules": [line.split("||")[0] for line in lines if line.startswith("joules ")],
        "pytest": [line for line in lines if line.startswith("pytest ") or "--energy-compare=" in line],
    }
    for name, known in (("joules", of_joules), ("pytest", of_pytest)):
        used = {option for line in calls[name] for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", line)}
        assert len(calls[name]) >= 2
        assert used <= known, name


def test_every_option_of_compare_is_documented(capsys):
    """docs/ci.md has each option of `joules compare` and none that it does not know."""
    main(["compare", "--help"])
    known = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", capsys.readouterr().out)) - {"--help", "--output"}
    text = (CI.parent / "ci.md").read_text()
    table = text[text.index("| option |") : text.index("The first line of the Markdown")]
    assert set(re.findall(r"^\| `(--[a-z-]+)", table, re.MULTILINE)) | {"-o"} == known | {"-o"}
    assert "| `-o FILE` |" in table


def test_the_limit_and_the_marker_are_those_of_the_product(pytestconfig):
    """Both gate on an expression that parses, and look for the comment by the marker that is written."""
    from reports.gate import parse_limit

    assert GITHUB["env"]["LIMIT"] == GITLAB["energy"]["variables"]["LIMIT"]
    parse_limit(GITHUB["env"]["LIMIT"])
    assert sum(f'startswith("{marker()}")' in line for line in scripts()) == 2


def test_github_needs_no_more_than_it_uses():
    """The workflow can read the code and write a comment, nothing else; actions are pinned to a version."""
    job = GITHUB["jobs"]["energy"]
    assert GITHUB["permissions"] == {"contents": "read"}
    assert job["permissions"] == {"contents": "read", "pull-requests": "write"}
    uses = [step["uses"] for step in STEPS if "uses" in step]
    assert len(uses) == 4
    assert all(re.fullmatch(r"actions/[a-z/-]+@v\d+", one) for one in uses)
    assert not any("${{" in step.get("run", "") for step in STEPS)  # nothing of a pull request is pasted into a shell


def test_what_is_measured_is_kept():
    """Both keep the run, the report and the JUnit file, also when the gate failed."""
    artifacts = GITLAB["energy"]["artifacts"]
    assert (artifacts["when"], artifacts["paths"], artifacts["reports"]) == (
        "always",
        ["energy/"],
        {"junit": "energy/junit.xml"},
    )
    upload = next(step for step in STEPS if step.get("uses", "").startswith("actions/upload-artifact"))
    assert (upload["if"], upload["with"]["path"]) == ("${{ !cancelled() }}", "energy/")
    saved, fetched = (
        next(step["with"] for step in STEPS if word in step.get("uses", "")) for word in ("save", "restore")
    )
    assert saved["path"] == fetched["path"]
    assert saved["key"].startswith(fetched["restore-keys"].strip())


@pytest.fixture
def shell(tmp_path):
    """Runs a script of a workflow in a small project, with this Python's pytest and joules, and a gh that remembers."""
    tools = tmp_path / "tools"
    tools.mkdir()
    root = Path(__file__).parents[1]
    for name, module in (
        ("pytest", "import pytest; sys.exit(pytest.console_main())"),
        ("joules", "from reports.cli import main; sys.exit(main())"),
    ):
        (tools / name).write_text(f"#!{sys.executable}\nimport sys; sys.path.insert(0, {str(root)!r})\n{module}\n")
    (tools / "gh").write_text('#!/bin/sh\necho "$@" >> gh.txt\ncase "$*" in *--jq*) cat known.txt;; esac\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    project = tmp_path / "project"
    (project / "benchmarks").mkdir(parents=True)
    (project / "known.txt").write_text("")
    (project / "benchmarks" / "test_tiny.py").write_text(TINY)
    environ = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(root),
        "PYTEST_ADDOPTS": "--energy-meter=simulated -p no:cacheprovider --energy-max-rounds=3",
        "PYTEST_PLUGINS": "energy_fixtures.plugin,reports.plugin",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "GITHUB_STEP_SUMMARY": "summary.md",
        "GITHUB_REPOSITORY": "you/yours",
        "NUMBER": "7",
        "SELECTION": "benchmarks",
        "LIMIT": GITHUB["env"]["LIMIT"],
    }

    def run(script, **more):
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=project,
            env={**environ, **more},
            capture_output=True,
            text=True,
        )

    run.project = project
    return run


def step(name):
    """The script of a step of the GitHub workflow."""
    return next(one["run"] for one in STEPS if one.get("name") == name)


def test_the_scripts_of_the_workflow_run(shell):
    """A first run records, the second is compared with it: summary, JUnit, one comment that is then updated."""
    energy = shell.project / "energy"
    first = [shell(step(name)) for name in ("Measure", "Explain", "Comment", "Keep the run as the next baseline")]
    assert [done.returncode for done in first] == [0, 0, 0, 0], [done.stdout + done.stderr for done in first]
    assert "recorded, not gated" in (shell.project / "summary.md").read_text()
    assert not (shell.project / "gh.txt").exists()

    second = [shell(step(name)) for name in ("Measure", "Explain", "Comment")]
    assert second[0].returncode in (0, 1), second[0].stdout + second[0].stderr
    assert [done.returncode for done in second[1:]] == [0, 0], [done.stdout + done.stderr for done in second]
    assert (energy / "comment.md").read_text().startswith(marker())
    assert marker() in (shell.project / "summary.md").read_text()
    assert "<testsuite" in (energy / "junit.xml").read_text()
    (shell.project / "known.txt").write_text("99\n")
    assert shell(step("Comment")).returncode == 0
    said = (shell.project / "gh.txt").read_text()
    assert "--method POST repos/you/yours/issues/7/comments -F body=@energy/comment.md" in said
    assert "--method PATCH repos/you/yours/issues/comments/99 -F body=@energy/comment.md" in said


def test_gitlab_scripts_are_shell():
    """Every script of the GitLab job is understood by a plain shell."""
    for part in ("before_script", "script", "after_script"):
        for script in GITLAB["energy"][part]:
            done = subprocess.run(["sh", "-n", "-c", script], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["github-energy.yml", "gitlab-energy.yml"])
def test_yamllint_has_nothing_to_say(name):
    """The files are clean under the linter's default rules, but for the three that docs/ci/.yamllint names."""
    linter = pytest.importorskip("yamllint.linter")
    from yamllint.config import YamlLintConfig

    rules = YamlLintConfig((CI / ".yamllint").read_text())
    assert [str(problem) for problem in linter.run((CI / name).read_text(), rules)] == []


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="needs actionlint on PATH")
def test_actionlint_has_nothing_to_say():
    """GitHub's workflow is clean under actionlint."""
    done = subprocess.run(
        ["actionlint", "-no-color", "-ignore", 'label "gpu" is unknown', str(CI / "github-energy.yml")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout

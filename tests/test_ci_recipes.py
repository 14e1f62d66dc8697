"""The workflows of docs/ci: they parse, name only what exists, and their scripts do what docs/ci.md says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from energy_fixtures.store import read_run
from reports.cli import main
from reports.render.markdown import marker

yaml = pytest.importorskip("yaml")

CI = Path(__file__).parents[1] / "docs" / "ci"
GITHUB, GITLAB = (yaml.safe_load((CI / f"{name}-energy.yml").read_text()) for name in ("github", "gitlab"))
COMPARE, RECORD = (GITHUB["jobs"][name]["steps"] for name in ("compare", "record"))
STEPS = [*COMPARE, *RECORD]
PARTS = ("before_script", "script", "after_script")

TINY = """
import time
from work import SECONDS

def test_tiny(energy):
    energy.pedantic(time.sleep, args=(SECONDS,), rounds=6)
"""

IDENTITY = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def scripts():
    """Every shell script of both workflows."""
    found = [step["run"] for step in STEPS if "run" in step]
    for job in (".energy", "energy-compare", "energy-record"):
        found += [script for part in PARTS for script in GITLAB[job].get(part, [])]
    return found


def calls(program):
    """The lines of all scripts that call a program, continued ones joined."""
    lines = "\n".join(scripts()).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith(f"{program} ")]


def options(text):
    """The options in a command, or in a page of help."""
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def step(name, steps=COMPARE):
    """The script of a step of the GitHub workflow."""
    return next(one["run"] for one in steps if one.get("name") == name)


def test_commands_have_only_options_that_exist(pytestconfig, capsys):
    """Each option that the workflows give to pytest or to `joules ab` is one of theirs."""
    of_pytest = {name for group in pytestconfig._parser._groups for one in group.options for name in one.names()}
    of_pytest |= {name for one in pytestconfig._parser._anonymous.options for name in one.names()}
    assert main(["ab", "--help"]) == 0
    for program, known in (("pytest", of_pytest), ("joules ab", options(capsys.readouterr().out))):
        assert len(calls(program)) == 2
        assert set().union(*map(options, calls(program))) <= known, program


@pytest.mark.parametrize(
    ("command", "page", "end"),
    [("compare", "ci.md", "The first line of the Markdown"), ("ab", "ab.md", "| exit status |")],
)
def test_every_option_is_documented(capsys, command, page, end):
    """The table of a command's page has each of its options and none that it does not know."""
    main([command, "--help"])
    known = {name for name in options(capsys.readouterr().out) if not name.startswith("--energy-")}  # of its examples
    known -= {"--help", "--output"}
    text = (CI.parent / page).read_text()
    table = text[text.index("| option |") : text.index(end)]
    first = [row.split("|")[1] for row in table.splitlines() if row]
    assert set().union(*map(options, first)) - {"--output"} == known
    assert "`-o FILE`" in table


def test_the_floor_of_a_stored_baseline_is_as_printed(capsys):
    """The lines of Python in docs/ci.md print the figures of the table above them."""
    text = (CI.parent / "ci.md").read_text()
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], {})
    for line in capsys.readouterr().out.splitlines():
        pairs, *figures = re.findall(r"[\d.]+", line)
        (row,) = [row for row in text.splitlines() if row.endswith(" | ".join(f"{one} %" for one in figures) + " |")]
        assert row.startswith("| nothing" if pairs == "0" else f"| {pairs} ")


def test_pull_requests_are_gated_in_turn_and_the_main_branch_not_at_all():
    """A limit stands only where both sides are measured on the same machine in the same hour."""
    assert all("--fail" in call and "--format markdown" in call for call in calls("joules ab"))
    assert not any("--energy-compare-fail" in script for script in scripts())
    for job, event in (("compare", "pull_request"), ("record", "push")):
        assert GITHUB["jobs"][job]["if"] == f"${{{{ github.event_name == '{event}' }}}}"
    assert GITLAB["energy-compare"]["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}]
    assert GITLAB["energy-record"]["rules"] == [{"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"}]


def test_the_limit_and_the_marker_are_those_of_the_product():
    """Both gate on an expression that parses, and look for the comment by the marker that is written."""
    from reports.gate import parse_limit

    ours = GITLAB[".energy"]["variables"]
    assert {name: str(value) for name, value in GITHUB["env"].items()} == ours
    parse_limit(ours["LIMIT"])
    assert sum(f'startswith("{marker()}")' in script for script in scripts()) == 2


def test_one_run_at_a_time_on_the_machine():
    """Runs of all branches wait for each other, and none is ended by a newer one."""
    assert GITHUB["concurrency"] == {"group": "energy-gpu", "cancel-in-progress": False, "queue": "max"}
    assert not any("concurrency" in job for job in GITHUB["jobs"].values())
    assert GITLAB[".energy"]["resource_group"] == "energy-gpu"
    assert all(GITLAB[f"energy-{job}"]["extends"] == ".energy" for job in ("compare", "record"))
    assert not any("resource_group" in GITLAB[f"energy-{job}"] for job in ("compare", "record"))


def test_github_needs_no_more_than_it_uses():
    """The workflow can read the code, the job of pull requests can write a comment, and actions are pinned to a version."""
    assert GITHUB["permissions"] == {"contents": "read"}
    assert GITHUB["jobs"]["compare"]["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert "permissions" not in GITHUB["jobs"]["record"]
    uses = [one["uses"] for one in STEPS if "uses" in one]
    assert len(uses) == 6
    assert all(re.fullmatch(r"actions/[a-z/-]+@v\d+", one) for one in uses)
    assert not any("${{" in one.get("run", "") for one in STEPS)  # nothing of a pull request is pasted into a shell


def test_a_comment_is_written_only_where_the_token_may():
    """A pull request from a fork has its summary, not a comment; GitLab writes one only where there is a token for it."""
    where = next(one["if"] for one in COMPARE if one.get("name") == "Comment")
    assert "github.event.pull_request.head.repo.full_name == github.repository" in where
    assert GITLAB["energy-compare"]["after_script"][0].startswith('[ -n "$ENERGY_NOTE_TOKEN" ]')


def test_what_is_measured_is_kept():
    """All jobs keep what they measured also when a test or the gate failed; the store outlives the job."""
    for job in ("compare", "record"):
        artifacts = GITLAB[f"energy-{job}"]["artifacts"]
        assert (artifacts["when"], artifacts["paths"]) == ("always", ["energy/"])
        upload = GITHUB["jobs"][job]["steps"][-1]
        assert upload["uses"].startswith("actions/upload-artifact@")
        assert (upload["if"], upload["with"]["path"]) == ("${{ !cancelled() }}", "energy/")
    fetched, saved = (
        next(one for one in RECORD if one.get("uses", "").startswith(f"actions/cache/{word}@"))
        for word in ("restore", "save")
    )
    assert saved["with"]["path"] == fetched["with"]["path"] == "energy/store"
    assert saved["with"]["key"] == fetched["with"]["key"]  # of this run, so that it is never there already
    assert saved["with"]["key"].startswith(fetched["with"]["restore-keys"].strip())
    assert saved["if"] == "${{ !cancelled() && hashFiles('energy/store/**') != '' }}"
    cache = GITLAB["energy-record"]["cache"]
    assert (cache["paths"], cache["when"]) == (["energy/store"], "always")
    assert all("--energy-storage energy/store --energy-autosave" in call for call in calls("pytest"))


@pytest.fixture
def shell(tmp_path):
    """Runs a script of a workflow in a small repository, as GitHub checks a pull request out: merged into its base."""
    tools, project, root = tmp_path / "tools", tmp_path / "project", Path(__file__).parents[1]
    tools.mkdir()
    for name, module in (
        ("pytest", "import pytest; sys.exit(pytest.console_main())"),
        ("joules", "from reports.cli import main; sys.exit(main())"),
    ):
        (tools / name).write_text(f"#!{sys.executable}\nimport sys; sys.path.insert(0, {str(root)!r})\n{module}\n")
    (tools / "gh").write_text('#!/bin/sh\necho "$@" >> gh.txt\ncase "$*" in *--jq*) cat known.txt;; esac\n')
    (tools / "curl").write_text(
        '#!/bin/sh\necho "$@" >> curl.txt\ncase "$*" in *--request*) ;; *) cat known.json;; esac\n'
    )
    for tool in tools.iterdir():
        tool.chmod(0o755)
    environ = {
        **os.environ,
        **IDENTITY,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(root),
        "PYTEST_ADDOPTS": "--energy-meter=simulated:400 -p no:cacheprovider --energy-max-rounds=3",
        "PYTEST_PLUGINS": "energy_fixtures.plugin,reports.plugin",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "GITHUB_STEP_SUMMARY": "summary.md",
        "GITHUB_REPOSITORY": "you/yours",
        "NUMBER": "7",
        "SELECTION": "benchmarks",
        "LIMIT": "mean:5%",
        "ROUNDS": "2",
        "SETUP": "echo ready",
    }

    def run(script, **more):
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=project,
            env={**environ, **more},
            capture_output=True,
            text=True,
        )

    def ok(script, **more):
        done = run(script, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    (project / "benchmarks").mkdir(parents=True)
    ok("git init --quiet --initial-branch=main")
    (project / "known.txt").touch()
    (project / "summary.md").touch()
    (project / ".gitignore").write_text("__pycache__\nenergy\n*.txt\n*.json\nsummary.md\n")
    (project / "benchmarks" / "test_tiny.py").write_text(TINY)
    (project / "benchmarks" / "work.py").write_text("SECONDS = 0.05\n")
    ok("git add --all && git commit --quiet --message='Work for 50 ms'")
    ok(
        "git checkout --quiet -b slower && echo 'SECONDS = 0.1' > benchmarks/work.py && git commit --quiet --all -m 'Work for 100 ms'"
    )
    ok("git checkout --quiet main && echo note > README && git add README && git commit --quiet -m 'Other work'")
    run.project, run.ok = project, ok
    return run


def test_a_slower_pull_request_is_red_and_says_so_once(shell):
    """Its steps: status 1 by the merge against what it was merged into, the page in the summary, one comment, updated."""
    shell.ok("git merge --quiet --no-edit slower && mkdir energy")
    done = shell(step("Measure"))
    assert done.returncode == 1, done.stdout + done.stderr
    page = (shell.project / "energy" / "page.md").read_text()
    assert page.startswith(f"{marker()}\n### joules ab\n")
    assert "Other work" in page and "1 REGRESSED" in page
    assert [len(read_run(shell.project / "energy" / f"{side}.json").results) for side in "ab"] == [1, 1]

    shell.ok(step("Show"))
    assert (shell.project / "summary.md").read_text() == page
    shell.ok(step("Comment"))
    (shell.project / "known.txt").write_text("99\n")
    shell.ok(step("Comment"))
    said = (shell.project / "gh.txt").read_text()
    assert "--method POST repos/you/yours/issues/7/comments -F body=@energy/page.md" in said
    assert "--method PATCH repos/you/yours/issues/comments/99 -F body=@energy/page.md" in said


def test_a_merge_request_is_held_against_where_it_left(shell):
    """GitLab's script is GitHub's but for the base: the merge base, or the target branch where merged results are built."""
    (shell.project.parent / "tools" / "joules").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (script,) = GITLAB["energy-compare"]["script"]
    github = shell.ok(step("Measure")).splitlines()
    given = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "1a2b"}
    for base, more in (("1a2b", {}), ("3c4d", {"CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "3c4d"})):
        said = shell.ok(script, **given, **more).splitlines()
        assert said[:3] == ["ab", "--base", base]
        assert said[3:] == github[3:]
    assert github[:3] == ["ab", "--base", "HEAD^1"]
    assert "--setup\necho ready\n" in "\n".join(github)


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq on PATH")
def test_a_note_is_written_once_and_then_updated(shell):
    """GitLab's page goes into a new note, later into the one that starts with the marker; without a token nowhere."""
    (script,) = GITLAB["energy-compare"]["after_script"]
    given = {"CI_API_V4_URL": "https://x/api", "CI_PROJECT_ID": "5", "CI_MERGE_REQUEST_IID": "8"}
    (shell.project / "energy").mkdir()
    (shell.project / "energy" / "page.md").write_text(f"{marker()}\n")
    shell.ok(script, **given)
    assert not (shell.project / "curl.txt").exists()
    for known in ("[]", f'[{{"id": 3, "body": "hello"}}, {{"id": 4, "body": "{marker()}\\n"}}]'):
        (shell.project / "known.json").write_text(known)
        shell.ok(script, ENERGY_NOTE_TOKEN="secret", **given)
    sent = [line.split("--data-urlencode ")[1] for line in (shell.project / "curl.txt").read_text().splitlines()[1::2]]
    notes = "https://x/api/projects/5/merge_requests/8/notes"
    assert sent == [f"body@energy/page.md {notes}", f"body@energy/page.md {notes}/4"]


def test_the_main_branch_is_recorded_and_never_red_for_energy(shell):
    """A first run and a slower second one are both saved, the second is shown beside the first, and neither fails."""
    shell.ok(step("Measure", RECORD))
    shell.ok("echo 'SECONDS = 0.1' > benchmarks/work.py && git commit --quiet --all -m 'Slower, and accepted'")
    (script,) = GITLAB["energy-record"]["script"]
    shell.ok(script)  # GitLab's is the same, but for the folder, which is made before
    shell.ok(step("Show", RECORD))

    saved = sorted(path.name for path in (shell.project / "energy" / "store").rglob("*.json"))
    heads = [shell.ok(f"git rev-parse {name}").strip() for name in ("HEAD~1", "HEAD")]
    assert [name[:45] for name in saved] == [f"000{number}_{head}" for number, head in enumerate(heads, 1)]
    assert not any("uncommitted" in name for name in saved)
    page = (shell.project / "summary.md").read_text()
    assert page.startswith(marker()) and "this session against" in page
    assert "<testsuite" in (shell.project / "energy" / "junit.xml").read_text()


def test_scripts_are_shell():
    """Every script is understood by the shell that runs it: bash on GitHub, a plain one on GitLab."""
    github = [one["run"] for one in STEPS if "run" in one]
    for script in scripts():
        shell = "bash" if script in github else "sh"
        done = subprocess.run([shell, "-n", "-c", script], capture_output=True, text=True)
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
    """GitHub's workflow is clean under actionlint, which may be older than the label and the queue."""
    ignored = ('label "gpu" is unknown', 'unexpected key "queue"')
    words = [word for one in ignored for word in ("-ignore", one)]
    done = subprocess.run(
        ["actionlint", "-no-color", *words, str(CI / "github-energy.yml")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout

"""What README and docs say is there, and what they show works."""

from __future__ import annotations

import re

import pytest

from energy_fixtures.metrics import METRICS
from energy_fixtures.reasons import REASONS


@pytest.fixture(scope="session")
def root(request):
    return request.config.rootpath


def test_every_option_is_documented(root, pytestconfig):
    """Each --energy-* option that pytest knows stands in docs/options.md, and none that it does not know."""
    text = (root / "docs" / "options.md").read_text()
    known = {flag for option in pytestconfig._parser._groups for one in option.options for flag in one.names()}
    ours = {flag for flag in known if flag.startswith("--energy-")}

    assert set(re.findall(r"--energy-[a-z-]+", text)) == ours


@pytest.mark.parametrize("name", [*METRICS, *REASONS])
def test_every_metric_and_reason_is_documented(root, name):
    """Metrics and reason codes stand in docs/metrics.md with what they mean."""
    text = (root / "docs" / "metrics.md").read_text()
    meaning = METRICS[name].what if name in METRICS else REASONS[name].sentence

    assert f"| `{name}` |" in text
    assert meaning in text


def test_options_of_the_readme_exist(root, pytestconfig):
    """The README names no option that is not there."""
    known = {flag for option in pytestconfig._parser._groups for one in option.options for flag in one.names()}
    named = set(re.findall(r"--energy-[a-z-]*[a-z]", (root / "README.md").read_text()))

    assert named <= known


def test_python_of_the_readme_runs(root, pytester, run):
    """The README's fixture examples pass as they stand."""
    blocks = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    plain = [block for block in blocks if "Scenario" not in block]
    pytester.makepyfile(test_readme="\n".join(plain))

    assert plain
    run("--energy-min-window=0.05").assert_outcomes(passed=sum(block.count("def test_") for block in plain))

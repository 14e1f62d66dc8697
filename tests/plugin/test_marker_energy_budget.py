"""`@pytest.mark.energy_budget`: a limit that fails the test item."""

import xml.etree.ElementTree as ElementTree

import pytest

BODY = """
import time
import pytest

@pytest.mark.energy_budget({limits})
def test_x(energy):
    energy.pedantic(time.sleep, args=(0.02,), rounds=2)
"""


def test_within_budget_passes(pytester, run):
    """6 J of sleeping at 300 W stay below 20 J."""
    pytester.makepyfile(BODY.format(limits="joules=20"))

    run().assert_outcomes(passed=1)


def test_above_budget_fails_the_item(pytester, run):
    """The failure names metric, value, limit and method, and JUnit counts it."""
    pytester.makepyfile(BODY.format(limits="joules=2"))
    result = run("--junitxml=junit.xml")
    suite = ElementTree.parse(pytester.path / "junit.xml").getroot().find("testsuite")

    result.assert_outcomes(failed=1)
    assert result.ret == 1
    assert suite.get("failures") == "1"
    result.stdout.fnmatch_lines(
        ["*energy budget exceeded: joules_per_iteration *J (simulated, not measured) > 2.00 J (+*"]
    )


def test_budget_that_cannot_be_checked_fails(pytester, run):
    """A limit on tokens for a test without tokens is a failure, not a silent pass."""
    pytester.makepyfile(BODY.format(limits="joules_per_output_token=1"))
    result = run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*cannot be checked: this test yields no joules_per_output_token*"])


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ("5", "*takes named limits*"),
        ("joule=5", "*unknown metric 'joule'*"),
        ("joules=0", "*needs a number > 0*"),
        ("joules='5'", "*needs a number > 0*"),
        ("output_tokens_per_joule=5", "*better when higher*"),
    ],
)
def test_bad_budget_is_a_usage_error(pytester, run, limits, sentence):
    """A budget that cannot mean anything stops the session before anything runs, exit code 4."""
    pytester.makepyfile(BODY.format(limits=limits))
    result = run()

    assert result.ret == 4
    result.stderr.fnmatch_lines([sentence])


def test_nearest_budget_comes_first(pytester, run):
    """A test's own limit overrides its module's."""
    pytester.makepyfile(
        "import pytest\npytestmark = pytest.mark.energy_budget(joules=0.001)\n" + BODY.format(limits="joules=20")
    )

    run().assert_outcomes(passed=1)


def test_budget_on_a_test_without_the_fixture_is_a_usage_error(pytester, run):
    """A budget that nothing could ever check is refused, exit code 4."""
    pytester.makepyfile("import pytest\n@pytest.mark.energy_budget(joules=1)\ndef test_x(): pass\n")
    result = run()

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*energy_budget limits nothing; the test does not use the energy fixture*"])


def test_budget_that_nothing_was_measured_for_fails(pytester, run):
    """A test that takes the fixture and never calls it does not pass its budget."""
    pytester.makepyfile("import pytest\n@pytest.mark.energy_budget(joules=1)\ndef test_x(energy): pass\n")
    result = run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*energy_budget has nothing to check*"])

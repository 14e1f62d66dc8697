"""Which past cases were to run now: known where it can be, and left open where nobody can tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.selection import Selection, owners


@pytest.fixture
def selection(tmp_path):
    """Of tests in a folder, called in it."""

    def make(*arguments: str, **fields: object) -> Selection:
        return Selection(arguments=arguments or (str(tmp_path),), folder=tmp_path, root=tmp_path, **fields)

    return make


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (".", True),
        ("test_a.py", True),
        ("test_a.py::test_x", True),
        ("test_a.py::test_x[b1]", True),
        ("test_a.py::test_y", False),
        ("test_b.py", False),
        ("elsewhere", False),
    ],
)
def test_arguments_decide(selection, argument, expected):
    """A case is expected where an argument names its test, file or folder, also when the test is gone."""
    assert selection(argument).expects("test_a.py::test_x[b1]") is expected


def test_tests_that_were_found_decide_for_their_parts(selection):
    """A window of a test that is to run is expected, one of a test that was left out is not, whatever else was asked."""
    found = selection(
        selected=frozenset({"test_a.py::test_x"}), left_out=frozenset({"test_a.py::test_y"}), narrowed_by=("-k",)
    )
    assert found.expects("test_a.py::test_x::load")
    assert not found.expects("test_a.py::test_y::load")
    assert not found.leaves_open("test_a.py::test_x::load")
    assert not found.leaves_open("test_a.py::test_y::load")


def test_a_test_that_is_gone_is_left_open_by_a_selection(selection):
    """What -k or -m would have said of a test that was not found is not known; without them it was to run."""
    assert selection().expects("test_a.py::test_gone")
    narrowed = selection(narrowed_by=("-k",))
    assert narrowed.leaves_open("test_a.py::test_gone")
    assert not narrowed.expects("test_a.py::test_gone")
    assert not selection("test_b.py", narrowed_by=("-k",)).leaves_open("test_a.py::test_gone")


def test_owners_of_a_part_whose_test_has_colons_in_its_name():
    """Each place where a test's name may end is tried, because parameters may hold two colons as well."""
    assert "t.py::test_a[x::y]" in list(owners("t.py::test_a[x::y]::2"))
    assert Path(next(iter(owners("t.py::test_a")))) == Path("t.py")

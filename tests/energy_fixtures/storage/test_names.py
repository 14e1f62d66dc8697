from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from energy_fixtures.storage.names import begin, content_word, parse, text_of, word


@settings(max_examples=50)
@given(
    machine=st.text(),
    commit=st.none() | st.text("0123456789abcdef~-"),
    branch=st.none() | st.text(),
    title=st.none() | st.text(),
    dirty=st.booleans(),
)
def test_a_name_is_read_back_as_it_was_made(
    machine: str, commit: str | None, branch: str | None, title: str | None, dirty: bool
) -> None:
    """Whatever machine, commit and branch are called, the name is one file's name and tells them again."""
    made = begin(machine, commit, branch, dirty=dirty, title=title)
    for name in (made, dataclasses.replace(made, group=12, last=True).holding(b"content")):
        assert parse(made.machine, name.file) == name
        assert len(name.file.encode()) <= 240 and "/" not in name.file
        assert name.machine not in ("", ".", "..") and "/" not in name.machine


@settings(max_examples=50)
@given(st.text(max_size=5), st.text(max_size=5))
def test_words_are_equal_exactly_for_equal_texts(one: str, other: str) -> None:
    """No two branches of a length that is not cut have the same word, and people read the branch."""
    assert (word(one) == word(other)) == (one == other)
    assert one in ("", ".", "..") or text_of(word(one)) == one


def test_long_branches_differ_by_their_digest() -> None:
    """A branch that is cut keeps a word of its own."""
    assert word("x" * 300 + "a") != word("x" * 300 + "b")
    assert len(word("ü" * 300)) <= 60


@settings(max_examples=50)
@given(st.text())
def test_any_other_name_is_none_of_ours(name: str) -> None:
    """A file that another program put there is not taken for a run."""
    assert parse("m", name) is None
    assert parse("m", f"20261321_213658_{name}.json") is None


def test_a_name_tells_its_content() -> None:
    """Equal contents have equal digits, another content has others."""
    assert content_word(b"a") == content_word(b"a") != content_word(b"b")

"""Every reader of what comes from others, against files that somebody has bent: a value, or one harmless sentence."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.mutations import mutated
from tests.hostile.readers import READERS, tried

SETTINGS = settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
"""Few, since the same table is fuzzed for hours by tools/fuzz.py; enough to notice a reader that lost its guard."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all files: each example writes its own over the last one's."""
    return tmp_path_factory.mktemp("hostile")


@pytest.mark.parametrize("name", READERS)
def test_a_bent_file_gives_a_value_or_a_sentence(name: str, folder: Path) -> None:
    """Bytes flipped, cut and repeated, values of other types, extreme numbers, deep nesting: no other exception, no markup."""
    reader = READERS[name]

    @SETTINGS
    @given(seed=st.integers(0, 2**32))
    def holds(seed: int) -> None:
        draw = random.Random(seed)
        tried(reader, mutated(draw.choice(reader.seeds), draw, reader.words), folder)

    holds()


@pytest.mark.parametrize("name", READERS)
def test_bytes_of_no_format_give_a_value_or_a_sentence(name: str, folder: Path) -> None:
    """What resembles nothing is refused in the same way."""
    reader = READERS[name]

    @SETTINGS
    @given(content=st.binary(max_size=300))
    def holds(content: bytes) -> None:
        tried(reader, content, folder)

    holds()


@pytest.mark.parametrize("name", [name for name in READERS if name not in ("option", "reply", "training_results")])
def test_a_whole_file_is_taken(name: str, folder: Path) -> None:
    """The files that the bent ones are made of are whole: each reader takes its first."""
    reader = READERS[name]
    if name == "replayed":
        with pytest.raises(
            reader.refusals, match="holds no recording of"
        ):  # it is asked for an unknown case at the end
            reader.read(reader.seeds[0], folder)
    else:
        assert tried(reader, reader.seeds[0], folder) is True

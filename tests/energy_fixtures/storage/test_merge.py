from __future__ import annotations

import pytest

from energy_fixtures.errors import ResultFileError
from energy_fixtures.storage.merge import merged


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"a":' * 100_000])
def test_what_is_no_result_file_is_refused(content: bytes) -> None:
    """Half a document, something else and nesting without end are one sentence each."""
    with pytest.raises(ResultFileError, match="x is not a whole result file"):
        merged([content, content], "x", whole=True)

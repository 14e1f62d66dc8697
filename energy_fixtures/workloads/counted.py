"""Lengths that were counted from texts, as a file of two columns: measured from there on without tokenizer and texts.

    input_tokens,output_tokens                        counted by a tokenizer
    estimated_input_tokens,estimated_output_tokens    estimated, which stays a doubt wherever the file is read

Texts have no arrivals, and neither has this file; traces of numbers need none of it.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads.blocks import Source
from energy_fixtures.workloads.counting import Estimated
from energy_fixtures.workloads.lengths import Lengths, Provenance
from energy_fixtures.workloads.texts import MOST_COUNT

KIND = "counted"
COUNTED = "input_tokens,output_tokens"
ESTIMATED = "estimated_input_tokens,estimated_output_tokens"
BAD = "not two whole numbers of at least 1"

_ROW = re.compile(rb"\s*(\d{1,10})\s*,\s*(\d{1,10})\s*")


def written(lengths: Lengths) -> str:
    """The file's content.

    Raises:
        ConfigurationError: Nothing was counted: the lengths were drawn, or are those of a table.
    """
    source = lengths.provenance
    if source.kind not in ("vllm-custom", "sharegpt"):
        named = "is drawn by its name" if lengths.synthetic else "holds token counts already"
        raise ConfigurationError(
            f"{source.name} {named}, there is nothing to count; name it where a workload is asked for (--energy-workload)"
        )
    heading = ESTIMATED if Estimated().doubt in source.doubts else COUNTED
    pairs = zip(lengths.input_tokens.tolist(), lengths.output_tokens.tolist(), strict=True)
    return "\n".join([heading, *(f"{given},{made}" for given, made in pairs), ""])


def is_counted(header: str) -> bool:
    """Whether a file that begins with this line is one of these."""
    return header.strip() in (COUNTED, ESTIMATED)


def read(source: Source, header: str) -> Lengths:
    """Read such a file; a row that is none costs that row.

    Raises:
        ConfigurationError: No row is usable.
    """
    kept: tuple[list[int], list[int]] = ([], [])
    rows, left_out = 0, Counter[str]()
    lines = (line for block in source.blocks() for line in block.splitlines() if line.strip())
    next(lines)  # the header
    for line in lines:
        rows += 1
        found = _ROW.fullmatch(line)
        numbers = (int(found[1]), int(found[2])) if found is not None else (0, 0)
        if min(numbers) < 1 or max(numbers) > MOST_COUNT:
            left_out[BAD] += 1
            continue
        for side, number in zip(kept, numbers, strict=True):
            side.append(number)
    if not kept[0]:
        raise ConfigurationError(f"{source.path} has no usable row: {rows} read")
    doubt = Estimated().doubt if header.strip() == ESTIMATED else None
    return Lengths(
        input_tokens=np.array(kept[0], dtype=np.int32),
        output_tokens=np.array(kept[1], dtype=np.int32),
        arrival_s=None,
        provenance=Provenance(
            name=source.path.name,
            kind=KIND,
            synthetic=False,
            rows_read=rows,
            left_out=left_out,
            sha256=source.sha256,
            unpacked_sha256=source.unpacked_sha256,
            doubts=(doubt,) if doubt is not None else (),
        ),
    )

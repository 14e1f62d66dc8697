"""Azure's traces and BurstGPT, good rows and bad ones."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.workloads import tables
from energy_fixtures.workloads.blocks import Source
from energy_fixtures.workloads.catalogue import workload
from energy_fixtures.workloads.lengths import Lengths
from energy_fixtures.workloads.traces import read_trace

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens"
BURSTGPT = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type"
HOUR = Path(__file__).parents[4] / "shared" / "data" / "AzureLLMInferenceTrace_conv.csv.gz"


def trace(folder: Path, header: str, *rows: str, name: str = "t.csv") -> Lengths:
    """Write a trace and read it."""
    path = folder / name
    path.write_text("\n".join((header, *rows)) + "\n", newline="")
    return read_trace(path)


def azure(folder: Path, *rows: str) -> Lengths:
    """A trace of 2024 whose rows are at full seconds: `12,3` becomes a whole row."""
    return trace(folder, AZURE, *(f"2024-05-12 00:00:{second:02d}+00:00,{row}" for second, row in enumerate(rows)))


@pytest.mark.skipif(not HOUR.exists(), reason="the published trace is not beside this checkout")
def test_the_published_hour_is_read_whole() -> None:
    """Every row of the conversation trace is there, with its times, and the checksum is the published one."""
    hour = workload(HOUR)
    assert len(hour) == hour.provenance.rows_read == 19_366 and not hour.provenance.left_out
    assert (int(hour.input_tokens.min()), int(hour.input_tokens.max())) == (2, 14_050)
    assert (int(hour.output_tokens.min()), int(hour.output_tokens.max())) == (7, 1_000)
    assert hour.arrival_s is not None and hour.arrival_s[-1] == pytest.approx(3501.721937, abs=1e-7)
    assert hour.provenance.unpacked_sha256 == "2f1e5b666d4e3055fdbba98598ce2ec307767b9064e03e2fa46676dbcc7d0bf8"
    assert hour.provenance.kind == "azure" and not hour.synthetic and hour.provenance.doubts == ()


def test_both_releases_of_azure_are_read(tmp_path: Path) -> None:
    """Seven decimals without a zone, six with one, and none at a full second give the same times."""
    old = trace(tmp_path, AZURE, "2023-11-16 18:15:46.6805900,374,44\r", "2023-11-16 18:15:50.9951690,396,109")
    new = trace(tmp_path, AZURE, "2024-05-12 00:00:00+00:00,1452,3", "2024-05-12 00:00:00.041683+00:00,584,3")
    assert old.arrival_s is not None and old.arrival_s.tolist() == pytest.approx([0, 4.314579], abs=1e-9)
    assert new.arrival_s is not None and new.arrival_s.tolist() == pytest.approx([0, 0.041683], abs=1e-9)
    assert (old.output_tokens.tolist(), new.input_tokens.tolist()) == ([44, 109], [1452, 584])


def test_failed_rows_of_burstgpt_are_counted(tmp_path: Path) -> None:
    """Rows without response tokens are left out as failed; further columns and their order do not matter."""
    rows = ("5,ChatGPT,472,18,490,Conversation log", "45,GPT-4,1087,0,1087,API log", "118,GPT-4,417,276,693,API log")
    seen = trace(tmp_path, BURSTGPT, *rows)
    assert seen.input_tokens.tolist() == [472, 417] and seen.output_tokens.tolist() == [18, 276]
    assert seen.arrival_s is not None and seen.arrival_s.tolist() == [0.0, 113.0]
    assert dict(seen.provenance.left_out) == {tables.FAILED: 1} and seen.provenance.kind == "burstgpt"
    other = trace(tmp_path, "Elapsed time,Response tokens,Timestamp,Request tokens", "0.5,7,1.25,9", "0.5,8,1.5,10")
    assert other.input_tokens.tolist() == [9, 10] and other.arrival_s is not None
    assert other.arrival_s.tolist() == [0.0, 0.25]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("0,5", tables.NO_INPUT),
        ("-3,5", tables.NO_INPUT),
        ("5,0", tables.NO_OUTPUT),
        ("5,-1", tables.NO_OUTPUT),
        ("5.5,5", tables.NOT_WHOLE),
        ("five,5", tables.NOT_WHOLE),
        (",5", tables.NOT_WHOLE),
        ("5", tables.NOT_WHOLE),
        ("5 # one, two", tables.NOT_WHOLE),
        ("nan,5", tables.NOT_WHOLE),
        ("1_000,5", tables.NOT_WHOLE),
        ("99999999999999999999,5", tables.NOT_WHOLE),
        ("1,452,5", tables.RAGGED),
        ('"5,5', tables.NOT_WHOLE),
    ],
)
def test_a_bad_row_costs_one_row(tmp_path: Path, row: str, reason: str) -> None:
    """It is counted by its reason, wherever it stands, and its neighbours stay."""
    for place in range(3):
        rows = ["7,8", "9,10"]
        rows.insert(place, row)
        seen = azure(tmp_path, *rows)
        assert seen.input_tokens.tolist() == [7, 9] and seen.output_tokens.tolist() == [8, 10]
        assert dict(seen.provenance.left_out) == {reason: 1} and seen.provenance.rows_read == 3


def test_a_time_that_cannot_be_read_costs_one_row(tmp_path: Path) -> None:
    """So does a missing one, and one that is no number where seconds are needed."""
    seen = trace(tmp_path, AZURE, "yesterday,7,8", ",7,8", "2024-05-12 00:00:00Z,9,10")
    assert seen.input_tokens.tolist() == [9] and dict(seen.provenance.left_out) == {tables.NO_TIME: 2}
    far = ("0001-01-01 00:00:00", "2300-01-01 00:00:00", "2024-05-12 00:00:00+99:99")
    seen = trace(tmp_path, AZURE, *(f"{time},7,8" for time in far), "2024-05-12 00:00:00Z,9,10")
    assert seen.arrival_s is not None and seen.arrival_s.tolist() == [0.0]
    assert dict(seen.provenance.left_out) == {tables.NO_TIME: 3}
    header = "Timestamp,Request tokens,Response tokens"
    seen = trace(tmp_path, header, "1.5,7,8", "soon,7,8", "inf,7,8", ",7,8", "1e300,7,8", "-2e11,7,8", "nan,7,8")
    assert seen.input_tokens.tolist() == [7] and dict(seen.provenance.left_out) == {tables.NO_TIME: 6}


def test_whole_numbers_with_a_point_and_blank_lines_are_accepted(tmp_path: Path) -> None:
    """12.0 is 12; a blank line is no row; quotes around fields are no part of them."""
    seen = trace(tmp_path, AZURE, "2024-05-12 00:00:00Z,12.0,5", "", '"2024-05-12 00:00:01Z","13","6."', "")
    assert seen.input_tokens.tolist() == [12, 13] and seen.output_tokens.tolist() == [5, 6]
    assert seen.provenance.rows_read == 2 and not seen.provenance.left_out


def test_unsorted_times_are_sorted_and_said(tmp_path: Path) -> None:
    """Requests come in order of arrival, equal times in the order of the file, with a note that they did not."""
    seen = trace(tmp_path, AZURE, "2024-05-12 00:00:05Z,1,1", "2024-05-12 00:00:02Z,2,2", "2024-05-12 00:00:05Z,3,3")
    assert seen.input_tokens.tolist() == seen.output_tokens.tolist() == [2, 1, 3]
    assert seen.arrival_s is not None and seen.arrival_s.tolist() == [0, 3, 3]
    assert "1 time stamp lies before the one above;" in seen.provenance.doubts[0]


def test_zones_are_put_in_order_or_refused(tmp_path: Path) -> None:
    """Several zones become one order with a note; a zone on some rows only cannot be ordered and is refused."""
    seen = trace(tmp_path, AZURE, "2024-05-12 02:00:00+02:00,1,1", "2024-05-12 00:00:01+00:00,2,2")
    assert seen.arrival_s is not None and seen.arrival_s.tolist() == [0, 1]
    assert "several zones (+00:00, +02:00)" in seen.provenance.doubts[0]
    with pytest.raises(ConfigurationError, match=r"a zone \(\+02:00\) and others without; give all of them one"):
        trace(tmp_path, AZURE, "2024-05-12 02:00:00+02:00,1,1", "2024-05-12 00:00:01,2,2")


def test_huge_rows_are_kept_exactly(tmp_path: Path) -> None:
    """1e9 tokens fit, and so does what does not fit into 32 bits; the sum does not overflow."""
    seen = azure(tmp_path, *["1000000000,5"] * 3)
    assert int(seen.input_tokens.sum(dtype="int64")) == 3_000_000_000 and str(seen.input_tokens.dtype) == "int32"
    seen = azure(tmp_path, "3000000000,5", "1,5")
    assert seen.input_tokens.tolist() == [3_000_000_000, 1] and str(seen.input_tokens.dtype) == "int64"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("TIMESTAMP,ContextTokens", "has no column 'GeneratedTokens'; needed are TIMESTAMP, ContextTokens, Gener"),
        ("Timestamp,Model,Request tokens", "looks like burstgpt but has no column 'Response tokens'"),
        (f"{AZURE},ContextTokens", "has 2 times the column 'ContextTokens'"),
        ("ContextTokens,GeneratedTokens,\x1b[31mtime", "no column 'TIMESTAMP'; .* seen were .* \\[31mtime"),
    ],
)
def test_missing_columns_are_named_beside_those_that_were_seen(tmp_path: Path, header: str, words: str) -> None:
    """The sentence says which column, what the format needs and what is there, with nothing that steers a terminal."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        trace(tmp_path, header, "1,2,3")
    assert "\x1b" not in str(caught.value)


def test_nothing_usable_is_refused_with_the_reasons(tmp_path: Path) -> None:
    """A header alone, and rows that are all bad, end in a sentence that counts them."""
    with pytest.raises(ConfigurationError, match=r"has no usable row: 0 read$"):
        azure(tmp_path)
    with pytest.raises(ConfigurationError, match=r"2 read, 1 with no input tokens .*, 1 with no output tokens"):
        azure(tmp_path, "0,5", "5,0")


FIELD = st.one_of(st.integers(-2, 40).map(str), st.sampled_from(["", "x", "2.5", "3.0", '"4"']))


@given(
    rows=st.lists(st.tuples(st.integers(0, 59), FIELD, FIELD), min_size=1, max_size=25),
    size=st.integers(60, 300),
    packed=st.booleans(),
)
def test_rows_are_those_of_a_plain_reader_however_the_file_is_cut(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str, str]], size: int, packed: bool
) -> None:
    """Each row is kept or counted once, and order, lengths and times are those of looking at one after the other."""
    text = f"{AZURE}\n" + "".join(f"2024-05-12 00:00:{at:02d}.250000+00:00,{i},{o}\n" for at, i, o in rows)
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    good = {str(number): number for number in range(1, 41)} | {"3.0": 3, '"4"': 4}
    wanted = sorted(((at, good[i], good[o]) for at, i, o in rows if i in good and o in good), key=lambda row: row[0])
    source = Source(path, block_bytes=size)
    if not wanted:
        with pytest.raises(ConfigurationError, match=f"no usable row: {len(rows)} read"):
            tables.read(source, tables.AZURE, AZURE.split(","))
        return
    seen = tables.read(source, tables.AZURE, AZURE.split(","))
    assert seen.arrival_s is not None
    assert seen.arrival_s.tolist() == [at - wanted[0][0] for at, _, _ in wanted]
    assert list(zip(seen.input_tokens.tolist(), seen.output_tokens.tolist(), strict=True)) == [
        (i, o) for _, i, o in wanted
    ]
    assert seen.provenance.rows_read == len(rows) == len(wanted) + sum(seen.provenance.left_out.values())

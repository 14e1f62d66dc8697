"""`joules workload` as a person types it: what it prints, what it writes, and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from energy_fixtures.workloads.catalogue import SYNTHETIC
from energy_fixtures.workloads.downloads import DOWNLOADS, Download
from reports.cli import main

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
ROWS = (
    "2024-05-12 00:00:00Z,33,8\n2024-05-12 00:00:01Z,8192,512\n2024-05-12 00:00:02Z,8193,1\n2024-05-12 00:00:03Z,0,1\n"
)


@pytest.fixture
def trace(tmp_path: Path) -> str:
    """Three usable requests, one of them too long for the bins, and a bad row."""
    path = tmp_path / "t.csv"
    path.write_text(HEADER + ROWS)
    return str(path)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["workload", *arguments]) == 0
    seen = capsys.readouterr()
    assert seen.err == "" and "\x1b" not in seen.out
    return seen.out


def test_a_trace_is_shown_with_its_cells_and_their_inflation(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Lengths, pace, what was left out, cells, what is in none, and by how much cells overstate, are all there."""
    page = printed(capsys, trace)
    for words in (
        "workload t.csv: 3 requests\n",
        "over 2.0 s: 1.00 requests/s, gaps between arrivals with a coefficient of variation of 0.00",
        "azure format, 4 rows read, 1 left out: no input tokens (zero or negative)",
        "2 of 3 requests (66.67 %) in 2 of 56 cells; left out 1 with more than 8,192 input tokens",
        "binning inflates input ×1.0116 (8,320 / 8,225), output ×1.0000 (520 / 520)",
    ):
        assert words in page, page
    assert "synthetic" not in page


def test_json_holds_what_the_page_says(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One record with figures, cells and counts; unknown is null."""
    seen = json.loads(printed(capsys, trace, "--format", "json", "--bins", "powers"))
    assert seen["binned"]["cells"] == [
        {
            "input_tokens": 64,
            "output_tokens": 8,
            "requests": 1,
            "true_input_tokens": 33,
            "true_output_tokens": 8,
        },
        {
            "input_tokens": 8192,
            "output_tokens": 512,
            "requests": 1,
            "true_input_tokens": 8192,
            "true_output_tokens": 512,
        },
    ]
    assert seen["binned"]["input_inflation"] == pytest.approx((64 + 8192) / (33 + 8192))
    assert (seen["binned"]["beyond_input"], seen["binned"]["cells_possible"]) == (1, 70)
    assert seen["left_out"] == {"no input tokens (zero or negative)": 1} and seen["synthetic"] is False
    assert seen["summary"]["input"]["largest"] == 8193 and seen["summary"]["pace"]["rate_per_s"] == 1.0
    assert seen["reference"] is None and seen["published_as"] is None and len(seen["sha256"]) == 64


def test_a_synthetic_workload_says_so_beside_the_published_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """The title says that it was drawn, and each achieved figure stands above the published one."""
    page = printed(capsys, "azure-code-like", "--requests", "2000")
    assert page.startswith("workload azure-code-like: 2,000 requests, synthetic: drawn, not recorded")
    lines = [line.split() for line in page.splitlines()]
    assert ["published", "2,511.28", "2,133.54", "1,930", "—", "—", "7,685", "—", "—"] in lines
    assert ["published", "22.69", "74.78", "8", "—", "—", "271", "—", "—"] in lines
    assert "no arrival times" in page and "note: drawn to match published figures" in page
    seen = json.loads(printed(capsys, "azure-code-like", "--requests", "10", "--seed", "3", "--format", "json"))
    assert seen["synthetic"] is True and seen["reference"]["stands_for"] == "Azure code"


def test_the_answer_and_the_picture_go_to_files(trace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """-o holds the page and one line is printed; --plot holds the picture."""
    out, plot = tmp_path / "page.txt", tmp_path / "lengths.svg"
    said = printed(capsys, trace, "-o", str(out), "--plot", str(plot), "--requests", "2", "--input-bins", "100,9000")
    assert said == (
        "t.csv: 2 requests, 2 of them in 2 of 14 cells; binning inflates input ×1.1064 (9,100 / 8,225), output ×1.0000 (520 / 520)\n"
    )
    assert "note: the first 2 of 3 requests" in out.read_text() and plot.read_text().startswith("<svg")
    printed(capsys, trace, "-o", str(out), "--format", "json")
    assert json.loads(out.read_text())["workload"] == "t.csv"


def test_one_request_is_told_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A single request has no pace; what is too long on both sides is beyond both limits."""
    path = tmp_path / "one.csv"
    path.write_text(HEADER + "2024-05-12 00:00:00Z,9000,600\n")
    page = printed(capsys, str(path))
    for words in ("one.csv: 1 request\n", "one request: no gap", "1 row read", "0 of 1 request (0.00 %)"):
        assert words in page, page
    assert "left out 1 with more than both limits" in page and "at once" not in page


def test_counted_texts_become_a_workload_of_lengths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--lengths writes a file that shows the same requests, with what weakens them; a table needs none."""
    texts, lengths = tmp_path / "t.jsonl", tmp_path / "lengths.csv"
    texts.write_text('{"prompt": "12345678", "output_tokens": 5}\n{"prompt": "1234", "output_tokens": 9}\n')
    printed(capsys, str(texts), "--tokenizer", "estimate", "--lengths", str(lengths))
    assert lengths.read_text() == "estimated_input_tokens,estimated_output_tokens\n2,5\n1,9\n"
    page = printed(capsys, str(lengths))
    assert "lengths.csv: 2 requests" in page and "counted format, 2 rows read" in page
    assert "note: token counts are estimates" in page
    assert main(["workload", "burstgpt-like", "--lengths", str(lengths)]) == 4
    assert "burstgpt-like is drawn by its name" in capsys.readouterr().err
    assert lengths.read_text().endswith("2,5\n1,9\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "which workload? name a trace, a generator such as burstgpt-like, or --download NAME"),
        (["azure-cht-like"], "nearest are azure-chat-like"),
        (["burstgpt-like", "--bins", "print"], "the bins 'print' are neither printed nor powers nor a file"),
        (["burstgpt-like", "--output-bins", "8,x"], "--output-bins has 'x'"),
        (["burstgpt-like", "--input-bins", "8,8"], "the input bins are 8, 8"),
        (["burstgpt-like", "--plot", "x.jpg"], "--plot x.jpg is no kind of picture"),
        (["burstgpt-like", "--requests", "0"], "0 requests were asked for"),
        (["burstgpt-like", "--requests", "many"], "Invalid value for '--requests'"),
        (["burstgpt-like", "--format", "csv"], "Invalid value for '--format'"),
        (["--download", "azure"], "nothing to download is called 'azure'; there are azure-2"),
        (["burstgpt-like", "--download", "azure-2023-conv"], "names the workload already; leave burstgpt-like out"),
        (["."], "is a folder; name a trace in it"),
    ],
)
def test_wrong_use_is_told_in_one_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be answered ends with status 4 and one line, and nothing on the output."""
    assert main(["workload", *arguments]) == 4
    seen = capsys.readouterr()
    assert seen.out == "" and seen.err.startswith("joules: ") and seen.err.count("\n") == 1
    assert words in seen.err


def test_the_trace_is_never_written_over(trace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An answer or a picture for the trace's own name is refused, and the trace stays."""
    assert main(["workload", trace, "-o", trace]) == 4
    assert "is what the answer is made from; name another file" in capsys.readouterr().err
    linked = tmp_path / "x.svg"
    linked.symlink_to(trace)
    assert main(["workload", trace, "--plot", str(linked)]) == 4
    assert Path(trace).read_text() == HEADER + ROWS


def test_a_file_that_is_there_counts_as_downloaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """--download of a file that lies there fetches nothing, says what is known of it, and goes on to show it."""
    monkeypatch.setenv("no_proxy", "*")
    (tmp_path / DOWNLOADS["azure-2024-conv"].file_name).write_text(HEADER + ROWS)
    assert main(["workload", "--download", "azure-2024-conv", "--to", str(tmp_path)]) == 0
    seen = capsys.readouterr()
    assert "was there already, licence CC BY 4.0, SHA-256" in seen.err
    assert "which is not verified: no published checksum is known" in seen.err
    assert "workload AzureLLMInferenceTrace_conv_1week.csv: 3 requests" in seen.out


def test_a_download_that_fails_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody answers: one sentence, exit status 1, nothing shown and nothing left behind."""
    monkeypatch.setenv("no_proxy", "*")
    nowhere = Download(url="http://127.0.0.1:1/trace.csv", licence="none")
    monkeypatch.setitem(DOWNLOADS, "azure-2024-conv", nowhere)
    assert main(["workload", "--download", "azure-2024-conv", "--to", str(tmp_path)]) == 1
    seen = capsys.readouterr()
    assert seen.out == "" and "could not be fetched" in seen.err and seen.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_help_names_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Every generator and every download stands in the help."""
    page = " ".join(printed(capsys, "--help").split())
    assert all(name in page.replace("- ", "-") for name in (*SYNTHETIC, *DOWNLOADS)), page


def test_help_needs_nothing_heavy(request: pytest.FixtureRequest) -> None:
    """Asking for help imports no NumPy, Polars, Altair or SciPy."""
    root = request.config.rootpath
    script = (
        "import sys\nfrom reports.cli import main\nstatus = main(['workload', '--help'])\n"
        "heavy = [name for name in ('numpy', 'polars', 'altair', 'scipy') if name in sys.modules]\n"
        "sys.exit(status or heavy or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr

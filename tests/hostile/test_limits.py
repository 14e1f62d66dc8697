"""How much of a foreign file is read, and how deep: known answers where a parser would go on."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from energy_fixtures import foreign
from energy_fixtures.errors import MOST_SAID, ConfigurationError, JoulesError, harmless
from energy_fixtures.foreign import MOST_RESULT_BYTES, MOST_TABLE_BYTES, MOST_TOKENIZER_BYTES, MOST_TRACE_BYTES
from energy_fixtures.models.architecture import architecture
from energy_fixtures.models.catalogue import config_of, resolve
from energy_fixtures.store import read_run
from energy_fixtures.workloads import blocks
from energy_fixtures.workloads.bins import chosen
from energy_fixtures.workloads.prompts import special_ids
from energy_fixtures.workloads.traces import read_trace
from reports.boards import all_boards
from reports.compare.run_files import RunFile
from reports.estimate.histogram import read_histogram
from reports.estimate.reading import read_scenario
from reports.past import code_of
from reports.predict.models import find_model
from reports.predict.predictor import read_predictor
from reports.predict.training import read_observations
from tests.hostile.readers import READERS, tried

SENTENCES = {
    "x.json result": (read_run, MOST_RESULT_BYTES),
    "y.json result": (RunFile, MOST_RESULT_BYTES),
    "x.toml": (read_scenario, MOST_TABLE_BYTES),
    "boards.toml": (all_boards, MOST_TABLE_BYTES),
    "bins.json": (lambda path: chosen(str(path)), MOST_TABLE_BYTES),
    "config.json": (lambda path: find_model(str(path)), MOST_TABLE_BYTES),
    "predictor.json": (read_predictor, MOST_TABLE_BYTES),
    "table.csv": (lambda path: read_observations([path]), MOST_TABLE_BYTES),
}


def sparse(path: Path, size: int) -> Path:
    """A file of that many zeros that takes no room."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


@pytest.mark.parametrize("name", SENTENCES)
def test_a_file_that_is_too_large_is_not_read(name: str, tmp_path: Path) -> None:
    """One byte more than its kind may have: the sentence says the limit, and no byte of it comes into memory."""
    read, most = SENTENCES[name]
    with pytest.raises(JoulesError, match=f"holds more than the {most >> 20:,} MiB"):
        read(sparse(tmp_path / name.replace(" ", "-"), most + 1))


def test_what_is_only_looked_at_is_unknown_when_it_is_too_large(tmp_path: Path) -> None:
    """A commit and special ids of files that are too large are as unknown as those of files that are not there."""
    assert code_of(sparse(tmp_path / "0001_x.json", MOST_RESULT_BYTES + 1)) is None
    sparse(tmp_path / "tokenizer.json", MOST_TOKENIZER_BYTES + 1)
    assert special_ids(tmp_path) == frozenset()


def test_a_device_is_no_file() -> None:
    """A device without an end is refused before it is read."""
    with pytest.raises(ConfigurationError, match="is a device, not a file"):
        read_scenario(Path("/dev/zero"))


@pytest.mark.parametrize("name", [name for name in READERS if name not in ("http", "events", "metrics", "option")])
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"energy":', b"a = [", b"[a.", b'{"prompt":'])
def test_nesting_without_end_is_no_crash(name: str, opening: bytes, tmp_path: Path) -> None:
    """A hundred thousand levels give a value or a sentence, where parsers raise what no reader waits for."""
    tried(READERS[name], opening * 100_000, tmp_path)


def test_a_trace_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros packed a thousandfold stop at a hundred times the file's size; a trace that packs as text does is read."""
    monkeypatch.setattr(blocks, "SMALL_UNPACKED_BYTES", 1 << 20)
    bomb = tmp_path / "bomb.csv.gz"
    bomb.write_bytes(gzip.compress(b"TIMESTAMP,ContextTokens,GeneratedTokens\n" + b"0\n" * (4 << 20)))
    with pytest.raises(ConfigurationError, match="unpacks to more than 100 times its size"):
        read_trace(bomb)


def test_packed_lengths_that_unpack_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So they are where another library unpacks the file as a whole: before it begins."""
    monkeypatch.setattr(foreign, "SMALL_UNPACKED_BYTES", 1 << 20)
    bomb, honest = tmp_path / "bomb.csv.gz", tmp_path / "honest.csv.gz"
    bomb.write_bytes(gzip.compress(b"ContextTokens,GeneratedTokens\n" + b"1,1\n" * (2 << 20)))
    honest.write_bytes(gzip.compress(b"ContextTokens,GeneratedTokens\n" + b"1,1\n" * 2_000))
    with pytest.raises(ConfigurationError, match="unpacks to more than 100 times its size"):
        read_histogram([bomb])
    assert read_histogram([honest]).requests == 2_000


def test_a_trace_in_one_piece_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An array of conversations has to lie in memory: more than the limit is refused, packed or plain."""
    monkeypatch.setattr(blocks, "MOST_TRACE_BYTES", 1000)
    for path in (tmp_path / "a.json", tmp_path / "a.json.gz"):
        content = b"[" + b" " * 2000 + b"]"
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        with pytest.raises(ConfigurationError, match="that are read at once; cut it into parts"):
            read_trace(path, "estimate")
    assert MOST_TRACE_BYTES == 4 << 30


@pytest.mark.parametrize("layers", [100_001, 10**9, 10**30])
def test_a_model_of_impossibly_many_layers_is_refused_at_once(layers: int) -> None:
    """Layers are looked at one by one in some families, so a configuration may not claim a billion of them."""
    config = {
        "model_type": "mixtral",
        "hidden_size": 8,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "vocab_size": 9,
    }
    experts = {"num_local_experts": 2, "num_experts_per_tok": 1, "num_hidden_layers": layers}
    with pytest.raises(ConfigurationError, match=r"at most 1"):
        architecture({**config, **experts})


def test_a_foreign_name_is_written_out_and_cut() -> None:
    """Every error of ours shows what it quotes as data: no control characters, no line of its own, no page of text."""
    error = ConfigurationError("no run is called 'a\x1b[2J\n::error::b\u202ec" + "x" * 100_000 + "'; name another")
    assert str(error).isprintable()
    assert r"a\x1b[2J\n::error::b\u202ec" in str(error)
    assert len(str(error)) <= MOST_SAID + 3
    assert str(error).endswith("; name another")


def test_lines_of_another_program_stay_lines() -> None:
    """Output that is shown below a sentence keeps its line ends and loses everything else that steers a terminal."""
    assert str(JoulesError("it failed:", below="one\n\x1b[31mtwo\r")) == "it failed:\none\n\\x1b[31mtwo\\r"
    assert harmless("tab\tstays", lines=True) == "tab\tstays"


def test_a_folder_model_with_a_broken_configuration_says_so(tmp_path: Path) -> None:
    """A session that names such a folder is told in a sentence, not by a traceback."""
    (tmp_path / "config.json").write_bytes(b"[" * 100_000)
    with pytest.raises(ConfigurationError, match=r"cannot be read .*it nests too deeply"):
        config_of(resolve(str(tmp_path)))

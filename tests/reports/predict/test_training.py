from __future__ import annotations

import msgspec
import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.records import Decoding, Speculation
from reports.predict.training import BATCH, BATCHED_WEIGHT, read_observations

HEAD = "model,gpu,count,params_b,single_wh,batched_wh\n"


@pytest.fixture
def csv(tmp_path):
    """A table with these lines below its heading."""

    def write(*lines: str, head: str = HEAD):
        path = tmp_path / "table.csv"
        path.write_text(head + "".join(f"{line}\n" for line in lines))
        return path

    return write


@pytest.fixture
def saved(tmp_path, case, run_of):
    """A result file with one case."""

    def write(name: str = "run.json", **fields: object):
        path = tmp_path / name
        result = case("b1", [0.5, 0.6], **{"model": "shape:llama-3.1-8b", **fields})
        path.write_bytes(msgspec.json.encode({"energy": run_of(result)}))
        return path

    return write


def test_a_row_is_two_observations(csv):
    """A row with both figures says what one prompt takes and, with less weight, what one of a batch takes."""
    single, batched = read_observations([csv("Llama-2-7b,A100-40,1,6.74,0.2595,0.0145")])
    assert (single.model, single.gpu, single.column) == ("Llama-2-7b", "NVIDIA A100 40GB SXM", "single")
    assert (single.joules, single.work.batch, single.weight) == (pytest.approx(934.2), 1, 1)
    assert (single.work.input_tokens, single.work.output_tokens) == (300, 300)
    assert (batched.joules, batched.work.batch, batched.weight) == (pytest.approx(52.2), BATCH, BATCHED_WEIGHT)


def test_a_row_may_state_its_own_work(csv):
    """Columns for batch and lengths are taken where they are there, and such a batch counts fully."""
    head = "model,gpu,count,single_wh,batched_wh,batch,input_tokens,output_tokens\n"
    (batched,) = read_observations([csv("OPT-30B,A100-80,1,,0.08,100,900,100", head=head)])
    assert (batched.work.batch, batched.work.input_tokens, batched.work.output_tokens) == (100, 900, 100)
    assert batched.weight == 1


@pytest.mark.parametrize("column", ["batch", "input_tokens", "output_tokens"])
def test_half_a_token_is_refused(csv, column):
    """Batches and lengths below one are refused with the line and the column."""
    with pytest.raises(ConfigurationError, match=f"line 2: {column} must be a whole number from 1 on, got 0.5"):
        read_observations([csv("Llama-2-7b,A100-40,1,0.2,0.5", head=f"model,gpu,count,single_wh,{column}\n")])


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"[1]", b'{"energy": 3}', b"[" * 9000])
@pytest.mark.parametrize("name", ["foreign.json", "foreign.csv"])
def test_foreign_files_are_refused(tmp_path, name, content):
    """Whatever a file holds, it is a row or a refusal that names the file."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="foreign"):
        read_observations([path])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Lama-2-7b,A100-40,1,6.74,0.2,", "line 2.*Llama-2-7b"),
        ("Llama-2-7b,A100-4O,1,6.74,0.2,", "line 2.*A100"),
        ("Llama-2-7b,A100-40,1,6.74,-0.2,", "single_wh must be a number above 0"),
        ("Llama-2-7b,A100-40,1,6.74,x,", "single_wh must be a number above 0"),
        ("Llama-2-7b,A100-40,0,6.74,0.2,", "count must be a number above 0"),
        ("Llama-2-7b,A100-40,1.5,6.74,0.2,", "count must be a whole number from 1 on, got 1.5"),
        ("Llama-2-7b,A100-40,1,6.74,,", "no row that can be used"),
        ("\x1b[31m,A100-40,1,6.74,0.2,", r"\\x1b"),
    ],
)
def test_a_bad_row_is_named(csv, line, words):
    """What is wrong with a table is said with its line, and control characters are written out."""
    with pytest.raises(ConfigurationError, match=words) as refused:
        read_observations([csv(line)])
    assert "\x1b" not in str(refused.value)


def test_a_table_without_its_columns(csv):
    """A table that is another one is refused with the columns that it needs."""
    with pytest.raises(ConfigurationError, match="has no column model, gpu"):
        read_observations([csv("1,2", head="a,b\n")])


def test_nothing_to_read(tmp_path):
    """A missing file and no file at all are refused."""
    with pytest.raises(ConfigurationError, match=r"gone\.csv cannot be read"):
        read_observations([tmp_path / "gone.csv"])
    with pytest.raises(ConfigurationError, match="empty"):
        read_observations([])


def test_a_result_file_of_ours(saved):
    """A measured case gives its joules per request with board, architecture, batch, lengths, dtype and execution."""
    path = saved(batch_size=4, input_tokens=8, output_tokens=10, execution="cuda_graphs", dtype="bfloat16")
    (one,) = read_observations([path])
    assert one.joules == pytest.approx(5.5)  # 0.55 J/token, ten tokens
    assert (one.model, one.gpu, one.column, one.method) == ("shape:llama-3.1-8b", "NVIDIA H200", "result", "counter")
    assert (one.work.batch, one.work.input_tokens, one.work.execution) == (4, 8, "cuda_graphs")
    assert one.work.weight_bytes == 2


def test_synthetic_architectures_of_a_sweep(saved):
    """Cases of the sweep are read by their synthetic names."""
    (one,) = read_observations([saved(model="synthetic:l12-h768-a12-kv4-f3072-e8k2")])
    assert (one.shape.layers, one.shape.experts) == (12, 8)


@pytest.mark.parametrize("method", ["modelled", "simulated", "replay"])
def test_joules_that_no_meter_measured_are_refused(saved, method):
    """They are refused with the option that allows them, and with it the row says what it is."""
    path = saved(method=method)
    with pytest.raises(ConfigurationError, match=f"{method} joules.*--allow-modelled"):
        read_observations([path])
    (one,) = read_observations([path], allow_modelled=True)
    assert one.method == method


def test_measured_and_modelled_never_mix(saved, csv):
    """Not even where modelled joules are allowed."""
    files = [csv("Llama-2-7b,A100-40,1,6.74,0.2595,"), saved(method="modelled")]
    with pytest.raises(ConfigurationError, match="measured and other joules meet"):
        read_observations(files, allow_modelled=True)


@pytest.mark.parametrize(
    "fields",
    [
        {"speculation": Speculation(method="ngram", ngram_max=3)},
        {"decoding": Decoding.beam(4)},
        {"quantization": "awq"},
        {"scope": ("cpu:0",)},
    ],
)
def test_work_that_the_physics_does_not_describe_is_left_out(saved, fields):
    """Speculation, beams, quantised kernels and work on the host teach nothing here."""
    with pytest.raises(ConfigurationError, match="no row that can be used"):
        read_observations([saved(**fields)])


def test_a_broken_result_file(tmp_path):
    """A file that is no run is refused by its name."""
    path = tmp_path / "run.json"
    path.write_text("{}")
    with pytest.raises(ConfigurationError, match=r"run\.json has no `energy` block"):
        read_observations([path])


def test_a_board_of_ones_own(saved, csv, tmp_path):
    """A board that the table does not know is taken from a file; without the file it is refused with the nearest."""
    path = csv("Llama-2-7b,Simulated Board,1,6.74,0.2595,")
    with pytest.raises(ConfigurationError, match="no board is called 'Simulated Board'"):
        read_observations([path])
    boards = tmp_path / "boards.toml"
    boards.write_text(
        '[[board]]\nname = "Simulated Board"\narchitecture = "x"\ntdp_w = 100\nmemory = "y"\nmemory_gib = 40\n'
        'bandwidth_gb_s = 500\ndense_tflops = { bf16 = 50 }\ncores = 7\nsource = "made up"\n'
    )
    (one,) = read_observations([path], boards=boards)
    assert (one.gpu, one.cores, one.machine.tdp_w) == ("Simulated Board", 7, 100)

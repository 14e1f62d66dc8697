from __future__ import annotations

from reports.predict.features import table_v


def test_thirty_features(row, constants):
    """Table V of the paper: six of the inference, seventeen of the model, seven of the boards, all finite numbers."""
    found = table_v(row("Mixtral-8x7B", "A100-80", constants, boards=2, batch=50.0))
    assert len(found) == 30
    assert all(value == value and abs(value) < 1e15 for value in found.values())


def test_known_values(row, constants):
    """Mixtral on two A100-80: its config's sizes, 93 GB required, what the two boards leave free, 6,912 cores."""
    found = table_v(row("Mixtral-8x7B", "A100-80", constants, boards=2, batch=50.0))
    expected = {
        "batch size": 50,
        "layers": 32,
        "hidden size": 4096,
        "intermediate size": 14336,
        "KV heads": 8,
        "attention heads": 32,
        "mixture of experts": 1,
        "local experts": 8,
        "experts per token": 2,
        "KV cache per prompt": 600 * 131_072,
        "embedding parameters": 32_000 * 4096,
        "required VRAM": 2 * 46_702_792_704,
        "precision of the model": 16,
        "quantisation": 0,
        "GPU count": 2,
        "TDP": 400,
        "CUDA cores": 6912,
    }
    assert {name: found[name] for name in expected} == expected
    assert found["VRAM free after load"] < 2 * 80 * 2**30 - found["required VRAM"]


def test_what_a_run_changes(row, constants):
    """Launching by graphs, and eight bit weights, show in the features of the inference."""
    eager, graphs = (table_v(row("OPT-125M", "L4", constants, execution=mode)) for mode in ("eager", "cuda_graphs"))
    assert eager["hybrid or eager"] != graphs["hybrid or eager"]
    assert table_v(row("OPT-125M", "L4", constants, weight_bytes=1.0))["quantisation"] == 1

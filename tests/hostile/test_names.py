"""Names that come from files, boards and options: data, and never a way to another place of the disk or to trusted code."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from msgspec.structs import replace

from energy_fixtures.engines.catalogue import engine_spec
from energy_fixtures.engines.vllm_serve import command
from energy_fixtures.errors import ConfigurationError, EngineFailed, JoulesError
from energy_fixtures.models.base import LocalModel
from energy_fixtures.models.catalogue import architecture_of, resolve
from energy_fixtures.models.materialise import materialise
from energy_fixtures.option_table import VALUES
from energy_fixtures.records import Scenario
from energy_fixtures.store import Store
from energy_fixtures.timing import machine_folder
from energy_fixtures.workloads.downloads import DOWNLOADS
from reports.compare.run_files import find_run
from reports.page.plots import _file_name
from reports.predict.training import read_observations
from tests.hostile import seeds
from tests.hostile.mutations import MARKUP
from tests.hostile.seeds import HEAD

CLIMBING = (
    *(
        "..",
        "../x",
        "../../../../etc/passwd",
        "/etc/passwd",
        "a/../../b",
        "..\\..\\x",
        ".",
        "",
        "~",
        "~root/x",
        "\0",
        "a\0b",
    ),
    *("x" * 300, "x" * 10_000, "-rf", "--help", "con:", "a\nb", "\x1b[31m", "\u202e"),
    *MARKUP[:-1],
)


@pytest.mark.parametrize("name", CLIMBING)
def test_a_boards_name_stays_one_folder(name: str, tmp_path: Path) -> None:
    """A run of a board with any name lies in one folder right below the store."""
    store = Store(tmp_path / "store", machine_folder((name,)))
    writer = store.begin("tag", HEAD)
    assert writer.path.parent.parent == tmp_path / "store"
    assert writer.path.resolve().is_relative_to(tmp_path / "store")
    writer.close()


@pytest.mark.parametrize("name", CLIMBING)
def test_a_runs_name_stays_in_its_folder(name: str, tmp_path: Path) -> None:
    """What --energy-save takes is one file's name below the machine's folder; everything else is refused."""
    (convert,) = [option.convert for option in VALUES if option.name == "save"]
    assert convert is not None
    store = Store(tmp_path / "store", "machine")
    with contextlib.suppress(ConfigurationError):  # refused, here or by the disk: that is as good
        writer = store.begin(convert(name), HEAD)
        assert writer.path.parent.resolve() == store.folder.resolve()
        writer.close()
    assert [path.name for path in tmp_path.iterdir()] in ([], ["store"])


@pytest.mark.parametrize("name", [*CLIMBING, "../outside", "machine/../../outside", "0001_*"])
def test_a_reference_finds_runs_of_the_store_alone(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number or a part of a name never leads out of the store; a path is taken only where it is a file that is named whole."""
    monkeypatch.chdir(tmp_path)
    outside = tmp_path / "outside" / "0001_secret.json"
    outside.parent.mkdir()
    outside.write_bytes(seeds.result_files()[0])
    (tmp_path / "store" / "machine").mkdir(parents=True)
    try:
        found = find_run(name, tmp_path / "store")
    except (JoulesError, OSError):
        return
    assert found == Path(name) and found.is_file()


@pytest.mark.parametrize("name", CLIMBING)
def test_a_pictures_name_is_a_file_name(name: str) -> None:
    """What a figure is called after holds letters, digits and dashes only."""
    assert _file_name(name).replace("-", "").isalnum() or _file_name(name) == ""
    assert len(_file_name(name)) <= 60


def test_a_download_is_called_by_a_plain_name() -> None:
    """The files that can be fetched have names without a folder in them, encrypted addresses, and checksums but for two."""
    for wanted in DOWNLOADS.values():
        assert Path(wanted.file_name).name == wanted.file_name
        assert wanted.url.startswith("https://")
    assert [name for name, wanted in DOWNLOADS.items() if wanted.sha256 is None] == [
        "azure-2024-conv",
        "azure-2024-code",
    ]


@pytest.mark.parametrize("revision", ["..", "../../x", "a/../b", "/etc", "x" * 300, "refs/../../..", "-x", "a b"])
def test_a_revision_stays_in_the_hubs_cache(revision: str) -> None:
    """A revision becomes part of a path: one that climbs is no model's name."""
    with pytest.raises(ConfigurationError, match="no model is called"):
        resolve(f"owner/name@{revision}")


@pytest.mark.parametrize("said", ["../../../../outside", "/outside", "main\n", "\xff" * 3, ""])
def test_a_reference_in_the_hubs_cache_leads_nowhere_else(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a cached reference says is a commit or nothing: a configuration outside the cache is not read."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "config.json").write_bytes(seeds.configurations()[0])
    hub = tmp_path / "a" / "b" / "c" / "hub"
    repository = hub / "models--owner--name"
    (repository / "refs").mkdir(parents=True)
    (repository / "snapshots").mkdir()
    (repository / "refs" / "main").write_text(
        said.replace("/outside", str(outside)) if said[:1] == "/" else said, "latin-1"
    )
    monkeypatch.setenv("HF_HUB_CACHE", str(hub))
    assert architecture_of(resolve("owner/name")) is None


@pytest.mark.parametrize("name", [name for name in CLIMBING if name.strip()])
def test_a_built_model_stays_in_the_cache(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a person types as a shape is refused or lies in the cache's own folder."""
    monkeypatch.chdir(tmp_path)
    for typed in (f"shape:{name}", f"synthetic:{name}"):
        with pytest.raises(ConfigurationError) as refused:
            materialise(resolve(typed), tmp_path / "cache")
        assert str(refused.value).isprintable()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["{tmp}/config.json", "{tmp}", "./config.json", "config.json", "~/x.json", "../x"])
def test_a_model_in_a_file_is_a_name_and_no_place(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result file or table that somebody sent cannot make this machine read its own files as a model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_bytes(seeds.configurations()[0])
    named = place.format(tmp=tmp_path)
    run = seeds.a_run(cases=1)
    document = seeds.document_of(run).replace(b'"Llama-3.1-8B"', b'"%s"' % named.encode())
    (tmp_path / "sent.json").write_bytes(document)
    (tmp_path / "sent.csv").write_bytes(b"model,gpu,count,single_wh\n%s,A100-40,1,0.1\n" % named.encode())
    for sent in ("sent.json", "sent.csv"):
        with pytest.raises(ConfigurationError, match="is a place and no name; a file may only name models"):
            read_observations([tmp_path / sent])


@pytest.mark.parametrize(
    "option", ["trust_remote_code", "trust-remote-code", "trust_remote-code", "-trust-remote-code", "revision x"]
)
def test_an_engine_option_cannot_trust_a_models_code(option: str) -> None:
    """Only --energy-trust-remote-code does: the same word among a scenario's engine options is refused in every spelling."""
    scenario = Scenario(engine="vllm", model="tiny", batch_size=1, input_tokens=4, output_tokens=4)
    spec = engine_spec(scenario, model=resolve("tiny"), draft=None, device="cpu", trust_remote_code=False)
    sly = replace(spec, engine="vllm_server", options={option: True})
    with pytest.raises(EngineFailed, match="Engine option"):
        command(sly, 8000, LocalModel(path="x", load_format="dummy"))
    honest = command(replace(sly, options={}), 8000, LocalModel(path="x", load_format="dummy"))
    assert not any("trust" in word for word in honest)


def test_trust_is_off_where_nobody_gives_it() -> None:
    """A model is not trusted by being named, with or without owner and revision."""
    for name in ("tiny", "owner/name", "owner/name@main", "shape:llama-3.1-8b"):
        assert resolve(name).trusted is False

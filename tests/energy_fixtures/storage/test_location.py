from __future__ import annotations

from pathlib import Path

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.storage.address import split
from energy_fixtures.storage.cache import cache_folder
from energy_fixtures.storage.location import location_of

SECRET = "planted-secret-zX81"


def test_a_folder_is_a_folder_and_a_url_is_shared() -> None:
    """What has a protocol is a shared store, anything else a folder, as pytest-benchmark lays it out."""
    assert location_of("runs/here").folder == Path("runs/here")
    assert not location_of("runs/here").shared
    assert location_of("S3://lab/energy/").text == "s3://lab/energy"
    assert location_of("s3://lab/energy").shared


@pytest.mark.parametrize(
    "text",
    [
        f"s3://KEY:{SECRET}@bucket/x",
        f"s3://{SECRET}@bucket/x",
        f"hdfs://KEY:{SECRET}@host/x",
        f"abfs://{SECRET}@x@host/x",
        f"https://user:{SECRET}@host/x",
        f"s3://bucket/x?AWSAccessKeyId=KEY&Signature={SECRET}",
        f"s3://bucket/x#{SECRET}",
        f"simplecache::s3://{SECRET}@bucket",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(text: str) -> None:
    """A URL with a user, a query or a chain is refused in a sentence that says where credentials belong."""
    with pytest.raises(ConfigurationError) as refused:
        location_of(text)
    assert SECRET not in str(refused.value)
    assert "KEY:" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "s3://", "s3:///", "s3://lab/../other", "s3://lab/a\nb"])
def test_an_address_without_a_place_is_refused(text: str) -> None:
    """Nothing, a bucket without a name, a way upwards and control characters are no place."""
    with pytest.raises(ConfigurationError):
        location_of(text)


def test_equal_places_have_equal_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder's key is that of its whole path, however it was typed; other places have other keys."""
    monkeypatch.chdir(tmp_path)
    assert location_of("runs").key == location_of(str(tmp_path / "runs")).key
    assert len({location_of(text).key for text in ("runs", "s3://a/runs", "s3://b/runs", "file:///runs")}) == 4


def test_a_runs_address_is_its_store_and_its_name() -> None:
    """The name of a run stands under its machine; a branch, `newest` or anything else after the last slash."""
    run = "20261121_213658_3f2a_v1.2_0badcafe0badcafe"
    assert split(f"s3://lab/e/machine/{run}") == (location_of("s3://lab/e"), f"machine/{run}")
    group = f"{run}_0002.last.{'ab' * 16}.json"
    assert split(f"s3://lab/e/machine/{group}") == (location_of("s3://lab/e"), f"machine/{run}")
    assert split("s3://lab/e/main") == (location_of("s3://lab/e"), "main")
    assert split("s3://lab/e/newest") == (location_of("s3://lab/e"), None)
    with pytest.raises(ConfigurationError, match="a store and no run"):
        split("s3://lab")


def test_the_cache_is_where_xdg_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`XDG_CACHE_HOME` is taken where it is absolute, `~/.cache` otherwise; others cannot look into it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder("spool") == tmp_path / "cache" / "pytest-joules" / "spool"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder("spool") == tmp_path / "home" / ".cache" / "pytest-joules" / "spool"
    assert cache_folder("spool").stat().st_mode & 0o077 == 0


def test_a_cache_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the folder and the variable that moves it."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigurationError, match="XDG_CACHE_HOME"):
        cache_folder()


@pytest.mark.parametrize(
    "text", ["abfs://box@account.dfs.core.windows.net/x", "abfss://box@account/x", "hdfs://me@host/x"]
)
def test_a_container_or_a_user_before_the_host_is_no_secret(text: str) -> None:
    """Azure's and Hadoop's addresses name one; without a password it is part of the place."""
    assert location_of(text).text == text

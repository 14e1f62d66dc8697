from __future__ import annotations

import importlib
import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.storage import remote
from energy_fixtures.storage.location import Location, location_of
from energy_fixtures.storage.remote import Remote, StoreError


def test_an_object_is_there_whole_with_the_stores_own_time(shared: Location) -> None:
    """What was written is listed with its size and the store's time, read as it was, and removed; again is the same."""
    store = Remote(shared)
    assert store.list() == []
    store.write("m/a~2Fb.json", b"one")
    store.write("m/a~2Fb.json", b"one")
    (found,) = store.list()
    assert (found.name, found.size) == ("m/a~2Fb.json", 3) and found.modified is not None
    assert store.read("m/a~2Fb.json") == b"one"
    gone = dict(store.read_all([found, found._replace(name="m/never.json")]))
    assert gone["m/a~2Fb.json"] == b"one" and isinstance(gone["m/never.json"], StoreError)
    store.delete(["m/a~2Fb.json", "m/never.json"])
    assert store.list() == []


@pytest.mark.parametrize(
    ("name", "value"), [("AWS_SECRET_ACCESS_KEY", "wrong-planted-secret"), ("AWS_ACCESS_KEY_ID", "AKIAWRONGPLANTED")]
)
def test_wrong_credentials_are_told_without_them(
    shared: Location, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The sentence says where credentials come from; neither it nor the traceback holds what the library said."""
    monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match="refuses the credentials") as refused:
        Remote(shared).write("m/a.json", b"one")
    shown = "".join(traceback.format_exception(refused.value))
    assert "planted" not in shown.lower() and "AKIA" not in shown and "botocore" not in shown
    assert refused.value.__cause__ is None and refused.value.__context__ is None


@pytest.mark.parametrize(
    ("action", "said"),
    [("500", "answered with an error"), ("hang", "did not answer in time"), ("half", "of its 10 bytes")],
)
def test_a_store_that_fails_is_told_in_one_sentence(
    s3: Any, shared: Location, monkeypatch: pytest.MonkeyPatch, action: str, said: str
) -> None:
    """Errors, silence and a store that keeps half of what it says it took are noticed, each in its own words."""
    monkeypatch.setattr(remote, "READ_S", 0.5 if action == "hang" else 20)
    store = Remote(shared)
    s3.rule = lambda method, path: action if method == "PUT" else None
    with pytest.raises(StoreError, match=said) as failed:
        store.write("m/a.json", b"0123456789")
    assert "\n" not in str(failed.value)


def test_a_bucket_that_is_not_there_is_told(s3: Any) -> None:
    """Nothing is listed, and what is written has no place."""
    store = Remote(location_of("s3://nobody-has-this/x"))
    with pytest.raises(StoreError, match="no such object or bucket"):
        store.write("m/a.json", b"one")


def test_a_store_that_is_away_is_told(s3: Any, monkeypatch: pytest.MonkeyPatch, shared: Location) -> None:
    """Nobody listens: the sentence says so and names the store, not the endpoint."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match=r"cannot be listed: it cannot be reached"):
        Remote(shared).list()


def test_a_missing_package_is_one_sentence_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """s3 names our extra, other protocols the package that fsspec wants."""
    known = importlib.import_module("fsspec.registry")._registry  # it remembers what was imported once
    monkeypatch.delitem(known, "s3", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'pytest-joules\[s3\]'"):
        Remote(location_of("s3://lab/x"))
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ConfigurationError, match="pip install fsspec gcsfs"):
        Remote(location_of("gs://lab/x"))
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ConfigurationError, match="pip install"):
        Remote(location_of("file:///x"))


def test_an_unknown_protocol_offers_the_nearest() -> None:
    """A slip of the finger is told with what was likely meant."""
    with pytest.raises(ConfigurationError, match=r"no storage speaks s33://; use one of .*s3"):
        Remote(location_of("s33://lab/x"))


def test_libraries_below_write_no_headers_down(shared: Location, caplog: pytest.LogCaptureFixture) -> None:
    """Even with the root logger at DEBUG nothing of a request's headers is logged."""
    caplog.set_level(logging.DEBUG)
    Remote(shared).write("m/a.json", b"one")
    assert [record.name for record in caplog.records if record.levelno < logging.INFO and "boto" in record.name] == []
    assert "Authorization" not in caplog.text and "Signature" not in caplog.text


@pytest.mark.parametrize("url", ["file://{}/shared", "memory://{}/shared", "dir-free://{}"])
def test_other_file_systems_keep_objects_alike(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder over fsspec and its memory hold the same names and contents; no half-written file stays in either."""
    monkeypatch.chdir(tmp_path)  # of an unknown protocol that file system makes a folder here
    if url.startswith("dir-free"):
        pytest.importorskip("fsspec").register_implementation(
            "dir-free", "fsspec.implementations.local.LocalFileSystem", clobber=True
        )
        url = "dir-free://{}/renamed"
    store = Remote(location_of(url.format(tmp_path)))
    store.write("m/b.json", b"two")
    store.write("m/a.json", b"one")
    assert [(found.name, found.size) for found in store.list()] == [("m/a.json", 3), ("m/b.json", 3)]
    assert store.read("m/b.json") == b"two"

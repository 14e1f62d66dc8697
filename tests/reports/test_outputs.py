"""Files of a session are never written over each other, or over what it reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from energy_fixtures.errors import ConfigurationError
from reports.outputs import refuse_clashes


@pytest.mark.parametrize("name", ["run.json", "./run.json", "folder/../run.json", "link.json", "hard.json"])
def test_one_file_by_any_name(tmp_path, monkeypatch, name):
    """Another spelling, a symbolic link and a hard link are the same file."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("run.json").write_text("{}")
    Path("link.json").symlink_to("run.json")
    os.link("run.json", "hard.json")
    with pytest.raises(ConfigurationError, match=r"--a=run.json and --b=.* are one file; name two"):
        refuse_clashes({"--a": Path("run.json"), "--b": Path(name)}, {})
    with pytest.raises(ConfigurationError, match=r"--a=.* would overwrite what --in reads; name another file"):
        refuse_clashes({"--a": Path(name)}, {"--in": Path("run.json")})


def test_a_file_that_does_not_exist_yet_is_one_too(tmp_path):
    """Two outputs of one name clash before either is there; outputs of different names, and inputs alone, do not."""
    new = tmp_path / "new.json"
    with pytest.raises(ConfigurationError):
        refuse_clashes({"--a": new, "--b": tmp_path / "." / "new.json"}, {})
    refuse_clashes({"--a": new, "--b": tmp_path / "other.json", "--c": None}, {"--x": None, "--y": tmp_path / "y"})

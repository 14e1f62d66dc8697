from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from energy_fixtures.errors import ConfigurationError
from reports.predict.build import checks
from reports.predict.constants import PRIORS
from reports.predict.physics import Work, cost
from reports.predict.predictor import VERSION, Range, read_predictor, sealed, to_json
from reports.predict.residual import Residual

PAGE = Path(__file__).parents[3] / "docs" / "predicting.md"


def test_the_shipped_predictor_says_what_it_is(shipped):
    """It names format, unit and boundary, what it was fitted on, and what each constant means."""
    plain = json.loads(to_json(shipped))
    assert (plain["format"], plain["version"]) == ("pytest-joules predictor", VERSION)
    assert "GPUs" in plain["predicts"]
    assert "26 models" in plain["fitted_on"]["says"]
    assert set(plain["meanings"]) == set(plain["constants"]) == set(PRIORS)
    assert len(to_json(shipped)) < 45_000


def test_it_reads_as_it_was_written(tmp_path, shipped):
    """A written predictor is read back equal."""
    path = tmp_path / "mine.json"
    path.write_bytes(to_json(shipped))
    assert read_predictor(path) == shipped


def test_its_examples_still_hold(shipped):
    """This version of the physics computes the worked examples of the file."""
    shapes = {shape.name: shape for shape in shipped.shapes}
    assert len(shipped.checks) >= 6
    for one in shipped.checks:
        machine = shipped.machine(one.machine)
        assert machine is not None
        work = Work(**{name: getattr(one, name) for name in Work.__struct_fields__})
        spent = cost(shapes[one.shape], machine, work, shipped.constants)
        assert spent.joules == pytest.approx(one.joules, rel=1e-12)
        assert spent.seconds == pytest.approx(one.seconds, rel=1e-12)
        assert one.low < one.joules < one.high


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("corrected", [False, True])
def test_javascript_computes_the_same(tmp_path, shipped, corrected):
    """The code that docs/predicting.md prints gives every worked example to 1e-9, interval and correction included."""
    if corrected:
        ridge = Residual(
            features=("log_active", "launch_share", "mixture", "doublings", "log_cache"),
            means=(22.0, 0.5, 0.2, 1.0, 7.0),
            scales=(2.0, 0.2, 0.4, 1.5, 1.0),
            weights=(0.02, -0.03, 0.05, 0.01, -0.02),
        )
        shipped = msgspec.structs.replace(shipped, residual=ridge)
        shipped = sealed(msgspec.structs.replace(shipped, checks=checks(shipped)))
    (code,) = re.findall(r"```js\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    (tmp_path / "predictor.json").write_bytes(to_json(shipped))
    script = tmp_path / "page.js"
    script.write_text(
        f"{code}\nconst file = JSON.parse(require('fs').readFileSync(process.argv[2]));\n"
        "const find = (list, name) => list.find((one) => one.name === name);\n"
        "console.log(JSON.stringify(file.checks.map((one) =>\n"
        "  predict(file, find(file.shapes, one.shape), find(file.machines, one.machine), one))));\n"
    )
    done = subprocess.run(
        ["node", str(script), str(tmp_path / "predictor.json")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == len(shipped.checks)
    for said, one in zip(found, shipped.checks, strict=True):
        for name in ("joules", "low", "high", "seconds"):
            assert said[name] == pytest.approx(getattr(one, name), rel=1e-9), (one.shape, name)


def test_a_changed_file_is_noticed(tmp_path, shipped):
    """One digit changed anywhere is refused; so is a constant changed with the old digest."""
    path = tmp_path / "changed.json"
    text = to_json(shipped).decode()
    path.write_text(text.replace('"layer_s":0.000', '"layer_s":0.001', 1))
    with pytest.raises(ConfigurationError, match=r"changed\.json was changed after it was fitted"):
        read_predictor(path)


def test_a_newer_version_is_refused(tmp_path, shipped):
    """A file of a later version is not guessed at."""
    path = tmp_path / "later.json"
    path.write_bytes(to_json(sealed(msgspec.structs.replace(shipped, version=VERSION + 1))))
    with pytest.raises(ConfigurationError, match=f"version {VERSION + 1}.*upgrade"):
        read_predictor(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"{", "is no predictor"),
        (b"[]", "is no predictor"),
        (b'{"a": 1}', "is no predictor"),
        (b'{"format": "pytest-joules predictor", "version": 2}', "breaks the rules"),
        (
            b'{"format": "pytest-joules predictor", "version": 1}',
            "version 1, whose formula was another one.*fit it anew",
        ),
    ],
)
def test_what_is_no_predictor(tmp_path, content, words):
    """Missing, broken and foreign files are refused with a sentence that names the file."""
    path = tmp_path / "other.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words):
        read_predictor(path)


def test_the_distance_outside_a_range():
    """Inside it is nothing, ten times beyond it is the logarithm of ten, on either side."""
    known = Range(low=10.0, high=100.0)
    assert [known.distance(value) for value in (10.0, 50.0, 100.0)] == [0.0, 0.0, 0.0]
    assert known.distance(1000.0) == pytest.approx(2.302585)
    assert known.distance(1.0) == pytest.approx(2.302585)

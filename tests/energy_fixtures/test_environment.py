"""The fingerprint: what differs is named, what may differ is let pass, nothing private is in it."""

import getpass
import os
import socket

import msgspec
import pytest

from energy_fixtures.environment import build_environment, incomparable
from energy_fixtures.meters.base import MeterInfo

BOARD = {"name": "NVIDIA H200", "uuid": "GPU-1", "power_limit_w": 700.0}


def test_equal_environments_compare(environment):
    """An environment compares with itself."""
    assert incomparable(environment(), environment()) == []


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"boards": ({**BOARD, "name": "NVIDIA H100"},)}, "board name NVIDIA H200 against NVIDIA H100"),
        ({"boards": ({**BOARD, "uuid": "GPU-2"},)}, "board uuid GPU-1 against GPU-2"),
        ({"boards": ({**BOARD, "power_limit_w": 500.0},)}, "board power_limit_w 700.0 against 500.0"),
        ({"boards": ()}, "1 GPUs against 0"),
        (
            {"meter": {"name": "modelled", "method": "modelled", "domains": "cpu:0"}},
            "counter joules against modelled joules",
        ),
        ({"meter": {"name": "replay", "method": "replay", "domains": "gpu:0"}}, "counter joules against replay joules"),
        (
            {"meter": {"name": "zeus", "method": "counter", "domains": "gpu:0 cpu:0"}},
            "meter domains gpu:0 against gpu:0 cpu:0",
        ),
        ({"host": {"cpu": "Other", "cores": 2, "system": "Linux"}}, "host cpu Example CPU against Other"),
        ({"engine": {"device": "cpu", "dtype": "float32", "weights": "dummy"}}, "engine device cuda against cpu"),
    ],
)
def test_difference_that_matters_is_named(environment, change, clause):
    """Each field that must match says what it was on both sides."""
    assert clause in incomparable(environment(), environment(**change))


def test_new_version_is_what_a_comparison_is_for(environment):
    """Package versions and the kernel may differ."""
    other = environment(
        packages={"torch": "9.9"}, host={"cpu": "Example CPU", "cores": 2, "system": "Linux", "kernel": "9"}
    )

    assert incomparable(environment(), other) == []


def test_this_machine_tells_nothing_private():
    """The fingerprint of this machine holds neither host name, user name nor a path."""
    meter = MeterInfo(name="modelled", method="modelled", domains=("cpu:0",), resolution_s=0.01)
    text = msgspec.json.encode(build_environment((), meter, {"device": "cpu"})).decode()

    assert '"cores"' in text and '"modelled"' in text
    for private in (socket.gethostname(), os.getcwd(), os.path.expanduser("~")):
        assert len(private) < 4 or private not in text
    assert f'"{getpass.getuser()}"' not in text

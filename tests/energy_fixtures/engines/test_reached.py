"""Moments that an engine announces while it works reach the parent before the answer, also when they come in one packet."""

from __future__ import annotations

import sys

from energy_fixtures.engines.base import EngineSpec, Reached
from energy_fixtures.engines.host import EngineHost
from energy_fixtures.models.base import ModelSpec

CHILD = """
import socket, sys
from energy_fixtures.engines.base import Finished, Go, Load, Loaded, Reached
from energy_fixtures.engines.channel import commands, frame
connection = socket.socket(fileno=int(sys.argv[1]))
begin, end = (Reached(mark=mark, iteration=0, at_s=at_s) for mark, at_s in (("steady_begin", 1.0), ("steady_end", 2.0)))
for command in commands(connection):
    if isinstance(command, Load):
        connection.sendall(frame(Loaded(facts={})))
    elif isinstance(command, Go):
        connection.sendall(frame(begin) + frame(end) + frame(Finished(started_s=0.0, ended_s=3.0)))
"""
SPEC = EngineSpec(
    engine="server",
    model=ModelSpec(name="tiny", source="built", default_dtype="float32"),
    dtype="auto",
    device="cpu",
    execution="as_served",
    tensor_parallel=1,
    quantization=None,
    context_tokens=64,
    max_batch_size=1,
    prefix_caching=False,
)


def test_announcements_come_before_the_answer() -> None:
    """Each announced moment is told in order, then the answer is returned; nobody need listen."""
    told: list[Reached] = []
    with EngineHost.load(SPEC, timeout_s=30.0, command=(sys.executable, "-c", CHILD)) as host:
        finished = host.go(on_reached=told.append)
        again = host.go()

    assert [(one.mark, one.at_s) for one in told] == [("steady_begin", 1.0), ("steady_end", 2.0)]
    assert finished.ended_s == again.ended_s == 3.0

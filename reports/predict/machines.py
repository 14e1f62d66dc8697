"""Boards as the physics sees them: data sheet, idle power, link and host, for so many of them together."""

from __future__ import annotations

import math
import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from energy_fixtures.record import Record, need
from reports.boards import Board

TABLE = Path(__file__).with_name("machines.toml")

Link = Literal["nvlink", "pcie_peer", "pcie"]
"""NVLink or the like; PCIe from board to board; PCIe through the host's memory, as of boards or hosts that allow no other."""


class Machine(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One kind of board in the machine that it is usually rented in.

    Attributes:
        name: As reports/boards.toml spells it.
        tdp_w, idle_w: Maximum board power; power at rest (a share of TDP where nobody published it).
        bandwidth_bytes_s, memory_bytes: Of its memory, as far as the driver hands it out.
        flop_s_16bit: Dense peak at 16 bit. flop_s_8bit: In fp8, the 16 bit rate where it has none (weights are then widened).
        flop_s_int8: Of 8 bit whole numbers, the 16 bit rate where it has none.
        flop_s_32bit: In fp32 as frameworks compute by default, which is not tf32; tf32 where only that is known.
        bfloat16: Whether it computes in bfloat16; where not, 16 bit means float16.
        host: Time that a host takes to launch a kernel, against an A100's usual host.
        link: What joins the boards of one machine. boards_per_node: How many it joins.
    """

    name: str
    tdp_w: float
    idle_w: float
    bandwidth_bytes_s: float
    memory_bytes: float
    flop_s_16bit: float
    flop_s_8bit: float
    flop_s_int8: float
    flop_s_32bit: float
    bfloat16: bool
    host: float
    link: Link
    boards_per_node: int

    def __post_init__(self) -> None:
        need(0 <= self.idle_w < self.tdp_w, "idle_w must lie in [0, tdp_w)", self.idle_w)
        for name in _POSITIVE:
            need(0 < getattr(self, name) < math.inf, f"{name} must be > 0", getattr(self, name))


_POSITIVE = (
    *("bandwidth_bytes_s", "memory_bytes", "host"),
    *("flop_s_16bit", "flop_s_8bit", "flop_s_int8", "flop_s_32bit"),
)


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    names: tuple[str, ...]
    host: float
    link: Link
    idle_w: float | None = None


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    idle_share: float
    boards_per_node: int
    machine: tuple[_Row, ...]


@cache
def _table() -> _Table:
    return msgspec.convert(tomllib.loads(TABLE.read_text(encoding="utf-8")), _Table, strict=True)


def machine_of(board: Board) -> Machine:
    """The board with what its data sheet leaves out."""
    table = _table()
    row = next((row for row in table.machine if board.name in row.names), _Row((), 1.0, "pcie"))
    rates = board.dense_flop_s
    sixteen = rates.get("bf16", rates.get("fp16", rates.get("fp32")))
    if sixteen is None:
        sixteen = max(rates.values())
    return Machine(
        name=board.name,
        tdp_w=board.tdp_w,
        idle_w=next((idle for idle in (board.idle_w, row.idle_w) if idle is not None), table.idle_share * board.tdp_w),
        bandwidth_bytes_s=board.bandwidth_bytes_s,
        memory_bytes=float(board.capacity_bytes),
        flop_s_16bit=sixteen,
        flop_s_8bit=rates.get("fp8", sixteen),
        flop_s_int8=rates.get("int8", sixteen),
        flop_s_32bit=rates.get("fp32", rates.get("tf32", sixteen)),
        bfloat16="bf16" in rates,
        host=row.host,
        link=row.link,
        boards_per_node=table.boards_per_node,
    )

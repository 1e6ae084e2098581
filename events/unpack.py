"""Decoding one commit: every declared size is checked before anything is decompressed, all values after it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa

from events import flat
from events.segment import PLAIN_BYTES_MAX, PLAIN_RATIO_MAX, PLAIN_TOTAL_MIN, Commit


@dataclass
class Budget:
    """How much the commits of a segment unpack to, and whether that is in keeping with their bytes."""

    plain: int = 0

    def spend(self, plain: int, read: int) -> None:
        """Take a commit of so many bytes along, the segment having `read` bytes up to its end."""
        self.plain += plain
        if self.plain > PLAIN_TOTAL_MIN + PLAIN_RATIO_MAX * read:
            raise flat.Malformed(f"{read} bytes declare {self.plain} when decompressed (at most {PLAIN_RATIO_MAX}x)")


def read_batch(data: pa.Buffer, commit: Commit, schema: pa.Schema, budget: Budget) -> pa.RecordBatch:
    """Decode a commit whose hash holds, after a check of every declared size; Malformed when one is wrong."""
    message = data.slice(commit.offset, commit.meta_bytes + commit.body_bytes)
    budget.spend(check_sizes(bytes(message), commit.meta_bytes, schema), commit.end)
    try:
        batch = pa.ipc.read_record_batch(pa.ipc.read_message(message), schema)
        batch.validate(full=True)
    except (pa.ArrowException, OSError) as fault:
        raise flat.Malformed(str(fault).splitlines()[0][:200]) from None
    return batch


@cache
def _widths(schema: pa.Schema) -> tuple[int, ...]:
    """Bits a value of each column, 0 for text."""
    return tuple(0 if pa.types.is_string(kind) else kind.bit_width for kind in schema.types)


def check_sizes(message: bytes, meta_bytes: int, schema: pa.Schema) -> int:
    """Give the size of a batch when decompressed; Malformed when that is not what its rows and schema call for."""
    batch = flat.read_batch(message[8:meta_bytes])
    rows, widths = batch.rows, _widths(schema)
    if batch.codec not in (flat.ZSTD, flat.LZ4_FRAME):
        raise flat.Malformed(f"unknown compression {batch.codec}")
    if len(batch.nodes) != len(widths) or len(batch.buffers) != sum(2 if width else 3 for width in widths):
        raise flat.Malformed(f"{len(batch.nodes)} columns where the schema has {len(widths)}")
    plain = _plain_sizes(message[meta_bytes:], batch.buffers).tolist()
    if sum(plain) > PLAIN_BYTES_MAX:
        raise flat.Malformed(f"{sum(plain)} bytes when decompressed (at most {PLAIN_BYTES_MAX})")
    at, bitmap = 0, (rows + 7) // 8
    for (length, nulls), width in zip(batch.nodes, widths, strict=True):
        wanted = (rows * width + 7) // 8 if width else 4 * (rows + 1)
        if length != rows or not 0 <= nulls <= rows or plain[at] != (bitmap if nulls else 0) or plain[at + 1] != wanted:
            raise flat.Malformed(f"column {at} has sizes that its {rows} rows do not call for")
        at += 2 if width else 3
    return sum(plain)


def _plain_sizes(body: bytes, buffers: list[tuple[int, int]]) -> np.ndarray:
    """Size of every buffer after decompression [buffers], by its declared length."""
    places = np.array(buffers, np.int64).reshape(-1, 2)
    offset, length = places[:, 0], places[:, 1]
    after = np.append(offset[1:], len(body))
    room = after - offset  # from here on no sum of two of them can overflow
    if ((offset < 0) | (offset > len(body)) | (length < 0) | (length > room) | ((length > 0) & (length < 8))).any():
        raise flat.Malformed("a buffer lies outside its body")
    is_filled = length > 0
    heads = np.frombuffer(body, np.uint8)[offset[is_filled][:, None] + np.arange(8)]
    declared = np.zeros(len(places), np.int64)
    declared[is_filled] = heads.view("<i8").ravel()
    sizes = np.where(is_filled & (declared == -1), length - 8, declared)
    if (sizes < 0).any():
        raise flat.Malformed("a buffer of negative size")
    return sizes

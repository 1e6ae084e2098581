"""The few FlatBuffers tables of an Arrow message, read with every offset checked, and the file footer, written.

Arrow's own reader is not asked about bytes whose hash has not been checked. Layout: github.com/apache/arrow,
format/Message.fbs and format/File.fbs (metadata version 5).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

RECORD_BATCH, SCHEMA = 3, 1  # MessageHeader
ZSTD, LZ4_FRAME = 1, 0  # CompressionType


class Malformed(ValueError):
    """Bytes that are no Arrow message of the kind expected."""


class Table:
    """One FlatBuffers table inside `data`; every read is bounds-checked."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at
        self.vtable = at - _number("<i", data, at)
        self.slots = (_number("<H", data, self.vtable) - 4) // 2

    def field(self, slot: int) -> int:
        """Position of a field's bytes, 0 when absent."""
        if slot >= self.slots:
            return 0
        offset = _number("<H", self.data, self.vtable + 4 + 2 * slot)
        return self.at + offset if offset else 0

    def number(self, slot: int, code: str) -> int:
        """An integer field, 0 when absent."""
        at = self.field(slot)
        return _number(code, self.data, at) if at else 0

    def table(self, slot: int) -> Table:
        """A table that the field points to."""
        at = self._pointed(slot)
        return Table(self.data, at)

    def vector(self, slot: int, width: int, limit: int) -> tuple[int, int]:
        """Position and length of a vector whose elements take `width` bytes."""
        at = self._pointed(slot)
        length = _number("<I", self.data, at)
        if length > limit or at + 4 + length * width > len(self.data):
            raise Malformed("a vector is too long")
        return at + 4, length

    def _pointed(self, slot: int) -> int:
        at = self.field(slot)
        if not at:
            raise Malformed("a field is missing")
        return at + _number("<I", self.data, at)


def _number(code: str, data: bytes, at: int) -> int:
    if at < 0:
        raise Malformed("an offset points before the message")
    try:
        return int(struct.unpack_from(code, data, at)[0])
    except struct.error:
        raise Malformed("an offset points behind the message") from None


class Batch(NamedTuple):
    """What the header of a record batch says: rows, (length, nulls) of columns, (offset, length) of buffers, codec.

    `meta` maps each key of the custom metadata to (value, position of its bytes).
    """

    rows: int
    body_bytes: int
    nodes: list[tuple[int, int]]
    buffers: list[tuple[int, int]]
    codec: int
    meta: dict[str, tuple[str, int]]


LIMIT_COLUMNS = 1024


def read_batch(data: bytes) -> Batch:
    """Read the FlatBuffers part of a record-batch message."""
    message = Table(data, _number("<I", data, 0))
    if message.number(1, "<B") != RECORD_BATCH:
        raise Malformed("not a record batch")
    batch = message.table(2)
    nodes = _pairs(data, *batch.vector(1, 16, LIMIT_COLUMNS))
    buffers = _pairs(data, *batch.vector(2, 16, 3 * LIMIT_COLUMNS))
    codec = batch.table(3).number(0, "<b")
    return Batch(batch.number(0, "<q"), message.number(3, "<q"), nodes, buffers, codec, _metadata(message))


def _pairs(data: bytes, at: int, length: int) -> list[tuple[int, int]]:
    return list(struct.iter_unpack("<qq", data[at : at + 16 * length]))


def _metadata(message: Table) -> dict[str, tuple[str, int]]:
    at, length = message.vector(4, 4, 16)
    found = {}
    for position in range(at, at + 4 * length, 4):
        pair = Table(message.data, position + _number("<I", message.data, position))
        key, value = pair.vector(0, 1, 64), pair.vector(1, 1, 128)
        found[_ascii(message.data, *key)] = (_ascii(message.data, *value), value[0])
    return found


def _ascii(data: bytes, at: int, length: int) -> str:
    return data[at : at + length].decode("ascii", "backslashreplace")


def schema_table(data: bytes) -> int:
    """Position of the Schema table in the FlatBuffers part of a schema message."""
    message = Table(data, _number("<I", data, 0))
    if message.number(1, "<B") != SCHEMA:
        raise Malformed("not a schema")
    return message.table(2).at


def footer(schema_message: bytes, blocks: list[tuple[int, int, int]]) -> bytes:
    """Write a file footer: the schema and the (offset, metadata bytes, body bytes) of every batch.

    The message of the schema is embedded whole, so its inner offsets stay as they are; the footer's table comes first
    because FlatBuffers offsets point forward.
    """
    vtable = struct.pack("<6H", 12, 20, 4, 8, 12, 16)
    head = struct.pack("<I", 16) + vtable  # root table at 16
    table_at = len(head)
    blocks_at = table_at + 24  # table: soffset, version, schema, dictionaries, recordBatches, padding
    none_at = blocks_at + 8 + 24 * len(blocks)
    message_at = none_at + 8
    table = struct.pack(
        "<ihHIIII",
        12,  # back to the vtable
        4,  # metadata version 5
        0,
        message_at + schema_table(schema_message) - (table_at + 8),
        none_at + 4 - (table_at + 12),
        blocks_at + 4 - (table_at + 16),
        0,
    )
    vector = struct.pack("<II", 0, len(blocks)) + b"".join(struct.pack("<qiiq", o, m, 0, b) for o, m, b in blocks)
    return head + table + vector + struct.pack("<II", 0, 0) + schema_message

"""Decoding commits: every declared size is checked before anything is decompressed, all values after it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from events import flat
from events.segment import PLAIN_BYTES_MAX, PLAIN_RATIO_MAX, PLAIN_TOTAL_MIN, Commit

ALONE = pa.ipc.IpcReadOptions(use_threads=False)  # threads cost more than they bring


class Unpacker:
    """Decodes commits of one segment, whose hashes hold, and bounds what they unpack to, one by one and together."""

    def __init__(self, data: pa.Buffer, schema: pa.Schema) -> None:
        self._data, self._plain = data, 0
        self._head = schema.serialize().to_pybytes()
        # bits a value of each column, 0 for text; and the place of its first buffer
        self._widths = np.array([0 if pa.types.is_string(kind) else kind.bit_width for kind in schema.types])
        self._places = np.concatenate([[0], np.cumsum(np.where(self._widths, 2, 3))])

    def batch(self, commit: Commit) -> pa.RecordBatch:
        """Decode a commit after a check of every declared size; Malformed when one is wrong."""
        message = bytes(self._data.slice(commit.offset, commit.meta_bytes + commit.body_bytes))
        self._plain += self._plain_bytes(message, commit.meta_bytes)
        if self._plain > PLAIN_TOTAL_MIN + PLAIN_RATIO_MAX * commit.end:
            text = f"{commit.end} bytes declare {self._plain} when decompressed (at most {PLAIN_RATIO_MAX}x)"
            raise flat.Malformed(text)
        try:
            batch = pa.ipc.open_stream(self._head + message, options=ALONE).read_next_batch()
            batch.validate(full=True)
        except (pa.ArrowException, OSError) as fault:
            raise flat.Malformed(str(fault).splitlines()[0][:200]) from None
        return batch

    def _plain_bytes(self, message: bytes, meta_bytes: int) -> int:
        """Give the size of a batch when decompressed; Malformed when that is not what its rows and schema call for."""
        batch = flat.read_batch(message[8:meta_bytes])
        rows, widths, places = batch.rows, self._widths, self._places
        if batch.codec not in (flat.ZSTD, flat.LZ4_FRAME):
            raise flat.Malformed(f"unknown compression {batch.codec}")
        if len(batch.nodes) != len(widths) or len(batch.buffers) != places[-1]:
            raise flat.Malformed(f"{len(batch.nodes)} columns where the schema has {len(widths)}")
        plain = _plain_sizes(message[meta_bytes:], batch.buffers)
        total = int(sum(plain.tolist()))  # of any sizes that a forger declares: no sum of ours may overflow
        if total > PLAIN_BYTES_MAX:
            raise flat.Malformed(f"{total} bytes when decompressed (at most {PLAIN_BYTES_MAX})")
        length, nulls = np.array(batch.nodes, np.int64).reshape(-1, 2).T
        wanted = np.where(widths, (rows * widths + 7) // 8, 4 * (rows + 1))
        bitmap = np.where(nulls, (rows + 7) // 8, 0)
        wrong = (length != rows) | (nulls < 0) | (nulls > rows)
        wrong |= (plain[places[:-1]] != bitmap) | (plain[places[:-1] + 1] != wanted)
        if wrong.any():
            raise flat.Malformed(f"column {wrong.argmax()} has sizes that its {rows} rows do not call for")
        return total


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

"""Decoding commits: every declared size is checked before anything is decompressed, all values after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain

import numpy as np
import pyarrow as pa

from events import flat
from events.segment import PLAIN_BYTES_MAX, PLAIN_RATIO_MAX, PLAIN_TOTAL_MIN, Commit
from events.vocabulary import ENVELOPE

SLAB_BYTES = 16 * 1024**2  # of columns that are decoded together: the start of 5,000 orgs takes 400 million in all


class Slabs:
    """The columns of a commit, in batches of a few where all would take much memory; the first has the envelope.

    A commit of one batch is decoded once; of more, each time that it is gone through.
    """

    def __init__(self, num_rows: int, names: tuple[str, ...], read: Callable[[], Iterable[pa.RecordBatch]]) -> None:
        self.num_rows, self.names, self._read = num_rows, names, read

    @classmethod
    def of(cls, batch: pa.RecordBatch) -> Slabs:
        """Take all columns as one batch."""
        return cls(batch.num_rows, tuple(batch.schema.names), lambda: (batch,))

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return iter(self._read())

    @property
    def envelope(self) -> pa.RecordBatch:
        """The first batch."""
        return next(iter(self))

    @property
    def whole(self) -> pa.RecordBatch:
        """All columns."""
        batches = list(self)
        columns = chain.from_iterable(batch.columns for batch in batches)
        return batches[0] if len(batches) == 1 else pa.RecordBatch.from_arrays(list(columns), names=list(self.names))


class Unpacker:
    """Decodes commits of one segment, whose hashes hold, and bounds what they unpack to, one by one and together."""

    def __init__(self, data: pa.Buffer, schema: pa.Schema) -> None:
        self._data, self._plain, self._names = data, 0, tuple(schema.names)
        self._head = schema.serialize().to_pybytes()
        # bits a value of each column, 0 for text; and the place of its first buffer
        self._widths = np.array([0 if pa.types.is_string(kind) else kind.bit_width for kind in schema.types])
        self._places = np.concatenate([[0], np.cumsum(np.where(self._widths, 2, 3))])

    def commit(self, commit: Commit) -> Slabs:
        """Decode a commit after a check of every declared size; Malformed when one is wrong, now or as it is read."""
        stream = b"".join((self._head, self._data.slice(commit.offset, commit.meta_bytes + commit.body_bytes)))
        sizes = self._plain_bytes(memoryview(stream)[len(self._head) :], commit.meta_bytes)
        self._plain += sum(sizes)
        if self._plain > PLAIN_TOTAL_MIN + PLAIN_RATIO_MAX * commit.end:
            text = f"{commit.end} bytes declare {self._plain} when decompressed (at most {PLAIN_RATIO_MAX}x)"
            raise flat.Malformed(text)
        slabs = _slabs(sizes)
        if len(slabs) == 1:
            return Slabs.of(_decoded(stream, slabs[0]))
        return Slabs(commit.rows, self._names, lambda: map(partial(_decoded, stream), slabs))

    def _plain_bytes(self, message: memoryview, meta_bytes: int) -> list[int]:
        """Size of every column when decompressed; Malformed when that is not what its rows and schema call for."""
        batch = flat.read_batch(bytes(message[8:meta_bytes]))
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
        return [int(size) for size in np.add.reduceat(plain, places[:-1])]


def _slabs(sizes: list[int]) -> list[list[int]]:
    """Columns in their order, parted where a few of these sizes fill a slab; the envelope stays together."""
    found, held = [list[int]()], 0
    for at, size in enumerate(sizes):
        if at >= len(ENVELOPE) and held + size > SLAB_BYTES:
            found, held = [*found, []], 0
        found[-1].append(at)
        held += size
    return found


def _decoded(stream: bytes, columns: list[int]) -> pa.RecordBatch:
    """Some columns of the only batch of a stream; Malformed where Arrow finds a fault."""
    options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=columns)  # threads cost more than they bring
    try:
        batch = pa.ipc.open_stream(stream, options=options).read_next_batch()
        batch.validate(full=True)
    except (pa.ArrowException, OSError) as fault:
        raise flat.Malformed(str(fault).splitlines()[0][:200]) from None
    return batch


def _plain_sizes(body: bytes | memoryview, buffers: list[tuple[int, int]]) -> np.ndarray:
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

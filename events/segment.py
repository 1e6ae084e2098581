"""The bytes of one segment: an Arrow file whose record batches are commits in a hash chain. Pure functions over bytes.

    magic, schema message | commit | commit | ... | end marker, footer, footer length, magic

A commit is one record batch. Its custom metadata hold `commit`, `first_seq`, `rows`, `previous` (the chain value
that it follows) and `chain` = sha256(previous || the message's bytes with the 64 characters of `chain` zeroed).
The schema message is a link too: the first commit of a segment follows sha256(chain so far || magic || schema message).
A segment that is still written lacks only what comes after its last commit.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from events import flat
from events.errors import EventInvalid, Problem

MAGIC = b"ARROW1\0\0"
END = b"\xff\xff\xff\xff\0\0\0\0"
MARK = b"\xff\xff\xff\xff"
ZEROS = b"0" * 64
CODEC = "zstd"
META_BYTES_MAX = 64 * 1024
BODY_BYTES_MAX = 64 * 1024**2
PLAIN_BYTES_MAX = 512 * 1024**2  # the start of 5,000 orgs with 100,000 leases takes 404 million
ROWS_MAX = 1_000_000
SEGMENT_BYTES_MAX = 128 * 1024**2  # read into memory once, checked, and scanned there
PLAIN_TOTAL_MIN, PLAIN_RATIO_MAX = 64 * 1024**2, 128  # of all commits so far; real logs unpack to 15 times their bytes
WINDOW = 1024**2


class Place(NamedTuple):
    """Where a chain stands: its value, and the commit and seq that come next."""

    chain: str
    commit: int
    seq: int


class Commit(NamedTuple):
    """One commit in a segment: its number, events and chain value, and its bytes."""

    number: int
    first_seq: int
    rows: int
    previous: str
    chain: str
    offset: int
    meta_bytes: int
    body_bytes: int

    @property
    def end(self) -> int:
        """Offset of the first byte after the commit."""
        return self.offset + self.meta_bytes + self.body_bytes


class Scan(NamedTuple):
    """What a segment holds: the commits that are whole and follow each other, and what is wrong after them.

    good_bytes : length of the prefix that holds; a preface without a commit is nothing yet.
    sealed : whether the footer follows and is right.
    is_torn : the fault may be an unfinished write: nothing whole comes after it.
    """

    commits: list[Commit]
    place: Place
    good_bytes: int
    sealed: bool
    problem: Problem | None
    is_torn: bool


# --- writing ----------------------------------------------------------------------------------------------------


@cache
def preface(schema: pa.Schema) -> bytes:
    """The bytes before the first commit."""
    sink = pa.BufferOutputStream()
    pa.ipc.new_stream(sink, schema).close()
    return MAGIC + bytes(sink.getvalue()[: -len(END)])


def link(chain: str, head: bytes) -> str:
    """Chain value after the preface `head` of a segment."""
    return hashlib.sha256(chain.encode() + head).hexdigest()


def write_commit(batch: pa.RecordBatch, place: Place, offset: int) -> tuple[bytes, Commit]:
    """Serialise a commit that follows `place` and begins at byte `offset` of its segment.

    Raises EventInvalid for one that is larger than a reader takes.
    """
    if batch.num_rows > ROWS_MAX or batch.nbytes > PLAIN_BYTES_MAX:
        raise EventInvalid(f"{batch.num_rows} events, {batch.nbytes} bytes in one commit; commit shorter spans of time")
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=CODEC, use_threads=False)
    stream = pa.ipc.new_stream(sink, batch.schema, options=options)
    start = len(preface(batch.schema)) - len(MAGIC)
    counts = {"commit": str(place.commit), "first_seq": str(place.seq), "rows": str(batch.num_rows)}
    stream.write_batch(batch, custom_metadata=counts | {"previous": place.chain, "chain": ZEROS.decode()})
    stream.close()
    data = bytearray(sink.getvalue()[start : -len(END)])
    meta_bytes = 8 + struct.unpack_from("<i", data, 4)[0]
    at = 8 + flat.read_batch(bytes(data[8:meta_bytes])).meta["chain"][1]
    chain = hash_of(memoryview(data), at, place.chain)
    data[at : at + 64] = chain.encode()
    body_bytes = len(data) - meta_bytes
    if meta_bytes > META_BYTES_MAX or body_bytes > BODY_BYTES_MAX:
        raise EventInvalid(f"a commit of {len(data)} bytes; commit shorter spans of time")
    commit = Commit(place.commit, place.seq, batch.num_rows, place.chain, chain, offset, meta_bytes, body_bytes)
    return bytes(data), commit


def hash_of(message: memoryview, at: int, previous: str) -> str:
    """Chain value of a message whose 64 characters of `chain` begin at byte `at`."""
    digest = hashlib.sha256(previous.encode())
    digest.update(message[:at])
    digest.update(ZEROS)
    digest.update(message[at + 64 :])
    return digest.hexdigest()


def tail(head: bytes, commits: list[Commit]) -> bytes:
    """The bytes that seal a segment of these commits; a pure function of what comes before."""
    footer = flat.footer(head[len(MAGIC) + 8 :], [(c.offset, c.meta_bytes, c.body_bytes) for c in commits])
    return END + footer + struct.pack("<i", len(footer)) + MAGIC[:6]


def whole(data: bytes, found: Scan) -> bytes:
    """The Arrow file of the commits of a segment, which lacks its footer while it is written."""
    return data if found.sealed else data[: found.good_bytes] + tail(read_preface(data), found.commits)


# --- reading ----------------------------------------------------------------------------------------------------


def scan(data: bytes, name: str, place: Place) -> Scan:
    """Walk the commits of a segment that follows `place`, without decoding any; stop at the first fault."""
    commits: list[Commit] = []
    try:
        head = read_preface(data)
    except flat.Malformed as fault:
        problem = Problem(name, place.commit, 0, str(fault))
        return Scan([], place, 0, False, problem, not _whole_commit_after(data, 0))
    offset, chain, number, seq = len(head), link(place.chain, head), place.commit, place.seq
    while offset < len(data):
        if data[offset : offset + len(END)] == END:
            return _end(data, name, head, commits, place, offset)
        try:
            commit = read_commit(data, offset)
            _follows(commit, Place(chain, number, seq))
        except flat.Malformed as fault:
            problem = Problem(name, number, offset, str(fault))
            good = offset if commits else 0
            return Scan(commits, place, good, False, problem, not _whole_commit_after(data, offset))
        commits.append(commit)
        offset, chain, number, seq = commit.end, commit.chain, number + 1, seq + commit.rows
        place = Place(chain, number, seq)
    return Scan(commits, place, offset if commits else 0, False, None, False)


def _end(data: bytes, name: str, head: bytes, commits: list[Commit], place: Place, offset: int) -> Scan:
    expected, found = tail(head, commits), data[offset:]
    if found == expected and commits:
        return Scan(commits, place, len(data), True, None, False)
    is_torn = not _whole_commit_after(data, offset)
    problem = Problem(name, place.commit, offset, "the footer is not whole")
    return Scan(commits, place, offset if commits else 0, False, problem, is_torn)


def read_preface(data: bytes) -> bytes:
    """Bytes of magic and schema message, by their declared length."""
    if data[: len(MAGIC)] != MAGIC or data[8:12] != MARK or len(data) < 16:
        raise flat.Malformed("no Arrow file begins here")
    end = 16 + _length(data, 8)
    if len(data) < end:
        raise flat.Malformed("the schema is cut off")
    return data[:end]


def _length(data: bytes, offset: int) -> int:
    """Declared length of the FlatBuffers part of the message at `offset`."""
    if data[offset : offset + 4] != MARK or len(data) < offset + 8:
        raise flat.Malformed("no message begins here")
    length = int(struct.unpack_from("<i", data, offset + 4)[0])
    if not 0 < length <= META_BYTES_MAX or length % 8:
        raise flat.Malformed(f"metadata of {length} bytes (at most {META_BYTES_MAX})")
    return length


def read_commit(data: bytes, offset: int) -> Commit:
    """Read the frame of the commit at `offset` and check its own hash; Malformed when it does not hold."""
    meta_bytes = 8 + _length(data, offset)
    if offset + meta_bytes > len(data):
        raise flat.Malformed("the commit is cut off")
    batch = flat.read_batch(data[offset + 8 : offset + meta_bytes])
    if not 0 <= batch.body_bytes <= BODY_BYTES_MAX or batch.body_bytes % 8:
        raise flat.Malformed(f"body of {batch.body_bytes} bytes (at most {BODY_BYTES_MAX})")
    end = offset + meta_bytes + batch.body_bytes
    if end > len(data):
        raise flat.Malformed("the commit is cut off")
    number, first_seq, rows = (_count(batch, key) for key in ("commit", "first_seq", "rows"))
    previous, (chain, at) = batch.meta.get("previous", ("", 0))[0], batch.meta.get("chain", ("", 0))
    if hash_of(memoryview(data)[offset:end], 8 + at, previous) != chain:
        raise flat.Malformed("its hash does not hold")
    if not 0 < rows <= ROWS_MAX or rows != batch.rows:
        raise flat.Malformed(f"{rows} events (1 to {ROWS_MAX})")
    return Commit(number, first_seq, rows, previous, chain, offset, meta_bytes, batch.body_bytes)


def _count(batch: flat.Batch, key: str) -> int:
    text = batch.meta.get(key, ("", 0))[0]
    if not (text.isdecimal() and len(text) < 19):
        raise flat.Malformed(f"{key} is missing")
    return int(text)


def _follows(commit: Commit, place: Place) -> None:
    if commit.previous != place.chain:
        raise flat.Malformed(f"does not follow commit {place.commit - 1}: the chain is broken")
    if (commit.number, commit.first_seq) != (place.commit, place.seq):
        raise flat.Malformed(
            f"is number {commit.number} from seq {commit.first_seq}, not {place.commit} from {place.seq}"
        )


def _whole_commit_after(data: bytes, offset: int) -> bool:
    """Whether a commit whose own hash holds begins at or after `offset`.

    A commit is written only when the one before it is on disk, so such a commit proves that the fault before it is
    damage and no unfinished write. The work is bounded, so that no file makes this slow: an odd one is refused.
    """
    budget = 2 * len(data) + 2 * BODY_BYTES_MAX
    for position in _marks(data, offset):
        try:
            read_commit(data, position)
        except flat.Malformed as fault:
            budget -= 4096 + (len(data) - position if "hash" in str(fault) else 0)
            if budget > 0:
                continue
        return True
    return False


def _marks(data: bytes, offset: int) -> Iterator[int]:
    """Positions, in steps of 8 bytes from `offset`, at which a message could begin."""
    for start in range(offset - offset % 8, len(data) - 7, WINDOW):
        words = np.frombuffer(data, np.uint32, min(WINDOW, len(data) - start) // 8 * 2, start)[::2]
        yield from (start + 8 * np.flatnonzero(words == 0xFFFFFFFF)).tolist()

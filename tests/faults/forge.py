"""Logs that lie: any bytes under a chain that holds, as someone would make them who knows the format."""

from __future__ import annotations

import random
import struct

from events import LogError, LogWriter, flat, open_log, segment
from events.schema import encode, log_schema
from tests.events.sample import SCENARIO, manifest, run
from tests.faults.campaigns import LOG, RUN, Result, copy
from tests.faults.memory_disk import MemoryDisk

LIVE = LOG / "00000000.arrow.live"
BODY_LENGTH, HEADER = 3, 2  # slots of a message


class Forger:
    """Makes runs of one commit, true in all but what a test changes."""

    def __init__(self, events: int = 60) -> None:
        self.disk = MemoryDisk()
        self.manifest = manifest()
        LogWriter.create(RUN, self.manifest, SCENARIO, self.disk).close()
        self.head = segment.preface(log_schema())
        self.place = segment.Place(self.manifest.genesis(), 0, 0)
        weeks = run(3, events // 3)
        batch = encode([[entry for week in weeks for entry in week]], 0, 0)
        self.message, self.commit = segment.write_commit(batch, self._after_head(self.head), 0)

    def _after_head(self, head: bytes) -> segment.Place:
        return self.place._replace(chain=segment.link(self.place.chain, head))

    def run(self, message: bytes, head: bytes | None = None) -> MemoryDisk:
        """A run whose log is `head` and `message`, chained anew."""
        head = self.head if head is None else head
        return copy(self.disk, LIVE, head + rechain(message, self._after_head(head).chain))

    def field_at(self, slot: int) -> int:
        """Position of a field of the message's table in `message`."""
        data = self.message[8 : self.commit.meta_bytes]
        return 8 + flat.Table(data, struct.unpack_from("<I", data, 0)[0]).field(slot)

    def vector_at(self, slot: int) -> int:
        """Position of the first element of a vector of the record batch in `message`."""
        data = self.message[8 : self.commit.meta_bytes]
        batch = flat.Table(data, struct.unpack_from("<I", data, 0)[0]).table(HEADER)
        return 8 + batch.vector(slot, 16, 10_000)[0]

    def patched(self, at: int, code: str, *values: int) -> bytes:
        """The message with other numbers at a position."""
        data = bytearray(self.message)
        struct.pack_into(code, data, at, *values)
        return bytes(data)


def rechain(message: bytes, previous: str) -> bytes:
    """Give a message the chain fields that make its hash hold, where they can be found."""
    data = bytearray(message)
    try:
        meta = flat.read_batch(bytes(data[8 : 8 + struct.unpack_from("<i", data, 4)[0]])).meta
        at = 8 + meta["chain"][1]
        before = 8 + meta["previous"][1]
    except (flat.Malformed, KeyError, struct.error):
        return message
    data[before : before + 64] = previous.encode()
    if len(data) < at + 64:
        return message
    data[at : at + 64] = segment.ZEROS
    data[at : at + 64] = segment.hash_of(memoryview(data), at, previous).encode()
    return bytes(data)


def outcome(disk: MemoryDisk) -> str:
    """Read a run to the end: the message of the refusal, or nothing."""
    try:
        reader = open_log(RUN, disk)
        if (torn := reader.summary.torn) is not None:
            return str(torn)
        for _ in reader.entries():
            pass
    except LogError as error:
        return str(error)
    return ""


def forgeries(times: int, seed: int = 0) -> Result:
    """Change some bytes of a message or of a schema, make the chain hold, and read it: refused or read, no crash."""
    result, draw, forger = Result("forged bytes under a chain that holds"), random.Random(seed), Forger()
    for turn in range(times):
        result.tried += 1
        is_schema = draw.random() < 0.2
        data = bytearray(forger.head if is_schema else forger.message)
        first = draw.choice((0, 0, len(data) // 2)) if is_schema else draw.choice((0, 0, forger.commit.meta_bytes))
        for _ in range(draw.randrange(1, 6)):
            at = draw.randrange(first, len(data))
            data[at] = draw.choice((0, 1, 127, 128, 255, draw.randrange(256)))
        harmed = forger.run(forger.message, bytes(data)) if is_schema else forger.run(bytes(data))
        try:
            said = outcome(harmed)
            result.check("\n" not in said, f"forgery {turn}: message of several lines")
        except Exception as error:
            result.check(False, f"forgery {turn}: {type(error).__name__}: {error}")
    return result

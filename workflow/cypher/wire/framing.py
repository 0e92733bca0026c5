"""The handshake of Bolt, and messages cut into chunks. Source: the Bolt protocol specification."""

from __future__ import annotations

from typing import Final, NamedTuple

from workflow.errors import BadRequest

MAGIC: Final = b"\x60\x60\xb0\x17"
OFFERS_BYTES: Final = 20  # the magic and four offers
MOST_CHUNK: Final = 65535
MANIFEST: Final = b"\x00\x00\x01\xff"


class BoltVersion(NamedTuple):
    """Of Bolt."""

    major: int
    minor: int


VERSIONS: Final = (*(BoltVersion(5, minor) for minor in range(8, -1, -1)), BoltVersion(4, 4))
"""Those that are spoken, the best first."""

# as in the manifest: the range 5.8 to 5.0, and 4.4
_RANGES: Final = b"\x00\x08\x08\x05" + b"\x00\x00\x04\x04"


class MessageTooLong(BadRequest):
    """A message beyond what is read at all."""


class BadHandshake(BadRequest):
    """What is no handshake of a version that is spoken."""


def offered(data: bytes) -> BoltVersion | None:
    """What a client's first 20 bytes agree on; None where it wants the manifest.

    Raises BadHandshake where no version is spoken on both sides, or the bytes begin no handshake.
    """
    if data[:4] != MAGIC or len(data) != OFFERS_BYTES:
        raise BadHandshake("These bytes are no handshake of Bolt")
    for at in range(4, OFFERS_BYTES, 4):
        offer = data[at : at + 4]
        if offer == MANIFEST:
            return None
        _, back, minor, major = offer
        for version in VERSIONS:
            if version.major == major and minor - back <= version.minor <= minor:
                return version
    raise BadHandshake("No version of Bolt that the client offers is spoken here; spoken are 4.4 and 5.0 to 5.8")


def answer(version: BoltVersion) -> bytes:
    """The answer to a handshake without manifest."""
    return bytes((0, 0, version.minor, version.major))


def manifest() -> bytes:
    """The answer that lists all versions: how many ranges, these, and no capability."""
    return MANIFEST + bytes((len(_RANGES) // 4,)) + _RANGES + b"\x00"


def chosen(data: bytes) -> tuple[BoltVersion, int] | None:
    """What a client chooses of the manifest, and the bytes that takes; None where more are needed.

    Raises BadHandshake.
    """
    if len(data) < 5:
        return None
    end = 4
    while data[end] & 0x80:  # capabilities are a number of variable length
        end += 1
        if end >= len(data):
            return None
        if end > 12:
            raise BadHandshake("The capabilities that the client chooses are no number")
    version = BoltVersion(data[3], data[2])
    if version not in VERSIONS or data[:2] != b"\x00\x00":
        raise BadHandshake("The client chooses a version of Bolt that was not offered")
    return version, end + 1


def chunked(message: bytes) -> bytes:
    """A message with the lengths of its chunks and its end."""
    if len(message) <= MOST_CHUNK:
        return len(message).to_bytes(2, "big") + message + b"\x00\x00"
    out = bytearray()
    for at in range(0, len(message), MOST_CHUNK):
        part = message[at : at + MOST_CHUNK]
        out += len(part).to_bytes(2, "big") + part
    return bytes(out + b"\x00\x00")


class Dechunker:
    """Puts messages together. ``most_bytes`` is how long one may be."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._waiting = bytearray()
        self._message = bytearray()

    @property
    def held(self) -> int:
        """The bytes of what is not whole yet."""
        return len(self._waiting) + len(self._message)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now. Empty chunks between them keep a connection alive.

        Raises MessageTooLong.
        """
        waiting, found, at = self._waiting, [], 0
        waiting += data
        while len(waiting) - at >= 2:
            size = int.from_bytes(waiting[at : at + 2], "big")
            if not size:
                at += 2
                if self._message:
                    found.append(bytes(self._message))
                    self._message.clear()
                continue
            if len(self._message) + size > self.most_bytes:
                raise MessageTooLong(f"A message of Bolt is longer than {self.most_bytes} bytes")
            if len(waiting) - at - 2 < size:
                break
            self._message += waiting[at + 2 : at + 2 + size]
            at += 2 + size
        del waiting[:at]
        return found

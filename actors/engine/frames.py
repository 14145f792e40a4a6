"""Frames: how messages are cut out of a byte stream.

A frame is a length (4 bytes, of all that follows), a kind (1 byte), a number (8 bytes) and a payload,
all little-endian. Nothing here touches a socket.
"""

from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from actors.engine.errors import ProtocolError

PROTOCOL_VERSION = 1
FRAME_BYTES_MAX = 16 * 1024 * 1024
"""Longest frame; a longer one is a bug of the peer."""

_LENGTH = Struct("<I")
_HEAD = Struct("<IBQ")
_AFTER_LENGTH = _HEAD.size - _LENGTH.size


class Kind(IntEnum):
    """What a frame carries, and what its number means."""

    HELLO = 1
    """First frame in each direction; the payload is a `Hello`."""
    LANE = 2
    """A batch of lane messages; the number is that of the first."""
    ACK = 3
    """Every message up to the number is durable at the receiver."""
    RESEND = 4
    """The receiver misses what begins with the number."""
    FEED = 5
    """A batch of messages beside the lanes."""
    ASK = 6
    """A question; the number is its correlation id."""
    ANSWER = 7
    """The answer to the question of that correlation id."""
    ASK_STATUS = 8
    """Asks the engine of the peer, not its behaviour."""
    STATUS = 9
    """The answer of the engine: an `ActorStatus`."""
    PRESSURE = 10
    """1: the sender is over a mark, and wants no new work for itself; 0: it is below again."""


class Frame(NamedTuple):
    """A frame without its length."""

    kind: int
    number: int
    payload: bytes


def pack(kind: int, number: int, payload: bytes = b"") -> bytes:
    """Write a frame."""
    length = _AFTER_LENGTH + len(payload)
    if length > FRAME_BYTES_MAX:
        msg = f"a frame of {length} bytes is longer than {FRAME_BYTES_MAX}"
        raise ProtocolError(msg)
    return _HEAD.pack(length, kind, number) + payload


class FrameReader:
    """Cuts frames out of the bytes of one connection, whatever pieces they come in."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes and return the frames that are complete now.

        Raises:
            ProtocolError: a length that no frame can have.

        """
        if self._rest:
            data = self._rest + data
        frames = []
        start = 0
        size = len(data)
        while size - start >= _HEAD.size:
            length, kind, number = _HEAD.unpack_from(data, start)
            if not _AFTER_LENGTH <= length <= FRAME_BYTES_MAX:
                msg = f"a frame cannot be {length} bytes long"
                raise ProtocolError(msg)
            end = start + _LENGTH.size + length
            if end > size:
                break
            frames.append(Frame(kind, number, data[start + _HEAD.size : end]))
            start = end
        self._rest = data[start:]
        return frames

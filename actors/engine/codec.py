"""The codec: batches of messages to and from JSON arrays, checked against the types an actor handles.

The bytes are the same as orjson writes and reads (a test holds it); msgspec does it in one step, see
docs/decisions/0001.
"""

from collections.abc import Collection, Sequence
from typing import Any, Union

import msgspec

from actors.engine.errors import ProtocolError

_ENCODER = msgspec.json.Encoder()


def encode_batch(messages: Sequence[Any]) -> bytes:
    """Write a batch as a JSON array of messages."""
    return _ENCODER.encode(messages)


def encode(message: Any) -> bytes:
    """Write one message."""
    return _ENCODER.encode(message)


class BatchDecoder:
    """Reads batches of a closed set of message types; anything else is refused at the boundary."""

    __slots__ = ("_decoder", "_one")

    def __init__(self, types: Collection[type]) -> None:
        union: Any = Union[tuple(types)]  # noqa: UP007 - a union of a computed tuple has no other spelling
        self._decoder: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[union])
        self._one: msgspec.json.Decoder[Any] = msgspec.json.Decoder(union)

    def decode_batch(self, payload: bytes, sender: str) -> list[Any]:
        """Read a batch.

        Raises:
            ProtocolError: it is not what this actor handles; names the sender.

        """
        try:
            return self._decoder.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _malformed(payload, sender, error) from error

    def decode(self, payload: bytes, sender: str) -> Any:
        """Read one message.

        Raises:
            ProtocolError: it is not what this actor handles; names the sender.

        """
        try:
            return self._one.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _malformed(payload, sender, error) from error


def _malformed(payload: bytes, sender: str, error: Exception) -> ProtocolError:
    return ProtocolError(f"{sender} sent what is not understood here: {error}; it begins with {payload[:200]!r}")

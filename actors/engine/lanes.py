"""Lanes: the numbering that makes delivery exactly-once in effect.

All messages from one sender to one receiver are numbered from 1 without a gap. The sender keeps what
it sent until the receiver has acknowledged it as durable; the receiver drops what it has already.
A number belongs to a message, not to a frame: after a replay the same messages may be cut elsewhere.
"""

from collections import deque

from actors.engine.errors import ProtocolError
from actors.engine.frames import Kind, pack


class LaneOut:
    """The sender's side of a lane: numbers, and the outbox of what is not acknowledged yet."""

    __slots__ = ("_frames", "acked", "made", "peer", "size_bytes", "size_peak")

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.made = 0
        """Number of the last message made."""
        self.acked = 0
        """Number of the last message that the receiver holds durably."""
        self.size_peak = 0
        """Most messages that ever waited for an acknowledgement."""
        self.size_bytes = 0
        self._frames: deque[tuple[int, bytes]] = deque()

    @property
    def size(self) -> int:
        """How many messages wait for an acknowledgement."""
        return self.made - self.acked

    def append(self, payload: bytes, count: int) -> bytes:
        """Number the next `count` messages, keep them, and return their frame."""
        frame = pack(Kind.LANE, self.made + 1, payload)
        self.made += count
        self._frames.append((self.made, frame))
        self.size_bytes += len(frame)
        self.size_peak = max(self.size_peak, self.made - self.acked)
        return frame

    def acknowledge(self, number: int) -> None:
        """Forget what the receiver holds.

        Raises:
            ProtocolError: the receiver claims to hold what was never sent.

        """
        if number > self.made:
            msg = (
                f"{self.peer} holds message {number}, but only {self.made} were made for it: "
                "the sender has lost what it had sent"
            )
            raise ProtocolError(msg)
        frames = self._frames
        while frames and frames[0][0] <= number:
            self.size_bytes -= len(frames.popleft()[1])
        self.acked = max(self.acked, number)

    def resume(self, held: int) -> list[bytes]:
        """Return the frames that a receiver that holds messages up to `held` still needs.

        Raises:
            ProtocolError: the receiver holds less than it has acknowledged, or more than was made.

        """
        if held < self.acked:
            msg = f"{self.peer} holds only message {held}, but has acknowledged {self.acked}: it has lost its state"
            raise ProtocolError(msg)
        self.acknowledge(held)
        return [frame for _, frame in self._frames]


class LaneIn:
    """The receiver's side of a lane: what is held already, and what is missing."""

    __slots__ = ("_asked", "held", "peer", "repeats")

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.held = 0
        """Number of the last message taken."""
        self.repeats = 0
        """How many messages came again and were dropped."""
        self._asked = 0

    def accept(self, first: int, count: int) -> int | None:
        """Take a batch of `count` messages that begins with number `first`.

        Returns how many messages at its beginning are held already and must be dropped, or None for a
        gap: then the whole batch is refused, and `missing()` says once what to ask for.
        """
        if first > self.held + 1:
            return None
        last = first + count - 1
        drop = min(self.held + 1 - first, count)
        self.repeats += drop
        if last > self.held:
            self.held = last
            self._asked = 0
        return drop

    def missing(self) -> int:
        """Return the number to ask for again, or 0 when it has been asked for and is on its way."""
        wanted = self.held + 1
        if self._asked == wanted:
            return 0
        self._asked = wanted
        return wanted

    def restart(self) -> None:
        """Forget what was asked for: the connection on which it was to come is gone."""
        self._asked = 0

"""What an actor does, apart from how its messages reach it: a deterministic state machine.

A behaviour has no threads, files, sockets or clocks. The same class runs in production, in tests that
call its handlers, and in the simulator; the same messages in the same order with the same times give
the same state and the same outgoing messages.
"""

from collections.abc import Callable, Container, Mapping
from typing import Any

Handler = Callable[[Any, int], Any]
"""Takes a message and the time of its batch (microseconds); returns the answer to whoever asked, or None."""
Query = Callable[[Any], Any]
"""Takes a question and returns the answer; changes nothing."""
Send = Callable[[Any], None]


class Outgoing:
    """What a behaviour sends: a list per receiver, which the engine empties after each batch.

    A behaviour takes the senders that it needs once, when it is made: `to_wallet = outgoing.lane("wallet-0")`.
    """

    __slots__ = ("feeds", "lanes")

    def __init__(self) -> None:
        self.lanes: dict[str, list[Any]] = {}
        """Numbered, journaled messages by receiver, in order."""
        self.feeds: dict[str, list[Any]] = {}
        """Messages beside the lanes: they may be lost, and are silent during a replay."""

    def lane(self, receiver: str) -> Send:
        """Return the function that sends to this receiver."""
        return self.lanes.setdefault(receiver, []).append

    def feed(self, receiver: str) -> Send:
        """Return the function that sends beside the lane to this receiver."""
        return self.feeds.setdefault(receiver, []).append


class Behaviour:
    """Base of the state machines.

    A message is checked whole before anything is changed: a handler either does all of its work, or
    refuses with a message, or raises (a bug) having changed nothing that a client could see.
    """

    handlers: Mapping[type, Handler]
    """What is done with each type of message."""
    queries: Mapping[type, Query]
    """How each type of question is answered, from the state as it is."""
    watched: Container[Any] = frozenset()
    """Keys whose changes somebody in the same process waits for; the engine replaces it."""

    def __init__(self) -> None:
        self.changed: list[Any] = []
        """Watched keys whose state has changed in this batch; the engine empties it."""

    def look(self, key: Any) -> Any:
        """Return the state under a key that may be watched, or None."""
        del key

    def finish_batch(self, now: int) -> None:
        """Do what is done once per batch rather than once per message, such as a conflated feed."""

    def is_idle(self) -> bool:
        """Whether nothing is under way that this behaviour waits for."""
        return True

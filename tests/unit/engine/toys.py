"""A toy behaviour for tests of the engine, which knows nothing of orders."""

import msgspec

from actors.engine.behaviour import Behaviour, Outgoing
from actors.engine.core import ActorCore, Limits


class Add(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Add a number, and pass it on."""

    number: int


class Total(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Ask for the sum."""


class Sum(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The answer."""

    total: int


class Adder(Behaviour):
    """Adds what comes, keeps it in order with its time, and sends it on to its receivers."""

    def __init__(self, outgoing: Outgoing, receivers: tuple[str, ...] = (), feeds: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.seen: list[int] = []
        self.total = 0
        self.times: list[int] = []
        self.idle = True
        self._send = [outgoing.lane(name) for name in receivers]
        self._feed = [outgoing.feed(name) for name in feeds]
        self.handlers = {Add: self._add}
        self.queries = {Total: lambda question: Sum(self.total)}

    def _add(self, message: Add, now: int) -> int:
        self.seen.append(message.number)
        self.total += message.number
        self.times.append(now)
        for send in self._send:
            send(message)
        if message.number in self.watched:
            self.changed.append(message.number)
        return self.total

    def look(self, key: object) -> int | None:
        return self.seen.count(key) if isinstance(key, int) else None

    def finish_batch(self, now: int) -> None:
        for feed in self._feed:
            feed(Sum(self.total))

    def is_idle(self) -> bool:
        return self.idle


def make_adder(
    name: str,
    peers: tuple[str, ...] = (),
    receivers: tuple[str, ...] = (),
    feeds: tuple[str, ...] = (),
    limits: Limits | None = None,
) -> tuple[Adder, ActorCore]:
    """Make an adder and its core; it understands `Sum` as feed and answer."""
    outgoing = Outgoing()
    adder = Adder(outgoing, receivers, feeds)
    core = ActorCore(name, adder, outgoing, peers, feeds=(Sum,), limits=limits)
    return adder, core

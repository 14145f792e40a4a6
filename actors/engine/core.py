"""The cycle of an actor, without sockets, threads or clocks: take a batch, handle it, release what goes out.

The same class runs under pykka in production and under a seeded scheduler in the simulation. What a
cycle produces is returned as a `Release` and carried out by whoever called.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from actors.engine.behaviour import Behaviour, Outgoing
from actors.engine.codec import BatchDecoder, encode, encode_batch
from actors.engine.errors import PeerAway, ProtocolError
from actors.engine.frames import PROTOCOL_VERSION, Frame, Kind, pack
from actors.engine.lanes import LaneIn, LaneOut


class Limits(msgspec.Struct, frozen=True):
    """The named maxima of an actor."""

    frame_messages_max: int = 2_048
    """Most messages in one frame; a larger batch is cut."""
    ack_messages_max: int = 512
    """An acknowledgement that waits for company leaves alone after so many messages."""
    outbox_messages_mark: int = 100_000
    """Over it, the actor asks the doors to keep new work away from it."""
    read_bytes_max: int = 262_144
    """Most bytes read from one link for one batch: what bounds the mailbox, and so the batch."""
    requests_max: int = 1_024
    """Most requests of the actor's own process in one batch."""
    unanswered_max: int = 1_000
    """Most questions to one peer that it has not answered, also those that nobody waits for any longer."""


class Hello(msgspec.Struct, frozen=True, array_like=True):
    """First frame in each direction of a connection."""

    version: int
    actor: str
    incarnation: int
    made: int
    """Number of the last message that the sender of this frame made for its reader."""
    held: int
    """Number of the last message that the sender of this frame holds from its reader."""


class ActorStatus(msgspec.Struct, frozen=True, array_like=True):
    """A statistic of an actor, as of one moment between two batches."""

    actor: str
    incarnation: int
    sent: dict[str, int]
    """By peer: number of the last lane message made for it."""
    handled: dict[str, int]
    """By peer: number of the last lane message handled."""
    outbox: dict[str, int]
    """By peer: lane messages that it has not acknowledged yet."""
    outbox_peak: dict[str, int]
    repeats: dict[str, int]
    """By peer: messages that came again and were dropped."""
    connected: tuple[str, ...]
    congested: bool
    batches: int
    messages: int
    batch_peak: int


class Command(msgspec.Struct, frozen=True):
    """A message from the actor's own process, and who waits for the answer (None: nobody)."""

    message: Any
    reply: Any = None


class Release:
    """What a cycle lets out, in order."""

    __slots__ = ("answers", "feeds", "frames")

    def __init__(self) -> None:
        self.frames: list[tuple[str, bytes]] = []
        """Frames by peer."""
        self.answers: list[tuple[Any, Any]] = []
        """Answers by whoever waits for them; an exception is an answer as well."""
        self.feeds: list[Any] = []
        """Feed messages for the actor's own process."""


Admit = Callable[[Any], Any]
"""Returns a refusal for a local command, or None when it may be journaled."""


class ActorCore:
    """Numbering, dispatch and outboxes of one actor.

    `admit` is asked for each local command before it becomes input; what it refuses leaves no trace.
    """

    def __init__(
        self,
        name: str,
        behaviour: Behaviour,
        outgoing: Outgoing,
        peers: Iterable[str],
        *,
        feeds: Sequence[type] = (),
        incarnation: int = 0,
        limits: Limits | None = None,
        admit: Admit | None = None,
    ) -> None:
        self.name = name
        self.behaviour = behaviour
        self.incarnation = incarnation
        self.limits = limits or Limits()
        self.lanes_in = {peer: LaneIn(peer) for peer in peers}
        self.lanes_out = {peer: LaneOut(peer) for peer in self.lanes_in}
        self.connected: set[str] = set()
        self.congested_peers: set[str] = set()
        self.congested = False
        self.now = 0
        self.batches = 0
        self.messages = 0
        self.batch_peak = 0
        self._outgoing = outgoing
        self._admit = admit
        self._handlers = behaviour.handlers
        self._lane_decoder = BatchDecoder(tuple(behaviour.handlers))
        self._query_decoder = BatchDecoder(tuple(behaviour.queries)) if behaviour.queries else None
        self._feed_decoder = BatchDecoder(tuple(feeds)) if feeds else None
        self._asked: dict[int, tuple[str, Any]] = {}
        self._unanswered = dict.fromkeys(self.lanes_in, 0)
        self._ask_number = 0
        self._acks_due: dict[str, int] = {}
        self._check_lanes()

    def _check_lanes(self) -> None:
        """A behaviour that sends to somebody it has no lane to is wired wrongly."""
        unknown = (self._outgoing.lanes.keys() | self._outgoing.feeds.keys()) - self.lanes_out.keys()
        assert not unknown, f"{self.name} sends to {sorted(unknown)}, which are not its peers"

    # The cycle

    def cycle(self, arrivals: Sequence[tuple[str, Frame]], commands: Sequence[Command], now: int) -> Release:
        """Take frames and local commands as one batch and return what goes out.

        `now` is the clock in microseconds; the batch is never stamped earlier than the one before.

        Raises:
            ProtocolError: a peer sent what it must not send.

        """
        release = Release()
        batch: list[list[Any]] = []
        asks: list[tuple[str, Frame]] = []
        for peer, frame in arrivals:
            if frame.kind == Kind.LANE:
                self._take(peer, frame, batch, release)
            elif frame.kind == Kind.ACK:
                self.lanes_out[peer].acknowledge(frame.number)
            elif frame.kind in (Kind.ASK, Kind.ASK_STATUS):
                asks.append((peer, frame))
            else:
                self._take_aside(peer, frame, release)
        if batch or commands:
            self.now = max(self.now, now)
            self._handle(batch, commands, release)
            self._release(release)
        for peer, frame in asks:
            release.frames.append((peer, self._answer(peer, frame)))
        self._acknowledge(release)
        return release

    def _take(self, peer: str, frame: Frame, batch: list[list[Any]], release: Release) -> None:
        """Number what has arrived on a lane: drop what is held already, ask again for what is missing."""
        messages = self._lane_decoder.decode_batch(frame.payload, peer)
        lane = self.lanes_in[peer]
        count = len(messages)
        drop = lane.accept(frame.number, count)
        if drop is None:
            missing = lane.missing()
            if missing:
                release.frames.append((peer, pack(Kind.RESEND, missing)))
            return
        if drop < count:
            batch.append(messages[drop:] if drop else messages)
        self._acks_due[peer] = self._acks_due.get(peer, 0) + count

    def _take_aside(self, peer: str, frame: Frame, release: Release) -> None:
        """Take what travels beside the lanes."""
        match frame.kind:
            case Kind.FEED if self._feed_decoder is not None:
                release.feeds += self._feed_decoder.decode_batch(frame.payload, peer)
            case Kind.ANSWER if self._feed_decoder is not None:
                self._unanswered[peer] -= 1
                _, reply = self._asked.pop(frame.number, (peer, None))
                if reply is not None:
                    release.answers.append((reply, self._feed_decoder.decode(frame.payload, peer)))
            case Kind.STATUS:
                self._unanswered[peer] -= 1
                _, reply = self._asked.pop(frame.number, (peer, None))
                if reply is not None:
                    release.answers.append((reply, msgspec.json.decode(frame.payload, type=ActorStatus)))
            case Kind.PRESSURE:
                (self.congested_peers.add if frame.number else self.congested_peers.discard)(peer)
            case Kind.RESEND:
                release.frames += [(peer, again) for again in self.lanes_out[peer].resume(frame.number - 1)]
            case _:
                msg = f"{peer} sent a frame of kind {frame.kind}, which {self.name} does not expect here"
                raise ProtocolError(msg)

    def _handle(self, batch: list[list[Any]], commands: Sequence[Command], release: Release) -> None:
        """Handle the batch in its order: lanes first, then local commands."""
        now = self.now
        handlers = self._handlers
        count = len(commands)
        for messages in batch:
            count += len(messages)
            for message in messages:
                handlers[type(message)](message, now)
        admit = self._admit
        for command in commands:
            answer = None if admit is None else admit(command.message)
            if answer is None:
                answer = handlers[type(command.message)](command.message, now)
            if command.reply is not None:
                release.answers.append((command.reply, answer))
        self.behaviour.finish_batch(now)
        self.batches += 1
        self.messages += count
        self.batch_peak = max(self.batch_peak, count)

    def _release(self, release: Release) -> None:
        """Number and keep what the behaviour has sent, and let it go."""
        frames = release.frames
        most = self.limits.frame_messages_max
        for peer, messages in self._outgoing.lanes.items():
            if not messages:
                continue
            lane = self.lanes_out[peer]
            for start in range(0, len(messages), most):
                chunk = messages if len(messages) <= most else messages[start : start + most]
                frame = lane.append(encode_batch(chunk), len(chunk))
                if peer in self.connected:
                    frames.append((peer, frame))
            messages.clear()
        for peer, messages in self._outgoing.feeds.items():
            # Each in a frame of its own: how much one holds is the behaviour's to bound, how many there are is not.
            if peer in self.connected:
                frames += [(peer, pack(Kind.FEED, 0, encode_batch([message]))) for message in messages]
            messages.clear()

    def _acknowledge(self, release: Release) -> None:
        """Acknowledge what is held, in company of other frames or when enough has come together.

        An acknowledgement that travels alone wakes its receiver for nothing else, so it waits a little;
        `acknowledge_all` is called when the actor has nothing better to do.
        """
        if self._acks_due:
            accompanied = {peer for peer, _ in release.frames}
            most = self.limits.ack_messages_max
            for peer in [p for p, due in self._acks_due.items() if due >= most or p in accompanied]:
                release.frames.append((peer, self._ack(peer)))
        self._report_pressure(release)

    def acknowledge_all(self) -> Release:
        """Let every acknowledgement go that still waits for company."""
        release = Release()
        release.frames = [(peer, self._ack(peer)) for peer in list(self._acks_due)]
        self._report_pressure(release)
        return release

    @property
    def acks_wait(self) -> bool:
        """Whether `acknowledge_all` has something to do."""
        return bool(self._acks_due)

    def _ack(self, peer: str) -> bytes:
        del self._acks_due[peer]
        return pack(Kind.ACK, self.lanes_in[peer].held)

    def _report_pressure(self, release: Release) -> None:
        """Tell every peer when an outbox rises over its mark, and when all are below half of it again."""
        mark = self.limits.outbox_messages_mark
        largest = max((lane.size for lane in self.lanes_out.values()), default=0)
        congested = largest > (mark // 2 if self.congested else mark)
        if congested != self.congested:
            self.congested = congested
            frame = pack(Kind.PRESSURE, int(congested))
            release.frames += [(peer, frame) for peer in sorted(self.connected)]

    # Connections

    def hello(self, peer: str) -> bytes:
        """Return the first frame for a new connection to the peer."""
        greeting = Hello(
            PROTOCOL_VERSION, self.name, self.incarnation, self.lanes_out[peer].made, self.lanes_in[peer].held
        )
        return pack(Kind.HELLO, 0, msgspec.json.encode(greeting))

    def peer_connected(self, frame: Frame) -> tuple[str, list[bytes]]:
        """Compare numbers with a peer that has said hello; return its name and what it still needs.

        Raises:
            ProtocolError: not a hello of a peer of this actor, or numbers that cannot both be true.

        """
        peer = read_hello(frame)
        if peer.actor not in self.lanes_in:
            msg = f"{peer.actor} connected to {self.name}, but is none of its peers"
            raise ProtocolError(msg)
        lane_in = self.lanes_in[peer.actor]
        if peer.made < lane_in.held:
            msg = (
                f"{self.name} holds message {lane_in.held} of {peer.actor}, which can make only {peer.made}: "
                f"{peer.actor} has lost what it had sent"
            )
            raise ProtocolError(msg)
        lane_in.restart()
        again = self.lanes_out[peer.actor].resume(peer.held)
        self.connected.add(peer.actor)
        self.congested_peers.discard(peer.actor)
        if self.congested:
            again.append(pack(Kind.PRESSURE, 1))
        return peer.actor, again

    def peer_lost(self, peer: str) -> Release:
        """Forget a connection; whoever waits for an answer over it is told."""
        self.connected.discard(peer)
        self._acks_due.pop(peer, None)
        self._unanswered[peer] = 0
        release = Release()
        for number in [n for n, (asked, _) in self._asked.items() if asked == peer]:
            release.answers.append((self._asked.pop(number)[1], PeerAway(f"{peer} is not connected")))
        return release

    @property
    def away(self) -> "AwayPeers":
        """Peers that should get no new work, as they are at the moment of each look."""
        return AwayPeers(self)

    # Asks

    def ask(self, peer: str, question: Any, reply: Any) -> Release:
        """Put a question to a peer's behaviour, or to its engine when the question is None."""
        release = Release()
        if peer not in self.connected:
            release.answers.append((reply, PeerAway(f"{peer} is not connected")))
            return release
        # Questions are kept in no outbox: they wait in the link, which must not fill up while the peer stands still.
        if self._unanswered[peer] >= self.limits.unanswered_max:
            release.answers.append((reply, PeerAway(f"{peer} answers nothing at present")))
            return release
        self._unanswered[peer] += 1
        self._ask_number += 1
        self._asked[self._ask_number] = (peer, reply)
        kind, payload = (Kind.ASK_STATUS, b"") if question is None else (Kind.ASK, encode(question))
        release.frames.append((peer, pack(kind, self._ask_number, payload)))
        return release

    def forget_ask(self, reply: Any) -> None:
        """Drop a question whose deadline has passed; a late answer is then ignored."""
        for number in [n for n, (_, waiting) in self._asked.items() if waiting is reply]:
            del self._asked[number]

    def _answer(self, peer: str, frame: Frame) -> bytes:
        if frame.kind == Kind.ASK_STATUS:
            return pack(Kind.STATUS, frame.number, msgspec.json.encode(self.status()))
        if self._query_decoder is None:
            msg = f"{peer} asked {self.name}, which answers no questions"
            raise ProtocolError(msg)
        question = self._query_decoder.decode(frame.payload, peer)
        return pack(Kind.ANSWER, frame.number, encode(self.behaviour.queries[type(question)](question)))

    # Statistics

    def is_connected(self) -> bool:
        """Whether every peer is connected."""
        return len(self.connected) == len(self.lanes_in)

    def is_quiet(self) -> bool:
        """Whether everything sent is durable at its receiver and the behaviour waits for nothing."""
        return self.behaviour.is_idle() and not any(lane.size for lane in self.lanes_out.values())

    def status(self) -> ActorStatus:
        """Return the statistic of this moment."""
        return ActorStatus(
            actor=self.name,
            incarnation=self.incarnation,
            sent={peer: lane.made for peer, lane in self.lanes_out.items()},
            handled={peer: lane.held for peer, lane in self.lanes_in.items()},
            outbox={peer: lane.size for peer, lane in self.lanes_out.items()},
            outbox_peak={peer: lane.size_peak for peer, lane in self.lanes_out.items()},
            repeats={peer: lane.repeats for peer, lane in self.lanes_in.items()},
            connected=tuple(sorted(self.connected)),
            congested=self.congested,
            batches=self.batches,
            messages=self.messages,
            batch_peak=self.batch_peak,
        )


class AwayPeers:
    """The peers that are not connected, are over a mark, or have not taken what this actor has sent them."""

    def __init__(self, core: ActorCore) -> None:
        self._core = core

    def __contains__(self, peer: object) -> bool:
        """Whether the peer should get no new work now."""
        core = self._core
        if peer not in core.connected or peer in core.congested_peers:
            return True
        return core.lanes_out[str(peer)].size > core.limits.outbox_messages_mark


def read_hello(frame: Frame) -> Hello:
    """Read the first frame of a connection.

    Raises:
        ProtocolError: it is no hello, or one of another version.

    """
    if frame.kind != Kind.HELLO:
        msg = f"a connection began with a frame of kind {frame.kind} instead of a hello"
        raise ProtocolError(msg)
    try:
        hello = msgspec.json.decode(frame.payload, type=Hello)
    except msgspec.MsgspecError as error:
        msg = f"a connection began with a hello that is not understood: {error}"
        raise ProtocolError(msg) from error
    if hello.version != PROTOCOL_VERSION:
        msg = f"{hello.actor} speaks version {hello.version} of the protocol, this is {PROTOCOL_VERSION}"
        raise ProtocolError(msg)
    return hello

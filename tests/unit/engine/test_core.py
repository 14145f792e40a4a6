"""The cycle of an actor, two cores joined by hand: what goes out, what is kept, what is refused."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from actors.engine.codec import encode_batch
from actors.engine.core import ActorCore, ActorStatus, Command, Hello, Limits, Release
from actors.engine.errors import PeerAway, ProtocolError
from actors.engine.frames import PROTOCOL_VERSION, Frame, FrameReader, Kind, pack
from tests.unit.engine.toys import Add, Adder, Sum, Total, make_adder


def read(frames: Iterable[bytes]) -> list[Frame]:
    return FrameReader().feed(b"".join(frames))


def arrivals(sender: ActorCore, release: Release, receiver: ActorCore) -> list[tuple[str, Frame]]:
    """Return what a release brings to one receiver, as its mailbox would."""
    return [(sender.name, frame) for frame in read(f for peer, f in release.frames if peer == receiver.name)]


def link(one: ActorCore, other: ActorCore) -> list[tuple[str, Frame]]:
    """Say hello in both directions; return what `one` had to send again, as arrivals of `other`."""
    (hello,) = read([other.hello(one.name)])
    _, again = one.peer_connected(hello)
    (hello,) = read([one.hello(other.name)])
    other.peer_connected(hello)
    return [(one.name, frame) for frame in read(again)]


def add(*numbers: int) -> list[Command]:
    return [Command(Add(number)) for number in numbers]


def pair(limits: Limits | None = None) -> tuple[ActorCore, Adder, ActorCore]:
    """Make a core `a` that passes on to `b`, linked."""
    _, a = make_adder("a", ("b",), ("b",), limits=limits)
    adder, b = make_adder("b", ("a",), limits=limits)
    link(a, b)
    return a, adder, b


def test_a_batch_is_handled_in_order_and_passed_on() -> None:
    a, adder, b = pair()
    b.cycle(arrivals(a, a.cycle([], add(1, 2, 3), 10), b), [], 20)
    assert adder.seen == [1, 2, 3]
    assert adder.times == [20, 20, 20]


def test_time_never_goes_back() -> None:
    adder, core = make_adder("a")
    core.cycle([], add(1), 100)
    core.cycle([], add(2), 50)
    assert adder.times == [100, 100]


def test_whoever_asked_gets_the_handlers_answer() -> None:
    _, core = make_adder("a")
    release = core.cycle([], [Command(Add(2), "first"), Command(Add(3)), Command(Add(4), "third")], 1)
    assert release.answers == [("first", 2), ("third", 9)]


def test_what_the_door_refuses_leaves_no_trace() -> None:
    adder, core = make_adder("a")
    core._admit = lambda message: "refused" if message.number < 0 else None
    release = core.cycle([], [Command(Add(-1), "bad"), Command(Add(1), "good")], 1)
    assert release.answers == [("bad", "refused"), ("good", 1)]
    assert adder.seen == [1]


def test_what_is_sent_stays_in_the_outbox_until_it_is_acknowledged() -> None:
    a, _, b = pair(Limits(ack_messages_max=3))
    release = a.cycle([], add(1, 2, 3), 1)
    assert a.status().outbox == {"b": 3}
    a.cycle(arrivals(b, b.cycle(arrivals(a, release, b), [], 1), a), [], 1)
    assert a.status().outbox == {"b": 0}
    assert a.is_quiet()


def test_an_acknowledgement_waits_for_company_until_the_actor_is_idle() -> None:
    a, _, b = pair()
    release = b.cycle(arrivals(a, a.cycle([], add(1), 1), b), [], 1)
    assert release.frames == []
    assert b.acks_wait
    a.cycle(arrivals(b, b.acknowledge_all(), a), [], 1)
    assert a.is_quiet()
    assert not b.acks_wait


def test_what_was_sent_while_the_peer_was_away_arrives_when_it_is_back() -> None:
    _, a = make_adder("a", ("b",), ("b",))
    adder, b = make_adder("b", ("a",))
    assert a.cycle([], add(1, 2), 1).frames == []
    b.cycle(link(a, b), [], 1)
    assert adder.seen == [1, 2]


def test_what_was_on_the_way_when_the_link_broke_comes_again_and_is_handled_once() -> None:
    a, adder, b = pair()
    arrived = a.cycle([], add(1, 2), 1)
    a.cycle([], add(3), 1)  # This one is lost with the link.
    b.cycle(arrivals(a, arrived, b), [], 1)
    a.peer_lost("b")
    b.peer_lost("a")
    b.cycle(link(a, b), [], 1)
    assert adder.seen == [1, 2, 3]


def test_a_gap_is_asked_for_again_and_closed() -> None:
    a, adder, b = pair()
    a.cycle([], add(1), 1)  # Lost on the road, which a stream socket cannot do; a bug could.
    ask = b.cycle(arrivals(a, a.cycle([], add(2), 1), b), [], 1)
    again = a.cycle(arrivals(b, ask, a), [], 1)
    b.cycle(arrivals(a, again, b), [], 1)
    assert adder.seen == [1, 2]


def test_a_gap_is_asked_for_once_however_many_batches_come_behind_it() -> None:
    a, _, b = pair()
    a.cycle([], add(1), 1)  # Lost.
    behind = [*arrivals(a, a.cycle([], add(2), 1), b), *arrivals(a, a.cycle([], add(3), 1), b)]
    asked = arrivals(b, b.cycle(behind, [], 1), a)
    assert [(frame.kind, frame.number) for _, frame in asked] == [(Kind.RESEND, 1)]


def test_what_needs_no_sending_sends_nothing() -> None:
    """Messages that a behaviour only takes in leave its lanes and feeds empty."""
    _, a = make_adder("a", ("b",), ("b",))
    adder, b = make_adder("b", ("a",), feeds=("a",))
    adder.finish_batch = lambda now: None  # type: ignore[method-assign]
    b._outgoing.lane("a")
    link(a, b)
    assert b.cycle(arrivals(a, a.cycle([], add(1), 1), b), [], 1).frames == []
    assert adder.seen == [1]


def test_an_actor_is_connected_when_all_of_its_peers_are() -> None:
    _, a = make_adder("a", ("b", "c"))
    _, b = make_adder("b", ("a",))
    _, c = make_adder("c", ("a",))
    assert not a.is_connected()
    link(a, b)
    assert not a.is_connected()
    link(a, c)
    assert a.is_connected()
    a.peer_lost("b")
    assert not a.is_connected()


def test_a_repeated_batch_is_dropped() -> None:
    a, adder, b = pair()
    twice = arrivals(a, a.cycle([], add(1, 2), 1), b) * 2
    b.cycle(twice, [], 1)
    assert adder.seen == [1, 2]
    assert b.status().repeats == {"a": 2}


def test_a_large_batch_is_cut_into_frames() -> None:
    a, adder, b = pair(Limits(frame_messages_max=2))
    release = a.cycle([], add(1, 2, 3, 4, 5), 1)
    assert [frame.number for _, frame in arrivals(a, release, b)] == [1, 3, 5]
    b.cycle(arrivals(a, release, b), [], 1)
    assert adder.seen == [1, 2, 3, 4, 5]


def test_feeds_reach_only_who_is_connected_and_are_not_kept() -> None:
    _, a = make_adder("a", ("b",), feeds=("b",))
    _, b = make_adder("b", ("a",))
    a.cycle([], add(1), 1)
    assert link(a, b) == []
    assert b.cycle(arrivals(a, a.cycle([], add(2), 1), b), [], 1).feeds == [Sum(3)]
    assert a.is_quiet()


def test_a_question_is_answered_from_the_state_after_the_batch_it_came_with() -> None:
    a, _, b = pair()
    question = arrivals(a, a.ask("b", Total(), "reply"), b)
    answer = b.cycle(question + arrivals(a, a.cycle([], add(4, 5), 1), b), [], 1)
    assert a.cycle(arrivals(b, answer, a), [], 1).answers == [("reply", Sum(9))]


def test_the_engine_of_a_peer_can_be_asked_for_its_status() -> None:
    a, _, b = pair()
    b.cycle(arrivals(a, a.cycle([], add(4, 5), 1), b), [], 1)
    answer = b.cycle(arrivals(a, a.ask("b", None, "reply"), b), [], 1)
    ((_, status),) = a.cycle(arrivals(b, answer, a), [], 1).answers
    assert isinstance(status, ActorStatus)
    assert (status.actor, status.handled, status.messages) == ("b", {"a": 2}, 2)


def test_a_question_to_a_peer_that_is_away_fails_at_once() -> None:
    _, a = make_adder("a", ("b",))
    ((reply, error),) = a.ask("b", Total(), "reply").answers
    assert reply == "reply"
    assert isinstance(error, PeerAway)


def test_a_peer_that_answers_nothing_is_asked_so_often_and_no_more_until_it_answers_or_connects_anew() -> None:
    a, _, b = pair(Limits(unanswered_max=2))
    asked = [a.ask("b", question, reply) for question, reply in ((Total(), "1"), (None, "2"))]
    for reply in ("1", "2"):
        a.forget_ask(reply)
    ((_, error),) = a.ask("b", Total(), "3").answers
    assert isinstance(error, PeerAway)
    answered = b.cycle(arrivals(a, asked[0], b), [], 1)
    a.cycle(arrivals(b, answered, a), [], 1)
    assert a.ask("b", Total(), "4").frames
    assert a.ask("b", Total(), "5").answers
    a.peer_lost("b")
    link(a, b)
    assert a.ask("b", Total(), "6").frames


def test_each_feed_message_has_a_frame_of_its_own() -> None:
    _, a = make_adder("a", ("b",), feeds=("b", "b"))
    _, b = make_adder("b", ("a",))
    link(a, b)
    frames = arrivals(a, a.cycle([], add(1), 1), b)
    assert [frame.payload for _, frame in frames] == [b'[["Sum",1]]'] * 2


def test_whoever_waits_for_an_answer_is_told_when_the_link_breaks() -> None:
    a, _, _ = pair()
    a.ask("b", Total(), "reply")
    ((reply, error),) = a.peer_lost("b").answers
    assert reply == "reply"
    assert isinstance(error, PeerAway)


def test_a_late_answer_to_a_forgotten_question_is_ignored() -> None:
    a, _, b = pair()
    replies = [object(), object()]
    asked = [a.ask("b", Total(), replies[0]), a.ask("b", None, replies[1])]
    for reply in replies:
        a.forget_ask(reply)
    answers: list[tuple[str, Frame]] = []
    for release in asked:
        answers += arrivals(b, b.cycle(arrivals(a, release, b), [], 1), a)
    assert a.cycle(answers, [], 1).answers == []


def test_an_outbox_over_its_mark_is_reported_until_it_is_at_half_of_it() -> None:
    a, _, b = pair(Limits(outbox_messages_mark=3))
    first = a.cycle([], add(1, 2, 3, 4), 1)
    b.cycle(arrivals(a, first, b), [], 1)
    assert b.congested_peers == {"a"}
    a.cycle([("b", Frame(Kind.ACK, 2, b""))], [], 1)
    assert a.congested
    eased = a.cycle([("b", Frame(Kind.ACK, 3, b""))], [], 1)
    b.cycle(arrivals(a, eased, b), [], 1)
    assert b.congested_peers == set()


def test_a_peer_that_connects_hears_of_the_pressure_that_is_on() -> None:
    _, a = make_adder("a", ("b",), ("b",), limits=Limits(outbox_messages_mark=1))
    _, b = make_adder("b", ("a",))
    a.cycle([], add(1, 2), 1)
    b.cycle(link(a, b), [], 1)
    assert b.congested_peers == {"a"}


def test_a_peer_is_away_until_it_is_connected_and_while_it_or_its_outbox_is_over_a_mark() -> None:
    _, a = make_adder("a", ("b",), ("b",), limits=Limits(outbox_messages_mark=2))
    _, b = make_adder("b", ("a",), limits=Limits(outbox_messages_mark=2))
    assert "b" in a.away
    link(a, b)
    assert "b" not in a.away
    a.cycle([], add(1, 2, 3), 1)
    assert "b" in a.away
    a.cycle([("b", Frame(Kind.ACK, 3, b""))], [], 1)
    assert "b" not in a.away
    a.cycle([("b", Frame(Kind.PRESSURE, 1, b""))], [], 1)
    assert "b" in a.away


def test_an_actor_is_not_quiet_while_its_behaviour_waits() -> None:
    adder, core = make_adder("a")
    adder.idle = False
    assert not core.is_quiet()


def test_a_peer_that_can_make_less_than_is_held_of_it_stops_the_venue() -> None:
    _, a = make_adder("a", ("b",))
    _, b = make_adder("b", ("a",), ("a",))
    link(a, b)
    a.cycle(arrivals(b, b.cycle([], add(1), 1), a), [], 1)
    _, reborn = make_adder("b", ("a",), ("a",))
    (hello,) = read([reborn.hello("a")])
    with pytest.raises(ProtocolError, match="has lost what it had sent"):
        a.peer_connected(hello)


def hello(**changes: Any) -> Frame:
    greeting = Hello(PROTOCOL_VERSION, "b", 0, 0, 0)
    return Frame(Kind.HELLO, 0, msgspec.json.encode(msgspec.structs.replace(greeting, **changes)))


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (hello(actor="stranger"), "none of its peers"),
        (hello(version=PROTOCOL_VERSION + 1), "version"),
        (hello(held=1), "the sender has lost"),
        (Frame(Kind.LANE, 1, b"[]"), "instead of a hello"),
        (Frame(Kind.HELLO, 0, b"[1]"), "not understood"),
    ],
)
def test_a_connection_that_begins_wrongly_is_refused(frame: Frame, complaint: str) -> None:
    _, a = make_adder("a", ("b",))
    with pytest.raises(ProtocolError, match=complaint):
        a.peer_connected(frame)


@pytest.mark.parametrize(
    ("kind", "payload", "complaint"),
    [
        (Kind.LANE, b"nonsense", "not understood"),
        (Kind.LANE, b'[["Add","1"]]', "not understood"),
        (Kind.LANE, b'[["Add",1.5]]', "not understood"),
        (Kind.LANE, b'[["Subtract",1]]', "not understood"),
        (Kind.LANE, b'[["Add",\xff]]', "not understood"),
        (Kind.ASK, b'["Add",1]', "not understood"),
        (Kind.FEED, b'[["Total"]]', "not understood"),
        (Kind.HELLO, b"", "does not expect"),
        (99, b"", "does not expect"),
    ],
)
def test_a_frame_that_a_peer_must_not_send_stops_the_venue(kind: int, payload: bytes, complaint: str) -> None:
    a, adder, _ = pair()
    with pytest.raises(ProtocolError, match=complaint):
        a.cycle([("b", Frame(kind, 1, payload))], [], 1)
    assert adder.seen == []


def test_a_behaviour_without_questions_or_feeds_takes_none() -> None:
    adder, _ = make_adder("x")
    adder.queries = {}
    core = ActorCore("a", adder, outgoing=_nothing(), peers=("b",))
    for kind, complaint in ((Kind.ASK, "answers no questions"), (Kind.FEED, "does not expect")):
        with pytest.raises(ProtocolError, match=complaint):
            core.cycle([("b", Frame(kind, 1, b'["Total"]'))], [], 1)


def _nothing() -> Any:
    from actors.engine.behaviour import Outgoing  # noqa: PLC0415 - only here

    return Outgoing()


def test_a_behaviour_that_sends_to_somebody_who_is_no_peer_is_wired_wrongly() -> None:
    with pytest.raises(AssertionError, match="are not its peers"):
        make_adder("a", ("b",), ("c",))


def test_a_batch_is_written_as_an_array_of_arrays_that_begin_with_their_name() -> None:
    assert encode_batch([Add(1), Add(2)]) == b'[["Add",1],["Add",2]]'
    assert pack(Kind.LANE, 1, b"[]")[4:5] == b"\x02"

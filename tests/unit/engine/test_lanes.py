"""Lanes: numbers without a gap, an outbox until the acknowledgement, repeats dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.engine.errors import ProtocolError
from actors.engine.frames import Frame, FrameReader
from actors.engine.lanes import LaneIn, LaneOut


def read(frame: bytes) -> Frame:
    (one,) = FrameReader().feed(frame)
    return one


def lane_with(*counts: int) -> LaneOut:
    lane = LaneOut("peer")
    for count in counts:
        lane.append(b"x" * count, count)
    return lane


def test_messages_are_numbered_from_one_without_a_gap() -> None:
    lane = LaneOut("peer")
    assert [read(lane.append(b"", count)).number for count in (3, 1, 5)] == [1, 4, 5]
    assert lane.made == 9


def test_the_outbox_keeps_what_is_not_acknowledged() -> None:
    lane = lane_with(3, 1, 5)
    lane.acknowledge(4)
    assert [frame.number for frame in map(read, lane.resume(4))] == [5]
    assert lane.size == 5


def test_a_frame_that_is_acknowledged_in_part_is_sent_again_whole() -> None:
    lane = lane_with(3, 3)
    lane.acknowledge(4)
    assert [frame.number for frame in map(read, lane.resume(4))] == [4]


def test_the_size_of_the_outbox_counts_messages_and_bytes_and_remembers_its_peak() -> None:
    lane = lane_with(3, 1)
    before = lane.size_bytes
    assert (lane.size, before > 0) == (4, True)
    lane.acknowledge(4)
    assert (lane.size, lane.size_bytes, lane.size_peak) == (0, 0, 4)


def test_an_acknowledgement_never_goes_back() -> None:
    lane = lane_with(3, 1)
    lane.acknowledge(4)
    lane.acknowledge(2)
    assert lane.acked == 4


def test_a_receiver_that_holds_what_was_never_sent_stops_the_venue() -> None:
    with pytest.raises(ProtocolError, match="the sender has lost"):
        lane_with(3).acknowledge(4)
    with pytest.raises(ProtocolError, match="the sender has lost"):
        lane_with(3).resume(4)


def test_a_receiver_that_has_lost_what_it_acknowledged_stops_the_venue() -> None:
    lane = lane_with(3)
    lane.acknowledge(3)
    with pytest.raises(ProtocolError, match="it has lost its state"):
        lane.resume(2)


def test_what_is_held_already_is_dropped() -> None:
    lane = LaneIn("peer")
    assert lane.accept(1, 3) == 0
    assert lane.accept(1, 3) == 3
    assert lane.accept(2, 5) == 2
    assert (lane.held, lane.repeats) == (6, 5)


def test_an_old_batch_does_not_move_the_lane() -> None:
    lane = LaneIn("peer")
    lane.accept(1, 5)
    assert lane.accept(2, 2) == 2
    assert lane.held == 5


def test_a_gap_is_refused_and_asked_for_once() -> None:
    lane = LaneIn("peer")
    lane.accept(1, 2)
    assert lane.accept(4, 1) is None
    assert lane.held == 2
    assert lane.missing() == 3
    assert lane.accept(5, 1) is None
    assert lane.missing() == 0


def test_a_gap_is_asked_for_again_after_progress_or_over_a_new_connection() -> None:
    lane = LaneIn("peer")
    assert lane.missing() == 1
    lane.restart()
    assert lane.missing() == 1
    lane.accept(1, 1)
    assert lane.missing() == 2


@given(st.lists(st.integers(1, 4), min_size=1, max_size=12), st.data())
def test_whatever_is_repeated_or_cut_off_every_message_arrives_once(counts: list[int], data: st.DataObject) -> None:
    """A lossy road between both sides: frames are repeated, reordered and lost until all have arrived."""
    sender, receiver = LaneOut("b"), LaneIn("a")
    total = sum(counts)
    numbers = iter(range(1, total + 1))
    for count in counts:
        sender.append(bytes(next(numbers) for _ in range(count)), count)
    arrived: list[int] = []
    while receiver.held < total:
        for frame in data.draw(st.permutations(sender.resume(receiver.held))):
            one = read(frame)
            drop = receiver.accept(one.number, len(one.payload))
            if drop is not None:
                arrived += one.payload[drop:]
        sender.acknowledge(data.draw(st.integers(sender.acked, receiver.held)))
    sender.acknowledge(receiver.held)
    assert arrived == list(range(1, total + 1))
    assert sender.size == 0

"""Frames: whatever pieces the bytes come in, the same frames come out, or the peer is at fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.engine.errors import ProtocolError
from actors.engine.frames import FRAME_BYTES_MAX, Frame, FrameReader, Kind, pack

frames = st.lists(
    st.builds(Frame, st.sampled_from(list(Kind)), st.integers(0, 2**64 - 1), st.binary(max_size=300)), max_size=20
)


@given(frames, st.lists(st.integers(1, 50), min_size=1))
def test_frames_come_out_as_they_went_in_however_the_bytes_are_cut(sent: list[Frame], sizes: list[int]) -> None:
    data = b"".join(pack(*frame) for frame in sent)
    reader = FrameReader()
    received: list[Frame] = []
    position = turn = 0
    while position < len(data):
        size = sizes[turn % len(sizes)]
        received += reader.feed(data[position : position + size])
        position += size
        turn += 1
    assert received == sent


def test_a_frame_that_is_not_whole_yet_is_not_returned() -> None:
    data = pack(Kind.LANE, 7, b"payload")
    reader = FrameReader()
    assert reader.feed(data[:-1]) == []
    assert reader.feed(data[-1:]) == [Frame(Kind.LANE, 7, b"payload")]


@pytest.mark.parametrize("length", [0, 8, FRAME_BYTES_MAX + 1, 2**32 - 1])
def test_a_length_that_no_frame_can_have_is_refused(length: int) -> None:
    with pytest.raises(ProtocolError, match=str(length)):
        FrameReader().feed(length.to_bytes(4, "little") + bytes(9))


def test_a_payload_that_no_peer_would_take_is_not_sent() -> None:
    with pytest.raises(ProtocolError, match="longer than"):
        pack(Kind.LANE, 1, bytes(FRAME_BYTES_MAX))

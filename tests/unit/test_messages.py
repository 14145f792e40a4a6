"""The vocabulary on the wire: what is written is read back as it was, and nothing else is accepted."""

import types
import typing
from enum import Enum

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import messages
from actors.messages import AMOUNT_MAX, FeedMessage, LaneMessage, Message, OrderPlacedEvent, Reason, Side

STRUCTS: list[type[msgspec.Struct]] = [
    value
    for value in vars(messages).values()
    if isinstance(value, type) and issubclass(value, msgspec.Struct) and value is not Message
]
MESSAGES = [struct for struct in STRUCTS if issubclass(struct, Message)]
LANE: tuple[type[Message], ...] = typing.get_args(LaneMessage)
FEED: tuple[type[Message], ...] = typing.get_args(FeedMessage)

scalars: dict[object, st.SearchStrategy[object]] = {
    int: st.integers(-AMOUNT_MAX - 1, AMOUNT_MAX),
    bool: st.booleans(),
    str: st.text(st.characters(codec="utf-8"), max_size=20),
}


def values_of(kind: object) -> st.SearchStrategy[object]:
    """Draw values of a field's type: a scalar, an enum, a tuple or one of our structs."""
    if kind in scalars:
        return scalars[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return st.builds(kind, *(values_of(field.type) for field in msgspec.structs.fields(kind)))
    assert typing.get_origin(kind) is tuple, f"a message holds scalars, tuples and structs only, not {kind}"
    items = typing.get_args(kind)
    if items[-1] is Ellipsis:
        return st.lists(values_of(items[0]), max_size=3).map(tuple)
    return st.tuples(*map(values_of, items))


def messages_of(*kinds: type[Message]) -> st.SearchStrategy[object]:
    return st.one_of([values_of(kind) for kind in kinds])


@pytest.mark.slow
@given(st.lists(messages_of(*LANE), max_size=4))
def test_a_batch_of_lane_messages_is_read_back_as_it_was_written(batch: list[Message]) -> None:
    frame = orjson.dumps(msgspec.to_builtins(batch))
    assert msgspec.convert(orjson.loads(frame), list[LaneMessage]) == batch


@pytest.mark.slow
@given(st.lists(messages_of(*FEED), max_size=4))
def test_a_batch_of_feed_messages_is_read_back_as_it_was_written(batch: list[Message]) -> None:
    frame = orjson.dumps(msgspec.to_builtins(batch))
    assert msgspec.convert(orjson.loads(frame), list[FeedMessage]) == batch


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_a_message_is_an_array_that_begins_with_its_name_and_both_ways_to_write_it_agree(kind: type[Message]) -> None:
    @given(values_of(kind))
    def check(message: object) -> None:
        written = msgspec.json.encode(message)
        wire = orjson.loads(written)
        assert wire[0] == kind.__name__
        assert len(wire) == 1 + len(msgspec.structs.fields(kind))
        assert written == orjson.dumps(msgspec.to_builtins(message))

    check()


def test_every_message_travels_either_on_lanes_or_beside_them() -> None:
    assert set(LANE) | set(FEED) == set(MESSAGES)
    assert not set(LANE) & set(FEED)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_a_message_is_frozen_an_array_and_invisible_to_the_garbage_collector(struct: type[msgspec.Struct]) -> None:
    config = struct.__struct_config__
    assert config.frozen
    assert config.array_like
    assert not config.gc


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_a_message_has_a_docstring_and_no_methods(struct: type[msgspec.Struct]) -> None:
    # Not getdoc(), which would find the base's.
    assert (struct.__doc__ or "").partition("\n")[0].endswith((".", ";"))
    assert not [name for name, value in vars(struct).items() if isinstance(value, types.FunctionType | property)]


PLACED: list[object] = ["OrderPlacedEvent", 7, 3, 4, 1_700_000_000_000_000]


def test_the_wire_form_is_fixed_because_journals_hold_it() -> None:
    placed = OrderPlacedEvent(7, 3, 4, 1_700_000_000_000_000)
    order = messages.OrderCreateEvent(
        7, "alice", "BTC-USDT", Side.SELL, messages.OrderType.LIMIT, messages.TimeInForce.IOC, False, 5, 2, 0, "k", 9
    )
    cancelled = messages.OrderCancelledEvent(7, 2, Reason.IMMEDIATE_OR_CANCEL, 9)
    assert orjson.loads(msgspec.json.encode(placed)) == PLACED
    assert msgspec.json.encode([order, cancelled]) == (
        b'[["OrderCreateEvent",7,"alice","BTC-USDT",1,0,1,false,5,2,0,"k",9],'
        b'["OrderCancelledEvent",7,2,"immediate_or_cancel",9]]'
    )


@pytest.mark.parametrize(
    "wire",
    [
        [],
        ["OrderPlacedEvent"],
        ["NoSuchEvent", *PLACED[1:]],
        PLACED[1:],
        PLACED[:-1],
        ["OrderPlacedEvent", "7", 3, 4, 9],
        ["OrderPlacedEvent", 7.5, 3, 4, 9],
        ["OrderPlacedEvent", True, 3, 4, 9],
        ["OrderPlacedEvent", None, 3, 4, 9],
        ["BookQuery", "BTC-USDT"],
        ["OrderCancelledEvent", 7, 2, "no_such_reason", 9],
        ["OrderMatchedEvent", 1, "BTC-USDT", 5, 2, [1, "a", 0, 0], [2, "b", 0, 0, True], 0, 9],
        ["OrderMatchedEvent", 1, "BTC-USDT", 5, 2, [1, "a", 0, 0, True], [2, "b", 0, 0, True], 2, 9],
        {"message": "OrderPlacedEvent"},
        "OrderPlacedEvent",
        None,
    ],
    ids=str,
)
def test_a_malformed_message_is_refused_at_the_boundary(wire: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wire, LaneMessage)


def test_a_newer_message_with_one_more_field_at_the_end_can_still_be_read() -> None:
    assert msgspec.convert([*PLACED, "new"], LaneMessage) == OrderPlacedEvent(7, 3, 4, 1_700_000_000_000_000)


def test_a_message_cannot_be_changed() -> None:
    placed = OrderPlacedEvent(7, 3, 4, 9)
    with pytest.raises(AttributeError, match="immutable"):
        placed.order_id = 8  # type: ignore[misc]  # That mypy refuses it too is the point.

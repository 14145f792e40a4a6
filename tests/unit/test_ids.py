"""Order ids: they only ever go forward, and a UUID shows exactly one of them."""

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.ids import EPOCH_MS, GATEWAYS_MAX, gateway_of, next_order_id, order_uuid, parse_order_uuid

EPOCH_US = EPOCH_MS * 1_000
COUNTERS = 256

gateways = st.integers(0, GATEWAYS_MAX - 1)
order_ids = st.integers(1, 2**53 - 1)
times = st.integers(EPOCH_US - 10_000, EPOCH_US + 20_000)
"""Around the first moment that an id can tell, in microseconds; clocks may also be before it."""


def milliseconds_of(order_id: int) -> int:
    return (order_id >> 12) + EPOCH_MS


def smallest_after(last: int, now_us: int, gateway: int) -> int:
    """Find the next id by trying one after another: the definition itself."""
    order_id = last + 1
    while gateway_of(order_id) != gateway or milliseconds_of(order_id) < now_us // 1_000:
        order_id += 1
    return order_id


@given(st.lists(times, min_size=1, max_size=50), gateways)
def test_ids_increase_strictly_when_the_clock_stands_or_steps_back(clock: list[int], gateway: int) -> None:
    ids = [0]
    for now_us in clock:
        ids.append(next_order_id(ids[-1], now_us, gateway))
    assert all(earlier < later for earlier, later in pairwise(ids))


@given(st.integers(0, 12), st.integers(0, COUNTERS - 1), times, gateways)
def test_the_next_id_is_the_smallest_of_its_gateway_after_the_last_and_not_before_now(
    ahead_ms: int, counter: int, now_us: int, gateway: int
) -> None:
    last = ahead_ms << 12 | gateway << 8 | counter
    assert next_order_id(last, now_us, gateway) == smallest_after(last, now_us, gateway)


def test_an_id_tells_its_millisecond_its_gateway_and_counts_from_zero() -> None:
    order_id = next_order_id(0, EPOCH_US + 1_234_567, 9)
    assert milliseconds_of(order_id) == EPOCH_MS + 1_234
    assert gateway_of(order_id) == 9
    assert order_id % COUNTERS == 0


def test_a_counter_that_overflows_borrows_from_the_next_millisecond() -> None:
    now_us = EPOCH_US + 5_000
    order_id = 0
    for _ in range(COUNTERS + 1):
        order_id = next_order_id(order_id, now_us, 15)
    assert milliseconds_of(order_id) == EPOCH_MS + 6
    assert gateway_of(order_id) == 15
    assert next_order_id(order_id, now_us + 1_000, 15) == order_id + 1


@given(st.lists(st.tuples(gateways, times), min_size=2, max_size=50))
def test_gateways_never_give_the_same_id(accepted: list[tuple[int, int]]) -> None:
    last = dict.fromkeys(range(GATEWAYS_MAX), 0)
    given_out = []
    for gateway, now_us in accepted:
        last[gateway] = next_order_id(last[gateway], now_us, gateway)
        given_out.append(last[gateway])
    assert len(set(given_out)) == len(accepted)


@given(order_ids)
def test_a_uuid_shows_an_order_id_and_is_read_back(order_id: int) -> None:
    shown = order_uuid(order_id)
    assert shown.version == 8
    assert shown.variant == "specified in RFC 4122"
    assert parse_order_uuid(str(shown)) == order_id
    assert parse_order_uuid(str(shown).upper()) == order_id


@given(order_ids, order_ids)
def test_uuids_sort_as_their_ids_do(one: int, other: int) -> None:
    assert (str(order_uuid(one)) < str(order_uuid(other))) == (one < other)


@given(st.uuids())
def test_a_foreign_uuid_is_no_order(foreign: UUID) -> None:
    assert parse_order_uuid(str(foreign)) is None


@given(order_ids, st.integers(0, 127))
def test_a_uuid_with_one_other_bit_never_shows_the_same_order(order_id: int, bit: int) -> None:
    other = UUID(int=order_uuid(order_id).int ^ 1 << bit)
    assert parse_order_uuid(str(other)) != order_id


SHOWN = str(order_uuid(1 << 12))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "42",
        "not-a-uuid",
        str(UUID(int=0)),
        str(UUID(int=2**128 - 1)),
        str(order_uuid(0)),
        str(order_uuid(2**53)),
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "{" + SHOWN + "}",
        "urn:uuid:" + SHOWN,
        SHOWN.replace("-", ""),
        SHOWN.replace("-", "", 1),
        SHOWN[:-2] + "_0",
        SHOWN[:-1] + "\u0660",
        SHOWN + " ",
    ],
)
def test_what_is_not_exactly_how_an_order_is_shown_is_no_order(text: str) -> None:
    assert parse_order_uuid(text) is None

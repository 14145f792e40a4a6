"""Whatever the order in which an order's events arrive: its status never goes back, and the end is the same."""

from collections.abc import Callable
from itertools import permutations
from typing import Any, NamedTuple

import pytest

from actors.messages import CancelRejectedEvent, OrderCreateEvent, Reason, TimeInForce
from actors.status import (
    OrderRecord,
    OrderStatus,
    fills_of,
    history_of,
    is_final,
    is_settled,
    matched_of,
    reason_of,
    remaining_of,
    status_of,
    traded_value_of,
    updated_at_of,
)
from tests.tracking import NOW, Venue, approval, by_budget, cancel, cancellation, limit, placement, rejection, trade

RANKS = {
    OrderStatus.PENDING: 0,
    OrderStatus.CREATED: 1,
    OrderStatus.PARTIALLY_MATCHED: 2,
    OrderStatus.MATCHED: 3,
    OrderStatus.CANCELLED: 3,
    OrderStatus.REJECTED: 3,
}
WAS_PENDING = (OrderStatus.PENDING, NOW)
WAS_CREATED = (OrderStatus.CREATED, NOW + 10)
WAS_PARTIALLY_MATCHED = (OrderStatus.PARTIALLY_MATCHED, NOW + 21)


class View(NamedTuple):
    """All that may be seen of an order."""

    status: OrderStatus
    reason: Reason | None
    matched: int
    remaining: int | None
    value: int
    trades: list[int]
    history: list[tuple[OrderStatus, int]]
    updated_at: int


class Story(NamedTuple):
    """An order, what is heard of it, and what is to be seen in the end."""

    order: OrderCreateEvent
    events: Callable[[OrderCreateEvent], list[Any]]
    cancelled_by_user: bool
    end: View


def view_of(record: OrderRecord) -> View:
    return View(
        status_of(record),
        reason_of(record),
        matched_of(record),
        remaining_of(record),
        traded_value_of(record),
        [fill.trade_id for fill in fills_of(record)],
        history_of(record),
        updated_at_of(record),
    )


def three_trades(order_id: int, *, last_is_done: bool) -> list[Any]:
    return [trade(1, order_id, 2), trade(2, order_id, 3), trade(3, order_id, 4, done=last_is_done)]


VALUE = 2 * 91 + 3 * 92 + 4 * 93

STORIES = {
    "a limit order that three trades fill": Story(
        limit(9),
        lambda order: [
            approval(order),
            *three_trades(order.order_id, last_is_done=True),
            placement(order.order_id, 2, 7),
        ],
        False,
        View(
            OrderStatus.MATCHED,
            None,
            9,
            0,
            VALUE,
            [1, 2, 3],
            [WAS_PENDING, WAS_CREATED, WAS_PARTIALLY_MATCHED, (OrderStatus.MATCHED, NOW + 23)],
            NOW + 23,
        ),
    ),
    "a limit order that is cancelled after three trades": Story(
        limit(15),
        lambda order: [
            approval(order),
            *three_trades(order.order_id, last_is_done=False),
            placement(order.order_id, 5, 10),
            cancellation(order.order_id, 6),
        ],
        True,
        View(
            OrderStatus.CANCELLED,
            Reason.USER,
            9,
            6,
            VALUE,
            [1, 2, 3],
            [WAS_PENDING, WAS_CREATED, WAS_PARTIALLY_MATCHED, (OrderStatus.CANCELLED, NOW + 40)],
            NOW + 40,
        ),
    ),
    "a limit order that is filled while a cancel is on its way": Story(
        limit(9),
        lambda order: [
            approval(order),
            *three_trades(order.order_id, last_is_done=True),
            placement(order.order_id, 0, 9),
            CancelRejectedEvent(order.order_id, Reason.ORDER_NOT_OPEN, NOW + 50),
        ],
        True,
        View(
            OrderStatus.MATCHED,
            None,
            9,
            0,
            VALUE,
            [1, 2, 3],
            [WAS_PENDING, WAS_CREATED, WAS_PARTIALLY_MATCHED, (OrderStatus.MATCHED, NOW + 23)],
            NOW + 23,
        ),
    ),
    "an order that is immediate or cancelled, and finds nothing": Story(
        limit(9, time_in_force=TimeInForce.IOC),
        lambda order: [
            approval(order),
            cancellation(order.order_id, 9, Reason.IMMEDIATE_OR_CANCEL),
            placement(order.order_id),
        ],
        False,
        View(
            OrderStatus.CANCELLED,
            Reason.IMMEDIATE_OR_CANCEL,
            0,
            9,
            0,
            [],
            [WAS_PENDING, WAS_CREATED, (OrderStatus.CANCELLED, NOW + 40)],
            NOW + 40,
        ),
    ),
    "a budget that three trades use up": Story(
        by_budget(),
        lambda order: [
            approval(order),
            *three_trades(order.order_id, last_is_done=True),
            placement(order.order_id, 9),
        ],
        False,
        View(
            OrderStatus.MATCHED,
            None,
            9,
            None,
            VALUE,
            [1, 2, 3],
            [WAS_PENDING, WAS_CREATED, WAS_PARTIALLY_MATCHED, (OrderStatus.MATCHED, NOW + 23)],
            NOW + 23,
        ),
    ),
    "a budget that outlives the asks": Story(
        by_budget(),
        lambda order: [
            approval(order),
            *three_trades(order.order_id, last_is_done=False),
            cancellation(order.order_id, 77, Reason.NO_LIQUIDITY),
            placement(order.order_id, 9),
        ],
        False,
        View(
            OrderStatus.CANCELLED,
            Reason.NO_LIQUIDITY,
            9,
            None,
            VALUE,
            [1, 2, 3],
            [WAS_PENDING, WAS_CREATED, WAS_PARTIALLY_MATCHED, (OrderStatus.CANCELLED, NOW + 40)],
            NOW + 40,
        ),
    ),
    "an order that the wallet refuses": Story(
        limit(9),
        lambda order: [
            rejection(order.order_id),
            CancelRejectedEvent(order.order_id, Reason.ORDER_NOT_OPEN, NOW + 50),
        ],
        True,
        View(
            OrderStatus.REJECTED,
            Reason.INSUFFICIENT_FUNDS,
            0,
            9,
            0,
            [],
            [WAS_PENDING, (OrderStatus.REJECTED, NOW + 10)],
            NOW + 10,
        ),
    ),
}


def begin(story: Story) -> tuple[Venue, int, list[Any]]:
    """Accept the order of a story, and its cancel if it has one; return what is then heard of it."""
    venue = Venue()
    order_id = venue.place(story.order)
    if story.cancelled_by_user:
        venue.accept(cancel(order_id))
    return venue, order_id, story.events(venue.order(order_id).order)


@pytest.mark.parametrize("name", STORIES)
def test_an_order_comes_to_the_same_end_by_every_road(name: str) -> None:
    story = STORIES[name]
    count = len(begin(story)[2])
    for arrangement in permutations(range(count)):
        venue, order_id, events = begin(story)
        before = view_of(venue.order(order_id))
        assert before.status is OrderStatus.PENDING
        for index in arrangement:
            version = venue.order(order_id).version
            venue.tell(events[index])
            record = venue.order(order_id)
            view = view_of(record)
            told = f"{name}, in the order {arrangement}, at {index}"
            assert record.version == version + 1, told
            assert RANKS[view.status] >= RANKS[before.status], told
            assert not is_final(record) or view == story.end, told
            steps = [status for status, _ in view.history]
            assert steps[-1] is view.status, told
            assert steps[: len(before.history)] == [status for status, _ in before.history], told
            assert view.matched >= before.matched, told
            assert set(view.trades) >= set(before.trades), told
            before = view
        assert before == story.end, f"{name}, in the order {arrangement}"
        assert is_settled(venue.order(order_id))
        account = venue.tracker.account("anna")
        assert account is not None
        assert account.open_orders == 0
        assert venue.tracker.is_idle(), f"{name}, in the order {arrangement}: {venue.tracker.in_flight}"
        assert venue.tracker.statistics().settled == 1

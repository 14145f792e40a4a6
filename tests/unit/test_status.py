"""What may be seen of an order, by what is known of it."""

import pytest

from actors.messages import OrderCreateEvent, OrderMatchedEvent, Party, Reason, Side, TimeInForce
from actors.status import (
    ASKED,
    Fill,
    OrderRecord,
    OrderStatus,
    created,
    ended,
    fills_of,
    history_of,
    is_final,
    is_settled,
    matched,
    matched_of,
    placed,
    reason_of,
    remaining_of,
    status_of,
    traded_value_of,
    updated_at_of,
    with_cancel,
)
from tests.tracking import NOW, approval, by_budget, cancellation, limit, placement, rejection, trade

CREATED = (OrderStatus.CREATED, NOW + 10)
PENDING = (OrderStatus.PENDING, NOW)
ID = 5 << 12


def accepted(order: OrderCreateEvent) -> OrderRecord:
    return OrderRecord(
        OrderCreateEvent(
            ID,
            order.account,
            order.market,
            order.side,
            order.type,
            order.time_in_force,
            order.post_only,
            order.price,
            order.quantity,
            order.budget,
            order.client_order_id,
            NOW,
        )
    )


def approved(order: OrderCreateEvent) -> OrderRecord:
    return approve(accepted(order))


def approve(record: OrderRecord) -> OrderRecord:
    event = approval(record.order)
    return created(record, event, event.locked_asset, event.time)


def take(record: OrderRecord, number: int, quantity: int, *, done: bool = False) -> OrderRecord:
    event = trade(number, ID, quantity, done=done)
    return matched(record, event, event.taker)


def test_an_accepted_order_is_pending_since_it_was_accepted() -> None:
    record = accepted(limit())
    assert status_of(record) is OrderStatus.PENDING
    assert history_of(record) == [PENDING]
    assert updated_at_of(record) == NOW
    assert (matched_of(record), remaining_of(record), fills_of(record), traded_value_of(record)) == (0, 10, [], 0)
    assert not is_final(record)


def test_an_approved_order_says_what_is_locked_and_since_when_it_is_created() -> None:
    record = approved(limit(price=100, quantity=10))
    assert status_of(record) is OrderStatus.CREATED
    assert (record.locked_asset, record.locked_amount, record.created_at) == ("USDT", 10_000, NOW + 10)
    assert history_of(record) == [PENDING, CREATED]
    assert updated_at_of(record) == NOW + 10


def test_a_rejected_order_is_final_and_settled_and_says_why() -> None:
    record = ended(accepted(limit()), rejection(ID))
    assert status_of(record) is OrderStatus.REJECTED
    assert reason_of(record) is Reason.INSUFFICIENT_FUNDS
    assert history_of(record) == [PENDING, (OrderStatus.REJECTED, NOW + 10)]
    assert updated_at_of(record) == NOW + 10
    assert is_final(record)
    assert is_settled(record)


def test_a_trade_is_not_shown_before_the_approval() -> None:
    record = take(accepted(limit()), 1, 4)
    assert status_of(record) is OrderStatus.PENDING
    assert history_of(record) == [PENDING]
    assert updated_at_of(record) == NOW
    assert (matched_of(record), remaining_of(record), fills_of(record), traded_value_of(record)) == (0, 10, [], 0)
    record = approve(record)
    assert status_of(record) is OrderStatus.PARTIALLY_MATCHED
    assert (matched_of(record), remaining_of(record), traded_value_of(record)) == (4, 6, 4 * 91)
    assert [fill.trade_id for fill in fills_of(record)] == [1]
    assert updated_at_of(record) == NOW + 21


def test_an_end_is_not_shown_before_the_approval() -> None:
    record = placed(ended(accepted(limit()), cancellation(ID, 10)), placement(ID))
    assert status_of(record) is OrderStatus.PENDING
    assert reason_of(record) is None
    assert updated_at_of(record) == NOW
    assert status_of(approve(record)) is OrderStatus.CANCELLED


def test_an_order_that_its_only_trade_fills_was_never_partially_matched() -> None:
    record = take(approved(limit(quantity=10)), 1, 10, done=True)
    assert status_of(record) is OrderStatus.MATCHED
    assert history_of(record) == [PENDING, CREATED, (OrderStatus.MATCHED, NOW + 21)]
    assert updated_at_of(record) == NOW + 21
    assert reason_of(record) is None
    assert remaining_of(record) == 0


def test_several_trades_leave_the_time_of_the_first_and_of_the_last() -> None:
    record = take(take(take(approved(limit(quantity=10)), 1, 2), 2, 3), 3, 5, done=True)
    assert status_of(record) is OrderStatus.MATCHED
    assert history_of(record) == [
        PENDING,
        CREATED,
        (OrderStatus.PARTIALLY_MATCHED, NOW + 21),
        (OrderStatus.MATCHED, NOW + 23),
    ]
    assert traded_value_of(record) == 2 * 91 + 3 * 92 + 5 * 93


def test_a_partially_matched_order_was_updated_by_its_latest_trade() -> None:
    record = take(take(approved(limit(quantity=10)), 2, 3), 1, 2)
    assert history_of(record)[-1] == (OrderStatus.PARTIALLY_MATCHED, NOW + 21)
    assert updated_at_of(record) == NOW + 22


def test_a_cancelled_order_keeps_its_trades_and_says_why_it_ended() -> None:
    record = ended(take(approved(limit(quantity=10)), 1, 4), cancellation(ID, 6))
    assert status_of(record) is OrderStatus.CANCELLED
    assert reason_of(record) is Reason.USER
    assert (matched_of(record), remaining_of(record)) == (4, 6)
    assert history_of(record) == [
        PENDING,
        CREATED,
        (OrderStatus.PARTIALLY_MATCHED, NOW + 21),
        (OrderStatus.CANCELLED, NOW + 40),
    ]
    assert updated_at_of(record) == NOW + 40


def test_an_order_that_finds_nothing_goes_from_created_to_cancelled() -> None:
    order = limit(time_in_force=TimeInForce.IOC)
    record = ended(approved(order), cancellation(ID, 10, Reason.IMMEDIATE_OR_CANCEL))
    assert history_of(record) == [PENDING, CREATED, (OrderStatus.CANCELLED, NOW + 40)]


def test_a_last_trade_waits_for_the_trades_before_it() -> None:
    record = take(approved(limit(quantity=10)), 2, 6, done=True)
    assert status_of(record) is OrderStatus.PARTIALLY_MATCHED
    assert history_of(record) == [PENDING, CREATED, (OrderStatus.PARTIALLY_MATCHED, NOW + 22)]
    record = take(record, 1, 4)
    assert status_of(record) is OrderStatus.MATCHED
    assert history_of(record)[-2:] == [(OrderStatus.PARTIALLY_MATCHED, NOW + 21), (OrderStatus.MATCHED, NOW + 22)]


def test_a_cancellation_waits_for_the_trades_before_it() -> None:
    record = ended(approved(limit(quantity=10)), cancellation(ID, 6))
    assert status_of(record) is OrderStatus.CREATED
    assert reason_of(record) is None
    assert status_of(take(record, 1, 4)) is OrderStatus.CANCELLED


def test_a_budget_is_used_up_when_its_last_trade_and_all_of_its_arrival_are_known() -> None:
    record = take(take(approved(by_budget()), 1, 3), 2, 4, done=True)
    assert status_of(record) is OrderStatus.PARTIALLY_MATCHED
    record = placed(record, placement(ID, matched=7))
    assert status_of(record) is OrderStatus.MATCHED
    assert (matched_of(record), remaining_of(record)) == (7, None)


def test_a_budget_whose_asks_run_out_is_cancelled_when_all_of_its_trades_are_known() -> None:
    record = ended(approved(by_budget()), cancellation(ID, 700, Reason.NO_LIQUIDITY))
    record = placed(record, placement(ID, matched=7))
    assert status_of(record) is OrderStatus.CREATED
    record = take(record, 1, 7)
    assert status_of(record) is OrderStatus.CANCELLED
    assert reason_of(record) is Reason.NO_LIQUIDITY


def test_a_budget_too_small_for_one_lot_is_cancelled_without_trades() -> None:
    record = ended(approved(by_budget()), cancellation(ID, 5_000, Reason.BUDGET_TOO_SMALL))
    assert status_of(record) is OrderStatus.CREATED
    assert status_of(placed(record, placement(ID))) is OrderStatus.CANCELLED


def test_an_order_is_settled_only_when_the_matcher_has_finished_with_its_arrival() -> None:
    record = take(approved(limit(quantity=10)), 1, 10, done=True)
    assert is_final(record)
    assert not is_settled(record)
    assert is_settled(placed(record, placement(ID, matched=10)))
    assert not is_settled(placed(approved(limit()), placement(ID, resting=10)))


def test_fills_are_shown_by_trade_id_however_they_came() -> None:
    record = approved(limit(quantity=10))
    for number in (3, 1, 4, 2):
        record = take(record, number, number)
    assert [(fill.trade_id, fill.quantity) for fill in fills_of(record)] == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_a_fill_is_the_partys_own_half_of_the_trade() -> None:
    maker = Party(ID, "anna", 1_000, 6, False)
    taker = Party(ID + 1, "bert", 2_000, 0, True)
    event = OrderMatchedEvent(8, "BTC-USDT", 100, 4, maker, taker, Side.SELL, NOW + 28)
    assert fills_of(matched(approved(limit()), event, maker)) == [Fill(8, 100, 4, 1_000, True, NOW + 28)]
    assert fills_of(matched(approved(limit()), event, taker)) == [Fill(8, 100, 4, 2_000, False, NOW + 28)]


def test_an_order_may_have_more_fills_than_the_stack_is_deep() -> None:
    count = 200_000
    record = approved(limit(quantity=count))
    for number in range(1, count + 1):
        record = take(record, number, 1, done=number == count)
    assert len(fills_of(record)) == count
    assert status_of(record) is OrderStatus.MATCHED
    del record


def test_every_event_makes_a_new_version_and_leaves_the_record_before_it_as_it_was() -> None:
    first = accepted(limit(quantity=10))
    records = [first]
    records.append(approve(records[-1]))
    records.append(with_cancel(records[-1], ASKED))
    records.append(take(records[-1], 1, 4))
    records.append(placed(records[-1], placement(ID, 4, 6)))
    records.append(with_cancel(records[-1], Reason.INTERNAL_ERROR))
    records.append(ended(records[-1], cancellation(ID, 6)))
    assert [record.version for record in records] == [1, 2, 3, 4, 5, 6, 7]
    assert [status_of(record) for record in records] == [
        OrderStatus.PENDING,
        OrderStatus.CREATED,
        OrderStatus.CREATED,
        OrderStatus.PARTIALLY_MATCHED,
        OrderStatus.PARTIALLY_MATCHED,
        OrderStatus.PARTIALLY_MATCHED,
        OrderStatus.CANCELLED,
    ]
    assert [record.cancel for record in records] == ["", "", *[ASKED] * 3, *[Reason.INTERNAL_ERROR] * 2]
    assert [record.placed_quantity for record in records] == [-1, -1, -1, -1, 4, 4, 4]
    assert all(record.order is first.order for record in records)


def test_what_must_come_once_is_not_taken_twice() -> None:
    record = approved(limit(quantity=10))
    with pytest.raises(AssertionError, match="approved once"):
        approve(record)
    with pytest.raises(AssertionError, match="placed once"):
        placed(placed(record, placement(ID)), placement(ID))
    with pytest.raises(AssertionError, match="ends once"):
        ended(ended(record, cancellation(ID, 10)), cancellation(ID, 10))
    with pytest.raises(AssertionError, match="more than its quantity"):
        take(take(record, 1, 10), 2, 1)


def test_a_budget_bounds_no_quantity() -> None:
    assert matched_of(take(approved(by_budget()), 1, 1_000_000)) == 1_000_000

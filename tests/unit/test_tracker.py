"""What the tracker accepts, passes on, remembers and shows."""

from typing import Any

import msgspec
import pytest

from actors.accounts import READ_IDS_MAX
from actors.answers import Accepted, Refusal
from actors.errors import ProtocolError
from actors.ids import gateway_of, order_uuid
from actors.in_flight import FlightCounts
from actors.messages import (
    CancelAllDoneEvent,
    CancelRejectedEvent,
    DepositedEvent,
    DepositEvent,
    OrderCancelAllEvent,
    OrderCancelEvent,
    OrderMatchedEvent,
    OrderType,
    Party,
    Reason,
    Side,
    TimeInForce,
    TransferRejectedEvent,
    WithdrawEvent,
    WithdrawnEvent,
)
from actors.order_map import SCAN_ORDERS_MAX
from actors.status import ASKED, OrderRecord, OrderStatus, status_of
from actors.topology import Topology
from actors.transfers import TransferRecord
from tests.tracking import (
    BTC_USDT,
    ETH_USDT,
    NOW,
    STRANGER,
    Venue,
    approval,
    by_budget,
    cancel,
    cancellation,
    limit,
    placement,
    rejection,
    trade,
)

SHARDED = Topology(wallets=2, matchers=2, gateways=2)
FIRST, SECOND = (
    next(name for name in ("anna", "bert", "cora", "dora") if SHARDED.wallet_of(name) == shard) for shard in (0, 1)
)
"""Accounts of wallet 0 and of wallet 1."""


def in_flight(venue: Venue) -> dict[str, Any]:
    """Whatever count is not zero, by name."""
    counts = msgspec.structs.asdict(venue.tracker.in_flight)
    nothing = msgspec.structs.asdict(FlightCounts.none(venue.tracker.topology))
    return {name: count for name, count in counts.items() if count != nothing[name]}


def ids_of(venue: Venue, account: str = "anna", **filters: Any) -> list[int]:
    page = venue.tracker.orders_of(account, **filters)
    return [record.order.order_id for record in page.orders]


def match(maker: int, taker: int, quantity: int, *, maker_done: bool, taker_done: bool) -> OrderMatchedEvent:
    return OrderMatchedEvent(
        1 << 8,
        "BTC-USDT",
        100,
        quantity,
        Party(maker, "anna", 1_000, 0, maker_done),
        Party(taker, "anna", 2_000, 0, taker_done),
        Side.SELL,
        NOW + 21,
    )


def from_outside(message: Any) -> Any:
    """Return the message as made of objects that nothing else shares."""
    return msgspec.json.decode(msgspec.json.encode(message), type=type(message))


# Markets


def test_a_market_is_kept_and_told_to_every_wallet() -> None:
    venue = Venue(SHARDED)
    market = msgspec.structs.replace(BTC_USDT, market="LTC-USDT", base="LTC", matcher=1)
    assert venue.accept(market).definition == market
    assert venue.sent() == {"wallet-0": [market], "wallet-1": [market]}
    found = venue.tracker.market("LTC-USDT")
    assert found is not None
    assert found.definition == market
    assert [m.symbol for m in venue.tracker.markets()] == ["BTC-USDT", "ETH-USDT", "LTC-USDT"]
    assert venue.tracker.market("XRP-USDT") is None


def test_a_market_that_is_defined_again_is_not_told_again() -> None:
    venue = Venue()
    assert venue.tell(BTC_USDT) == Accepted(venue.tracker.market("BTC-USDT"), True)
    assert venue.sent() == {}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tick": 2}, "market_conflict"),
        ({"market": "LTC-USDT", "lot": 0}, "invalid_market"),
        ({"market": "LTC-USDT", "matcher": 1}, "invalid_market"),
        ({"market": "LTC-USDT", "matcher": -1}, "invalid_market"),
    ],
)
def test_a_market_that_cannot_be_is_refused(changes: dict[str, Any], code: str) -> None:
    venue = Venue()
    assert venue.refuse(msgspec.structs.replace(BTC_USDT, **changes)) == code
    assert venue.tracker.market("LTC-USDT") is None


# Orders


def test_an_accepted_order_gets_id_and_time_is_pending_and_goes_to_its_accounts_wallet() -> None:
    venue = Venue(SHARDED, gateway=1)
    record: OrderRecord = venue.accept(limit(account=SECOND, client_order_id="c-1"), NOW + 5)
    assert gateway_of(record.order.order_id) == 1
    asked = limit(account=SECOND, client_order_id="c-1", order_id=record.order.order_id, time=NOW + 5)
    assert record == OrderRecord(asked)
    assert venue.sent() == {"wallet-1": [asked]}
    assert venue.tracker.order(record.order.order_id) is record
    assert venue.tracker.order_by_client_id(SECOND, "c-1") is record
    assert status_of(record) is OrderStatus.PENDING


def test_order_ids_increase_whatever_the_time() -> None:
    venue = Venue()
    ids = [venue.place(now=NOW + change) for change in (0, 0, 5_000, 5_000, 5_000)]
    assert ids == sorted(set(ids))


def test_an_order_in_a_market_that_does_not_exist_is_refused() -> None:
    venue = Venue()
    assert venue.refuse(limit(market="XRP-USDT", client_order_id="c")) == "unknown_market"
    assert venue.tracker.order_by_client_id("anna", "c") is None
    assert venue.tracker.is_idle()


def test_the_same_order_under_the_same_client_order_id_is_answered_with_the_first() -> None:
    venue = Venue()
    order_id = venue.place(limit(client_order_id="c"))
    venue.approve(order_id)
    venue.sent()
    assert venue.tell(limit(client_order_id="c")) == Accepted(venue.order(order_id), True)
    assert status_of(venue.order(order_id)) is OrderStatus.CREATED
    assert venue.sent() == {}
    assert in_flight(venue) == {"orders": [[1]]}


@pytest.mark.parametrize(
    "changes",
    [
        {"market": "ETH-USDT"},
        {"side": Side.SELL},
        {"type": OrderType.MARKET},
        {"time_in_force": TimeInForce.FOK},
        {"post_only": True},
        {"price": 101},
        {"quantity": 11},
        {"budget": 1},
    ],
)
def test_another_order_under_the_same_client_order_id_is_refused(changes: dict[str, Any]) -> None:
    venue = Venue()
    order_id = venue.place(limit(client_order_id="c"))
    answer = venue.tell(limit(client_order_id="c", **changes))
    assert isinstance(answer, Refusal)
    assert answer.code == "client_order_id_conflict"
    assert str(order_uuid(order_id)) in answer.detail
    assert venue.refuse(limit(client_order_id="c", **changes)) == "client_order_id_conflict"


def test_a_market_order_comes_again_also_when_its_protection_price_has_moved() -> None:
    venue = Venue()
    order = limit(type=OrderType.MARKET, time_in_force=TimeInForce.IOC, price=105, client_order_id="c")
    order_id = venue.place(order)
    again = msgspec.structs.replace(order, price=107)
    assert venue.tell(again) == Accepted(venue.order(order_id), True)


def test_a_client_order_id_belongs_to_its_account_and_none_is_no_id() -> None:
    venue = Venue()
    orders = [limit(client_order_id="c"), limit(account="bert", client_order_id="c"), limit(), limit()]
    assert len({venue.place(order) for order in orders}) == 4


def test_records_share_the_strings_that_repeat() -> None:
    venue = Venue()
    ids = [venue.place(from_outside(limit())) for _ in range(2)]
    for order_id in ids:
        venue.tell(from_outside(approval(venue.order(order_id).order)))
    first, second = map(venue.order, ids)
    assert first.order.account is second.order.account
    assert first.order.market is second.order.market
    assert first.locked_asset is second.locked_asset
    assert first.created_at is second.created_at


@pytest.mark.parametrize(("side", "asset"), [(Side.BUY, "USDT"), (Side.SELL, "BTC")])
def test_an_approval_says_what_is_locked(side: Side, asset: str) -> None:
    venue = Venue()
    order_id = venue.place(limit(side=side))
    venue.approve(order_id)
    assert venue.order(order_id).locked_asset == asset


def test_both_sides_of_a_trade_may_be_orders_of_this_gateway() -> None:
    venue = Venue()
    maker, taker = venue.rest(limit(10)), venue.place(limit(4, side=Side.SELL))
    venue.approve(taker)
    venue.tell(match(maker, taker, 4, maker_done=False, taker_done=True))
    assert status_of(venue.order(maker)) is OrderStatus.PARTIALLY_MATCHED
    assert status_of(venue.order(taker)) is OrderStatus.MATCHED


def test_the_side_of_a_trade_that_is_another_gateways_is_left_to_it() -> None:
    venue = Venue(SHARDED, gateway=1)
    order_id = venue.rest(limit(account=FIRST))
    assert gateway_of(STRANGER) == 0
    venue.tell(match(STRANGER, order_id, 10, maker_done=True, taker_done=True))
    assert status_of(venue.order(order_id)) is OrderStatus.MATCHED
    assert venue.tracker.order(STRANGER) is None


@pytest.mark.parametrize(
    "event",
    [
        approval(limit(order_id=STRANGER)),
        rejection(STRANGER),
        placement(STRANGER),
        cancellation(STRANGER, 1),
        trade(1, STRANGER, 1),
        CancelAllDoneEvent("anna", "BTC-USDT", 0, NOW),
        DepositedEvent("t", "anna", "BTC", 1, 1, NOW),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_about_something_that_was_never_asked_is_a_bug(event: Any) -> None:
    with pytest.raises(ProtocolError):
        Venue().tell(event)


def test_a_cancel_that_was_not_asked_is_not_refused() -> None:
    venue = Venue()
    with pytest.raises(ProtocolError, match="not asked for"):
        venue.tell(CancelRejectedEvent(venue.rest(), Reason.ORDER_NOT_OPEN, NOW))
    assert in_flight(venue) == {}


def test_a_transfer_is_not_decided_twice() -> None:
    venue = Venue()
    venue.accept(DepositEvent("t", "anna", "BTC", 1, 0))
    venue.tell(DepositedEvent("t", "anna", "BTC", 1, 1, NOW))
    with pytest.raises(ProtocolError, match="waits for none"):
        venue.tell(DepositedEvent("t", "anna", "BTC", 1, 1, NOW))


# In flight


def test_an_order_is_in_flight_until_the_matcher_has_finished_with_its_arrival() -> None:
    venue = Venue(SHARDED)
    order_id = venue.place(limit(account=SECOND, market="ETH-USDT"))
    expected = {"orders": [[0, 0], [0, 1]]}
    assert in_flight(venue) == expected
    venue.approve(order_id)
    assert in_flight(venue) == expected
    assert not venue.tracker.is_idle()
    venue.tell(placement(order_id, resting=10))
    assert in_flight(venue) == {}
    assert venue.tracker.is_idle()


def test_a_rejected_order_is_not_in_flight() -> None:
    venue = Venue(SHARDED)
    venue.finish(limit(account=FIRST))
    assert in_flight(venue) == {}


def test_an_order_is_open_until_it_is_final() -> None:
    venue = Venue()
    first, second, third = venue.rest(), venue.rest(), venue.place()
    account = venue.tracker.account("anna")
    assert account is not None
    assert account.open_orders == 3
    venue.tell(rejection(third))
    assert account.open_orders == 2
    venue.tell(trade(1, first, 10, done=True))
    assert account.open_orders == 1
    venue.tell(cancellation(second, 10))
    assert account.open_orders == 0


# Cancels


def test_a_cancel_goes_to_the_wallet_with_the_orders_market_and_the_time() -> None:
    venue = Venue(SHARDED)
    order_id = venue.rest(limit(account=SECOND, market="ETH-USDT"))
    venue.sent()
    record = venue.accept(msgspec.structs.replace(cancel(order_id, SECOND), market=""), NOW + 7)
    assert record is venue.order(order_id)
    assert record.cancel == ASKED
    assert venue.sent() == {"wallet-1": [OrderCancelEvent(order_id, SECOND, "ETH-USDT", NOW + 7)]}
    assert in_flight(venue) == {"cancels": [[0, 0], [0, 1]]}
    assert not venue.tracker.is_idle()


def test_a_cancel_that_is_on_its_way_is_not_sent_again() -> None:
    venue = Venue()
    order_id = venue.rest()
    venue.accept(cancel(order_id))
    venue.sent()
    assert venue.tell(cancel(order_id)) == Accepted(venue.order(order_id), True)
    assert venue.sent() == {}
    assert in_flight(venue) == {"cancels": [[1]]}


def test_a_cancel_of_nothing_or_of_another_accounts_order_is_refused_alike() -> None:
    venue = Venue()
    order_id = venue.rest()
    assert venue.refuse(cancel(STRANGER)) == "unknown_order"
    assert venue.refuse(cancel(order_id, "bert")) == "unknown_order"


def test_a_cancel_of_an_order_that_has_ended_is_refused_with_its_status() -> None:
    venue = Venue()
    answer = venue.tell(cancel(venue.finish()))
    assert answer.code == "order_not_open"
    assert "REJECTED" in answer.detail


@pytest.mark.parametrize("outcome", ["cancelled", "matched", "refused by the wallet", "refused by the matcher"])
def test_a_cancel_is_on_its_way_until_its_outcome_or_the_end_of_the_order(outcome: str) -> None:
    venue = Venue()
    order_id = venue.rest()
    venue.accept(cancel(order_id))
    refused = CancelRejectedEvent(order_id, Reason.ORDER_NOT_OPEN, NOW + 50)
    filled = trade(1, order_id, 10, done=True)
    events: dict[str, list[Any]] = {
        "cancelled": [cancellation(order_id, 10)],
        "matched": [filled],
        "refused by the wallet": [refused, filled],
        "refused by the matcher": [filled, refused],
    }
    for event in events[outcome]:
        venue.tell(event)
        assert in_flight(venue) == {}
    assert venue.refuse(cancel(order_id)) == "order_not_open"


def test_a_cancel_can_be_asked_again_after_one_was_refused() -> None:
    venue = Venue()
    order_id = venue.rest()
    venue.accept(cancel(order_id))
    venue.tell(CancelRejectedEvent(order_id, Reason.INTERNAL_ERROR, NOW + 50))
    assert venue.order(order_id).cancel == Reason.INTERNAL_ERROR
    venue.sent()
    assert venue.accept(cancel(order_id)).cancel == ASKED
    assert len(venue.sent()["wallet-0"]) == 1


def test_a_refused_cancel_may_arrive_when_its_order_is_forgotten() -> None:
    venue = Venue(finished_max=1)
    order_id = venue.rest()
    venue.accept(cancel(order_id))
    venue.tell(trade(1, order_id, 10, done=True))
    venue.finish()
    assert venue.tracker.order(order_id) is None
    venue.tell(CancelRejectedEvent(order_id, Reason.ORDER_NOT_OPEN, NOW + 50))
    assert in_flight(venue) == {}


def test_a_cancel_all_goes_to_the_wallet_and_is_not_sent_again_while_it_covers_everything() -> None:
    venue = Venue(SHARDED)
    asked = OrderCancelAllEvent(SECOND, "ETH-USDT", 0)
    venue.rest(limit(account=SECOND, market="ETH-USDT"))
    venue.sent()
    assert venue.tell(asked, NOW + 7) == Accepted()
    assert venue.sent() == {"wallet-1": [OrderCancelAllEvent(SECOND, "ETH-USDT", NOW + 7)]}
    assert in_flight(venue) == {"cancels": [[0, 0], [0, 1]]}
    assert venue.tell(asked) == Accepted(None, True)
    assert venue.sent() == {}
    venue.tell(CancelAllDoneEvent(SECOND, "ETH-USDT", 1, NOW))
    assert in_flight(venue) == {}
    assert venue.tell(asked) == Accepted()


def test_a_cancel_all_is_sent_again_when_an_order_has_come_since() -> None:
    venue = Venue()
    asked = OrderCancelAllEvent("anna", "BTC-USDT", 0)
    venue.accept(asked)
    venue.rest()
    venue.sent()
    assert venue.tell(asked) == Accepted()
    assert len(venue.sent()["wallet-0"]) == 1
    assert venue.tell(asked) == Accepted(None, True)
    assert in_flight(venue) == {"cancels": [[2]]}
    venue.tell(CancelAllDoneEvent("anna", "BTC-USDT", 0, NOW))
    assert venue.tracker.look(("cancel-all", "anna", "BTC-USDT")) is True
    venue.tell(CancelAllDoneEvent("anna", "BTC-USDT", 1, NOW))
    assert venue.tracker.look(("cancel-all", "anna", "BTC-USDT")) is False
    assert in_flight(venue) == {}


def test_a_cancel_all_of_one_market_says_nothing_about_another() -> None:
    venue = Venue()
    venue.accept(OrderCancelAllEvent("anna", "BTC-USDT", 0))
    assert venue.tell(OrderCancelAllEvent("anna", "ETH-USDT", 0)) == Accepted()
    assert venue.tell(OrderCancelAllEvent("bert", "BTC-USDT", 0)) == Accepted()
    assert venue.tell(OrderCancelAllEvent("anna", "BTC-USDT", 0)) == Accepted(None, True)
    assert venue.refuse(OrderCancelAllEvent("anna", "XRP-USDT", 0)) == "unknown_market"


# Deposits and withdrawals


@pytest.mark.parametrize(("kind", "result"), [(DepositEvent, DepositedEvent), (WithdrawEvent, WithdrawnEvent)])
def test_a_transfer_goes_to_the_wallet_and_comes_back_decided(kind: type[Any], result: type[Any]) -> None:
    venue = Venue(SHARDED)
    record = venue.accept(kind("t-1", SECOND, "BTC", 5, 0), NOW + 3)
    request = kind("t-1", SECOND, "BTC", 5, NOW + 3)
    assert record == TransferRecord(request, None)
    assert venue.sent() == {"wallet-1": [request]}
    assert in_flight(venue) == {"transfers": [0, 1]}
    assert not venue.tracker.is_idle()
    event = result("t-1", SECOND, "BTC", 5, 12, NOW + 4)
    venue.tell(event)
    assert venue.tracker.transfer(SECOND, "t-1") == TransferRecord(request, event)
    assert in_flight(venue) == {}


def test_a_transfer_that_comes_again_is_answered_with_the_first_also_when_it_was_rejected() -> None:
    venue = Venue()
    request = WithdrawEvent("t", "anna", "BTC", 5, 0)
    record = venue.accept(request)
    assert venue.tell(request) == Accepted(record, True)
    venue.tell(TransferRejectedEvent("t", "anna", "BTC", 5, Reason.INSUFFICIENT_FUNDS, NOW))
    venue.sent()
    answer = venue.tell(request, NOW + 100)
    assert answer == Accepted(venue.tracker.transfer("anna", "t"), True)
    assert answer.record.result.reason is Reason.INSUFFICIENT_FUNDS
    assert venue.sent() == {}


@pytest.mark.parametrize(
    "other",
    [
        WithdrawEvent("t", "anna", "BTC", 5, 0),
        DepositEvent("t", "anna", "ETH", 5, 0),
        DepositEvent("t", "anna", "BTC", 6, 0),
    ],
)
def test_another_transfer_under_the_same_id_is_refused(other: DepositEvent | WithdrawEvent) -> None:
    venue = Venue()
    venue.accept(DepositEvent("t", "anna", "BTC", 5, 0))
    assert venue.refuse(other) == "transfer_id_conflict"


def test_a_transfer_id_belongs_to_its_account_and_all_accounts_can_be_asked_for_it() -> None:
    venue = Venue()
    first = venue.accept(DepositEvent("t", "anna", "BTC", 5, 0))
    second = venue.accept(WithdrawEvent("t", "bert", "ETH", 6, 0))
    assert venue.tracker.transfers_by_id("t") == [first, second]
    assert venue.tracker.transfers_by_id("u") == []


def test_of_decided_transfers_only_the_newest_are_kept_and_of_the_others_all() -> None:
    venue = Venue(transfers_max=2)
    waiting = venue.accept(DepositEvent("t", "zoe", "BTC", 1, 0))
    for account in ("anna", "bert", "cora"):
        venue.accept(DepositEvent("t", account, "BTC", 1, 0))
        venue.tell(DepositedEvent("t", account, "BTC", 1, 1, NOW))
    assert venue.tracker.transfer("anna", "t") is None
    assert [record.request.account for record in venue.tracker.transfers_by_id("t")] == ["zoe", "bert", "cora"]
    assert venue.tracker.transfer("zoe", "t") == waiting
    assert venue.tracker.statistics().transfers == 3
    for number in range(3):
        venue.accept(DepositEvent(f"u-{number}", "anna", "BTC", 1, 0))
        venue.tell(DepositedEvent(f"u-{number}", "anna", "BTC", 1, 1, NOW))
    assert venue.tracker.transfers_by_id("u-0") == []
    assert venue.tracker.transfers_by_id("t") == [waiting]


def test_a_forgotten_transfer_id_leaves_nothing_behind() -> None:
    venue = Venue(transfers_max=1)
    for transfer_id in ("t", "u"):
        venue.accept(DepositEvent(transfer_id, "anna", "BTC", 1, 0))
        venue.tell(DepositedEvent(transfer_id, "anna", "BTC", 1, 1, NOW))
    again = venue.accept(DepositEvent("t", "anna", "BTC", 2, 0))
    assert venue.tracker.transfers_by_id("t") == [again]


# Forgetting


def test_of_settled_orders_only_the_newest_are_kept_with_all_that_leads_to_them() -> None:
    venue = Venue(finished_max=2)
    resting = venue.rest(limit(client_order_id="resting"))
    gone = venue.finish(limit(client_order_id="gone"))
    kept = [venue.finish(limit(client_order_id=name)) for name in ("a", "b")]
    assert venue.tracker.order(gone) is None
    assert venue.tracker.order_by_client_id("anna", "gone") is None
    assert ids_of(venue) == [*reversed(kept), resting]
    assert venue.tracker.statistics().orders == 3
    assert venue.tracker.statistics().settled == 2


def test_an_order_settles_in_the_order_of_its_end_not_of_its_age() -> None:
    venue = Venue(finished_max=1)
    old, young = venue.rest(), venue.rest()
    venue.tell(cancellation(young, 10))
    venue.tell(cancellation(old, 10))
    assert ids_of(venue) == [old]


def test_an_order_that_is_final_but_not_settled_is_not_forgotten() -> None:
    venue = Venue(finished_max=1)
    order_id = venue.place()
    venue.approve(order_id)
    venue.tell(trade(1, order_id, 10, done=True))
    venue.finish()
    venue.finish()
    assert status_of(venue.order(order_id)) is OrderStatus.MATCHED
    venue.tell(placement(order_id, 10))
    assert ids_of(venue) == [order_id]


def test_a_forgotten_client_order_id_may_be_used_for_a_new_order() -> None:
    venue = Venue(finished_max=1)
    first = venue.finish(limit(client_order_id="c"))
    venue.finish()
    second = venue.place(limit(11, client_order_id="c"))
    assert second > first
    record = venue.tracker.order_by_client_id("anna", "c")
    assert record is not None
    assert record.order.order_id == second


def test_an_account_without_orders_is_forgotten() -> None:
    venue = Venue(finished_max=1)
    venue.finish(limit(account="bert"))
    assert venue.tracker.account("bert") is not None
    venue.finish(limit(account="anna"))
    assert venue.tracker.account("bert") is None
    assert venue.tracker.orders_of("bert").orders == []
    assert venue.tracker.statistics().accounts == 1


def test_forgetting_finds_its_order_among_many() -> None:
    count = 3 * READ_IDS_MAX + 1
    venue = Venue(finished_max=1)
    ids = [venue.rest() for _ in range(count)]
    # Ids leave in front, in the middle and at the end, and so many that they are dropped from the list.
    leaving = dict.fromkeys(ids[READ_IDS_MAX : 2 * READ_IDS_MAX] + ids[::7] + ids[6::7] + ids[-1:] + ids[:1])
    for order_id in leaving:
        venue.tell(cancellation(order_id, 10))
    venue.finish(limit(account="bert"))
    staying = [order_id for order_id in ids if order_id not in leaving]
    assert ids_of(venue, limit=count) == staying[::-1]
    newest = venue.place()
    assert ids_of(venue, limit=2) == [newest, staying[-1]]


# Pages


def test_pages_go_from_new_to_old_and_say_where_the_next_one_begins() -> None:
    venue = Venue()
    ids = [venue.place() for _ in range(5)]
    venue.place(limit(account="bert"))
    page = venue.tracker.orders_of("anna", limit=2)
    assert [record.order.order_id for record in page.orders] == [ids[4], ids[3]]
    assert page.before == ids[3]
    page = venue.tracker.orders_of("anna", limit=2, before=page.before)
    assert [record.order.order_id for record in page.orders] == [ids[2], ids[1]]
    page = venue.tracker.orders_of("anna", limit=2, before=page.before)
    assert [record.order.order_id for record in page.orders] == [ids[0]]
    assert page.before is None


def test_a_page_that_holds_exactly_the_rest_is_the_last_one() -> None:
    venue = Venue()
    for _ in range(2):
        venue.place()
    assert venue.tracker.orders_of("anna", limit=2).before is None


def test_a_page_goes_on_where_its_cursor_was_also_when_that_order_is_forgotten() -> None:
    venue = Venue(finished_max=1)
    old, cursor, young = venue.rest(), venue.rest(), venue.rest()
    venue.tell(cancellation(cursor, 10))
    venue.tell(cancellation(young, 10))
    assert venue.tracker.order(cursor) is None
    assert ids_of(venue, before=cursor) == [old]


def test_pages_of_many_orders_have_no_gap_or_repetition() -> None:
    venue = Venue()
    ids = [venue.place() for _ in range(2 * READ_IDS_MAX + 3)]
    seen: list[int] = []
    before = None
    while len(seen) < len(ids):
        page = venue.tracker.orders_of("anna", limit=100, before=before)
        seen += [record.order.order_id for record in page.orders]
        before = page.before
    assert seen == ids[::-1]
    assert before is None


def test_a_page_can_be_of_one_status_or_one_market() -> None:
    venue = Venue()
    pending = venue.place()
    created = venue.rest(limit(market=ETH_USDT.market))
    rejected = venue.finish()
    assert ids_of(venue, status=OrderStatus.PENDING) == [pending]
    assert ids_of(venue, status=OrderStatus.CREATED) == [created]
    assert ids_of(venue, market="BTC-USDT") == [rejected, pending]
    assert ids_of(venue, market="BTC-USDT", status=OrderStatus.CREATED) == []
    assert ids_of(venue, "nobody") == []


def test_a_rare_status_is_sought_among_so_many_orders_and_no_more_at_a_time() -> None:
    venue = Venue(finished_max=SCAN_ORDERS_MAX)
    rare = venue.rest()
    ids = [venue.finish() for _ in range(SCAN_ORDERS_MAX)]
    page = venue.tracker.orders_of("anna", status=OrderStatus.CREATED)
    assert page.orders == []
    assert page.before == ids[0]
    page = venue.tracker.orders_of("anna", status=OrderStatus.CREATED, before=page.before)
    assert [record.order.order_id for record in page.orders] == [rare]
    assert page.before is None


def test_a_page_that_is_being_read_does_not_mind_what_is_forgotten_meanwhile() -> None:
    venue = Venue(finished_max=1)
    ids = [venue.rest() for _ in range(READ_IDS_MAX + 10)]
    account = venue.tracker.account("anna")
    assert account is not None
    reader = account.newest_first()
    seen = [next(reader) for _ in range(3)]
    for order_id in ids[: READ_IDS_MAX + 5]:
        venue.tell(cancellation(order_id, 10))
    seen += reader
    assert seen[:10] == ids[::-1][:10]
    assert seen == sorted(set(seen), reverse=True)


# Watching


def test_a_change_is_told_to_whoever_watches_its_key() -> None:
    venue = Venue()
    order_id = venue.place()
    transfer, everything = ("anna", "t"), ("cancel-all", "anna", "BTC-USDT")
    venue.tracker.watched = {order_id, transfer, everything}
    steps: list[tuple[Any, list[Any]]] = [
        (approval(venue.order(order_id).order), [order_id]),
        (placement(order_id, resting=10), [order_id]),
        (cancel(order_id), [order_id]),
        (CancelRejectedEvent(order_id, Reason.INTERNAL_ERROR, NOW), [order_id]),
        (trade(1, order_id, 3), [order_id]),
        (cancellation(order_id, 7), [order_id]),
        (DepositEvent(transfer[1], transfer[0], "BTC", 1, 0), [transfer]),
        (DepositedEvent(transfer[1], transfer[0], "BTC", 1, 1, NOW), [transfer]),
        (OrderCancelAllEvent("anna", "BTC-USDT", 0), [everything]),
        (CancelAllDoneEvent("anna", "BTC-USDT", 0, NOW), [everything]),
        (limit(), []),
        (DepositEvent("u", "anna", "BTC", 1, 0), []),
    ]
    for message, changed in steps:
        venue.tell(message)
        assert venue.tracker.changed == changed, message
        venue.tracker.changed.clear()


def test_nothing_is_told_about_what_nobody_watches() -> None:
    venue = Venue()
    venue.finish()
    venue.rest()
    assert venue.tracker.changed == []


def test_a_key_shows_what_is_under_it() -> None:
    venue = Venue()
    order_id = venue.place()
    transfer = venue.accept(DepositEvent("t", "anna", "BTC", 1, 0))
    assert venue.tracker.look(order_id) is venue.order(order_id)
    assert venue.tracker.look(("anna", "t")) is transfer
    assert venue.tracker.look(("cancel-all", "anna", "BTC-USDT")) is False
    assert venue.tracker.look(STRANGER) is None
    assert venue.tracker.look(("anna", "u")) is None


# The whole


def test_the_same_input_gives_the_same_state_and_the_same_messages() -> None:
    def run() -> tuple[list[OrderRecord], dict[str, list[Any]], FlightCounts]:
        venue = Venue(SHARDED, finished_max=2)
        first = venue.rest(limit(account=FIRST))
        venue.finish(limit(account=SECOND))
        venue.rest(by_budget(account=FIRST))
        venue.accept(cancel(first, FIRST))
        venue.tell(cancellation(first, 10))
        return venue.tracker.orders_of(FIRST).orders, venue.sent(), venue.tracker.in_flight

    assert run() == run()


def test_a_tracker_answers_no_questions_of_its_peers() -> None:
    assert Venue().tracker.queries == {}

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.ids import next_order_id, order_id_text, order_uuid
from actors.market import Market
from actors.messages import (
    Balance,
    Balances,
    DepositedEvent,
    DepositEvent,
    MarketDefinedEvent,
    OrderCancelledEvent,
    OrderCreatedEvent,
    OrderCreateEvent,
    OrderMatchedEvent,
    OrderPlacedEvent,
    OrderRejectedEvent,
    OrderType,
    Party,
    Reason,
    Side,
    TimeInForce,
    TradePrint,
    TransferRejectedEvent,
    WithdrawEvent,
)
from actors.status import OrderRecord, created, ended, matched, placed
from actors.transfers import TransferRecord
from gateway.views import (
    TRADES_SHOWN_MAX,
    balances_view,
    format_time,
    market_view,
    order_view,
    print_view,
    transfer_view,
)

MARKET = Market(MarketDefinedEvent("BTC-USDT", "BTC", "USDT", 8, 8, 2, 1, 1000, 100_000_000, 1000, 2000, 50_000, 0))
NOON = 1_795_608_000_000_000
ORDER_ID = next_order_id(0, NOON, 0)
SELL = OrderCreateEvent(
    ORDER_ID,
    "alice",
    "BTC-USDT",
    Side.SELL,
    OrderType.LIMIT,
    TimeInForce.GTC,
    False,
    2_700_000,
    100_000,
    0,
    "mine",
    NOON,
)
OTHER = Party(1, "bob", 2000, 0, True)


def approved(order: OrderCreateEvent, asset: str, amount: int) -> OrderRecord:
    return created(OrderRecord(order), OrderCreatedEvent(order, asset, amount, NOON + 250), asset, NOON + 250)


def trade(trade_id: int, price: int, quantity: int, maker: Party, taker: Party) -> OrderMatchedEvent:
    return OrderMatchedEvent(trade_id, "BTC-USDT", price, quantity, maker, taker, Side.BUY, NOON + 1_000 * trade_id)


def half_sold() -> OrderRecord:
    record = placed(approved(SELL, "BTC", 100_000_000), OrderPlacedEvent(ORDER_ID, 0, 100_000, NOON + 300))
    for trade_id, price, quantity in ((1, 2_700_000, 30_000), (2, 2_700_003, 20_000)):
        party = Party(ORDER_ID, "alice", 1000, 0, False)
        record = matched(record, trade(trade_id, price, quantity, party, OTHER), party)
    return record


def test_a_pending_order_shows_what_was_asked_and_nothing_else() -> None:
    assert order_view(OrderRecord(SELL), MARKET) == {
        "order_id": str(order_uuid(ORDER_ID)),
        "client_order_id": "mine",
        "account": "alice",
        "market": "BTC-USDT",
        "side": "sell",
        "type": "limit",
        "time_in_force": "GTC",
        "post_only": False,
        "price": "27000.00",
        "quantity": "1.00000000",
        "budget": None,
        "status": "PENDING",
        "reason": None,
        "matched_quantity": "0.00000000",
        "remaining_quantity": "1.00000000",
        "average_price": None,
        "locked": None,
        "created_at": "2026-11-25T12:00:00.000000Z",
        "approved_at": None,
        "updated_at": "2026-11-25T12:00:00.000000Z",
        "history": [{"status": "PENDING", "at": "2026-11-25T12:00:00.000000Z"}],
        "trades": [],
    }


def test_a_partly_matched_order_shows_its_lock_history_and_trades() -> None:
    view = order_view(half_sold(), MARKET)
    assert view["status"] == "PARTIALLY_MATCHED"
    assert view["locked"] == {"asset": "BTC", "amount": "1.00000000"}
    assert view["approved_at"] == "2026-11-25T12:00:00.000250Z"
    assert view["updated_at"] == "2026-11-25T12:00:00.002000Z"
    assert [(step["status"], step["at"]) for step in view["history"]] == [
        ("PENDING", "2026-11-25T12:00:00.000000Z"),
        ("CREATED", "2026-11-25T12:00:00.000250Z"),
        ("PARTIALLY_MATCHED", "2026-11-25T12:00:00.001000Z"),
    ]
    assert (view["matched_quantity"], view["remaining_quantity"]) == ("0.50000000", "0.50000000")
    # (0.3 × 27000.00 + 0.2 × 27000.03) / 0.5
    assert view["average_price"] == "27000.01200000"
    assert view["trades"][1] == {
        "trade_id": "2",
        "price": "27000.03",
        "quantity": "0.20000000",
        "fee": "5.40000600",
        "fee_asset": "USDT",
        "role": "maker",
        "at": "2026-11-25T12:00:00.002000Z",
    }


def test_an_order_of_very_many_trades_shows_the_latest_of_them_and_counts_all() -> None:
    record = approved(SELL, "BTC", 100_000_000)
    for trade_id in range(1, TRADES_SHOWN_MAX + 11):
        party = Party(ORDER_ID, "alice", 1000, 0, False)
        record = matched(record, trade(trade_id, 2_700_000, 1, party, OTHER), party)
    view = order_view(record, MARKET)
    assert [shown["trade_id"] for shown in view["trades"]] == [str(n) for n in range(11, TRADES_SHOWN_MAX + 11)]
    assert view["matched_quantity"] == f"0.{TRADES_SHOWN_MAX + 10:05d}000"


def test_a_buyer_pays_the_fee_in_what_is_bought_rounded_up() -> None:
    order = OrderCreateEvent(
        ORDER_ID, "bob", "BTC-USDT", Side.BUY, OrderType.LIMIT, TimeInForce.IOC, False, 2_700_000, 1, 0, "", NOON
    )
    taker = Party(ORDER_ID, "bob", 1_001, 0, True)
    record = matched(approved(order, "USDT", 27_000_000), trade(7, 2_700_000, 1, OTHER, taker), taker)
    view = order_view(record, MARKET)
    assert view["status"] == "MATCHED"
    # 1,000 smallest units of BTC at 1,001 ppm are 1.001 units: two.
    assert (view["trades"][0]["fee"], view["trades"][0]["fee_asset"]) == ("0.00000002", "BTC")
    assert view["trades"][0]["role"] == "taker"


@pytest.mark.parametrize(
    ("prices", "average"),
    [((100, 100, 101), "1.00333333"), ((100, 101, 101), "1.00666667"), ((101, 101, 101), "1.01000000")],
)
def test_an_average_price_is_rounded_to_the_nearest_that_can_be_shown(prices: tuple[int, ...], average: str) -> None:
    record = approved(SELL, "BTC", 100_000_000)
    for trade_id, price in enumerate(prices, 1):
        party = Party(ORDER_ID, "alice", 1000, 0, False)
        record = matched(record, trade(trade_id, price, 1, party, OTHER), party)
    assert order_view(record, MARKET)["average_price"] == average


def test_a_rejected_order_shows_why_and_locks_nothing() -> None:
    rejected = OrderRejectedEvent(ORDER_ID, Reason.INSUFFICIENT_FUNDS, NOON + 9)
    view = order_view(ended(OrderRecord(SELL), rejected), MARKET)
    assert (view["status"], view["reason"], view["locked"]) == ("REJECTED", "insufficient_funds", None)
    assert view["history"][-1] == {"status": "REJECTED", "at": "2026-11-25T12:00:00.000009Z"}


def test_a_trade_that_is_here_before_the_approval_is_not_shown_yet() -> None:
    party = Party(ORDER_ID, "alice", 1000, 0, False)
    early = matched(OrderRecord(SELL), trade(1, 2_700_000, 5, party, OTHER), party)
    assert order_view(early, MARKET) == order_view(OrderRecord(SELL), MARKET)


def market_buy(quantity: int, budget: int) -> OrderCreateEvent:
    return OrderCreateEvent(
        *(ORDER_ID, "bob", "BTC-USDT", Side.BUY, OrderType.MARKET, TimeInForce.IOC, False),
        *(2_835_000 if quantity else 0, quantity, budget, "", NOON),
    )


def test_a_market_order_shows_no_price_though_it_carries_its_protection() -> None:
    view = order_view(OrderRecord(market_buy(5, 0)), MARKET)
    assert (view["type"], view["price"], view["client_order_id"]) == ("market", None, None)


def test_an_order_by_budget_has_no_quantity_and_none_that_remains() -> None:
    record = approved(market_buy(0, 5_000_000_000), "USDT", 5_000_000_000)
    assert order_view(record, MARKET)["remaining_quantity"] is None
    party = Party(ORDER_ID, "bob", 2000, 0, False)
    record = matched(record, trade(1, 2_700_000, 5, OTHER, party), party)
    view = order_view(record, MARKET)
    assert (view["quantity"], view["budget"], view["remaining_quantity"]) == (None, "50.00000000", None)
    assert view["matched_quantity"] == "0.00005000"


def test_a_cancelled_order_keeps_what_it_has_matched() -> None:
    view = order_view(ended(half_sold(), OrderCancelledEvent(ORDER_ID, 50_000, Reason.USER, NOON + 9_000)), MARKET)
    assert (view["status"], view["reason"]) == ("CANCELLED", "user")
    assert (view["matched_quantity"], view["remaining_quantity"]) == ("0.50000000", "0.50000000")


@given(st.integers(1, 2**53 - 1))
def test_the_text_of_an_order_id_is_that_of_its_uuid(order_id: int) -> None:
    assert order_id_text(order_id) == str(order_uuid(order_id))


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (1_709_164_800_000_000 - 1, "2024-02-28T23:59:59.999999Z"),
        (4_102_444_799_999_999, "2099-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_always_has_all_its_microseconds(time: int, text: str) -> None:
    assert format_time(time) == text


DEPOSIT = DepositEvent("t-1", "alice", "USDT", 150_000_000, NOON)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (TransferRecord(DEPOSIT), {"kind": "deposit", "status": "PENDING", "balance": None, "decided_at": None}),
        (
            TransferRecord(DEPOSIT, DepositedEvent("t-1", "alice", "USDT", 150_000_000, 250_000_000, NOON + 1)),
            {"status": "DONE", "amount": "1.50000000", "balance": "2.50000000", "reason": None},
        ),
        (
            TransferRecord(
                WithdrawEvent("t-1", "alice", "USDT", 5, NOON),
                TransferRejectedEvent("t-1", "alice", "USDT", 5, Reason.INSUFFICIENT_FUNDS, NOON + 1),
            ),
            {"kind": "withdrawal", "status": "REJECTED", "reason": "insufficient_funds", "balance": None},
        ),
    ],
)
def test_a_transfer_shows_how_far_it_has_come(record: TransferRecord, expected: dict[str, Any]) -> None:
    view = transfer_view(record, {"USDT": 8})
    assert {name: view[name] for name in expected} == expected


def test_balances_have_the_places_of_their_asset() -> None:
    balances = Balances("alice", (Balance("BTC", 1, 2), Balance("EUR", 12345, 0)))
    assert balances_view(balances, {"BTC": 8, "EUR": 2}) == {
        "account": "alice",
        "balances": [
            {"asset": "BTC", "free": "0.00000001", "held": "0.00000002"},
            {"asset": "EUR", "free": "123.45", "held": "0.00"},
        ],
    }


def test_a_market_shows_its_parameters_as_decimals() -> None:
    view = market_view(MARKET)
    assert (view["tick"], view["lot"], view["min_notional"]) == ("0.01", "0.00001000", "1.00000000")


def test_a_public_trade_names_nobody() -> None:
    assert print_view(TradePrint(513, 2_700_000, 5, Side.SELL, NOON), MARKET) == {
        "trade_id": "513",
        "price": "27000.00",
        "quantity": "0.00005000",
        "taker_side": "sell",
        "at": "2026-11-25T12:00:00.000000Z",
    }

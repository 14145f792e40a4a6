from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from actors import matcher
from actors.engine.behaviour import Outgoing
from actors.errors import InvalidValue, ProtocolError
from actors.ids import EPOCH_MS, next_order_id
from actors.matcher import CHANGED_LEVELS_MAX, PRINTS_MAX, Matcher
from actors.messages import (
    BookChangedEvent,
    BookQuery,
    BookSnapshot,
    CancelAllDoneEvent,
    CancelRejectedEvent,
    MarketDefinedEvent,
    Message,
    OrderCancelAllEvent,
    OrderCancelEvent,
    OrderCancelledEvent,
    OrderCreatedEvent,
    OrderCreateEvent,
    OrderMatchedEvent,
    OrderPlacedEvent,
    OrderType,
    Party,
    Reason,
    Side,
    TimeInForce,
    TradePrint,
    Unknown,
)
from actors.topology import Topology

BUY, SELL = Side.BUY, Side.SELL
GTC, IOC, FOK = TimeInForce
NOW = EPOCH_MS * 1_000 + 5_000_000
# A lot at a price of one tick costs 10 units of quote.
MARKET = MarketDefinedEvent("BTC-USDT", "BTC", "USDT", 5, 6, 2, 1, 100, 1, 1_000, 2_000, 50_000, 0)
OTHER = msgspec.structs.replace(MARKET, market="ETH-USDT", base="ETH", maker_fee_ppm=0, taker_fee_ppm=500)
UNIT = 10


class Harness:
    """A matcher between lists: what it is told, and what it says to whom."""

    def __init__(self, topology: Topology | None = None, shard: int = 0, incarnation: int = 0) -> None:
        self.topology = topology or Topology()
        self.outgoing = Outgoing()
        self.matcher = Matcher(shard, self.topology, self.outgoing, incarnation)
        self.last_ids = [0] * self.topology.gateways
        self.tell(msgspec.structs.replace(MARKET, matcher=shard), msgspec.structs.replace(OTHER, matcher=shard))

    def tell(self, *messages: Message, now: int = NOW) -> None:
        for message in messages:
            self.matcher.handlers[type(message)](message, now)

    def order(self, account: str, side: Side, price: int = 0, quantity: int = 0, **other: Any) -> int:
        """Let a wallet create an order; without a price it is a market order. Returns its id."""
        gateway = other.pop("gateway", 0)
        self.last_ids[gateway] = order_id = next_order_id(self.last_ids[gateway], NOW, gateway)
        order_type = other.pop("type", OrderType.LIMIT if price else OrderType.MARKET)
        order = OrderCreateEvent(
            order_id,
            account,
            other.pop("market", "BTC-USDT"),
            side,
            order_type,
            other.pop("time_in_force", GTC if order_type is OrderType.LIMIT else IOC),
            other.pop("post_only", False),
            price,
            quantity,
            other.pop("budget", 0),
            "",
            NOW,
        )
        assert not other
        self.tell(OrderCreatedEvent(order, "", 0, NOW))
        return order_id

    def said(self, receiver: str) -> list[Any]:
        """Return what was said to an actor since the last time, and forget it."""
        lane = self.outgoing.lanes[receiver]
        said = lane[:]
        lane.clear()
        return said

    def heard(self) -> set[str]:
        """Return whoever has been told something."""
        return {receiver for receiver, lane in self.outgoing.lanes.items() if lane}

    def forget(self) -> None:
        for lane in (*self.outgoing.lanes.values(), *self.outgoing.feeds.values()):
            lane.clear()

    def finish_batch(self, tracker: str = "tracker-0") -> list[BookChangedEvent]:
        self.matcher.finish_batch(NOW)
        changes: list[BookChangedEvent] = self.outgoing.feeds[tracker][:]
        self.outgoing.feeds[tracker].clear()
        return changes

    def book(self, market: str = "BTC-USDT") -> BookSnapshot:
        answer = self.matcher.queries[BookQuery](BookQuery(market))
        assert isinstance(answer, BookSnapshot)
        return answer


@pytest.fixture
def venue() -> Harness:
    return Harness()


def trades(said: Sequence[Any]) -> list[OrderMatchedEvent]:
    return [message for message in said if isinstance(message, OrderMatchedEvent)]


def prices(said: Sequence[Any]) -> list[tuple[int, int]]:
    return [(trade.price, trade.quantity) for trade in trades(said)]


# Orders that rest


def test_an_order_that_rests_is_told_to_its_tracker_alone(venue: Harness) -> None:
    order_id = venue.order("ann", BUY, 100, 5)
    assert venue.heard() == {"tracker-0"}
    assert venue.said("tracker-0") == [OrderPlacedEvent(order_id, 0, 5, NOW)]
    assert venue.book().bids == ((100, 5),)


def test_a_trade_tells_both_sides_and_says_that_the_order_is_placed_last(venue: Harness) -> None:
    maker = venue.order("ann", SELL, 100, 3)
    venue.forget()
    taker = venue.order("bob", BUY, 105, 5)
    trade = OrderMatchedEvent(
        1 << 8,
        "BTC-USDT",
        100,
        3,
        Party(maker, "ann", 1_000, 0, True),
        Party(taker, "bob", 2_000, 2, False),
        BUY,
        NOW,
    )
    assert venue.said("wallet-0") == [trade]
    assert venue.said("tracker-0") == [trade, OrderPlacedEvent(taker, 3, 2, NOW)]
    assert venue.book().bids == ((105, 2),)


def test_the_last_trade_of_each_order_is_marked(venue: Harness) -> None:
    venue.order("ann", SELL, 100, 3)
    venue.order("ann", SELL, 101, 4)
    venue.forget()
    venue.order("bob", BUY, 101, 5)
    first, second = trades(venue.said("wallet-0"))
    assert [(p.remaining, p.done) for p in (first.maker, first.taker)] == [(0, True), (2, False)]
    assert [(p.remaining, p.done) for p in (second.maker, second.taker)] == [(2, False), (0, True)]


def test_price_comes_before_time_and_time_before_everything_else(venue: Harness) -> None:
    worse = venue.order("ann", SELL, 101, 1)
    first = venue.order("ann", SELL, 100, 1)
    second = venue.order("bob", SELL, 100, 1)
    venue.forget()
    venue.order("cat", BUY, 101, 3)
    assert [trade.maker.order_id for trade in trades(venue.said("wallet-0"))] == [first, second, worse]


def test_an_account_may_trade_with_itself(venue: Harness) -> None:
    venue.order("ann", SELL, 100, 3)
    venue.forget()
    venue.order("ann", BUY, 100, 3)
    (trade,) = venue.said("wallet-0")
    assert (trade.maker.account, trade.taker.account) == ("ann", "ann")


def test_fees_are_those_of_the_market_for_maker_and_taker(venue: Harness) -> None:
    for market in ("BTC-USDT", "ETH-USDT"):
        venue.order("ann", SELL, 100, 1, market=market)
        venue.order("bob", BUY, 100, 1, market=market)
    assert [(t.market, t.maker.fee_ppm, t.taker.fee_ppm) for t in trades(venue.said("wallet-0"))] == [
        ("BTC-USDT", 1_000, 2_000),
        ("ETH-USDT", 0, 500),
    ]


# Orders that never rest


@pytest.mark.parametrize(("side", "limit"), [(BUY, 101), (SELL, 99)])
def test_immediate_or_cancel_takes_what_is_there_and_ends(venue: Harness, side: Side, limit: int) -> None:
    venue.order("ann", Side(1 - side), 100, 3)
    venue.forget()
    order_id = venue.order("bob", side, limit, 5, time_in_force=IOC)
    cancelled = OrderCancelledEvent(order_id, 2, Reason.IMMEDIATE_OR_CANCEL, NOW)
    (trade, *rest) = venue.said("wallet-0")
    assert (trade.taker_side, trade.taker.remaining, trade.taker.done) == (side, 2, False)
    assert rest == [cancelled]
    assert venue.said("tracker-0") == [trade, cancelled, OrderPlacedEvent(order_id, 3, 0, NOW)]
    assert venue.book().bids == venue.book().asks == ()


def test_immediate_or_cancel_that_matches_whole_is_not_cancelled(venue: Harness) -> None:
    venue.order("ann", SELL, 100, 3)
    venue.forget()
    order_id = venue.order("bob", BUY, 100, 3, time_in_force=IOC)
    trade, placed = venue.said("tracker-0")
    assert trade.taker.done
    assert placed == OrderPlacedEvent(order_id, 3, 0, NOW)


def test_fill_or_kill_that_cannot_fill_changes_nothing(venue: Harness) -> None:
    venue.order("ann", SELL, 100, 3)
    venue.order("ann", SELL, 102, 3)
    venue.finish_batch()
    venue.forget()
    order_id = venue.order("bob", BUY, 101, 4, time_in_force=FOK)
    cancelled = OrderCancelledEvent(order_id, 4, Reason.FILL_OR_KILL, NOW)
    assert venue.said("wallet-0") == [cancelled]
    assert venue.said("tracker-0") == [cancelled, OrderPlacedEvent(order_id, 0, 0, NOW)]
    assert venue.finish_batch() == []


def test_fill_or_kill_that_can_fill_does(venue: Harness) -> None:
    venue.order("ann", SELL, 100, 3)
    venue.order("ann", SELL, 101, 3)
    venue.forget()
    order_id = venue.order("bob", BUY, 101, 4, time_in_force=FOK)
    said = venue.said("tracker-0")
    assert prices(said) == [(100, 3), (101, 1)]
    assert said[2:] == [OrderPlacedEvent(order_id, 4, 0, NOW)]


@pytest.mark.parametrize(("side", "price"), [(BUY, 100), (BUY, 101), (SELL, 100), (SELL, 99)])
def test_post_only_that_would_match_ends(venue: Harness, side: Side, price: int) -> None:
    venue.order("ann", Side(1 - side), 100, 3)
    venue.forget()
    order_id = venue.order("bob", side, price, 5, post_only=True)
    cancelled = OrderCancelledEvent(order_id, 5, Reason.POST_ONLY, NOW)
    assert venue.said("wallet-0") == [cancelled]
    assert venue.said("tracker-0") == [cancelled, OrderPlacedEvent(order_id, 0, 0, NOW)]


@pytest.mark.parametrize(("side", "price"), [(BUY, 99), (SELL, 101)])
def test_post_only_that_would_not_match_rests(venue: Harness, side: Side, price: int) -> None:
    venue.order("ann", Side(1 - side), 100, 3)
    venue.forget()
    order_id = venue.order("bob", side, price, 5, post_only=True)
    assert venue.said("tracker-0") == [OrderPlacedEvent(order_id, 0, 5, NOW)]
    assert venue.said("wallet-0") == []


# Market orders


def test_a_market_sell_takes_any_bid_and_never_rests(venue: Harness) -> None:
    venue.order("ann", BUY, 100, 3)
    venue.order("ann", BUY, 1, 3)
    venue.forget()
    order_id = venue.order("bob", SELL, quantity=8)
    said = venue.said("tracker-0")
    assert prices(said) == [(100, 3), (1, 3)]
    assert said[2:] == [
        OrderCancelledEvent(order_id, 2, Reason.NO_LIQUIDITY, NOW),
        OrderPlacedEvent(order_id, 6, 0, NOW),
    ]


def test_a_market_buy_by_quantity_does_not_trade_beyond_its_protection_price(venue: Harness) -> None:
    venue.order("ann", SELL, 100, 3)
    venue.order("ann", SELL, 106, 3)
    venue.forget()
    order_id = venue.order("bob", BUY, 105, 5, type=OrderType.MARKET)
    said = venue.said("tracker-0")
    assert prices(said) == [(100, 3)]
    assert said[1:] == [
        OrderCancelledEvent(order_id, 2, Reason.NO_LIQUIDITY, NOW),
        OrderPlacedEvent(order_id, 3, 0, NOW),
    ]


@pytest.mark.parametrize(
    ("side", "size"),
    [(SELL, {"quantity": 5}), (BUY, {"price": 105, "quantity": 5}), (BUY, {"budget": 5})],
)
def test_a_market_order_on_an_empty_book_ends_for_want_of_liquidity(
    venue: Harness, side: Side, size: dict[str, int]
) -> None:
    order_id = venue.order("bob", side, type=OrderType.MARKET, **size)
    cancelled = OrderCancelledEvent(order_id, 5, Reason.NO_LIQUIDITY, NOW)
    assert venue.said("wallet-0") == [cancelled]
    assert venue.said("tracker-0") == [cancelled, OrderPlacedEvent(order_id, 0, 0, NOW)]


def test_a_market_order_does_not_rest_whatever_its_time_in_force(venue: Harness) -> None:
    order_id = venue.order("bob", BUY, 105, 5, type=OrderType.MARKET, time_in_force=GTC)
    assert venue.said("tracker-0")[1:] == [OrderPlacedEvent(order_id, 0, 0, NOW)]
    assert venue.book().bids == ()


def test_a_market_order_that_must_fill_or_be_killed_is_killed(venue: Harness) -> None:
    venue.order("ann", BUY, 100, 3)
    venue.forget()
    order_id = venue.order("bob", SELL, quantity=4, time_in_force=FOK)
    assert venue.said("wallet-0") == [OrderCancelledEvent(order_id, 4, Reason.FILL_OR_KILL, NOW)]


def test_a_budget_is_matched_when_the_best_ask_costs_more_than_is_left(venue: Harness) -> None:
    venue.order("ann", SELL, 100, 3)
    venue.order("ann", SELL, 110, 3)
    venue.forget()
    # Three lots cost 3,000, one more 1,100; of the 1,099 that are left no other can be paid.
    order_id = venue.order("bob", BUY, budget=5_199)
    said = venue.said("wallet-0")
    assert prices(said) == [(100, 3), (110, 1)]
    assert [(trade.taker.remaining, trade.taker.done) for trade in said] == [(2_199, False), (1_099, True)]
    assert venue.said("tracker-0")[2:] == [OrderPlacedEvent(order_id, 4, 0, NOW)]


def test_a_budget_that_is_spent_to_the_last_unit_is_matched_though_no_ask_is_left(venue: Harness) -> None:
    venue.order("ann", SELL, 100, 3)
    venue.forget()
    order_id = venue.order("bob", BUY, budget=3_000)
    trade, placed = venue.said("tracker-0")
    assert (trade.taker.remaining, trade.taker.done) == (0, True)
    assert placed == OrderPlacedEvent(order_id, 3, 0, NOW)


def test_a_budget_that_outlasts_the_asks_is_cancelled_with_what_is_left(venue: Harness) -> None:
    venue.order("ann", SELL, 100, 3)
    venue.forget()
    order_id = venue.order("bob", BUY, budget=3_001)
    trade, *rest = venue.said("tracker-0")
    assert (trade.taker.remaining, trade.taker.done) == (1, False)
    cancelled = OrderCancelledEvent(order_id, 1, Reason.NO_LIQUIDITY, NOW)
    assert rest == [cancelled, OrderPlacedEvent(order_id, 3, 0, NOW)]
    assert venue.said("wallet-0") == [trade, cancelled]


def test_a_budget_that_affords_no_lot_at_all_says_so(venue: Harness) -> None:
    venue.order("ann", SELL, 100, 3)
    venue.forget()
    order_id = venue.order("bob", BUY, budget=100 * UNIT - 1)
    cancelled = OrderCancelledEvent(order_id, 999, Reason.BUDGET_TOO_SMALL, NOW)
    assert venue.said("wallet-0") == [cancelled]
    assert venue.said("tracker-0") == [cancelled, OrderPlacedEvent(order_id, 0, 0, NOW)]


# Cancels


def test_a_cancel_ends_the_order_for_wallet_and_tracker(venue: Harness) -> None:
    order_id = venue.order("ann", BUY, 100, 5)
    venue.order("bob", SELL, 100, 2)
    venue.forget()
    venue.tell(OrderCancelEvent(order_id, "ann", "BTC-USDT", NOW))
    cancelled = OrderCancelledEvent(order_id, 3, Reason.USER, NOW)
    assert venue.said("wallet-0") == [cancelled]
    assert venue.said("tracker-0") == [cancelled]
    assert venue.book().bids == ()


def test_an_order_that_is_not_open_cannot_be_cancelled(venue: Harness) -> None:
    order_id = venue.order("ann", BUY, 100, 5)
    venue.order("bob", SELL, 100, 5)
    resting = venue.order("ann", BUY, 100, 5)
    venue.forget()
    venue.tell(
        OrderCancelEvent(order_id, "ann", "BTC-USDT", NOW),
        OrderCancelEvent(resting, "bob", "BTC-USDT", NOW),
        OrderCancelEvent(resting, "ann", "ETH-USDT", NOW),
        OrderCancelEvent(resting, "ann", "XRP-USDT", NOW),
    )
    rejections = [CancelRejectedEvent(n, Reason.ORDER_NOT_OPEN, NOW) for n in (order_id, resting, resting, resting)]
    assert venue.said("tracker-0") == rejections
    assert venue.said("wallet-0") == []
    assert venue.book().bids == ((100, 5),)


def test_cancel_all_ends_the_accounts_orders_in_that_market_oldest_first_and_counts_them(venue: Harness) -> None:
    first = venue.order("ann", SELL, 110, 5)
    venue.order("bob", SELL, 105, 1)
    second = venue.order("ann", BUY, 100, 2)
    venue.order("ann", BUY, 100, 2, market="ETH-USDT")
    venue.forget()
    venue.tell(OrderCancelAllEvent("ann", "BTC-USDT", NOW))
    cancelled = [
        OrderCancelledEvent(first, 5, Reason.USER, NOW),
        OrderCancelledEvent(second, 2, Reason.USER, NOW),
    ]
    assert venue.said("wallet-0") == cancelled
    assert venue.said("tracker-0") == [*cancelled, CancelAllDoneEvent("ann", "BTC-USDT", 2, NOW)]
    assert venue.book().asks == ((105, 1),)
    assert venue.book("ETH-USDT").bids == ((100, 2),)


def test_cancel_all_of_nothing_is_done_as_well(venue: Harness) -> None:
    venue.tell(OrderCancelAllEvent("ann", "BTC-USDT", NOW), OrderCancelAllEvent("ann", "XRP-USDT", NOW))
    assert venue.said("tracker-0") == [
        CancelAllDoneEvent("ann", "BTC-USDT", 0, NOW),
        CancelAllDoneEvent("ann", "XRP-USDT", 0, NOW),
    ]


# Who hears it

# With two wallets and two gateways: bob and cat belong to wallet and gateway 0, ann and dan to 1.
PAIR = Topology(wallets=2, matchers=2, gateways=2)


def test_each_actor_hears_of_a_trade_once() -> None:
    both = Harness(PAIR)
    assert [PAIR.wallet_of(account) for account in ("bob", "cat", "ann", "dan")] == [0, 0, 1, 1]
    for maker, taker, maker_gateway, taker_gateway in (
        ("bob", "cat", 0, 0),
        ("bob", "ann", 0, 1),
        ("ann", "cat", 1, 0),
        ("ann", "dan", 1, 1),
    ):
        both.order(maker, SELL, 100, 1, gateway=maker_gateway)
        both.forget()
        both.order(taker, BUY, 100, 1, gateway=taker_gateway)
        wallets = {PAIR.wallet_of(maker), PAIR.wallet_of(taker)}
        trackers = {maker_gateway, taker_gateway}
        for n in range(2):
            assert len(both.said(f"wallet-{n}")) == (n in wallets)
            said = both.said(f"tracker-{n}")
            assert len(trades(said)) == (n in trackers)
            assert len(said) - len(trades(said)) == (n == taker_gateway)


def test_what_becomes_of_an_order_is_told_to_its_own_wallet_and_tracker() -> None:
    both = Harness(PAIR)
    order_id = both.order("ann", SELL, 100, 1, gateway=0)
    both.tell(OrderCancelEvent(order_id, "ann", "BTC-USDT", NOW))
    both.order("cat", SELL, quantity=1, gateway=1)
    assert [len(both.said(name)) for name in ("wallet-1", "tracker-0", "wallet-0", "tracker-1")] == [1, 2, 1, 2]


def test_that_cancel_all_is_done_is_told_to_the_accounts_home_gateway() -> None:
    both = Harness(PAIR)
    both.tell(OrderCancelAllEvent("ann", "BTC-USDT", NOW))
    assert both.heard() == {f"tracker-{PAIR.home_of('ann')}"} == {"tracker-1"}


def test_an_order_with_the_id_of_a_gateway_that_does_not_exist_is_a_bug_and_changes_nothing(venue: Harness) -> None:
    venue.last_ids.append(0)
    with pytest.raises(IndexError):
        venue.order("ann", BUY, 100, 1, gateway=1)
    assert venue.book().bids == ()


# Trade ids


def test_trade_ids_carry_the_matcher_and_rise_over_all_its_markets() -> None:
    second = Harness(PAIR, shard=1)
    assert second.matcher.name == "matcher-1"
    for market in ("BTC-USDT", "ETH-USDT", "BTC-USDT"):
        second.order("ann", SELL, 100, 1, market=market)
        second.order("dan", BUY, 100, 1, market=market)
    said = trades(second.said("wallet-1"))
    assert [trade.trade_id for trade in said] == [1 << 8 | 1, 2 << 8 | 1, 3 << 8 | 1]


# Markets


def test_a_definition_that_every_wallet_repeats_keeps_the_book(venue: Harness) -> None:
    venue.order("ann", BUY, 100, 5)
    venue.tell(MARKET)
    assert venue.book().bids == ((100, 5),)


def test_a_market_is_never_redefined(venue: Harness) -> None:
    for change in ({"maker_fee_ppm": 0}, {"matcher": 1}):
        with pytest.raises(ProtocolError, match="BTC-USDT is defined"):
            venue.tell(msgspec.structs.replace(MARKET, **change))


def test_a_definition_that_does_not_fit_together_opens_no_market(venue: Harness) -> None:
    with pytest.raises(InvalidValue):
        venue.tell(msgspec.structs.replace(MARKET, market="XRP-USDT", tick=0))
    assert venue.matcher.queries[BookQuery](BookQuery("XRP-USDT")) == Unknown()


@pytest.mark.parametrize(("side", "size"), [(SELL, {"price": 100, "quantity": 7}), (BUY, {"budget": 7})])
def test_an_order_for_an_unknown_market_comes_back(venue: Harness, side: Side, size: dict[str, int]) -> None:
    order_id = venue.order("ann", side, market="XRP-USDT", **size)
    cancelled = OrderCancelledEvent(order_id, 7, Reason.UNKNOWN_MARKET, NOW)
    assert venue.said("wallet-0") == [cancelled]
    assert venue.said("tracker-0") == [cancelled, OrderPlacedEvent(order_id, 0, 0, NOW)]


def test_another_matchers_market_is_unknown_here() -> None:
    venue = Harness(Topology(matchers=2))
    venue.tell(msgspec.structs.replace(MARKET, market="XRP-USDT", matcher=1))
    assert venue.matcher.queries[BookQuery](BookQuery("XRP-USDT")) == Unknown()


# The feed


def test_a_batch_is_one_message_per_changed_market_with_totals_and_trades(venue: Harness) -> None:
    venue.order("ann", SELL, 101, 5)
    venue.order("ann", SELL, 102, 5)
    assert venue.finish_batch() == [BookChangedEvent("BTC-USDT", 0, 1, (), ((101, 5), (102, 5)), ())]
    venue.order("bob", BUY, 102, 7)
    venue.order("bob", BUY, 99, 2, market="ETH-USDT")
    assert venue.finish_batch() == [
        BookChangedEvent(
            "BTC-USDT",
            0,
            2,
            (),
            ((101, 0), (102, 3)),
            (TradePrint(1 << 8, 101, 5, BUY, NOW), TradePrint(2 << 8, 102, 2, BUY, NOW)),
        ),
        BookChangedEvent("ETH-USDT", 0, 1, ((99, 2),), (), ()),
    ]
    assert venue.finish_batch() == []
    venue.order("bob", BUY, 99, 2)
    assert venue.finish_batch() == [BookChangedEvent("BTC-USDT", 0, 3, ((99, 2),), (), ())]


def test_every_change_of_a_book_is_told(venue: Harness) -> None:
    order_id = venue.order("ann", BUY, 99, 2)
    venue.order("ann", BUY, 98, 2)
    venue.order("ann", SELL, 101, 2)
    venue.finish_batch()
    venue.tell(OrderCancelEvent(order_id, "ann", "BTC-USDT", NOW))
    assert [change.bids for change in venue.finish_batch()] == [((99, 0),)]
    venue.order("bob", SELL, 98, 1, time_in_force=IOC)
    assert [change.bids for change in venue.finish_batch()] == [((98, 1),)]
    venue.order("bob", BUY, budget=101 * UNIT)
    assert [change.asks for change in venue.finish_batch()] == [((101, 1),)]
    venue.tell(OrderCancelAllEvent("ann", "BTC-USDT", NOW))
    assert [(change.bids, change.asks) for change in venue.finish_batch()] == [(((98, 0),), ((101, 0),))]


def test_every_tracker_gets_the_feed_with_this_incarnation() -> None:
    both = Harness(PAIR, incarnation=3)
    both.order("ann", BUY, 99, 2)
    change = BookChangedEvent("BTC-USDT", 3, 1, ((99, 2),), (), ())
    assert both.finish_batch("tracker-0") == [change]
    assert both.finish_batch("tracker-1") == [change]
    assert both.book().incarnation == 3


def test_a_book_is_shown_whole_with_the_number_of_the_feed_from_which_to_go_on(venue: Harness) -> None:
    for price in (99, 97, 98, 102, 101, 103):
        venue.order("ann", BUY if price < 100 else SELL, price, price)
        venue.finish_batch()
    venue.order("bob", SELL, 99, 1)
    venue.finish_batch()
    assert venue.book() == BookSnapshot(
        "BTC-USDT",
        0,
        7,
        ((99, 98), (98, 98), (97, 97)),
        ((101, 101), (102, 102), (103, 103)),
        (TradePrint(1 << 8, 99, 1, SELL, NOW),),
    )


def test_a_book_shown_within_a_batch_has_no_trade_that_the_feed_will_tell_again(venue: Harness) -> None:
    venue.order("ann", BUY, 99, 1)
    venue.order("bob", SELL, 99, 1)
    assert venue.book().trades == ()
    (change,) = venue.finish_batch()
    assert venue.book().trades == change.trades != ()


def test_the_latest_trades_are_kept_up_to_a_limit(venue: Harness) -> None:
    for _ in range(PRINTS_MAX + 10):
        venue.order("ann", BUY, 99, 1)
        venue.order("bob", SELL, 99, 1)
    venue.finish_batch()
    kept = [trade.trade_id >> 8 for trade in venue.book().trades]
    assert kept == list(range(11, PRINTS_MAX + 11))


def test_times_are_those_of_the_batch(venue: Harness) -> None:
    venue.order("ann", BUY, 99, 1)
    order = OrderCreateEvent(9, "bob", "BTC-USDT", SELL, OrderType.LIMIT, GTC, False, 99, 1, 0, "", NOW)
    venue.forget()
    venue.tell(OrderCreatedEvent(order, "BTC", 100, NOW), now=NOW + 7)
    assert [message.time for message in venue.said("tracker-0")] == [NOW + 7, NOW + 7]


def test_more_accounts_than_routes_are_kept_for_find_their_wallets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.matcher.ROUTES_MAX", 2)
    both = Harness(PAIR)
    for account in ("ann", "bob", "cat", "dan", "ann"):
        both.order(account, SELL, quantity=1)
        assert both.heard() == {f"wallet-{PAIR.wallet_of(account)}", "tracker-0"}
        both.forget()
    assert len(both.matcher._routes) <= 2


def test_a_sweep_of_many_levels_comes_in_several_messages_and_shows_the_latest_trades(venue: Harness) -> None:
    count = CHANGED_LEVELS_MAX + 1
    for number in range(count):
        venue.order(f"a{number % 9}", SELL, 100 + number, 1)
    first, last = venue.finish_batch()
    assert (len(first.asks), len(last.asks), last.sequence - first.sequence) == (CHANGED_LEVELS_MAX, 1, 1)
    venue.order("bob", BUY, 100 + count, count)
    first, last = venue.finish_batch()
    assert {total for _, total in (*first.asks, *last.asks)} == {0}
    assert [print_.price for print_ in first.trades] == list(range(100 + count - PRINTS_MAX, 100 + count))
    assert last.trades == ()
    assert venue.book().trades == first.trades


def test_a_whole_book_shows_its_best_levels_only(venue: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matcher, "BOOK_LEVELS_MAX", 2)
    for price in (101, 102, 103):
        venue.order("ann", SELL, price, 1)
        venue.order("ann", BUY, price - 10, 1)
    assert venue.book().asks == ((101, 1), (102, 1))
    assert venue.book().bids == ((93, 1), (92, 1))

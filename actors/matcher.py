"""The matcher: the order books of one shard's markets, and who hears of what becomes of an order.

It does what wallets ask, in the order in which it arrives: a wallet has frozen the funds before the
matcher sees an order. Everything that trades, ends or is finished with is told at once to the wallets
and trackers that it concerns; the feed of the books is conflated, one message per market and batch.
"""

from collections import deque
from collections.abc import Sequence

from actors.book import Fill, OrderBook
from actors.engine.behaviour import Behaviour, Outgoing, Send
from actors.errors import ProtocolError
from actors.ids import gateway_of
from actors.market import Market
from actors.messages import (
    BookChangedEvent,
    BookQuery,
    BookSnapshot,
    CancelAllDoneEvent,
    CancelRejectedEvent,
    Level,
    MarketDefinedEvent,
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

PRINTS_MAX = 1_000
"""Latest trades of a market that one message of its feed, or a `BookSnapshot`, shows."""
CHANGED_LEVELS_MAX = 20_000
"""Changed levels of a side in one message of the feed; more of them take several messages."""
BOOK_LEVELS_MAX = 100_000
"""Best levels of a side that a `BookSnapshot` shows, so that it fits into a frame however long its numbers are."""
ROUTES_MAX = 65_536
"""Accounts whose wallet is remembered rather than computed; with more, remembering begins anew."""

_SHARD_BITS = 8
"""Low bits of a trade id that say which matcher made it, above a counter over all its markets."""
_LIMIT = OrderType.LIMIT
_GTC = TimeInForce.GTC


class _Listing:
    """A market that is traded here: its book, its fees, its latest trades, and how far its feed has come."""

    __slots__ = (
        "book",
        "definition",
        "latest",
        "maker_fee_ppm",
        "notional_unit",
        "prints",
        "sequence",
        "symbol",
        "taker_fee_ppm",
    )

    def __init__(self, definition: MarketDefinedEvent) -> None:
        self.definition = definition
        self.symbol = definition.market
        self.maker_fee_ppm = definition.maker_fee_ppm
        self.taker_fee_ppm = definition.taker_fee_ppm
        self.notional_unit = Market(definition).notional_unit
        self.book = OrderBook()
        self.prints: list[TradePrint] = []
        """Trades since the last message of the feed."""
        self.latest: deque[TradePrint] = deque(maxlen=PRINTS_MAX)
        """Trades up to the last message of the feed, oldest first."""
        self.sequence = 0


class Matcher(Behaviour):
    """One shard of the matcher."""

    def __init__(self, shard: int, topology: Topology, outgoing: Outgoing, incarnation: int) -> None:
        super().__init__()
        self.name = topology.matcher_names[shard]
        self._shard = shard
        self._topology = topology
        self._incarnation = incarnation
        # Two ways are the same exactly if they are the same object: each is asked for once.
        self._to_wallets = [outgoing.lane(name) for name in topology.wallet_names]
        self._to_trackers = [outgoing.lane(name) for name in topology.tracker_names]
        self._feeds = [outgoing.feed(name) for name in topology.tracker_names]
        self._routes: dict[str, Send] = {}
        self._listings: dict[str, _Listing] = {}
        self._touched: dict[str, _Listing] = {}
        self._trades = 0
        self.handlers = {
            MarketDefinedEvent: self._define_market,
            OrderCreatedEvent: self._place,
            OrderCancelEvent: self._cancel,
            OrderCancelAllEvent: self._cancel_all,
        }
        self.queries = {BookQuery: self._show_book}

    def finish_batch(self, now: int) -> None:
        """Tell every tracker what this batch has changed, one message per market."""
        for listing in self._touched.values():
            bids, asks = listing.book.drain_changes()
            # There is no trade that changes no level.
            for start in range(0, max(len(bids), len(asks)), CHANGED_LEVELS_MAX):
                end = start + CHANGED_LEVELS_MAX
                self._publish(listing, bids[start:end], asks[start:end])
        self._touched.clear()

    def _publish(self, listing: _Listing, bids: tuple[Level, ...], asks: tuple[Level, ...]) -> None:
        """Send the next message of a market's feed, with the latest of the trades that were not sent yet."""
        listing.sequence += 1
        prints = tuple(listing.prints[-PRINTS_MAX:])
        change = BookChangedEvent(listing.symbol, self._incarnation, listing.sequence, bids, asks, prints)
        for send in self._feeds:
            send(change)
        listing.latest.extend(prints)
        listing.prints.clear()

    def _define_market(self, definition: MarketDefinedEvent, now: int) -> None:
        """Open a market of this shard; every wallet sends the definitions of all markets.

        Raises:
            InvalidValue: The parameters do not fit together.
            ProtocolError: The market is known with other parameters.

        """
        known = self._listings.get(definition.market)
        if known is None:
            if definition.matcher == self._shard:
                self._listings[definition.market] = _Listing(definition)
        elif known.definition != definition:
            raise ProtocolError(
                f"market {definition.market} is defined as {known.definition} for good, now came {definition}"
            )

    def _place(self, created: OrderCreatedEvent, now: int) -> None:
        """Match an order, let the rest of it rest or end, and say that it is done with."""
        order = created.order
        order_id = order.order_id
        to_tracker = self._to_trackers[gateway_of(order_id)]
        listing = self._listings.get(order.market)
        matched = resting = 0
        if listing is None:
            self._end(order_id, order.account, order.budget or order.quantity, Reason.UNKNOWN_MARKET, now)
        elif order.post_only and listing.book.crosses(order.side, order.price):
            self._end(order_id, order.account, order.quantity, Reason.POST_ONLY, now)
        else:
            self._touched[order.market] = listing
            if order.budget:
                matched = self._spend(listing, order, now)
            elif order.time_in_force is _GTC and order.type is _LIMIT:
                resting = order.quantity
                fills = listing.book.limit(order_id, order.account, order.side, order.price, resting)
                if fills:
                    resting = self._report(listing, order, fills, now)
                    matched = order.quantity - resting
            else:
                matched = self._take(listing, order, now)
        to_tracker(OrderPlacedEvent(order_id, matched, resting, now))

    def _take(self, listing: _Listing, order: OrderCreateEvent, now: int) -> int:
        """Match an order by quantity that never rests; return how much of it matched."""
        quantity = order.quantity
        fills: Sequence[Fill] = ()
        if order.time_in_force is TimeInForce.FOK and not listing.book.available(order.side, order.price, quantity):
            reason = Reason.FILL_OR_KILL
        else:
            reason = Reason.IMMEDIATE_OR_CANCEL if order.type is _LIMIT else Reason.NO_LIQUIDITY
            fills = listing.book.take(order.side, order.price, quantity)
        remaining = self._report(listing, order, fills, now)
        if remaining:
            self._end(order.order_id, order.account, remaining, reason, now)
        return quantity - remaining

    def _spend(self, listing: _Listing, order: OrderCreateEvent, now: int) -> int:
        """Match a market buy by budget; return how many lots it bought."""
        fills = listing.book.take_budget(order.budget, listing.notional_unit)
        # An ask that is left is one of which the rest of the budget affords no lot: it is spent as far as it goes.
        is_spent = listing.book.best(Side.SELL) is not None
        remaining = self._report(listing, order, fills, now, is_spent=is_spent)
        if not fills:
            reason = Reason.BUDGET_TOO_SMALL if is_spent else Reason.NO_LIQUIDITY
            self._end(order.order_id, order.account, remaining, reason, now)
        elif remaining and not is_spent:
            self._end(order.order_id, order.account, remaining, Reason.NO_LIQUIDITY, now)
        return sum(fill[3] for fill in fills)

    def _report(
        self, listing: _Listing, order: OrderCreateEvent, fills: Sequence[Fill], now: int, *, is_spent: bool = False
    ) -> int:
        """Tell everybody concerned of an order's trades; return what remains of its quantity or budget.

        A trade is the order's last when nothing remains after it; with `is_spent`, the last one is in any case.
        """
        order_id, account, side = order.order_id, order.account, order.side
        symbol, maker_fee_ppm, taker_fee_ppm = listing.symbol, listing.maker_fee_ppm, listing.taker_fee_ppm
        # What one lot at a price of one tick takes off a budget; 0 for an order by quantity.
        notional_unit = listing.notional_unit if order.budget else 0
        remaining = order.budget or order.quantity
        routes = self._routes
        to_wallet = routes.get(account) or self._find_wallet(account)
        to_tracker = self._to_trackers[gateway_of(order_id)]
        last = fills[-1] if is_spent and fills else None
        for fill in fills:
            maker_id, maker_account, price, quantity, maker_remaining = fill
            remaining -= quantity * price * notional_unit if notional_unit else quantity
            self._trades += 1
            trade_id = self._trades << _SHARD_BITS | self._shard
            trade = OrderMatchedEvent(
                trade_id,
                symbol,
                price,
                quantity,
                Party(maker_id, maker_account, maker_fee_ppm, maker_remaining, not maker_remaining),
                Party(order_id, account, taker_fee_ppm, remaining, not remaining or fill is last),
                side,
                now,
            )
            to_wallet(trade)
            to_maker_wallet = routes.get(maker_account) or self._find_wallet(maker_account)
            if to_maker_wallet is not to_wallet:
                to_maker_wallet(trade)
            to_tracker(trade)
            to_maker_tracker = self._to_trackers[gateway_of(maker_id)]
            if to_maker_tracker is not to_tracker:
                to_maker_tracker(trade)
            listing.prints.append(TradePrint(trade_id, price, quantity, side, now))
        return remaining

    def _cancel(self, cancel: OrderCancelEvent, now: int) -> None:
        """Take an order off its book, or say that it is not there."""
        order_id = cancel.order_id
        to_tracker = self._to_trackers[gateway_of(order_id)]
        listing = self._listings.get(cancel.market)
        remaining = listing.book.cancel(cancel.account, order_id) if listing else 0
        if listing and remaining:
            self._touched[cancel.market] = listing
            self._end(order_id, cancel.account, remaining, Reason.USER, now)
        else:
            to_tracker(CancelRejectedEvent(order_id, Reason.ORDER_NOT_OPEN, now))

    def _cancel_all(self, cancel: OrderCancelAllEvent, now: int) -> None:
        """Take all orders of an account off a book, and say how many they were."""
        account = cancel.account
        listing = self._listings.get(cancel.market)
        ended: list[tuple[int, int]] = []
        if listing is not None:
            self._touched[cancel.market] = listing
            ended = listing.book.cancel_all(account)
        for order_id, remaining in ended:
            self._end(order_id, account, remaining, Reason.USER, now)
        to_home = self._to_trackers[self._topology.home_of(account)]
        to_home(CancelAllDoneEvent(account, cancel.market, len(ended), now))

    def _end(self, order_id: int, account: str, remaining: int, reason: Reason, now: int) -> None:
        """Say that an order ended with this much of it left."""
        cancelled = OrderCancelledEvent(order_id, remaining, reason, now)
        to_wallet = self._routes.get(account) or self._find_wallet(account)
        to_wallet(cancelled)
        self._to_trackers[gateway_of(order_id)](cancelled)

    def _find_wallet(self, account: str) -> Send:
        """Compute the way to an account's wallet, and remember it."""
        if len(self._routes) == ROUTES_MAX:
            self._routes.clear()
        to_wallet = self._routes[account] = self._to_wallets[self._topology.wallet_of(account)]
        return to_wallet

    def _show_book(self, query: BookQuery) -> BookSnapshot | Unknown:
        """Answer the whole book of a market."""
        listing = self._listings.get(query.market)
        if listing is None:
            return Unknown()
        book = listing.book
        return BookSnapshot(
            listing.symbol,
            self._incarnation,
            listing.sequence,
            tuple(book.levels(Side.BUY, BOOK_LEVELS_MAX)),
            tuple(book.levels(Side.SELL, BOOK_LEVELS_MAX)),
            tuple(listing.latest),
        )

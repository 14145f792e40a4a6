"""Whatever clients ask and however lanes interleave, the tracker's counts are those one gets by counting."""

from collections import Counter, deque
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.answers import Accepted, Refusal
from actors.messages import (
    CancelAllDoneEvent,
    CancelRejectedEvent,
    DepositedEvent,
    DepositEvent,
    OrderCancelAllEvent,
    OrderCancelEvent,
    OrderCancelledEvent,
    OrderCreatedEvent,
    OrderCreateEvent,
    OrderMatchedEvent,
    OrderPlacedEvent,
    OrderRejectedEvent,
    Party,
    Reason,
    Side,
    TransferRejectedEvent,
)
from actors.status import OrderStatus, matched_of, status_of
from actors.topology import Topology
from tests.tracking import NOW, STRANGER, Venue, approval, cancel, limit

ACCOUNTS = st.sampled_from(["anna", "bert", "cora", "dora"])
MARKETS = st.sampled_from(["BTC-USDT", "ETH-USDT"])
SHARDS = st.integers(0, 1)
QUANTITIES = st.integers(1, 6)
FINISHED_MAX = 3
TRANSFERS_MAX = 2
ENDED = {OrderStatus.MATCHED, OrderStatus.CANCELLED, OrderStatus.REJECTED}


class Heard:
    """What the tracker has heard of an order it accepted, as plainly as can be."""

    def __init__(self, order: OrderCreateEvent) -> None:
        self.order = order
        self.approved = False
        self.rejected = False
        self.placed = False
        self.end: OrderStatus | None = None
        self.matched = 0
        self.cancel_asked = False

    @property
    def status(self) -> OrderStatus:
        if self.rejected:
            return OrderStatus.REJECTED
        if not self.approved:
            return OrderStatus.PENDING
        if self.end is not None:
            return self.end
        return OrderStatus.PARTIALLY_MATCHED if self.matched else OrderStatus.CREATED

    @property
    def settled(self) -> bool:
        return self.rejected or (self.status in ENDED and self.placed)


class TrackerMachine(RuleBasedStateMachine):
    """Two wallets and two matchers, played with a queue for each lane; a trade may be between any two orders."""

    @initialize()
    def start(self) -> None:
        self.topology = Topology(wallets=2, matchers=2)
        self.venue = Venue(self.topology, finished_max=FINISHED_MAX, transfers_max=TRANSFERS_MAX)
        self.now = NOW
        self.trades = 0
        self.heard: dict[int, Heard] = {}
        self.settled: list[int] = []
        self.cancel_alls: Counter[tuple[str, str]] = Counter()
        self.transfers: dict[tuple[str, str], bool] = {}
        self.decided: list[tuple[str, str]] = []
        self.to_wallet: list[deque[Any]] = [deque(), deque()]
        self.to_matcher: list[deque[Any]] = [deque(), deque()]
        self.from_wallet: list[deque[Any]] = [deque(), deque()]
        self.from_matcher: list[deque[Any]] = [deque(), deque()]
        self.held: dict[int, OrderCreateEvent] = {}
        self.book: dict[int, int] = {}

    # What clients ask

    def command(self, message: Any) -> Accepted | Refusal:
        answer: Accepted | Refusal = self.venue.tell(message, self.now)
        sent = self.venue.sent()
        if isinstance(answer, Refusal) or answer.repeated:
            assert sent == {}
        for receiver, messages in sent.items():
            self.to_wallet[int(receiver.removeprefix("wallet-"))] += messages
        return answer

    @rule(step=st.integers(0, 3_000))
    def time_passes(self, step: int) -> None:
        self.now += step

    @rule(account=ACCOUNTS, market=MARKETS, quantity=QUANTITIES, client_order_id=st.sampled_from(["", "a", "b"]))
    def place(self, account: str, market: str, quantity: int, client_order_id: str) -> None:
        known = [
            heard
            for order_id, heard in self.heard.items()
            if client_order_id
            and (heard.order.account, heard.order.client_order_id) == (account, client_order_id)
            and order_id not in self.forgotten
        ]
        answer = self.command(limit(quantity, account, market=market, client_order_id=client_order_id))
        if not known:
            assert isinstance(answer, Accepted)
            assert not answer.repeated
            order = self.to_wallet[self.topology.wallet_of(account)][-1]
            assert order.order_id > max(self.heard, default=0)
            self.heard[order.order_id] = Heard(order)
        elif (known[0].order.market, known[0].order.quantity) == (market, quantity):
            assert answer == Accepted(self.venue.tracker.order(known[0].order.order_id), True)
        else:
            assert isinstance(answer, Refusal)

    @rule(data=st.data(), account=st.none() | ACCOUNTS)
    def cancel(self, data: st.DataObject, account: str | None) -> None:
        order_id = data.draw(st.sampled_from([STRANGER, *self.heard]))
        heard = self.heard.get(order_id)
        owner = heard.order.account if heard is not None else "anna"
        answer = self.command(cancel(order_id, account or owner))
        if heard is None or order_id in self.forgotten or (account or owner) != owner:
            assert isinstance(answer, Refusal)
            assert answer.code == "unknown_order"
        elif heard.status in ENDED:
            assert isinstance(answer, Refusal)
            assert answer.code == "order_not_open"
        else:
            assert answer == Accepted(self.venue.order(order_id), heard.cancel_asked)
            heard.cancel_asked = True

    @rule(account=ACCOUNTS, market=MARKETS)
    def cancel_all(self, account: str, market: str) -> None:
        answer = self.command(OrderCancelAllEvent(account, market, 0))
        assert isinstance(answer, Accepted)
        if answer.repeated:
            # What is answered without being sent must be covered by what is still to be done on the road.
            road = [*self.to_wallet[self.topology.wallet_of(account)]]
            covering = [n for n, m in enumerate(road) if isinstance(m, OrderCancelAllEvent) and m.account == account]
            orders = [n for n, m in enumerate(road) if isinstance(m, OrderCreateEvent) and m.account == account]
            assert self.cancel_alls[account, market]
            assert not orders or orders[-1] < covering[-1]
        else:
            self.cancel_alls[account, market] += 1

    @rule(account=ACCOUNTS, transfer_id=st.sampled_from(["t", "u"]), amount=st.integers(1, 2))
    def deposit(self, account: str, transfer_id: str, amount: int) -> None:
        key = (account, transfer_id)
        answer = self.command(DepositEvent(transfer_id, account, "BTC", amount, 0))
        if key not in self.transfers:
            assert isinstance(answer, Accepted)
            assert not answer.repeated
            self.transfers[key] = False
        else:
            assert isinstance(answer, Refusal) or answer.repeated

    # What wallets and matchers do, with no more sense than their messages need

    @precondition(lambda self: any(self.to_wallet))
    @rule(shard=SHARDS, approves=st.booleans())
    def wallet_works(self, shard: int, approves: bool) -> None:
        if not self.to_wallet[shard]:
            return
        message = self.to_wallet[shard].popleft()
        say = self.from_wallet[shard].append
        match message:
            case OrderCreateEvent() if approves:
                event = approval(message, self.now)
                self.held[message.order_id] = message
                say(event)
                self.matcher_of(message.market).append(event)
            case OrderCreateEvent():
                say(OrderRejectedEvent(message.order_id, Reason.INSUFFICIENT_FUNDS, self.now))
            case OrderCancelEvent() if message.order_id not in self.held:
                say(CancelRejectedEvent(message.order_id, Reason.ORDER_NOT_OPEN, self.now))
            case DepositEvent() if approves:
                say(DepositedEvent(message.transfer_id, message.account, "BTC", message.amount, 1, self.now))
            case DepositEvent():
                reason = Reason.SUPPLY_EXCEEDED
                say(TransferRejectedEvent(message.transfer_id, message.account, "BTC", 1, reason, self.now))
            case _:
                self.matcher_of(message.market).append(message)

    def matcher_of(self, market: str) -> deque[Any]:
        found = self.venue.tracker.market(market)
        assert found is not None
        return self.to_matcher[found.definition.matcher]

    @precondition(lambda self: any(self.to_matcher))
    @rule(shard=SHARDS, data=st.data())
    def matcher_works(self, shard: int, data: st.DataObject) -> None:
        if not self.to_matcher[shard]:
            return
        message = self.to_matcher[shard].popleft()
        say = self.from_matcher[shard].append
        match message:
            case OrderCreatedEvent():
                self.match(message.order, data, shard)
            case OrderCancelEvent() if message.order_id in self.book:
                say(OrderCancelledEvent(message.order_id, self.book.pop(message.order_id), Reason.USER, self.now))
            case OrderCancelEvent():
                say(CancelRejectedEvent(message.order_id, Reason.ORDER_NOT_OPEN, self.now))
            case _:
                theirs = [i for i in self.book if self.is_in(i, message.account, message.market)]
                for order_id in theirs:
                    say(OrderCancelledEvent(order_id, self.book.pop(order_id), Reason.USER, self.now))
                say(CancelAllDoneEvent(message.account, message.market, len(theirs), self.now))

    def is_in(self, order_id: int, account: str, market: str) -> bool:
        order = self.held[order_id]
        return (order.account, order.market) == (account, market)

    def match(self, order: OrderCreateEvent, data: st.DataObject, shard: int) -> None:
        say = self.from_matcher[shard].append
        makers = [i for i in self.book if self.held[i].market == order.market]
        remaining = order.quantity
        for maker in data.draw(st.lists(st.sampled_from(makers), max_size=3, unique=True)) if makers else ():
            quantity = min(remaining, self.book[maker])
            if quantity == 0:
                break
            remaining -= quantity
            self.book[maker] -= quantity
            self.trades += 1
            makers_side = Party(maker, self.held[maker].account, 0, self.book[maker], self.book[maker] == 0)
            takers_side = Party(order.order_id, order.account, 0, remaining, remaining == 0)
            trade_id = self.trades << 8 | shard
            say(OrderMatchedEvent(trade_id, order.market, 100, quantity, makers_side, takers_side, Side.BUY, self.now))
            if self.book[maker] == 0:
                del self.book[maker]
        if remaining and data.draw(st.booleans()):
            self.book[order.order_id] = remaining
        elif remaining:
            say(OrderCancelledEvent(order.order_id, remaining, Reason.IMMEDIATE_OR_CANCEL, self.now))
        say(OrderPlacedEvent(order.order_id, order.quantity - remaining, self.book.get(order.order_id, 0), self.now))

    # What the tracker hears

    @precondition(lambda self: any(self.from_wallet))
    @rule(shard=SHARDS, count=st.integers(1, 4))
    def hears_wallet(self, shard: int, count: int) -> None:
        self.hear(self.from_wallet[shard], count)

    @precondition(lambda self: any(self.from_matcher))
    @rule(shard=SHARDS, count=st.integers(1, 4))
    def hears_matcher(self, shard: int, count: int) -> None:
        self.hear(self.from_matcher[shard], count)

    def hear(self, lane: deque[Any], count: int) -> None:
        for _ in range(min(count, len(lane))):
            event = lane.popleft()
            self.note(event)
            assert self.venue.tell(event, self.now) is None
            assert self.venue.sent() == {}

    def note(self, event: Any) -> None:
        """Keep what the tracker is about to hear, order by order."""
        match event:
            case OrderCreatedEvent():
                heard = self.heard[event.order.order_id]
                heard.approved = True
                self.note_end(heard)
            case OrderMatchedEvent():
                for party in (event.maker, event.taker):
                    heard = self.heard[party.order_id]
                    heard.matched += event.quantity
                    heard.end = OrderStatus.MATCHED if party.done else heard.end
                    self.note_end(heard)
            case DepositedEvent() | TransferRejectedEvent():
                self.transfers[event.account, event.transfer_id] = True
                self.decided.append((event.account, event.transfer_id))
                if len(self.decided) > TRANSFERS_MAX:
                    del self.transfers[self.decided.pop(0)]
            case CancelAllDoneEvent():
                self.cancel_alls[event.account, event.market] -= 1
            case _:
                heard = self.heard[event.order_id]
                heard.rejected |= isinstance(event, OrderRejectedEvent)
                heard.placed |= isinstance(event, OrderPlacedEvent)
                if isinstance(event, OrderCancelledEvent):
                    heard.end = OrderStatus.CANCELLED
                if isinstance(event, CancelRejectedEvent):
                    heard.cancel_asked = False
                self.note_end(heard)

    def note_end(self, heard: Heard) -> None:
        order_id = heard.order.order_id
        if heard.settled and order_id not in self.settled:
            self.settled.append(order_id)

    @property
    def forgotten(self) -> list[int]:
        return self.settled[:-FINISHED_MAX]

    # What must hold

    def by_wallet(self, accounts: list[str]) -> list[int]:
        shards = [self.topology.wallet_of(account) for account in accounts]
        return [shards.count(0), shards.count(1)]

    def by_road(self, flights: list[tuple[str, str]]) -> list[list[int]]:
        """Count flights, by account and market, on each road through a wallet to a matcher."""
        roads = [(self.topology.wallet_of(account), int(market == "ETH-USDT")) for account, market in flights]
        return [[roads.count((wallet, matcher)) for matcher in (0, 1)] for wallet in (0, 1)]

    @invariant()
    def flights_are_counted(self) -> None:
        flight = self.venue.tracker.in_flight
        orders = [heard.order for heard in self.heard.values() if not (heard.placed or heard.rejected)]
        assert flight.orders == self.by_road([(order.account, order.market) for order in orders])
        asked = [heard for heard in self.heard.values() if heard.cancel_asked and heard.status not in ENDED]
        cancels = [(heard.order.account, heard.order.market) for heard in asked] + [*self.cancel_alls.elements()]
        assert flight.cancels == self.by_road(cancels)
        waiting = [account for (account, _), decided in self.transfers.items() if not decided]
        assert flight.transfers == self.by_wallet(waiting)
        assert self.venue.tracker.is_idle() == (not (orders or cancels or waiting))

    @invariant()
    def accounts_keep_the_orders_that_are_kept_and_count_the_open_ones(self) -> None:
        kept = {order_id: heard for order_id, heard in self.heard.items() if order_id not in self.forgotten}
        for name in ("anna", "bert", "cora", "dora"):
            theirs = sorted((i for i, heard in kept.items() if heard.order.account == name), reverse=True)
            page = self.venue.tracker.orders_of(name, limit=1_000)
            assert [record.order.order_id for record in page.orders] == theirs
            account = self.venue.tracker.account(name)
            assert (account is None) == (not theirs)
            if account is not None:
                assert account.open_orders == sum(kept[i].status not in ENDED for i in theirs)
                named = {kept[i].order.client_order_id: i for i in theirs if kept[i].order.client_order_id}
                assert account.by_client_id == named

    @invariant()
    def orders_are_shown_as_they_were_heard_of(self) -> None:
        for order_id, heard in self.heard.items():
            record = self.venue.tracker.order(order_id)
            if order_id in self.forgotten:
                assert record is None
            else:
                assert record is not None
                assert status_of(record) is heard.status
                assert matched_of(record) == (heard.matched if heard.approved else 0)

    @invariant()
    def nothing_is_kept_but_what_must_be(self) -> None:
        statistics = self.venue.tracker.statistics()
        assert statistics.orders == len(self.heard) - len(self.forgotten)
        assert statistics.settled == min(len(self.settled), FINISHED_MAX)
        assert statistics.transfers == len(self.transfers)
        assert statistics.cancel_alls == len(+self.cancel_alls)

    def teardown(self) -> None:
        """When every lane has been worked off, nothing is in flight."""
        if not hasattr(self, "venue"):
            return
        lanes = (*self.from_wallet, *self.from_matcher)
        while any(self.to_wallet) or any(self.to_matcher) or any(lanes):
            for shard in (0, 1):
                self.wallet_works(shard, approves=False)
                self.drain_matcher(shard)
            for lane in lanes:
                self.hear(lane, len(lane))
        assert self.venue.tracker.is_idle()
        self.flights_are_counted()
        self.accounts_keep_the_orders_that_are_kept_and_count_the_open_ones()

    def drain_matcher(self, shard: int) -> None:
        """Let nothing more match: what is still on the way to the matcher is cancelled on arrival."""
        while self.to_matcher[shard]:
            message = self.to_matcher[shard].popleft()
            say = self.from_matcher[shard].append
            match message:
                case OrderCreatedEvent():
                    order = message.order
                    say(OrderCancelledEvent(order.order_id, order.quantity, Reason.INTERNAL_ERROR, self.now))
                    say(OrderPlacedEvent(order.order_id, 0, 0, self.now))
                case OrderCancelEvent():
                    say(CancelRejectedEvent(message.order_id, Reason.ORDER_NOT_OPEN, self.now))
                case _:
                    say(CancelAllDoneEvent(message.account, message.market, 0, self.now))


TestTracker = TrackerMachine.TestCase
TestTracker.settings = settings(max_examples=60, stateful_step_count=60)

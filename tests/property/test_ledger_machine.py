"""Two shards against the naive ledger: random markets, orders, trades and cancels, and section 6 after every step.

The machine plays the matcher: it trades open orders at prices that both accept, and its events reach each
shard in their order, but when they like. The same machine drives bare ledgers, and whole wallets by messages.
"""

from collections import deque
from typing import Any, Protocol

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from actors.engine.behaviour import Outgoing
from actors.ledger import Ledger
from actors.market import PPM, Market
from actors.messages import (
    AMOUNT_MAX,
    AssetSums,
    AuditQuery,
    Balance,
    BalancesQuery,
    DepositEvent,
    MarketDefinedEvent,
    OrderCancelEvent,
    OrderCancelledEvent,
    OrderCreatedEvent,
    OrderCreateEvent,
    OrderMatchedEvent,
    OrderRejectedEvent,
    OrderType,
    Party,
    Reason,
    Side,
    TimeInForce,
    WithdrawEvent,
)
from actors.topology import Topology
from actors.wallet import Wallet
from tests.reference.ledger import NaiveLedger, promise

SHARDS = 2
TOPOLOGY = Topology(wallets=SHARDS)
ACCOUNTS = ["anna", "ben", "carl", "dora", "eve"]
SCALES = {"AAA": 0, "BBB": 3, "CCC": 8}
PAIRS = [("AAA", "CCC"), ("BBB", "CCC"), ("AAA", "BBB")]
PRICE_MAX = 20

Told = OrderMatchedEvent | OrderCancelledEvent
Wish = tuple[str, str, Side, str, int, int]
wishes = st.tuples(
    st.sampled_from(ACCOUNTS),
    st.sampled_from([f"{base}-{quote}" for base, quote in PAIRS]),
    st.sampled_from(Side),
    st.sampled_from(["limit", "limit", "market", "budget"]),
    st.integers(1, PRICE_MAX),
    st.integers(1, 12),
)
"""An order as an account wishes it: account, market, side, kind, price in ticks, quantity in lots."""
steps = st.sampled_from([1, 2, 5, 10, 1_000])
fees = st.one_of(st.integers(0, 3_000), st.sampled_from([0, 1, PPM - 1, PPM]))


class Shard(Protocol):
    """One half of the venue's money, however it is spoken to."""

    def define(self, definition: MarketDefinedEvent) -> None: ...
    def deposit(self, account: str, asset: str, amount: int) -> int | None: ...
    def withdraw(self, account: str, asset: str, amount: int) -> int | None: ...
    def hold(self, order: OrderCreateEvent) -> tuple[str, int] | None: ...
    def cancel(self, order: OrderCreateEvent) -> None: ...
    def deliver(self, event: Told) -> None: ...
    def balances(self, account: str) -> tuple[Balance, ...]: ...
    def audit(self) -> tuple[AssetSums, ...]: ...
    def restarted(self) -> "Shard": ...


class BareLedger:
    """A ledger, or the naive one, called directly."""

    def __init__(self, shard: int, ledger: Ledger | NaiveLedger) -> None:
        self.shard = shard
        self.ledger = ledger
        self.markets: dict[str, Market] = {}
        self.balances = ledger.balances
        self.audit = ledger.audit
        self.deposit = ledger.deposit
        self.withdraw = ledger.withdraw

    def define(self, definition: MarketDefinedEvent) -> None:
        self.markets[definition.market] = Market(definition)

    def hold(self, order: OrderCreateEvent) -> tuple[str, int] | None:
        market = self.markets[order.market]
        if not self.ledger.hold(order, market):
            return None
        if isinstance(self.ledger, NaiveLedger):
            return promise(order, market, order.budget or order.quantity)
        hold = self.ledger.holds[order.order_id]
        return hold.asset, hold.held

    def cancel(self, order: OrderCreateEvent) -> None:
        pass

    def deliver(self, event: Told) -> None:
        if isinstance(event, OrderCancelledEvent):
            self.ledger.release(event.order_id, event.remaining)
            return
        maker, taker = (p if TOPOLOGY.wallet_of(p.account) == self.shard else None for p in (event.maker, event.taker))
        buyer, seller = (taker, maker) if event.taker_side is Side.BUY else (maker, taker)
        self.ledger.settle(self.markets[event.market], event.price, event.quantity, buyer, seller)

    def restarted(self) -> "BareLedger":
        assert isinstance(self.ledger, Ledger)
        state = self.ledger.snapshot()
        ledger = Ledger(self.ledger.supply_max)
        ledger.restore(state, self.markets)
        assert ledger.snapshot() == state
        fresh = BareLedger(self.shard, ledger)
        fresh.markets = self.markets
        return fresh


class WholeWallet:
    """A wallet, spoken to in messages; every one that it sends is accounted for."""

    def __init__(self, shard: int) -> None:
        self.shard = shard
        self.outgoing = Outgoing()
        self.wallet = Wallet(shard, TOPOLOGY, self.outgoing)
        self.now = 0

    def tell(self, message: Any) -> dict[str, list[Any]]:
        self.now += 1
        self.wallet.handlers[type(message)](message, self.now)
        sent = {receiver: list(messages) for receiver, messages in self.outgoing.lanes.items() if messages}
        for messages in self.outgoing.lanes.values():
            messages.clear()
        return sent

    def define(self, definition: MarketDefinedEvent) -> None:
        assert self.tell(definition) == {"matcher-0": [definition]}

    def transfer(self, request: DepositEvent | WithdrawEvent) -> int | None:
        [[answer]] = self.tell(request).values()
        assert (answer.transfer_id, answer.time) == (request.transfer_id, self.now)
        return getattr(answer, "balance", None)

    def deposit(self, account: str, asset: str, amount: int) -> int | None:
        return self.transfer(DepositEvent(f"t{self.now}", account, asset, amount, 0))

    def withdraw(self, account: str, asset: str, amount: int) -> int | None:
        return self.transfer(WithdrawEvent(f"t{self.now}", account, asset, amount, 0))

    def hold(self, order: OrderCreateEvent) -> tuple[str, int] | None:
        sent = self.tell(order)
        if "matcher-0" not in sent:
            assert sent == {"tracker-0": [OrderRejectedEvent(order.order_id, Reason.INSUFFICIENT_FUNDS, self.now)]}
            return None
        [created] = sent["matcher-0"]
        assert sent["tracker-0"] == [created]
        assert created == OrderCreatedEvent(order, created.locked_asset, created.locked_amount, self.now)
        return created.locked_asset, created.locked_amount

    def cancel(self, order: OrderCreateEvent) -> None:
        cancel = OrderCancelEvent(order.order_id, order.account, order.market, 0)
        assert self.tell(cancel) == {"matcher-0": [cancel]}

    def deliver(self, event: Told) -> None:
        assert self.tell(event) == {}

    def balances(self, account: str) -> tuple[Balance, ...]:
        answer: tuple[Balance, ...] = self.wallet.queries[BalancesQuery](BalancesQuery(account)).balances
        return answer

    def audit(self) -> tuple[AssetSums, ...]:
        answer: tuple[AssetSums, ...] = self.wallet.queries[AuditQuery](AuditQuery()).sums
        return answer

    def restarted(self) -> "WholeWallet":
        state = self.wallet.snapshot()
        fresh = WholeWallet(self.shard)
        fresh.now = self.now
        fresh.wallet.restore(msgspec.convert(msgspec.to_builtins(state), type(state)))
        assert fresh.wallet.snapshot() == state
        return fresh


class Venue(RuleBasedStateMachine):
    """The accounts' requests, and a matcher that trades as it likes."""

    def make(self, shard: int) -> Shard:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        supply = AMOUNT_MAX // SHARDS
        self.shards = [self.make(shard) for shard in range(SHARDS)]
        self.naive = [BareLedger(shard, NaiveLedger(supply)) for shard in range(SHARDS)]
        self.queues: list[deque[Told]] = [deque() for _ in range(SHARDS)]
        self.markets: dict[str, Market] = {}
        self.open: dict[int, OrderCreateEvent] = {}
        self.remaining: dict[int, int] = {}
        self.orders = 0
        self.trades = 0

    @initialize(data=st.data())
    def define_markets(self, data: st.DataObject) -> None:
        for base, quote in PAIRS:
            scales = SCALES[base], SCALES[quote], SCALES[quote] - SCALES[base]
            tick, lot, maker_ppm, taker_ppm = data.draw(st.tuples(steps, steps, fees, fees))
            definition = MarketDefinedEvent(
                f"{base}-{quote}", base, quote, *scales, tick, lot, 0, maker_ppm, taker_ppm, 0, 0
            )
            self.markets[definition.market] = Market(definition)
            for shard in (*self.shards, *self.naive):
                shard.define(definition)
        for account in ACCOUNTS:
            for asset in SCALES:
                self.deposit(account, asset, data.draw(st.sampled_from([10**4, 10**7, 10**10])))

    @rule(account=st.sampled_from(ACCOUNTS), asset=st.sampled_from([*SCALES]), amount=st.integers(1, 10**7))
    def deposit(self, account: str, asset: str, amount: int) -> None:
        n = TOPOLOGY.wallet_of(account)
        assert self.shards[n].deposit(account, asset, amount) == self.naive[n].deposit(account, asset, amount)

    @rule(account=st.sampled_from(ACCOUNTS), asset=st.sampled_from([*SCALES]))
    def deposit_more_than_there_may_be(self, account: str, asset: str) -> None:
        self.deposit(account, asset, AMOUNT_MAX // SHARDS)

    @rule(account=st.sampled_from(ACCOUNTS), asset=st.sampled_from([*SCALES]), part=st.sampled_from([1, 2, 10]))
    def withdraw(self, account: str, asset: str, part: int) -> None:
        n = TOPOLOGY.wallet_of(account)
        free = next((b.free for b in self.naive[n].balances(account) if b.asset == asset), 0)
        for amount in (free // part or 1, free + 1):
            assert self.shards[n].withdraw(account, asset, amount) == self.naive[n].withdraw(account, asset, amount)

    @rule(wishes=st.lists(wishes, min_size=3, max_size=8), data=st.data())
    def place(self, wishes: list[Wish], data: st.DataObject) -> None:
        for wish in wishes:
            self.place_order(*wish)
        self.trade(data)

    def place_order(self, account: str, symbol: str, side: Side, kind: str, price: int, quantity: int) -> None:
        self.orders += 1
        market = self.markets[symbol]
        budget = 0
        if kind != "limit" and side is Side.SELL:
            price = 0
        elif kind == "budget":
            budget, price, quantity = market.notional(price, quantity) + quantity - 1, 0, 0
        order = OrderCreateEvent(
            self.orders,
            account,
            market.symbol,
            side,
            OrderType.LIMIT if kind == "limit" else OrderType.MARKET,
            TimeInForce.GTC,
            False,
            price,
            quantity,
            budget,
            "",
            0,
        )
        n = TOPOLOGY.wallet_of(account)
        held = self.shards[n].hold(order)
        assert held == self.naive[n].hold(order)
        if held:
            self.open[order.order_id] = order
            self.remaining[order.order_id] = order.budget or order.quantity

    def crossing(self) -> list[tuple[OrderCreateEvent, OrderCreateEvent]]:
        """Buyers and sellers that a price can bring together."""
        buys = [order for order in self.open.values() if order.side is Side.BUY]
        sells = [order for order in self.open.values() if order.side is Side.SELL]
        return [(buy, sell) for buy in buys for sell in sells if buy.market == sell.market and self.lots(buy, sell)]

    def lots(self, buy: OrderCreateEvent, sell: OrderCreateEvent, price: int = 0) -> int:
        """Most that can be traded at this price, or at the lowest that the seller accepts."""
        price = price or sell.price or 1
        bought = self.remaining[buy.order_id]
        if buy.budget:
            bought //= self.markets[buy.market].notional(price, 1)
        elif price > buy.price:
            return 0
        return min(bought, self.remaining[sell.order_id])

    @precondition(lambda self: self.crossing())
    @rule(data=st.data())
    def trade(self, data: st.DataObject) -> None:
        for taker_side in data.draw(st.lists(st.sampled_from(Side), min_size=1, max_size=6)):
            if pairs := self.crossing():
                self.trade_pair(*data.draw(st.sampled_from(pairs)), taker_side, data)

    def trade_pair(self, buy: OrderCreateEvent, sell: OrderCreateEvent, taker_side: Side, data: st.DataObject) -> None:
        highest = max(p for p in range(1, PRICE_MAX + 1) if self.lots(buy, sell, p))
        price = data.draw(st.integers(sell.price or 1, highest))
        quantity = data.draw(st.integers(1, self.lots(buy, sell, price)))
        market = self.markets[buy.market]
        self.remaining[sell.order_id] -= quantity
        self.remaining[buy.order_id] -= market.notional(price, quantity) if buy.budget else quantity
        maker_ppm, taker_ppm = market.definition.maker_fee_ppm, market.definition.taker_fee_ppm
        buyer = self.party(buy, taker_ppm if taker_side is Side.BUY else maker_ppm, market.notional(price, 1))
        seller = self.party(sell, taker_ppm if taker_side is Side.SELL else maker_ppm, 0)
        maker, taker = (seller, buyer) if taker_side is Side.BUY else (buyer, seller)
        self.trades += 1
        event = OrderMatchedEvent(self.trades, market.symbol, price, quantity, maker, taker, taker_side, 0)
        for n in sorted({TOPOLOGY.wallet_of(buy.account), TOPOLOGY.wallet_of(sell.account)}):
            self.queues[n].append(event)

    def party(self, order: OrderCreateEvent, fee_ppm: int, lot_price: int) -> Party:
        """The order's side of a trade; a budget that does not pay for another lot at this price is done."""
        remaining = self.remaining[order.order_id]
        done = remaining < lot_price if order.budget else remaining == 0
        if done:
            del self.open[order.order_id]
        return Party(order.order_id, order.account, fee_ppm, remaining, done)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.cancel_order(data.draw(st.sampled_from([*self.open.values()])))

    def cancel_order(self, order: OrderCreateEvent) -> None:
        n = TOPOLOGY.wallet_of(order.account)
        self.shards[n].cancel(order)
        del self.open[order.order_id]
        self.queues[n].append(OrderCancelledEvent(order.order_id, self.remaining[order.order_id], Reason.USER, 0))

    @precondition(lambda self: any(self.queues))
    @rule(data=st.data(), most=st.integers(1, 4))
    def deliver(self, data: st.DataObject, most: int) -> None:
        n = data.draw(st.sampled_from([n for n in range(SHARDS) if self.queues[n]]))
        for _ in range(min(most, len(self.queues[n]))):
            self.deliver_next(n)

    def deliver_next(self, n: int) -> None:
        event = self.queues[n].popleft()
        self.shards[n].deliver(event)
        self.naive[n].deliver(event)

    @rule(n=st.integers(0, SHARDS - 1))
    def restart(self, n: int) -> None:
        self.shards[n] = self.shards[n].restarted()

    @invariant()
    def section_6_holds(self) -> None:
        for shard, naive in zip(self.shards, self.naive, strict=True):
            audit = shard.audit()
            assert not [fault for sums in audit for fault in sums.faults]
            assert audit == naive.audit()
            for account in ACCOUNTS:
                assert shard.balances(account) == naive.balances(account)

    @rule()
    def come_to_rest(self) -> None:
        for n in range(SHARDS):
            while self.queues[n]:
                self.deliver_next(n)
        clearing = dict.fromkeys(SCALES, 0)
        for shard in self.shards:
            for sums in shard.audit():
                clearing[sums.asset] += sums.clearing
        assert not any(clearing.values())

    def teardown(self) -> None:
        """Whatever happened: once all is cancelled and settled, nothing is held and clearing is zero."""
        for order in [*self.open.values()]:
            self.cancel_order(order)
        self.come_to_rest()
        self.section_6_holds()
        assert not [sums for shard in self.shards for sums in shard.audit() if sums.held]


class LedgerVenue(Venue):
    def make(self, shard: int) -> Shard:
        return BareLedger(shard, Ledger(AMOUNT_MAX // SHARDS))


class WalletVenue(Venue):
    def make(self, shard: int) -> Shard:
        return WholeWallet(shard)


@pytest.mark.slow
@pytest.mark.parametrize("venue", [LedgerVenue, WalletVenue])
def test_two_shards_agree_with_the_naive_ledger_and_keep_section_6_after_every_step(venue: type[Venue]) -> None:
    run_state_machine_as_test(venue, settings=settings(stateful_step_count=30))

"""What the wallet decides, and to whom it says so: BTC-USDT on matcher 1 of 2, trackers 0 and 1, accounts by hash."""

from typing import Any

import msgspec
import pytest

from actors.engine.behaviour import Outgoing
from actors.errors import InvalidValue, ProtocolError
from actors.messages import (
    AMOUNT_MAX,
    AuditQuery,
    Balance,
    Balances,
    BalancesQuery,
    CancelAllDoneEvent,
    CancelRejectedEvent,
    DepositedEvent,
    DepositEvent,
    MarketDefinedEvent,
    OrderCancelAllEvent,
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
    TransferRejectedEvent,
    WalletAudit,
    WithdrawEvent,
    WithdrawnEvent,
)
from actors.topology import Topology
from actors.wallet import Wallet

BTC_USDT = MarketDefinedEvent("BTC-USDT", "BTC", "USDT", 8, 8, 2, 1, 1_000, 100_000_000, 1_000, 2_000, 50_000, 1)
TOPOLOGY = Topology(wallets=1, matchers=2, gateways=2)
SHARDED = Topology(wallets=2, matchers=2, gateways=2)
NOW = 1_800_000_000_000_000


class Harness:
    """A wallet, and what it has sent since one last looked."""

    def __init__(self, topology: Topology = TOPOLOGY, shard: int = 0) -> None:
        self.outgoing = Outgoing()
        self.wallet = Wallet(shard, topology, self.outgoing)

    def tell(self, message: Any, now: int = NOW) -> dict[str, list[Any]]:
        """What is sent because of this message, by receiver."""
        assert self.wallet.handlers[type(message)](message, now) is None
        sent = {receiver: list(messages) for receiver, messages in self.outgoing.lanes.items() if messages}
        for messages in self.outgoing.lanes.values():
            messages.clear()
        assert not any(self.outgoing.feeds.values())
        assert not self.wallet.changed
        return sent

    def ask(self, question: Any) -> Any:
        return self.wallet.queries[type(question)](question)

    def balances(self, account: str) -> dict[str, tuple[int, int]]:
        answer = self.ask(BalancesQuery(account))
        assert answer.account == account
        return {balance.asset: (balance.free, balance.held) for balance in answer.balances}


def home(account: str) -> str:
    return f"tracker-{TOPOLOGY.home_of(account)}"


def accounts_of(shard: int, topology: Topology) -> list[str]:
    return [name for n in range(50) if topology.wallet_of(name := f"account-{n}") == shard]


def order_id(gateway: int, counter: int = 1) -> int:
    return 1 << 12 | gateway << 8 | counter


def create(number: int, account: str, side: Side, price: int, quantity: int, **changes: Any) -> OrderCreateEvent:
    order = OrderCreateEvent(
        number, account, "BTC-USDT", side, OrderType.LIMIT, TimeInForce.GTC, False, price, quantity, 0, "", NOW - 1
    )
    return msgspec.structs.replace(order, **changes)


def open_venue(topology: Topology = TOPOLOGY, shard: int = 0) -> Harness:
    """A wallet that knows BTC-USDT; Anna (or the shard's first account) has 1,000 USDT and 1 BTC."""
    harness = Harness(topology, shard)
    harness.tell(BTC_USDT)
    account = "anna" if topology.wallets == 1 else accounts_of(shard, topology)[0]
    harness.tell(DepositEvent("d1", account, "USDT", 100_000_000_000, NOW))
    harness.tell(DepositEvent("d2", account, "BTC", 100_000_000, NOW))
    return harness


def test_a_market_goes_to_every_matcher_once_however_many_trackers_define_it() -> None:
    harness = Harness()
    assert harness.tell(BTC_USDT) == {"matcher-0": [BTC_USDT], "matcher-1": [BTC_USDT]}
    assert harness.tell(msgspec.structs.replace(BTC_USDT)) == {}


def test_a_market_is_never_defined_twice_with_other_values() -> None:
    harness = open_venue()
    with pytest.raises(ProtocolError, match="BTC-USDT is defined"):
        harness.tell(msgspec.structs.replace(BTC_USDT, maker_fee_ppm=0))
    assert harness.tell(BTC_USDT) == {}


def test_a_market_whose_parameters_do_not_fit_together_is_refused() -> None:
    harness = Harness()
    with pytest.raises(InvalidValue, match="lot"):
        harness.tell(msgspec.structs.replace(BTC_USDT, lot=0))
    assert harness.tell(BTC_USDT) == {"matcher-0": [BTC_USDT], "matcher-1": [BTC_USDT]}


@pytest.mark.parametrize("matcher", [-1, 2])
def test_a_market_of_a_matcher_that_does_not_exist_is_refused(matcher: int) -> None:
    with pytest.raises(ProtocolError, match="does not exist"):
        Harness().tell(msgspec.structs.replace(BTC_USDT, matcher=matcher))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"market": "BTC-EUR", "quote": "EUR", "base_scale": 10}, id="the base of both"),
        pytest.param({"market": "ETH-USDT", "base": "ETH", "quote_scale": 10}, id="the quote of both"),
        pytest.param({"market": "USDT-EUR", "base": "USDT", "quote": "EUR", "base_scale": 6, "lot": 10}, id="both"),
    ],
)
def test_a_market_that_counts_a_known_asset_in_another_scale_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="scale"):
        open_venue().tell(msgspec.structs.replace(BTC_USDT, **changes))


def test_an_approved_order_goes_to_its_matcher_and_to_the_tracker_that_numbered_it() -> None:
    order = create(order_id(gateway=1), "anna", Side.BUY, 6_000_000, 1_000)
    harness = open_venue()
    sent = harness.tell(order)
    assert sent == {
        name: [OrderCreatedEvent(order, "USDT", 60_000_000_000, NOW)] for name in ("matcher-1", "tracker-1")
    }
    assert sent["matcher-1"][0] is sent["tracker-1"][0]
    assert harness.balances("anna") == {"BTC": (100_000_000, 0), "USDT": (40_000_000_000, 60_000_000_000)}


def test_a_sell_locks_base() -> None:
    order = create(order_id(gateway=0), "anna", Side.SELL, 6_000_000, 1_000)
    assert open_venue().tell(order)["tracker-0"] == [OrderCreatedEvent(order, "BTC", 1_000_000, NOW)]


def test_a_market_buy_by_budget_locks_its_budget() -> None:
    order = create(order_id(gateway=0), "anna", Side.BUY, 0, 0, type=OrderType.MARKET, budget=77)
    assert open_venue().tell(order)["matcher-1"] == [OrderCreatedEvent(order, "USDT", 77, NOW)]


def test_a_market_buy_by_quantity_locks_its_protection_price() -> None:
    order = create(order_id(gateway=0), "anna", Side.BUY, 6_000_000, 2, type=OrderType.MARKET)
    assert open_venue().tell(order)["matcher-1"] == [OrderCreatedEvent(order, "USDT", 120_000_000, NOW)]


def test_a_market_sell_needs_no_reference_price() -> None:
    order = create(order_id(gateway=0), "anna", Side.SELL, 0, 1_000, type=OrderType.MARKET)
    assert open_venue().tell(order)["matcher-1"] == [OrderCreatedEvent(order, "BTC", 1_000_000, NOW)]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (create(order_id(1), "anna", Side.BUY, 6_000_000, 1_000, market="XRP-USDT"), Reason.UNKNOWN_MARKET),
        (create(order_id(1), "anna", Side.BUY, 6_000_000, 1_667), Reason.INSUFFICIENT_FUNDS),
        (create(order_id(1), "anna", Side.SELL, 6_000_000, 100_001), Reason.INSUFFICIENT_FUNDS),
        (create(order_id(1), "nobody", Side.SELL, 6_000_000, 1), Reason.INSUFFICIENT_FUNDS),
        (create(order_id(1), "anna", Side.BUY, 0, 1, type=OrderType.MARKET), Reason.NO_REFERENCE_PRICE),
    ],
)
def test_a_rejection_goes_to_the_tracker_only_and_holds_nothing(order: OrderCreateEvent, reason: Reason) -> None:
    harness = open_venue()
    assert harness.tell(order) == {"tracker-1": [OrderRejectedEvent(order.order_id, reason, NOW)]}
    assert harness.balances("anna") == {"BTC": (100_000_000, 0), "USDT": (100_000_000_000, 0)}


@pytest.mark.parametrize("wrong", [{"price": 0}, {"order_id": order_id(gateway=2)}])
def test_an_order_that_should_not_have_come_raises_and_changes_nothing(wrong: dict[str, int]) -> None:
    harness = open_venue()
    before = harness.wallet.snapshot()
    with pytest.raises((ProtocolError, IndexError)):
        harness.tell(msgspec.structs.replace(create(order_id(0), "anna", Side.BUY, 6_000_000, 1), **wrong))
    assert harness.wallet.snapshot() == before
    assert not any(harness.outgoing.lanes.values())


def test_a_cancel_of_an_open_order_goes_to_its_matcher() -> None:
    harness = open_venue()
    harness.tell(create(order_id(0), "anna", Side.BUY, 6_000_000, 1))
    cancel = OrderCancelEvent(order_id(0), "anna", "BTC-USDT", NOW)
    assert harness.tell(cancel) == {"matcher-1": [cancel]}
    assert harness.tell(cancel) == {"matcher-1": [cancel]}


@pytest.mark.parametrize(
    ("cancel", "reason"),
    [
        (OrderCancelEvent(order_id(0, 2), "anna", "BTC-USDT", NOW), Reason.ORDER_NOT_OPEN),
        (OrderCancelEvent(order_id(0), "anna", "ETH-USDT", NOW), Reason.ORDER_NOT_OPEN),
        (OrderCancelEvent(order_id(0), "ben", "BTC-USDT", NOW), Reason.NOT_OWNER),
        (OrderCancelEvent(order_id(0), "eve", "BTC-USDT", NOW), Reason.NOT_OWNER),
    ],
)
def test_a_cancel_that_cannot_be_is_refused_to_the_tracker_that_it_came_from(
    cancel: OrderCancelEvent, reason: Reason
) -> None:
    harness = open_venue()
    harness.tell(create(order_id(0), "anna", Side.BUY, 6_000_000, 1))
    assert {home("ben"), home("eve")} == {"tracker-0", "tracker-1"}
    assert harness.tell(cancel) == {home(cancel.account): [CancelRejectedEvent(cancel.order_id, reason, NOW)]}


def test_a_finished_order_cannot_be_cancelled() -> None:
    harness = open_venue()
    harness.tell(create(order_id(0), "anna", Side.BUY, 6_000_000, 1))
    assert harness.tell(OrderCancelledEvent(order_id(0), 1, Reason.USER, NOW)) == {}
    rejected = CancelRejectedEvent(order_id(0), Reason.ORDER_NOT_OPEN, NOW)
    assert harness.tell(OrderCancelEvent(order_id(0), "anna", "BTC-USDT", NOW)) == {home("anna"): [rejected]}


def test_cancelling_all_of_a_market_goes_to_its_matcher() -> None:
    cancel = OrderCancelAllEvent("anna", "BTC-USDT", NOW)
    assert open_venue().tell(cancel) == {"matcher-1": [cancel]}


@pytest.mark.parametrize("account", ["ben", "eve"])
def test_cancelling_all_of_an_unknown_market_is_done_at_once(account: str) -> None:
    done = CancelAllDoneEvent(account, "XRP-USDT", 0, NOW)
    assert open_venue().tell(OrderCancelAllEvent(account, "XRP-USDT", NOW)) == {home(account): [done]}


def test_the_end_of_an_order_releases_its_hold() -> None:
    harness = open_venue()
    harness.tell(create(order_id(0), "anna", Side.SELL, 6_000_000, 1))
    assert harness.tell(OrderCancelledEvent(order_id(0), 1, Reason.IMMEDIATE_OR_CANCEL, NOW)) == {}
    assert harness.balances("anna") == {"BTC": (100_000_000, 0), "USDT": (100_000_000_000, 0)}
    assert harness.ask(AuditQuery()).open_orders == 0


@pytest.mark.parametrize("taker_side", Side)
def test_a_trade_is_settled_for_maker_and_taker_whichever_of_them_buys(taker_side: Side) -> None:
    harness = open_venue()
    harness.tell(DepositEvent("d", "ben", "BTC", 1_000, NOW))
    harness.tell(create(1, "anna", Side.BUY, 6_000_000, 1))
    harness.tell(create(2, "ben", Side.SELL, 5_000_000, 1))
    anna, ben = Party(1, "anna", 1_000, 0, done=True), Party(2, "ben", 2_000, 0, done=True)
    maker, taker = (ben, anna) if taker_side is Side.BUY else (anna, ben)
    assert harness.tell(OrderMatchedEvent(1, "BTC-USDT", 5_000_000, 1, maker, taker, taker_side, NOW)) == {}
    assert harness.balances("anna") == {"BTC": (100_000_999, 0), "USDT": (99_950_000_000, 0)}
    assert harness.balances("ben") == {"USDT": (49_900_000, 0)}
    assert harness.ask(AuditQuery()).open_orders == 0


@pytest.mark.parametrize("shard", [0, 1])
@pytest.mark.parametrize("is_maker", [True, False])
def test_of_a_trade_between_shards_each_settles_its_own_half(shard: int, is_maker: bool) -> None:
    harness = open_venue(SHARDED, shard)
    ours, theirs = accounts_of(shard, SHARDED)[0], accounts_of(1 - shard, SHARDED)[0]
    harness.tell(create(1, ours, Side.SELL, 5_000_000, 1))
    mine, other = Party(1, ours, 0, 0, done=True), Party(2, theirs, 0, 7, done=False)
    maker, taker, taker_side = (mine, other, Side.BUY) if is_maker else (other, mine, Side.SELL)
    assert harness.tell(OrderMatchedEvent(1, "BTC-USDT", 5_000_000, 1, maker, taker, taker_side, NOW)) == {}
    assert harness.balances(ours) == {"BTC": (99_999_000, 0), "USDT": (100_050_000_000, 0)}
    assert harness.balances(theirs) == {}
    audit = harness.ask(AuditQuery())
    assert [(s.asset, s.clearing, s.faults) for s in audit.sums] == [("BTC", 1_000, ()), ("USDT", -50_000_000, ())]


@pytest.mark.parametrize("market", ["BTC-USDT", "XRP-USDT"])
def test_a_trade_of_an_order_that_holds_nothing_here_raises_and_settles_neither_half(market: str) -> None:
    harness = open_venue()
    harness.tell(create(1, "anna", Side.BUY, 5_000_000, 1))
    before = harness.wallet.snapshot()
    anna, ben = Party(1, "anna", 0, 0, done=True), Party(2, "ben", 0, 0, done=True)
    with pytest.raises(ProtocolError, match=r"no such hold|not defined"):
        harness.tell(OrderMatchedEvent(1, market, 5_000_000, 1, ben, anna, Side.BUY, NOW))
    assert harness.wallet.snapshot() == before


def test_a_trade_between_accounts_of_other_shards_raises() -> None:
    harness = open_venue(SHARDED, 0)
    theirs, others = accounts_of(1, SHARDED)[:2]
    maker, taker = Party(1, theirs, 0, 0, done=True), Party(2, others, 0, 0, done=True)
    with pytest.raises(ProtocolError, match="elsewhere"):
        harness.tell(OrderMatchedEvent(1, "BTC-USDT", 5_000_000, 1, maker, taker, Side.BUY, NOW))


def test_the_end_of_an_order_that_holds_nothing_here_raises() -> None:
    with pytest.raises(ProtocolError, match="holds nothing"):
        open_venue().tell(OrderCancelledEvent(1, 1, Reason.USER, NOW))


@pytest.mark.parametrize("account", ["ben", "eve"])
def test_transfers_are_answered_to_the_accounts_home(account: str) -> None:
    harness = Harness()
    assert harness.tell(DepositEvent("t1", account, "BTC", 5, NOW - 1)) == {
        home(account): [DepositedEvent("t1", account, "BTC", 5, 5, NOW)]
    }
    assert harness.tell(WithdrawEvent("t2", account, "BTC", 3, NOW - 1)) == {
        home(account): [WithdrawnEvent("t2", account, "BTC", 3, 2, NOW)]
    }
    assert harness.tell(WithdrawEvent("t3", account, "BTC", 3, NOW - 1)) == {
        home(account): [TransferRejectedEvent("t3", account, "BTC", 3, Reason.INSUFFICIENT_FUNDS, NOW)]
    }
    assert harness.balances(account) == {"BTC": (2, 0)}


@pytest.mark.parametrize("wallets", [1, 2, 3])
def test_the_supply_that_all_shards_together_accept_fits_63_bits(wallets: int) -> None:
    topology = Topology(wallets=wallets, matchers=2, gateways=2)
    accepted = 0
    for shard in range(wallets):
        harness = Harness(topology, shard)
        account = accounts_of(shard, topology)[0]
        share = AMOUNT_MAX // wallets
        [[answer]] = harness.tell(DepositEvent("t", account, "BTC", share + 1, NOW)).values()
        assert answer == TransferRejectedEvent("t", account, "BTC", share + 1, Reason.SUPPLY_EXCEEDED, NOW)
        [[answer]] = harness.tell(DepositEvent("t", account, "BTC", share, NOW)).values()
        accepted += answer.amount
    assert AMOUNT_MAX - wallets < accepted <= AMOUNT_MAX


@pytest.mark.parametrize("transfer", [DepositEvent, WithdrawEvent])
def test_a_transfer_for_an_account_of_another_shard_raises(transfer: type[DepositEvent | WithdrawEvent]) -> None:
    harness = Harness(SHARDED, 0)
    with pytest.raises(ProtocolError, match="came to wallet-0"):
        harness.tell(transfer("t", accounts_of(1, SHARDED)[0], "BTC", 1, NOW))


def test_balances_are_answered_sorted_and_an_unknown_account_has_none() -> None:
    harness = open_venue()
    harness.tell(create(1, "anna", Side.SELL, 1, 1))
    assert harness.ask(BalancesQuery("anna")) == Balances(
        "anna", (Balance("BTC", 99_999_000, 1_000), Balance("USDT", 100_000_000_000, 0))
    )
    assert harness.ask(BalancesQuery("nobody")) == Balances("nobody", ())


def test_the_audit_tells_sums_by_asset_and_the_number_of_open_orders() -> None:
    harness = open_venue()
    harness.tell(create(1, "anna", Side.SELL, 1, 1))
    audit = harness.ask(AuditQuery())
    assert isinstance(audit, WalletAudit)
    assert audit.open_orders == 1
    assert [(s.asset, s.free, s.held, s.deposits) for s in audit.sums] == [
        ("BTC", 99_999_000, 1_000, 100_000_000),
        ("USDT", 100_000_000_000, 0, 100_000_000_000),
    ]


def test_a_restored_wallet_is_equal_and_sends_the_same_from_there() -> None:
    harness, restored = open_venue(), Harness()
    harness.tell(create(1, "anna", Side.SELL, 5_000_000, 1))
    restored.tell(msgspec.structs.replace(BTC_USDT, market="BTC-EUR", quote="EUR"))
    restored.wallet.restore(harness.wallet.snapshot())
    assert not restored.outgoing.lanes["matcher-0"]
    assert restored.wallet.snapshot() == harness.wallet.snapshot()
    for message in (
        OrderCancelEvent(1, "anna", "BTC-USDT", NOW),
        OrderCancelledEvent(1, 1, Reason.USER, NOW),
        create(2, "anna", Side.BUY, 5_000_000, 1),
        create(3, "anna", Side.BUY, 5_000_000, 1, market="BTC-EUR"),
        BTC_USDT,
    ):
        assert restored.tell(message) == harness.tell(message)
    assert restored.wallet.snapshot() == harness.wallet.snapshot()


def test_the_order_in_which_markets_were_defined_does_not_show_in_a_snapshot() -> None:
    eth = msgspec.structs.replace(BTC_USDT, market="ETH-USDT", base="ETH", matcher=0)
    one, other = Harness(), Harness()
    for harness, definitions in ((one, (BTC_USDT, eth)), (other, (eth, BTC_USDT))):
        for definition in definitions:
            harness.tell(definition)
    assert one.wallet.snapshot() == other.wallet.snapshot()

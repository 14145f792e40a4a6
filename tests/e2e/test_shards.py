"""A busy day at a venue of two wallets and two matchers; then everything is added up from what the API itself says."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple
from zlib import crc32

import pytest

from tests.e2e.traffic import FINAL, Trader, assert_goes_forward, traders_at
from tests.e2e.venue import Document, Venue

pytestmark = pytest.mark.slow

SEED = 20261122
STREAMS = 2
"""Clients of each account that act at the same time."""
STEPS = 90
ACCOUNTS = [f"trader-{number}" for number in range(8)]
MID_TICKS = 1_000
CONFIGURATION = """
[[assets]]
symbol = "BTC"
scale = 8
[[assets]]
symbol = "ETH"
scale = 6
[[assets]]
symbol = "USDT"
scale = 6
[[markets]]
symbol = "BTC-USDT"
base = "BTC"
quote = "USDT"
tick = "0.1"
lot = "0.0001"
maker_fee_ppm = 1000
taker_fee_ppm = 2000
[[markets]]
symbol = "ETH-USDT"
base = "ETH"
quote = "USDT"
tick = "0.01"
lot = "0.001"
maker_fee_ppm = 333
taker_fee_ppm = 777
[[markets]]
symbol = "ETH-BTC"
base = "ETH"
quote = "BTC"
tick = "0.0001"
lot = "0.001"
maker_fee_ppm = 0
taker_fee_ppm = 2500
[[markets]]
symbol = "BTC-ETH"
base = "BTC"
quote = "ETH"
tick = "0.01"
lot = "0.0005"
maker_fee_ppm = 1500
taker_fee_ppm = 1500
"""

KINDS = ("GTC", "post_only", "IOC", "FOK", "market", "market_fok", "budget")


class Day(NamedTuple):
    """What the API says after the day, everything cancelled and at rest."""

    accepted: dict[str, dict[str, str]]
    """By account: the order id of each client order id that was answered 202."""
    seen: dict[str, list[Document]]
    """By order id: the history as a client last saw it during the day."""
    orders: dict[str, list[Document]]
    """By account."""
    balances: dict[str, dict[str, tuple[Decimal, Decimal]]]
    transfers: dict[str, list[Document]]
    """By account."""
    markets: dict[str, Document]
    scales: dict[str, int]
    trades: dict[str, list[Document]]
    """By market, as the public sees them."""
    audit: Document

    def fills(self) -> Iterator[tuple[str, Document, Document]]:
        """Return every half of a trade with its account and order."""
        for account, orders in self.orders.items():
            for order in orders:
                for trade in order["trades"]:
                    yield account, order, trade


def random_order(rng: random.Random, market: Document) -> Document:
    """Return an order of any kind near the middle of the market, so that about half of them trade."""
    kind = rng.choices(KINDS, (10, 2, 2, 2, 2, 1, 1))[0]
    side = rng.choice(("buy", "sell"))
    price = Decimal(market["tick"]) * (MID_TICKS + rng.randint(-6, 6))
    quantity = Decimal(market["lot"]) * rng.randint(1, 40)
    order: Document = {"market": market["market"], "side": side, "type": "limit", "quantity": f"{quantity:f}"}
    match kind:
        case "market" | "market_fok":
            order |= {"type": "market", "time_in_force": "FOK" if kind == "market_fok" else "IOC"}
        case "budget":
            budget = (price * quantity).quantize(Decimal(1).scaleb(-market["quote_scale"]), ROUND_CEILING)
            order |= {"side": "buy", "type": "market", "quantity": None, "budget": f"{budget:f}"}
        case "post_only":
            order |= {"price": f"{price:f}", "post_only": True}
        case _:
            order |= {"price": f"{price:f}", "time_in_force": kind}
    return order


class Stream:
    """One client of an account: what it does is drawn from a seed, what comes of it depends on everybody else."""

    def __init__(self, name: str, trader: Trader, markets: Mapping[str, Document]) -> None:
        self._name = name
        self._trader = trader
        self._markets = list(markets.values())
        self._rng = random.Random(f"{SEED} {name}")
        self.accepted: dict[str, str] = {}
        self.seen: dict[str, list[Document]] = {}

    async def trade(self) -> None:
        """Place, repeat, cancel and look."""
        steps = (self._place, self._repeat, self._cancel, self._cancel_all, self._look)
        for number in range(STEPS):
            step = self._rng.choices(steps, (70, 4, 12, 1, 13))[0]
            await (step if self.accepted else self._place)(number)

    async def _place(self, number: int) -> None:
        order = random_order(self._rng, self._rng.choice(self._markets))
        client_order_id = f"{self._name}-{number}"
        answer = await self._trader.place({**order, "client_order_id": client_order_id}, self._rng.choice((0, 0, 10)))
        assert answer.status == 202, answer
        assert answer.headers["location"].endswith(answer.document["order_id"])
        self.accepted[client_order_id] = answer.document["order_id"]
        self._note(answer.document)

    async def _repeat(self, number: int) -> None:
        """Send an order again, as a client does that has not seen the answer."""
        client_order_id, order_id = self._rng.choice(list(self.accepted.items()))
        first = await self._trader.get(f"/v1/orders/{order_id}")
        names = ("market", "side", "type", "time_in_force", "post_only", "price", "quantity", "budget")
        again = await self._trader.place({name: first[name] for name in names} | {"client_order_id": client_order_id})
        assert again.status == 202, again
        assert again.document["order_id"] == order_id

    async def _cancel(self, number: int) -> None:
        order_id = self._rng.choice(list(self.accepted.values()))
        answer = await self._trader.call("DELETE", f"/v1/orders/{order_id}", wait_s=self._rng.choice((0, 10)))
        assert answer.status in (202, 409), answer
        if answer.status == 409:
            assert answer.document["code"] == "order_not_open"

    async def _cancel_all(self, number: int) -> None:
        await cancel_all(self._trader, self._rng.choice(self._markets)["market"])

    async def _look(self, number: int) -> None:
        """Look at some orders, the balances and a book that must never be crossed."""
        self._note(await self._trader.get(f"/v1/orders/{self._rng.choice(list(self.accepted.values()))}"))
        for free, held in (await self._trader.balances()).values():
            assert free >= 0
            assert held >= 0
        book = await self._trader.get(f"/v1/markets/{self._rng.choice(self._markets)['market']}/book")
        bids, asks = ([Decimal(price) for price, _ in book[side]] for side in ("bids", "asks"))
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert not bids or not asks or bids[0] < asks[0], book

    def _note(self, order: Document) -> None:
        """See that the history goes on from where this client saw it last."""
        before = self.seen.get(order["order_id"], [])
        assert order["history"][: len(before)] == before
        self.seen[order["order_id"]] = order["history"]


async def cancel_all(trader: Trader, market: str) -> None:
    answer = await trader.call("DELETE", f"/v1/orders?market={market}", wait_s=20)
    assert answer.status == 202, answer
    assert answer.document["done"] is True, answer


async def withdraw_now_and_then(operator: Trader, account: str) -> None:
    """Take something from an account while it trades; it may have too little free."""
    rng = random.Random(f"{SEED} withdrawals {account}")
    for number in range(6):
        asset = rng.choice(("BTC", "ETH", "USDT"))
        transfer = {"asset": asset, "amount": f"0.{rng.randint(1, 99_999):05}", "transfer_id": f"w-{number}"}
        answer = await operator.call("POST", f"/v1/admin/accounts/{account}/withdrawals", transfer)
        assert answer.status in (201, 422), answer


async def live_through(venue: Venue) -> Day:
    """Trade, cancel everything, come to rest, and ask for all there is."""
    clients = {
        # The last one can afford next to nothing.
        name: venue.open_account(name, **dict.fromkeys(("BTC", "ETH"), "50"), USDT="100000")
        if name != ACCOUNTS[-1]
        else venue.open_account(name, BTC="0.003", ETH="0.05", USDT="1")
        for name in ACCOUNTS
    }
    assert {crc32(name.encode()) % 2 for name in ACCOUNTS} == {0, 1}
    async with traders_at(venue.url, {**clients, "operator": venue.operator}) as traders:
        operator = traders.pop("operator")
        listing = await operator.get("/v1/markets")
        markets = {market["market"]: market for market in listing["markets"]}
        streams = {
            name: [Stream(f"{name}-{number}", trader, markets) for number in range(STREAMS)]
            for name, trader in traders.items()
        }
        async with asyncio.TaskGroup() as group:
            for name in traders:
                group.create_task(withdraw_now_and_then(operator, name))
                for stream in streams[name]:
                    group.create_task(stream.trade())
        async with asyncio.TaskGroup() as group:
            for trader in traders.values():
                for market in markets:
                    group.create_task(cancel_all(trader, market))
        return Day(
            {name: {k: v for stream in streams[name] for k, v in stream.accepted.items()} for name in traders},
            {k: v for name in traders for stream in streams[name] for k, v in stream.seen.items()},
            {name: await trader.orders() for name, trader in traders.items()},
            {name: await trader.balances() for name, trader in traders.items()},
            {name: await transfers_of(operator, name) for name in traders},
            markets,
            {market[kind]: market[f"{kind}_scale"] for market in markets.values() for kind in ("base", "quote")},
            {name: (await operator.get(f"/v1/markets/{name}/trades?limit=1000"))["trades"] for name in markets},
            await operator.get("/v1/admin/audit"),
        )


async def transfers_of(operator: Trader, account: str) -> list[Document]:
    names = [f"{account}-{asset}" for asset in ("BTC", "ETH", "USDT")] + [f"w-{number}" for number in range(6)]
    return [await operator.get(f"/v1/admin/transfers/{name}?account={account}") for name in names]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    directory = tmp_path_factory.mktemp("shards")
    (directory / "tradepost.toml").write_text(CONFIGURATION, "utf-8")
    with Venue(directory, "--wallets", "2", "--matchers", "2") as venue:
        lived = asyncio.run(live_through(venue))
        assert venue.stop() == 0
    return lived


def test_all_kinds_of_orders_and_ends_have_happened(day: Day) -> None:
    """Without this, the tests below might have looked at nothing."""
    orders = [order for orders in day.orders.values() for order in orders]
    kinds = {(o["type"], o["time_in_force"], o["post_only"], o["budget"] is not None) for o in orders}
    assert len(kinds) == len(KINDS)
    assert {order["status"] for order in orders} == set(FINAL)
    reasons = {"user", "immediate_or_cancel", "fill_or_kill", "post_only", "insufficient_funds"}
    assert reasons <= {order["reason"] for order in orders}
    assert {order["market"] for _, order, _ in day.fills()} == set(day.markets)
    assert any(transfer["status"] == "DONE" for transfer in day.transfers[ACCOUNTS[0]] if transfer["kind"] != "deposit")


def test_every_accepted_order_is_there_exactly_once(day: Day) -> None:
    for account, accepted in day.accepted.items():
        listed = {order["client_order_id"]: order["order_id"] for order in day.orders[account]}
        assert len(day.orders[account]) == len(accepted)
        assert listed == accepted
    everybodys = [order["order_id"] for orders in day.orders.values() for order in orders]
    assert len(everybodys) == len(set(everybodys))


def test_every_order_has_ended_and_its_history_only_went_forward(day: Day) -> None:
    for account, orders in day.orders.items():
        for order in orders:
            assert order["account"] == account
            assert order["status"] in FINAL, order
            assert_goes_forward(order)
            seen = day.seen.get(order["order_id"], [])
            assert order["history"][: len(seen)] == seen
        ids = [order["order_id"] for order in orders]
        assert ids == sorted(ids, reverse=True), "newest first"


def test_every_trade_has_one_maker_and_one_taker_and_is_printed(day: Day) -> None:
    sides: defaultdict[str, list[tuple[str, str, str, str]]] = defaultdict(list)
    roles: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for _, order, trade in day.fills():
        sides[trade["trade_id"]].append((order["market"], trade["price"], trade["quantity"], trade["at"]))
        roles[trade["trade_id"]][trade["role"], order["side"]] += 1
    assert len(sides) > 100
    printed = {
        print_["trade_id"]: (market, print_["price"], print_["quantity"], print_["at"], print_["taker_side"])
        for market, prints in day.trades.items()
        for print_ in prints
    }
    assert printed.keys() == sides.keys()
    for trade_id, (maker, taker) in sides.items():
        assert maker == taker == printed[trade_id][:4]
        taker_side = printed[trade_id][4]
        maker_side = "sell" if taker_side == "buy" else "buy"
        assert roles[trade_id] == {("maker", maker_side): 1, ("taker", taker_side): 1}


def test_every_trade_is_at_the_makers_price_and_within_the_takers(day: Day) -> None:
    for _, order, trade in day.fills():
        price = Decimal(trade["price"])
        if trade["role"] == "maker":
            assert price == Decimal(order["price"])
        elif order["price"] is not None:
            limit = Decimal(order["price"])
            assert price <= limit if order["side"] == "buy" else price >= limit


def test_what_an_order_matched_is_the_sum_of_its_trades_and_within_what_it_asked(day: Day) -> None:
    for orders in day.orders.values():
        for order in orders:
            matched = sum((Decimal(trade["quantity"]) for trade in order["trades"]), Decimal())
            paid = sum((Decimal(t["price"]) * Decimal(t["quantity"]) for t in order["trades"]), Decimal())
            assert Decimal(order["matched_quantity"]) == matched
            if order["budget"] is None:
                assert matched <= Decimal(order["quantity"])
                assert (matched == Decimal(order["quantity"])) == (order["status"] == "MATCHED")
            else:
                assert paid <= Decimal(order["budget"])


def test_fees_are_the_markets_rates_on_what_is_received_rounded_up(day: Day) -> None:
    for _, order, trade in day.fills():
        market = day.markets[order["market"]]
        is_buy = order["side"] == "buy"
        received = Decimal(trade["quantity"]) * (1 if is_buy else Decimal(trade["price"]))
        asset = market["base"] if is_buy else market["quote"]
        unit = Decimal(1).scaleb(-day.scales[asset])
        fee = (received * market[f"{trade['role']}_fee_ppm"] / 1_000_000).quantize(unit, ROUND_CEILING)
        assert (trade["fee_asset"], Decimal(trade["fee"])) == (asset, fee)


def test_every_balance_is_what_deposits_withdrawals_trades_and_fees_make_of_it(day: Day) -> None:
    expected: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for account, transfers in day.transfers.items():
        for transfer in transfers:
            if transfer["status"] == "DONE":
                amount = Decimal(transfer["amount"])
                expected[account, transfer["asset"]] += amount if transfer["kind"] == "deposit" else -amount
    for account, order, trade in day.fills():
        market = day.markets[order["market"]]
        sign = 1 if order["side"] == "buy" else -1
        quantity = Decimal(trade["quantity"])
        expected[account, market["base"]] += sign * quantity
        expected[account, market["quote"]] -= sign * quantity * Decimal(trade["price"])
        expected[account, trade["fee_asset"]] -= Decimal(trade["fee"])
    actual = {
        (account, asset): free for account, balances in day.balances.items() for asset, (free, held) in balances.items()
    }
    assert actual == expected


def test_nothing_is_held_once_everything_is_cancelled(day: Day) -> None:
    held = [held for balances in day.balances.values() for _, held in balances.values()]
    assert held
    assert set(held) == {Decimal(0)}


def test_the_audit_holds_at_rest_and_its_fees_are_those_of_the_trades(day: Day) -> None:
    assert day.audit["at_rest"] is True
    assert day.audit["holds"] is True, day.audit["faults"]
    fees: defaultdict[str, Decimal] = defaultdict(Decimal)
    for _, _, trade in day.fills():
        fees[trade["fee_asset"]] += Decimal(trade["fee"])
    for total in day.audit["totals"]:
        assert Decimal(total["clearing"]) == 0
        assert Decimal(total["held"]) == 0
        assert Decimal(total["fees"]) == fees[total["asset"]]
        inside = Decimal(total["deposits"]) - Decimal(total["withdrawals"])
        assert Decimal(total["free"]) + Decimal(total["fees"]) == inside
    clearing = [Decimal(asset["clearing"]) for wallet in day.audit["wallets"] for asset in wallet["assets"]]
    assert any(clearing), "trades between the wallets have gone through clearing"
    assert {wallet["open_orders"] for wallet in day.audit["wallets"]} == {0}

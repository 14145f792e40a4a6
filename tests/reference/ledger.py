"""The ledger again, so plainly that it is obviously right: nothing is kept that can be worked out."""

from collections import Counter
from fractions import Fraction
from math import ceil

from actors.market import Market
from actors.messages import AMOUNT_MAX, AssetSums, Balance, OrderCreateEvent, Party, Side


class NaiveLedger:
    """What accounts own, free and held together; what is held is worked out from the open orders."""

    def __init__(self, supply_max: int = AMOUNT_MAX) -> None:
        self.supply_max = supply_max
        self.owned: Counter[tuple[str, str]] = Counter()
        self.orders: dict[int, tuple[OrderCreateEvent, Market]] = {}
        self.remaining: dict[int, int] = {}
        self.fees: Counter[str] = Counter()
        self.clearing: Counter[str] = Counter()
        self.deposits: Counter[str] = Counter()
        self.withdrawals: Counter[str] = Counter()

    def deposit(self, account: str, asset: str, amount: int) -> int | None:
        if self.deposits[asset] - self.withdrawals[asset] + amount > self.supply_max:
            return None
        self.deposits[asset] += amount
        self.owned[account, asset] += amount
        return self.free(account, asset)

    def withdraw(self, account: str, asset: str, amount: int) -> int | None:
        if self.free(account, asset) < amount:
            return None
        self.withdrawals[asset] += amount
        self.owned[account, asset] -= amount
        return self.free(account, asset)

    def hold(self, order: OrderCreateEvent, market: Market) -> bool:
        asset, amount = promise(order, market, order.budget or order.quantity)
        if self.free(order.account, asset) < amount:
            return False
        self.orders[order.order_id] = order, market
        self.remaining[order.order_id] = order.budget or order.quantity
        return True

    def settle(self, market: Market, price: int, quantity: int, buyer: Party | None, seller: Party | None) -> None:
        base, quote = market.base, market.quote
        size, cost = quantity * market.lot, notional(market, price, quantity)
        for party, paid, paid_asset, received, received_asset in (
            (buyer, cost, quote, size, base),
            (seller, size, base, cost, quote),
        ):
            if party is not None:
                fee = ceil(received * Fraction(party.fee_ppm, 1_000_000))
                self.owned[party.account, paid_asset] -= paid
                self.owned[party.account, received_asset] += received - fee
                self.fees[received_asset] += fee
                self.clearing[paid_asset] += paid
                self.clearing[received_asset] -= received
                self.remaining[party.order_id] -= cost if self.orders[party.order_id][0].budget else quantity
                if party.done:
                    del self.orders[party.order_id]

    def release(self, order_id: int, remaining: int) -> None:
        del self.orders[order_id]

    def held(self, account: str, asset: str) -> int:
        promises = (
            promise(order, market, self.remaining[order_id])
            for order_id, (order, market) in self.orders.items()
            if order.account == account
        )
        return sum(amount for promised, amount in promises if promised == asset)

    def free(self, account: str, asset: str) -> int:
        return self.owned[account, asset] - self.held(account, asset)

    def balances(self, account: str) -> tuple[Balance, ...]:
        assets = sorted(asset for owner, asset in self.owned if owner == account and self.owned[owner, asset])
        return tuple(Balance(asset, self.free(account, asset), self.held(account, asset)) for asset in assets)

    def audit(self) -> tuple[AssetSums, ...]:
        assets = sorted({*self.deposits, *self.clearing})
        every = (AssetSums(asset, *self.sums(asset), ()) for asset in assets)
        return tuple(sums for sums in every if sums != AssetSums(sums.asset, 0, 0, 0, 0, 0, 0, ()))

    def sums(self, asset: str) -> tuple[int, int, int, int, int, int]:
        accounts = {account for account, owned in self.owned if owned == asset}
        free = sum(self.free(account, asset) for account in accounts)
        held = sum(self.held(account, asset) for account in accounts)
        return free, held, self.fees[asset], self.clearing[asset], self.deposits[asset], self.withdrawals[asset]


def promise(order: OrderCreateEvent, market: Market, remaining: int) -> tuple[str, int]:
    """Asset and amount that are held for this much of an order."""
    if order.side is Side.SELL:
        return market.base, remaining * market.lot
    if order.budget:
        return market.quote, remaining
    return market.quote, notional(market, order.price, remaining)


def notional(market: Market, price: int, quantity: int) -> int:
    """Quote units of this many lots at this many ticks, from the decimals that they stand for."""
    d = market.definition
    exact = Fraction(price * d.tick, 10**d.price_scale) * Fraction(quantity * d.lot, 10**d.base_scale)
    units = exact * 10**d.quote_scale
    assert units == int(units)
    return int(units)

"""The order book as one would explain it: a list of orders in the order of their arrival, searched whole each time."""

from collections.abc import Sequence
from dataclasses import dataclass

from actors.book import BookState, Fill
from actors.messages import Level, Side


@dataclass
class Order:
    order_id: int
    account: str
    side: Side
    price: int
    remaining: int


class NaiveBook:
    """Does what `actors.book.OrderBook` does, obviously right and slowly."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.touched: set[tuple[Side, int]] = set()

    def limit(self, order_id: int, account: str, side: Side, price: int, quantity: int) -> Sequence[Fill]:
        fills = self.take(side, price, quantity)
        left = quantity - sum(fill[3] for fill in fills)
        if left:
            self.orders.append(Order(order_id, account, side, price, left))
            self.touched.add((side, price))
        return fills

    def take(self, side: Side, price: int, quantity: int) -> Sequence[Fill]:
        fills = []
        for maker in self.makers(side, price):
            if quantity:
                fills.append(self.fill(maker, min(quantity, maker.remaining)))
                quantity -= fills[-1][3]
        return fills

    def take_budget(self, budget: int, notional_unit: int) -> Sequence[Fill]:
        fills = []
        for maker in self.makers(Side.BUY, 0):
            cost = maker.price * notional_unit
            if budget < cost:
                break
            fills.append(self.fill(maker, min(budget // cost, maker.remaining)))
            budget -= fills[-1][3] * cost
        return fills

    def fill(self, maker: Order, quantity: int) -> Fill:
        maker.remaining -= quantity
        self.touched.add((maker.side, maker.price))
        if maker.remaining == 0:
            self.orders.remove(maker)
        return maker.order_id, maker.account, maker.price, quantity, maker.remaining

    def cancel(self, account: str, order_id: int) -> int:
        for order in self.orders:
            if (order.account, order.order_id) == (account, order_id):
                self.orders.remove(order)
                self.touched.add((order.side, order.price))
                return order.remaining
        return 0

    def cancel_all(self, account: str) -> list[tuple[int, int]]:
        own = sorted(order.order_id for order in self.orders if order.account == account)
        return [(order_id, self.cancel(account, order_id)) for order_id in own]

    def crosses(self, side: Side, price: int) -> bool:
        return bool(self.makers(side, price))

    def available(self, side: Side, price: int, quantity: int) -> bool:
        return sum(maker.remaining for maker in self.makers(side, price)) >= quantity

    def best(self, side: Side) -> int | None:
        return next((order.price for order in self.in_priority(side)), None)

    def levels(self, side: Side, depth: int | None = None) -> list[Level]:
        prices = dict.fromkeys(order.price for order in self.in_priority(side))
        return [(price, self.total(side, price)) for price in prices][:depth]

    def drain_changes(self) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        bids = sorted((price for side, price in self.touched if side is Side.BUY), reverse=True)
        asks = sorted(price for side, price in self.touched if side is Side.SELL)
        self.touched.clear()
        return (
            tuple((price, self.total(Side.BUY, price)) for price in bids),
            tuple((price, self.total(Side.SELL, price)) for price in asks),
        )

    def snapshot(self) -> BookState:
        bids, asks = (
            tuple((order.order_id, order.account, order.price, order.remaining) for order in self.in_priority(side))
            for side in Side
        )
        return bids, asks

    @classmethod
    def restore(cls, state: BookState) -> "NaiveBook":
        book = cls()
        for side in Side:
            book.orders += [Order(order_id, account, side, *rest) for order_id, account, *rest in state[side]]
        return book

    def validate(self) -> None:
        assert all(order.remaining > 0 for order in self.orders)
        assert not any(self.crosses(order.side, order.price) for order in self.orders)

    def in_priority(self, side: Side) -> list[Order]:
        """Return a side's orders, best price first, at one price in the order of their arrival."""
        sign = -1 if side is Side.BUY else 1
        return sorted((order for order in self.orders if order.side is side), key=lambda order: sign * order.price)

    def makers(self, side: Side, price: int) -> list[Order]:
        """Return the orders that one of this side and price (0: any) may match."""
        if side is Side.BUY:
            return [maker for maker in self.in_priority(Side.SELL) if maker.price <= price or price == 0]
        return [maker for maker in self.in_priority(Side.BUY) if maker.price >= price]

    def total(self, side: Side, price: int) -> int:
        return sum(order.remaining for order in self.orders if (order.side, order.price) == (side, price))

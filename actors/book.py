"""The price-time order book of one market: pure, deterministic, exact.

Prices are in ticks and quantities in lots, both integers above zero. Inside, a bid's price is kept as
it is and an ask's negated: so the best price of either side is the largest key of its list, an incoming
order crosses when its key and the opposite best one add up to zero or more, and one class serves both
sides. A cancelled order stays in its level as a tombstone (`remaining` 0), so that a cancel moves
nobody; tombstones and what has traded are cleared away once they outnumber the living.

The caller guarantees what gateway and wallet have checked: numbers above zero that fit 63 bits, and
order ids that are used once. An account may trade with itself.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from itertools import islice

import msgspec

from actors.messages import AMOUNT_MAX, Level, Side

Fill = tuple[int, str, int, int, int]
"""Maker's order id, maker's account, price, quantity, and what remains of the maker (0: it was its last)."""

Resting = tuple[int, str, int, int]
"""Order id, account, price and remaining quantity of an order on the book."""

BookState = tuple[tuple[Resting, ...], tuple[Resting, ...]]
"""Bids and asks, each in the order in which they would match: best price first, at one price oldest first."""

_BUY = Side.BUY
_GARBAGE_MIN = 16
"""So many entries of a level may be dead before it is worth looking whether they are most of them."""


class _Order(msgspec.Struct, gc=False):
    """An order on the book. It refers to nothing that refers back, so that reference counts alone free it."""

    order_id: int
    account: str
    key: int
    remaining: int


class _PriceLevel:
    """The orders at one price, oldest first: those before `head` have traded, `tombstones` after it were cancelled."""

    __slots__ = ("head", "key", "orders", "tombstones", "total")

    def __init__(self, key: int) -> None:
        self.key = key
        """Its orders share this very integer, and those of an account the name, so that each takes less memory."""
        self.orders: list[_Order] = []
        self.head = 0
        self.tombstones = 0
        self.total = 0

    def living(self) -> list[_Order]:
        """Return the orders that are open, oldest first."""
        return [order for order in islice(self.orders, self.head, None) if order.remaining]

    def clear_garbage(self) -> None:
        """Drop the dead once they outnumber the living, which costs each of them a constant share."""
        dead = self.head + self.tombstones
        if dead > _GARBAGE_MIN and dead * 2 > len(self.orders):
            self.orders = self.living()
            self.head = self.tombstones = 0


class _BookSide:
    """All bids, or all asks."""

    __slots__ = ("changes", "keys", "levels")

    def __init__(self) -> None:
        self.levels: dict[int, _PriceLevel] = {}
        """By key; none of them is empty."""
        self.keys: list[int] = []
        """The keys of the levels, ascending: the best comes last, where a list is cheap to change."""
        self.changes: dict[int, int] = {}
        """New totals by key of the levels that changed since the last drain, 0 for those that are gone."""

    def remove(self, order: _Order) -> int:
        """Take an order out and return what remained of it."""
        key = order.key
        level = self.levels[key]
        remaining = order.remaining
        order.remaining = 0
        self.changes[key] = level.total = total = level.total - remaining
        if total:
            level.tombstones += 1
            level.clear_garbage()
        else:
            del self.levels[key]
            del self.keys[bisect_left(self.keys, key)]
        return remaining

    def best_first(self, depth: int | None = None) -> list[Level]:
        """Return price and total of the best `depth` levels (None: of all)."""
        levels = self.levels
        return [(abs(key), levels[key].total) for key in islice(reversed(self.keys), depth)]

    def drain_changes(self) -> tuple[Level, ...]:
        """Return the changes, best first, and start to collect anew."""
        changes = self.changes
        self.changes = {}
        return tuple([(abs(key), changes[key]) for key in sorted(changes, reverse=True)])

    def snapshot(self) -> tuple[Resting, ...]:
        """Return the orders as they would match."""
        return tuple(
            [
                (order.order_id, order.account, abs(key), order.remaining)
                for key in reversed(self.keys)
                for order in self.levels[key].living()
            ]
        )


class OrderBook:
    """The orders of one market that wait for their match."""

    __slots__ = ("_asks", "_bids", "_open")

    def __init__(self) -> None:
        self._bids = _BookSide()
        self._asks = _BookSide()
        self._open: dict[str, tuple[str, dict[int, _Order]]] = {}
        """By account its name, and its orders on the book by id; an account without any is not in it."""

    def limit(self, order_id: int, account: str, side: Side, price: int, quantity: int) -> Sequence[Fill]:
        """Match up to `quantity` at `price` or better, queue the rest at `price`; return the fills in their order."""
        if side is _BUY:
            own, opposite, key = self._bids, self._asks, price
        else:
            own, opposite, key = self._asks, self._bids, -price
        fills: Sequence[Fill] = ()
        keys = opposite.keys
        if keys and keys[-1] + key >= 0:
            fills, quantity = self._match(opposite, -key, quantity)
            if not quantity:
                return fills
        self._rest(own, order_id, account, key, quantity)
        return fills

    def take(self, side: Side, price: int, quantity: int) -> Sequence[Fill]:
        """Match up to `quantity` at `price` or better (0: at any price) and return the fills; nothing rests."""
        return self._match(*self._opposite(side, price), quantity)[0]

    def take_budget(self, budget: int, notional_unit: int) -> Sequence[Fill]:
        """Buy at each price as many whole lots as the rest of the budget affords, and return the fills.

        Both are in smallest units of the quote asset; one lot costs `notional_unit` a tick.
        """
        fills: list[Fill] = []
        asks = self._asks
        while asks.keys:
            key = asks.keys[-1]
            cost = -key * notional_unit
            lots = min(budget // cost, asks.levels[key].total)
            if lots == 0:
                break
            self._fill(asks, key, lots, fills)
            budget -= lots * cost
        return fills

    def cancel(self, account: str, order_id: int) -> int:
        """Take an order off the book and return what remained of it, 0 when the account has no such order open."""
        entry = self._open.get(account)
        if entry is None:
            return 0
        orders = entry[1]
        order = orders.pop(order_id, None)
        if order is None:
            return 0
        if not orders:
            del self._open[account]
        return (self._bids if order.key > 0 else self._asks).remove(order)

    def cancel_all(self, account: str) -> list[tuple[int, int]]:
        """Take all orders of an account off the book; return ids and what remained, the smallest id first."""
        _, orders = self._open.get(account, (account, {}))
        return [(order_id, self.cancel(account, order_id)) for order_id in sorted(orders)]

    def crosses(self, side: Side, price: int) -> bool:
        """Say whether an order at this price would match at once."""
        opposite, worst = self._opposite(side, price)
        return bool(opposite.keys) and opposite.keys[-1] >= worst

    def available(self, side: Side, price: int, quantity: int) -> bool:
        """Say whether all of `quantity` would match at once at `price` or better (0: at any price)."""
        opposite, worst = self._opposite(side, price)
        for key in reversed(opposite.keys):
            if quantity <= 0 or key < worst:
                break
            quantity -= opposite.levels[key].total
        return quantity <= 0

    def best(self, side: Side) -> int | None:
        """Return the best price of the bids (BUY) or asks (SELL), None when there are none."""
        keys = self._side(side).keys
        return abs(keys[-1]) if keys else None

    def levels(self, side: Side, depth: int | None = None) -> list[Level]:
        """Return price and total of the best `depth` levels of a side (None: of all), best first."""
        return self._side(side).best_first(depth)

    def drain_changes(self) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return the bids and asks that changed since the last call with their new totals, best first.

        A total of 0 is a level that is gone; it may have come since the last call as well.
        """
        return self._bids.drain_changes(), self._asks.drain_changes()

    def snapshot(self) -> BookState:
        """Return all orders on the book: equal for equal books, whatever way they came about."""
        return self._bids.snapshot(), self._asks.snapshot()

    @classmethod
    def restore(cls, state: BookState) -> "OrderBook":
        """Return the book of which this is the snapshot; nothing counts as changed in it."""
        book = cls()
        for side, sign, orders in ((book._bids, 1, state[0]), (book._asks, -1, state[1])):
            for order_id, account, price, remaining in orders:
                book._rest(side, order_id, account, sign * price, remaining)
            side.changes.clear()
        return book

    def validate(self) -> None:
        """Check that the book agrees with itself.

        Raises:
            AssertionError: It does not; the text says what is wrong. It is a bug of this module.

        """
        on_levels = {}
        for side in (self._bids, self._asks):
            assert side.keys == sorted(side.levels), "the list of keys is not that of the levels"
            for key, level in side.levels.items():
                assert (key > 0) == (side is self._bids), f"key {key} is on the wrong side"
                living = level.living()
                assert level.total == sum(order.remaining for order in living) > 0, f"total at {key} is wrong"
                assert all(order.key == key and order.remaining > 0 for order in living), f"order misplaced at {key}"
                dead = len(level.orders) - len(living)
                assert dead == level.head + level.tombstones, f"the dead at {key} are miscounted"
                assert dead <= max(_GARBAGE_MIN, len(living)), f"garbage at {key} is not cleared away"
                on_levels.update({order.order_id: order for order in living})
        bid, ask = self.best(Side.BUY), self.best(Side.SELL)
        assert bid is None or ask is None or bid < ask, f"the book is crossed: bid {bid}, ask {ask}"
        assert all(orders for _, orders in self._open.values()), "an account without orders is kept"
        indexed = {order_id: order for _, orders in self._open.values() for order_id, order in orders.items()}
        assert indexed == on_levels, "the index of open orders is not what rests on the levels"
        assert all(order_id in self._open[order.account][1] for order_id, order in indexed.items()), "wrong account"

    def _side(self, side: Side) -> _BookSide:
        return self._bids if side is _BUY else self._asks

    def _opposite(self, side: Side, price: int) -> tuple[_BookSide, int]:
        """Return the side against which an order matches, and the worst key that it accepts there."""
        if side is _BUY:
            return self._asks, -(price or AMOUNT_MAX)
        return self._bids, price

    def _rest(self, side: _BookSide, order_id: int, account: str, key: int, quantity: int) -> None:
        """Queue an order behind all others of its price."""
        level = side.levels.get(key)
        if level is None:
            level = side.levels[key] = _PriceLevel(key)
            insort(side.keys, key)
        entry = self._open.get(account)
        if entry is None:
            entry = self._open[account] = (account, {})
        account, orders = entry
        orders[order_id] = order = _Order(order_id, account, level.key, quantity)
        level.orders.append(order)
        side.changes[key] = level.total = level.total + quantity

    def _match(self, opposite: _BookSide, worst: int, quantity: int) -> tuple[list[Fill], int]:
        """Match against the levels down to the key `worst`; return the fills and the quantity left over."""
        fills: list[Fill] = []
        keys = opposite.keys
        levels = opposite.levels
        while quantity and keys and (key := keys[-1]) >= worst:
            lots = min(levels[key].total, quantity)
            self._fill(opposite, key, lots, fills)
            quantity -= lots
        return fills, quantity

    def _fill(self, opposite: _BookSide, key: int, quantity: int, fills: list[Fill]) -> None:
        """Match `quantity`, which is above zero and no more than what rests there, at the side's best level."""
        level = opposite.levels[key]
        opposite.changes[key] = level.total = total = level.total - quantity
        price = abs(key)
        orders = level.orders
        place = level.head
        while quantity:
            maker = orders[place]
            order_id = maker.order_id
            account = maker.account
            remaining = maker.remaining
            if remaining > quantity:
                maker.remaining = remaining = remaining - quantity
                fills.append((order_id, account, price, quantity, remaining))
                break
            place += 1
            if remaining:
                quantity -= remaining
                fills.append((order_id, account, price, remaining, 0))
                _, own = self._open[account]
                del own[order_id]
                if not own:
                    del self._open[account]
            else:
                level.tombstones -= 1
        if total:
            level.head = place
            level.clear_garbage()
        else:
            opposite.keys.pop()
            del opposite.levels[key]

"""Whatever is done to it, the fast book does what the naive one does, and agrees with itself."""

import hashlib

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.book import OrderBook
from actors.messages import Side
from tests.reference.book import NaiveBook

ACCOUNTS = st.sampled_from(["ann", "bob", "cat"])
SIDES = st.sampled_from(Side)
PRICES = st.integers(95, 105)
QUANTITIES = st.integers(1, 12)


def state_hash(book: OrderBook | NaiveBook) -> str:
    return hashlib.sha256(msgspec.json.encode(book.snapshot())).hexdigest()


class BookMachine(RuleBasedStateMachine):
    @initialize()
    def start_empty(self) -> None:
        self.fast = OrderBook()
        self.naive = NaiveBook()
        self.last_id = 0

    @rule(account=ACCOUNTS, side=SIDES, price=PRICES, quantity=QUANTITIES)
    def limit(self, account: str, side: Side, price: int, quantity: int) -> None:
        self.last_id += 1
        order = (self.last_id, account, side, price, quantity)
        assert list(self.fast.limit(*order)) == list(self.naive.limit(*order))

    @rule(account=ACCOUNTS, side=SIDES, price=PRICES, count=st.integers(10, 60))
    def many_limits(self, account: str, side: Side, price: int, count: int) -> None:
        for _ in range(count):
            self.limit(account, side, price, 1)

    @rule(side=SIDES, price=st.just(0) | PRICES, quantity=st.integers(1, 80))
    def take(self, side: Side, price: int, quantity: int) -> None:
        possible = self.fast.available(side, price, quantity)
        assert possible == self.naive.available(side, price, quantity)
        fills = list(self.fast.take(side, price, quantity))
        assert fills == list(self.naive.take(side, price, quantity))
        assert possible == (sum(fill[3] for fill in fills) == quantity)

    @rule(budget=st.integers(1, 20_000), unit=st.integers(1, 3))
    def take_budget(self, budget: int, unit: int) -> None:
        fills = list(self.fast.take_budget(budget, unit))
        assert fills == list(self.naive.take_budget(budget, unit))
        assert sum(price * quantity * unit for _, _, price, quantity, _ in fills) <= budget

    @rule(account=ACCOUNTS, data=st.data())
    def cancel_any_id(self, account: str, data: st.DataObject) -> None:
        order_id = data.draw(st.integers(1, self.last_id + 1))
        assert self.fast.cancel(account, order_id) == self.naive.cancel(account, order_id)

    @precondition(lambda self: self.naive.orders)
    @rule(data=st.data())
    def cancel_open_order(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self.naive.orders))
        assert self.fast.cancel(order.account, order.order_id) == order.remaining
        self.naive.cancel(order.account, order.order_id)

    @rule(side=SIDES)
    def cancel_who_is_next(self, side: Side) -> None:
        for order in self.naive.in_priority(side)[:1]:
            assert self.fast.cancel(order.account, order.order_id) == order.remaining
            self.naive.cancel(order.account, order.order_id)

    @rule(step=st.integers(2, 5))
    def cancel_all_but_every_nth(self, step: int) -> None:
        for place, order in enumerate(list(self.naive.orders)):
            if place % step:
                assert self.fast.cancel(order.account, order.order_id) == order.remaining
                self.naive.cancel(order.account, order.order_id)

    @rule(account=ACCOUNTS)
    def cancel_all(self, account: str) -> None:
        assert self.fast.cancel_all(account) == self.naive.cancel_all(account)

    @rule()
    def drain(self) -> None:
        assert self.fast.drain_changes() == self.naive.drain_changes()

    @rule()
    def restore(self) -> None:
        self.drain()
        self.fast = OrderBook.restore(self.fast.snapshot())

    @invariant()
    def the_fast_book_agrees_with_itself(self) -> None:
        self.fast.validate()

    @invariant()
    def both_show_the_same(self) -> None:
        for side in Side:
            assert self.fast.best(side) == self.naive.best(side)
            assert self.fast.levels(side) == self.naive.levels(side)
            assert self.fast.levels(side, 2) == self.naive.levels(side, 2)
            assert self.fast.crosses(side, 100) == self.naive.crosses(side, 100)
        assert state_hash(self.fast) == state_hash(self.naive)


TestBookMachine = BookMachine.TestCase
TestBookMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)

"""The map of orders that a tracker keeps and queries read: by id, by account and by client order id."""

from collections import deque

import msgspec

from actors.accounts import Account
from actors.messages import OrderCreateEvent, OrderType
from actors.status import OrderRecord, OrderStatus, status_of

SCAN_ORDERS_MAX = 10_000
"""Most orders that one page is sought among, so that a rare filter does not hold up whoever reads."""


def is_same_order(asked: OrderCreateEvent, known: OrderCreateEvent) -> bool:
    """Whether an order under a known client order id is the first one again: as the client sent it."""
    return (
        asked.market == known.market
        and asked.side == known.side
        and asked.type == known.type
        and asked.time_in_force == known.time_in_force
        and asked.post_only == known.post_only
        and asked.quantity == known.quantity
        and asked.budget == known.budget
        # A market order's protection price is not the client's: the gateway takes it from the book of the moment.
        and (asked.price == known.price or asked.type == OrderType.MARKET)
    )


class OrderPage(msgspec.Struct, frozen=True):
    """Some of an account's orders, newest first."""

    orders: list[OrderRecord]
    before: int | None
    """Goes on with the next page when it is given as `before`; None when there is none.

    A page may have fewer orders than asked for, even none, and still be followed by another.
    """


class OrderMap:
    """Orders, of which the newest `settled_max` settled ones are kept and all others.

    One thread changes it; another may call the functions under *Reads*, see `actors/tracker.py`.
    """

    __slots__ = ("_settled", "_settled_max", "accounts", "records")

    records: dict[int, OrderRecord]
    accounts: dict[str, Account]
    """Accounts with orders here."""

    def __init__(self, settled_max: int) -> None:
        self.records = {}
        self.accounts = {}
        self._settled: deque[int] = deque()
        self._settled_max = settled_max

    # Reads

    def by_client_id(self, account: str, client_order_id: str) -> OrderRecord | None:
        """Return the account's order with this client order id."""
        known = self.accounts.get(account)
        order_id = known.by_client_id.get(client_order_id) if known is not None else None
        return self.records.get(order_id) if order_id is not None else None

    def page(
        self, account: str, status: OrderStatus | None, market: str | None, limit: int, before: int | None
    ) -> OrderPage:
        """Return up to `limit` orders of the account that are older than the order id `before`, newest first."""
        found: list[OrderRecord] = []
        known = self.accounts.get(account)
        if known is None:
            return OrderPage(found, None)
        latest = None
        for scanned, order_id in enumerate(known.newest_first(before)):
            if len(found) == limit or scanned == SCAN_ORDERS_MAX:
                return OrderPage(found, latest)
            latest = order_id
            record = self.records.get(order_id)
            if (
                record is not None
                and (market is None or record.order.market == market)
                and (status is None or status_of(record) is status)
            ):
                found.append(record)
        return OrderPage(found, None)

    @property
    def settled(self) -> int:
        """Number of orders kept of which nothing more can come."""
        return len(self._settled)

    # Changes

    def add(self, account: Account, order: OrderCreateEvent) -> OrderRecord:
        """Add an order, newer than all others of its account."""
        order_id = order.order_id
        record = self.records[order_id] = OrderRecord(order)
        account.add(order_id)
        account.open_orders += 1
        if order.client_order_id:
            account.by_client_id[order.client_order_id] = order_id
        return record

    def settle(self, order_id: int) -> None:
        """Let a settled order take the place of the one that settled longest ago."""
        settled = self._settled
        settled.append(order_id)
        while len(settled) > self._settled_max:
            order = self.records.pop(settled.popleft()).order
            if self.accounts[order.account].forget(order.client_order_id, self.records):
                del self.accounts[order.account]

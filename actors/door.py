"""The door: which commands may become input at all. It stands in front of the journal.

What it decides depends on configuration and on how the venue is doing, so none of it may be decided by the
tracker, which must come to the same state when its input is replayed under other limits. The engine asks the
door for each command of its own process before it journals the batch.
"""

from collections.abc import Callable, Container
from typing import Any

import msgspec

from actors.answers import Refusal
from actors.messages import DepositEvent, OrderCancelAllEvent, OrderCancelEvent, OrderCreateEvent, WithdrawEvent
from actors.status import ASKED, is_final
from actors.tracker import Tracker
from actors.transfers import TransferRequest

RETRY_AFTER_S = 1
"""How long a client waits for room or for a peer; what is in flight usually takes far less."""


class DoorLimits(msgspec.Struct, frozen=True):
    """The named maxima of the door; each is at least 1."""

    in_flight_max: int = 10_000
    """Most orders in flight through one wallet to one matcher; cancels and transfers have as much room each."""
    open_orders_max: int = 10_000
    """Most open orders of one account, from acceptance on."""

    def __post_init__(self) -> None:
        """Refuse limits that would let nothing in."""
        if min(self.in_flight_max, self.open_orders_max) < 1:
            raise ValueError("in_flight_max and open_orders_max must be at least 1")


class Door:
    """Admits commands while there is room, which is what the limits leave beside what is in flight.

    What changes nothing is always admitted: a command that comes again, and one that the tracker itself refuses.
    """

    def __init__(self, limits: DoorLimits, tracker: Tracker) -> None:
        self.closed: Refusal | None = None
        """What is answered while nothing new is let in, such as the code `closing`; None while the door is open."""
        self.away: Container[str] = frozenset()
        """Names of wallets and matchers that are dead or congested; looked at once for each batch."""
        self._limits = limits
        self._tracker = tracker
        self._wallet_names = tracker.topology.wallet_names
        self._matcher_names = tracker.topology.matcher_names
        self._open_orders_room: dict[str, int] = {}
        """By account, for those that this batch has asked about."""
        self._room = tracker.in_flight.room(limits.in_flight_max)
        self._away_now: frozenset[str] = frozenset()
        self._batch = -1
        self._admissions: dict[type, Callable[[Any], Refusal | None]] = {
            OrderCreateEvent: self._admit_order,
            OrderCancelEvent: self._admit_cancel,
            OrderCancelAllEvent: self._admit_cancel_all,
            DepositEvent: self._admit_transfer,
            WithdrawEvent: self._admit_transfer,
        }

    def admit(self, message: Any) -> Refusal | None:
        """Return why a command must not become input now, or None when it may.

        Codes: that of `closed`, `unavailable`, `too_many_in_flight`, `too_many_open_orders`.
        """
        if self._batch != self._tracker.batches:
            self._begin_batch()
        admission = self._admissions.get(type(message))
        return None if admission is None else admission(message)

    def _begin_batch(self) -> None:
        """Look once at how things are; room is then used up by what is admitted.

        The tracker's own counts follow one by one or all at the end, depending on when the engine journals.
        """
        self._batch = self._tracker.batches
        self._room = self._tracker.in_flight.room(self._limits.in_flight_max)
        self._open_orders_room.clear()
        names = (*self._wallet_names, *self._matcher_names)
        self._away_now = frozenset(name for name in names if name in self.away)

    def _admit_order(self, order: OrderCreateEvent) -> Refusal | None:
        tracker = self._tracker
        name = order.account
        account = tracker.account(name)
        market = tracker.market(order.market)
        if market is None or (account is not None and order.client_order_id in account.by_client_id):
            return None
        open_orders_room = self._open_orders_room.get(name)
        if open_orders_room is None:
            open_orders_room = self._limits.open_orders_max - (account.open_orders if account is not None else 0)
        if open_orders_room < 1:
            return self.closed or _too_many_open_orders(self._limits.open_orders_max)
        wallet = account.wallet if account is not None else tracker.topology.wallet_of(name)
        refusal = self._enter(wallet, market.definition.matcher, self._room.orders)
        if refusal is None:
            self._open_orders_room[name] = open_orders_room - 1
        return refusal

    def _admit_cancel(self, cancel: OrderCancelEvent) -> Refusal | None:
        record = self._tracker.order(cancel.order_id)
        if record is None or record.order.account != cancel.account or is_final(record) or record.cancel == ASKED:
            return None
        return self._enter_cancel(record.order.account, record.order.market)

    def _admit_cancel_all(self, cancel: OrderCancelAllEvent) -> Refusal | None:
        if self._tracker.covers_cancel_all(cancel.account, cancel.market):
            return None
        return self._enter_cancel(cancel.account, cancel.market)

    def _enter_cancel(self, account: str, symbol: str) -> Refusal | None:
        tracker = self._tracker
        market = tracker.market(symbol)
        if market is None:
            return None
        wallet = tracker.topology.wallet_of(account)
        return self._enter(wallet, market.definition.matcher, self._room.cancels)

    def _admit_transfer(self, request: TransferRequest) -> Refusal | None:
        tracker = self._tracker
        if tracker.transfer(request.account, request.transfer_id) is not None:
            return None
        wallet = tracker.topology.wallet_of(request.account)
        room = self._room.transfers
        name = self._wallet_names[wallet]
        refusal = self.closed or self._absence(name) or self._crowd(name, room[wallet])
        if refusal is None:
            room[wallet] -= 1
        return refusal

    def _enter(self, wallet: int, matcher: int, room: list[list[int]]) -> Refusal | None:
        """Take room on the road through a wallet to a matcher, or say why there is none."""
        first, last = self._wallet_names[wallet], self._matcher_names[matcher]
        refusal = (
            self.closed
            or self._absence(first)
            or self._absence(last)
            or self._crowd(f"{first} to {last}", room[wallet][matcher])
        )
        if refusal is None:
            room[wallet][matcher] -= 1
        return refusal

    def _absence(self, name: str) -> Refusal | None:
        """Return the refusal for an actor that takes nothing at present."""
        if name in self._away_now:
            return Refusal("unavailable", f"{name} cannot take anything just now; try again", RETRY_AFTER_S)
        return None

    def _crowd(self, road: str, room: int) -> Refusal | None:
        """Return the refusal for a road on which there is no room."""
        if room < 1:
            detail = f"{self._limits.in_flight_max} are on their way through {road} already; try again"
            return Refusal("too_many_in_flight", detail, RETRY_AFTER_S)
        return None


def _too_many_open_orders(most: int) -> Refusal:
    return Refusal("too_many_open_orders", f"the account has {most} open orders, as many as it may; cancel some")

"""The life of an order: what has become known of it, and what may be seen of that.

PENDING → CREATED → PARTIALLY_MATCHED → MATCHED, with REJECTED (from PENDING) and CANCELLED (from CREATED
or PARTIALLY_MATCHED). Wallet and matcher report over different lanes, so their events arrive in any order:
a record keeps whatever has come, and the functions that read it show only what the design's order of
events allows. The same set of events gives the same view whatever the order, and a status never goes back.

Every event comes once in effect, as lanes promise; one that comes twice is a bug, and asserted against.
"""

from enum import StrEnum
from typing import Final, Literal

import msgspec

from actors.messages import (
    OrderCancelledEvent,
    OrderCreatedEvent,
    OrderCreateEvent,
    OrderMatchedEvent,
    OrderPlacedEvent,
    OrderRejectedEvent,
    Party,
    Reason,
)

ASKED: Final = "asked"
"""`OrderRecord.cancel` while a cancel is on its way."""
_NOT_PLACED: Final = -1


class OrderStatus(StrEnum):
    """How far an order has come, as the API says it."""

    PENDING = "PENDING"
    CREATED = "CREATED"
    PARTIALLY_MATCHED = "PARTIALLY_MATCHED"
    MATCHED = "MATCHED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"


class Fill(msgspec.Struct, frozen=True, gc=False):
    """This order's half of a trade: price in ticks, quantity in lots, fee rate, role, time.

    An order keeps this rather than the event, which is three times as large and names the counterparty.
    """

    trade_id: int
    price: int
    quantity: int
    fee_ppm: int
    is_maker: bool
    time: int


Fills = tuple[Fill, "Fills"] | None
"""Fills as a linked list, the latest first: one more costs the same however many there are.

The links are tuples, because freeing a long chain of structs without garbage collection overflows the stack.
"""


class OrderRecord(msgspec.Struct, frozen=True, gc=False):
    """All that is known of an order; replaced whole at each event, since another thread reads it.

    Read what a client may see by the functions below: a trade can be here before the approval.
    """

    order: OrderCreateEvent
    locked_asset: str = ""
    """What the wallet froze; empty until the approval is here."""
    locked_amount: int = 0
    created_at: int = 0
    """When the wallet approved; 0 before."""
    matched_quantity: int = 0
    """Sum over `fills`, in lots."""
    fills: Fills = None
    placed_quantity: int = _NOT_PLACED
    """Lots that matched on arrival, as OrderPlacedEvent says; -1 until the matcher has finished with the order."""
    end: OrderRejectedEvent | OrderCancelledEvent | Fill | None = None
    """What ended the order: a rejection, a cancellation, or the trade that was its last."""
    cancel: Reason | Literal["", "asked"] = ""
    """`ASKED` while a cancel is on its way, else why the latest one was refused, if one was."""
    version: int = 1
    """Number of events that made this record."""


def created(record: OrderRecord, event: OrderCreatedEvent, locked_asset: str, created_at: int) -> OrderRecord:
    """Add the approval; asset and time are the event's, as objects that many records may share."""
    assert not record.locked_asset, "an order is approved once"
    return OrderRecord(
        record.order,
        locked_asset,
        event.locked_amount,
        created_at,
        record.matched_quantity,
        record.fills,
        record.placed_quantity,
        record.end,
        record.cancel,
        record.version + 1,
    )


def matched(record: OrderRecord, event: OrderMatchedEvent, party: Party) -> OrderRecord:
    """Add this party's half of a trade; `party` is the event's maker or taker."""
    order = record.order
    quantity = record.matched_quantity + event.quantity
    assert quantity <= order.quantity or order.budget, "an order does not match more than its quantity"
    fill = Fill(event.trade_id, event.price, event.quantity, party.fee_ppm, party is event.maker, event.time)
    return OrderRecord(
        order,
        record.locked_asset,
        record.locked_amount,
        record.created_at,
        quantity,
        (fill, record.fills),
        record.placed_quantity,
        fill if party.done else record.end,
        record.cancel,
        record.version + 1,
    )


def placed(record: OrderRecord, event: OrderPlacedEvent) -> OrderRecord:
    """Note that the matcher has finished with the incoming order."""
    assert record.placed_quantity == _NOT_PLACED, "an order is placed once"
    return OrderRecord(
        record.order,
        record.locked_asset,
        record.locked_amount,
        record.created_at,
        record.matched_quantity,
        record.fills,
        event.matched_quantity,
        record.end,
        record.cancel,
        record.version + 1,
    )


def ended(record: OrderRecord, event: OrderRejectedEvent | OrderCancelledEvent) -> OrderRecord:
    """Add the rejection or the cancellation."""
    assert record.end is None, "an order ends once"
    return OrderRecord(
        record.order,
        record.locked_asset,
        record.locked_amount,
        record.created_at,
        record.matched_quantity,
        record.fills,
        record.placed_quantity,
        event,
        record.cancel,
        record.version + 1,
    )


def with_cancel(record: OrderRecord, cancel: Reason | Literal["asked"]) -> OrderRecord:
    """Note that a cancel is on its way, or why it was refused."""
    return OrderRecord(
        record.order,
        record.locked_asset,
        record.locked_amount,
        record.created_at,
        record.matched_quantity,
        record.fills,
        record.placed_quantity,
        record.end,
        cancel,
        record.version + 1,
    )


def is_final(record: OrderRecord) -> bool:
    """Whether the order is seen to be MATCHED, CANCELLED or REJECTED: no event changes its status any more."""
    end = record.end
    if end is None:
        return False
    if type(end) is OrderRejectedEvent:
        return True
    if not record.locked_asset:
        return False
    # The end may be here before a trade that it counts on. A budget says nothing about lots, but such an
    # order never rests, so that its trades are complete when they are those of its arrival.
    order = record.order
    if order.budget:
        return record.matched_quantity == record.placed_quantity
    remaining = end.remaining if type(end) is OrderCancelledEvent else 0
    return record.matched_quantity + remaining == order.quantity


def is_settled(record: OrderRecord) -> bool:
    """Whether no event can come any more but a refused cancel: only then may the order be forgotten."""
    return is_final(record) and (record.placed_quantity != _NOT_PLACED or type(record.end) is OrderRejectedEvent)


def status_of(record: OrderRecord) -> OrderStatus:
    """Return the status that follows from what is known."""
    if is_final(record):
        end = record.end
        if type(end) is OrderCancelledEvent:
            return OrderStatus.CANCELLED
        return OrderStatus.REJECTED if type(end) is OrderRejectedEvent else OrderStatus.MATCHED
    if not record.locked_asset:
        return OrderStatus.PENDING
    return OrderStatus.PARTIALLY_MATCHED if record.fills else OrderStatus.CREATED


def reason_of(record: OrderRecord) -> Reason | None:
    """Return why the order was rejected or cancelled; None when it was not (or is not seen to be)."""
    end = record.end
    return end.reason if is_final(record) and not isinstance(end, Fill | None) else None


def matched_of(record: OrderRecord) -> int:
    """Return the matched quantity in lots; 0 before the approval."""
    return record.matched_quantity if record.locked_asset else 0


def remaining_of(record: OrderRecord) -> int | None:
    """Return the lots that have not matched; None for an order by budget, which asks for no quantity."""
    return None if record.order.budget else record.order.quantity - matched_of(record)


def fills_of(record: OrderRecord) -> list[Fill]:
    """Return the fills in the order of their trade ids; none before the approval."""
    found: list[Fill] = []
    link = record.fills if record.locked_asset else None
    while link is not None:
        fill, link = link
        found.append(fill)
    found.sort(key=_trade_id)
    return found


def _trade_id(fill: Fill) -> int:
    return fill.trade_id


def traded_value_of(record: OrderRecord) -> int:
    """Return the sum of price × quantity in ticks × lots; by `matched_of` it is the average price in ticks."""
    return sum(fill.price * fill.quantity for fill in fills_of(record))


def history_of(record: OrderRecord) -> list[tuple[OrderStatus, int]]:
    """Return each status that the order has had, with its time in microseconds.

    CREATED has the time of the approval, PARTIALLY_MATCHED that of the first trade, and a final status
    that of what ended the order. An order that its only trade fills was never PARTIALLY_MATCHED.
    """
    history = [(OrderStatus.PENDING, record.order.time)]
    end = record.end if is_final(record) else None
    if record.locked_asset:
        history.append((OrderStatus.CREATED, record.created_at))
        fills = fills_of(record)
        if fills and fills[0] is not end:
            history.append((OrderStatus.PARTIALLY_MATCHED, fills[0].time))
    if end is not None:
        history.append((status_of(record), end.time))
    return history


def updated_at_of(record: OrderRecord) -> int:
    """Return the time of the latest change that can be seen, in microseconds."""
    if record.end is not None and is_final(record):
        return record.end.time
    fills = fills_of(record)
    if fills:
        return fills[-1].time
    return record.created_at if record.locked_asset else record.order.time

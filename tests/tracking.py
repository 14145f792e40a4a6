"""Short ways to say what a tracker hears; BTC-USDT, whose book matcher 0 keeps, unless a test says otherwise."""

from typing import Any

import msgspec

from actors.answers import Accepted, Refusal
from actors.engine.behaviour import Outgoing
from actors.messages import (
    MarketDefinedEvent,
    OrderCancelEvent,
    OrderCancelledEvent,
    OrderCreatedEvent,
    OrderCreateEvent,
    OrderMatchedEvent,
    OrderPlacedEvent,
    OrderRejectedEvent,
    OrderType,
    Party,
    Reason,
    Side,
    TimeInForce,
)
from actors.status import OrderRecord
from actors.topology import Topology
from actors.tracker import Tracker

BTC_USDT = MarketDefinedEvent("BTC-USDT", "BTC", "USDT", 8, 8, 2, 1, 1_000, 100_000_000, 1_000, 2_000, 50_000, 0)
ETH_USDT = msgspec.structs.replace(BTC_USDT, market="ETH-USDT", base="ETH")
NOW = 1_800_000_000_000_000
STRANGER = 7
"""An order id that no tracker of these tests has given: its own gateway's, but from 2025."""


def limit(quantity: int = 10, account: str = "anna", **changes: Any) -> OrderCreateEvent:
    """Build a limit buy as it comes from the gateway, or what the changes make of it."""
    order = OrderCreateEvent(
        0, account, "BTC-USDT", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, False, 100, quantity, 0, "", 0
    )
    return msgspec.structs.replace(order, **changes)


def by_budget(budget: int = 5_000, account: str = "anna", **changes: Any) -> OrderCreateEvent:
    """Build a market buy for a budget."""
    market = {"type": OrderType.MARKET, "time_in_force": TimeInForce.IOC, "price": 0, "budget": budget}
    return limit(0, account, **(market | changes))


def approval(order: OrderCreateEvent, time: int = NOW + 10) -> OrderCreatedEvent:
    """Build the wallet's approval of an order."""
    if order.side == Side.BUY:
        return OrderCreatedEvent(order, "USDT", order.budget or order.price * order.quantity * 10, time)
    return OrderCreatedEvent(order, "BTC", order.quantity * 1_000, time)


def rejection(order_id: int, time: int = NOW + 10) -> OrderRejectedEvent:
    """Build the wallet's refusal of an order."""
    return OrderRejectedEvent(order_id, Reason.INSUFFICIENT_FUNDS, time)


def placement(order_id: int, matched: int = 0, resting: int = 0) -> OrderPlacedEvent:
    """Build the matcher's word that it has finished with an incoming order."""
    return OrderPlacedEvent(order_id, matched, resting, NOW + 30)


def cancellation(order_id: int, remaining: int, reason: Reason = Reason.USER) -> OrderCancelledEvent:
    """Build the end of an order without a final trade."""
    return OrderCancelledEvent(order_id, remaining, reason, NOW + 40)


def cancel(order_id: int, account: str = "anna") -> OrderCancelEvent:
    """Build a cancel as it comes from the gateway."""
    return OrderCancelEvent(order_id, account, "BTC-USDT", 0)


def trade(number: int, order_id: int, quantity: int, *, done: bool = False, **changes: Any) -> OrderMatchedEvent:
    """Build trade `number` of an order that takes from an unknown maker."""
    maker = Party(1 << 20 | 0xF00, "maker", 1_000, 0, True)
    taker = Party(order_id, "anna", 2_000, 0, done)
    event = OrderMatchedEvent(number, "BTC-USDT", 90 + number, quantity, maker, taker, Side.BUY, NOW + 20 + number)
    return msgspec.structs.replace(event, **changes)


class Venue:
    """A tracker that knows two markets, and what it sends."""

    def __init__(
        self, topology: Topology | None = None, gateway: int = 0, finished_max: int = 1_000, transfers_max: int = 1_000
    ) -> None:
        self.outgoing = Outgoing()
        self.topology = topology or Topology()
        self.tracker = Tracker(gateway, self.topology, self.outgoing, finished_max, transfers_max)
        self.tell(BTC_USDT)
        self.tell(msgspec.structs.replace(ETH_USDT, matcher=self.topology.matchers - 1))
        self.sent()

    def tell(self, message: Any, now: int = NOW) -> Any:
        """Let the tracker handle a message and return its answer."""
        return self.tracker.handlers[type(message)](message, now)

    def sent(self) -> dict[str, list[Any]]:
        """Return what was sent since one last looked, by receiver."""
        sent = {receiver: list(messages) for receiver, messages in self.outgoing.lanes.items() if messages}
        for messages in self.outgoing.lanes.values():
            messages.clear()
        return sent

    def accept(self, message: Any, now: int = NOW) -> Any:
        """Let the tracker handle a message that it must accept, and return the record."""
        answer = self.tell(message, now)
        assert isinstance(answer, Accepted), answer
        return answer.record

    def refuse(self, message: Any, now: int = NOW) -> str:
        """Let the tracker handle a message that it must refuse without sending anything, and return the code."""
        self.sent()
        answer = self.tell(message, now)
        assert isinstance(answer, Refusal), answer
        assert self.sent() == {}
        return answer.code

    def place(self, order: OrderCreateEvent | None = None, now: int = NOW) -> int:
        """Let the tracker accept a new order and return its id."""
        record = self.accept(order or limit(), now)
        assert isinstance(record, OrderRecord)
        return record.order.order_id

    def order(self, order_id: int) -> OrderRecord:
        """Return an order that is known."""
        record = self.tracker.order(order_id)
        assert record is not None
        return record

    def approve(self, order_id: int) -> None:
        """Let the wallet approve an order."""
        self.tell(approval(self.order(order_id).order))

    def rest(self, order: OrderCreateEvent | None = None, now: int = NOW) -> int:
        """Bring an order onto the book and return its id."""
        order_id = self.place(order, now)
        self.approve(order_id)
        self.tell(placement(order_id, resting=self.order(order_id).order.quantity))
        return order_id

    def finish(self, order: OrderCreateEvent | None = None, now: int = NOW) -> int:
        """Bring an order to its settled end, by a rejection, and return its id."""
        order_id = self.place(order, now)
        self.tell(rejection(order_id))
        return order_id

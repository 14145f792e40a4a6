import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from actors.answers import Accepted, Refusal
from actors.door import Door, DoorLimits
from actors.engine.core import ActorStatus
from actors.engine.errors import ActorStopped, AskTimeout, EngineError, PeerAway
from actors.engine.port import Port
from actors.messages import (
    AMOUNT_MAX,
    Balances,
    BookSnapshot,
    CancelAllDoneEvent,
    CancelRejectedEvent,
    DepositedEvent,
    DepositEvent,
    OrderCreateEvent,
    OrderType,
    Reason,
    TimeInForce,
)
from actors.topology import Topology
from gateway.books import Books
from gateway.desk import Desk
from gateway.problems import Problem
from tests.tracking import NOW, Venue, approval, cancellation, limit, placement, rejection, trade

Coming = Callable[[OrderCreateEvent], Any]
"""Makes an event about the order that was placed last."""


class Wire:
    """Stands where the port is, before a real tracker; what wallets and matchers say comes when it is waited for."""

    def __init__(self, *coming: Coming) -> None:
        self.name = "tracker-0"
        self.on_feed: Callable[[list[Any]], None] = lambda messages: None
        self.venue = Venue()
        self.door = Door(DoorLimits(in_flight_max=2), self.venue.tracker)
        self.coming = list(coming)
        self.answer: Any = PeerAway("matcher-0 is not connected")
        self.broken: EngineError | None = None
        self.waited_s: float | None = None
        self._latest = limit()

    def command(self, message: Any) -> asyncio.Future[Accepted | Refusal]:
        future = asyncio.get_running_loop().create_future()
        if self.broken is not None:
            future.set_exception(self.broken)
            return future
        answer = self.door.admit(message) or self.venue.tell(message)
        if isinstance(message, OrderCreateEvent) and isinstance(answer, Accepted):
            self._latest = answer.record.order  # type: ignore[union-attr]
        self.venue.tracker.finish_batch(NOW)
        future.set_result(answer)
        return future

    async def until(self, key: Any, ready: Callable[[Any], bool], timeout_s: float) -> Any:
        self.waited_s = timeout_s
        while not ready(state := self.venue.tracker.look(key)):
            if not self.coming:
                return None
            self.venue.tell(self.coming.pop(0)(self._latest))
        return state

    async def ask(self, peer: str, question: Any, timeout_s: float) -> Any:
        if isinstance(self.answer, EngineError):
            raise self.answer
        return self.answer

    async def status(self, actor: str, timeout_s: float) -> ActorStatus:
        if self.broken is not None:
            raise self.broken
        return ActorStatus(actor, 0, {}, {}, {}, {}, {}, (), False, 0, 0, 0)


Test = Callable[[Desk], Coroutine[Any, Any, Any]]


def at_desk(wire: Wire, test: Test) -> Any:
    """Run what somebody does at a desk."""

    async def run() -> Any:
        port = cast("Port", wire)
        books = Books(wire, {"BTC-USDT": "matcher-0"})
        return await test(Desk(port, wire.venue.tracker, wire.door, Topology(), books))

    return asyncio.run(asyncio.wait_for(run(), 20))


def refusal(wire: Wire, test: Test) -> Problem:
    with pytest.raises(Problem) as caught:
        at_desk(wire, test)
    return caught.value


def approve(order: OrderCreateEvent) -> Any:
    return approval(order)


def rest(order: OrderCreateEvent) -> Any:
    return placement(order.order_id, resting=order.quantity)


# Orders


def test_an_order_that_nobody_waits_for_is_answered_as_it_is() -> None:
    wire = Wire(approve)
    record = at_desk(wire, lambda desk: desk.place(limit()))
    assert not record.locked_asset
    assert wire.waited_s is None


@pytest.mark.parametrize(
    ("coming", "locked"),
    [([approve], "USDT"), ([lambda order: rejection(order.order_id)], "")],
    ids=["CREATED", "REJECTED"],
)
def test_who_waits_is_answered_when_the_order_is_no_longer_pending(coming: list[Coming], locked: str) -> None:
    wire = Wire(*coming, lambda order: pytest.fail("it has waited too long"))
    record = at_desk(wire, lambda desk: desk.place(limit(), 7))
    assert record.locked_asset == locked
    assert (record.end is None) == bool(locked)
    assert wire.waited_s == 7


def test_who_waits_in_vain_is_told_that_it_is_pending_still() -> None:
    assert at_desk(Wire(), lambda desk: desk.place(limit(), 7)).order.order_id


def test_what_the_door_refuses_is_a_problem_that_says_when_to_come_again() -> None:
    wire = Wire()
    at_desk(wire, lambda desk: desk.place(limit()))
    at_desk(wire, lambda desk: desk.place(limit()))
    problem = refusal(wire, lambda desk: desk.place(limit()))
    assert (problem.code, problem.retry_after_s) == ("too_many_in_flight", 1)
    assert problem.detail.endswith(".")


def test_what_the_tracker_refuses_is_a_problem() -> None:
    wire = Wire()
    at_desk(wire, lambda desk: desk.place(limit(client_order_id="x")))
    problem = refusal(wire, lambda desk: desk.place(limit(11, client_order_id="x")))
    assert (problem.code, problem.retry_after_s) == ("client_order_id_conflict", 0)


@pytest.mark.parametrize(
    ("error", "code"),
    [(ActorStopped("tracker-0 has stopped"), "closing"), (AskTimeout("wallet-0 did not answer"), "unavailable")],
)
def test_an_engine_that_fails_is_a_problem_that_passes(error: EngineError, code: str) -> None:
    wire = Wire()
    wire.broken = error
    problem = refusal(wire, lambda desk: desk.place(limit()))
    assert (problem.code, problem.retry_after_s) == (code, 1)
    assert refusal(wire, lambda desk: desk.check_ready()).code == code


# The protection of market buys


def market_buy(quantity: int = 10, **changes: Any) -> OrderCreateEvent:
    return limit(quantity, type=OrderType.MARKET, time_in_force=TimeInForce.IOC, price=0, **changes)


def book(*asks: tuple[int, int]) -> BookSnapshot:
    return BookSnapshot("BTC-USDT", 0, 0, (), asks, ())


def test_a_market_buy_by_quantity_is_protected_from_a_price_far_above_the_best_ask() -> None:
    wire = Wire()
    wire.answer = book((1_001, 5), (1_000, 1))
    assert at_desk(wire, lambda desk: desk.place(market_buy())).order.price == 1_050


def test_without_any_ask_a_market_buy_has_no_price_and_the_wallet_will_reject_it() -> None:
    wire = Wire()
    wire.answer = book()
    assert at_desk(wire, lambda desk: desk.place(market_buy())).order.price == 0


def test_a_market_buy_that_could_come_to_more_than_63_bits_is_refused() -> None:
    wire = Wire()
    # With its protection a price of 1,000 is 1,050, and tick × lot is 10 smallest units.
    wire.answer = book((1_000, 5))
    fits = AMOUNT_MAX // 10_500
    assert at_desk(wire, lambda desk: desk.place(market_buy(fits))).order.quantity == fits
    assert refusal(wire, lambda desk: desk.place(market_buy(fits + 1))).code == "out_of_range"


def test_a_market_buy_while_the_book_cannot_be_had_is_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.desk.ASK_TIMEOUT_S", 0.01)
    problem = refusal(Wire(), lambda desk: desk.place(market_buy()))
    assert (problem.code, problem.retry_after_s) == ("unavailable", 1)


def test_a_market_buy_that_comes_again_needs_no_book(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    wire.answer = book((1_000, 5))
    order = market_buy(client_order_id="x")
    first = at_desk(wire, lambda desk: desk.place(order))
    wire.answer = PeerAway("matcher-0 is not connected")
    monkeypatch.setattr("gateway.desk.ASK_TIMEOUT_S", 0.01)
    assert at_desk(wire, lambda desk: desk.place(order)).order.order_id == first.order.order_id


# Cancels


def resting(*coming: Coming) -> tuple[Wire, int]:
    """An order on the book, and what comes after its cancel."""
    wire = Wire()
    record = at_desk(wire, lambda desk: desk.place(limit()))
    for event in (approve, rest):
        wire.venue.tell(event(record.order))
    wire.coming = list(coming)
    return wire, record.order.order_id


def cancelled(order: OrderCreateEvent) -> Any:
    return cancellation(order.order_id, order.quantity)


def too_late(order: OrderCreateEvent) -> Any:
    return CancelRejectedEvent(order.order_id, Reason.ORDER_NOT_OPEN, NOW)


def last_trade(order: OrderCreateEvent) -> Any:
    return trade(1, order.order_id, order.quantity, done=True)


def test_a_cancel_that_nobody_waits_for_is_on_its_way() -> None:
    wire, order_id = resting(cancelled)
    assert at_desk(wire, lambda desk: desk.cancel("anna", order_id)).end is None


def test_who_waits_for_a_cancel_sees_the_order_cancelled() -> None:
    wire, order_id = resting(cancelled)
    assert at_desk(wire, lambda desk: desk.cancel("anna", order_id, 7)).end.reason is Reason.USER
    assert wire.waited_s == 7


@pytest.mark.parametrize("coming", [[last_trade], [too_late]], ids=["its last trade", "a refusal"])
def test_who_waits_for_a_cancel_that_comes_too_late_is_told_so(coming: list[Coming]) -> None:
    wire, order_id = resting(*coming)
    assert refusal(wire, lambda desk: desk.cancel("anna", order_id, 7)).code == "order_not_open"


def test_who_waits_in_vain_for_a_cancel_sees_the_order_as_it_is() -> None:
    wire, order_id = resting()
    assert at_desk(wire, lambda desk: desk.cancel("anna", order_id, 7)).end is None


def test_another_accounts_order_and_no_order_are_equally_unknown() -> None:
    wire, order_id = resting()
    for account, number in (("bert", order_id), ("anna", order_id + 1), ("anna", None)):
        assert refusal(wire, lambda desk, a=account, n=number: desk.cancel(a, n)).code == "unknown_order"  # type: ignore[misc]


def test_who_waits_for_a_cancel_of_all_learns_whether_it_is_done() -> None:
    def done(order: OrderCreateEvent) -> Any:
        return CancelAllDoneEvent("anna", "BTC-USDT", 0, NOW)

    assert at_desk(Wire(done), lambda desk: desk.cancel_all("anna", "BTC-USDT", 7)) is True
    assert at_desk(Wire(), lambda desk: desk.cancel_all("anna", "BTC-USDT", 7)) is False
    assert at_desk(Wire(done), lambda desk: desk.cancel_all("anna", "BTC-USDT")) is False
    assert refusal(Wire(), lambda desk: desk.cancel_all("anna", "NO-SUCH")).code == "unknown_market"


# Transfers, balances, readiness

DEPOSIT = DepositEvent("t", "anna", "USDT", 5, 0)


def test_a_transfer_is_waited_for_and_its_repetition_is_not() -> None:
    wire = Wire(lambda order: DepositedEvent("t", "anna", "USDT", 5, 5, NOW))
    assert at_desk(wire, lambda desk: desk.transfer(DEPOSIT)).result.balance == 5
    wire.waited_s = None
    assert at_desk(wire, lambda desk: desk.transfer(DEPOSIT)).result.balance == 5
    assert wire.waited_s is None


def test_a_transfer_that_takes_long_is_answered_without_a_result() -> None:
    assert at_desk(Wire(), lambda desk: desk.transfer(DEPOSIT)).result is None


def test_balances_are_the_wallets_answer_or_a_problem() -> None:
    wire = Wire()
    assert refusal(wire, lambda desk: desk.balances("anna")).code == "unavailable"
    wire.answer = Balances("anna", ())
    assert at_desk(wire, lambda desk: desk.balances("anna")) == wire.answer


def test_a_closed_door_is_not_ready() -> None:
    wire = Wire()
    at_desk(wire, lambda desk: desk.check_ready())
    wire.door.closed = Refusal("closing", "the venue is shutting down", 1)
    assert refusal(wire, lambda desk: desk.check_ready()).code == "closing"

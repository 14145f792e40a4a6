"""The desk: the one place where a request becomes messages, and an answer waits for an event.

Every face of the venue comes here with parsed requests of an account that is known: the REST routes now,
other faces later. What the venue declines is raised as a `Problem`.
"""

import asyncio
from typing import Any

from actors.answers import Accepted, Refusal
from actors.door import Door
from actors.engine.errors import ActorStopped, EngineError
from actors.engine.port import Port
from actors.market import Market
from actors.messages import (
    AMOUNT_MAX,
    Balances,
    BalancesQuery,
    DepositEvent,
    OrderCancelAllEvent,
    OrderCancelEvent,
    OrderCreateEvent,
    OrderType,
    Side,
    WithdrawEvent,
)
from actors.order_map import OrderPage
from actors.status import ASKED, OrderRecord, OrderStatus, is_final, status_of
from actors.topology import Topology
from actors.tracker import CANCEL_ALL, Tracker
from actors.transfers import TransferRecord
from gateway.audit import Audit, take_audit
from gateway.books import Books, BookView
from gateway.problems import Problem

ASK_TIMEOUT_S = 2.0
"""How long an actor may take to answer a question of this process."""
READY_TIMEOUT_S = 1.0
TRANSFER_WAIT_S = 5.0
"""How long a deposit or withdrawal is waited for."""


class Desk:
    """Takes requests to the tracker of this process and questions to its peers."""

    def __init__(self, port: Port, tracker: Tracker, door: Door, topology: Topology, books: Books) -> None:
        self._port = port
        self._tracker = tracker
        self._door = door
        self._topology = topology
        self._books = books
        self.find_market = tracker.market
        """Returns a market, or None."""
        self.markets = tracker.markets
        """Returns all markets."""

    # Orders

    async def place(self, order: OrderCreateEvent, wait_s: float = 0) -> OrderRecord:
        """Hand in an order; with `wait_s`, wait at most so long until it is no longer PENDING.

        Returns:
            The order as it is now; under a known client order id the first one.

        Raises:
            Problem: the order is not accepted.

        """
        if order.type is OrderType.MARKET and order.side is Side.BUY and order.quantity:
            order = await self._with_protection(order)
        record: OrderRecord = await self._command(order)
        if wait_s:
            record = await self._wait(record.order.order_id, _has_left_pending, wait_s) or record
        return record

    async def _with_protection(self, order: OrderCreateEvent) -> OrderCreateEvent:
        """Give a market buy by quantity the price beyond which it must not trade; none without any ask."""
        if order.client_order_id and self._tracker.order_by_client_id(order.account, order.client_order_id):
            return order
        market = self.market(order.market)
        best_ask = (await self.book(order.market)).asks.lowest_price
        price = market.protection_price(best_ask) if best_ask else 0
        if market.notional(price, order.quantity) > AMOUNT_MAX:
            raise Problem("out_of_range", "At the present price the order is worth more than 63 bits can count.")
        return OrderCreateEvent(
            0,
            order.account,
            order.market,
            order.side,
            order.type,
            order.time_in_force,
            order.post_only,
            price,
            order.quantity,
            order.budget,
            order.client_order_id,
            0,
        )

    async def cancel(self, account: str, order_id: int | None, wait_s: float = 0) -> OrderRecord:
        """Ask for an order to be taken off the book; with `wait_s`, wait at most so long for the outcome.

        Raises:
            Problem: `unknown_order`, `order_not_open`, or not accepted.

        """
        order = self.order(account, order_id).order
        record: OrderRecord = await self._command(OrderCancelEvent(order.order_id, account, order.market, 0))
        if wait_s:
            record = await self._wait(order.order_id, _has_cancel_outcome, wait_s) or record
            status = status_of(record)
            refused = record.cancel not in ("", ASKED)
            if status is not OrderStatus.CANCELLED and (refused or is_final(record)):
                raise Problem("order_not_open", f"The order is {status}, it could not be cancelled.")
        return record

    async def cancel_all(self, account: str, market: str, wait_s: float = 0) -> bool:
        """Ask for all of the account's orders that were placed in the market before; return whether they are off."""
        self.market(market)
        await self._command(OrderCancelAllEvent(account, market, 0))
        if not wait_s:
            return False
        under_way = await self._wait((CANCEL_ALL, account, market), _is_over, wait_s)
        return under_way is False

    def order(self, account: str, order_id: int | None) -> OrderRecord:
        """Return the account's order; another account's is as unknown as one that never was.

        An `order_id` of None is that of a text which can be no order's id.
        """
        record = self._tracker.order(order_id) if order_id is not None else None
        if record is None or record.order.account != account:
            raise Problem("unknown_order", "There is no such order.")
        return record

    def order_by_client_id(self, account: str, client_order_id: str) -> OrderRecord | None:
        """Return the account's order with this client order id."""
        return self._tracker.order_by_client_id(account, client_order_id)

    def orders(
        self, account: str, status: OrderStatus | None, market: str | None, limit: int, before: int | None
    ) -> OrderPage:
        """Return the account's orders that are older than the order id `before`, newest first."""
        return self._tracker.orders_of(account, status, market, limit, before)

    # Deposits and withdrawals

    async def transfer(self, request: DepositEvent | WithdrawEvent) -> TransferRecord:
        """Hand in a deposit or withdrawal and wait for its result, at most `TRANSFER_WAIT_S` seconds."""
        record: TransferRecord = await self._command(request)
        if record.result is None:
            key = (request.account, request.transfer_id)
            record = await self._wait(key, _is_decided, TRANSFER_WAIT_S) or record
        return record

    def find_transfer(self, transfer_id: str, account: str | None) -> TransferRecord:
        """Return a transfer; without an account it must be the only one with this id."""
        if account is not None:
            record = self._tracker.transfer(account, transfer_id)
            found = [record] if record is not None else []
        else:
            found = self._tracker.transfers_by_id(transfer_id)
        if not found:
            raise Problem("unknown_transfer", "There is no such transfer.")
        if len(found) > 1:
            raise Problem("invalid_parameter", "Several accounts have a transfer with this id; add ?account=….")
        return found[0]

    # Markets

    def market(self, symbol: str) -> Market:
        """Return a market."""
        market = self._tracker.market(symbol)
        if market is None:
            raise Problem("unknown_market", "There is no such market; GET /v1/markets lists them.")
        return market

    async def book(self, symbol: str) -> BookView:
        """Return the book of a market that exists."""
        try:
            return await self._books.view(symbol, ASK_TIMEOUT_S)
        except TimeoutError:
            raise Problem("unavailable", f"The book of {symbol} cannot be had at the moment.", 1) from None

    # Questions to wallets

    async def balances(self, account: str) -> Balances:
        """Return what an account has."""
        wallet = self._topology.wallet_names[self._topology.wallet_of(account)]
        try:
            balances: Balances = await self._port.ask(wallet, BalancesQuery(account), ASK_TIMEOUT_S)
        except EngineError as error:
            raise _engine_problem(error) from error
        return balances

    async def audit(self) -> Audit:
        """Add up all wallets."""
        topology = self._topology
        try:
            return await take_audit(self._port, topology.wallet_names, topology.matcher_names, ASK_TIMEOUT_S)
        except EngineError as error:
            raise _engine_problem(error) from error

    async def check_ready(self) -> None:
        """See whether every actor answers and the door is open.

        Raises:
            Problem: `unavailable` or `closing`, with the reason.

        """
        if self._door.closed is not None:
            raise _problem_of(self._door.closed)
        actors = (self._port.name, *self._topology.wallet_names, *self._topology.matcher_names)
        try:
            await asyncio.gather(*(self._port.status(actor, READY_TIMEOUT_S) for actor in actors))
        except EngineError as error:
            raise _engine_problem(error) from error

    # The port, with the venue's refusals and the engine's errors as problems

    async def _command(self, message: Any) -> Any:
        """Hand a command to the tracker; return the record that its answer holds."""
        try:
            answer: Accepted | Refusal = await self._port.command(message)
        except EngineError as error:
            raise _engine_problem(error) from error
        if type(answer) is Refusal:
            raise _problem_of(answer)
        return answer.record  # type: ignore[union-attr]

    async def _wait(self, key: Any, ready: Any, wait_s: float) -> Any:
        """Wait for the state under a key; None when time is up, or the venue stops meanwhile."""
        try:
            return await self._port.until(key, ready, wait_s)
        except ActorStopped:
            return None


def _problem_of(refusal: Refusal) -> Problem:
    detail = refusal.detail
    return Problem(refusal.code, f"{detail[:1].upper()}{detail[1:]}.", refusal.retry_after_s)


def _engine_problem(error: EngineError) -> Problem:
    if isinstance(error, ActorStopped):
        return Problem("closing", "The venue is shutting down.", 1)
    return Problem("unavailable", f"{error}.", 1)


# What is waited for. A record that is gone has been decided and forgotten.


def _has_left_pending(record: OrderRecord | None) -> bool:
    return record is None or status_of(record) is not OrderStatus.PENDING


def _has_cancel_outcome(record: OrderRecord | None) -> bool:
    return record is None or is_final(record) or record.cancel != ASKED


def _is_over(under_way: bool) -> bool:  # noqa: FBT001 - a state, as the tracker's `look` returns it
    return not under_way


def _is_decided(record: TransferRecord | None) -> bool:
    return record is None or record.result is not None

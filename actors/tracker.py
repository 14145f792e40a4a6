"""The tracker: the door's memory, and the map that order queries read.

It numbers what the gateway accepts, recognises what comes again, passes commands on to the wallets, and
keeps what wallets and matchers report of them. Wallets and matchers never wait for it.

**Two threads.** The actor's thread runs the handlers; the gateway's event loop calls the functions under
*Reads* at any time. They are safe under the interpreter lock, because each step that they take is one read
of a dict, list or attribute, what they find is immutable, and what may grow is copied, which is also one
step, before it is iterated.
"""

from typing import Any

import msgspec

from actors.accounts import Account
from actors.answers import Accepted, Refusal
from actors.engine.behaviour import Behaviour, Outgoing
from actors.errors import InvalidValue, ProtocolError
from actors.ids import gateway_of, next_order_id, order_uuid
from actors.in_flight import FlightCounts
from actors.market import Market
from actors.messages import (
    CancelAllDoneEvent,
    CancelRejectedEvent,
    DepositedEvent,
    DepositEvent,
    MarketDefinedEvent,
    OrderCancelAllEvent,
    OrderCancelEvent,
    OrderCancelledEvent,
    OrderCreatedEvent,
    OrderCreateEvent,
    OrderMatchedEvent,
    OrderPlacedEvent,
    OrderRejectedEvent,
    TransferRejectedEvent,
    WithdrawEvent,
    WithdrawnEvent,
)
from actors.order_map import OrderMap, OrderPage, is_same_order
from actors.status import (
    ASKED,
    OrderRecord,
    OrderStatus,
    created,
    ended,
    is_final,
    is_settled,
    matched,
    placed,
    status_of,
    with_cancel,
)
from actors.topology import Topology
from actors.transfers import TransferRecord, TransferRequest, TransferResult, Transfers, is_same_transfer

CANCEL_ALL = "cancel-all"
"""First part of the key ("cancel-all", account, market) under which a cancel-all can be watched."""


class TrackerStatistics(msgspec.Struct, frozen=True):
    """How much a tracker holds."""

    accounts: int
    """Accounts with orders here."""
    orders: int
    settled: int
    """Orders of which nothing more can come; the oldest go first when there are too many."""
    transfers: int
    cancel_alls: int
    """Accounts' markets of which a cancel-all is under way."""


class Tracker(Behaviour):
    """The state machine of one gateway's orders and transfers.

    Handlers for what the gateway sends return `Accepted` or `Refusal`. A `Refusal` here follows from the
    state alone; limits that are configuration are the `Door`'s, in front of the journal.
    """

    def __init__(
        self, gateway: int, topology: Topology, outgoing: Outgoing, finished_max: int, transfers_max: int
    ) -> None:
        """Start empty; of settled orders the newest `finished_max` are kept, of decided transfers `transfers_max`.

        Both should be larger than a batch, so that whoever waits for an outcome still finds it.
        """
        super().__init__()
        self.name = topology.tracker_names[gateway]
        self.in_flight = FlightCounts.none(topology)
        self.batches = 0
        """Number of batches handled; the door counts anew in each."""
        self._gateway = gateway
        self.topology = topology
        self._to_wallets = [outgoing.lane(name) for name in topology.wallet_names]
        self._last_order_id = 0
        self._latest_approval = 0
        self._markets: dict[str, Market] = {}
        self._map = OrderMap(finished_max)
        self._orders = self._map.records
        self._accounts = self._map.accounts
        self._cancel_alls: dict[tuple[str, str], tuple[int, int]] = {}
        """By account and market: how many are under way, and the newest order that the latest one covers."""
        self._transfers = Transfers(transfers_max)
        self.handlers = {
            MarketDefinedEvent: self._define_market,
            OrderCreateEvent: self._create,
            OrderCancelEvent: self._cancel,
            OrderCancelAllEvent: self._cancel_all,
            DepositEvent: self._transfer,
            WithdrawEvent: self._transfer,
            OrderCreatedEvent: self._created,
            OrderRejectedEvent: self._rejected,
            OrderMatchedEvent: self._matched,
            OrderPlacedEvent: self._placed,
            OrderCancelledEvent: self._cancelled,
            CancelRejectedEvent: self._cancel_rejected,
            CancelAllDoneEvent: self._cancel_all_done,
            DepositedEvent: self._transferred,
            WithdrawnEvent: self._transferred,
            TransferRejectedEvent: self._transferred,
        }
        self.queries = {}

    # Reads: for both threads

    def order(self, order_id: int) -> OrderRecord | None:
        """Return an order."""
        return self._orders.get(order_id)

    def order_by_client_id(self, account: str, client_order_id: str) -> OrderRecord | None:
        """Return the account's order with this client order id."""
        return self._map.by_client_id(account, client_order_id)

    def orders_of(
        self,
        account: str,
        status: OrderStatus | None = None,
        market: str | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> OrderPage:
        """Return up to `limit` orders of the account that are older than the order id `before`, newest first."""
        return self._map.page(account, status, market, limit, before)

    def account(self, account: str) -> Account | None:
        """Return what is kept of an account with orders here."""
        return self._accounts.get(account)

    def transfer(self, account: str, transfer_id: str) -> TransferRecord | None:
        """Return the account's deposit or withdrawal."""
        return self._transfers.find(account, transfer_id)

    def transfers_by_id(self, transfer_id: str) -> list[TransferRecord]:
        """Return the deposits and withdrawals with this id, of whatever account."""
        return self._transfers.named(transfer_id)

    def market(self, symbol: str) -> Market | None:
        """Return a market."""
        return self._markets.get(symbol)

    def markets(self) -> list[Market]:
        """Return all markets, in the order of their definition."""
        return list(self._markets.values())

    def covers_cancel_all(self, account: str, market: str) -> bool:
        """Whether a cancel-all under way covers every order that the account has placed so far."""
        outstanding = self._cancel_alls.get((account, market))
        if outstanding is None:
            return False
        known = self._accounts.get(account)
        return known is None or known.newest <= outstanding[1]

    def look(self, key: Any) -> OrderRecord | TransferRecord | bool | None:
        """Return the order under an order id, the transfer under (account, transfer id), both None when unknown.

        Under ("cancel-all", account, market): whether one is under way.
        """
        if isinstance(key, int):
            return self._orders.get(key)
        if len(key) == 3:  # noqa: PLR2004 - the kinds of keys differ in length
            return key[1:] in self._cancel_alls
        return self._transfers.find(*key)

    def statistics(self) -> TrackerStatistics:
        """Return how much is held here."""
        return TrackerStatistics(
            len(self._accounts), len(self._orders), self._map.settled, len(self._transfers), len(self._cancel_alls)
        )

    def finish_batch(self, now: int) -> None:
        """Count the batch."""
        self.batches += 1

    def is_idle(self) -> bool:
        """Whether everything that was passed on has had its last word."""
        return self.in_flight.is_empty()

    # Commands from the gateway: the answer is for whoever asked

    def _define_market(self, event: MarketDefinedEvent, now: int) -> Accepted | Refusal:
        known = self._markets.get(event.market)
        if known is not None:
            if known.definition == event:
                return Accepted(known, True)
            return Refusal("market_conflict", f"{event.market} is defined already, with other parameters")
        if not 0 <= event.matcher < self.topology.matchers:
            return Refusal("invalid_market", f"{event.market}: there is no matcher {event.matcher}")
        try:
            market = Market(event)
        except InvalidValue as error:
            return Refusal(error.code, error.detail)
        self._markets[market.symbol] = market
        for send in self._to_wallets:
            send(event)
        return Accepted(market)

    def _create(self, asked: OrderCreateEvent, now: int) -> Accepted | Refusal:
        account = self._accounts.get(asked.account)
        client_order_id = asked.client_order_id
        if client_order_id and account is not None:
            order_id = account.by_client_id.get(client_order_id)
            if order_id is not None:
                return self._repeat(asked, self._orders[order_id])
        market = self._markets.get(asked.market)
        if market is None:
            return Refusal("unknown_market", f"there is no market {asked.market}")
        if account is None:
            account = Account(asked.account, self.topology.wallet_of(asked.account))
            self._accounts[asked.account] = account
        order_id = self._last_order_id = next_order_id(self._last_order_id, now, self._gateway)
        # A million orders share the strings of their account and market.
        order = OrderCreateEvent(
            order_id,
            account.name,
            market.symbol,
            asked.side,
            asked.type,
            asked.time_in_force,
            asked.post_only,
            asked.price,
            asked.quantity,
            asked.budget,
            client_order_id,
            now,
        )
        record = self._map.add(account, order)
        self.in_flight.orders[account.wallet][market.definition.matcher] += 1
        self._to_wallets[account.wallet](order)
        return Accepted(record)

    def _repeat(self, asked: OrderCreateEvent, record: OrderRecord) -> Accepted | Refusal:
        """Answer an order whose client order id is known: the first one again, or another one."""
        if is_same_order(asked, record.order):
            return Accepted(record, True)
        used = order_uuid(record.order.order_id)
        return Refusal("client_order_id_conflict", f"{asked.client_order_id!r} was used for another order: {used}")

    def _cancel(self, asked: OrderCancelEvent, now: int) -> Accepted | Refusal:
        order_id = asked.order_id
        record = self._orders.get(order_id)
        if record is None or record.order.account != asked.account:
            return Refusal("unknown_order", "there is no such order")
        if is_final(record):
            return Refusal("order_not_open", f"the order is {status_of(record)}")
        if record.cancel == ASKED:
            return Accepted(record, True)
        order = record.order
        after = with_cancel(record, ASKED)
        self._replace(order_id, record, after)
        wallet = self._count_cancel(order.account, order.market, 1)
        self._to_wallets[wallet](OrderCancelEvent(order_id, order.account, order.market, now))
        return Accepted(after)

    def _cancel_all(self, asked: OrderCancelAllEvent, now: int) -> Accepted | Refusal:
        market = self._markets.get(asked.market)
        if market is None:
            return Refusal("unknown_market", f"there is no market {asked.market}")
        if self.covers_cancel_all(asked.account, asked.market):
            return Accepted(None, True)
        account = self._accounts.get(asked.account)
        key = (asked.account, market.symbol)
        self._cancel_alls[key] = (self._cancel_alls.get(key, (0, 0))[0] + 1, account.newest if account else 0)
        wallet = self._count_cancel(asked.account, market.symbol, 1)
        self._to_wallets[wallet](OrderCancelAllEvent(asked.account, market.symbol, now))
        self._tell((CANCEL_ALL, *key))
        return Accepted()

    def _transfer(self, asked: TransferRequest, now: int) -> Accepted | Refusal:
        known = self._transfers.find(asked.account, asked.transfer_id)
        if known is not None:
            if is_same_transfer(asked, known.request):
                return Accepted(known, True)
            return Refusal("transfer_id_conflict", f"{asked.transfer_id!r} was used for another transfer")
        request = type(asked)(asked.transfer_id, asked.account, asked.asset, asked.amount, now)
        record = self._transfers.ask(request)
        wallet = self._wallet_of(asked.account)
        self.in_flight.transfers[wallet] += 1
        self._to_wallets[wallet](request)
        self._tell((request.account, request.transfer_id))
        return Accepted(record)

    # Events from wallets and matchers

    def _created(self, event: OrderCreatedEvent, now: int) -> None:
        order_id = event.order.order_id
        before = self._known(order_id)
        # A million open orders also share the names of assets, and the times of approval by batches.
        market = self._markets[before.order.market]
        asset = market.quote if event.locked_asset == market.quote else market.base
        if event.time != self._latest_approval:
            self._latest_approval = event.time
        self._replace(order_id, before, created(before, event, asset, self._latest_approval))

    def _rejected(self, event: OrderRejectedEvent, now: int) -> None:
        before = self._known(event.order_id)
        after = ended(before, event)
        self._arrive(before)
        self._replace(event.order_id, before, after)

    def _matched(self, event: OrderMatchedEvent, now: int) -> None:
        for party in (event.maker, event.taker):
            order_id = party.order_id
            before = self._orders.get(order_id)
            if before is not None:
                self._replace(order_id, before, matched(before, event, party))
            elif gateway_of(order_id) == self._gateway:
                raise self._surprise(order_id)

    def _placed(self, event: OrderPlacedEvent, now: int) -> None:
        before = self._known(event.order_id)
        after = placed(before, event)
        self._arrive(before)
        self._replace(event.order_id, before, after)

    def _cancelled(self, event: OrderCancelledEvent, now: int) -> None:
        before = self._known(event.order_id)
        self._replace(event.order_id, before, ended(before, event))

    def _cancel_rejected(self, event: CancelRejectedEvent, now: int) -> None:
        # Only this event can come for a forgotten order: its end on one road, the refused cancel on another.
        before = self._orders.get(event.order_id)
        if before is None:
            return
        if before.cancel != ASKED:
            raise ProtocolError(f"a cancel of order {event.order_id} is refused that was not asked for")
        if not is_final(before):
            self._count_cancel(before.order.account, before.order.market, -1)
        self._replace(event.order_id, before, with_cancel(before, event.reason))

    def _cancel_all_done(self, event: CancelAllDoneEvent, now: int) -> None:
        key = (event.account, event.market)
        outstanding = self._cancel_alls.get(key)
        if outstanding is None:
            msg = f"a cancel-all of {event.account} in {event.market} is done that was not asked for"
            raise ProtocolError(msg)
        count, newest = outstanding
        if count == 1:
            del self._cancel_alls[key]
        else:
            self._cancel_alls[key] = (count - 1, newest)
        self._count_cancel(event.account, event.market, -1)
        self._tell((CANCEL_ALL, *key))

    def _transferred(self, event: TransferResult, now: int) -> None:
        self._transfers.decide(event)
        self.in_flight.transfers[self._wallet_of(event.account)] -= 1
        self._tell((event.account, event.transfer_id))

    # What they have in common

    def _known(self, order_id: int) -> OrderRecord:
        record = self._orders.get(order_id)
        if record is None:
            raise self._surprise(order_id)
        return record

    def _surprise(self, order_id: int) -> ProtocolError:
        return ProtocolError(f"an event came for order {order_id}, which {self.name} never had or has settled")

    def _replace(self, order_id: int, before: OrderRecord, after: OrderRecord) -> None:
        """Store the next record of an order, and do what follows when it has ended."""
        self._orders[order_id] = after
        if after.end is not None:
            self._follow_end(order_id, before, after)
        if order_id in self.watched:
            self.changed.append(order_id)

    def _follow_end(self, order_id: int, before: OrderRecord, after: OrderRecord) -> None:
        """Close an order once when it becomes final, and settle it once when nothing more can come."""
        if not is_final(before):
            if not is_final(after):
                return
            self._close(after)
        elif is_settled(before):
            return
        if is_settled(after):
            self._map.settle(order_id)

    def _close(self, record: OrderRecord) -> None:
        order = record.order
        self._accounts[order.account].open_orders -= 1
        if record.cancel == ASKED:
            self._count_cancel(order.account, order.market, -1)

    def _arrive(self, record: OrderRecord) -> None:
        """Count an order out that the wallet has refused or the matcher has finished with."""
        order = record.order
        wallet = self._accounts[order.account].wallet
        self.in_flight.orders[wallet][self._markets[order.market].definition.matcher] -= 1

    def _count_cancel(self, account: str, market: str, change: int) -> int:
        """Count a cancel in or out, and return the shard of its wallet."""
        wallet = self._wallet_of(account)
        self.in_flight.cancels[wallet][self._markets[market].definition.matcher] += change
        return wallet

    def _wallet_of(self, account: str) -> int:
        known = self._accounts.get(account)
        return known.wallet if known is not None else self.topology.wallet_of(account)

    def _tell(self, key: tuple[str, ...]) -> None:
        if key in self.watched:
            self.changed.append(key)

"""The wallet: what it decides about an order or a transfer, and to whom it says so.

It keeps the accounts of one shard in a ledger. Trackers ask it to approve orders, cancels and transfers;
matchers tell it of trades and of orders that have ended. It calls nobody and waits for nobody.
"""

from typing import NamedTuple

import msgspec

from actors.engine.behaviour import Behaviour, Outgoing, Send
from actors.errors import ProtocolError
from actors.ids import gateway_of
from actors.ledger import Ledger, LedgerState
from actors.market import Market
from actors.messages import (
    AMOUNT_MAX,
    AuditQuery,
    Balances,
    BalancesQuery,
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
    OrderRejectedEvent,
    OrderType,
    Party,
    Reason,
    Side,
    TransferRejectedEvent,
    WalletAudit,
    WithdrawEvent,
    WithdrawnEvent,
)
from actors.topology import Topology

BUY = Side.BUY
MARKET = OrderType.MARKET


class WalletState(msgspec.Struct, frozen=True, array_like=True):
    """Everything a wallet knows, in one canonical form."""

    markets: tuple[MarketDefinedEvent, ...]
    """Sorted by symbol."""
    ledger: LedgerState


class _Listing(NamedTuple):
    """A market, and the way to the matcher that keeps its book."""

    market: Market
    to_matcher: Send


class Wallet(Behaviour):
    """One shard of the wallet: routing between its ledger and the trackers and matchers."""

    def __init__(self, shard: int, topology: Topology, outgoing: Outgoing) -> None:
        super().__init__()
        self._shard = shard
        self._topology = topology
        self._to_matchers = [outgoing.lane(name) for name in topology.matcher_names]
        self._to_trackers = [outgoing.lane(name) for name in topology.tracker_names]
        self._listings: dict[str, _Listing] = {}
        # The shards' shares add up to at most 63 bits, so that no account has more, wherever its money came in.
        self._ledger = Ledger(AMOUNT_MAX // topology.wallets)
        self.handlers = {
            MarketDefinedEvent: self._define_market,
            OrderCreateEvent: self._create,
            OrderCancelEvent: self._cancel,
            OrderCancelAllEvent: self._cancel_all,
            OrderMatchedEvent: self._settle,
            OrderCancelledEvent: self._release,
            DepositEvent: self._deposit,
            WithdrawEvent: self._withdraw,
        }
        self.queries = {BalancesQuery: self._balances, AuditQuery: self._audit}

    def snapshot(self) -> WalletState:
        """Return the whole state; two wallets are in the same state exactly if these are equal."""
        definitions = tuple(listing.market.definition for _, listing in sorted(self._listings.items()))
        return WalletState(definitions, self._ledger.snapshot())

    def restore(self, state: WalletState) -> None:
        """Replace everything by what a snapshot says; nothing is sent.

        Raises:
            ProtocolError: if the snapshot does not satisfy the audit.

        """
        self._listings = {}
        for definition in state.markets:
            self._list(definition)
        self._ledger.restore(state.ledger, {symbol: listing.market for symbol, listing in self._listings.items()})

    def _define_market(self, definition: MarketDefinedEvent, now: int) -> None:
        """Keep a new market, and pass it on to every matcher, ahead of its orders; every tracker sends all of them.

        Raises:
            InvalidValue: if its parameters do not fit together.
            ProtocolError: if it contradicts what is known already.

        """
        known = self._listings.get(definition.market)
        if known is None:
            self._list(definition)
            for send in self._to_matchers:
                send(definition)
        elif known.market.definition != definition:
            raise ProtocolError(
                f"market {definition.market} is defined as {known.market.definition} for good, now came {definition}"
            )

    def _list(self, definition: MarketDefinedEvent) -> None:
        """Add a market, if its matcher exists and its assets have the scales that other markets count them in."""
        if not 0 <= definition.matcher < self._topology.matchers:
            raise ProtocolError(f"market {definition.market} names matcher-{definition.matcher}, which does not exist")
        scales = {
            asset: scale
            for market, _ in self._listings.values()
            for asset, scale in (
                (market.base, market.definition.base_scale),
                (market.quote, market.definition.quote_scale),
            )
        }
        for asset, scale in ((definition.base, definition.base_scale), (definition.quote, definition.quote_scale)):
            if scales.get(asset, scale) != scale:
                raise ProtocolError(
                    f"market {definition.market} gives {asset} the scale {scale}, in others it is {scales[asset]}"
                )
        self._listings[definition.market] = _Listing(Market(definition), self._to_matchers[definition.matcher])

    def _create(self, order: OrderCreateEvent, now: int) -> None:
        """Approve an order and pass it on, or reject it."""
        order_id = order.order_id
        to_tracker = self._to_trackers[gateway_of(order_id)]
        listing = self._listings.get(order.market)
        if listing is None:
            to_tracker(OrderRejectedEvent(order_id, Reason.UNKNOWN_MARKET, now))
            return
        if order.price == 0 and order.type is MARKET and order.side is BUY and not order.budget:
            to_tracker(OrderRejectedEvent(order_id, Reason.NO_REFERENCE_PRICE, now))
            return
        market, to_matcher = listing
        hold = self._ledger.hold(order, market)
        if hold is None:
            to_tracker(OrderRejectedEvent(order_id, Reason.INSUFFICIENT_FUNDS, now))
            return
        created = OrderCreatedEvent(order, market.quote if order.side is BUY else market.base, hold.held, now)
        to_matcher(created)
        to_tracker(created)

    def _settle(self, trade: OrderMatchedEvent, now: int) -> None:
        """Book the halves of a trade that are booked here.

        Raises:
            ProtocolError: if the trade does not fit what is held for its orders.

        """
        listing = self._listings.get(trade.market)
        if listing is None:
            raise ProtocolError(f"trade {trade.trade_id} is in market {trade.market}, which is not defined")
        maker: Party | None = trade.maker
        taker: Party | None = trade.taker
        holds = self._ledger.holds
        if trade.maker.order_id not in holds:
            maker = self._party_without_hold(trade.maker)
        if trade.taker.order_id not in holds:
            taker = self._party_without_hold(trade.taker)
        if trade.taker_side is BUY:
            self._ledger.settle(listing.market, trade.price, trade.quantity, taker, maker)
        else:
            self._ledger.settle(listing.market, trade.price, trade.quantity, maker, taker)

    def _party_without_hold(self, party: Party) -> Party | None:
        """Return None if another shard keeps the party's account; if not, the party, which the ledger will refuse."""
        return party if self._topology.wallet_of(party.account) == self._shard else None

    def _release(self, cancelled: OrderCancelledEvent, now: int) -> None:
        """Free what is left of an order's hold.

        Raises:
            ProtocolError: if there is no such hold, or not for what remains of the order.

        """
        self._ledger.release(cancelled.order_id, cancelled.remaining)

    def _cancel(self, cancel: OrderCancelEvent, now: int) -> None:
        """Pass a cancel on behind its order, if the order is open and the account's own."""
        hold = self._ledger.holds.get(cancel.order_id)
        if hold is None or hold.market.symbol != cancel.market:
            reason = Reason.ORDER_NOT_OPEN
        elif hold.account != cancel.account:
            reason = Reason.NOT_OWNER
        else:
            self._listings[cancel.market].to_matcher(cancel)
            return
        self._to_home(cancel.account)(CancelRejectedEvent(cancel.order_id, reason, now))

    def _cancel_all(self, cancel: OrderCancelAllEvent, now: int) -> None:
        """Pass it on behind the orders that it covers."""
        listing = self._listings.get(cancel.market)
        if listing is None:
            self._to_home(cancel.account)(CancelAllDoneEvent(cancel.account, cancel.market, 0, now))
        else:
            listing.to_matcher(cancel)

    def _deposit(self, deposit: DepositEvent, now: int) -> None:
        """Add to an account."""
        self._check_shard(deposit)
        transfer_id, account, asset, amount = deposit.transfer_id, deposit.account, deposit.asset, deposit.amount
        balance = self._ledger.deposit(account, asset, amount)
        self._to_home(account)(
            TransferRejectedEvent(transfer_id, account, asset, amount, Reason.SUPPLY_EXCEEDED, now)
            if balance is None
            else DepositedEvent(transfer_id, account, asset, amount, balance, now)
        )

    def _withdraw(self, withdrawal: WithdrawEvent, now: int) -> None:
        """Take from an account."""
        self._check_shard(withdrawal)
        transfer_id, account = withdrawal.transfer_id, withdrawal.account
        asset, amount = withdrawal.asset, withdrawal.amount
        balance = self._ledger.withdraw(account, asset, amount)
        self._to_home(account)(
            TransferRejectedEvent(transfer_id, account, asset, amount, Reason.INSUFFICIENT_FUNDS, now)
            if balance is None
            else WithdrawnEvent(transfer_id, account, asset, amount, balance, now)
        )

    def _check_shard(self, transfer: DepositEvent | WithdrawEvent) -> None:
        """Refuse a transfer that belongs to another shard: an account's money must never lie in two places."""
        if self._topology.wallet_of(transfer.account) != self._shard:
            raise ProtocolError(f"transfer {transfer.transfer_id} for {transfer.account} came to wallet-{self._shard}")

    def _to_home(self, account: str) -> Send:
        """Return the way to the tracker that the account's requests come from."""
        return self._to_trackers[self._topology.home_of(account)]

    def _balances(self, query: BalancesQuery) -> Balances:
        """Answer what an account has."""
        return Balances(query.account, self._ledger.balances(query.account))

    def _audit(self, query: AuditQuery) -> WalletAudit:
        """Answer the sums of this shard."""
        return WalletAudit(self._ledger.audit(), len(self._ledger.holds))

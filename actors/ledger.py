"""The ledger: what every account has free and held, and which order its holds are for.

Amounts are whole numbers of the asset's smallest unit. Every operation checks everything before it
changes anything, and keeps, per asset: free ≥ 0, held ≥ 0, an account's held equals the sum over its
open orders, and free + held + fees + clearing = deposits − withdrawals. `Ledger.audit` recomputes that.
"""

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from actors.errors import ProtocolError
from actors.market import PPM, Market
from actors.messages import AMOUNT_MAX, AssetSums, Balance, OrderCreateEvent, Party, Side

FAULTS_MAX = 20
"""Most faults that an audit spells out per asset; more of them say nothing more."""

BUY = Side.BUY
SELL = Side.SELL


class Funds(msgspec.Struct, gc=False, eq=False):
    """What an account has of one asset; one that is all zero is the same as none."""

    free: int = 0
    held: int = 0


class Account(msgspec.Struct, eq=False):
    """An account that has had a deposit, and its funds by asset."""

    name: str
    funds: defaultdict[str, Funds]


class Hold(msgspec.Struct, gc=False, eq=False):
    """What is held for one open order.

    It refers to the funds that it is part of and to those that its trades will pay into, so that
    settling looks up nothing by name; it refers to nothing that refers back, hence `gc=False`.
    """

    account: str
    market: Market
    side: Side
    unit: int
    """Amount held for each lot; 0 for a market buy by budget, which holds whatever the budget has left."""
    held: int
    paying: Funds
    gaining: Funds

    @property
    def asset(self) -> str:
        """The asset that is held."""
        return self.market.base if self.side is SELL else self.market.quote


class Totals(msgspec.Struct, gc=False, eq=False):
    """What is booked per asset rather than per account.

    `clearing` is what has been paid to (or, below zero, received from) the other halves of trades that other
    shards settle. `deposits` and `withdrawals` are kept within 63 bits by taking the same amount off both.
    """

    fees: int = 0
    clearing: int = 0
    deposits: int = 0
    withdrawals: int = 0


_NOTHING = Totals()


class LedgerState(msgspec.Struct, frozen=True, array_like=True):
    """Everything a ledger knows, in one canonical form: sorted, and without what is all zero."""

    funds: tuple[tuple[str, str, int, int], ...]
    """Account, asset, free, held."""
    holds: tuple[tuple[int, str, str, Side, int, int], ...]
    """Order id, account, market, side, amount per lot, amount held."""
    totals: tuple[tuple[str, int, int, int, int], ...]
    """Asset, fees, clearing, deposits, withdrawals."""


class Ledger:
    """The balances and holds of the accounts that one wallet keeps. Pure: no I/O, no clock, no threads."""

    __slots__ = ("_accounts", "_totals", "holds", "supply_max")

    holds: dict[int, Hold]
    """The hold of each open order, by order id; for others to read."""
    supply_max: int
    """Most that may be deposited of an asset and not withdrawn."""

    def __init__(self, supply_max: int = AMOUNT_MAX) -> None:
        self.supply_max = supply_max
        self.holds = {}
        self._accounts: dict[str, Account] = {}
        self._totals: defaultdict[str, Totals] = defaultdict(Totals)

    def deposit(self, account: str, asset: str, amount: int) -> int | None:
        """Add to what the account has free, and return that; None if it would exceed the asset's `supply_max`.

        Raises:
            ProtocolError: if the amount is not above zero.

        """
        if amount <= 0:
            raise ProtocolError(f"{account} deposits {amount} {asset}: an amount is above zero")
        totals = self._totals[asset]
        if totals.deposits - totals.withdrawals + amount > self.supply_max:
            return None
        totals.deposits += amount
        _keep_within_63_bits(totals)
        funds = self._account(account).funds[asset]
        funds.free += amount
        return funds.free

    def withdraw(self, account: str, asset: str, amount: int) -> int | None:
        """Take from what the account has free, and return what is left of it; None if that is less than the amount.

        Raises:
            ProtocolError: if the amount is not above zero.

        """
        if amount <= 0:
            raise ProtocolError(f"{account} withdraws {amount} {asset}: an amount is above zero")
        owner = self._accounts.get(account)
        if owner is None or owner.funds[asset].free < amount:
            return None
        totals = self._totals[asset]
        totals.withdrawals += amount
        _keep_within_63_bits(totals)
        funds = owner.funds[asset]
        funds.free -= amount
        return funds.free

    def hold(self, order: OrderCreateEvent, market: Market) -> Hold | None:
        """Freeze what the order may cost, and return the hold; None if the account has less than that free.

        A sell holds its quantity of base, a buy by quantity its price × quantity of quote, a market buy by
        budget its budget of quote.

        Raises:
            ProtocolError: if the order holds funds already, or its figures are not above zero.

        """
        side = order.side
        quantity = order.quantity
        if side is SELL:
            pays = market.base
            gains = market.quote
            unit = market.lot
            amount = unit * quantity
        else:
            pays = market.quote
            gains = market.base
            amount = order.budget
            if amount:
                unit = 0
            else:
                unit = order.price * market.notional_unit
                amount = unit * quantity
        holds = self.holds
        order_id = order.order_id
        if order_id in holds:
            raise ProtocolError(f"order {order_id} holds funds already")
        if amount <= 0 or unit < 0 or (unit == 0 and quantity):
            raise ProtocolError(f"order {order_id} has figures that nothing can be held for: {order}")
        account = self._accounts.get(order.account)
        if account is None:
            return None
        funds = account.funds
        paying = funds[pays]
        if paying.free < amount:
            return None
        hold = Hold(account.name, market, side, unit, amount, paying, funds[gains])
        paying.free -= amount
        paying.held += amount
        holds[order_id] = hold
        return hold

    def settle(self, market: Market, price: int, quantity: int, buyer: Party | None, seller: Party | None) -> None:
        """Book a trade for the parties whose accounts are kept here; None stands for one that another shard settles.

        The buyer pays price × quantity of quote out of what is held, has the improvement over his limit
        free at once, and receives the base; the seller the other way round. Each pays a fee on what is received.

        Raises:
            ProtocolError: if there is no such hold, or the trade does not fit it. Nothing is changed then.

        """
        cost = price * quantity * market.notional_unit
        size = quantity * market.lot
        if price <= 0 or quantity <= 0:
            raise ProtocolError(f"a trade in {market.symbol} of {quantity} at {price}: both are above zero")
        base = self._totals[market.base]
        quote = self._totals[market.quote]
        if buyer is not None and seller is not None:
            bought = self._hold_of(buyer, market, BUY, quantity, cost)
            sold = self._hold_of(seller, market, SELL, quantity, size)
            base.fees += self._book(bought, buyer, quantity, cost, size)
            quote.fees += self._book(sold, seller, quantity, size, cost)
        elif buyer is not None:
            bought = self._hold_of(buyer, market, BUY, quantity, cost)
            base.fees += self._book(bought, buyer, quantity, cost, size)
            base.clearing -= size
            quote.clearing += cost
        elif seller is not None:
            sold = self._hold_of(seller, market, SELL, quantity, size)
            quote.fees += self._book(sold, seller, quantity, size, cost)
            quote.clearing -= cost
            base.clearing += size
        else:
            raise ProtocolError(f"a trade in {market.symbol} between accounts that are kept elsewhere")

    def release(self, order_id: int, remaining: int) -> None:
        """End an order: what is still held for its `remaining` lots (quote units for a budget) becomes free.

        Raises:
            ProtocolError: if there is no such hold, or it is not for that much. Nothing is changed then.

        """
        hold = self.holds.get(order_id)
        if hold is None:
            raise ProtocolError(f"order {order_id} has ended, but holds nothing here")
        if hold.held != (hold.unit or 1) * remaining:
            raise ProtocolError(f"order {order_id} ends with {remaining} remaining, but {hold.held} is held for it")
        paying = hold.paying
        paying.held -= hold.held
        paying.free += hold.held
        del self.holds[order_id]

    def balances(self, account: str) -> tuple[Balance, ...]:
        """Return what the account has, sorted by asset; without what is all zero, and nothing for an unknown one."""
        owner = self._accounts.get(account)
        if owner is None:
            return ()
        return tuple(Balance(asset, f.free, f.held) for asset, f in sorted(owner.funds.items()) if f.free or f.held)

    def audit(self) -> tuple[AssetSums, ...]:
        """Recompute every sum from the single accounts and orders; by asset, with the faults that were found."""
        faults: defaultdict[str, list[str]] = defaultdict(list)
        promised: defaultdict[tuple[str, str], int] = defaultdict(int)
        for order_id, hold in self.holds.items():
            asset = hold.asset
            promised[hold.account, asset] += hold.held
            if hold.held < 0:
                faults[asset].append(f"order {order_id}: held is {hold.held}")
        sums: defaultdict[str, Funds] = defaultdict(Funds)
        for name, account in sorted(self._accounts.items()):
            for asset, funds in account.funds.items():
                sums[asset].free += funds.free
                sums[asset].held += funds.held
                if funds.free < 0 or funds.held < 0:
                    faults[asset].append(f"account {name}: free is {funds.free}, held is {funds.held}")
                if funds.held != promised[name, asset]:
                    orders = promised[name, asset]
                    faults[asset].append(f"account {name}: held is {funds.held}, its open orders hold {orders}")
        audited = (
            _audited(asset, sums[asset], self._totals.get(asset, _NOTHING), faults[asset])
            for asset in sorted({*sums, *self._totals})
        )
        return tuple(sums for sums in audited if any(msgspec.structs.astuple(sums)[1:]))

    def snapshot(self) -> LedgerState:
        """Return the whole state; two ledgers are in the same state exactly if these are equal."""
        return LedgerState(
            tuple(
                (name, asset, funds.free, funds.held)
                for name, account in sorted(self._accounts.items())
                for asset, funds in sorted(account.funds.items())
                if funds.free or funds.held
            ),
            tuple(
                (order_id, hold.account, hold.market.symbol, hold.side, hold.unit, hold.held)
                for order_id, hold in sorted(self.holds.items())
            ),
            tuple(
                (asset, *sums)
                for asset, totals in sorted(self._totals.items())
                if any(sums := (totals.fees, totals.clearing, totals.deposits, totals.withdrawals))
            ),
        )

    def restore(self, state: LedgerState, markets: Mapping[str, Market]) -> None:
        """Replace everything by what a snapshot says; `markets`, by symbol, are those of its orders.

        Raises:
            ProtocolError: if the snapshot does not satisfy the audit; the ledger is of no use then.

        """
        self.holds = {}
        self._accounts = {}
        self._totals = defaultdict(Totals, {asset: Totals(*sums) for asset, *sums in state.totals})
        for name, asset, free, held in state.funds:
            self._account(name).funds[asset] = Funds(free, held)
        for order_id, name, symbol, side, unit, held in state.holds:
            account = self._account(name)
            market = markets[symbol]
            base, quote = account.funds[market.base], account.funds[market.quote]
            paying, gaining = (base, quote) if side is SELL else (quote, base)
            self.holds[order_id] = Hold(account.name, market, side, unit, held, paying, gaining)
        faults = [fault for sums in self.audit() for fault in sums.faults]
        if faults:
            raise ProtocolError(f"a snapshot of the ledger does not add up: {faults[0]}")

    def _account(self, name: str) -> Account:
        """Return the account of this name, which is made if there is none."""
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = Account(name, defaultdict(Funds))
        return account

    def _hold_of(self, party: Party, market: Market, side: Side, quantity: int, paid: int) -> Hold:
        """Return the party's hold, once it is certain that its half of the trade fits.

        The matcher's `remaining` must agree with what will be held afterwards: so a trade that was lost,
        doubled or misread is found at the order's next one, before it costs anybody anything.
        """
        hold = self.holds.get(party.order_id)
        if (
            hold is None
            or hold.market is not market
            or hold.side is not side
            or hold.account != party.account
            or not 0 <= party.fee_ppm <= PPM
        ):
            raise ProtocolError(f"a trade in {market.symbol} names an order that has no such hold here: {party}")
        unit = hold.unit
        released = unit * quantity or paid
        left = hold.held - released
        if released < paid or left < 0 or left != (unit or 1) * party.remaining or hold.paying.held < hold.held:
            raise ProtocolError(
                f"{quantity} lots for {paid} {hold.asset} do not fit the hold of {hold.held} for this order: {party}"
            )
        return hold

    def _book(self, hold: Hold, party: Party, quantity: int, paid: int, received: int) -> int:
        """Book one checked half of a trade, and return the fee."""
        paying = hold.paying
        if party.done:
            released = hold.held
            del self.holds[party.order_id]
        else:
            released = hold.unit * quantity or paid
            hold.held -= released
        paying.held -= released
        paying.free += released - paid
        fee = -(-received * party.fee_ppm // PPM)  # As market.fee_of, without the call.
        hold.gaining.free += received - fee
        return fee


def _keep_within_63_bits(totals: Totals) -> None:
    """Take the same amount off deposits and withdrawals when either has grown past what a message can carry.

    Only their difference is bounded, by `supply_max`; an asset that goes in and out for years has no bound.
    """
    if totals.deposits > AMOUNT_MAX or totals.withdrawals > AMOUNT_MAX:
        common = min(totals.deposits, totals.withdrawals)
        totals.deposits -= common
        totals.withdrawals -= common


def _audited(asset: str, sums: Funds, totals: Totals, faults: list[str]) -> AssetSums:
    """Sum up one asset."""
    fees, clearing, deposits, withdrawals = totals.fees, totals.clearing, totals.deposits, totals.withdrawals
    total = sums.free + sums.held + fees + clearing
    if total != deposits - withdrawals:
        net = deposits - withdrawals
        faults.insert(0, f"free + held + fees + clearing is {total}, deposits − withdrawals is {net}")
    return AssetSums(asset, sums.free, sums.held, fees, clearing, deposits, withdrawals, tuple(faults[:FAULTS_MAX]))

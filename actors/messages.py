"""The vocabulary: every message that actors exchange, and nothing else.

On the wire a batch is a JSON array of messages and a message is a JSON array that begins with its own
name. Prices are in ticks, quantities in lots, amounts in the asset's smallest unit, times in
microseconds since 1970 (UTC); `actors/market.py` converts them from and to the decimals of the API.
New fields go last and have defaults; a field is never retyped, so that old journals stay readable.
"""

from enum import IntEnum, StrEnum

import msgspec

AMOUNT_MAX = 2**63 - 1
"""No price, quantity or amount is larger; the gateway refuses what would be."""


class Side(IntEnum):
    """What an order does with the base asset."""

    BUY = 0
    SELL = 1


class OrderType(IntEnum):
    """Whether an order names its price."""

    LIMIT = 0
    MARKET = 1


class TimeInForce(IntEnum):
    """What becomes of the part of an order that does not match at once."""

    GTC = 0
    IOC = 1
    FOK = 2


class Reason(StrEnum):
    """Why an order, a cancel or a transfer was refused, or an order ended early."""

    USER = "user"
    IMMEDIATE_OR_CANCEL = "immediate_or_cancel"
    FILL_OR_KILL = "fill_or_kill"
    POST_ONLY = "post_only"
    NO_LIQUIDITY = "no_liquidity"
    BUDGET_TOO_SMALL = "budget_too_small"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    NO_REFERENCE_PRICE = "no_reference_price"
    UNKNOWN_MARKET = "unknown_market"
    ORDER_NOT_OPEN = "order_not_open"
    NOT_OWNER = "not_owner"
    SUPPLY_EXCEEDED = "supply_exceeded"
    INTERNAL_ERROR = "internal_error"


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True, tag_field="message"):
    """Base of all messages: immutable, scalars and such structs only, an array on the wire.

    Each message says `frozen=True` again, though it inherits it: only then does mypy refuse to change one.
    """


class MarketDefinedEvent(Message, frozen=True):
    """A market and its parameters; the same symbol is never defined twice with other values.

    `tick` is in units of 10**-`price_scale` quote, `lot` and `min_notional` in smallest units of base
    and quote, fees and protection in parts per million; `matcher` is the shard that keeps its book.
    """

    market: str
    base: str
    quote: str
    base_scale: int
    quote_scale: int
    price_scale: int
    tick: int
    lot: int
    min_notional: int
    maker_fee_ppm: int
    taker_fee_ppm: int
    protection_ppm: int
    matcher: int


class OrderCreateEvent(Message, frozen=True):
    """Asks for an order; `order_id` is 0 until the door has numbered it, `time` is when it did.

    `price` is the limit, for a market buy by quantity its protection price, 0 for none;
    a market buy by `budget` (quote, smallest units) has `quantity` 0, every other order `budget` 0.
    """

    order_id: int
    account: str
    market: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    price: int
    quantity: int
    budget: int
    client_order_id: str
    time: int


class OrderCreatedEvent(Message, frozen=True):
    """The wallet has approved the order and frozen `locked_amount` of `locked_asset` for it."""

    order: OrderCreateEvent
    locked_asset: str
    locked_amount: int
    time: int


class OrderRejectedEvent(Message, frozen=True):
    """The wallet refuses the order; nothing is held for it."""

    order_id: int
    reason: Reason
    time: int


class OrderPlacedEvent(Message, frozen=True):
    """The matcher has finished with the incoming order: exactly one per created order, after its trades."""

    order_id: int
    matched_quantity: int
    resting_quantity: int
    time: int


class Party(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One side of a trade; `remaining` is in lots (quote units for a budget), `done` if it was the order's last."""

    order_id: int
    account: str
    fee_ppm: int
    remaining: int
    done: bool


class OrderMatchedEvent(Message, frozen=True):
    """A trade of `quantity` at the maker's `price`; both wallets settle their half of it."""

    trade_id: int
    market: str
    price: int
    quantity: int
    maker: Party
    taker: Party
    taker_side: Side
    time: int


class OrderCancelEvent(Message, frozen=True):
    """Asks to take an order off the book."""

    order_id: int
    account: str
    market: str
    time: int


class OrderCancelAllEvent(Message, frozen=True):
    """Asks to take every order off the book that the account placed in the market before this."""

    account: str
    market: str
    time: int


class OrderCancelledEvent(Message, frozen=True):
    """The order has ended without (or after its last) trade; what is still held for it is released."""

    order_id: int
    remaining: int
    reason: Reason
    time: int


class CancelRejectedEvent(Message, frozen=True):
    """The order could not be cancelled; it is as it was."""

    order_id: int
    reason: Reason
    time: int


class CancelAllDoneEvent(Message, frozen=True):
    """The matcher has taken `cancelled` orders of the account off the market's book."""

    account: str
    market: str
    cancelled: int
    time: int


class DepositEvent(Message, frozen=True):
    """Asks to add an amount to an account; `transfer_id` is its idempotency key."""

    transfer_id: str
    account: str
    asset: str
    amount: int
    time: int


class WithdrawEvent(Message, frozen=True):
    """Asks to take an amount of free funds from an account; `transfer_id` is its idempotency key."""

    transfer_id: str
    account: str
    asset: str
    amount: int
    time: int


class DepositedEvent(Message, frozen=True):
    """The deposit is booked; `balance` is what the account has free now."""

    transfer_id: str
    account: str
    asset: str
    amount: int
    balance: int
    time: int


class WithdrawnEvent(Message, frozen=True):
    """The withdrawal is booked; `balance` is what the account has free now."""

    transfer_id: str
    account: str
    asset: str
    amount: int
    balance: int
    time: int


class TransferRejectedEvent(Message, frozen=True):
    """The transfer changes nothing, for this reason."""

    transfer_id: str
    account: str
    asset: str
    amount: int
    reason: Reason
    time: int


LaneMessage = (
    MarketDefinedEvent
    | OrderCreateEvent
    | OrderCreatedEvent
    | OrderRejectedEvent
    | OrderPlacedEvent
    | OrderMatchedEvent
    | OrderCancelEvent
    | OrderCancelAllEvent
    | OrderCancelledEvent
    | CancelRejectedEvent
    | CancelAllDoneEvent
    | DepositEvent
    | WithdrawEvent
    | DepositedEvent
    | WithdrawnEvent
    | TransferRejectedEvent
)
"""What travels on numbered lanes and is journaled."""


Level = tuple[int, int]
"""A price in ticks and the total quantity that rests there in lots; 0 when the level is gone."""


class TradePrint(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A trade as the public sees it."""

    trade_id: int
    price: int
    quantity: int
    taker_side: Side
    time: int


class BookChangedEvent(Message, frozen=True):
    """Feed: the levels that changed since `sequence` - 1, with their new totals, and the trades since then."""

    market: str
    incarnation: int
    sequence: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    trades: tuple[TradePrint, ...]


class BookQuery(Message, frozen=True):
    """Ask: the whole book of a market."""

    market: str


class BookSnapshot(Message, frozen=True):
    """Answer: all levels, best first, and the latest trades, oldest first, as of `sequence` of the feed."""

    market: str
    incarnation: int
    sequence: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    trades: tuple[TradePrint, ...]


class BalancesQuery(Message, frozen=True):
    """Ask: what an account has."""

    account: str


class Balance(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an account has of an asset: free to use, and held for open orders."""

    asset: str
    free: int
    held: int


class Balances(Message, frozen=True):
    """Answer: an account's balances, by asset."""

    account: str
    balances: tuple[Balance, ...]


class AuditQuery(Message, frozen=True):
    """Ask: the sums of a wallet, for the audit."""


class AssetSums(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A wallet's sums of one asset; `faults` says in words what does not hold, and is empty when all does."""

    asset: str
    free: int
    held: int
    fees: int
    clearing: int
    deposits: int
    withdrawals: int
    faults: tuple[str, ...]


class WalletAudit(Message, frozen=True):
    """Answer: a wallet's sums by asset, and how many orders hold funds."""

    sums: tuple[AssetSums, ...]
    open_orders: int


class Unknown(Message, frozen=True):
    """Answer: there is no such thing here."""


FeedMessage = (
    BookChangedEvent | BookQuery | BookSnapshot | BalancesQuery | Balances | AuditQuery | WalletAudit | Unknown
)
"""What travels beside the lanes: not numbered, not journaled, silent during replay."""

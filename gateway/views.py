"""What clients see: records and answers as JSON documents.

Decimals are strings with all the places of their market or asset, times are RFC 3339 in UTC with
microseconds. What is absent is null, so that every document of a kind has the same members.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from actors.ids import order_id_text
from actors.market import Market, fee_of, format_decimal
from actors.messages import (
    Balances,
    DepositedEvent,
    DepositEvent,
    Level,
    OrderType,
    Side,
    TimeInForce,
    TradePrint,
    TransferRejectedEvent,
    WithdrawnEvent,
)
from actors.status import (
    Fill,
    OrderRecord,
    fills_of,
    history_of,
    matched_of,
    reason_of,
    remaining_of,
    status_of,
    traded_value_of,
    updated_at_of,
)
from actors.transfers import TransferRecord
from gateway.keys import Key

_SIDES = {Side.BUY: "buy", Side.SELL: "sell"}
_LIFETIMES = {TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"}


def format_time(time: int) -> str:
    """Write microseconds since 1970 as RFC 3339."""
    seconds, microseconds = divmod(time, 1_000_000)
    return f"{_format_second(seconds)}.{microseconds:06d}Z"


@lru_cache(maxsize=4096)
def _format_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def order_view(record: OrderRecord, market: Market) -> dict[str, Any]:
    """Everything that an order's owner may see of it."""
    order = record.order
    is_limit = order.type is OrderType.LIMIT
    quantity = market.format_quantity(order.quantity) if order.quantity else None
    created_at = format_time(order.time)
    # What is shown of an order that is PENDING, which every new one is: the answer to POST must be cheap.
    view = {
        "order_id": order_id_text(order.order_id),
        "client_order_id": order.client_order_id or None,
        "account": order.account,
        "market": order.market,
        "side": _SIDES[order.side],
        "type": "limit" if is_limit else "market",
        "time_in_force": _LIFETIMES[order.time_in_force],
        "post_only": order.post_only,
        # A market order's price is its protection, which the venue chose; its owner named none.
        "price": market.format_price(order.price) if is_limit else None,
        "quantity": quantity,
        "budget": market.format_quote(order.budget) if order.budget else None,
        "status": "PENDING",
        "reason": None,
        "matched_quantity": _format_zero(market.definition.base_scale),
        "remaining_quantity": quantity,
        "average_price": None,
        "locked": None,
        "created_at": created_at,
        "approved_at": None,
        "updated_at": created_at,
        "history": [{"status": "PENDING", "at": created_at}],
        "trades": [],
    }
    if record.locked_asset or record.end is not None:
        _show_progress(view, record, market)
    return view


TRADES_SHOWN_MAX = 1_000
"""Latest trades that one view of an order shows; its quantities and its average price are of all of them."""


@cache
def _format_zero(scale: int) -> str:
    return format_decimal(0, scale)


def _show_progress(view: dict[str, Any], record: OrderRecord, market: Market) -> None:
    """Put what has become of an order in place of what is shown of one that is PENDING."""
    side = record.order.side
    fills = fills_of(record)
    remaining = remaining_of(record)
    view["status"] = status_of(record)
    view["reason"] = reason_of(record)
    view["updated_at"] = format_time(updated_at_of(record))
    view["history"] = [{"status": status, "at": format_time(at)} for status, at in history_of(record)]
    if record.locked_asset:
        amount = _format_asset(record.locked_amount, record.locked_asset, market)
        view["locked"] = {"asset": record.locked_asset, "amount": amount}
        view["approved_at"] = format_time(record.created_at)
    if fills:
        view["matched_quantity"] = market.format_quantity(matched_of(record))
        view["remaining_quantity"] = None if remaining is None else market.format_quantity(remaining)
        view["average_price"] = _average_price(record, market)
        view["trades"] = [_fill_view(fill, side, market) for fill in fills[-TRADES_SHOWN_MAX:]]


def _format_asset(amount: int, asset: str, market: Market) -> str:
    """Write an amount of the market's base or quote asset."""
    definition = market.definition
    return format_decimal(amount, definition.base_scale if asset == definition.base else definition.quote_scale)


def _average_price(record: OrderRecord, market: Market) -> str:
    """Average price of the fills, rounded to the nearest that the quote asset (or the tick, if finer) can show."""
    definition = market.definition
    scale = max(definition.quote_scale, definition.price_scale)
    total = traded_value_of(record) * definition.tick * 10 ** (scale - definition.price_scale)
    quantity = matched_of(record)
    return format_decimal((2 * total + quantity) // (2 * quantity), scale)


def _fill_view(fill: Fill, side: Side, market: Market) -> dict[str, Any]:
    """One of the order's trades; the fee is in what the order receives."""
    if side is Side.BUY:
        received, fee_asset = fill.quantity * market.lot, market.base
    else:
        received, fee_asset = market.notional(fill.price, fill.quantity), market.quote
    return {
        "trade_id": str(fill.trade_id),
        "price": market.format_price(fill.price),
        "quantity": market.format_quantity(fill.quantity),
        "fee": _format_asset(fee_of(received, fill.fee_ppm), fee_asset, market),
        "fee_asset": fee_asset,
        "role": "maker" if fill.is_maker else "taker",
        "at": format_time(fill.time),
    }


def market_view(market: Market) -> dict[str, Any]:
    """A market's parameters."""
    definition = market.definition
    return {
        "market": market.symbol,
        "base": market.base,
        "quote": market.quote,
        "base_scale": definition.base_scale,
        "quote_scale": definition.quote_scale,
        "tick": market.tick_text,
        "lot": market.lot_text,
        "min_notional": market.format_quote(definition.min_notional),
        "maker_fee_ppm": definition.maker_fee_ppm,
        "taker_fee_ppm": definition.taker_fee_ppm,
        "protection_ppm": definition.protection_ppm,
    }


def levels_view(levels: Iterable[Level], market: Market) -> list[list[str]]:
    """Price levels as pairs of price and quantity."""
    return [[market.format_price(price), market.format_quantity(total)] for price, total in levels]


def print_view(trade: TradePrint, market: Market) -> dict[str, Any]:
    """A trade as the public sees it."""
    return {
        "trade_id": str(trade.trade_id),
        "price": market.format_price(trade.price),
        "quantity": market.format_quantity(trade.quantity),
        "taker_side": _SIDES[trade.taker_side],
        "at": format_time(trade.time),
    }


def balances_view(balances: Balances, scales: Mapping[str, int]) -> dict[str, Any]:
    """What an account has, by asset."""
    return {
        "account": balances.account,
        "balances": [
            {
                "asset": balance.asset,
                "free": format_decimal(balance.free, scales[balance.asset]),
                "held": format_decimal(balance.held, scales[balance.asset]),
            }
            for balance in balances.balances
        ],
    }


def transfer_view(record: TransferRecord, scales: Mapping[str, int]) -> dict[str, Any]:
    """A deposit or withdrawal, with its result if there is one."""
    request = record.request
    result = record.result
    rejected = isinstance(result, TransferRejectedEvent)
    scale = scales[request.asset]
    return {
        "transfer_id": request.transfer_id,
        "account": request.account,
        "kind": "deposit" if isinstance(request, DepositEvent) else "withdrawal",
        "asset": request.asset,
        "amount": format_decimal(request.amount, scale),
        "status": "PENDING" if result is None else "REJECTED" if rejected else "DONE",
        "reason": result.reason if isinstance(result, TransferRejectedEvent) else None,
        "balance": format_decimal(result.balance, scale)
        if isinstance(result, DepositedEvent | WithdrawnEvent)
        else None,
        "created_at": format_time(request.time),
        "decided_at": format_time(result.time) if result is not None else None,
    }


def key_view(key: Key) -> dict[str, Any]:
    """A key without its secret."""
    return {
        "key_id": key.key_id,
        "account": key.account,
        "scopes": key.scopes,
        "created_at": format_time(key.created_at),
    }

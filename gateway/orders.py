"""From the JSON of a request to the integers of a message: strict, and on the hot path.

Whatever can be known about an order without asking anybody is checked here; what depends on funds or
on the book is decided by the wallet and the matcher, and becomes the order's status.
"""

from collections.abc import Callable
from typing import Any

from actors.market import Market, parse_decimal
from actors.messages import AMOUNT_MAX, OrderCreateEvent, OrderType, Side, TimeInForce
from gateway.fields import (
    choice_problem,
    client_id_problem,
    is_client_id,
    read_decimal,
    refuse_unknown,
    shown,
    text_problem,
)
from gateway.problems import Problem

ORDER_FIELDS = frozenset(
    (
        "market",
        "side",
        "type",
        "price",
        "quantity",
        "budget",
        "time_in_force",
        "post_only",
        "client_order_id",
    )
)

FindMarket = Callable[[str], Market | None]

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_LIFETIMES = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_GTC = TimeInForce.GTC
_IOC = TimeInForce.IOC
_FOK = TimeInForce.FOK
_LIMIT = OrderType.LIMIT
_MARKET = OrderType.MARKET
_BUY = Side.BUY


def parse_order(body: dict[str, Any], account: str, find_market: FindMarket) -> OrderCreateEvent:
    """Read an order; its id and time stay 0, and so does the price of a market order.

    Raises:
        Problem: with the code of what is wrong.

    """
    if not body.keys() <= ORDER_FIELDS:
        refuse_unknown(body, ORDER_FIELDS)
    get = body.get
    symbol = get("market")
    market = find_market(symbol) if type(symbol) is str else None
    if market is None:
        raise _market_problem(body)
    side_text = get("side")
    side = _SIDES.get(side_text) if type(side_text) is str else None
    if side is None:
        raise choice_problem(body, "side", _SIDES)
    client_order_id = get("client_order_id")
    if client_order_id is None:
        client_order_id = ""
    elif not is_client_id(client_order_id):
        raise client_id_problem("client_order_id", client_order_id)
    kind = get("type")
    if kind == "limit":
        return _limit_order(body, account, market, side, client_order_id)
    if kind == "market":
        return _market_order(body, account, market, side, client_order_id)
    raise choice_problem(body, "type", ("limit", "market"))


def _limit_order(
    body: dict[str, Any], account: str, market: Market, side: Side, client_order_id: str
) -> OrderCreateEvent:
    get = body.get
    price = read_decimal(body, "price", market.parse_price)
    quantity = read_decimal(body, "quantity", market.parse_quantity)
    if get("budget") is not None:
        raise Problem("invalid_combination", "Only a market buy has a budget; a limit order has price and quantity.")
    lifetime = get("time_in_force")
    time_in_force = _GTC if lifetime is None else _parse_lifetime(body)
    post_only = get("post_only")
    if post_only is None:
        post_only = False
    elif type(post_only) is not bool:
        raise Problem("wrong_type", "post_only must be true or false.")
    elif post_only and time_in_force is not _GTC:
        raise Problem("invalid_combination", "A post-only order rests on the book: its time_in_force must be GTC.")
    notional = price * quantity * market.notional_unit
    if notional > AMOUNT_MAX:
        raise Problem("out_of_range", "Price × quantity is larger than this venue can count (63 bits).")
    if notional < market.definition.min_notional:
        raise _too_small(market, notional)
    return OrderCreateEvent(
        0, account, market.symbol, side, _LIMIT, time_in_force, post_only, price, quantity, 0, client_order_id, 0
    )


def _market_order(
    body: dict[str, Any], account: str, market: Market, side: Side, client_order_id: str
) -> OrderCreateEvent:
    get = body.get
    if get("price") is not None:
        raise Problem("invalid_combination", "A market order has no price; send a limit order to name one.")
    post_only = get("post_only")
    if post_only is not None and type(post_only) is not bool:
        raise Problem("wrong_type", "post_only must be true or false.")
    if post_only:
        raise Problem("invalid_combination", "A market order never rests on the book, so it cannot be post-only.")
    time_in_force = _IOC if get("time_in_force") is None else _parse_lifetime(body)
    if time_in_force is _GTC:
        raise Problem("invalid_combination", "A market order never rests on the book: time_in_force is IOC or FOK.")
    if get("budget") is None:
        quantity = read_decimal(body, "quantity", market.parse_quantity)
        budget = 0
    else:
        quantity = 0
        budget = _parse_budget(body, market, side, time_in_force)
    return OrderCreateEvent(
        0, account, market.symbol, side, _MARKET, time_in_force, False, 0, quantity, budget, client_order_id, 0
    )


def _parse_budget(body: dict[str, Any], market: Market, side: Side, time_in_force: TimeInForce) -> int:
    """Read what a market buy may spend, in smallest units of quote."""
    if side is not _BUY:
        raise Problem("invalid_combination", "Only a market buy has a budget; a sell names its quantity.")
    if body.get("quantity") is not None:
        raise Problem("invalid_combination", "A market buy has a quantity or a budget, not both.")
    if time_in_force is _FOK:
        raise Problem("invalid_combination", "Fill-or-kill needs a quantity; a market buy by budget is IOC.")
    scale = market.definition.quote_scale
    budget = read_decimal(body, "budget", lambda text: parse_decimal(text, scale))
    if budget < market.definition.min_notional:
        raise _too_small(market, budget)
    return budget


def _parse_lifetime(body: dict[str, Any]) -> TimeInForce:
    """Read `time_in_force`."""
    text = body["time_in_force"]
    time_in_force = _LIFETIMES.get(text) if type(text) is str else None
    if time_in_force is None:
        raise choice_problem(body, "time_in_force", _LIFETIMES)
    return time_in_force


def _market_problem(body: dict[str, Any]) -> Problem:
    symbol = body.get("market")
    if type(symbol) is not str:
        return text_problem(body, "market")
    return Problem("unknown_market", f"There is no market {shown(symbol)} here; GET /v1/markets lists them.")


def _too_small(market: Market, notional: int) -> Problem:
    smallest = market.format_quote(market.definition.min_notional)
    return Problem(
        "below_min_notional",
        f"The order is worth {market.format_quote(notional)} {market.quote}; {market.symbol} takes {smallest} or more.",
    )

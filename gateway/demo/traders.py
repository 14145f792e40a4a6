"""A little trading that goes on: two makers quote around a price that wanders, and others take."""

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import aiohttp

from gateway.demo.client import Client, Document, open_account

PAUSE_S = 0.1
"""Between two requests: the demo shows a market, it does not load one."""
TAKERS = ("alice", "bob", "carol")
MAKERS = ("maker-1", "maker-2")
FUNDS = {"BTC": "50", "ETH": "500", "USDT": "2000000"}
LEVELS = 4

MARKETS = ("BTC-USDT", "ETH-USDT")
_START_CENTS = {"BTC-USDT": 2_700_000, "ETH-USDT": 180_000}
_STEP_CENTS = {"BTC-USDT": 500, "ETH-USDT": 50}
_SIZES = {"BTC-USDT": (20, 200), "ETH-USDT": (200, 2_000)}
"""Smallest and largest quantity, in ten-thousandths."""


async def open_accounts(operator: Client) -> dict[str, Client]:
    """Make and fund all accounts; return them by name."""
    return {name: await open_account(operator, name, FUNDS) for name in (*TAKERS, *MAKERS)}


async def trade_on(clients: dict[str, Client], seed: int = 1) -> None:
    """Trade until cancelled; a venue that declines or is busy is left alone until the next turn."""
    draw = random.Random(seed)  # noqa: S311 - prices of a demo are no secret
    cents = dict(_START_CENTS)
    while True:
        for market in MARKETS:
            cents[market] += draw.randint(-3, 3) * _STEP_CENTS[market]
            for name in MAKERS:
                await _quote(clients[name], market, cents[market], draw)
            for _ in range(LEVELS):
                await _take(clients[draw.choice(TAKERS)], market, draw)


async def _quote(maker: Client, market: str, cents: int, draw: random.Random) -> None:
    """Replace a maker's quotes, so that open orders stay few however long the demo runs."""
    await _send(maker.call("DELETE", f"/v1/orders?market={market}", wait_s=1))
    for level in range(1, LEVELS + 1):
        for side, sign in (("buy", -1), ("sell", 1)):
            price = cents + sign * level * _STEP_CENTS[market] * 2
            order = {
                "market": market,
                "side": side,
                "type": "limit",
                "price": f"{price // 100}.{price % 100:02d}",
                "quantity": _size(market, draw),
                "post_only": True,
            }
            await _send(maker.call("POST", "/v1/orders", order))


async def _take(taker: Client, market: str, draw: random.Random) -> None:
    order = {"market": market, "side": draw.choice(("buy", "sell")), "type": "market", "quantity": _size(market, draw)}
    await _send(taker.call("POST", "/v1/orders", order))


def _size(market: str, draw: random.Random) -> str:
    return f"0.{draw.randint(*_SIZES[market]):04d}"


async def _send(request: Coroutine[Any, Any, tuple[int, Document]]) -> None:
    """Send a request and pause."""
    with suppress(aiohttp.ClientError):
        await request
    await asyncio.sleep(PAUSE_S)

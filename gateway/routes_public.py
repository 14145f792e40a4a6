"""Routes that need no key: markets, books, trades, health, and what there is."""

from itertools import islice
from typing import Any

import orjson
from aiohttp import web

from gateway.desk import Desk
from gateway.http import JSON_HEADERS, json_response, limit_of, parameters_of, problem_response
from gateway.openapi import directory, openapi_document
from gateway.problems import Problem
from gateway.views import levels_view, market_view, print_view


class PublicRoutes:
    """What everybody may see."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._openapi = orjson.dumps(openapi_document())

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/", self.show_directory),
            web.get("/openapi.json", self.show_openapi),
            web.get("/health/live", self.show_live),
            web.get("/health/ready", self.show_ready),
            web.get("/v1/markets", self.list_markets),
            web.get("/v1/markets/{market}/book", self.show_book),
            web.get("/v1/markets/{market}/trades", self.show_trades),
        ]

    async def show_directory(self, request: web.Request) -> web.Response:
        """Show what there is."""
        return json_response(directory())

    async def show_openapi(self, request: web.Request) -> web.Response:
        """Show the description of the API."""
        return web.Response(body=self._openapi, headers=JSON_HEADERS)

    async def show_live(self, request: web.Request) -> web.Response:
        """Say that this process works."""
        return json_response({"status": "live"})

    async def show_ready(self, request: web.Request) -> web.Response:
        """Say whether orders can be placed, and if not why."""
        try:
            await self._desk.check_ready()
        except Problem as problem:
            return problem_response(problem)
        return json_response({"status": "ready"})

    async def list_markets(self, request: web.Request) -> web.Response:
        """List the markets and their parameters."""
        parameters_of(request)
        return json_response({"markets": [market_view(market) for market in self._desk.markets()]})

    async def show_book(self, request: web.Request) -> web.Response:
        """Show the best levels of a market's book."""
        market = self._desk.market(request.match_info["market"])
        depth = limit_of(parameters_of(request, "depth"), "depth")
        view = await self._desk.book(market.symbol)
        document: dict[str, Any] = {
            "market": market.symbol,
            "sequence": view.sequence,
            "bids": levels_view(view.bids.highest(depth), market),
            "asks": levels_view(view.asks.lowest(depth), market),
        }
        return json_response(document)

    async def show_trades(self, request: web.Request) -> web.Response:
        """Show a market's latest trades, newest first."""
        market = self._desk.market(request.match_info["market"])
        limit = limit_of(parameters_of(request, "limit"))
        view = await self._desk.book(market.symbol)
        latest = islice(reversed(view.trades), limit)
        return json_response({"market": market.symbol, "trades": [print_view(trade, market) for trade in latest]})

"""Routes of an account: its orders and its balances. They translate HTTP; what happens is the desk's business."""

from typing import Any

from aiohttp import hdrs, web

from actors.ids import order_id_text, parse_order_uuid
from actors.status import OrderRecord, OrderStatus, status_of
from gateway.desk import Desk
from gateway.fields import parse_object
from gateway.http import (
    PREFER,
    accepted_response,
    json_response,
    limit_of,
    parameters_of,
    preferred_wait_s,
)
from gateway.keys import READ, TRADE, Keys
from gateway.orders import parse_order
from gateway.problems import Problem
from gateway.views import balances_view, order_view


class AccountRoutes:
    """What the owner of a key does with the account."""

    def __init__(self, desk: Desk, keys: Keys, scales: dict[str, int]) -> None:
        """Take the number of decimal places of each asset as `scales`."""
        self._desk = desk
        self._keys = keys
        self._scales = scales

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post("/v1/orders", self.place_order),
            web.get("/v1/orders", self.list_orders),
            web.delete("/v1/orders", self.cancel_orders),
            web.get("/v1/orders/{order_id}", self.show_order),
            web.delete("/v1/orders/{order_id}", self.cancel_order),
            web.get("/v1/balances", self.show_balances),
        ]

    async def place_order(self, request: web.Request) -> web.Response:
        """Take an order, and answer when it is durable."""
        headers = request.headers
        account = self._keys.authenticate(headers.get(hdrs.AUTHORIZATION), TRADE)
        desk = self._desk
        order = parse_order(parse_object(await request.read()), account, desk.find_market)
        wait_s = preferred_wait_s(headers[PREFER]) if PREFER in headers else 0
        view = self._view(await desk.place(order, wait_s))
        return accepted_response(view, wait_s, f"/v1/orders/{view['order_id']}")

    async def show_order(self, request: web.Request) -> web.Response:
        """Show an order of the account, from the map in this process."""
        account = self._keys.authenticate(request.headers.get(hdrs.AUTHORIZATION), READ)
        record = self._desk.order(account, parse_order_uuid(request.match_info["order_id"]))
        return json_response(self._view(record))

    async def list_orders(self, request: web.Request) -> web.Response:
        """List the account's orders, newest first, a page at a time."""
        account = self._keys.authenticate(request.headers.get(hdrs.AUTHORIZATION), READ)
        asked = parameters_of(request, "status", "market", "client_order_id", "limit", "cursor")
        status = _parse_status(asked["status"]) if "status" in asked else None
        market = self._desk.market(asked["market"]).symbol if "market" in asked else None
        before = _parse_cursor(asked["cursor"]) if "cursor" in asked else None
        limit = limit_of(asked)
        if "client_order_id" in asked:
            record = self._desk.order_by_client_id(account, asked["client_order_id"])
            orders = [record] if record is not None and _matches(record, status, market, before) else []
            before = None
        else:
            page = self._desk.orders(account, status, market, limit, before)
            orders, before = page.orders, page.before
        return json_response(
            {
                "orders": [self._view(record) for record in orders],
                "next_cursor": order_id_text(before) if before is not None else None,
            }
        )

    async def cancel_order(self, request: web.Request) -> web.Response:
        """Ask for an order to be taken off the book."""
        account = self._keys.authenticate(request.headers.get(hdrs.AUTHORIZATION), TRADE)
        order_id = parse_order_uuid(request.match_info["order_id"])
        wait_s = preferred_wait_s(request.headers.get(PREFER, ""))
        view = self._view(await self._desk.cancel(account, order_id, wait_s))
        return accepted_response(view, wait_s, f"/v1/orders/{view['order_id']}")

    async def cancel_orders(self, request: web.Request) -> web.Response:
        """Ask for all orders of the account in a market to be taken off the book."""
        account = self._keys.authenticate(request.headers.get(hdrs.AUTHORIZATION), TRADE)
        asked = parameters_of(request, "market")
        if "market" not in asked:
            raise Problem("missing_field", "Say which market: DELETE /v1/orders?market=….")
        wait_s = preferred_wait_s(request.headers.get(PREFER, ""))
        done = await self._desk.cancel_all(account, asked["market"], wait_s)
        return accepted_response({"account": account, "market": asked["market"], "done": done}, wait_s)

    async def show_balances(self, request: web.Request) -> web.Response:
        """Show what the account has."""
        account = self._keys.authenticate(request.headers.get(hdrs.AUTHORIZATION), READ)
        return json_response(balances_view(await self._desk.balances(account), self._scales))

    def _view(self, record: OrderRecord) -> dict[str, Any]:
        return order_view(record, self._desk.market(record.order.market))


def _matches(record: OrderRecord, status: OrderStatus | None, market: str | None, before: int | None) -> bool:
    order = record.order
    return (
        (status is None or status_of(record) is status)
        and (market is None or order.market == market)
        and (before is None or order.order_id < before)
    )


def _parse_status(text: str) -> OrderStatus:
    try:
        return OrderStatus(text)
    except ValueError:
        raise Problem("invalid_parameter", f"status must be one of {', '.join(OrderStatus)}.") from None


def _parse_cursor(text: str) -> int:
    order_id = parse_order_uuid(text)
    if order_id is None:
        raise Problem("invalid_parameter", "cursor must be the next_cursor of the page before.")
    return order_id

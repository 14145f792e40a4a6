"""Routes of the operator: deposits and withdrawals, accounts, the audit, and keys."""

from urllib.parse import quote

from aiohttp import hdrs, web

from actors.messages import DepositEvent, TransferRejectedEvent, WithdrawEvent
from gateway.admin import parse_key_request, parse_transfer
from gateway.audit import audit_view
from gateway.desk import Desk
from gateway.fields import parse_object
from gateway.http import JSON_HEADERS, json_response, parameters_of
from gateway.keys import OPERATOR, Keys, check_account
from gateway.problems import Problem
from gateway.views import balances_view, key_view, transfer_view


class AdminRoutes:
    """What the operator's key opens."""

    def __init__(self, desk: Desk, keys: Keys, scales: dict[str, int]) -> None:
        """Take the number of decimal places of each asset as `scales`."""
        self._desk = desk
        self._keys = keys
        self._scales = scales

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post("/v1/admin/accounts/{account}/deposits", self.deposit),
            web.post("/v1/admin/accounts/{account}/withdrawals", self.withdraw),
            web.get("/v1/admin/accounts/{account}/balances", self.show_balances),
            web.get("/v1/admin/transfers/{transfer_id}", self.show_transfer),
            web.get("/v1/admin/audit", self.show_audit),
            web.post("/v1/admin/keys", self.create_key),
            web.get("/v1/admin/keys", self.list_keys),
            web.delete("/v1/admin/keys/{key_id}", self.revoke_key),
        ]

    async def deposit(self, request: web.Request) -> web.Response:
        """Add to an account."""
        return await self._transfer(request, DepositEvent)

    async def withdraw(self, request: web.Request) -> web.Response:
        """Take from an account."""
        return await self._transfer(request, WithdrawEvent)

    async def _transfer(self, request: web.Request, kind: type[DepositEvent | WithdrawEvent]) -> web.Response:
        self._authenticate(request)
        account = check_account(request.match_info["account"])
        transfer_id, asset, amount = parse_transfer(parse_object(await request.read()), self._scales)
        record = await self._desk.transfer(kind(transfer_id, account, asset, amount, 0))
        result = record.result
        if isinstance(result, TransferRejectedEvent):
            raise Problem(result.reason, f"The transfer is refused: {result.reason}.")
        location = f"/v1/admin/transfers/{quote(transfer_id, safe='')}?account={account}"
        status = 202 if result is None else 201
        return json_response(transfer_view(record, self._scales), status, {**JSON_HEADERS, hdrs.LOCATION: location})

    async def show_transfer(self, request: web.Request) -> web.Response:
        """Show a deposit or withdrawal."""
        self._authenticate(request)
        asked = parameters_of(request, "account")
        record = self._desk.find_transfer(request.match_info["transfer_id"], asked.get("account"))
        return json_response(transfer_view(record, self._scales))

    async def show_balances(self, request: web.Request) -> web.Response:
        """Show what an account has."""
        self._authenticate(request)
        account = check_account(request.match_info["account"])
        return json_response(balances_view(await self._desk.balances(account), self._scales))

    async def show_audit(self, request: web.Request) -> web.Response:
        """Add everything up."""
        self._authenticate(request)
        return json_response(audit_view(await self._desk.audit(), self._scales))

    async def create_key(self, request: web.Request) -> web.Response:
        """Make a key and show it, this once."""
        self._authenticate(request)
        account, scopes = parse_key_request(parse_object(await request.read()))
        key, text = self._keys.create(account, scopes)
        return json_response({**key_view(key), "key": text}, 201, {**JSON_HEADERS, hdrs.CACHE_CONTROL: "no-store"})

    async def list_keys(self, request: web.Request) -> web.Response:
        """List the keys, without the keys themselves."""
        self._authenticate(request)
        return json_response({"keys": [key_view(key) for key in self._keys.list()]})

    async def revoke_key(self, request: web.Request) -> web.Response:
        """Forget a key."""
        self._authenticate(request)
        self._keys.revoke(request.match_info["key_id"])
        return web.Response(status=204)

    def _authenticate(self, request: web.Request) -> None:
        self._keys.authenticate(request.headers.get(hdrs.AUTHORIZATION), OPERATOR)

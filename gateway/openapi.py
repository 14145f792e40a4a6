"""The description of the API: OpenAPI 3.1, written by hand, and checked against the routes by a test."""

from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from gateway import problems
from gateway.http import LIST_LIMIT, LIST_LIMIT_MAX, WAIT_MAX_S
from gateway.problems import PROBLEMS
from gateway.schemas import ACCOUNT, CLIENT_ID, ORDER_ID, SCHEMAS, STATUS, STRING, Schema, ref

_READS = ("unauthorized", "forbidden")
_BODY = ("bad_request", "malformed_json", "wrong_type", "missing_field", "unknown_field", "body_too_large")
_QUERY = ("unknown_field", "invalid_parameter")
_DOOR = ("too_many_in_flight", "unavailable", "closing")
_DECIMAL = ("invalid_decimal", "not_positive", "too_many_digits", "out_of_range", "invalid_value")
_ORDER = (
    *("unknown_market", "price_off_tick", "quantity_off_lot", "below_min_notional", "invalid_combination"),
    *("client_order_id_conflict", "too_many_open_orders"),
)
_TRANSFER = (
    *("invalid_account", "unknown_asset", "transfer_id_conflict", "insufficient_funds", "supply_exceeded"),
    *_DECIMAL,
)


def tradepost_version() -> str:
    """Version of the installed distribution."""
    try:
        return version("tradepost")
    except PackageNotFoundError:
        return "0+unknown"


def _in(where: str, name: str, schema: Schema, description: str, *, required: bool = False) -> dict[str, Any]:
    return {
        "in": where,
        "name": name,
        "schema": schema,
        "description": description,
        "required": required or where == "path",
    }


def _limit(name: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": LIST_LIMIT_MAX, "default": LIST_LIMIT}
    return _in("query", name, schema, "How many entries at most.")


_WAIT = _in(
    "header", "Prefer", STRING, f"`wait=N`: wait up to N seconds (at most {WAIT_MAX_S}) for the outcome (RFC 7240)."
)
_ORDER_IN_PATH = _in("path", "order_id", ORDER_ID, "The order.")
_MARKET_IN_PATH = _in("path", "market", STRING, "The market, such as BTC-USDT.")
_ACCOUNT_IN_PATH = _in("path", "account", ACCOUNT, "The account.")
_LOCATION = {"Location": {"schema": STRING, "description": "Where the outcome can be seen."}}
_APPLIED = {"Preference-Applied": {"schema": STRING, "description": "The wish to wait that was honoured."}}


def _answer(description: str, schema: str | None, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": description}
    if schema is not None:
        answer["content"] = {"application/json": {"schema": ref(schema)}}
    if headers:
        answer["headers"] = headers
    return answer


def _operation(
    summary: str,
    answers: dict[int, dict[str, Any]],
    codes: Iterable[str] = (),
    *,
    scope: str | None = None,
    parameters: Iterable[dict[str, Any]] = (),
    body: str | None = None,
) -> dict[str, Any]:
    """Describe one call: its answers, and the problems it may have, by HTTP status."""
    by_status: dict[int, list[str]] = {}
    known = (*(_READS if scope else ()), *(_BODY if body else ()), *codes, "internal_error")
    for code in dict.fromkeys(known):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    refusals = {
        str(status): {
            "description": "Problem: " + ", ".join(f"`{code}`" for code in found),
            "content": {problems.CONTENT_TYPE: {"schema": ref("Problem")}},
        }
        for status, found in sorted(by_status.items())
    }
    operation: dict[str, Any] = {"summary": summary}
    if scope:
        operation["security"] = [{"key": []}]
        operation["description"] = f"Needs a key with the scope `{scope}`."
    if parameters:
        operation["parameters"] = list(parameters)
    if body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(body)}}}
    operation["responses"] = {str(status): answer for status, answer in answers.items()} | refusals
    return operation


def _transfer(summary: str) -> dict[str, Any]:
    return _operation(
        summary,
        {
            201: _answer("It is booked.", "Transfer", _LOCATION),
            202: _answer("It is durable, and not decided yet.", "Transfer", _LOCATION),
        },
        (*_TRANSFER, *_DOOR),
        scope="operator",
        parameters=[_ACCOUNT_IN_PATH],
        body="TransferRequest",
    )


def _paths() -> dict[str, dict[str, Any]]:
    return {
        "/v1/orders": {
            "post": _operation(
                "Place an order. It is durable when the answer leaves, and will be decided exactly once; the same "
                "client_order_id with the same order answers with the first one.",
                {202: _answer("The order is accepted.", "Order", _LOCATION | _APPLIED)},
                (*_DECIMAL, *_ORDER, *_DOOR),
                scope="trade",
                parameters=[_WAIT],
                body="OrderRequest",
            ),
            "get": _operation(
                "List the account's orders, newest first. A page may be short, even empty, and still be followed by "
                "another: go on until next_cursor is null.",
                {200: _answer("A page of orders.", "Orders")},
                (*_QUERY, "unknown_market"),
                scope="read",
                parameters=[
                    _in("query", "status", STATUS, "Only orders with this status."),
                    _in("query", "market", STRING, "Only orders in this market."),
                    _in("query", "client_order_id", CLIENT_ID, "Only the order with this client order id."),
                    _limit("limit"),
                    _in("query", "cursor", STRING, "The next_cursor of the page before."),
                ],
            ),
            "delete": _operation(
                "Cancel all orders that the account has placed in a market before this.",
                {
                    202: _answer(
                        "It will be done; with `Prefer: wait`, `done` says whether it is.", "CancelAll", _APPLIED
                    )
                },
                ("unknown_field", "invalid_parameter", "missing_field", "unknown_market", *_DOOR),
                scope="trade",
                parameters=[_in("query", "market", STRING, "The market.", required=True), _WAIT],
            ),
        },
        "/v1/orders/{order_id}": {
            "get": _operation(
                "Show an order with its history and trades.",
                {200: _answer("The order.", "Order")},
                ("unknown_order",),
                scope="read",
                parameters=[_ORDER_IN_PATH],
            ),
            "delete": _operation(
                "Cancel an order.",
                {
                    202: _answer(
                        "The cancel is on its way; with `Prefer: wait`, its outcome.", "Order", _LOCATION | _APPLIED
                    )
                },
                ("unknown_order", "order_not_open", *_DOOR),
                scope="trade",
                parameters=[_ORDER_IN_PATH, _WAIT],
            ),
        },
        "/v1/balances": {
            "get": _operation(
                "Show what the account has.", {200: _answer("By asset.", "Balances")}, _DOOR[1:], scope="read"
            )
        },
        "/v1/markets": {"get": _operation("List the markets.", {200: _answer("The markets.", "Markets")}, _QUERY)},
        "/v1/markets/{market}/book": {
            "get": _operation(
                "Show the best levels of a market's book.",
                {200: _answer("Best levels first.", "Book")},
                ("unknown_market", "unavailable", *_QUERY),
                parameters=[_MARKET_IN_PATH, _limit("depth")],
            )
        },
        "/v1/markets/{market}/trades": {
            "get": _operation(
                "Show a market's latest trades.",
                {200: _answer("Newest first.", "Trades")},
                ("unknown_market", "unavailable", *_QUERY),
                parameters=[_MARKET_IN_PATH, _limit("limit")],
            )
        },
        "/v1/admin/accounts/{account}/deposits": {"post": _transfer("Add to an account, once per transfer_id.")},
        "/v1/admin/accounts/{account}/withdrawals": {"post": _transfer("Take from an account, once per transfer_id.")},
        "/v1/admin/accounts/{account}/balances": {
            "get": _operation(
                "Show what an account has.",
                {200: _answer("By asset.", "Balances")},
                ("invalid_account", *_DOOR[1:]),
                scope="operator",
                parameters=[_ACCOUNT_IN_PATH],
            )
        },
        "/v1/admin/transfers/{transfer_id}": {
            "get": _operation(
                "Show a deposit or withdrawal.",
                {200: _answer("The transfer.", "Transfer")},
                ("unknown_transfer", *_QUERY),
                scope="operator",
                parameters=[
                    _in("path", "transfer_id", CLIENT_ID, "The transfer."),
                    _in("query", "account", ACCOUNT, "Whose; needed when several accounts have used this id."),
                ],
            )
        },
        "/v1/admin/audit": {
            "get": _operation(
                "Add up all wallets and say whether the books hold.",
                {200: _answer("The audit.", "Audit")},
                _DOOR[1:],
                scope="operator",
            )
        },
        "/v1/admin/keys": {
            "post": _operation(
                "Make a key for an account.",
                {201: _answer("The key, shown this once.", "Key")},
                ("invalid_account", "invalid_value", "too_many_keys"),
                scope="operator",
                body="KeyRequest",
            ),
            "get": _operation(
                "List the keys.", {200: _answer("Without the keys themselves.", "Keys")}, scope="operator"
            ),
        },
        "/v1/admin/keys/{key_id}": {
            "delete": _operation(
                "Revoke a key.",
                {204: _answer("It is not known any more.", None)},
                ("unknown_key",),
                scope="operator",
                parameters=[_in("path", "key_id", STRING, "The key.")],
            )
        },
        "/health/live": {"get": _operation("Whether this process works.", {200: _answer("It does.", "Health")})},
        "/health/ready": {
            "get": _operation("Whether orders can be placed.", {200: _answer("They can.", "Health")}, _DOOR[1:])
        },
        "/openapi.json": {"get": _operation("This document.", {200: {"description": "OpenAPI 3.1."}})},
        "/": {"get": _operation("What there is.", {200: {"description": "Each call with its summary."}})},
    }


@cache
def openapi_document() -> dict[str, Any]:
    """Return the whole description, ready for JSON."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tradepost",
            "version": tradepost_version(),
            "description": (
                "An exchange core. Decimals are strings, times are RFC 3339 in UTC with microseconds, errors are "
                "RFC 9457 problem documents with a stable `code`, and unknown fields are refused."
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": _paths(),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def directory() -> dict[str, Any]:
    """Return each call with its summary: what somebody sees who opens the venue's address."""
    return {
        "name": "tradepost",
        "version": tradepost_version(),
        "openapi": "/openapi.json",
        "calls": {
            f"{method.upper()} {path}": operation["summary"]
            for path, methods in openapi_document()["paths"].items()
            for method, operation in methods.items()
        },
    }

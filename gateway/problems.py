"""Every way in which the API says no: one table, one exception, one document (RFC 9457).

A client decides by `code`, which never changes; `title` and `detail` are for people.
"""

from typing import Any

import msgspec

from actors.errors import TradepostError

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:tradepost:problem:"


class Problem(TradepostError):
    """A request is refused.

    Attributes:
        code: a key of `PROBLEMS`.
        detail: one sentence about this very request.
        retry_after_s: after how many seconds it may be sent again; 0 if that is of no use.

    """

    def __init__(self, code: str, detail: str, retry_after_s: int = 0) -> None:
        assert code in PROBLEMS, f"{code} is in no table"
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s


class ProblemKind(msgspec.Struct, frozen=True):
    """What all problems of one code have in common."""

    status: int
    title: str


PROBLEMS: dict[str, ProblemKind] = {
    # The request cannot be understood.
    "bad_request": ProblemKind(400, "The request is not one that this server understands"),
    "malformed_json": ProblemKind(400, "The body is not JSON"),
    "wrong_type": ProblemKind(400, "A value has the wrong type"),
    "missing_field": ProblemKind(400, "A field is missing"),
    "unknown_field": ProblemKind(400, "A field or parameter is not known"),
    "invalid_parameter": ProblemKind(400, "A parameter cannot be used"),
    "body_too_large": ProblemKind(413, "The body is too large"),
    "not_found": ProblemKind(404, "There is nothing at this address"),
    "method_not_allowed": ProblemKind(405, "This address does not take this method"),
    # Who asks, and whether they may.
    "unauthorized": ProblemKind(401, "A valid key is needed"),
    "forbidden": ProblemKind(403, "The key lacks a scope"),
    # A value is understood, and cannot be accepted.
    "invalid_value": ProblemKind(422, "A value is not one of those that are possible"),
    "invalid_combination": ProblemKind(422, "These fields do not go together"),
    "invalid_account": ProblemKind(422, "This cannot be the name of an account"),
    "invalid_decimal": ProblemKind(422, "This is not a plain decimal"),
    "not_positive": ProblemKind(422, "The value must be above zero"),
    "too_many_digits": ProblemKind(422, "The decimal has too many digits"),
    "out_of_range": ProblemKind(422, "The value or amount is too large"),
    "price_off_tick": ProblemKind(422, "The price is not a multiple of the tick"),
    "quantity_off_lot": ProblemKind(422, "The quantity is not a multiple of the lot"),
    "below_min_notional": ProblemKind(422, "The order is too small for this market"),
    "insufficient_funds": ProblemKind(422, "The account has too little"),
    "supply_exceeded": ProblemKind(422, "The venue cannot hold that much of the asset"),
    # What is spoken of does not exist, or not for this account.
    "unknown_market": ProblemKind(404, "There is no such market"),
    "unknown_asset": ProblemKind(404, "There is no such asset"),
    "unknown_order": ProblemKind(404, "There is no such order"),
    "unknown_transfer": ProblemKind(404, "There is no such transfer"),
    "unknown_key": ProblemKind(404, "There is no such key"),
    # It does not fit what has happened before.
    "client_order_id_conflict": ProblemKind(409, "The client order id belongs to another order"),
    "transfer_id_conflict": ProblemKind(409, "The transfer id belongs to another transfer"),
    "order_not_open": ProblemKind(409, "The order is no longer open"),
    "too_many_open_orders": ProblemKind(409, "The account has as many open orders as it may have"),
    "too_many_keys": ProblemKind(409, "The venue has as many keys as it may have"),
    # Not now.
    "too_many_in_flight": ProblemKind(429, "Too many orders are on their way"),
    "unavailable": ProblemKind(503, "A part of the venue does not answer at the moment"),
    "closing": ProblemKind(503, "The venue is shutting down"),
    "internal_error": ProblemKind(500, "Something went wrong here"),
}
"""The HTTP status and title of every code."""


def problem_document(code: str, detail: str) -> dict[str, Any]:
    """Members of the problem document, ready for JSON."""
    kind = PROBLEMS[code]
    return {
        "type": TYPE_PREFIX + code,
        "code": code,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
    }

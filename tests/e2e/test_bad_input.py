"""Whatever is sent, the answer is a problem document with its own stable code, and nothing happens."""

import json
import socket
from typing import Any

import pytest

from tests.e2e.conftest import BODY_BYTES_MAX, SHARED_MARKET
from tests.e2e.schema import faults
from tests.e2e.venue import Answer, Client, Document, Venue

pytestmark = pytest.mark.slow

LIMIT: Document = {"market": SHARED_MARKET, "side": "buy", "type": "limit", "price": "5", "quantity": "1"}
MARKET: Document = {"market": SHARED_MARKET, "side": "buy", "type": "market"}


@pytest.fixture(scope="module")
def trader(venue: Venue) -> Client:
    """Access of an account with funds, whose every order is refused."""
    return venue.open_account("refused", USDT="1000", GOLD="1000")


def assert_refused(trader: Client, answer: Answer, status: int, code: str) -> None:
    """See that the answer is such a problem, as the description says, and that there is no order."""
    assert (answer.status, answer.document.get("code")) == (status, code), answer
    assert answer.headers["content-type"] == "application/problem+json"
    schemas = trader.get("/openapi.json")["components"]["schemas"]
    assert list(faults(answer.document, schemas["Problem"], schemas)) == []
    assert answer.document["status"] == status
    assert trader.get("/v1/orders")["orders"] == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(b"", 400, "malformed_json", id="empty"),
        pytest.param(b'{"market": ', 400, "malformed_json", id="cut off"),
        pytest.param(b"not json", 400, "malformed_json", id="text"),
        pytest.param(b'{"price": NaN}', 400, "malformed_json", id="NaN"),
        pytest.param(b'{"price": -Infinity}', 400, "malformed_json", id="Infinity"),
        pytest.param(b'{"market": "\xff"}', 400, "malformed_json", id="not UTF-8"),
        pytest.param(b'{"market": "\\ud800"}', 400, "malformed_json", id="lone surrogate"),
        pytest.param(b"[" * 3000 + b"]" * 1000, 400, "malformed_json", id="deep"),
        pytest.param(b'{"price": 1%b}' % (b"0" * 400), 400, "malformed_json", id="a number past all bounds"),
        pytest.param(b"[]", 400, "wrong_type", id="list"),
        pytest.param(b'"order"', 400, "wrong_type", id="string"),
        pytest.param(b"{" + b" " * BODY_BYTES_MAX + b"}", 413, "body_too_large", id="over the limit"),
    ],
)
def test_a_body_that_is_no_order_at_all(trader: Client, body: bytes, status: int, code: str) -> None:
    assert_refused(trader, trader.call("POST", "/v1/orders", body), status, code)


def test_the_largest_body_is_still_read(trader: Client) -> None:
    body = json.dumps({**LIMIT, "price": "0"}).encode()
    answer = trader.call("POST", "/v1/orders", body.ljust(BODY_BYTES_MAX))
    assert_refused(trader, answer, 422, "not_positive")


def test_a_body_in_chunks_has_the_same_limit(venue: Venue, trader: Client) -> None:
    with socket.create_connection((venue.host, venue.port), timeout=30) as connection:
        head = f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {trader.key}\r\n"
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        connection.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (BODY_BYTES_MAX + 1, b" " * (BODY_BYTES_MAX + 1)))
        assert b" 413 " in connection.recv(64)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        pytest.param({"colour": "red"}, 400, "unknown_field", id="unknown field"),
        pytest.param({"account": "alice"}, 400, "unknown_field", id="an account"),
        pytest.param({"market": "DOGE-USDT"}, 404, "unknown_market", id="unknown market"),
        pytest.param({"side": None}, 400, "missing_field", id="missing side"),
        pytest.param({"side": "hold"}, 422, "invalid_value", id="side"),
        pytest.param({"price": 5}, 400, "wrong_type", id="a number"),
        pytest.param({"price": 10**200}, 400, "wrong_type", id="a huge number"),
        pytest.param({"price": ["5"]}, 400, "wrong_type", id="a list"),
        pytest.param({"price": "5.001"}, 422, "price_off_tick", id="off tick"),
        pytest.param({"quantity": "0.000001"}, 422, "quantity_off_lot", id="off lot"),
        pytest.param({"price": "0"}, 422, "not_positive", id="zero price"),
        pytest.param({"quantity": "0.0"}, 422, "not_positive", id="zero quantity"),
        pytest.param({"price": "-5"}, 422, "not_positive", id="negative price"),
        pytest.param({"quantity": "-1"}, 422, "not_positive", id="negative quantity"),
        pytest.param({"price": "NaN"}, 422, "invalid_decimal", id="NaN"),
        pytest.param({"price": "Infinity"}, 422, "invalid_decimal", id="Infinity"),
        pytest.param({"price": "5e0"}, 422, "invalid_decimal", id="exponent"),
        pytest.param({"price": "5,0"}, 422, "invalid_decimal", id="comma"),
        pytest.param({"price": "+5"}, 422, "invalid_decimal", id="plus"),
        pytest.param({"price": ""}, 422, "invalid_decimal", id="empty"),
        pytest.param({"price": "9" * 41}, 422, "too_many_digits", id="too many digits"),
        pytest.param({"price": "92233720368547758.08"}, 422, "out_of_range", id="price past 63 bits"),
        pytest.param({"quantity": "92233720368.54776"}, 422, "out_of_range", id="quantity past 63 bits"),
        pytest.param({"price": "92233720368", "quantity": "2"}, 422, "out_of_range", id="product past 63 bits"),
        pytest.param({"quantity": "0.1"}, 422, "below_min_notional", id="too small"),
        pytest.param({"budget": "5"}, 422, "invalid_combination", id="limit with a budget"),
        pytest.param({"post_only": True, "time_in_force": "FOK"}, 422, "invalid_combination", id="post-only FOK"),
        pytest.param({"post_only": "yes"}, 400, "wrong_type", id="post-only text"),
        pytest.param({"time_in_force": "DAY"}, 422, "invalid_value", id="time in force"),
        pytest.param({"client_order_id": "x" * 65}, 422, "invalid_value", id="long client order id"),
        pytest.param({"client_order_id": "日本"}, 422, "invalid_value", id="client order id not ASCII"),
    ],
)
def test_a_limit_order_with_one_mistake(trader: Client, change: Document, status: int, code: str) -> None:
    assert_refused(trader, trader.call("POST", "/v1/orders", {**LIMIT, **change}), status, code)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        pytest.param({}, 400, "missing_field", id="neither quantity nor budget"),
        pytest.param({"quantity": "1", "budget": "5"}, 422, "invalid_combination", id="quantity and budget"),
        pytest.param({"side": "sell", "budget": "5"}, 422, "invalid_combination", id="sell with a budget"),
        pytest.param({"quantity": "1", "price": "5"}, 422, "invalid_combination", id="price"),
        pytest.param({"quantity": "1", "time_in_force": "GTC"}, 422, "invalid_combination", id="GTC"),
        pytest.param({"quantity": "1", "post_only": True}, 422, "invalid_combination", id="post-only"),
        pytest.param({"budget": "0.5"}, 422, "below_min_notional", id="too small"),
        pytest.param({"budget": "1.000000001"}, 422, "too_many_digits", id="too precise"),
    ],
)
def test_a_market_order_with_one_mistake(trader: Client, change: Document, status: int, code: str) -> None:
    assert_refused(trader, trader.call("POST", "/v1/orders", {**MARKET, **change}), status, code)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer tp_nobody"},
        {"Authorization": "Basic dHA6dHA="},
        {"Authorization": "Bearer \xff\xfe"},
    ],
)
def test_an_order_without_a_valid_key(trader: Client, headers: dict[str, str]) -> None:
    answer = trader.call("POST", "/v1/orders", LIMIT, headers)
    assert_refused(trader, answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="tradepost"'


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]
)
def test_whatever_the_content_type_says_the_body_is_json(trader: Client, kind: str) -> None:
    answer = trader.call("POST", "/v1/orders", {**LIMIT, "price": "0"}, {"Content-Type": kind})
    assert_refused(trader, answer, 422, "not_positive")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_is_not_encoded_as_it_says(trader: Client, encoding: str) -> None:
    answer = trader.call("POST", "/v1/orders", LIMIT, {"Content-Encoding": encoding})
    assert_refused(trader, answer, 400, "bad_request")


def test_a_client_that_leaves_in_the_middle_of_its_order_has_placed_none(venue: Venue, trader: Client) -> None:
    # That the venue takes it calmly is seen at the end of all tests, when its log is looked through.
    body = json.dumps(LIMIT).encode()
    for length in (b"Content-Length: 500\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n1f4\r\n"):
        with socket.create_connection((venue.host, venue.port), timeout=30) as connection:
            connection.sendall(b"POST /v1/orders HTTP/1.1\r\nAuthorization: Bearer %b\r\n" % trader.key.encode())
            connection.sendall(b"Host: x\r\n%b%b" % (length, body))
    assert trader.get("/v1/orders")["orders"] == []


def raw(venue: Venue, request: bytes) -> bytes:
    """Send bytes that no client library would and return the first of what comes back."""
    with socket.create_connection((venue.host, venue.port), timeout=30) as connection:
        connection.sendall(request)
        return connection.recv(4096)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/orders HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ],
    ids=["TLS", "version", "length"],
)
def test_what_is_no_http_is_answered_400_and_the_venue_goes_on(venue: Venue, request_bytes: bytes) -> None:
    assert raw(venue, request_bytes).startswith(b"HTTP/1.1 400 ") or raw(venue, request_bytes).startswith(
        b"HTTP/1.0 400 "
    )
    assert venue.operator.get("/health/ready") == {"status": "ready"}


def test_random_documents_never_break_the_venue(trader: Client) -> None:
    values: list[Any] = [None, True, 0, -1, 1.5, "", "x", "5", [], {}, "9" * 50, "\x00", 2**70]
    for field in (*LIMIT, "budget", "time_in_force", "post_only", "client_order_id"):
        for value in values:
            answer = trader.call("POST", "/v1/orders", {**LIMIT, "price": "0", "quantity": "0", field: value})
            assert answer.status in (400, 404, 422), (field, value, answer)
    assert trader.get("/v1/orders")["orders"] == []

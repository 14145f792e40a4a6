"""The REST API as its clients see it, on a venue of two wallets and two matchers."""

import re
import subprocess
import sys
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.e2e.conftest import SHARED_MARKET, OpenAccount
from tests.e2e.schema import faults
from tests.e2e.venue import Answer, Client, Document, Venue, eventually, program_environment

pytestmark = pytest.mark.slow


def limit(market: str, side: str, price: str, quantity: str, **more: Any) -> Document:
    return {"market": market, "side": side, "type": "limit", "price": price, "quantity": quantity, **more}


def at_market(market: str, side: str, **more: Any) -> Document:
    return {"market": market, "side": side, "type": "market", **more}


def path_of(order: Document) -> str:
    return f"/v1/orders/{order['order_id']}"


def reach(client: Client, order: Document, status: str) -> Document:
    """Return the order once it has the status."""
    shown: dict[str, Document] = {}

    def has_status() -> bool:
        shown["order"] = client.get(path_of(order))
        return bool(shown["order"]["status"] == status)

    eventually(has_status, 10, f"the order is {status}: {shown}")
    return shown["order"]


def rest(client: Client, order: Document) -> Document:
    """Place an order and return it once the public book shows its level."""
    placed = client.place(**order)
    side = "bids" if order["side"] == "buy" else "asks"

    def is_on_book() -> bool:
        book = client.get(f"/v1/markets/{order['market']}/book")
        return any(price == placed["price"] for price, _ in book[side])

    eventually(is_on_book, 10, "the book shows the order")
    return placed


def balances_of(client: Client) -> dict[str, tuple[str, str]]:
    """What the account has, free and held, by asset."""
    return {b["asset"]: (b["free"], b["held"]) for b in client.get("/v1/balances")["balances"]}


def refused(answer: Answer, status: int, code: str) -> Document:
    """See that the answer is the problem document with this code, and return it."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.document
    assert (problem["code"], problem["status"]) == (code, status), problem
    assert problem["type"].endswith(code)
    assert problem["title"]
    assert problem["detail"]
    return problem


# Placing orders


def test_an_order_is_accepted_with_the_address_where_its_fate_is_shown(buyer: Client, market: str) -> None:
    answer = buyer.call("POST", "/v1/orders", limit(market, "buy", "10", "1"))
    assert answer.status == 202
    assert answer.document["status"] == "PENDING"
    assert answer.headers["location"] == path_of(answer.document)
    assert answer.headers["content-type"] == "application/json"
    assert "preference-applied" not in answer.headers
    order = reach(buyer, answer.document, "CREATED")
    assert [step["status"] for step in order["history"]] == ["PENDING", "CREATED"]
    assert order["locked"] == {"asset": "USDT", "amount": "10.00000000"}


def test_who_prefers_to_wait_is_told_what_the_wallet_has_decided(buyer: Client, market: str) -> None:
    answer = buyer.call("POST", "/v1/orders", limit(market, "buy", "10", "1"), wait_s=99)
    assert answer.status == 202
    assert answer.document["status"] == "CREATED"
    assert answer.headers["preference-applied"] == "wait=30"


def test_an_order_beyond_the_funds_is_rejected_and_that_is_no_http_error(buyer: Client, market: str) -> None:
    order = buyer.place(**limit(market, "sell", "10", "1"))
    assert (order["status"], order["reason"], order["locked"]) == ("REJECTED", "insufficient_funds", None)


def test_two_orders_become_a_trade_at_the_makers_price(buyer: Client, seller: Client, market: str) -> None:
    ask = rest(seller, limit(market, "sell", "100", "3"))
    bid = reach(buyer, buyer.place(**limit(market, "buy", "101", "2")), "MATCHED")
    ask = reach(seller, ask, "PARTIALLY_MATCHED")
    assert (bid["average_price"], bid["remaining_quantity"]) == ("100.00000000", "0.00000000")
    assert (ask["matched_quantity"], ask["remaining_quantity"]) == ("2.00000000", "1.00000000")
    (bought,), (sold,) = bid["trades"], ask["trades"]
    assert bought["trade_id"] == sold["trade_id"]
    assert (bought["role"], bought["fee"], bought["fee_asset"]) == ("taker", "0.00400000", "GOLD")
    assert (sold["role"], sold["fee"], sold["fee_asset"]) == ("maker", "0.20000000", "USDT")

    def is_settled() -> bool:
        return balances_of(buyer) == {"GOLD": ("1.99600000", "0.00000000"), "USDT": ("99800.00000000", "0.00000000")}

    eventually(is_settled, 10, f"price improvement is released: {balances_of(buyer)}")
    eventually(lambda: balances_of(seller)["USDT"][0] == "199.80000000", 10, "the seller is paid")
    assert balances_of(seller)["GOLD"] == ("97.00000000", "1.00000000")
    (printed,) = seller.get(f"/v1/markets/{market}/trades")["trades"]
    assert (printed["trade_id"], printed["price"], printed["taker_side"]) == (sold["trade_id"], "100.00", "buy")


def test_a_market_buy_by_quantity_holds_no_more_than_its_protection_allows(
    buyer: Client, seller: Client, market: str
) -> None:
    for price, quantity in (("100", "1"), ("104", "1"), ("106", "1")):
        rest(seller, limit(market, "sell", price, quantity))
    order = reach(buyer, buyer.place(**at_market(market, "buy", quantity="3")), "CANCELLED")
    # 5 % over the best ask: 105.00, so that the level at 106 is out of reach.
    assert order["locked"] == {"asset": "USDT", "amount": "315.00000000"}
    assert [trade["price"] for trade in order["trades"]] == ["100.00", "104.00"]
    assert (order["price"], order["reason"]) == (None, "no_liquidity")


def test_a_market_buy_by_budget_spends_no_more_than_it(buyer: Client, seller: Client, market: str) -> None:
    rest(seller, limit(market, "sell", "100", "1"))
    order = reach(buyer, buyer.place(**at_market(market, "buy", budget="50.0005")), "MATCHED")
    assert (order["matched_quantity"], order["quantity"], order["budget"]) == ("0.50000000", None, "50.00050000")
    eventually(lambda: balances_of(buyer)["USDT"] == ("99950.00000000", "0.00000000"), 10, "the rest comes back")


@pytest.mark.parametrize(
    ("order", "status", "reason"),
    [
        ({"side": "buy", "type": "market", "quantity": "1"}, "REJECTED", "no_reference_price"),
        ({"side": "buy", "type": "market", "budget": "50"}, "CANCELLED", "no_liquidity"),
        ({"side": "sell", "type": "market", "quantity": "1"}, "CANCELLED", "no_liquidity"),
        (
            {"side": "buy", "type": "limit", "price": "5", "quantity": "1", "time_in_force": "IOC"},
            "CANCELLED",
            "immediate_or_cancel",
        ),
        (
            {"side": "buy", "type": "limit", "price": "5", "quantity": "1", "time_in_force": "FOK"},
            "CANCELLED",
            "fill_or_kill",
        ),
    ],
    ids=["market buy", "market buy by budget", "market sell", "IOC", "FOK"],
)
def test_what_cannot_rest_ends_on_an_empty_book(
    open_account: OpenAccount, market: str, order: Document, status: str, reason: str
) -> None:
    client = open_account("both", GOLD="10", USDT="1000")
    ended = reach(client, client.place(**order, market=market), status)
    assert ended["reason"] == reason
    assert {held for _, held in balances_of(client).values()} == {"0.00000000"}


def test_a_fill_or_kill_order_that_cannot_fill_touches_nothing(buyer: Client, seller: Client, market: str) -> None:
    ask = rest(seller, limit(market, "sell", "100", "1"))
    order = buyer.place(**limit(market, "buy", "100", "1.1", time_in_force="FOK"))
    assert reach(buyer, order, "CANCELLED")["reason"] == "fill_or_kill"
    assert seller.get(path_of(ask))["status"] == "CREATED"


def test_a_post_only_order_that_would_match_is_cancelled(buyer: Client, seller: Client, market: str) -> None:
    rest(seller, limit(market, "sell", "100", "1"))
    order = buyer.place(**limit(market, "buy", "100", "1", post_only=True))
    assert reach(buyer, order, "CANCELLED")["reason"] == "post_only"


def test_the_same_client_order_id_is_the_same_order(buyer: Client, market: str) -> None:
    order = limit(market, "buy", "10", "1", client_order_id="once")
    first = buyer.place(**order)
    again = buyer.call("POST", "/v1/orders", {**order, "price": "10.00", "budget": None})
    assert (again.status, again.document["order_id"]) == (202, first["order_id"])
    assert balances_of(buyer)["USDT"] == ("99990.00000000", "10.00000000")
    refused(buyer.call("POST", "/v1/orders", {**order, "price": "11"}), 409, "client_order_id_conflict")


def test_a_market_buy_may_be_repeated_after_the_price_has_moved(buyer: Client, seller: Client, market: str) -> None:
    ask = rest(seller, limit(market, "sell", "100", "1"))
    order = at_market(market, "buy", quantity="0.5", client_order_id="once")
    first = buyer.place(**order)
    seller.call("DELETE", path_of(ask), wait_s=5)
    assert buyer.place(**order)["order_id"] == first["order_id"]


# Queries


def test_another_accounts_order_does_not_exist(open_account: OpenAccount, buyer: Client, market: str) -> None:
    order = buyer.place(**limit(market, "buy", "10", "1", client_order_id="mine"))
    stranger = open_account("stranger")
    refused(stranger.call("GET", path_of(order)), 404, "unknown_order")
    refused(stranger.call("DELETE", path_of(order)), 404, "unknown_order")
    assert stranger.get("/v1/orders")["orders"] == []
    assert stranger.get("/v1/orders?client_order_id=mine")["orders"] == []
    assert stranger.call("DELETE", f"/v1/orders?market={market}", wait_s=5).document["done"] is True
    assert buyer.get(path_of(order))["status"] == "CREATED"


@pytest.mark.parametrize("order_id", ["1", "x", "00000000-0000-0000-0000-000000000000", "%00", "%2e%2e"])
def test_what_can_be_no_orders_id_is_unknown(buyer: Client, order_id: str) -> None:
    refused(buyer.call("GET", f"/v1/orders/{order_id}"), 404, "unknown_order")
    refused(buyer.call("DELETE", f"/v1/orders/{order_id}"), 404, "unknown_order")


def test_orders_are_listed_newest_first_a_page_at_a_time(buyer: Client, market: str) -> None:
    placed = [buyer.place(wait_s=0, **limit(market, "buy", "10", "1"))["order_id"] for _ in range(7)]
    listed: list[str] = []
    sizes = []
    path: str | None = "/v1/orders?limit=3"
    while path is not None:
        page = buyer.get(path)
        listed += [order["order_id"] for order in page["orders"]]
        sizes.append(len(page["orders"]))
        path = f"/v1/orders?limit=3&cursor={page['next_cursor']}" if page["next_cursor"] else None
    assert listed == placed[::-1]
    assert sizes == [3, 3, 1]


def test_orders_are_filtered_by_status_market_and_client_order_id(buyer: Client, seller: Client, market: str) -> None:
    bid = rest(buyer, limit(market, "buy", "10", "2", client_order_id="bid 1"))
    reach(seller, seller.place(**limit(market, "sell", "10", "1")), "MATCHED")
    reach(buyer, bid, "PARTIALLY_MATCHED")
    elsewhere = buyer.place(**limit(SHARED_MARKET, "buy", "1", "1"))

    def ids(query: str) -> list[str]:
        return [order["order_id"] for order in buyer.get(f"/v1/orders?{query}")["orders"]]

    assert ids("status=PARTIALLY_MATCHED") == [bid["order_id"]]
    assert ids(f"market={SHARED_MARKET}") == [elsewhere["order_id"]]
    assert ids("client_order_id=bid%201") == [bid["order_id"]]
    assert ids("client_order_id=bid%201&status=MATCHED") == []
    assert ids(f"client_order_id=bid%201&market={SHARED_MARKET}") == []
    assert ids(f"client_order_id=bid%201&cursor={bid['order_id']}") == []
    assert ids("client_order_id=bid%202") == []
    assert ids(f"market={SHARED_MARKET}&status=PARTIALLY_MATCHED") == []


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("status=open", 400, "invalid_parameter"),
        ("limit=0", 400, "invalid_parameter"),
        ("limit=1001", 400, "invalid_parameter"),
        ("limit=ten", 400, "invalid_parameter"),
        ("limit=1&limit=2", 400, "invalid_parameter"),
        ("cursor=5", 400, "invalid_parameter"),
        ("market=NO-SUCH", 404, "unknown_market"),
        ("statuss=MATCHED", 400, "unknown_field"),
    ],
)
def test_a_list_is_not_asked_for_in_just_any_way(buyer: Client, query: str, status: int, code: str) -> None:
    refused(buyer.call("GET", f"/v1/orders?{query}"), status, code)


# Cancels


def test_a_cancelled_order_gives_back_what_it_held(buyer: Client, market: str) -> None:
    order = buyer.place(**limit(market, "buy", "10", "1"))
    answer = buyer.call("DELETE", path_of(order), wait_s=5)
    assert answer.status == 202
    assert (answer.document["status"], answer.document["reason"]) == ("CANCELLED", "user")
    assert answer.headers["preference-applied"] == "wait=5"
    eventually(lambda: balances_of(buyer)["USDT"] == ("100000.00000000", "0.00000000"), 10, "the hold comes back")
    refused(buyer.call("DELETE", path_of(order)), 409, "order_not_open")


def test_a_cancel_that_nobody_waits_for_is_on_its_way(buyer: Client, market: str) -> None:
    order = buyer.place(**limit(market, "buy", "10", "1"))
    answer = buyer.call("DELETE", path_of(order))
    assert (answer.status, answer.headers["location"]) == (202, path_of(order))
    reach(buyer, order, "CANCELLED")


def test_a_matched_order_cannot_be_cancelled(buyer: Client, seller: Client, market: str) -> None:
    ask = rest(seller, limit(market, "sell", "100", "1"))
    reach(buyer, buyer.place(**limit(market, "buy", "100", "1")), "MATCHED")
    reach(seller, ask, "MATCHED")
    refused(seller.call("DELETE", path_of(ask), wait_s=5), 409, "order_not_open")


def test_cancelling_a_market_leaves_the_others_alone(buyer: Client, market: str) -> None:
    here = [buyer.place(**limit(market, "buy", price, "1")) for price in ("10", "11", "12")]
    there = buyer.place(**limit(SHARED_MARKET, "buy", "1", "1"))
    answer = buyer.call("DELETE", f"/v1/orders?market={market}", wait_s=5)
    assert (answer.status, answer.document["done"]) == (202, True)
    for order in here:
        assert buyer.get(path_of(order))["status"] == "CANCELLED"
    assert buyer.get(path_of(there))["status"] == "CREATED"
    refused(buyer.call("DELETE", "/v1/orders"), 400, "missing_field")
    refused(buyer.call("DELETE", "/v1/orders?market=NO-SUCH"), 404, "unknown_market")


# Markets


def test_markets_books_and_trades_need_no_key(venue: Venue, buyer: Client, market: str) -> None:
    for price in ("10", "11", "12", "11"):
        rest(buyer, limit(market, "buy", price, "1"))
    nobody = venue.client("")
    eventually(
        lambda: (
            nobody.get(f"/v1/markets/{market}/book?depth=2")["bids"]
            == [["12.00", "1.00000000"], ["11.00", "2.00000000"]]
        ),
        10,
        "the book adds up the orders at a price",
    )
    assert nobody.get(f"/v1/markets/{market}/book")["asks"] == []
    assert nobody.get(f"/v1/markets/{market}/trades?limit=5")["trades"] == []
    listed = {listed["market"]: listed for listed in nobody.get("/v1/markets")["markets"]}
    assert (listed[market]["tick"], listed[market]["taker_fee_ppm"]) == ("0.01", 2000)
    refused(nobody.call("GET", "/v1/markets/NO-SUCH/book"), 404, "unknown_market")
    refused(nobody.call("GET", f"/v1/markets/{market}/book?depth=0"), 400, "invalid_parameter")
    refused(nobody.call("GET", f"/v1/markets/{market}/trades?depth=1"), 400, "unknown_field")


# The operator


def transfer(venue: Venue, account: str, kind: str, amount: str, transfer_id: str, asset: str = "USDT") -> Answer:
    body = {"asset": asset, "amount": amount, "transfer_id": transfer_id}
    return venue.operator.call("POST", f"/v1/admin/accounts/{account}/{kind}", body)


def test_a_deposit_is_booked_once_however_often_it_is_sent(venue: Venue, market: str) -> None:
    account = f"twice.{market}"
    answers = [transfer(venue, account, "deposits", "5", f"d {market}/1") for _ in range(3)]
    assert {(answer.status, answer.document["balance"]) for answer in answers} == {(201, "5.00000000")}
    assert venue.operator.get(answers[0].headers["location"])["status"] == "DONE"
    assert venue.operator.get(f"/v1/admin/accounts/{account}/balances")["balances"] == [
        {"asset": "USDT", "free": "5.00000000", "held": "0.00000000"}
    ]
    refused(transfer(venue, account, "deposits", "6", f"d {market}/1"), 409, "transfer_id_conflict")
    refused(transfer(venue, account, "withdrawals", "5", f"d {market}/1"), 409, "transfer_id_conflict")


def test_a_withdrawal_takes_free_funds_only(venue: Venue, buyer: Client, market: str) -> None:
    account = f"buyer.{market}"
    buyer.place(**limit(market, "buy", "10", "9000"))
    assert transfer(venue, account, "withdrawals", "4000", "w1").document["balance"] == "6000.00000000"
    for _ in range(2):
        refused(transfer(venue, account, "withdrawals", "6000.00000001", "w2"), 422, "insufficient_funds")
    shown = venue.operator.get(f"/v1/admin/transfers/w2?account={account}")
    assert (shown["status"], shown["reason"], shown["kind"]) == ("REJECTED", "insufficient_funds", "withdrawal")


def test_the_supply_of_an_asset_fits_63_bits(venue: Venue, market: str) -> None:
    refused(transfer(venue, f"rich.{market}", "deposits", "92233720368", "d", "RARE"), 422, "supply_exceeded")


def test_one_transfer_id_of_two_accounts_is_two_transfers(venue: Venue, market: str) -> None:
    for account in ("one", "two"):
        assert transfer(venue, f"{account}.{market}", "deposits", "5", f"same-{market}").status == 201
    path = f"/v1/admin/transfers/same-{market}"
    refused(venue.operator.call("GET", path), 400, "invalid_parameter")
    assert venue.operator.get(f"{path}?account=two.{market}")["account"] == f"two.{market}"
    refused(venue.operator.call("GET", "/v1/admin/transfers/none"), 404, "unknown_transfer")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"asset": None}, 400, "missing_field"),
        ({"asset": "DOGE"}, 404, "unknown_asset"),
        ({"amount": 5}, 400, "wrong_type"),
        ({"amount": "0"}, 422, "not_positive"),
        ({"amount": "0.000000001"}, 422, "too_many_digits"),
        ({"amount": "92233720368.54775808"}, 422, "out_of_range"),
        ({"transfer_id": None}, 400, "missing_field"),
        ({"transfer_id": ""}, 422, "invalid_value"),
        ({"account": "bob"}, 400, "unknown_field"),
    ],
)
def test_a_deposit_is_read_strictly(venue: Venue, change: Document, status: int, code: str) -> None:
    body = {"asset": "USDT", "amount": "5", "transfer_id": "x"}
    refused(venue.operator.call("POST", "/v1/admin/accounts/a/deposits", {**body, **change}), status, code)


def test_an_account_has_a_plain_name(venue: Venue) -> None:
    refused(transfer(venue, "a%2Fb", "deposits", "5", "x"), 422, "invalid_account")
    refused(venue.operator.call("GET", f"/v1/admin/accounts/{'a' * 33}/balances"), 422, "invalid_account")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/admin/audit"),
        ("GET", "/v1/admin/keys"),
        ("POST", "/v1/admin/keys"),
        ("DELETE", "/v1/admin/keys/x"),
        ("POST", "/v1/admin/accounts/a/deposits"),
        ("POST", "/v1/admin/accounts/a/withdrawals"),
        ("GET", "/v1/admin/accounts/a/balances"),
        ("GET", "/v1/admin/transfers/x"),
    ],
)
def test_only_the_operators_key_opens_what_is_the_operators(
    venue: Venue, buyer: Client, method: str, path: str
) -> None:
    refused(buyer.call(method, path), 403, "forbidden")
    answer = venue.client("tp_nobody").call(method, path)
    refused(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_does_what_its_scopes_say_until_it_is_revoked(venue: Venue, buyer: Client, market: str) -> None:
    asked = {"account": f"buyer.{market}", "scopes": ["read"]}
    made = venue.operator.call("POST", "/v1/admin/keys", asked)
    assert (made.status, made.headers["cache-control"]) == (201, "no-store")
    reader = venue.client(made.document["key"])
    assert balances_of(reader) == balances_of(buyer)
    refused(reader.call("POST", "/v1/orders", limit(market, "buy", "10", "1")), 403, "forbidden")
    (listed,) = [
        key for key in venue.operator.get("/v1/admin/keys")["keys"] if key["key_id"] == made.document["key_id"]
    ]
    assert listed == {name: value for name, value in made.document.items() if name != "key"}
    assert venue.operator.call("DELETE", f"/v1/admin/keys/{listed['key_id']}").status == 204
    refused(reader.call("GET", "/v1/balances"), 401, "unauthorized")
    refused(venue.operator.call("DELETE", f"/v1/admin/keys/{listed['key_id']}"), 404, "unknown_key")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"account": "a"}, 400, "missing_field"),
        ({"scopes": ["read"]}, 400, "missing_field"),
        ({"account": "a", "scopes": "read"}, 400, "wrong_type"),
        ({"account": "a", "scopes": [1]}, 400, "wrong_type"),
        ({"account": "a", "scopes": []}, 422, "invalid_value"),
        ({"account": "a", "scopes": ["root"]}, 422, "invalid_value"),
        ({"account": "a b", "scopes": ["read"]}, 422, "invalid_account"),
        ({"account": "a", "scopes": ["read"], "key": "mine"}, 400, "unknown_field"),
    ],
)
def test_a_key_is_asked_for_strictly(venue: Venue, body: Document, status: int, code: str) -> None:
    refused(venue.operator.call("POST", "/v1/admin/keys", body), status, code)


def keys_command(venue: Venue, *arguments: str) -> str:
    """Run `tradepost keys` beside the venue and return what it prints."""
    command = [sys.executable, "-m", "gateway", "keys", *arguments, "--data-dir", str(venue.data_dir)]
    done = subprocess.run(
        command, env=program_environment(), cwd=venue.data_dir, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_the_command_line_makes_and_revokes_keys_of_a_running_venue(venue: Venue, market: str) -> None:
    key = keys_command(venue, "create", f"cli.{market}", "--scopes", "read").strip()
    client = venue.client(key)
    assert client.get("/v1/balances")["account"] == f"cli.{market}"
    (line,) = [line for line in keys_command(venue, "list").splitlines() if f"cli.{market}" in line]
    assert key not in line
    keys_command(venue, "revoke", line.split()[0])
    refused(client.call("GET", "/v1/balances"), 401, "unauthorized")


def test_the_audit_adds_up_over_wallets(venue: Venue, buyer: Client, seller: Client, market: str) -> None:
    audit = venue.audit()
    assert [wallet["wallet"] for wallet in audit["wallets"]] == ["wallet-0", "wallet-1"]
    for asset in audit["totals"]:
        units = {name: int(value.replace(".", "")) for name, value in asset.items() if name != "asset"}
        assert units["clearing"] == 0
        assert units["free"] + units["held"] + units["fees"] == units["deposits"] - units["withdrawals"]


# Health, and what there is


def test_a_venue_that_takes_orders_is_live_and_ready(venue: Venue) -> None:
    nobody = venue.client("")
    assert nobody.get("/health/live") == {"status": "live"}
    assert nobody.get("/health/ready") == {"status": "ready"}


def test_the_root_lists_the_calls_and_each_exists(venue: Venue) -> None:
    nobody = venue.client("")
    for call in nobody.get("/")["calls"]:
        method, path = call.split()
        answer = nobody.call(method, re.sub(r"{\w+}", "x", path))
        assert answer.document.get("code") not in ("not_found", "method_not_allowed"), call


def test_answers_are_as_the_description_says(venue: Venue, buyer: Client, seller: Client, market: str) -> None:
    document = buyer.get("/openapi.json")
    assert document["openapi"] == "3.1.0"
    ask = rest(seller, limit(market, "sell", "100", "2"))
    reach(buyer, buyer.place(**at_market(market, "buy", budget="100")), "MATCHED")
    reach(seller, ask, "PARTIALLY_MATCHED")
    buyer.place(**limit(market, "sell", "5", "50"))
    operator = venue.operator
    operator.get(f"/v1/admin/transfers/buyer.{market}-USDT")
    for client, path in (
        (seller, path_of(ask)),
        *((buyer, path) for path in ("/v1/orders", "/v1/balances", "/v1/markets", "/health/live", "/health/ready")),
        *((buyer, f"/v1/markets/{market}/{what}") for what in ("book", "trades")),
        (operator, f"/v1/admin/transfers/buyer.{market}-USDT"),
        *(
            (operator, path)
            for path in ("/v1/admin/audit", "/v1/admin/keys", f"/v1/admin/accounts/buyer.{market}/balances")
        ),
    ):
        template = path.replace(market, "{market}") if "/markets/" in path else path
        template = re.sub(r"(orders|transfers)/.+", lambda m: f"{m[1]}/{{{m[1][:-1]}_id}}", template)
        template = re.sub(r"accounts/[^/]+", "accounts/{account}", template)
        described = document["paths"][template]["get"]["responses"]["200"]
        schema = described["content"]["application/json"]["schema"]
        assert list(faults(client.get(path), schema, document["components"]["schemas"])) == [], path


def test_an_address_that_is_none_and_a_method_it_does_not_take_are_problems(venue: Venue) -> None:
    nobody = venue.client("")
    refused(nobody.call("GET", "/v2/orders"), 404, "not_found")
    answer = nobody.call("PUT", "/v1/orders", {})
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, POST"


def test_a_head_request_has_no_body(venue: Venue) -> None:
    connection = HTTPConnection(venue.host, venue.port, timeout=30)
    connection.request("HEAD", "/v1/markets")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"")
    connection.close()

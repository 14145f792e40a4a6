import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.market import Market
from actors.messages import MarketDefinedEvent, OrderCreateEvent, OrderType, Side, TimeInForce
from gateway.fields import CLIENT_ID_SIZE_MAX, parse_object
from gateway.orders import parse_order
from gateway.problems import PROBLEMS, Problem

BTC_USDT = Market(MarketDefinedEvent("BTC-USDT", "BTC", "USDT", 8, 8, 2, 1, 1000, 100_000_000, 1000, 2000, 50_000, 0))
MARKETS = {"BTC-USDT": BTC_USDT}
LIMIT: dict[str, object] = {
    "market": "BTC-USDT",
    "side": "buy",
    "type": "limit",
    "price": "27000.50",
    "quantity": "0.001",
}
MARKET_SELL: dict[str, object] = {"market": "BTC-USDT", "side": "sell", "type": "market", "quantity": "0.001"}
MARKET_BUY: dict[str, object] = {"market": "BTC-USDT", "side": "buy", "type": "market", "budget": "100"}


def parse(body: dict[str, object]) -> OrderCreateEvent:
    return parse_order(body, "alice", MARKETS.get)


def refusal(body: dict[str, object]) -> Problem:
    with pytest.raises(Problem) as caught:
        parse(body)
    assert caught.value.code in PROBLEMS
    return caught.value


def test_a_limit_order_becomes_ticks_and_lots() -> None:
    assert parse(LIMIT) == OrderCreateEvent(
        0, "alice", "BTC-USDT", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, False, 2_700_050, 100, 0, "", 0
    )


def test_a_market_sell_is_immediate_or_cancel_unless_it_says_otherwise() -> None:
    assert parse(MARKET_SELL).time_in_force is TimeInForce.IOC
    assert parse({**MARKET_SELL, "time_in_force": "FOK"}).time_in_force is TimeInForce.FOK


def test_a_market_buy_by_budget_counts_in_the_smallest_unit_of_quote() -> None:
    order = parse(MARKET_BUY)
    assert (order.price, order.quantity, order.budget) == (0, 0, 10_000_000_000)


def test_a_market_buy_by_quantity_comes_without_a_price() -> None:
    order = parse({**MARKET_SELL, "side": "buy"})
    assert (order.side, order.price, order.quantity, order.budget) == (Side.BUY, 0, 100, 0)


@pytest.mark.parametrize("lifetime", ["GTC", "IOC", "FOK"])
def test_a_limit_order_takes_every_time_in_force(lifetime: str) -> None:
    assert parse({**LIMIT, "time_in_force": lifetime}).time_in_force is TimeInForce[lifetime]


def test_post_only_and_a_client_order_id_are_passed_on() -> None:
    order = parse({**LIMIT, "post_only": True, "client_order_id": "my order ~1"})
    assert order.post_only
    assert order.client_order_id == "my order ~1"


def test_null_means_absent_so_that_what_a_query_shows_can_be_sent_again() -> None:
    nulls = {"budget": None, "time_in_force": None, "post_only": None, "client_order_id": None}
    assert parse({**LIMIT, **nulls}) == parse(LIMIT)
    assert parse({**MARKET_BUY, "price": None, "quantity": None}) == parse(MARKET_BUY)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"colour": "red"}, "unknown_field"),
        ({"account": "bob"}, "unknown_field"),
        ({"market": None}, "missing_field"),
        ({"market": 7}, "wrong_type"),
        ({"market": ["BTC-USDT"]}, "wrong_type"),
        ({"market": "DOGE-USDT"}, "unknown_market"),
        ({"market": "btc-usdt"}, "unknown_market"),
        ({"side": None}, "missing_field"),
        ({"side": "BUY"}, "invalid_value"),
        ({"side": {}}, "wrong_type"),
        ({"type": None}, "missing_field"),
        ({"type": "stop"}, "invalid_value"),
        ({"type": ["limit"]}, "wrong_type"),
        ({"price": None}, "missing_field"),
        ({"price": 27000.5}, "wrong_type"),
        ({"price": 27000}, "wrong_type"),
        ({"price": True}, "wrong_type"),
        ({"price": "27000.505"}, "price_off_tick"),
        ({"price": "0"}, "not_positive"),
        ({"price": "0.00"}, "not_positive"),
        ({"price": "-1"}, "not_positive"),
        ({"price": "NaN"}, "invalid_decimal"),
        ({"price": "Infinity"}, "invalid_decimal"),
        ({"price": "1e5"}, "invalid_decimal"),
        ({"price": ""}, "invalid_decimal"),
        ({"price": " 1"}, "invalid_decimal"),
        ({"price": "\u0661"}, "invalid_decimal"),
        ({"price": "9" * 30}, "out_of_range"),
        ({"price": "9" * 41}, "too_many_digits"),
        ({"quantity": None}, "missing_field"),
        ({"quantity": 1}, "wrong_type"),
        ({"quantity": "0.000001"}, "quantity_off_lot"),
        ({"quantity": "0.000000001"}, "quantity_off_lot"),
        ({"quantity": "0"}, "not_positive"),
        ({"quantity": "92233720368.54775808"}, "out_of_range"),
        ({"price": "92233720368", "quantity": "1000"}, "out_of_range"),
        ({"price": "0.01", "quantity": "99.99999"}, "below_min_notional"),
        ({"budget": "10"}, "invalid_combination"),
        ({"time_in_force": "gtc"}, "invalid_value"),
        ({"time_in_force": 1}, "wrong_type"),
        ({"post_only": "true"}, "wrong_type"),
        ({"post_only": 1}, "wrong_type"),
        ({"post_only": True, "time_in_force": "IOC"}, "invalid_combination"),
        ({"client_order_id": ""}, "invalid_value"),
        ({"client_order_id": "x" * (CLIENT_ID_SIZE_MAX + 1)}, "invalid_value"),
        ({"client_order_id": "naïve"}, "invalid_value"),
        ({"client_order_id": "a\nb"}, "invalid_value"),
        ({"client_order_id": 5}, "wrong_type"),
    ],
)
def test_a_limit_order_is_refused_with_the_code_of_what_is_wrong(change: dict[str, object], code: str) -> None:
    assert refusal({**LIMIT, **change}).code == code


@pytest.mark.parametrize(
    ("order", "change", "code"),
    [
        (MARKET_SELL, {"price": "27000"}, "invalid_combination"),
        (MARKET_SELL, {"time_in_force": "GTC"}, "invalid_combination"),
        (MARKET_SELL, {"post_only": True}, "invalid_combination"),
        (MARKET_SELL, {"post_only": 0}, "wrong_type"),
        (MARKET_SELL, {"budget": "5", "quantity": None}, "invalid_combination"),
        (MARKET_SELL, {"quantity": None}, "missing_field"),
        (MARKET_SELL, {"quantity": "0.000001"}, "quantity_off_lot"),
        (MARKET_BUY, {"quantity": "1"}, "invalid_combination"),
        (MARKET_BUY, {"time_in_force": "FOK"}, "invalid_combination"),
        (MARKET_BUY, {"budget": None}, "missing_field"),
        (MARKET_BUY, {"budget": 100}, "wrong_type"),
        (MARKET_BUY, {"budget": "1.000000001"}, "too_many_digits"),
        (MARKET_BUY, {"budget": "0.99999999"}, "below_min_notional"),
        (MARKET_BUY, {"budget": "92233720368.54775808"}, "out_of_range"),
    ],
)
def test_a_market_order_is_refused_with_the_code_of_what_is_wrong(
    order: dict[str, object], change: dict[str, object], code: str
) -> None:
    assert refusal({**order, **change}).code == code


def test_the_largest_order_that_fits_63_bits_is_accepted_and_a_tick_more_is_not() -> None:
    # At 1.00 USDT, so many BTC come to 9,223,372,036,854,775,000 smallest units of quote; 2**63 - 1 ends in …807.
    fits = {**LIMIT, "price": "1.00", "quantity": "92233720368.54775"}
    order = parse(fits)
    assert BTC_USDT.notional(order.price, order.quantity) == 9_223_372_036_854_775_000
    assert refusal({**fits, "price": "1.01"}).code == "out_of_range"


def test_a_number_instead_of_a_decimal_string_is_told_how_to_do_it() -> None:
    assert "send it as a string" in refusal({**LIMIT, "price": 27000.5}).detail


def test_an_answer_does_not_repeat_a_hostile_request_at_length() -> None:
    assert len(refusal({**LIMIT, "market": "X" * 60_000}).detail) < 300
    assert len(refusal({**LIMIT, "Y" * 60_000: 1}).detail) < 300
    assert len(refusal({**LIMIT, "price": "Z" * 60_000}).detail) < 300


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b'{"price": NaN}', "malformed_json"),
        (b'{"price": Infinity}', "malformed_json"),
        (b"\xff\xfe{}", "malformed_json"),
        (b'{"market": "\xc3\x28"}', "malformed_json"),
        (b"[" * 5_000, "malformed_json"),
        (b'{"a":' * 3_000 + b"1" + b"}" * 3_000, "malformed_json"),
        (b"[]", "wrong_type"),
        (b'"order"', "wrong_type"),
        (b"null", "wrong_type"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_object(body)
    assert caught.value.code == code


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1", "limit"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.sampled_from([LIMIT, MARKET_SELL, MARKET_BUY]),
    st.dictionaries(st.sampled_from([*LIMIT, "budget", "time_in_force", "post_only", "client_order_id"]), JSON),
)
def test_whatever_is_sent_becomes_an_order_within_63_bits_or_a_known_problem(
    order: dict[str, object], change: dict[str, object]
) -> None:
    body = {**order, **change}
    try:
        parsed = parse(body)
    except Problem as problem:
        assert problem.code in PROBLEMS  # noqa: PT017 - either outcome is fine, and both are checked
        return
    assert 0 <= BTC_USDT.notional(parsed.price, parsed.quantity) < 2**63
    assert 0 <= parsed.budget < 2**63
    assert bool(parsed.quantity) != bool(parsed.budget)


@given(st.integers(1, 10**12), st.integers(1, 10**6))
def test_what_is_formatted_is_parsed_to_the_same_integers(price: int, quantity: int) -> None:
    text = {"price": BTC_USDT.format_price(price), "quantity": BTC_USDT.format_quantity(quantity)}
    body = orjson.loads(orjson.dumps({**LIMIT, **text}))
    if 100_000_000 <= BTC_USDT.notional(price, quantity) < 2**63:
        order = parse(body)
        assert (order.price, order.quantity) == (price, quantity)

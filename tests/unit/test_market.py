"""Instruments: every decimal in and out is exact, and every refusal has its code."""

from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from math import ceil

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from actors.errors import InvalidValue
from actors.market import DIGITS_MAX, PPM, SCALE_MAX, Market, fee_of, format_decimal, parse_decimal
from actors.messages import AMOUNT_MAX, MarketDefinedEvent

EXACT = Context(prec=120)
"""More digits than any product here has, so that the reference never rounds."""

BTC_USDT = MarketDefinedEvent(
    market="BTC-USDT",
    base="BTC",
    quote="USDT",
    base_scale=8,
    quote_scale=8,
    price_scale=2,
    tick=5,
    lot=1_000,
    min_notional=100_000_000,
    maker_fee_ppm=1_000,
    taker_fee_ppm=2_000,
    protection_ppm=50_000,
    matcher=0,
)
"""A tick of 0.05 USDT and a lot of 0.00001 BTC."""

scales = st.integers(0, SCALE_MAX)
amounts = st.integers(1, AMOUNT_MAX)


@st.composite
def decimal_texts(draw: st.DrawFn) -> str:
    """Draw plain decimals, also with zeros before and behind, and with more places than a scale has."""
    text = draw(st.text("0123456789", min_size=1, max_size=20))
    if draw(st.booleans()):
        text += "." + draw(st.text("0123456789", min_size=1, max_size=15)) + "0" * draw(st.integers(0, 4))
    return text


def refusal_of(text: str, scale: int) -> str:
    with pytest.raises(InvalidValue) as refused:
        parse_decimal(text, scale)
    return refused.value.code


@given(decimal_texts(), scales)
def test_a_decimal_is_read_exactly_or_refused_with_the_code_that_says_why(text: str, scale: int) -> None:
    units = Decimal(text).scaleb(scale, EXACT)
    if units != units.to_integral_value(context=EXACT):
        assert refusal_of(text, scale) == "too_many_digits"
    elif units == 0:
        assert refusal_of(text, scale) == "not_positive"
    elif units > AMOUNT_MAX:
        assert refusal_of(text, scale) == "out_of_range"
    else:
        assert parse_decimal(text, scale) == units


@given(st.text(max_size=DIGITS_MAX + 2), scales)
def test_any_text_is_read_exactly_or_refused_with_a_code(text: str, scale: int) -> None:
    try:
        units = parse_decimal(text, scale)
    except InvalidValue as refused:
        event(refused.code)
    else:
        assert units == Decimal(text).scaleb(scale, EXACT)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "invalid_decimal"),
        (".", "invalid_decimal"),
        (".5", "invalid_decimal"),
        ("5.", "invalid_decimal"),
        ("1.2.3", "invalid_decimal"),
        ("+1", "invalid_decimal"),
        ("-", "invalid_decimal"),
        ("--1", "invalid_decimal"),
        ("1e5", "invalid_decimal"),
        ("1_000", "invalid_decimal"),
        (" 1", "invalid_decimal"),
        ("1\n", "invalid_decimal"),
        ("0x10", "invalid_decimal"),
        ("NaN", "invalid_decimal"),
        ("Infinity", "invalid_decimal"),
        ("-Infinity", "invalid_decimal"),
        ("\u0663", "invalid_decimal"),
        ("-\u0663", "invalid_decimal"),
        ("1.\u00b2", "invalid_decimal"),
        ("0", "not_positive"),
        ("0.00", "not_positive"),
        ("-1", "not_positive"),
        ("-0.5", "not_positive"),
        ("0.001", "too_many_digits"),
        ("1" * (DIGITS_MAX + 1), "too_many_digits"),
        ("-" + "1" * DIGITS_MAX, "too_many_digits"),
        ("92233720368547758.08", "out_of_range"),
        ("9" * DIGITS_MAX, "out_of_range"),
    ],
)
def test_what_is_no_positive_decimal_of_two_places_is_refused(text: str, code: str) -> None:
    assert refusal_of(text, 2) == code


def test_the_largest_amount_is_read() -> None:
    assert parse_decimal("92233720368547758.07", 2) == AMOUNT_MAX
    assert parse_decimal("9223372036854775807.000", 0) == AMOUNT_MAX


def test_too_many_places_are_refused_with_the_code_that_the_caller_names() -> None:
    with pytest.raises(InvalidValue, match=r"^0\.125 has more than 2 decimal places$") as refused:
        parse_decimal("0.125", 2, "price_off_tick")
    assert refused.value.code == "price_off_tick"


@given(st.integers(-AMOUNT_MAX, AMOUNT_MAX), scales)
def test_a_written_decimal_is_exact_and_shows_every_place(units: int, scale: int) -> None:
    text = format_decimal(units, scale)
    assert Decimal(text) == Decimal(units).scaleb(-scale, EXACT)
    assert len(text.partition(".")[2]) == scale


@given(amounts, scales)
def test_what_is_written_is_read_back(units: int, scale: int) -> None:
    assert parse_decimal(format_decimal(units, scale), scale) == units


@given(st.integers(0, AMOUNT_MAX), st.integers(0, PPM))
def test_a_fee_is_rounded_up_and_never_more_than_the_amount(amount: int, fee_ppm: int) -> None:
    exact = EXACT.divide(EXACT.multiply(amount, fee_ppm), PPM)
    fee = fee_of(amount, fee_ppm)
    assert fee == exact.to_integral_value(ROUND_CEILING, EXACT)
    assert fee <= amount


def test_a_price_is_read_in_ticks_and_a_quantity_in_lots() -> None:
    market = Market(BTC_USDT)
    assert market.parse_price("60000.05") == 1_200_001
    assert market.parse_price("60000.0500") == 1_200_001
    assert market.format_price(1_200_001) == "60000.05"
    assert market.parse_quantity("0.00012") == 12
    assert market.format_quantity(12) == "0.00012000"
    assert (market.tick_text, market.lot_text) == ("0.05", "0.00001000")


@pytest.mark.parametrize("text", ["60000.01", "60000.051", "0.04"])
def test_a_price_between_two_ticks_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Market(BTC_USDT).parse_price(text)
    assert refused.value.code == "price_off_tick"


@pytest.mark.parametrize("text", ["0.000015", "0.000000001", "0.00000999"])
def test_a_quantity_between_two_lots_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Market(BTC_USDT).parse_quantity(text)
    assert refused.value.code == "quantity_off_lot"


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """Draw sound markets: the quote asset has places for tick × lot, or tick and lot make up for it."""
    base_scale, price_scale = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    tick, lot, quote_scale = draw(st.integers(1, 1_000)), draw(st.integers(1, 1_000)), draw(scales)
    missing = max(base_scale + price_scale - quote_scale, 0)
    split = draw(st.integers(0, missing))
    return Market(
        msgspec.structs.replace(
            BTC_USDT,
            base_scale=base_scale,
            quote_scale=quote_scale,
            price_scale=price_scale,
            tick=tick * 10**split,
            lot=lot * 10 ** (missing - split),
        )
    )


@given(markets(), st.integers(1, 1_000), st.integers(1, 1_000))
def test_price_times_quantity_is_exact_in_every_sound_market(market: Market, price: int, quantity: int) -> None:
    by_hand = EXACT.multiply(Decimal(market.format_price(price)), Decimal(market.format_quantity(quantity)))
    assert Decimal(market.format_quote(market.notional(price, quantity))) == by_hand


@given(markets(), st.integers(1, 1_000))
def test_prices_and_quantities_are_read_back_in_every_sound_market(market: Market, number: int) -> None:
    assert market.parse_price(market.format_price(number)) == number
    assert market.parse_quantity(market.format_quantity(number)) == number


@given(amounts, st.integers(0, 10 * PPM))
def test_the_protection_price_is_the_first_tick_at_or_above_the_allowance(best_ask: int, protection_ppm: int) -> None:
    market = Market(msgspec.structs.replace(BTC_USDT, protection_ppm=protection_ppm))
    assert market.protection_price(best_ask) == ceil(best_ask * (1 + Fraction(protection_ppm, PPM)))


def test_a_market_says_what_the_pure_cores_need() -> None:
    market = Market(BTC_USDT)
    assert (market.symbol, market.base, market.quote, market.lot) == ("BTC-USDT", "BTC", "USDT", 1_000)
    # 0.05 USDT times 0.00001 BTC is 0.0000005 USDT: 50 of its smallest unit.
    assert market.notional_unit == 50
    assert market.definition is BTC_USDT


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tick": 0}, "tick is 0"),
        ({"tick": AMOUNT_MAX + 1}, "tick is"),
        ({"lot": 0}, "lot is 0"),
        ({"lot": -1}, "lot is -1"),
        ({"min_notional": -1}, "min_notional is -1"),
        ({"maker_fee_ppm": -1}, "maker_fee_ppm is -1"),
        ({"maker_fee_ppm": PPM + 1}, "maker_fee_ppm is"),
        ({"taker_fee_ppm": -1}, "taker_fee_ppm is -1"),
        ({"taker_fee_ppm": PPM + 1}, "taker_fee_ppm is"),
        ({"protection_ppm": -1}, "protection_ppm is -1"),
        ({"protection_ppm": 10 * PPM + 1}, "protection_ppm is"),
        ({"base_scale": -1}, "scale of the base asset is -1"),
        ({"base_scale": SCALE_MAX + 1}, "scale of the base asset is 19"),
        ({"quote_scale": SCALE_MAX + 1}, "scale of the quote asset is 19"),
        ({"price_scale": -1}, "scale of the price is -1"),
        ({"price_scale": SCALE_MAX + 1}, "scale of the price is 19"),
        ({"quote": "BTC"}, "base and quote are both BTC"),
        ({"quote_scale": 6}, "tick × lot is not a whole number of the smallest unit of USDT"),
        ({"lot": 1_001}, "tick × lot is not a whole number of the smallest unit of USDT"),
    ],
)
def test_a_market_whose_parameters_do_not_fit_together_is_refused(change: dict[str, int | str], said: str) -> None:
    with pytest.raises(InvalidValue, match=r"^BTC-USDT: ") as refused:
        Market(msgspec.structs.replace(BTC_USDT, **change))
    assert refused.value.code == "invalid_market"
    assert said in refused.value.detail


def test_the_widest_parameters_that_are_allowed_make_a_market() -> None:
    widest = msgspec.structs.replace(
        BTC_USDT,
        base_scale=SCALE_MAX,
        quote_scale=SCALE_MAX,
        price_scale=SCALE_MAX,
        tick=10**SCALE_MAX,
        lot=10**SCALE_MAX,
        min_notional=0,
        maker_fee_ppm=0,
        taker_fee_ppm=PPM,
        protection_ppm=10 * PPM,
    )
    assert Market(widest).notional_unit == 10**SCALE_MAX

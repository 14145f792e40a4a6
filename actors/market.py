"""Instruments, and the exact conversion between the decimals of the API and the integers inside.

A price is a whole number of ticks, a quantity a whole number of lots, an amount a whole number of the
asset's smallest unit. A market's tick times its lot is a whole number of the quote asset's smallest
unit, so that price × quantity is exact and nothing but a fee is ever rounded.
"""

from typing import NoReturn

from actors.errors import InvalidValue
from actors.messages import AMOUNT_MAX, MarketDefinedEvent

PPM = 1_000_000
DIGITS_MAX = 40
"""Longest decimal that is read at all; 63 bits need 19 digits, and a scale is at most 18."""
SCALE_MAX = 18


def parse_decimal(text: str, scale: int, too_precise: str = "too_many_digits") -> int:
    """Read a positive decimal string as a whole number of 10**-`scale`.

    Zeros behind the last place that counts are accepted.

    Raises:
        InvalidValue: `invalid_decimal` (not digits with at most one point: no sign, exponent, NaN),
            `not_positive`, `too_many_digits` (longer than `DIGITS_MAX`), `out_of_range` (past 63 bits),
            or the code `too_precise` when places beyond the scale are not zero.

    """
    whole, point, fraction = text.partition(".")
    if len(text) > DIGITS_MAX or not text.isascii() or not whole.isdigit() or (point and not fraction.isdigit()):
        _refuse_form(text)
    if len(fraction) > scale:
        if fraction[scale:].strip("0"):
            raise InvalidValue(too_precise, f"{text} has more than {scale} decimal places")
        fraction = fraction[:scale]
    units = int(whole + fraction.ljust(scale, "0"))
    if units == 0:
        raise InvalidValue("not_positive", f"{text} is not above zero")
    if units > AMOUNT_MAX:
        raise InvalidValue("out_of_range", f"{text} is larger than this venue can count (63 bits)")
    return units


def _refuse_form(text: str) -> NoReturn:
    """Say what is wrong with a text that is no plain decimal."""
    if len(text) > DIGITS_MAX:
        raise InvalidValue("too_many_digits", f"a decimal has at most {DIGITS_MAX} characters, this has {len(text)}")
    body = text[1:]
    if text.startswith("-") and body.isascii() and body.replace(".", "", 1).isdigit():
        raise InvalidValue("not_positive", f"{text} is not above zero")
    raise InvalidValue("invalid_decimal", f'{text!r} is not a decimal such as "12.5": digits and at most one point')


def format_decimal(units: int, scale: int) -> str:
    """Write a whole number of 10**-`scale` as a decimal string with `scale` places."""
    if scale == 0:
        return str(units)
    sign = "-" if units < 0 else ""
    digits = str(abs(units)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"


def fee_of(amount: int, fee_ppm: int) -> int:
    """Fee on an amount that is received, rounded up to the venue's favour."""
    return -(-amount * fee_ppm // PPM)


class Market:
    """A market's definition with what follows from it, and its conversions."""

    __slots__ = ("base", "definition", "lot", "notional_unit", "quote", "symbol")

    definition: MarketDefinedEvent
    symbol: str
    base: str
    quote: str
    lot: int
    """Smallest units of base in one lot."""
    notional_unit: int
    """Smallest units of quote in one lot at a price of one tick."""

    def __init__(self, definition: MarketDefinedEvent) -> None:
        """Derive what the pure cores need.

        Raises:
            InvalidValue: `invalid_market` when the parameters do not fit together.

        """
        self.definition = definition
        self.symbol = definition.market
        self.base = definition.base
        self.quote = definition.quote
        self.lot = definition.lot
        self.notional_unit = _notional_unit(definition)

    def notional(self, price: int, quantity: int) -> int:
        """Quote amount of `quantity` lots at `price` ticks, in smallest units; exact."""
        return price * quantity * self.notional_unit

    def parse_price(self, text: str) -> int:
        """Read a price in ticks; `price_off_tick` when it lies between two."""
        units = parse_decimal(text, self.definition.price_scale, "price_off_tick")
        ticks, rest = divmod(units, self.definition.tick)
        if rest:
            raise InvalidValue("price_off_tick", f"price {text} is not a multiple of the tick {self.tick_text}")
        return ticks

    def parse_quantity(self, text: str) -> int:
        """Read a quantity in lots; `quantity_off_lot` when it lies between two."""
        units = parse_decimal(text, self.definition.base_scale, "quantity_off_lot")
        lots, rest = divmod(units, self.lot)
        if rest:
            raise InvalidValue("quantity_off_lot", f"quantity {text} is not a multiple of the lot {self.lot_text}")
        return lots

    def format_price(self, ticks: int) -> str:
        """Write a price as a decimal of the quote asset."""
        return format_decimal(ticks * self.definition.tick, self.definition.price_scale)

    def format_quantity(self, lots: int) -> str:
        """Write a quantity as a decimal of the base asset."""
        return format_decimal(lots * self.lot, self.definition.base_scale)

    def format_quote(self, units: int) -> str:
        """Write an amount of the quote asset."""
        return format_decimal(units, self.definition.quote_scale)

    @property
    def tick_text(self) -> str:
        """The tick as a decimal."""
        return self.format_price(1)

    @property
    def lot_text(self) -> str:
        """The lot as a decimal."""
        return self.format_quantity(1)

    def protection_price(self, best_ask: int) -> int:
        """Highest price in ticks that a market buy by quantity pays when the best ask is this; rounded up."""
        return best_ask - (-best_ask * self.definition.protection_ppm // PPM)


def _notional_unit(definition: MarketDefinedEvent) -> int:
    """Quote units of tick × lot; refuse a definition for which that is not whole, or nonsense."""
    d = definition
    for name, value, low, high in (
        ("tick", d.tick, 1, AMOUNT_MAX),
        ("lot", d.lot, 1, AMOUNT_MAX),
        ("min_notional", d.min_notional, 0, AMOUNT_MAX),
        ("maker_fee_ppm", d.maker_fee_ppm, 0, PPM),
        ("taker_fee_ppm", d.taker_fee_ppm, 0, PPM),
        ("protection_ppm", d.protection_ppm, 0, 10 * PPM),
        ("scale of the base asset", d.base_scale, 0, SCALE_MAX),
        ("scale of the quote asset", d.quote_scale, 0, SCALE_MAX),
        ("scale of the price", d.price_scale, 0, SCALE_MAX),
    ):
        if not low <= value <= high:
            raise InvalidValue("invalid_market", f"{d.market}: {name} is {value}, it must be from {low} to {high}")
    if d.base == d.quote:
        raise InvalidValue("invalid_market", f"{d.market}: base and quote are both {d.base}")
    product: int = d.tick * d.lot * 10**d.quote_scale
    divisor: int = 10 ** (d.price_scale + d.base_scale)
    unit, rest = divmod(product, divisor)
    if rest:
        raise InvalidValue(
            "invalid_market",
            f"{d.market}: tick × lot is not a whole number of the smallest unit of {d.quote}; "
            "choose a larger tick or lot, or give the asset a larger scale",
        )
    return unit

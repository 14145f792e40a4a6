"""Where the venue's settings come from: flags, then environment, then `tradepost.toml`, then defaults.

Every scalar setting has a place in the file, a variable `TRADEPOST_NAME` and a flag `--name`; assets
and markets are tables and live in the file alone. `Settings` holds nothing but strings, numbers and
such structs, so that it can be handed to another process as JSON.
"""

import logging
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from actors.bootstrap import VenueSettings
from actors.door import DoorLimits
from actors.engine.node import LOG_LEVEL_VARIABLE
from actors.errors import ConfigurationError, InvalidValue
from actors.market import SCALE_MAX, Market, format_decimal, parse_decimal
from actors.messages import MarketDefinedEvent
from actors.topology import SHARDS_MAX, Topology

FILE_NAME = "tradepost.toml"
ENVIRONMENT_PREFIX = "TRADEPOST_"

Port = Annotated[int, Meta(ge=0, le=65535)]
Shards = Annotated[int, Meta(ge=1, le=SHARDS_MAX)]
Count = Annotated[int, Meta(ge=1, le=100_000_000)]
BodySize = Annotated[int, Meta(ge=1024, le=16 * 2**20)]
AssetSymbol = Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,16}$")]
MarketSymbol = Annotated[str, Meta(pattern=r"^[A-Z0-9][A-Z0-9-]{0,31}$")]
Scale = Annotated[int, Meta(ge=0, le=SCALE_MAX)]
Ppm = Annotated[int, Meta(ge=0)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file: a key that is not known is a mistake, not a wish."""


class VenueSection(_Section, frozen=True):
    """Where the venue keeps its data and how many actors share the work."""

    data_dir: str = "tradepost-data"
    wallets: Shards = 1
    matchers: Shards = 1


class GatewaySection(_Section, frozen=True):
    """Where the gateway listens, and how much it reads."""

    host: str = "127.0.0.1"
    port: Port = 8080
    body_bytes_max: BodySize = 64 * 1024


class LimitsSection(_Section, frozen=True):
    """How much the venue keeps and accepts at once."""

    in_flight_max: Count = 10_000
    open_orders_max: Count = 10_000
    finished_max: Count = 200_000
    transfers_max: Count = 100_000


class Asset(_Section, frozen=True):
    """An asset; `scale` is the number of decimal places of its smallest unit."""

    symbol: AssetSymbol
    scale: Scale


class MarketTable(_Section, frozen=True):
    """A market as the file describes it, with decimals as strings."""

    symbol: MarketSymbol
    base: AssetSymbol
    quote: AssetSymbol
    tick: str
    lot: str
    min_notional: str = "0"
    maker_fee_ppm: Ppm = 0
    taker_fee_ppm: Ppm = 0
    protection_ppm: Ppm = 50_000


DEFAULT_ASSETS = (Asset("BTC", 8), Asset("ETH", 8), Asset("USDT", 8))
DEFAULT_MARKETS = (
    MarketTable("BTC-USDT", "BTC", "USDT", "0.01", "0.00001", "1", 1000, 2000, 50_000),
    MarketTable("ETH-USDT", "ETH", "USDT", "0.01", "0.0001", "1", 1000, 2000, 50_000),
)


class ConfigurationFile(_Section, frozen=True):
    """The whole file."""

    venue: VenueSection = VenueSection()
    gateway: GatewaySection = GatewaySection()
    limits: LimitsSection = LimitsSection()
    assets: tuple[Asset, ...] = ()
    markets: tuple[MarketTable, ...] = ()


class Settings(msgspec.Struct, frozen=True):
    """All settings: what every node must know, and what the gateway alone does."""

    venue: VenueSettings
    host: str
    port: int
    body_bytes_max: int
    assets: tuple[Asset, ...]

    @property
    def scales(self) -> dict[str, int]:
        """Number of decimal places by asset."""
        return {asset.symbol: asset.scale for asset in self.assets}


class Scalar(msgspec.Struct, frozen=True):
    """A setting that the environment and a flag can give as well as the file."""

    section: str
    name: str
    type: type[str] | type[int]
    help: str

    @property
    def flag(self) -> str:
        """Name on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """Name in the environment."""
        return ENVIRONMENT_PREFIX + self.name.upper()


SCALARS = (
    Scalar("venue", "data_dir", str, "directory that holds all the venue's data"),
    Scalar("venue", "wallets", int, "number of wallet processes; accounts are spread over them"),
    Scalar("venue", "matchers", int, "number of matcher processes; markets are spread over them"),
    Scalar("gateway", "host", str, "address to listen on"),
    Scalar("gateway", "port", int, "port to listen on; 0 takes a free one"),
    Scalar("gateway", "body_bytes_max", int, "largest request body in bytes"),
    Scalar("limits", "in_flight_max", int, "most orders on their way through a wallet to a matcher"),
    Scalar("limits", "open_orders_max", int, "most open orders of an account"),
    Scalar("limits", "finished_max", int, "most finished orders that are kept in memory"),
    Scalar("limits", "transfers_max", int, "most decided deposits and withdrawals that are kept in memory"),
)


def load_settings(
    flags: Mapping[str, str | int | None], environment: Mapping[str, str], config: str | None = None
) -> Settings:
    """Read and check all settings.

    Args:
        flags: by name, None for a flag that was not given.
        environment: as `os.environ`.
        config: path of the file; by default `TRADEPOST_CONFIG`, or `tradepost.toml` here if there is one.

    Raises:
        ConfigurationError: one line that says what to change.

    """
    _check_log_level(environment.get(LOG_LEVEL_VARIABLE, "info"))
    path = _find_file(config or environment.get(ENVIRONMENT_PREFIX + "CONFIG"))
    tables = _read_file(path) if path else {}
    for scalar in SCALARS:
        value = flags.get(scalar.name)
        origin = scalar.flag
        if value is None:
            value = environment.get(scalar.variable)
            origin = scalar.variable
        if value is not None:
            _set_scalar(tables, scalar, value, origin)
    try:
        file = msgspec.convert(tables, ConfigurationFile)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{path or 'the settings'}: {error}") from error
    return _settings_of(file, str(path or "the settings"))


def _check_log_level(level: str) -> None:
    """Refuse a level that the log would not know."""
    if level.upper() not in logging.getLevelNamesMapping():
        raise ConfigurationError(f"{LOG_LEVEL_VARIABLE} is {level!r}; it must be debug, info, warning or error")


def _find_file(named: str | None) -> Path | None:
    """Return the file to read; one that was asked for must be there, the usual one need not."""
    if named:
        return Path(named)
    usual = Path(FILE_NAME)
    return usual if usual.exists() else None


def _read_file(path: Path) -> dict[str, Any]:
    """Read the file's tables."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error


def _set_scalar(tables: dict[str, Any], scalar: Scalar, value: str | int, origin: str) -> None:
    """Put a value from the environment or a flag where the file would have it."""
    table = tables.setdefault(scalar.section, {})
    if not isinstance(table, dict):
        return
    if scalar.type is int and not isinstance(value, int):
        if not re.fullmatch(r"[0-9]{1,18}", value):
            raise ConfigurationError(f"{origin} is {value!r}, it must be a whole number")
        value = int(value)
    table[scalar.name] = value


def _settings_of(file: ConfigurationFile, origin: str) -> Settings:
    """Check what needs more than one value to be checked, and give each market its matcher."""
    if bool(file.assets) != bool(file.markets):
        given, missing = ("assets", "markets") if file.assets else ("markets", "assets")
        raise ConfigurationError(f"{origin}: there are [[{given}]] but no [[{missing}]]; give both or neither")
    if not file.venue.data_dir or not file.gateway.host:
        raise ConfigurationError(f"{origin}: data_dir and host must not be empty")
    assets = file.assets or DEFAULT_ASSETS
    scales: dict[str, int] = {}
    for asset in assets:
        if asset.symbol in scales:
            raise ConfigurationError(f"{origin}: the asset {asset.symbol} is there twice; remove one")
        scales[asset.symbol] = asset.scale
    topology = Topology(file.venue.wallets, file.venue.matchers)
    markets: dict[str, MarketDefinedEvent] = {}
    for number, table in enumerate(file.markets or DEFAULT_MARKETS):
        if table.symbol in markets:
            raise ConfigurationError(f"{origin}: the market {table.symbol} is there twice; remove one")
        markets[table.symbol] = _define(table, scales, number % topology.matchers, origin)
    limits = file.limits
    venue = VenueSettings(
        file.venue.data_dir,
        tuple(markets.values()),
        topology,
        DoorLimits(limits.in_flight_max, limits.open_orders_max),
        limits.finished_max,
        limits.transfers_max,
    )
    return Settings(venue, file.gateway.host, file.gateway.port, file.gateway.body_bytes_max, tuple(assets))


def _define(table: MarketTable, scales: Mapping[str, int], matcher: int, origin: str) -> MarketDefinedEvent:
    """Turn a market's decimals into the integers of its definition."""
    where = f"{origin}: market {table.symbol}"
    for asset in (table.base, table.quote):
        if asset not in scales:
            raise ConfigurationError(f"{where}: there is no asset {asset}; add it to [[assets]]")
    price_scale = min(len(table.tick.rstrip("0").partition(".")[2]), SCALE_MAX)
    quote_scale = scales[table.quote]
    definition = MarketDefinedEvent(
        table.symbol,
        table.base,
        table.quote,
        scales[table.base],
        quote_scale,
        price_scale,
        _units(where, "tick", table.tick, price_scale),
        _units(where, "lot", table.lot, scales[table.base]),
        0
        if re.fullmatch(r"0(\.0*)?", table.min_notional)
        else _units(where, "min_notional", table.min_notional, quote_scale),
        table.maker_fee_ppm,
        table.taker_fee_ppm,
        table.protection_ppm,
        matcher,
    )
    try:
        Market(definition)
    except InvalidValue as error:
        raise ConfigurationError(f"{origin}: {error.detail}") from error
    return definition


def _units(where: str, name: str, text: str, scale: int) -> int:
    """Read a decimal of the file."""
    try:
        return parse_decimal(text, scale)
    except InvalidValue as error:
        smallest = format_decimal(1, scale)
        raise ConfigurationError(f"{where}: {name}: {error.detail}; the smallest step here is {smallest}") from error

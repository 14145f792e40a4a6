from pathlib import Path

import msgspec
import pytest

from actors.errors import ConfigurationError
from actors.market import Market
from gateway.config import Settings, load_settings

VENUE = """
[gateway]
port = 9000

[venue]
matchers = 2

[[assets]]
symbol = "GOLD"
scale = 3

[[assets]]
symbol = "EUR"
scale = 2

[[markets]]
symbol = "GOLD-EUR"
base = "GOLD"
quote = "EUR"
tick = "0.50"
lot = "0.1"
min_notional = "5"
taker_fee_ppm = 1500
"""


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(text: str = "", environment: dict[str, str] | None = None, **flags: str | int | None) -> Settings:
    Path("tradepost.toml").write_text(text, "utf-8")
    return load_settings(flags, environment or {})


def complaint(text: str, environment: dict[str, str] | None = None, **flags: str | int | None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(text, environment, **flags)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_without_a_file_the_venue_has_the_two_markets_of_the_design() -> None:
    settings = load_settings({}, {})
    btc, eth = (Market(definition) for definition in settings.venue.markets)
    assert (btc.symbol, btc.tick_text, btc.lot_text) == ("BTC-USDT", "0.01", "0.00001000")
    assert (eth.symbol, eth.base, eth.quote) == ("ETH-USDT", "ETH", "USDT")
    assert btc.format_quote(btc.definition.min_notional) == "1.00000000"
    assert (btc.definition.maker_fee_ppm, btc.definition.taker_fee_ppm) == (1000, 2000)
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.venue.door.in_flight_max == 10_000


def test_the_file_is_read_where_the_program_is_started() -> None:
    settings = load(VENUE)
    (gold,) = (Market(definition) for definition in settings.venue.markets)
    assert (settings.port, settings.venue.topology.matchers) == (9000, 2)
    assert settings.scales == {"GOLD": 3, "EUR": 2}
    assert (gold.tick_text, gold.lot_text) == ("0.5", "0.100")
    assert gold.format_quote(gold.definition.min_notional) == "5.00"
    assert (gold.definition.maker_fee_ppm, gold.definition.taker_fee_ppm) == (0, 1500)


def test_a_flag_wins_over_the_environment_and_the_environment_over_the_file() -> None:
    environment = {"TRADEPOST_PORT": "9001", "TRADEPOST_WALLETS": "3"}
    settings = load(VENUE, environment, port="9002", wallets=None)
    assert settings.port == 9002
    assert settings.venue.topology.wallets == 3
    assert load(VENUE, environment).port == 9001


def test_the_environment_may_name_the_file_and_a_flag_another() -> None:
    Path("one.toml").write_text("gateway.port = 1", "utf-8")
    Path("two.toml").write_text("gateway.port = 2", "utf-8")
    environment = {"TRADEPOST_CONFIG": "one.toml"}
    assert load_settings({}, environment).port == 1
    assert load_settings({}, environment, "two.toml").port == 2


def test_markets_are_dealt_to_matchers_in_turn() -> None:
    settings = load_settings({"matchers": 2}, {})
    assert [definition.matcher for definition in settings.venue.markets] == [0, 1]


def test_settings_travel_to_another_process_as_json() -> None:
    settings = load(VENUE)
    assert msgspec.json.decode(msgspec.json.encode(settings), type=Settings) == settings


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[gateway]\nprot = 8080", "prot"),
        ("[gatway]\nport = 8080", "gatway"),
        ("[gateway]\nport = '8080'", "gateway.port"),
        ("[gateway]\nport = 65536", "gateway.port"),
        ("gateway = 5", "gateway"),
        ("[venue]\nwallets = 0", "venue.wallets"),
        ("[venue]\nwallets = 17", "venue.wallets"),
        ("[venue]\ndata_dir = ''", "data_dir"),
        ("[limits]\nin_flight_max = 0", "limits.in_flight_max"),
        ("[limits]\nin_flight_max = 1.5", "limits.in_flight_max"),
        ("[gateway", "not TOML"),
        (VENUE.replace("scale = 3", "scale = 19"), "scale"),
        (VENUE.replace('symbol = "EUR"', 'symbol = "eur"'), "symbol"),
        (VENUE.replace('symbol = "EUR"', 'symbol = "GOLD"'), "GOLD is there twice"),
        (VENUE.replace('symbol = "GOLD-EUR"', 'symbol = "../x"'), "symbol"),
        (VENUE.replace('base = "GOLD"', 'base = "TIN"'), "no asset TIN"),
        (VENUE.replace('base = "GOLD"', 'base = "EUR"'), "base and quote are both EUR"),
        (VENUE.replace('tick = "0.50"', 'tick = "0"'), "tick"),
        (VENUE.replace('tick = "0.50"', 'tick = "cheap"'), "tick"),
        (VENUE.replace('tick = "0.50"', "tick = 0.5"), "tick"),
        (VENUE.replace('tick = "0.50"', 'tick = "0.01"'), "tick × lot"),
        (VENUE.replace('lot = "0.1"', 'lot = "0.0001"'), "smallest step here is 0.001"),
        (VENUE.replace('min_notional = "5"', 'min_notional = ""'), "min_notional"),
        (VENUE.replace("taker_fee_ppm = 1500", "taker_fee_ppm = 1000001"), "taker_fee_ppm"),
        (VENUE.replace("taker_fee_ppm = 1500", "taker_fee_ppm = -1"), "taker_fee_ppm"),
        (VENUE + VENUE[VENUE.index("[[markets]]") :], "GOLD-EUR is there twice"),
        (VENUE[: VENUE.index("[[markets]]")], "no [[markets]]"),
        (VENUE[VENUE.index("[[markets]]") :], "no [[assets]]"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_names_it(text: str, named: str) -> None:
    assert named in complaint(text)


@pytest.mark.parametrize("value", ["", "8o80", "-1", "1.0", "99999999999999999999", "tcp://10.0.0.1:8080"])
def test_a_number_from_the_environment_must_be_one(value: str) -> None:
    assert "TRADEPOST_PORT" in complaint("", {"TRADEPOST_PORT": value})


def test_a_number_from_a_flag_must_be_one() -> None:
    assert "--in-flight-max" in complaint("", in_flight_max="many")


def test_a_file_that_was_asked_for_must_be_there() -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.toml"):
        load_settings({}, {}, "missing.toml")


def test_a_minimum_of_zero_means_none() -> None:
    (gold,) = load(VENUE.replace('min_notional = "5"', 'min_notional = "0.00"')).venue.markets
    assert gold.min_notional == 0

"""One venue for all tests that only need some venue: each takes accounts and a market of its own from it."""

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.venue import Client, Venue

OWN_MARKETS = [f"G{number:03d}-USDT" for number in range(200)]
"""As many tests can have a market to themselves."""
SHARED_MARKET = "SHARED-USDT"
"""A market in which nobody may trade; an order below 10 rests."""
BODY_BYTES_MAX = 4096

ASSETS = """
[[assets]]
symbol = "GOLD"
scale = 8

[[assets]]
symbol = "RARE"
scale = 8

[[assets]]
symbol = "USDT"
scale = 8
"""
MARKET = """
[[markets]]
symbol = "{}"
base = "GOLD"
quote = "USDT"
tick = "0.01"
lot = "0.00001"
min_notional = "1"
maker_fee_ppm = 1000
taker_fee_ppm = 2000
"""

OpenAccount = Callable[..., Client]


@pytest.fixture(scope="session")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """A venue with two wallets and two matchers; at the end, everything that was done to it must add up."""
    directory = tmp_path_factory.mktemp("venue")
    (directory / "tradepost.toml").write_text(
        ASSETS + "".join(map(MARKET.format, [SHARED_MARKET, *OWN_MARKETS])), "utf-8"
    )
    flags = ("--wallets", "2", "--matchers", "2", "--body-bytes-max", str(BODY_BYTES_MAX))
    with Venue(directory, *flags) as running:
        yield running
        running.audit()
        assert running.stop() == 0
        assert "Traceback" not in running.log


@pytest.fixture(scope="session")
def _own_markets() -> Iterator[str]:
    return iter(OWN_MARKETS)


@pytest.fixture
def market(_own_markets: Iterator[str]) -> str:
    """A market that no other test trades in."""
    return next(_own_markets)


@pytest.fixture
def open_account(venue: Venue, market: str) -> OpenAccount:
    """Makes an account of this test, with funds by asset."""
    return lambda name, **funds: venue.open_account(f"{name}.{market}", **funds)


@pytest.fixture
def buyer(open_account: OpenAccount) -> Client:
    """Access of an account with plenty of USDT."""
    return open_account("buyer", USDT="100000")


@pytest.fixture
def seller(open_account: OpenAccount) -> Client:
    """Access of an account with plenty of GOLD."""
    return open_account("seller", GOLD="100")

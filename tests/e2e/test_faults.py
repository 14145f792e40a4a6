"""Nodes that die or stand still: the venue says so, loses nothing that it could keep, and never piles anything up."""

import asyncio
import os
import signal
from pathlib import Path
from zlib import crc32

import pytest

from tests.e2e.traffic import DECIDE_S, FINAL, OPEN, Trader, traders_at
from tests.e2e.venue import Answer, Client, Document, Venue, eventually

pytestmark = pytest.mark.slow

NOTICE_S = 5.0
"""How long a venue may take to notice a dead node and to end."""
IN_FLIGHT_MAX = 20


@pytest.mark.parametrize("node", ["wallet-1", "matcher-0", "gateway-0"])
def test_a_killed_node_ends_the_venue_with_a_line_that_names_it(tmp_path: Path, node: str) -> None:
    with Venue(tmp_path, "--wallets", "2") as venue:
        os.kill(venue.pid_of(node), signal.SIGKILL)
        assert venue.wait(NOTICE_S) == 1
        eventually(lambda: not venue.processes(), NOTICE_S, "no process stays behind")
        (line,) = [line for line in venue.log.splitlines() if " ERROR " in line]
        assert f"{node} ended with exit code -9" in line


def account_of(wallet: int) -> str:
    """Return an account that this one of two wallets keeps."""
    return next(name for number in range(100) if crc32((name := f"trader-{number}").encode()) % 2 == wallet)


async def place_all(trader: Trader, order: Document, count: int) -> list[Answer]:
    """Place orders at the same time, more than there is room for, and return the answers."""
    return list(await asyncio.gather(*(trader.place(order) for _ in range(count))))


def is_asked_to_retry(answer: Answer) -> bool:
    """Whether the door says by a problem document that it has no room, and when to come again."""
    return (
        (answer.status, answer.document["code"]) in ((429, "too_many_in_flight"), (503, "unavailable"))
        and answer.headers["content-type"] == "application/problem+json"
        and int(answer.headers["retry-after"]) >= 1
    )


async def audit_at_rest(operator: Client) -> Document:
    """Return the audit as soon as the venue is at rest."""
    while True:
        audit: Document = await asyncio.to_thread(operator.get, "/v1/admin/audit")
        if audit["at_rest"]:
            return audit


def test_a_frozen_wallet_stops_its_own_accounts_only_and_loses_nothing(tmp_path: Path) -> None:
    async def trade(venue: Venue) -> None:
        stuck, well = account_of(0), account_of(1)
        accounts = {name: venue.open_account(name, BTC="10") for name in (stuck, well)}
        wallet = venue.pid_of("wallet-0")
        async with traders_at(venue.url, accounts) as traders:
            os.kill(wallet, signal.SIGSTOP)
            order = {"market": "BTC-USDT", "side": "sell", "type": "limit", "price": "100", "quantity": "0.1"}
            answers = await place_all(traders[stuck], order, 3 * IN_FLIGHT_MAX)
            accepted = [answer.document for answer in answers if answer.status == 202]
            assert len(accepted) == IN_FLIGHT_MAX
            for answer in answers:
                assert answer.status == 202 or is_asked_to_retry(answer), answer

            # Nobody else notices, though they trade in the same market: one after the other, many more orders
            # than may be in flight are decided.
            for _ in range(2 * IN_FLIGHT_MAX):
                answer = await traders[well].place({**order, "quantity": "0.01"}, wait_s=10)
                assert answer.status == 202, answer
                assert answer.document["status"] == "CREATED"
            assert all(map(is_asked_to_retry, await place_all(traders[stuck], order, IN_FLIGHT_MAX)))
            assert [o["status"] for o in await traders[stuck].orders()] == ["PENDING"] * IN_FLIGHT_MAX

            os.kill(wallet, signal.SIGCONT)
            for order in accepted:
                await decided(traders[stuck], order)
            assert len(await traders[stuck].orders(status="CREATED")) == len(accepted)
            audit = await audit_at_rest(venue.operator)
            assert audit["holds"] is True, audit

    with Venue(tmp_path, "--wallets", "2", "--in-flight-max", str(IN_FLIGHT_MAX)) as venue:
        asyncio.run(trade(venue))
        assert venue.stop() == 0


async def decided(trader: Trader, order: Document) -> Document:
    """Return an accepted order as soon as its wallet has decided."""
    async with asyncio.timeout(DECIDE_S):
        while True:
            order = await trader.get(f"/v1/orders/{order['order_id']}")
            if order["status"] in OPEN + FINAL:
                return order
            await asyncio.sleep(0.01)

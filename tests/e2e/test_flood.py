"""A venue that is offered far more than it lets in: the door refuses the rest, and nothing inside grows."""

import asyncio
import json
import os
import re
import time
from collections import Counter, defaultdict
from itertools import cycle
from pathlib import Path

import pytest

from tests.e2e.traffic import FINAL, OPEN, Trader, traders_at
from tests.e2e.venue import Client, Document, Venue, eventually

FLOOD_S = float(os.environ.get("TRADEPOST_FLOOD_S", "60"))
DRAIN_S = 30.0
CONNECTIONS = 240
IN_FLIGHT_MAX = 50
FINISHED_MAX = 2_000
MARKETS = ("BTC-USDT", "ETH-USDT")
ACCOUNTS = [f"trader-{number}" for number in range(8)]
WAITS_EVERY = 50
"""One order in so many is waited for until it is decided."""
SAMPLE_S = 0.5
GROWTH = 1.1
"""How much larger a process may be at the end than when the flood had become steady, …"""
GROWTH_KIB = 8_192
"""… beside what an allocator takes at once."""
OUTBOX_MAX = 4_096
"""Far above what so few orders in flight can put into an outbox, and far below what a flood would without limits."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(FLOOD_S + DRAIN_S + 90)]


class Flood:
    """What came back, and how large the venue's processes were meanwhile."""

    def __init__(self, venue: Venue) -> None:
        self.answers: Counter[int] = Counter()
        self.accepted: defaultdict[str, list[str]] = defaultdict(list)
        """Order ids by account."""
        self.sizes: dict[str, list[tuple[float, int]]] = defaultdict(list)
        """By process: resident KiB, by seconds since the flood began."""
        self._venue = venue
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    async def pour(self, client: Client, first: int) -> None:
        """Place orders over one connection as fast as it answers: buys and sells that meet at one price."""
        reader, writer = await asyncio.open_connection(self._venue.host, self._venue.port)
        requests = cycle(request_of(client, number) for number in range(first, first + WAITS_EVERY))
        try:
            while self.elapsed_s < FLOOD_S:
                request, waits = next(requests)
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").lower()
                length = re.search(r"^content-length: (\d+)", head, re.MULTILINE)
                assert length, head
                document = json.loads(await reader.readexactly(int(length[1])))
                status = int(head.split(" ", 2)[1])
                self.answers[status] += 1
                if status == 202:
                    self.accepted[document["account"]].append(document["order_id"])
                    assert not waits or document["status"] in OPEN + FINAL, document
                else:
                    assert status == 429, document
                    assert document["code"] == "too_many_in_flight"
                    assert "\r\ncontent-type: application/problem+json" in head
                    assert re.search(r"^retry-after: [1-9]", head, re.MULTILINE), head
        finally:
            writer.close()

    async def watch(self) -> None:
        """Take the size of every process from time to time."""
        names = self._venue.processes()
        while self.elapsed_s < FLOOD_S:
            await asyncio.sleep(SAMPLE_S)
            for pid, name in names.items():
                self.sizes[f"{name} ({pid})"].append((self.elapsed_s, resident_kib(pid)))

    def growth(self) -> dict[str, tuple[int, int]]:
        """Return, by process, the largest size in the steady second quarter and in the last quarter."""
        return {
            name: (
                max(size for at, size in sizes if FLOOD_S / 4 <= at < FLOOD_S / 2),
                max(size for at, size in sizes if at >= FLOOD_S * 3 / 4),
            )
            for name, sizes in self.sizes.items()
        }


def resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    assert found, status
    return int(found[1])


def request_of(client: Client, number: int) -> tuple[bytes, bool]:
    """Return an order as it goes over the wire, and whether its answer waits for the wallet."""
    waits = number % WAITS_EVERY == 0
    order = {
        "market": MARKETS[number // 2 % len(MARKETS)],
        "side": ("buy", "sell")[number % 2],
        "type": "limit",
        "price": "100",
        "quantity": "0.1",
    }
    body = json.dumps(order).encode()
    prefer = "Prefer: wait=30\r\n" if waits else ""
    head = (
        f"POST /v1/orders HTTP/1.1\r\nHost: venue\r\nAuthorization: Bearer {client.key}\r\n"
        f"Content-Type: application/json\r\n{prefer}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body, waits


async def flood(venue: Venue, clients: dict[str, Client]) -> Flood:
    flood = Flood(venue)
    async with asyncio.TaskGroup() as group:
        group.create_task(flood.watch())
        for number, client in zip(range(CONNECTIONS), cycle(clients.values()), strict=False):
            group.create_task(flood.pour(client, number))
    return flood


async def drain(venue: Venue, clients: dict[str, Client]) -> dict[str, list[Document]]:
    """Cancel what is left on the books, and return all orders that are still known, by account."""

    async def leave(trader: Trader) -> list[Document]:
        for market in MARKETS:
            answer = await trader.call("DELETE", f"/v1/orders?market={market}", wait_s=30)
            assert answer.document["done"] is True, answer
        return await trader.orders()

    async with traders_at(venue.url, clients) as traders, asyncio.timeout(DRAIN_S):
        found = await asyncio.gather(*(leave(trader) for trader in traders.values()))
        return dict(zip(traders, found, strict=True))


def test_a_flood_is_refused_at_the_door_and_nothing_inside_grows(tmp_path: Path) -> None:
    limits = ("--in-flight-max", str(IN_FLIGHT_MAX), "--finished-max", str(FINISHED_MAX))
    with Venue(tmp_path, "--wallets", "2", "--matchers", "2", *limits) as venue:
        clients = {name: venue.open_account(name, BTC="1000000", ETH="1000000", USDT="1000000000") for name in ACCOUNTS}
        flooded = asyncio.run(flood(venue, clients))
        known = asyncio.run(drain(venue, clients))

        assert flooded.answers[429] > 100, flooded.answers
        assert flooded.answers[202] > FINISHED_MAX, flooded.answers
        for name, orders in known.items():
            assert {order["order_id"] for order in orders} <= set(flooded.accepted[name])
            assert {order["status"] for order in orders} <= set(FINAL)
        assert sum(map(len, known.values())) == FINISHED_MAX

        for name, (early, late) in flooded.growth().items():
            assert late <= early * GROWTH + GROWTH_KIB, f"{name} grew from {early} to {late} KiB"

        audit = eventually(lambda: resting(venue), DRAIN_S, "the venue comes to rest")
        assert audit["holds"] is True, audit["faults"]
        assert {wallet["open_orders"] for wallet in audit["wallets"]} == {0}

        assert venue.stop() == 0
        peaks = re.findall(r" (\S+) actors\.engine: .* in an outbox: (\d+)$", venue.log, re.MULTILINE)
        assert {name for name, _ in peaks} == {"gateway-0", "wallet-0", "wallet-1", "matcher-0", "matcher-1"}
        assert all(int(peak) <= OUTBOX_MAX for _, peak in peaks), peaks


def resting(venue: Venue) -> Document | None:
    audit = venue.operator.get("/v1/admin/audit")
    return audit if audit["at_rest"] else None

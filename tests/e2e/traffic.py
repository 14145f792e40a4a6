"""Clients in one event loop that trade at a venue: what the end-to-end tests load it with."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise

import aiohttp

from tests.e2e.venue import Answer, Client, Document

CALL_S = 30.0
DECIDE_S = 30.0
"""How long a venue on a busy machine may take until everything accepted is decided."""
OPEN = ("CREATED", "PARTIALLY_MATCHED")
FINAL = ("MATCHED", "REJECTED", "CANCELLED")
CONNECTION_ERRORS = (aiohttp.ClientError, ConnectionError)
"""What a client sees of a venue that ends; no answer has come, so none is owed."""


class Trader:
    """One account's key, with as many requests at once as one likes."""

    def __init__(self, session: aiohttp.ClientSession, url: str, account: str, key: str) -> None:
        self.account = account
        self._session = session
        self._url = url
        self._authorization = {"Authorization": f"Bearer {key}"}

    async def call(self, method: str, path: str, body: Document | None = None, wait_s: int = 0) -> Answer:
        """Send a request and return what came back."""
        headers = {**self._authorization, "Prefer": f"wait={wait_s}"} if wait_s else self._authorization
        async with self._session.request(method, self._url + path, json=body, headers=headers) as response:
            document = await response.json(content_type=None)
            return Answer(response.status, {name.lower(): text for name, text in response.headers.items()}, document)

    async def get(self, path: str) -> Document:
        """Return a document that must be there."""
        answer = await self.call("GET", path)
        assert answer.status == 200, answer
        return answer.document

    async def place(self, order: Document, wait_s: int = 0) -> Answer:
        """Hand in an order."""
        return await self.call("POST", "/v1/orders", order, wait_s)

    async def orders(self, **filters: str) -> list[Document]:
        """Return all the account's orders that the filters let through, newest first, page by page."""
        found: list[Document] = []
        query = "&".join(f"{name}={value}" for name, value in {"limit": "50", **filters}.items())
        cursor: str | None = ""
        while cursor is not None:
            page = await self.get(f"/v1/orders?{query}{cursor and f'&cursor={cursor}'}")
            found += page["orders"]
            cursor = page["next_cursor"]
        return found

    async def balances(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Return what the account has free and held, by asset."""
        return {
            balance["asset"]: (Decimal(balance["free"]), Decimal(balance["held"]))
            for balance in (await self.get("/v1/balances"))["balances"]
        }


@asynccontextmanager
async def traders_at(url: str, accounts: Mapping[str, Client]) -> AsyncIterator[dict[str, Trader]]:
    """Give each account its trader; they share one session, and leave no request under way."""
    timeout = aiohttp.ClientTimeout(total=CALL_S)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield {name: Trader(session, url, name, client.key) for name, client in accounts.items()}


def assert_goes_forward(order: Document) -> None:
    """See that the history of an order is one that an order can have, up to the status it has now."""
    steps = [step["status"] for step in order["history"]]
    times = [step["at"] for step in order["history"]]
    assert steps[0] == "PENDING", order
    assert steps[-1] == order["status"], order
    assert times == sorted(times), order
    allowed = {
        "PENDING": ("CREATED", "REJECTED"),
        "CREATED": ("PARTIALLY_MATCHED", "MATCHED", "CANCELLED"),
        "PARTIALLY_MATCHED": ("MATCHED", "CANCELLED"),
    }
    for step, following in pairwise(steps):
        assert following in allowed.get(step, ()), order

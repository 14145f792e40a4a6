"""A small client of the API: what the demo trades with."""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any

import aiohttp

from actors.errors import TradepostError

OUTCOME_S = 10.0
"""How long an order may take until the demo gives up."""
POLL_S = 0.005

Document = dict[str, Any]


class DemoFailed(TradepostError):
    """The venue did not do what the demo expected of it."""


class Client:
    """One account's access, or the operator's."""

    def __init__(self, session: aiohttp.ClientSession, url: str, name: str, key: str) -> None:
        self.name = name
        self.key = key
        self._session = session
        self._url = url

    def as_account(self, name: str, key: str) -> "Client":
        """Return the access of another account at the same venue."""
        return Client(self._session, self._url, name, key)

    async def call(self, method: str, path: str, body: Document | None = None, wait_s: int = 0) -> tuple[int, Document]:
        """Send a request; return its HTTP status and its document."""
        headers = {"Authorization": f"Bearer {self.key}"}
        if wait_s:
            headers["Prefer"] = f"wait={wait_s}"
        async with self._session.request(method, self._url + path, json=body, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    async def get(self, path: str) -> Document:
        """Return a document that must be there.

        Raises:
            DemoFailed: the venue declined.

        """
        return self._expect(await self.call("GET", path), path)

    async def post(self, path: str, body: Document, wait_s: int = 0) -> Document:
        """Send a document that must be taken; raises as `get` does."""
        return self._expect(await self.call("POST", path, body, wait_s), path)

    async def delete(self, path: str, wait_s: int = 0) -> Document:
        """Take back what must be there; raises as `get` does."""
        return self._expect(await self.call("DELETE", path, wait_s=wait_s), path)

    async def reach(self, order: Document, statuses: Collection[str]) -> Document:
        """Return an order as soon as it has one of these statuses; raises as `poll` does."""
        path = f"/v1/orders/{order['order_id']}"
        return await self.poll(path, lambda now: now["status"] in statuses, f"an order that is {' or '.join(statuses)}")

    async def see_book(self, market: str, is_there: Callable[[Document], bool], what: str) -> None:
        """Wait until the book is as wanted; raises as `poll` does."""
        await self.poll(f"/v1/markets/{market}/book", is_there, what)

    async def poll(self, path: str, is_there: Callable[[Document], bool], what: str) -> Document:
        """Return a document as soon as it is as wanted.

        Raises:
            DemoFailed: it is not within `OUTCOME_S` seconds.

        """
        deadline = time.monotonic() + OUTCOME_S
        while not is_there(document := await self.get(path)):
            if time.monotonic() > deadline:
                raise DemoFailed(f"{self.name} waited for {what} at {path}, it is {document}")
            await asyncio.sleep(POLL_S)
        return document

    def _expect(self, answer: tuple[int, Document], path: str) -> Document:
        status, document = answer
        if status >= 400:  # noqa: PLR2004 - the first of HTTP's errors
            raise DemoFailed(f"{self.name}: {path} was declined: {document.get('code')}: {document.get('detail')}")
        return document


async def open_account(operator: Client, name: str, funds: dict[str, str]) -> Client:
    """Make a key for an account, and deposit its funds."""
    made = await operator.post("/v1/admin/keys", {"account": name, "scopes": ["read", "trade"]})
    for asset, amount in funds.items():
        transfer = {"asset": asset, "amount": amount, "transfer_id": f"demo-{name}-{asset}"}
        await operator.post(f"/v1/admin/accounts/{name}/deposits", transfer)
    return operator.as_account(name, made["key"])

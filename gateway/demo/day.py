"""One scripted day: deposits, crossing orders, partial fills, cancels, refusals, and an audit at the end."""

from typing import Any

from gateway.demo.client import Client, DemoFailed, Document, open_account

BTC = "BTC-USDT"
ETH = "ETH-USDT"

Entry = tuple[str, Document]
"""What an order was meant to show, and the order."""


def limit(side: str, quantity: str, market: str, price: str, **more: Any) -> Document:
    """A limit order."""
    return {"market": market, "side": side, "type": "limit", "price": price, "quantity": quantity, **more}


def at_market(side: str, market: str, **size: str) -> Document:
    """A market order by quantity or budget."""
    return {"market": market, "side": side, "type": "market", **size}


class Day:
    """The orders of the day, each with what it shows and the status that it is to end with."""

    def __init__(self, operator: Client) -> None:
        self._operator = operator
        self._entries: list[tuple[str, Client, str, Document]] = []

    async def play(self) -> list[Entry]:
        """Trade through the day and return all orders as they ended.

        Raises:
            DemoFailed: something did not come out as it must.

        """
        alice = await open_account(self._operator, "alice", {"BTC": "2", "USDT": "40000"})
        bob = await open_account(self._operator, "bob", {"USDT": "100000"})
        carol = await open_account(self._operator, "carol", {"ETH": "20", "USDT": "60000"})
        await self._trade(alice, bob, carol)
        await self._end_early(bob, carol)
        await self._cancel(alice, bob)
        await self._empty_a_book(alice, carol)
        await self._repeat(bob)
        withdrawal = {"asset": "USDT", "amount": "1000", "transfer_id": "demo-withdrawal"}
        await self._operator.post("/v1/admin/accounts/bob/withdrawals", withdrawal)
        return [(label, await client.reach(order, (end,))) for label, client, end, order in self._entries]

    async def _trade(self, alice: Client, bob: Client, carol: Client) -> None:
        first = await self._rest("filled in two parts", alice, "MATCHED", limit("sell", "1", BTC, "27000"))
        await self._rest("partly filled, then cancelled", alice, "CANCELLED", limit("sell", "0.5", BTC, "27100"))
        await self._take("pays the maker's price", bob, "MATCHED", limit("buy", "0.4", BTC, "27050"))
        await alice.reach(first, ("PARTIALLY_MATCHED",))
        await self._take("sweeps two levels", carol, "MATCHED", at_market("buy", BTC, quantity="0.7"))
        await self._take("spends a budget", bob, "MATCHED", at_market("buy", BTC, budget="5000"))

    async def _end_early(self, bob: Client, carol: Client) -> None:
        post_only = limit("buy", "0.1", BTC, "27100", post_only=True)
        await self._take("would have matched", carol, "CANCELLED", post_only)
        fill_or_kill = limit("buy", "2", BTC, "27200", time_in_force="FOK")
        await self._take("not enough there", bob, "CANCELLED", fill_or_kill)
        await self._take("more than carol has", carol, "REJECTED", limit("sell", "5", BTC, "28000"))

    async def _cancel(self, alice: Client, bob: Client) -> None:
        bid = await self._rest("rests, then cancelled", bob, "CANCELLED", limit("buy", "1", BTC, "26000"))
        await bob.delete(f"/v1/orders/{bid['order_id']}", wait_s=5)
        await alice.delete(f"/v1/orders?market={BTC}", wait_s=5)

    async def _empty_a_book(self, alice: Client, carol: Client) -> None:
        await self._rest("filled by the next order", carol, "MATCHED", limit("sell", "10", ETH, "1800"))
        part = limit("buy", "12", ETH, "1850", time_in_force="IOC")
        await self._take("gets what there is", alice, "CANCELLED", part)
        await alice.see_book(ETH, lambda book: not book["asks"], "no asks")
        await self._take("finds an empty book", alice, "REJECTED", at_market("buy", ETH, quantity="1"))

    async def _repeat(self, bob: Client) -> None:
        """The same order under the same id is one order; another order under it is refused."""
        order = limit("buy", "0.1", BTC, "20000", client_order_id="demo-1")
        first = await self._rest("sent twice, one order", bob, "CANCELLED", order)
        again = await bob.post("/v1/orders", order)
        if again["order_id"] != first["order_id"]:
            raise DemoFailed("one client order id made two orders")
        await _must_refuse(bob, "client_order_id_conflict", order | {"price": "20001"})
        await _must_refuse(bob, "price_off_tick", limit("buy", "0.1", BTC, "20000.001"))
        await bob.delete(f"/v1/orders/{first['order_id']}", wait_s=5)

    async def _take(self, label: str, client: Client, end: str, order: Document) -> None:
        """Place an order that is decided at once, and wait until it has ended."""
        placed = await self._place(label, client, end, order)
        await client.reach(placed, (end,))

    async def _rest(self, label: str, client: Client, end: str, order: Document) -> Document:
        """Place an order that rests, and return it when the book shows its level."""
        placed = await self._place(label, client, end, order)
        side = "bids" if order["side"] == "buy" else "asks"
        price = placed["price"]
        await client.see_book(
            order["market"], lambda book: any(p == price for p, _ in book[side]), f"{price} in {side}"
        )
        return placed

    async def _place(self, label: str, client: Client, end: str, order: Document) -> Document:
        placed = await client.post("/v1/orders", order, wait_s=5)
        self._entries.append((label, client, end, placed))
        return placed


async def _must_refuse(client: Client, code: str, order: Document) -> None:
    _, document = await client.call("POST", "/v1/orders", order)
    if document.get("code") != code:
        raise DemoFailed(f"an order should have been refused with {code}, the answer was {document}")

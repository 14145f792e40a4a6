"""What a tracker keeps of an account while it has orders: their ids in order, and its client order ids."""

from bisect import bisect_left
from collections.abc import Iterator

CHUNK_IDS_MAX = 256
"""Most ids in one chunk: what forgetting an order in the middle moves at most."""
_BEYOND = 2**53
"""No order id is as large."""


class Account:
    """One account's orders, oldest first, in chunks, so that adding and forgetting cost the same at any number.

    One thread changes it; another may call `newest_first` and read single attributes.
    """

    __slots__ = ("_chunks", "by_client_id", "name", "open_orders", "wallet")

    name: str
    """The one string for this account that all of its records share."""
    wallet: int
    """Shard of its wallet."""
    open_orders: int
    """Orders that have no final status yet."""
    by_client_id: dict[str, int]
    """Order ids by client order id."""

    def __init__(self, name: str, wallet: int) -> None:
        self.name = name
        self.wallet = wallet
        self.open_orders = 0
        self.by_client_id = {}
        self._chunks: list[list[int]] = []

    @property
    def newest(self) -> int:
        """The newest order's id; 0 without orders."""
        return self._chunks[-1][-1] if self._chunks else 0

    def add(self, order_id: int) -> None:
        """Add an order, newer than all others."""
        chunks = self._chunks
        if chunks and len(chunks[-1]) < CHUNK_IDS_MAX:
            chunks[-1].append(order_id)
        else:
            chunks.append([order_id])

    def forget(self, order_id: int, client_order_id: str) -> bool:
        """Remove an order, and say whether it was the last one."""
        chunks = self._chunks
        # Lists compare by their first ids, so this counts the chunks that begin at or before the id.
        at = bisect_left(chunks, [order_id + 1]) - 1
        chunk = chunks[at]
        if len(chunk) == 1:
            del chunks[at]
        else:
            del chunk[bisect_left(chunk, order_id)]
        if client_order_id:
            del self.by_client_id[client_order_id]
        return not chunks

    def newest_first(self, before: int | None = None) -> Iterator[int]:
        """Iterate over the ids (below `before`, if given) as they are now, newest first.

        The other thread may change a list between any two steps, so each is copied first, which is one step.
        """
        if before is None:
            before = _BEYOND
        chunks = self._chunks.copy()
        for at in range(bisect_left(chunks, [before]) - 1, -1, -1):
            ids = chunks[at].copy()
            for index in range(bisect_left(ids, before) - 1, -1, -1):
                yield ids[index]

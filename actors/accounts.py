"""What a tracker keeps of an account while it has orders: their ids in order, and its client order ids."""

from bisect import bisect_left
from collections.abc import Container, Iterator

READ_IDS_MAX = 256
"""How many ids a reader copies at a time."""
FORGOTTEN_MIN = 64
"""So many ids may be of forgotten orders before it is worth looking whether they are most of them."""


class Account:
    """One account's orders, oldest first.

    Forgetting an order only counts it; once the forgotten outnumber the others, their ids are dropped
    together, which costs each of them a constant share. So ids may be of orders that are forgotten.

    One thread changes it; another may call `newest_first` and read single attributes.
    """

    __slots__ = ("_forgotten", "_ids", "by_client_id", "name", "open_orders", "wallet")

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
        self._ids: list[int] = []
        self._forgotten = 0

    @property
    def newest(self) -> int:
        """The newest order's id; 0 without orders."""
        return self._ids[-1] if self._ids else 0

    def add(self, order_id: int) -> None:
        """Add an order, newer than all others."""
        self._ids.append(order_id)

    def forget(self, client_order_id: str, kept: Container[int]) -> bool:
        """Count an order out that is not among those `kept` any more, and say whether it was the last one."""
        if client_order_id:
            del self.by_client_id[client_order_id]
        self._forgotten += 1
        if self._forgotten > FORGOTTEN_MIN and self._forgotten * 2 > len(self._ids):
            self._ids = [order_id for order_id in self._ids if order_id in kept]
            self._forgotten = 0
        return self._forgotten == len(self._ids)

    def newest_first(self, before: int | None = None) -> Iterator[int]:
        """Iterate over the ids (below `before`, if given) as they are now, newest first.

        The other thread may append at any moment, or put a new list in place of this one; what is here already
        stays where it is, and a slice is copied in one step.
        """
        ids = self._ids
        end = len(ids) if before is None else bisect_left(ids, before)
        for stop in range(end, 0, -READ_IDS_MAX):
            yield from reversed(ids[max(0, stop - READ_IDS_MAX) : stop])

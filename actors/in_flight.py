"""What a tracker has passed on and has not heard the last word of, counted by kind and shard."""

from typing import Self

import msgspec

from actors.topology import Topology


class FlightCounts(msgspec.Struct):
    """Counts of orders, cancels and transfers, by the wallet and the matcher that they go through."""

    orders_by_wallet: list[int]
    orders_by_matcher: list[int]
    cancels_by_wallet: list[int]
    cancels_by_matcher: list[int]
    transfers_by_wallet: list[int]

    @classmethod
    def none(cls, topology: Topology) -> Self:
        """Return counts of nothing."""
        wallets, matchers = topology.wallets, topology.matchers
        return cls([0] * wallets, [0] * matchers, [0] * wallets, [0] * matchers, [0] * wallets)

    def room(self, most: int) -> Self:
        """Return how many more of each there may be when there may be `most` of each; negative over it."""
        return type(self)(*([most - count for count in counts] for counts in msgspec.structs.astuple(self)))

    def is_empty(self) -> bool:
        """Whether nothing is in flight."""
        return not any(map(any, msgspec.structs.astuple(self)))

"""What a tracker has passed on and has not heard the last word of, counted by kind and by the road it takes.

A road is a wallet and a matcher. Were they counted apart, what is stuck in a dead wallet would use up the
matcher's room, and so stop the accounts of other wallets.
"""

from typing import Self

import msgspec

from actors.topology import Topology


class FlightCounts(msgspec.Struct):
    """Counts of orders and cancels by wallet and matcher (`orders[wallet][matcher]`), of transfers by wallet."""

    orders: list[list[int]]
    cancels: list[list[int]]
    transfers: list[int]

    @classmethod
    def none(cls, topology: Topology) -> Self:
        """Return counts of nothing."""
        wallets, matchers = range(topology.wallets), topology.matchers
        return cls([[0] * matchers for _ in wallets], [[0] * matchers for _ in wallets], [0 for _ in wallets])

    def room(self, most: int) -> Self:
        """Return how many more of each there may be when there may be `most` of each; negative over it."""
        return type(self)(
            [[most - count for count in counts] for counts in self.orders],
            [[most - count for count in counts] for counts in self.cancels],
            [most - count for count in self.transfers],
        )

    def is_empty(self) -> bool:
        """Whether nothing is in flight."""
        return not (any(map(any, self.orders)) or any(map(any, self.cancels)) or any(self.transfers))

"""Who is there, and who is responsible for what. Fixed for the life of a data directory."""

from zlib import crc32

import msgspec

from actors.ids import GATEWAYS_MAX

SHARDS_MAX = 16
"""Most wallets or matchers; a machine has no use for more, and a trade id has room for as many matchers."""


class Topology(msgspec.Struct, frozen=True):
    """How many actors of each kind share the work."""

    wallets: int = 1
    matchers: int = 1
    gateways: int = 1

    def __post_init__(self) -> None:
        """Refuse numbers that ids and lanes have no room for."""
        if not (1 <= self.wallets <= SHARDS_MAX and 1 <= self.matchers <= SHARDS_MAX):
            msg = f"a venue has from 1 to {SHARDS_MAX} wallets and matchers"
            raise ValueError(msg)
        if not 1 <= self.gateways <= GATEWAYS_MAX:
            msg = f"a venue has from 1 to {GATEWAYS_MAX} gateways"
            raise ValueError(msg)

    def wallet_of(self, account: str) -> int:
        """Shard of the wallet that keeps the account."""
        return crc32(account.encode()) % self.wallets

    def home_of(self, account: str) -> int:
        """Gateway whose tracker takes the account's orders."""
        return crc32(account.encode()) % self.gateways

    @property
    def wallet_names(self) -> tuple[str, ...]:
        """Names of the wallets, by shard."""
        return tuple(f"wallet-{n}" for n in range(self.wallets))

    @property
    def matcher_names(self) -> tuple[str, ...]:
        """Names of the matchers, by shard."""
        return tuple(f"matcher-{n}" for n in range(self.matchers))

    @property
    def tracker_names(self) -> tuple[str, ...]:
        """Names of the trackers, by gateway."""
        return tuple(f"tracker-{n}" for n in range(self.gateways))

"""The audit: the sums of all wallets, and whether the venue was at rest while they were taken.

It is at rest when two passes over all actors see the same lane numbers and everything sent is handled:
then nothing can have happened in between, when the sums were taken.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from actors.engine.core import ActorStatus
from actors.engine.port import Port
from actors.market import format_decimal
from actors.messages import AssetSums, AuditQuery, WalletAudit

PASSES_MAX = 20
"""How often the audit looks whether the venue is at rest before it says that it is not."""
PAUSE_S = 0.05
_SUMS = ("free", "held", "fees", "clearing", "deposits", "withdrawals")


class Audit(msgspec.Struct, frozen=True):
    """What an audit has found."""

    at_rest: bool
    wallets: dict[str, WalletAudit]
    """By name."""

    @property
    def totals(self) -> dict[str, dict[str, int]]:
        """Sums over all wallets: by asset, and by the names in AssetSums."""
        totals: dict[str, dict[str, int]] = {}
        for sums in self._all_sums():
            total = totals.setdefault(sums.asset, dict.fromkeys(_SUMS, 0))
            for name in _SUMS:
                total[name] += getattr(sums, name)
        return dict(sorted(totals.items()))

    @property
    def faults(self) -> list[str]:
        """Everything that does not hold, in words."""
        faults = [
            f"{wallet}: {sums.asset}: {fault}"
            for wallet, audit in self.wallets.items()
            for sums in audit.sums
            for fault in sums.faults
        ]
        if self.at_rest:
            # Until the venue is at rest, the two halves of a trade may be settled in one wallet and not in the other.
            faults += [
                f"{asset}: clearing is {total['clearing']} over all wallets, it must be 0"
                for asset, total in self.totals.items()
                if total["clearing"]
            ]
        return faults

    def _all_sums(self) -> list[AssetSums]:
        return [sums for audit in self.wallets.values() for sums in audit.sums]


async def take_audit(port: Port, wallets: Sequence[str], matchers: Sequence[str], timeout_s: float) -> Audit:
    """Ask all wallets for their sums, at rest if the venue comes to rest within `PASSES_MAX` passes.

    Raises:
        EngineError: an actor did not answer within `timeout_s` seconds.

    """
    actors = (port.name, *wallets, *matchers)
    at_rest = False
    answers: list[WalletAudit] = []
    for number in range(PASSES_MAX):
        if number:
            await asyncio.sleep(PAUSE_S)
        before = await _lane_numbers(port, actors, timeout_s)
        if not _all_is_handled(before) and number < PASSES_MAX - 1:
            continue  # Adding up is work for the wallets, and these sums could not be those of a venue at rest.
        answers = await asyncio.gather(*(port.ask(wallet, AuditQuery(), timeout_s) for wallet in wallets))
        after = await _lane_numbers(port, actors, timeout_s)
        at_rest = before == after and _all_is_handled(after)
        if at_rest:
            break
    return Audit(at_rest, dict(zip(wallets, answers, strict=True)))


LaneNumbers = dict[str, tuple[dict[str, int], dict[str, int]]]
"""By actor: the number of the last message sent to each peer, and of the last one handled from each."""


async def _lane_numbers(port: Port, actors: Sequence[str], timeout_s: float) -> LaneNumbers:
    statuses: list[ActorStatus] = await asyncio.gather(*(port.status(actor, timeout_s) for actor in actors))
    return {status.actor: (status.sent, status.handled) for status in statuses}


def _all_is_handled(numbers: LaneNumbers) -> bool:
    return all(
        numbers[receiver][1][sender] == sent
        for sender, (sent_to, _) in numbers.items()
        for receiver, sent in sent_to.items()
    )


def audit_view(audit: Audit, scales: dict[str, int]) -> dict[str, Any]:
    """Return the audit as a JSON document."""
    faults = audit.faults
    return {
        "holds": not faults,
        "at_rest": audit.at_rest,
        "faults": faults,
        "totals": [_sums_view(asset, total, scales[asset]) for asset, total in audit.totals.items()],
        "wallets": [
            {
                "wallet": name,
                "open_orders": wallet.open_orders,
                "assets": [
                    _sums_view(sums.asset, {name: getattr(sums, name) for name in _SUMS}, scales[sums.asset])
                    for sums in wallet.sums
                ],
            }
            for name, wallet in audit.wallets.items()
        ],
    }


def _sums_view(asset: str, sums: dict[str, int], scale: int) -> dict[str, str]:
    return {"asset": asset} | {name: format_decimal(amount, scale) for name, amount in sums.items()}

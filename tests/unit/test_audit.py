import asyncio
from typing import Any, cast

import pytest

from actors.engine.core import ActorStatus
from actors.engine.port import Port
from actors.messages import AssetSums, AuditQuery, WalletAudit
from gateway.audit import PASSES_MAX, Audit, audit_view, take_audit


def sums(clearing: int = 0, faults: tuple[str, ...] = ()) -> AssetSums:
    return AssetSums("USDT", 70, 20, 10 - clearing, clearing, 130, 30, faults)


def audit(at_rest: bool, *wallets: AssetSums) -> Audit:
    return Audit(at_rest, {f"wallet-{n}": WalletAudit((one,), 1) for n, one in enumerate(wallets)})


def test_sums_are_shown_for_each_wallet_and_over_all() -> None:
    view = audit_view(audit(True, sums(5), sums(-5)), {"USDT": 1})
    assert view["holds"] is True
    assert view["wallets"][0]["assets"][0]["clearing"] == "0.5"
    assert view["wallets"][1]["wallet"] == "wallet-1"
    assert view["totals"] == [
        {
            "asset": "USDT",
            "free": "14.0",
            "held": "4.0",
            "fees": "2.0",
            "clearing": "0.0",
            "deposits": "26.0",
            "withdrawals": "6.0",
        }
    ]


def test_a_fault_of_one_wallet_means_that_the_audit_does_not_hold() -> None:
    found = audit(True, sums(), sums(faults=("free of bob is -1",)))
    assert found.faults == ["wallet-1: USDT: free of bob is -1"]
    assert audit_view(found, {"USDT": 1})["holds"] is False


def test_clearing_must_sum_to_zero_at_rest_and_not_before() -> None:
    assert audit(True, sums(5), sums(-4)).faults == ["USDT: clearing is 1 over all wallets, it must be 0"]
    assert audit(False, sums(5), sums(-4)).faults == []


class Venue:
    """Stands where the port is: a tracker, a wallet and a matcher, whose lane numbers follow a script."""

    name = "tracker-0"

    def __init__(self, *passes: tuple[int, int]) -> None:
        """In each pass the tracker has sent, and the wallet has handled, so many messages; the last pass stays."""
        self._passes = list(passes)
        self._sent = self._handled = 0
        self.audits = 0

    async def ask(self, peer: str, question: object, timeout_s: float) -> WalletAudit:
        assert (peer, question) == ("wallet-0", AuditQuery())
        self.audits += 1
        return WalletAudit((sums(),), 0)

    async def status(self, actor: str, timeout_s: float) -> ActorStatus:
        if actor == self.name and self._passes:
            self._sent, self._handled = self._passes.pop(0)
        sent: dict[str, dict[str, int]] = {"tracker-0": {"wallet-0": self._sent}}
        handled = {"wallet-0": {"tracker-0": self._handled}}
        nothing: dict[str, Any] = {}
        return ActorStatus(
            *(actor, 0, sent.get(actor, {}), handled.get(actor, {})), nothing, nothing, nothing, (), False, 0, 0, 0
        )


def take(venue: Venue) -> Audit:
    return asyncio.run(take_audit(cast("Port", venue), ("wallet-0",), ("matcher-0",), 1))


def test_the_venue_is_at_rest_when_nothing_moves_and_everything_is_handled() -> None:
    venue = Venue((7, 7))
    assert take(venue).at_rest
    assert venue.audits == 1


@pytest.mark.parametrize(
    ("passes", "audits"),
    [
        # Wallets are not asked to add up while something is known to be on its way.
        pytest.param([(7, 6), (7, 7), (7, 7)], 1, id="something is sent and not handled"),
        pytest.param([(7, 7), (8, 8), (8, 8)], 2, id="something has happened between the passes"),
    ],
)
def test_the_audit_waits_for_rest(passes: list[tuple[int, int]], audits: int) -> None:
    venue = Venue(*passes)
    assert take(venue).at_rest
    assert venue.audits == audits


def test_a_venue_that_does_not_come_to_rest_is_audited_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.audit.PAUSE_S", 0)
    venue = Venue((7, 6))
    assert not take(venue).at_rest
    assert venue.audits == 1


def test_a_venue_that_moves_in_every_pass_is_audited_as_often_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.audit.PAUSE_S", 0)
    venue = Venue(*((count, count) for count in range(2 * PASSES_MAX)))
    assert not take(venue).at_rest
    assert venue.audits == PASSES_MAX

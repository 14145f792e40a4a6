"""Who is responsible for what: the same answer in every process and for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.ids import GATEWAYS_MAX, gateway_of, next_order_id
from actors.topology import SHARDS_MAX, Topology

shards = st.integers(1, SHARDS_MAX)


@given(st.text(), shards, st.integers(1, GATEWAYS_MAX))
def test_every_account_has_a_wallet_and_a_home_that_exist(account: str, wallets: int, gateways: int) -> None:
    topology = Topology(wallets=wallets, gateways=gateways)
    assert 0 <= topology.wallet_of(account) < wallets
    assert 0 <= topology.home_of(account) < gateways


def test_the_hash_of_an_account_is_fixed_because_data_directories_rely_on_it() -> None:
    topology = Topology(wallets=16, gateways=16)
    accounts = ("alice", "bob", "carol", "帳戶")
    assert [topology.wallet_of(account) for account in accounts] == [7, 0, 3, 11]
    assert [topology.home_of(account) for account in accounts] == [7, 0, 3, 11]


def test_accounts_spread_over_all_wallets() -> None:
    topology = Topology(wallets=SHARDS_MAX)
    assert {topology.wallet_of(f"account-{n}") for n in range(200)} == set(range(SHARDS_MAX))


@given(st.integers(0, GATEWAYS_MAX - 1), st.integers(0, 2**51))
def test_an_order_leads_back_to_the_tracker_that_numbered_it(gateway: int, now_us: int) -> None:
    order_id = next_order_id(0, now_us, gateway)
    assert gateway_of(order_id) == gateway


def test_names_are_numbered_by_shard() -> None:
    topology = Topology(wallets=2, matchers=3, gateways=1)
    assert topology.wallet_names == ("wallet-0", "wallet-1")
    assert topology.matcher_names == ("matcher-0", "matcher-1", "matcher-2")
    assert topology.tracker_names == ("tracker-0",)


def test_the_smallest_and_the_largest_venue_are_allowed() -> None:
    assert Topology() == Topology(wallets=1, matchers=1, gateways=1)
    assert len(Topology(SHARDS_MAX, SHARDS_MAX, GATEWAYS_MAX).tracker_names) == GATEWAYS_MAX


@pytest.mark.parametrize("number", [-1, 0, 17])
@pytest.mark.parametrize("kind", ["wallets", "matchers", "gateways"])
def test_a_venue_with_no_room_for_its_shards_is_refused(kind: str, number: int) -> None:
    with pytest.raises(ValueError, match="a venue has from 1 to 16"):
        Topology(**{kind: number})

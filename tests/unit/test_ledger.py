"""The ledger in worked examples: BTC-USDT with a tick of 0.01 USDT and a lot of 0.00001 BTC, both assets of scale 8."""

from collections.abc import Callable

import msgspec
import pytest

from actors.errors import ProtocolError
from actors.ledger import FAULTS_MAX, Ledger, LedgerState
from actors.market import Market, parse_decimal
from actors.messages import (
    AMOUNT_MAX,
    AssetSums,
    Balance,
    MarketDefinedEvent,
    OrderCreateEvent,
    OrderType,
    Party,
    Side,
    TimeInForce,
)
from tests.reference.ledger import NaiveLedger

MARKET = Market(MarketDefinedEvent("BTC-USDT", "BTC", "USDT", 8, 8, 2, 1, 1_000, 100_000_000, 1_000, 2_000, 50_000, 0))
OTHER_MARKET = Market(
    MarketDefinedEvent("ETH-USDT", "ETH", "USDT", 8, 8, 2, 1, 10_000, 100_000_000, 1_000, 2_000, 50_000, 0)
)
MARKETS = {"BTC-USDT": MARKET, "ETH-USDT": OTHER_MARKET}
MAKER_PPM = 1_000
TAKER_PPM = 2_000

AnyLedger = Ledger | NaiveLedger


@pytest.fixture(params=[Ledger, NaiveLedger])
def ledger(request: pytest.FixtureRequest) -> AnyLedger:
    make: Callable[[], AnyLedger] = request.param
    return make()


def units(amount: str) -> int:
    """Smallest units of an amount of BTC or USDT."""
    return parse_decimal(amount, 8)


def order(
    order_id: int, account: str, side: Side, price: str = "", quantity: str = "", budget: str = ""
) -> OrderCreateEvent:
    return OrderCreateEvent(
        order_id,
        account,
        "BTC-USDT",
        side,
        OrderType.LIMIT if price else OrderType.MARKET,
        TimeInForce.GTC,
        False,
        MARKET.parse_price(price) if price else 0,
        MARKET.parse_quantity(quantity) if quantity else 0,
        units(budget) if budget else 0,
        "",
        0,
    )


def party(order_id: int, account: str, fee_ppm: int, remaining: str = "", *, budget: str = "") -> Party:
    """One side of a trade, with what its order then has left of its quantity, or of its budget."""
    left = MARKET.parse_quantity(remaining) if remaining else units(budget) if budget else 0
    return Party(order_id, account, fee_ppm, left, done=left == 0)


def trade(ledger: AnyLedger, price: str, quantity: str, buyer: Party | None, seller: Party | None) -> None:
    ledger.settle(MARKET, MARKET.parse_price(price), MARKET.parse_quantity(quantity), buyer, seller)


def has(ledger: AnyLedger, account: str) -> dict[str, tuple[str, str]]:
    """Free and held by asset, as decimals."""
    return {b.asset: (MARKET.format_quote(b.free), MARKET.format_quote(b.held)) for b in ledger.balances(account)}


def sums(ledger: AnyLedger, asset: str) -> AssetSums:
    return next(s for s in ledger.audit() if s.asset == asset)


def funded(ledger: AnyLedger) -> AnyLedger:
    """Anna has 50,000 USDT, Ben has 2 BTC."""
    ledger.deposit("anna", "USDT", units("50000"))
    ledger.deposit("ben", "BTC", units("2"))
    return ledger


def crossing() -> Ledger:
    """Anna bids 60,000 for 0.5 BTC (order 1), Ben offers 0.2 BTC at 59,000 (order 2)."""
    ledger = Ledger()
    funded(ledger)
    ledger.hold(order(1, "anna", Side.BUY, "60000", "0.5"), MARKET)
    ledger.hold(order(2, "ben", Side.SELL, "59000", "0.2"), MARKET)
    return ledger


def test_a_limit_buy_holds_price_times_quantity(ledger: AnyLedger) -> None:
    assert funded(ledger).hold(order(1, "anna", Side.BUY, "60000", "0.5"), MARKET)
    assert has(ledger, "anna") == {"USDT": ("20000.00000000", "30000.00000000")}


def test_a_sell_holds_its_quantity_of_base(ledger: AnyLedger) -> None:
    assert funded(ledger).hold(order(1, "ben", Side.SELL, "60000", "0.5"), MARKET)
    assert has(ledger, "ben") == {"BTC": ("1.50000000", "0.50000000")}


def test_a_market_sell_holds_its_quantity_of_base(ledger: AnyLedger) -> None:
    assert funded(ledger).hold(order(1, "ben", Side.SELL, quantity="2"), MARKET)
    assert has(ledger, "ben") == {"BTC": ("0.00000000", "2.00000000")}


def test_a_market_buy_by_budget_holds_its_budget(ledger: AnyLedger) -> None:
    assert funded(ledger).hold(order(1, "anna", Side.BUY, budget="123.45678901"), MARKET)
    assert has(ledger, "anna") == {"USDT": ("49876.54321099", "123.45678901")}


def test_a_market_buy_by_quantity_holds_its_protection_price_times_quantity(ledger: AnyLedger) -> None:
    protected = msgspec.structs.replace(order(1, "anna", Side.BUY, "63000", "0.1"), type=OrderType.MARKET)
    assert funded(ledger).hold(protected, MARKET)
    assert has(ledger, "anna") == {"USDT": ("43700.00000000", "6300.00000000")}


def test_a_hold_says_which_asset_it_holds_and_how_much() -> None:
    ledger = crossing()
    assert (ledger.holds[1].asset, ledger.holds[1].held) == ("USDT", units("30000"))
    assert (ledger.holds[2].asset, ledger.holds[2].held) == ("BTC", units("0.2"))


def test_all_that_is_free_can_be_held_and_not_a_unit_more(ledger: AnyLedger) -> None:
    ledger.deposit("anna", "USDT", units("0.0000002"))
    assert not ledger.hold(order(1, "anna", Side.BUY, "0.03", "0.00001"), MARKET)
    assert has(ledger, "anna") == {"USDT": ("0.00000020", "0.00000000")}
    assert ledger.hold(order(2, "anna", Side.BUY, "0.02", "0.00001"), MARKET)
    assert has(ledger, "anna") == {"USDT": ("0.00000000", "0.00000020")}


def test_a_single_unit_can_be_held(ledger: AnyLedger) -> None:
    assert funded(ledger).hold(order(1, "anna", Side.BUY, budget="0.00000001"), MARKET)
    assert has(ledger, "anna") == {"USDT": ("49999.99999999", "0.00000001")}


def test_what_is_held_for_one_order_cannot_be_held_for_another(ledger: AnyLedger) -> None:
    assert funded(ledger).hold(order(1, "ben", Side.SELL, "60000", "1.5"), MARKET)
    assert not ledger.hold(order(2, "ben", Side.SELL, "60000", "0.50001"), MARKET)


def test_an_account_that_never_had_a_deposit_can_hold_nothing(ledger: AnyLedger) -> None:
    assert not ledger.hold(order(1, "carl", Side.BUY, "0.01", "0.00001"), MARKET)
    assert ledger.balances("carl") == ()


def test_a_partial_fill_frees_the_price_improvement_at_once(ledger: AnyLedger) -> None:
    funded(ledger).hold(order(1, "anna", Side.BUY, "60000", "0.5"), MARKET)
    ledger.hold(order(2, "ben", Side.SELL, "59000", "0.2"), MARKET)
    trade(ledger, "59000", "0.2", party(1, "anna", TAKER_PPM, "0.3"), party(2, "ben", MAKER_PPM))
    # 0.2 BTC cost 11,800 USDT where 12,000 were held: 200 are free again, and 0.3 × 60,000 stay held.
    assert has(ledger, "anna") == {"BTC": ("0.19960000", "0.00000000"), "USDT": ("20200.00000000", "18000.00000000")}
    assert has(ledger, "ben") == {"BTC": ("1.80000000", "0.00000000"), "USDT": ("11788.20000000", "0.00000000")}
    assert sums(ledger, "BTC").fees == units("0.0004")
    assert sums(ledger, "USDT").fees == units("11.8")


def test_each_fill_of_a_budget_takes_what_it_costs(ledger: AnyLedger) -> None:
    funded(ledger).hold(order(1, "anna", Side.BUY, budget="1000"), MARKET)
    ledger.hold(order(2, "ben", Side.SELL, "59000", "1"), MARKET)
    trade(ledger, "59000", "0.01", party(1, "anna", TAKER_PPM, budget="410"), party(2, "ben", MAKER_PPM, "0.99"))
    assert has(ledger, "anna") == {"BTC": ("0.00998000", "0.00000000"), "USDT": ("49000.00000000", "410.00000000")}


def test_the_last_fill_of_a_budget_frees_what_buys_no_further_lot(ledger: AnyLedger) -> None:
    funded(ledger).hold(order(1, "anna", Side.BUY, budget="1000"), MARKET)
    ledger.hold(order(2, "ben", Side.SELL, "59000", "1"), MARKET)
    last = Party(1, "anna", TAKER_PPM, units("0.54"), done=True)
    trade(ledger, "59000", "0.01694", last, party(2, "ben", MAKER_PPM, "0.98306"))
    # 0.01694 BTC cost 999.46 USDT.
    assert has(ledger, "anna")["USDT"] == ("49000.54000000", "0.00000000")


def test_a_fee_is_rounded_up_to_the_venues_favour(ledger: AnyLedger) -> None:
    funded(ledger).hold(order(1, "anna", Side.BUY, "0.01", "0.00001"), MARKET)
    ledger.hold(order(2, "ben", Side.SELL, "0.01", "0.00001"), MARKET)
    trade(ledger, "0.01", "0.00001", party(1, "anna", 1_001), party(2, "ben", 1))
    # Received are 1,000 units of BTC and 10 of USDT; 1.001 and 0.00001 units of fee become 2 and 1.
    assert (sums(ledger, "BTC").fees, sums(ledger, "USDT").fees) == (2, 1)
    assert has(ledger, "anna")["BTC"] == ("0.00000998", "0.00000000")
    assert has(ledger, "ben")["USDT"] == ("0.00000009", "0.00000000")


def test_a_fee_may_take_all_that_is_received(ledger: AnyLedger) -> None:
    funded(ledger).hold(order(1, "anna", Side.BUY, "60000", "0.5"), MARKET)
    trade(ledger, "60000", "0.5", party(1, "anna", 1_000_000), None)
    assert has(ledger, "anna") == {"USDT": ("20000.00000000", "0.00000000")}


def test_an_account_that_trades_with_itself_loses_the_fees_only(ledger: AnyLedger) -> None:
    ledger.deposit("anna", "USDT", units("60000"))
    ledger.deposit("anna", "BTC", units("1"))
    ledger.hold(order(1, "anna", Side.BUY, "60000", "1"), MARKET)
    ledger.hold(order(2, "anna", Side.SELL, "60000", "1"), MARKET)
    trade(ledger, "60000", "1", party(1, "anna", TAKER_PPM), party(2, "anna", MAKER_PPM))
    assert has(ledger, "anna") == {"BTC": ("0.99800000", "0.00000000"), "USDT": ("59940.00000000", "0.00000000")}


def test_the_end_of_an_order_frees_the_rest_of_its_hold(ledger: AnyLedger) -> None:
    funded(ledger).hold(order(1, "anna", Side.BUY, "60000", "0.5"), MARKET)
    ledger.hold(order(2, "ben", Side.SELL, "59000", "0.2"), MARKET)
    trade(ledger, "59000", "0.2", party(1, "anna", TAKER_PPM, "0.3"), party(2, "ben", MAKER_PPM))
    ledger.release(1, MARKET.parse_quantity("0.3"))
    assert has(ledger, "anna")["USDT"] == ("38200.00000000", "0.00000000")


def test_a_budget_is_released_in_quote_units(ledger: AnyLedger) -> None:
    funded(ledger).hold(order(1, "anna", Side.BUY, budget="1000"), MARKET)
    ledger.release(1, units("1000"))
    assert has(ledger, "anna") == {"USDT": ("50000.00000000", "0.00000000")}


def test_two_shards_book_each_others_half_to_clearing_and_it_sums_to_zero() -> None:
    annas, bens = Ledger(), Ledger()
    annas.deposit("anna", "USDT", units("50000"))
    bens.deposit("ben", "BTC", units("2"))
    annas.hold(order(1, "anna", Side.BUY, "60000", "0.5"), MARKET)
    bens.hold(order(2, "ben", Side.SELL, "59000", "0.2"), MARKET)
    trade(annas, "59000", "0.2", party(1, "anna", TAKER_PPM, "0.3"), None)
    assert sums(annas, "USDT").clearing == units("11800")
    assert sums(annas, "BTC").clearing == -units("0.2")
    trade(bens, "59000", "0.2", None, party(2, "ben", MAKER_PPM))
    assert sums(annas, "USDT").clearing + sums(bens, "USDT").clearing == 0
    assert sums(annas, "BTC").clearing + sums(bens, "BTC").clearing == 0
    assert not any(s.faults for shard in (annas, bens) for s in shard.audit())


def test_a_deposit_and_a_withdrawal_return_what_is_free_then(ledger: AnyLedger) -> None:
    assert ledger.deposit("anna", "USDT", 70) == 70
    assert ledger.deposit("anna", "USDT", 30) == 100
    assert ledger.withdraw("anna", "USDT", 100) == 0


def test_a_deposit_that_takes_the_supply_past_its_maximum_is_refused_until_as_much_is_withdrawn() -> None:
    for ledger in (Ledger(100), NaiveLedger(100)):
        assert ledger.deposit("anna", "USDT", 60) == 60
        assert ledger.deposit("ben", "USDT", 41) is None
        assert ledger.deposit("ben", "BTC", 100) == 100
        assert ledger.balances("ben") == (Balance("BTC", 100, 0),)
        ledger.withdraw("anna", "USDT", 1)
        assert ledger.deposit("ben", "USDT", 41) == 41


def test_a_supply_of_63_bits_can_be_deposited_whole(ledger: AnyLedger) -> None:
    assert ledger.deposit("anna", "USDT", AMOUNT_MAX) == AMOUNT_MAX
    assert ledger.deposit("anna", "USDT", 1) is None


def test_what_is_held_cannot_be_withdrawn(ledger: AnyLedger) -> None:
    funded(ledger).hold(order(1, "ben", Side.SELL, "60000", "1.5"), MARKET)
    assert ledger.withdraw("ben", "BTC", units("0.5") + 1) is None
    assert ledger.withdraw("ben", "BTC", units("0.5")) == 0
    assert ledger.withdraw("ben", "USDT", 1) is None
    assert ledger.withdraw("carl", "BTC", 1) is None
    assert has(ledger, "ben") == {"BTC": ("0.00000000", "1.50000000")}


def test_deposits_and_withdrawals_stay_within_63_bits_however_much_goes_in_and_out() -> None:
    ledger = Ledger()
    for step in (ledger.deposit, ledger.withdraw) * 5:
        assert step("anna", "USDT", AMOUNT_MAX - 5) is not None
        usdt = sums(ledger, "USDT")
        assert 0 <= usdt.withdrawals <= usdt.deposits <= AMOUNT_MAX
        assert usdt.deposits - usdt.withdrawals == usdt.free


def test_withdrawals_stay_within_63_bits_also_where_money_came_in_elsewhere() -> None:
    half = AMOUNT_MAX // 2
    ledger = Ledger(half)
    ledger.deposit("ben", "BTC", 1_000)
    ledger.hold(order(1, "ben", Side.SELL, "0.01", "0.00001"), MARKET)
    ledger.settle(MARKET, half // 10, 1, None, party(1, "ben", 0))
    for _ in range(2):
        ledger.deposit("ben", "USDT", half)
        ledger.withdraw("ben", "USDT", half)
    ledger.withdraw("ben", "USDT", half // 10 * 10)
    usdt = sums(ledger, "USDT")
    assert (usdt.free, usdt.deposits, usdt.withdrawals) == (0, 0, half // 10 * 10)
    assert usdt.faults == ()


def test_balances_are_sorted_and_leave_out_what_is_all_zero(ledger: AnyLedger) -> None:
    ledger.deposit("anna", "USDT", 5)
    ledger.deposit("anna", "BTC", 7)
    ledger.deposit("anna", "ETH", 9)
    ledger.withdraw("anna", "ETH", 9)
    assert ledger.balances("anna") == (Balance("BTC", 7, 0), Balance("USDT", 5, 0))
    assert ledger.balances("nobody") == ()


ANNA, BEN = party(1, "anna", TAKER_PPM, "0.3"), party(2, "ben", MAKER_PPM)


@pytest.mark.parametrize(
    ("price", "quantity", "buyer", "seller"),
    [
        pytest.param("59000", "0.2", party(9, "anna", TAKER_PPM, "0.3"), BEN, id="an unknown buy order"),
        pytest.param("59000", "0.2", ANNA, party(9, "ben", MAKER_PPM), id="an unknown sell order"),
        pytest.param("59000", "0.2", party(1, "ben", TAKER_PPM, "0.3"), BEN, id="another account's order"),
        pytest.param("59000", "0.2", party(2, "ben", TAKER_PPM), BEN, id="a sell order that buys"),
        pytest.param("59000", "0.2", ANNA, party(1, "anna", MAKER_PPM, "0.3"), id="a buy order that sells"),
        pytest.param("60000.01", "0.2", ANNA, BEN, id="a price beyond the limit"),
        pytest.param("59000", "0.3", ANNA, BEN, id="more than the seller holds"),
        pytest.param("59000", "0.1", ANNA, BEN, id="less than what the remaining quantities say"),
        pytest.param("59000", "0.2", party(1, "anna", TAKER_PPM, "0.2"), BEN, id="a remaining quantity too small"),
        pytest.param("59000", "0.2", ANNA, party(2, "ben", MAKER_PPM, "0.1"), id="a remaining quantity too large"),
        pytest.param("59000", "0.2", party(1, "anna", -1, "0.3"), BEN, id="a fee below zero"),
        pytest.param("59000", "0.2", ANNA, party(2, "ben", 1_000_001), id="a fee of more than all"),
        pytest.param("59000", "0.2", None, None, id="nobody of this shard"),
    ],
)
def test_a_trade_that_does_not_fit_raises_and_changes_nothing(
    price: str, quantity: str, buyer: Party | None, seller: Party | None
) -> None:
    ledger = crossing()
    before = ledger.snapshot()
    with pytest.raises(ProtocolError):
        trade(ledger, price, quantity, buyer, seller)
    assert ledger.snapshot() == before
    trade(ledger, "59000", "0.2", ANNA, BEN)


@pytest.mark.parametrize(("price", "quantity"), [(0, 1), (1, 0), (-1, -1)])
def test_a_trade_of_nothing_or_less_raises_and_changes_nothing(price: int, quantity: int) -> None:
    ledger = crossing()
    before = ledger.snapshot()
    with pytest.raises(ProtocolError, match="above zero"):
        ledger.settle(MARKET, price, quantity, ANNA, BEN)
    assert ledger.snapshot() == before


def test_a_trade_in_another_market_than_its_orders_raises() -> None:
    ledger = crossing()
    with pytest.raises(ProtocolError, match="no such hold"):
        ledger.settle(OTHER_MARKET, 5_900_000, 20_000, ANNA, BEN)


def test_a_trade_that_comes_twice_raises() -> None:
    ledger = crossing()
    trade(ledger, "59000", "0.2", ANNA, None)
    with pytest.raises(ProtocolError, match="do not fit"):
        trade(ledger, "59000", "0.2", ANNA, None)


def test_a_budget_is_never_overdrawn() -> None:
    ledger = Ledger()
    funded(ledger).hold(order(1, "anna", Side.BUY, budget="590"), MARKET)
    with pytest.raises(ProtocolError, match="do not fit"):
        ledger.settle(MARKET, 5_900_000, 1_001, Party(1, "anna", 0, -units("0.59"), done=True), None)
    ledger.settle(MARKET, 5_900_000, 1_000, Party(1, "anna", 0, 0, done=True), None)
    assert has(ledger, "anna") == {"BTC": ("0.01000000", "0.00000000"), "USDT": ("49410.00000000", "0.00000000")}


def test_a_hold_that_the_account_does_not_have_is_not_paid_out() -> None:
    ledger = crossing()
    ledger._accounts["ben"].funds["BTC"].held -= 1
    with pytest.raises(ProtocolError, match="do not fit"):
        trade(ledger, "59000", "0.2", None, BEN)


def test_the_end_of_an_unknown_order_raises() -> None:
    ledger = crossing()
    trade(ledger, "59000", "0.2", None, BEN)
    with pytest.raises(ProtocolError, match="holds nothing"):
        ledger.release(2, 0)


def test_the_end_of_an_order_with_another_remaining_quantity_than_is_held_raises_and_changes_nothing() -> None:
    ledger = crossing()
    before = ledger.snapshot()
    with pytest.raises(ProtocolError, match="remaining"):
        ledger.release(1, MARKET.parse_quantity("0.3"))
    assert ledger.snapshot() == before


BID = order(3, "anna", Side.BUY, "1", "1")


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(order(1, "anna", Side.BUY, "1", "1"), id="an order that is open already"),
        pytest.param(order(3, "anna", Side.BUY, quantity="1"), id="a buy without price and budget"),
        pytest.param(order(3, "anna", Side.BUY), id="a buy of nothing"),
        pytest.param(order(3, "ben", Side.SELL), id="a sell of nothing"),
        pytest.param(order(3, "anna", Side.BUY, quantity="1", budget="1"), id="a budget and a quantity"),
        pytest.param(msgspec.structs.replace(BID, price=-1, quantity=-1), id="a price and a quantity below zero"),
        pytest.param(msgspec.structs.replace(BID, budget=-1), id="a budget below zero"),
    ],
)
def test_an_order_with_impossible_figures_raises_and_changes_nothing(wrong: OrderCreateEvent) -> None:
    ledger = crossing()
    before = ledger.snapshot()
    with pytest.raises(ProtocolError):
        ledger.hold(wrong, MARKET)
    assert ledger.snapshot() == before


@pytest.mark.parametrize("amount", [0, -1])
def test_a_transfer_of_nothing_or_less_raises(amount: int) -> None:
    ledger = crossing()
    with pytest.raises(ProtocolError, match="above zero"):
        ledger.deposit("anna", "USDT", amount)
    with pytest.raises(ProtocolError, match="above zero"):
        ledger.withdraw("anna", "USDT", amount)


def test_the_audit_finds_money_from_nowhere() -> None:
    ledger = crossing()
    ledger.withdraw("anna", "USDT", 1)
    ledger._accounts["anna"].funds["USDT"].free += 1
    assert sums(ledger, "BTC").faults == ()
    assert sums(ledger, "USDT").faults == (
        "free + held + fees + clearing is 5000000000000, deposits − withdrawals is 4999999999999",
    )


def test_the_audit_finds_a_fee_that_was_not_credited() -> None:
    ledger = crossing()
    trade(ledger, "59000", "0.2", ANNA, BEN)
    ledger._totals["BTC"].fees = 0
    assert len(sums(ledger, "BTC").faults) == 1
    assert sums(ledger, "USDT").faults == ()


@pytest.mark.parametrize(("free", "held"), [(-1, 200_000_001), (200_000_001, -1)])
def test_the_audit_finds_balances_below_zero(free: int, held: int) -> None:
    ledger = crossing()
    bens = ledger._accounts["ben"].funds["BTC"]
    bens.free, bens.held = free, held
    assert f"account ben: free is {free}, held is {held}" in sums(ledger, "BTC").faults


def test_the_audit_finds_funds_that_are_held_for_no_order() -> None:
    ledger = crossing()
    del ledger.holds[2]
    assert sums(ledger, "BTC").faults == ("account ben: held is 20000000, its open orders hold 0",)


def test_the_audit_finds_a_hold_below_zero() -> None:
    ledger = crossing()
    ledger.holds[2].held = -1
    assert "order 2: held is -1" in sums(ledger, "BTC").faults


def test_the_audit_spells_out_a_bounded_number_of_faults() -> None:
    ledger = Ledger()
    for n in range(FAULTS_MAX + 5):
        ledger.deposit(f"account-{n}", "USDT", 1)
        ledger._accounts[f"account-{n}"].funds["USDT"].held = 1
    assert len(sums(ledger, "USDT").faults) == FAULTS_MAX


def test_an_audit_changes_nothing() -> None:
    ledger = crossing()
    before = ledger.snapshot()
    assert ledger.audit() == ledger.audit()
    assert ledger.snapshot() == before


def test_the_same_state_reached_on_different_ways_gives_the_same_snapshot() -> None:
    ledger = Ledger()
    ledger.deposit("carl", "ETH", 5)
    ledger.withdraw("carl", "ETH", 5)
    ledger.deposit("ben", "BTC", units("2"))
    ledger.deposit("anna", "USDT", units("50000"))
    ledger.hold(order(2, "ben", Side.SELL, "59000", "0.2"), MARKET)
    ledger.hold(order(7, "anna", Side.BUY, budget="10"), MARKET)
    ledger.hold(order(1, "anna", Side.BUY, "60000", "0.5"), MARKET)
    ledger.release(7, units("10"))
    other = crossing()
    other.deposit("carl", "ETH", 5)
    other.withdraw("carl", "ETH", 5)
    assert ledger.snapshot() == other.snapshot()
    assert [row[:2] for row in ledger.snapshot().funds] == [("anna", "USDT"), ("ben", "BTC")]


def test_a_restored_ledger_is_equal_and_goes_on() -> None:
    ledger, restored = crossing(), Ledger()
    ledger.deposit("carl", "USDT", units("10"))
    ledger.hold(order(3, "carl", Side.BUY, budget="10"), MARKET)
    trade(ledger, "59000", "0.1", party(1, "anna", TAKER_PPM, "0.4"), party(2, "ben", MAKER_PPM, "0.1"))
    restored.deposit("someone else", "USDT", 1)
    restored.restore(ledger.snapshot(), MARKETS)
    for each in (ledger, restored):
        trade(each, "59000", "0.1", party(1, "anna", TAKER_PPM, "0.3"), party(2, "ben", MAKER_PPM))
        each.release(3, units("10"))
        each.release(1, MARKET.parse_quantity("0.3"))
    assert restored.snapshot() == ledger.snapshot()
    assert restored.audit() == ledger.audit()
    assert restored.balances("someone else") == ()


def test_a_snapshot_survives_the_way_over_json() -> None:
    state = crossing().snapshot()
    assert msgspec.convert(msgspec.to_builtins(state), LedgerState) == state


def test_a_snapshot_that_does_not_add_up_is_refused() -> None:
    state = crossing().snapshot()
    with pytest.raises(ProtocolError, match="does not add up: account ben"):
        Ledger().restore(msgspec.structs.replace(state, holds=()), MARKETS)

"""The demo's tables."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.table import Table

from gateway.demo.client import Document
from gateway.demo.day import Entry

WIDTH = 100
"""Columns that the tables take where there is no terminal to fit them to."""


def make_console() -> Console:
    """Return the console that the demo writes to."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def show_orders(console: Console, entries: Iterable[Entry]) -> None:
    """Show each order with its status history."""
    table = Table(title="Orders of the day", title_justify="left", show_lines=True)
    table.add_column("account")
    table.add_column("order", overflow="fold")
    table.add_column("status, milliseconds", no_wrap=True)
    table.add_column("trades", overflow="fold")
    for label, order in entries:
        text = f"{_order_text(order)}\n[dim]{label}[/dim]"
        table.add_row(order["account"], text, _history_text(order), _trades_text(order))
    console.print(table)


def _order_text(order: Document) -> str:
    size = f"{_short(order['quantity'])}" if order["quantity"] else f"for {_short(order['budget'])}"
    price = f" at {_short(order['price'])}" if order["price"] else ""
    extra = " post-only" if order["post_only"] else f" {order['time_in_force']}"
    return f"{order['side']} {size} {order['market']}{price} ({order['type']}{extra})"


def _history_text(order: Document) -> str:
    start = datetime.fromisoformat(order["history"][0]["at"])
    lines = []
    for step in order["history"]:
        since = (datetime.fromisoformat(step["at"]) - start) / timedelta(milliseconds=1)
        lines.append(f"{step['status']:17} {since:+7.1f}")
    if order["reason"]:
        lines.append(f"  {order['reason']}")
    return "\n".join(lines)


def _trades_text(order: Document) -> str:
    return "\n".join(
        f"{_short(trade['quantity'])} at {_short(trade['price'])}, {trade['role']}, "
        f"fee {_short(trade['fee'])} {trade['fee_asset']}"
        for trade in order["trades"]
    )


def _short(decimal: str) -> str:
    """Drop the zeros behind the last place that counts."""
    return decimal.rstrip("0").rstrip(".") if "." in decimal else decimal


def show_audit(console: Console, audit: Document) -> None:
    """Show the sums of section 6 and whether they hold."""
    names = ("free", "held", "fees", "clearing", "deposits", "withdrawals")
    table = Table(
        title="Audit: free + held + fees + clearing = deposits − withdrawals, and clearing is 0 at rest",
        title_justify="left",
    )
    table.add_column("wallet", no_wrap=True)
    table.add_column("asset", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", overflow="fold")
    for wallet in audit["wallets"]:
        _add_sums(table, wallet["wallet"], wallet["assets"], names)
    table.add_section()
    _add_sums(table, "all", audit["totals"], names)
    console.print(table)
    for fault in audit["faults"]:
        console.print(f"fault: {fault}")
    console.print(f"holds: {_yes(audit['holds'])}   at rest: {_yes(audit['at_rest'])}")


def _add_sums(table: Table, wallet: str, sums: Sequence[Document], names: Sequence[str]) -> None:
    for asset in sums:
        table.add_row(wallet, asset["asset"], *(_short(asset[name]) for name in names))


def _yes(value: object) -> str:
    return "yes" if value is True else "no"


def show_welcome(console: Console, url: str, operator_key: str, keys: dict[str, str]) -> None:
    """Show where the venue is, its keys, and lines to paste into a shell."""
    console.print(f"\nThe venue is open at {url}; Ctrl-C closes it.\n", highlight=False)
    table = Table(title="Keys", title_justify="left")
    table.add_column("account")
    table.add_column("key", no_wrap=True)
    for account, key in (*keys.items(), ("the operator", operator_key)):
        table.add_row(account, key)
    console.print(table)
    console.print("\nLines to paste:\n")
    for comment, line in curl_lines(url, operator_key, keys["alice"]):
        # As plain text: a line that the console wraps or colours could not be pasted.
        console.out(f"# {comment}\n{line}\n", highlight=False)


def curl_lines(url: str, operator_key: str, key: str) -> list[tuple[str, str]]:
    """Return commands with what each does; each works as it stands, in any order."""
    owner = f"-H 'Authorization: Bearer {key}'"
    operator = f"-H 'Authorization: Bearer {operator_key}'"
    order = '{"market": "BTC-USDT", "side": "buy", "type": "limit", "price": "20000", "quantity": "0.01"}'
    market_order = '{"market": "BTC-USDT", "side": "buy", "type": "market", "budget": "100"}'
    deposit = '{"asset": "USDT", "amount": "500", "transfer_id": "my-first-deposit"}'
    return [
        ("the book", f"curl -s '{url}/v1/markets/BTC-USDT/book?depth=5'"),
        ("the latest trades", f"curl -s '{url}/v1/markets/BTC-USDT/trades?limit=5'"),
        ("what alice has", f"curl -s {owner} {url}/v1/balances"),
        ("alice buys for 100 USDT", f"curl -s {owner} -H 'Prefer: wait=2' {url}/v1/orders -d '{market_order}'"),
        ("alice places an order that rests", f"curl -s {owner} {url}/v1/orders -d '{order}'"),
        ("her latest orders", f"curl -s {owner} '{url}/v1/orders?limit=3'"),
        ("she cancels all in the market", f"curl -s {owner} -X DELETE '{url}/v1/orders?market=BTC-USDT'"),
        (
            "the operator adds to her account",
            f"curl -s {operator} {url}/v1/admin/accounts/alice/deposits -d '{deposit}'",
        ),
        ("the audit", f"curl -s {operator} {url}/v1/admin/audit"),
    ]

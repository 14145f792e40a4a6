"""What the operator sends: deposits, withdrawals, and wishes for keys."""

from collections.abc import Mapping
from typing import Any

from actors.market import parse_decimal
from gateway.fields import client_id_problem, is_client_id, read_decimal, refuse_unknown, shown, text_problem
from gateway.problems import Problem


def parse_transfer(body: dict[str, Any], scales: Mapping[str, int]) -> tuple[str, str, int]:
    """Read a deposit or withdrawal: transfer id, asset, and amount in the asset's smallest units.

    Raises:
        Problem: with the code of what is wrong.

    """
    refuse_unknown(body, ("asset", "amount", "transfer_id"))
    asset = body.get("asset")
    if type(asset) is not str:
        raise text_problem(body, "asset")
    scale = scales.get(asset)
    if scale is None:
        raise Problem("unknown_asset", f"There is no asset {shown(asset)} here.")
    amount = read_decimal(body, "amount", lambda text: parse_decimal(text, scale))
    transfer_id = body.get("transfer_id")
    if transfer_id is None or not is_client_id(transfer_id):
        raise client_id_problem("transfer_id", transfer_id)
    return transfer_id, asset, amount


def parse_key_request(body: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Read for which account and scopes a key is wanted; whether they can be had, `Keys.create` says.

    Raises:
        Problem: with the code of what is wrong.

    """
    refuse_unknown(body, ("account", "scopes"))
    account = body.get("account")
    if type(account) is not str:
        raise text_problem(body, "account")
    scopes = body.get("scopes")
    if scopes is None:
        raise Problem("missing_field", "scopes is missing.")
    if type(scopes) is not list or not all(type(scope) is str for scope in scopes):
        raise Problem("wrong_type", 'scopes must be a list of strings, such as ["read", "trade"].')
    return account, tuple(scopes)

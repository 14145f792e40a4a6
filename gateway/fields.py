"""Reading the fields of a JSON body, one by one, each with its own refusal."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from actors.errors import InvalidValue
from gateway.problems import Problem

CLIENT_ID_SIZE_MAX = 64
"""Longest client order id or transfer id, in characters."""


def parse_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        Problem: `malformed_json`, or `wrong_type` when it is no object.

    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem("malformed_json", f"The body is not JSON in UTF-8: {error}.") from error
    if type(value) is not dict:
        raise Problem("wrong_type", 'The body must be a JSON object, such as {"market": …}.')
    return value


def read_decimal(body: dict[str, Any], name: str, parse: Callable[[str], int]) -> int:
    """Read a field that must be a decimal string."""
    text = body.get(name)
    if type(text) is str:
        try:
            return parse(text)
        except InvalidValue as error:
            raise Problem(error.code, f"{name}: {error.detail}.") from None
    raise text_problem(body, name)


def is_client_id(value: object) -> bool:
    """Whether this can be a client order id or transfer id: 1 to 64 printable ASCII characters."""
    return type(value) is str and 0 < len(value) <= CLIENT_ID_SIZE_MAX and value.isascii() and value.isprintable()


def refuse_unknown(fields: Mapping[str, Any], known: frozenset[str] | tuple[str, ...]) -> None:
    """Refuse a field that means nothing here: it is a mistake, and silence would hide it."""
    for name in fields:
        if name not in known:
            raise Problem("unknown_field", f"{shown(name)} is not known here; known are {', '.join(sorted(known))}.")


def shown(text: str) -> str:
    """Quote what was sent, shortened, so that an answer is never as long as a hostile request."""
    return repr(text) if len(text) <= CLIENT_ID_SIZE_MAX else repr(text[:CLIENT_ID_SIZE_MAX]) + "…"


def text_problem(body: dict[str, Any], name: str) -> Problem:
    """Say what is wrong with a field that should be a string."""
    value = body.get(name)
    if value is None:
        return Problem("missing_field", f"{name} is missing.")
    if type(value) in (int, float):
        return Problem("wrong_type", f'{name} is a number; send it as a string, such as "12.5", so that it is exact.')
    return Problem("wrong_type", f"{name} must be a string.")


def choice_problem(body: dict[str, Any], name: str, choices: Mapping[str, Any] | tuple[str, ...]) -> Problem:
    """Say what is wrong with a field that should be one of a few words."""
    value = body.get(name)
    if type(value) is not str:
        return text_problem(body, name)
    return Problem("invalid_value", f"{name} is {shown(value)}; it must be one of {', '.join(choices)}.")


def client_id_problem(name: str, value: object) -> Problem:
    """Say what is wrong with a field that should be a client order id or transfer id."""
    if value is None:
        return Problem("missing_field", f"{name} is missing.")
    if type(value) is not str:
        return Problem("wrong_type", f"{name} must be a string.")
    return Problem("invalid_value", f"{name} must be 1 to {CLIENT_ID_SIZE_MAX} printable ASCII characters.")

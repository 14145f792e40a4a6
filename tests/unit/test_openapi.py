import re
from typing import Any, cast

import pytest
from aiohttp import web

from gateway.app import make_app
from gateway.config import load_settings
from gateway.desk import Desk
from gateway.keys import Keys
from gateway.openapi import directory, openapi_document
from gateway.problems import PROBLEMS

DOCUMENT = openapi_document()
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
NAMED_ELSEWHERE = {"not_found", "method_not_allowed"}
"""Answers to what is no call of the API."""


@pytest.fixture
def app() -> web.Application:
    # Making the routes needs nobody behind them.
    return make_app(load_settings({}, {}), cast("Desk", None), cast("Keys", None))


def test_every_route_is_described_and_every_description_is_a_route(app: web.Application) -> None:
    routes = {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert routes == {name for name, _ in OPERATIONS}


def test_every_parameter_in_a_path_is_described() -> None:
    for name, operation in OPERATIONS:
        described = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert described == set(re.findall(r"{(\w+)}", name)), name


def test_every_reference_leads_to_a_schema_and_every_schema_is_used() -> None:
    found = set(re.findall(r"'#/components/schemas/(\w+)'", str(DOCUMENT)))
    assert found == set(DOCUMENT["components"]["schemas"])


def codes_of(answer: dict[str, Any]) -> set[str]:
    description = answer["description"]
    return set(re.findall(r"`(\w+)`", description)) if description.startswith("Problem") else set()


def test_every_code_is_a_problem_of_some_call() -> None:
    described = set().union(*(codes_of(a) for _, operation in OPERATIONS for a in operation["responses"].values()))
    assert described == set(PROBLEMS) - NAMED_ELSEWHERE


def test_a_problem_is_described_under_its_own_status() -> None:
    for name, operation in OPERATIONS:
        for status, answer in operation["responses"].items():
            assert {PROBLEMS[code].status for code in codes_of(answer)} <= {int(status)}, name


def test_calls_with_a_key_say_so() -> None:
    public = {name for name, operation in OPERATIONS if "security" not in operation}
    assert all("401" in operation["responses"] for name, operation in OPERATIONS if name not in public)
    assert {name for name in public if "/v1/" in name} == {
        "GET /v1/markets",
        "GET /v1/markets/{market}/book",
        "GET /v1/markets/{market}/trades",
    }


def test_the_directory_lists_every_call() -> None:
    calls: dict[str, Any] = directory()["calls"]
    assert set(calls) == {name for name, _ in OPERATIONS}

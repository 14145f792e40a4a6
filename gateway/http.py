"""What all routes share: JSON answers, problem documents, and reading headers and query parameters."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import hdrs, web

from gateway import problems
from gateway.problems import PROBLEMS, Problem, problem_document

JSON_HEADERS: dict[str, str] = {hdrs.CONTENT_TYPE: "application/json"}
PREFER = "Prefer"
PREFERENCE_APPLIED = "Preference-Applied"
WAIT_MAX_S = 30
LIST_LIMIT = 100
LIST_LIMIT_MAX = 1_000

_WAIT = re.compile(r'(?:^|,)\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=[,;]|$)', re.IGNORECASE)
_HTTP_ERRORS = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}

logger = logging.getLogger("gateway")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def json_response(document: Any, status: int = 200, headers: Mapping[str, str] = JSON_HEADERS) -> web.Response:
    """Answer with a JSON document; `headers` include the content type."""
    return web.Response(body=orjson.dumps(document), status=status, headers=headers)


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with a problem document."""
    all_headers: dict[str, str] = {hdrs.CONTENT_TYPE: problems.CONTENT_TYPE, **(headers or {})}
    if problem.retry_after_s:
        all_headers[hdrs.RETRY_AFTER] = str(problem.retry_after_s)
    if problem.code == "unauthorized":
        all_headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="tradepost"'
    return web.Response(
        body=orjson.dumps(problem_document(problem.code, problem.detail)),
        status=PROBLEMS[problem.code].status,
        headers=all_headers,
    )


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn everything that a handler raises into a problem document."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem_response(problem)
    except web.HTTPException as error:
        return _http_problem(request, error)
    except (web.RequestPayloadError, ConnectionError):
        # The client has left in the middle of its body, or the body is not encoded as it says.
        return problem_response(Problem("bad_request", "The body cannot be read to its end."))
    except Exception:
        logger.exception("%s %s failed", request.method, request.path)
        return problem_response(Problem("internal_error", "The venue's log says more."))


def _http_problem(request: web.Request, error: web.HTTPException) -> web.Response:
    """Say in a problem document what aiohttp refuses."""
    code = _HTTP_ERRORS.get(error.status, "bad_request")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        detail = f"{request.path} takes {allowed}, not {request.method}."
        return problem_response(Problem(code, detail), {hdrs.ALLOW: allowed})
    if code == "not_found":
        return problem_response(Problem(code, f"There is nothing at {request.path[:200]}; GET / lists what there is."))
    return problem_response(Problem(code, f"{error.text or error.reason}."))


def accepted_response(document: Any, wait_s: int, location: str | None = None) -> web.Response:
    """Answer that a request is durable and will be decided (202), with `location` saying where that will be seen."""
    headers = dict(JSON_HEADERS)
    if location is not None:
        headers[hdrs.LOCATION] = location
    if wait_s:
        headers[PREFERENCE_APPLIED] = f"wait={wait_s}"
    return web.Response(body=orjson.dumps(document), status=202, headers=headers)


def preferred_wait_s(prefer: str) -> int:
    """Return for how many seconds the client prefers to wait (RFC 7240), at most `WAIT_MAX_S`; 0 for no such wish."""
    found = _WAIT.search(prefer)
    return min(int(found[1]), WAIT_MAX_S) if found else 0


def parameters_of(request: web.Request, *known: str) -> dict[str, str]:
    """Return the query parameters.

    Raises:
        Problem: `unknown_field`, or `invalid_parameter` when one is there twice.

    """
    query = request.query
    for name in query:
        if name not in known:
            possible = ", ".join(known) if known else "none"
            raise Problem("unknown_field", f"The parameter {name[:64]!r} is not known here; known: {possible}.")
    if len(query) != len(set(query)):
        raise Problem("invalid_parameter", "A parameter is there twice.")
    return dict(query)


def limit_of(parameters: Mapping[str, str], name: str = "limit", maximum: int = LIST_LIMIT_MAX) -> int:
    """Return how many entries are asked for.

    Raises:
        Problem: `invalid_parameter`.

    """
    text = parameters.get(name)
    if text is None:
        return LIST_LIMIT
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= maximum:
        raise Problem("invalid_parameter", f"{name} must be a whole number from 1 to {maximum}.")
    return int(text)

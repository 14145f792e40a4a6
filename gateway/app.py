"""The HTTP application of a gateway: routes, limits, and the server that runs it."""

import logging
from socket import socket

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.config import Settings
from gateway.desk import Desk
from gateway.http import answer_problems
from gateway.keys import Keys
from gateway.routes import AccountRoutes
from gateway.routes_admin import AdminRoutes
from gateway.routes_public import PublicRoutes

server_logger = logging.getLogger("gateway.server")

SHUTDOWN_S = 1.0
"""How long requests that are under way may take when the server stops."""


def make_app(settings: Settings, desk: Desk, keys: Keys) -> web.Application:
    """Make the application with all routes."""
    app = web.Application(middlewares=[answer_problems], client_max_size=settings.body_bytes_max)
    scales = settings.scales
    app.add_routes(
        [
            *AccountRoutes(desk, keys, scales).routes(),
            *PublicRoutes(desk).routes(),
            *AdminRoutes(desk, keys, scales).routes(),
        ]
    )
    return app


async def start_server(app: web.Application, listener: socket) -> web.AppRunner:
    """Serve the application on a listening socket until `cleanup` of what is returned is awaited."""
    server_logger.addFilter(_is_ours)
    runner = web.AppRunner(app, access_log=None, logger=server_logger, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return runner


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether it is more than that some client sends what is no HTTP, which anybody may do any number of times."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | web.RequestPayloadError)

"""The HTTP application of a gateway: routes, limits, and the server that runs it."""

from socket import socket

from aiohttp import web

from gateway.config import Settings
from gateway.desk import Desk
from gateway.http import answer_problems
from gateway.keys import Keys
from gateway.routes import AccountRoutes
from gateway.routes_admin import AdminRoutes
from gateway.routes_public import PublicRoutes

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
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return runner

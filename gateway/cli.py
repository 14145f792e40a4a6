"""The command line: `tradepost serve`, `tradepost demo`, `tradepost keys`.

Errors are one line on standard error that says what is wrong and what to do; the exit code is 2 for the
command line and the configuration, 1 for everything else.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, TextIO

from actors.engine.errors import EngineError
from actors.errors import ConfigurationError, TradepostError
from gateway.config import SCALARS, Settings, load_settings
from gateway.keys import OPERATOR_KEY_ID, READ, SCOPES, TRADE, Keys
from gateway.openapi import tradepost_version
from gateway.venue import OPERATOR_KEY_VARIABLE, run_venue, take_directory
from gateway.views import format_time

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2

Command = Callable[[argparse.Namespace], int]


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where the help is."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    parser = _make_parser()
    options = parser.parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except ConfigurationError as error:
        return _fail(parser.prog, error, EXIT_USAGE)
    except (TradepostError, EngineError) as error:
        return _fail(parser.prog, error, EXIT_FAILED)


def _fail(program: str, error: Exception, code: int) -> int:
    _say(f"{program}: {error}", sys.stderr)
    return code


def _say(line: str, stream: TextIO | None = None) -> None:
    """Write a line at once, also into a pipe."""
    print(line, file=stream or sys.stdout, flush=True)


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="tradepost", description="An exchange core: orders over HTTP become trades.")
    parser.add_argument("--version", action="version", version=f"tradepost {tradepost_version()}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run a venue", description="Run a venue until Ctrl-C or SIGTERM.")
    _add_settings(serve, {scalar.name for scalar in SCALARS})
    serve.set_defaults(command=_serve)

    demo = commands.add_parser(
        "demo",
        help="run a venue with funded accounts and a little trading",
        description="Run a venue with funded accounts and a little trading; its data is gone when it stops, "
        "unless --data-dir says where to keep it.",
    )
    demo.add_argument("--once", action="store_true", help="play one scripted day, show it and the audit, and stop")
    _add_settings(demo, {"data_dir", "host", "port", "wallets", "matchers"}, with_file=False)
    demo.set_defaults(command=_demo)

    keys = commands.add_parser("keys", help="make, list and revoke keys", description="Make, list and revoke keys.")
    _add_key_commands(keys)
    return parser


def _add_key_commands(keys: argparse.ArgumentParser) -> None:
    commands = keys.add_subparsers(title="commands", required=True, metavar="COMMAND")
    create = commands.add_parser(
        "create", help="make a key and print it, this once", description="Make a key and print it, this once."
    )
    create.add_argument("account", help="the account that it belongs to")
    create.add_argument(
        "--scopes", default=f"{READ},{TRADE}", help=f"what it may do: some of {','.join(SCOPES)} (default: %(default)s)"
    )
    create.set_defaults(command=_create_key)
    listing = commands.add_parser("list", help="list the keys", description="List the keys, not the keys themselves.")
    listing.set_defaults(command=_list_keys)
    revoke = commands.add_parser("revoke", help="revoke a key", description="Revoke a key, at once.")
    revoke.add_argument("key_id", help="its id, as the list shows it")
    revoke.set_defaults(command=_revoke_key)
    for parser in (create, listing, revoke):
        _add_settings(parser, {"data_dir"})


def _add_settings(parser: argparse.ArgumentParser, names: set[str], *, with_file: bool = True) -> None:
    if with_file:
        parser.add_argument("--config", help="the configuration file (default: tradepost.toml, if there is one)")
    for scalar in SCALARS:
        if scalar.name in names:
            parser.add_argument(
                scalar.flag,
                dest=scalar.name,
                metavar="N" if scalar.type is int else "TEXT",
                help=f"{scalar.help} ({scalar.variable})",
            )


def _settings(options: argparse.Namespace) -> Settings:
    return load_settings(vars(options), os.environ, options.config)


def _serve(options: argparse.Namespace) -> int:
    settings = _settings(options)
    operator_key = take_directory(settings).ensure_operator(os.environ.get(OPERATOR_KEY_VARIABLE))
    if operator_key is not None:
        _say(f"The operator's key, shown this once: {operator_key}")
    return run_venue(settings, lambda url: _say(f"Tradepost {tradepost_version()} listens on {url}"))


def _demo(options: argparse.Namespace) -> int:
    from gateway.demo.run import run_demo  # noqa: PLC0415 - no other command needs what the demo draws with

    def settings_for(directory: str) -> Settings:
        """Take the built-in markets, and a directory of its own unless the user names one.

        Nobody has to find a venue that stops by itself, so it takes a free port.
        """
        named = options.data_dir or os.environ.get("TRADEPOST_DATA_DIR")
        flags = {**vars(options), "data_dir": named or directory}
        if options.once and options.port is None:
            flags["port"] = 0
        return load_settings(flags, os.environ, os.devnull)

    return run_demo(settings_for, once=options.once)


def _create_key(options: argparse.Namespace) -> int:
    keys = Keys(_settings(options).venue.data_dir)
    key, text = keys.create(options.account, tuple(options.scopes.split(",")))
    # The key alone is on standard output, so that a script can take it.
    _say(f"{key.key_id} for {key.account}: {', '.join(key.scopes)}", sys.stderr)
    _say(text)
    return EXIT_OK


def _list_keys(options: argparse.Namespace) -> int:
    for key in Keys(_settings(options).venue.data_dir).list():
        _say(f"{key.key_id:24} {key.account:32} {','.join(key.scopes):20} {format_time(key.created_at)}")
    return EXIT_OK


def _revoke_key(options: argparse.Namespace) -> int:
    Keys(_settings(options).venue.data_dir).revoke(options.key_id)
    if options.key_id == OPERATOR_KEY_ID:
        _say("The next start makes and prints a new operator's key.", sys.stderr)
    return EXIT_OK

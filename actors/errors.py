"""Everything that Tradepost raises on purpose.

TradepostError
├── InvalidValue        a value from outside that cannot be accepted; it has a stable code
└── ConfigurationError  the configuration cannot be used; one line says what to change

`ProtocolError`, which belongs to the engine, is what an actor raises when a peer sent what it must not
send: a bug, not input, so it stops the venue.
"""

from actors.engine.errors import ProtocolError

__all__ = ["ConfigurationError", "InvalidValue", "ProtocolError", "TradepostError"]


class TradepostError(Exception):
    """Base of all errors that Tradepost raises on purpose."""


class InvalidValue(TradepostError):
    """A value from outside cannot be accepted; `code` is stable, the text says what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class ConfigurationError(TradepostError):
    """The configuration cannot be used; the text is one line that says what to change."""

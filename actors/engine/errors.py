"""What the engine raises.

EngineError
├── ProtocolError   a peer sent what it must not send: a bug, not input; it stops the venue
├── ActorStopped    the actor has stopped, or is stopping, and takes nothing more
├── PeerAway        the peer that was asked is not connected
└── AskTimeout      the peer did not answer in time
"""


class EngineError(Exception):
    """Base of what the engine raises."""


class ProtocolError(EngineError):
    """A peer sent what it must not send. It is a bug, not input, and stops the venue."""


class ActorStopped(EngineError):
    """The actor has stopped, or is stopping, and takes nothing more."""


class PeerAway(EngineError):
    """The peer that was asked is not connected."""


class AskTimeout(EngineError):
    """The peer did not answer before the deadline."""

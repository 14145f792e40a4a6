"""The command `tradepost`, which `python -m gateway` starts as well.

Every process that is spawned imports the module that its parent was started by. This one imports nothing
until it is called, so that a wallet does not carry the gateway about with it.
"""

import sys


def main() -> int:
    """Run the command line; return its exit code."""
    from gateway.cli import main as run  # noqa: PLC0415 - see above

    return run()


if __name__ == "__main__":
    sys.exit(main())

"""The shell: ``chainrule demo``, ``fit``, ``predict``, ``explain``. Parse, call the library, print."""

import os
import sys

from chainrule.errors import ChainruleError


def main() -> None:
    """The entry point: errors of the family are one line on the error stream and exit code 2, without a traceback."""
    from chainrule.cli.app import app  # noqa: PLC0415 - so that importing this package stays light

    try:
        app()
    except BrokenPipeError:  # whoever read our output has gone, as `head` does: nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (ChainruleError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - this is the shell
        sys.exit(2)

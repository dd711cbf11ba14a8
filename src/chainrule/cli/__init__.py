"""The shell: ``chainrule demo``, ``fit``, ``predict``, ``explain``. Parse, call the library, print."""

import io
import sys
from typing import NoReturn

from chainrule.errors import ChainruleError


def main() -> None:
    """The entry point: what can go wrong is one line on the error stream and exit code 2, without a traceback."""
    from chainrule.cli.app import app  # noqa: PLC0415 - so that importing this package stays light
    from chainrule.cli.output import printable  # noqa: PLC0415

    def fail(text: str) -> NoReturn:
        print(f"error: {' '.join(printable(text).split())}", file=sys.stderr)  # noqa: T201 - this is the shell
        sys.exit(2)

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal's encoding lacks is no error
    try:
        app()
    except MemoryError:
        fail("the memory does not suffice: take fewer rows or columns, smaller batches or smaller hidden layers.")
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    except ChainruleError as error:
        fail(str(error))

"""The thread pools of the libraries that multiply matrices."""

from functools import cache
from typing import Any


@cache
def pools() -> Any:
    """NumPy's, as a ``threadpoolctl.ThreadpoolController``; found once, for that takes milliseconds."""
    from threadpoolctl import ThreadpoolController  # noqa: PLC0415 - fetched only where there is work for it

    return ThreadpoolController()

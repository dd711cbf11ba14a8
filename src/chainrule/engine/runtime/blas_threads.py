"""The thread pools of the libraries that multiply matrices."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@cache
def pools() -> Any:
    """NumPy's, as a ``threadpoolctl.ThreadpoolController``; found once, for that takes milliseconds."""
    from threadpoolctl import ThreadpoolController  # noqa: PLC0415 - imported only where it is needed

    return ThreadpoolController()


class _OneThread:
    """The limit of the pools to one thread while anybody asks for it: it is the whole process's, so it is counted."""

    def __init__(self) -> None:
        self.lock, self.users, self.limit = threading.Lock(), 0, None

    def begin(self) -> None:
        """One more asks; the first sets the limit."""
        with self.lock:
            if not self.users:
                _release_control()
                self.limit: Any = pools().limit(limits=1, user_api="blas")
            self.users += 1

    def end(self) -> None:
        """One less; the last takes the limit away."""
        with self.lock:
            self.users -= 1
            if not self.users:
                _release_control()
                self.limit.restore_original_limits()
                _release_control()


def _release_control() -> None:
    """Let this thread set limits: newer releases of threadpoolctl heed one thread alone, that of the first limit."""
    for library in pools().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


_one_thread = _OneThread()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_one_thread.lock.acquire,
        after_in_parent=_one_thread.lock.release,
        after_in_child=_one_thread.lock.release,
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """While it lasts, matrix products run on one thread; several may ask for it at once, from any threads."""
    _one_thread.begin()
    try:
        yield
    finally:
        _one_thread.end()

"""Ctrl-C while machine code is made: delayed until it is safe."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Answer Ctrl-C only after the block: inside of LLVM's callbacks it would be swallowed, or end the process."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    asked = []
    signal.signal(signal.SIGINT, lambda *arguments: asked.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if asked:
        before(*asked[0])

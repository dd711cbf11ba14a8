"""How many threads the matrix products of training may use.

Products of a small network's size are done before a second thread has woken up; waiting for it costs more than the
product, many times more where other programs keep the processor busy. So small products are given one thread; that also
keeps the order of their sums, and with it every bit, independent of the number of processors.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from chainrule.core.chain import Chain
from chainrule.engine.runtime.blas_threads import one_thread

TOO_SMALL_TO_NOTICE = 10_000
"""Multiply-adds up to which linear algebra libraries use one thread anyway, so that nothing need be said."""

WORTH_THREADS = 100_000_000
"""Multiply-adds from which a second thread pays."""


@contextmanager
def suitable_threads(chain: Chain, rows: int) -> Iterator[None]:
    """While it lasts, products of ``rows`` rows with this chain's weights run on one thread, unless they are large."""
    largest = rows * max(below * here for below, here in pairwise(chain.units))
    if not TOO_SMALL_TO_NOTICE < largest < WORTH_THREADS:
        yield
        return
    with one_thread():
        yield

"""Chooses the engine and the number of threads by a model of their costs, never by timing.

The same network, data and settings always get the same engine, so the same seed gives the same bits. The model is the
table ``COSTS``: what an update costs before its first multiplication, what a layer adds, and what arithmetic costs,
measured by ``benchmarks/speed``; and what has to be done before the first update, for compiled kernels the compiling
that a first use may need. They are compared for all the work ahead, so short work starts at once.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chainrule.core.chain import Chain
from chainrule.core.layers.checks import check_count
from chainrule.engine import support
from chainrule.engine.runtime.blas_threads import pools
from chainrule.engine.unrolled import program
from chainrule.errors import InputError
from chainrule.optimizers import AnyOptimizer

Engine = Literal["auto", "compiled", "reference"]

ENGINES: tuple[Engine, ...] = ("auto", "compiled", "reference")
"""How updates are executed: the layers' own NumPy is the reference; compiled is machine code made by Numba for the same
mathematics; auto chooses for the work ahead."""


@dataclass(frozen=True)
class Cost:
    """What an engine needs, in seconds.

    Attributes:
        start: before the first update.
        update: for each update, whatever its size.
        layer: for each update and layer.
        number: for each byte of each activation of each row.
        product: for each byte of each multiply-add of the matrix products.
        parameter: for each update and byte of the parameters.
    """

    start: float
    update: float
    layer: float
    number: float
    product: float
    parameter: float

    def training(self, chain: Chain, rows: int, batch: int, epochs: int) -> float:
        """Seconds for all epochs: forward, and twice as much backward."""
        updates = -(-rows // batch) * epochs
        update = self.update + self.layer * len(chain.layers) + self.parameter * chain.size * chain.dtype.itemsize
        return self.start + updates * update + epochs * rows * self._row(chain, 3)

    def prediction(self, chain: Chain, rows: int) -> float:
        """Seconds for the outputs of so many rows."""
        return self.start + self.update + self.layer * len(chain.layers) + rows * self._row(chain, 1)

    def _row(self, chain: Chain, passes: int) -> float:
        numbers = self.number * sum(chain.units) + self.product * products(chain)
        return passes * chain.dtype.itemsize * numbers


COSTS = {
    "reference": Cost(start=0.0, update=45e-6, layer=22e-6, number=0.5e-9, product=0.0075e-9, parameter=2e-9),
    "kernels": Cost(start=5.0, update=0.2e-6, layer=0.3e-6, number=0.1e-9, product=0.0022e-9, parameter=0.3e-9),
    "written out": Cost(start=2.0, update=0.01e-6, layer=0.0, number=0.2e-9, product=0.1e-9, parameter=0.0),
}
"""Seconds on a common processor; only their proportion matters, and only roughly. The compiled engine writes small
networks out (``chainrule.engine.unrolled.program``) and trains others with kernels."""

THREADED_PRODUCTS = 1_000_000
"""Multiply-adds of an update from which a second thread pays: about 50 us of work for one."""


def products(chain: Chain) -> int:
    """Multiply-adds of one row's way up."""
    return sum(slot.stop - slot.start for slot in chain.slots if len(slot.shape) == 2)


def choose(
    engine: str,
    chain: Chain,
    optimizer: AnyOptimizer | None,
    *,
    rows: int,
    batch: int = 0,
    epochs: int = 0,
    time_limit: float | None = None,
) -> Literal["compiled", "reference"]:
    """The engine for a run of so many epochs, that ends at the time limit if it has one; without epochs, a prediction.

    Raises:
        InputError: ``"compiled"`` is asked for, but the network or the optimizer cannot be compiled.
    """
    if engine == "reference":
        return "reference"
    reason = support.unsupported_reason(chain, optimizer)
    if engine == "compiled":
        if reason is not None:
            raise InputError(f"engine='compiled' cannot run this network: {reason}. Use engine='reference'.")
        return "compiled"
    if reason is not None:
        return "reference"
    ours, theirs = compiled_cost(chain, optimizer, training=epochs > 0), COSTS["reference"]
    if epochs:
        most = theirs.training(chain, rows, batch, epochs)
        quicker = ours.training(chain, rows, batch, epochs) < most
        if time_limit is not None:  # compiling shall not use it up
            quicker = quicker and ours.start < time_limit / 2
    else:
        quicker = ours.prediction(chain, rows) < theirs.prediction(chain, rows)
    return "compiled" if quicker else "reference"


def compiled_cost(chain: Chain, optimizer: AnyOptimizer | None, *, training: bool = True) -> Cost:
    """What the compiled engine needs for a network: small ones are trained by programs written out."""
    return COSTS["written out" if training and program.unsupported_reason(chain, optimizer) is None else "kernels"]


def threads_for(wanted: int | None, work: int) -> int:
    """How many threads share ``work`` multiply-adds between two barriers: those asked for, or as many as pay."""
    if wanted is not None:
        return check_count("threads", wanted)
    if work < THREADED_PRODUCTS:
        return 1
    return max(1, min(available_threads(), work // THREADED_PRODUCTS + 1))


def available_threads() -> int:
    """Processors that this process may use: by affinity, by a container's quota, by threadpoolctl's limits."""
    counts = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    counts += [quota] if (quota := _quota()) else []
    counts += [pool["num_threads"] for pool in pools().info() if pool["user_api"] in ("blas", "openmp")]
    return max(1, min(counts))


def _quota(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Processors that a Linux control group grants, rounded up; None without a limit."""
    for name in ("cpu.max", "cpu/cpu.cfs_quota_us"):
        try:
            limit = (root / name).read_text(encoding="ascii").split()
            period = limit[1] if len(limit) > 1 else (root / "cpu/cpu.cfs_period_us").read_text(encoding="ascii")
        except OSError:
            continue
        if limit[0] == "max" or int(limit[0]) <= 0:
            return None
        return max(1, -(-int(limit[0]) // int(period)))
    return None

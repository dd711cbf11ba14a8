"""What an engine costs, as a model: never a timing, so that the same work always gets the same engine.

The model is the table ``COSTS``: what an update costs before its first multiplication, what a layer adds, what
arithmetic costs, measured by ``benchmarks/speed``; and what has to be done before the first update, for compiled
kernels the compiling that a first use may need.
"""

from dataclasses import dataclass

from chainrule.core.chain import Chain
from chainrule.engine.unrolled import program
from chainrule.optimizers import AnyOptimizer


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


def products(chain: Chain) -> int:
    """Multiply-adds of one row's way up."""
    return sum(slot.stop - slot.start for slot in chain.slots if len(slot.shape) == 2)


def compiled_cost(chain: Chain, optimizer: AnyOptimizer | None, *, training: bool = True) -> Cost:
    """What the compiled engine needs for a network: small ones are trained by programs written out."""
    return COSTS["written out" if training and program.unsupported_reason(chain, optimizer) is None else "kernels"]

"""A trained network with what it needs to read a table, in one file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.chain import Run
from chainrule.errors import FormatError
from chainrule.network import Network, load
from chainrule.tables.encoding import Encoder
from chainrule.tables.reading import read_table
from chainrule.tables.table import Kind, Table
from chainrule.tables.target import Target

ROWS_AT_ONCE = 256
"""Rows that go through the network together."""


@dataclass(frozen=True)
class TableModel:
    """A trained network with what it needs to read a table and to speak in the target's words.

    Attributes:
        network: from encoded inputs to scaled numbers or logits.
        encoder: from columns to inputs.
        target: from outputs to predictions.
    """

    network: Network
    encoder: Encoder
    target: Target

    @property
    def kinds(self) -> dict[str, Kind]:
        """What each column held in training, by name, the target's among them; ``read`` reads cells as that."""
        return {part.name: part.kind for part in (*self.encoder.features, self.target)}

    def read(self, source: object) -> Table:
        """A table for this model: ``read_table``, every cell read as the kind its column had in training.

        So no row's prediction depends on the other rows of its file.
        """
        return read_table(source, self.kinds)

    def outputs(self, table: Table) -> Array:
        """The network's outputs (N, outputs) for each row of a table.

        In float64 and by blocks of one size, the last filled up with zeros: a product of matrices is rounded
        otherwise for other numbers of rows, and no row's answer is to depend on how many there are.
        """
        model = self.network.astype("float64").model
        x = self.encoder.encode(table)
        run = Run(state=tuple(model.state))
        outputs = np.empty((len(x), self.target.outputs))
        for start in range(0, len(x), ROWS_AT_ONCE):
            part = x[start : start + ROWS_AT_ONCE]
            block = np.zeros((ROWS_AT_ONCE, x.shape[1]))
            block[: len(part)] = part
            with np.errstate(all="ignore"):  # overflow is looked for in all outputs, where the row can be named
                y = maths.forward(model.chain, model.parameters, block, run)[-1]["a"]
            outputs[start : start + len(part)] = y[: len(part)]
        maths.check_outputs(outputs)
        return outputs

    def predict(self, table: Table) -> dict[str, Array]:
        """The prediction for each row, and for classes the probability of each: columns by name."""
        return self.target.decode(self.outputs(table))

    def save(self, path: str | Path) -> None:
        """Write network, encoder and target to one file."""
        self.network.metadata["table"] = {"encoder": self.encoder.to_dict(), "target": self.target.to_dict()}
        self.network.save(path)


def load_table_model(path: str | Path) -> TableModel:
    """The model that ``TableModel.save`` wrote.

    Raises:
        FormatError: not a model file, damaged, or a network that was not trained on a table.
    """
    network = load(path)
    kept = network.metadata.get("table")
    if not isinstance(kept, Mapping) or set(kept) != {"encoder", "target"}:
        raise FormatError(
            f"{Path(path).name} holds a network without a table's columns: it was saved by net.save, load it in Python "
            "with chainrule.load; the shell reads what `chainrule fit` wrote."
        )
    encoder, target = Encoder.from_dict(kept["encoder"]), Target.from_dict(kept["target"])
    if network.inputs != len(encoder.names) or network.outputs != target.outputs:
        raise FormatError(f"{Path(path).name}: network, encoder and target do not fit each other.")
    return TableModel(network, encoder, target)

"""The shell as a user has it, run within the test's own process."""

import sys
from dataclasses import dataclass

import numpy as np
import pytest

from chainrule.cli import main
from chainrule.tables import penguins_path, write_table


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def error(self):
        """The one line that a failing command says, checked to be that."""
        assert self.code == 2, self
        assert self.err.startswith("error: "), self.err
        assert self.err.count("\n") == 1, self.err
        return self.err.strip()


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    """``shell("fit", "table.csv", ...)`` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["chainrule", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()
        said = capsys.readouterr()
        return Ran(stopped.value.code or 0, said.out, said.err)

    return run


@pytest.fixture
def fit(shell):
    """Train for a moment: ``fit("table.csv", "target", ...)``."""

    def run(table, target, *more):
        return shell("fit", table, "--target", target, "--hidden", "4", "--epochs", "3", *more)

    return run


@pytest.fixture
def penguins(tmp_path):
    """A copy of the bundled table, in the test's folder."""
    copy = tmp_path / "penguins.csv"
    copy.write_bytes(penguins_path().read_bytes())
    return copy.name


@pytest.fixture
def model(fit, penguins):
    """The name of a model file of the penguins' species."""
    assert fit(penguins, "species", "--out", "species.safetensors").code == 0
    return "species.safetensors"


@pytest.fixture
def table(tmp_path):
    """Write columns as a table and hand back its name; 40 rows unless the columns say otherwise."""

    def write(name="table.csv", **columns):
        rng = np.random.default_rng(0)
        start = {"x": rng.normal(size=40), "y": rng.normal(size=40)}
        write_table(columns or start, tmp_path / name)
        return name

    return write

"""Does every LaTeX string compile? Random networks, each way of rendering, through KaTeX in its strict mode.

    npm install --prefix FOLDER katex
    python benchmarks/latex_compiles.py FOLDER [networks] [seed]

For each network: the derivation of one parameter and one input, the formulas with and without numbers, and the general
equations; column names with every sign that LaTeX takes for its own. Node must be installed.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from explain_paths import random_case

from chainrule.core.losses import LOSSES
from chainrule.explain import cross_check as proof
from chainrule.explain import derive
from chainrule.training import Data

NAMES = {"x[0]": "bill_length (mm) 50% #1 & {more} $ ^ ~ \\ <b>", "x[1]": "größe", "x[2]": "plain"}


def formulas(networks: int, seed: int) -> list[str]:
    """The LaTeX strings of that many random networks."""
    rng = np.random.default_rng(seed)
    proof.SMALL = 0  # how a proof by algebra is written is told once by the tests; here it would only take time
    told = []
    losses = list(LOSSES)
    for n in range(networks):
        net, x, t = random_case(rng, losses[n % len(losses)], 0.3)
        labels = net.parameter_labels()
        quantities = [str(rng.choice(labels)), "x[0]"] if labels else ["x[0]"]
        for name in quantities:
            row = int(rng.integers(len(x))) if name == "x[0]" else None
            told.append(derive(net.model, name, Data(x, t), row).latex(names=NAMES))
        told += [net.formula().latex(names=NAMES), net.formula(x[0]).latex(names=NAMES), net.derivation().latex()]
    return told


def main() -> int:
    """Write them to a file and have KaTeX compile it."""
    folder = Path(sys.argv[1]).resolve()
    networks = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "formulas.json"
        file.write_text(json.dumps(formulas(networks, seed)), encoding="utf-8")
        script = Path(__file__).with_name("katex_check.mjs")
        return subprocess.run(["node", script, folder, file], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

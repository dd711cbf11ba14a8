"""Pictures made while the pages are built: by the pages' own code, and of each activation.

They are written to ``_build/pictures`` and belong to no commit.
"""

import contextlib
import io
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import matplotlib as mpl
import numpy as np
from docutils import nodes
from docutils.parsers.rst import directives
from page_examples import examples
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec

from chainrule.core.activations import ElementwiseActivation

mpl.use("Agg")
import matplotlib.pyplot as plt

_FOLDER = Path("_build", "pictures")
_BLUE, _VERMILION, _GREY = "#0072b2", "#d55e00", "#777777"


def _save(srcdir: Path, name: str, figure: Any) -> str:
    """Write the picture; its address, as seen from the pages' folder."""
    (srcdir / _FOLDER).mkdir(parents=True, exist_ok=True)
    path = _FOLDER / f"{name}.svg"
    with mpl.rc_context({"svg.hashsalt": name}):  # the same picture, the same bytes
        figure.savefig(srcdir / path, metadata={"Date": None})
    plt.close("all")
    return f"/{path.as_posix()}"


@dataclass
class _Ran:
    """What a page's examples have named, and the line up to which they have been run."""

    names: dict[str, Any] = field(default_factory=dict)
    until: int = 0


class Picture(SphinxDirective):
    """The figure last made by the page's examples above; code in the directive's body is run after them."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[OptionSpec] = {
        "alt": directives.unchanged_required,
        "width": directives.length_or_unitless,
    }

    def run(self) -> list[nodes.Node]:
        names = self._names()
        _run("\n".join(self.content), "exec", names)
        image = nodes.image(uri=_save(self.env.srcdir, self.arguments[0], plt.gcf()), alt=self.options["alt"])
        if "width" in self.options:
            image["width"] = self.options["width"]
        self.set_source_info(image)
        return [image]

    def _names(self) -> dict[str, Any]:
        """What the page's examples above have named; those that ran for an earlier picture are not run again."""
        ran = self.env.temp_data.setdefault("pictures", _Ran())
        assert isinstance(ran, _Ran)
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # examples may write files
            for example in examples(Path(self.env.doc2path(self.env.docname))):
                if ran.until <= example.lineno < self.lineno:
                    with contextlib.suppress(Exception) if example.exc_msg else contextlib.nullcontext():
                        _run(example.source, "single", ran.names)
        ran.until = self.lineno
        return ran.names


def _run(source: str, mode: str, names: dict[str, Any]) -> None:
    """The page's own code, without what it prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, "a page", mode), names)  # noqa: S102


def draw_activation(srcdir: Path, row: ElementwiseActivation) -> str:
    """phi, phi' and phi'' from -5 to 5, each broken where it jumps; the picture's address."""
    figure, ax = plt.subplots(figsize=(5.2, 2.6), layout="constrained", facecolor="white")
    z = np.linspace(-5, 5, 1001)
    curves = (
        ("φ", row.value(z), _BLUE, 2.0, "-", ()),
        ("φ'", row.derivative(z), _VERMILION, 1.4, "-", row.kinks),
        ("φ''", row.second_derivative(z), _GREY, 1.2, "--", (*row.kinks, *row.curvature_jumps)),
    )
    for name, values, colour, width, style, jumps in curves:
        broken = values.copy()
        for jump in jumps:
            broken[np.argmin(np.abs(z - jump))] = np.nan
        ax.plot(z, broken, color=colour, linewidth=width, linestyle=style, label=name)
    ax.set_ylim(-1.6, 3.2)
    ax.set_xlabel("z")
    ax.axhline(0, color="#cccccc", linewidth=0.8, zorder=0)
    ax.axvline(0, color="#cccccc", linewidth=0.8, zorder=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="upper left")
    return _save(srcdir, f"activation-{row.name}", figure)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("picture", Picture)
    return {"parallel_read_safe": False, "parallel_write_safe": True}

"""A sheet of exercises: the network, the questions and the answers; as Markdown, notebook, files or data."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.core.activations import IDENTITY, ElementwiseActivation
from chainrule.core.arrays import Array
from chainrule.core.builtin import computes_like
from chainrule.core.format import number
from chainrule.core.layers.checks import at
from chainrule.core.losses import CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS, ElementwiseLoss
from chainrule.core.unitwise import rows_of
from chainrule.exercises.exercise import Exercise
from chainrule.exercises.notebook import code_cell, markdown_cell, notebook
from chainrule.exercises.setting import DECIMALS, DIGITS, Setting
from chainrule.explain.expression import from_formula
from chainrule.explain.render.text import plain
from chainrule.interchange.source.listing import array_literal

SCHEMA = "chainrule/exercises"
VERSION = 1


@dataclass(frozen=True)
class ExerciseSheet:
    """Questions about one network with their worked answers.

    Attributes:
        exercises: the questions, in order.
        seed: the seed of the draw; the same seed gives the same sheet.
    """

    exercises: tuple[Exercise, ...]
    seed: int
    _setting: Setting = field(repr=False)

    def __len__(self) -> int:
        return len(self.exercises)

    # ------------------------------------------------------------------ Markdown
    def markdown(self, *, answers: bool = False) -> str:
        """The network and the questions; with ``answers``, the answers follow under a heading of their own."""
        asked = [f"## {k}. {e.title}\n\n{e.question_markdown()}" for k, e in enumerate(self.exercises, start=1)]
        parts = [f"# {self._title()}", self._introduction(), *asked]
        return "\n\n".join([*parts, *([self._answers("##")] if answers else [])]) + "\n"

    def answers_markdown(self) -> str:
        """The answers without the questions."""
        return self._answers("#") + "\n"

    def __str__(self) -> str:
        return self.markdown()

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _answers(self, level: str) -> str:
        answers = [f"{level}# {k}. {e.title}\n\n{e.answer_markdown()}" for k, e in enumerate(self.exercises, start=1)]
        return "\n\n".join([f"{level} Answers: {self._title().lower()}", *answers])

    def _title(self) -> str:
        return f"Exercises on a {'-'.join(map(str, self._setting.model.chain.units))} network"

    def _introduction(self) -> str:
        chain, parameters = self._setting.model.chain, self._setting.model.parameters
        equations = []
        for l, layer in enumerate(chain.layers, start=1):
            formulas = layer.formulas(l)
            equations += [f"{key}{l} = {formulas[key]}" for key in ("xhat", "z", "a") if key in formulas]
        rows_used = [row for layer in chain.layers for row in rows_of(layer.activation)]
        used = {
            row.name: row
            for row in rows_used
            if isinstance(row, ElementwiseActivation) and not computes_like(row, IDENTITY)
        }
        equations += [f"{name}(z) = {plain(from_formula(row.formula, {}))}" for name, row in used.items()]
        numbers = [
            f"{at(name, index)} = {number(float(value[index]))}"
            for name, value in parameters.items()
            for index in np.ndindex(value.shape)
        ]
        rows = [
            f"row {n}: {_row('x', x)}; {_row('t', t)}"
            for n, (x, t) in enumerate(zip(self._setting.data.x, self._setting.data.t, strict=True))
        ]
        rounding = (
            f"All numbers are rounded to {DECIMALS} decimals, and the questions are about the network with these "
            f"rounded numbers. Answers are given to {DIGITS} significant digits."
        )
        naming = (
            "The inputs x are a0; `Wl[i, j]` leads from unit i below to unit j of layer l, all counted from 0. "
            f"The loss of a row is {chain.loss.name}{self._loss()}.{self._outside()}"
        )
        return "\n\n".join([rounding, naming, "\n".join(["```text", *equations, "", *numbers, "", *rows, "```"])])

    def _loss(self) -> str:
        """The formula of the loss, and whether it is summed or averaged over several outputs."""
        loss = self._setting.model.chain.loss
        if not isinstance(loss, ElementwiseLoss):
            fused = "sum over k of t[k] (log(sum over j of exp(y[j])) - y[k])"
            return f", `{fused}`" if computes_like(loss, CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS) else ""
        over = {"sum": "summed", "mean": "averaged"}[loss.reduction]
        several = f", {over} over the outputs y" if self._setting.model.chain.outputs > 1 else " with the output y"
        return f", `{plain(from_formula(loss.formula, {}))}`{several}"

    def _outside(self) -> str:
        kinds = [type(layer).__name__ for layer in self._setting.model.chain.layers if layer.changes_in_training]
        return f" {' and '.join(dict.fromkeys(kinds))} work as in prediction, not as in training." if kinds else ""

    # ------------------------------------------------------------------ notebook
    def notebook(self, *, answers: bool = True) -> dict[str, Any]:
        """A notebook (nbformat 4.5): the numbers as arrays, each question with a cell to work in, folded answers.

        Args:
            answers: whether to include the answers.
        """
        cells = [
            markdown_cell("introduction", f"# {self._title()}\n\n{self._introduction()}"),
            code_cell("numbers", self._arrays()),
        ]
        for k, exercise in enumerate(self.exercises, start=1):
            cells.append(markdown_cell(f"question-{k}", f"## {k}. {exercise.title}\n\n{exercise.question_markdown()}"))
            cells.append(code_cell(f"work-{k}", ""))
            if answers:
                folded = f"<details>\n<summary>Answer</summary>\n\n{exercise.answer_markdown()}\n\n</details>"
                cells.append(markdown_cell(f"answer-{k}", folded))
        return notebook(cells)

    def _arrays(self) -> str:
        setting = self._setting
        arrays = {"x": setting.data.x, "t": setting.data.t, **setting.model.parameters}
        return "\n".join(["import numpy as np", "", *(f"{name} = {array_literal(v)}" for name, v in arrays.items())])

    # ------------------------------------------------------------------ files, data
    def save(self, path: str | Path) -> list[Path]:
        """Write the sheet, and the answers in a file of their own.

        Args:
            path: ``sheet.md`` or ``sheet.ipynb`` writes that file, and ``sheet-answers`` with the same ending beside
                it. Any other name is a folder, created if it does not exist, for both kinds.

        Returns:
            The files that were written.

        Raises:
            OSError: a file cannot be written.
        """
        path = Path(path)
        if path.suffix == ".md":
            return self._save_markdown(path)
        if path.suffix == ".ipynb":
            return self._save_notebook(path)
        path.mkdir(parents=True, exist_ok=True)
        return self._save_markdown(path / "exercises.md") + self._save_notebook(path / "exercises.ipynb")

    def _save_markdown(self, path: Path) -> list[Path]:
        return _write({path: self.markdown(), _beside(path): self.answers_markdown()})

    def _save_notebook(self, path: Path) -> list[Path]:
        notebooks = {path: self.notebook(answers=False), _beside(path): self.notebook()}
        return _write(
            {file: json.dumps(cells, indent=1, ensure_ascii=False) + "\n" for file, cells in notebooks.items()}
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        setting = self._setting
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "seed": self.seed,
            "parameters": {name: value.tolist() for name, value in setting.model.parameters.items()},
            "x": setting.data.x.tolist(),
            "t": setting.data.t.tolist(),
            "exercises": [exercise.to_dict() for exercise in self.exercises],
        }


def _row(name: str, values: Array) -> str:
    """``x[0] = 1, x[1] = 2``."""
    return ", ".join(f"{name}[{i}] = {number(value)}" for i, value in enumerate(values))


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}-answers{path.suffix}")


def _write(texts: dict[Path, str]) -> list[Path]:
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return list(texts)

"""The documentation: its pages show what their code gives, and nothing public is left out of the reference."""

import doctest
import importlib.util
import io
import re
import shlex
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

import chainrule
import chainrule.extend
from chainrule.cli import main
from chainrule.optimizers import OPTIMIZERS
from chainrule.tables import penguins_path

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {str(page.relative_to(DOCS)): page for page in sorted(DOCS.rglob("*.md")) if "_build" not in page.parts}
REFERENCE = "\n".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))

_specification = importlib.util.spec_from_file_location("page_examples", DOCS / "_ext" / "page_examples.py")
pages = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(pages)

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Pages may write files, and draw: in a folder of their own, without a screen."""
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


# -------------------------------------------------------------------------------- examples
@pytest.mark.parametrize("page", [name for name, page in PAGES.items() if pages.examples(page)])
def test_a_page_shows_what_its_code_gives(page):
    examples = pages.examples(PAGES[page])
    test = doctest.DocTest(examples, {"__name__": "__main__"}, page, str(PAGES[page]), 0, None)
    said = io.StringIO()
    assert not doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.write).failed, said.getvalue()


@pytest.mark.parametrize("page", [name for name, page in PAGES.items() if pages.commands(page)])
def test_a_page_shows_what_the_shell_prints(page, tmp_path, monkeypatch, capsys):
    (tmp_path / "penguins.csv").write_bytes(penguins_path().read_bytes())
    for typed, printed in pages.commands(PAGES[page]):
        monkeypatch.setattr(sys, "argv", shlex.split(typed))
        with pytest.raises(SystemExit):
            main()
        found = "".join(capsys.readouterr())
        assert doctest.OutputChecker().check_output(_without_digits(printed), _without_digits(found), FLAGS), found


def _without_digits(text):
    """Trained in float32, the last digits (and so the tables' widths) depend on the processor; the words do not."""
    return re.sub(r"-{3,}", "-", re.sub(r"-?\d[\d,]*(\.\d+)?(e[+-]?\d+)?", "#", text))


@pytest.mark.parametrize("page", [name for name in PAGES if name.startswith("tutorial/")])
def test_a_tutorials_text_has_no_number_that_its_code_does_not_give(page):
    text = re.sub(r"^(`{3,}).*?^\1$", "", PAGES[page].read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    given = "".join(example.want for example in pages.examples(PAGES[page]))
    assert [number for number in re.findall(r"\d+\.\d{3,}", text) if number not in given] == []


def test_an_example_that_gives_something_else_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("text\n\n```pycon\n>>> x = 1\n>>> x\n2\n```\n\n```sh\n>>> 0 / 0\n```\n", encoding="utf-8")
    examples = pages.examples(page)
    assert [(example.source, example.want, example.lineno) for example in examples] == [
        ("x = 1\n", "", 3),
        ("x\n", "2\n", 4),
    ]
    test = doctest.DocTest(examples, {}, "page", str(page), 0, None)
    assert doctest.DocTestRunner().run(test, out=lambda _: None).failed == 1


def test_commands_are_read_with_what_they_print(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```console\n$ a b\none\n\ntwo\n$ c\n```\n\n```sh\n$ d\n```\n", encoding="utf-8")
    assert pages.commands(page) == [("a b", "one\n\ntwo\n"), ("c", "")]


# -------------------------------------------------------------------------------- reference
@pytest.mark.parametrize("name", chainrule.__all__)
def test_every_public_name_is_in_the_reference(name):
    assert re.search(rf"^\.\. auto\w+:: chainrule\.{name}$", REFERENCE, re.MULTILINE)


@pytest.mark.parametrize("name", chainrule.extend.__all__)
def test_every_name_of_the_extenders_door_is_in_the_reference(name):
    assert re.search(rf"^\.\. auto\w+:: chainrule\.([a-z.]+\.)?{name}$", REFERENCE, re.MULTILINE)


def test_every_optimizer_shows_its_equations():
    assert re.findall(r"^```\{equations\} (\w+)$", REFERENCE, re.MULTILINE) == list(OPTIMIZERS)

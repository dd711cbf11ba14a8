"""``chainrule demo``: real data, trained, explained and drawn."""

import re
from pathlib import Path

import pytest

from chainrule.tables import load_table_model


def test_the_demo_trains_explains_and_leaves_a_picture_and_a_model(shell):
    ran = shell("demo")
    assert ran.code == 0, ran.err
    assert "penguins.csv: 344 rows" in ran.out
    losses = [float(row.split()[2]) for row in re.findall(r"^\d+ +\S+ +\S+$", ran.out, re.MULTILINE)]
    assert losses[-1] < losses[0] / 10
    accuracy = float(re.search(r"\naccuracy +(\S+)", ran.out).group(1))
    assert accuracy > 0.9
    product = re.search(r"dE/dW1\[\d+, \d+\] = .* = (\S+)\n", ran.out).group(1)
    difference = re.search(r"by finite differences, in float64: (\S+), so it is right", ran.out).group(1)
    assert float(difference) == pytest.approx(float(product), rel=1e-6)
    assert Path("penguins.png").read_bytes().startswith(b"\x89PNG")
    assert load_table_model("penguins.safetensors").target.name == "species"


def test_what_the_demo_proposes_next_works(shell):
    command = re.search(r"next: chainrule (.*)\n", shell("demo").out).group(1)
    ran = shell(*command.split())
    assert ran.code == 0, ran.err
    assert "One derivative by its numbers" in ran.out


def test_the_folder_must_be_there(shell):
    assert "there is no folder" in shell("demo", "--out", "nowhere").error
    assert not any(Path().iterdir())

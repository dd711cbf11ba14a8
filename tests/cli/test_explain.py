"""``chainrule explain``."""

import re

import numpy as np
import pytest

from chainrule import Dense, LayerNorm, Network
from chainrule.tables import TableModel, load_table_model, read_table


def factors(out):
    """The numbers of the derivative's lines: x, delta, their product, the difference."""
    x, delta, product = re.search(r"= x\[\d+\] \* delta1\[\d+\] = (\S+) \* (\S+) = (\S+)\n", out).groups()
    difference = re.search(r"by finite differences, in float64: (\S+), so it is right\n", out).group(1)
    return tuple(map(float, (x, delta, product, difference)))


def test_a_row_is_told_from_its_cells_to_its_derivative(shell, model, penguins):
    ran = shell("explain", model, penguins, "--row", "3")
    assert ran.code == 0, ran.err
    assert re.match(r"prediction +\w+, the class of the highest probability in softmax\(y\)\nprobability ", ran.out)
    assert re.search(r"\ntarget +Adelie\n", ran.out)
    assert re.search(r"\nx\[3\] +bill_length_mm +40.3 +-?0\.\d+\n", ran.out)
    assert re.search(r"\nforward +W1 +parameter", ran.out)
    assert re.search(r"\nbackward +da2 ", ran.out)
    x, delta, product, difference = factors(ran.out)
    assert product == pytest.approx(x * delta, rel=1e-4)
    assert difference == pytest.approx(product, rel=1e-6)


def test_the_values_are_those_of_the_prediction(shell, fit, penguins):
    fit(penguins, "body_mass_g")
    ran = shell("explain", "penguins.safetensors", penguins)
    prediction = load_table_model("penguins.safetensors").predict(read_table(penguins))["prediction"][0]
    told, mean, scale = re.match(r"prediction +(\S+) = (\S+) \+ (\S+) \* y\[0\]", ran.out).groups()
    y = float(re.search(r"\n +y +a2 +\[\[(\S+)\]\]\n", ran.out).group(1))
    assert float(told) == pytest.approx(prediction, abs=0.51)
    assert float(mean) + float(scale) * y == pytest.approx(prediction, rel=1e-4)


def test_a_row_without_a_target_goes_up_only(shell, model, penguins):
    ran = shell("explain", model, f"SELECT * EXCLUDE (species) FROM '{penguins}'")
    assert "not known: values only go up" in ran.out
    assert "forward" in ran.out
    assert "backward" not in ran.out
    assert "derivative" not in ran.out


def test_a_class_never_seen_goes_up_only(shell, model, penguins):
    ran = shell("explain", model, f"SELECT * REPLACE ('Dodo' AS species, 'Atlantis' AS island) FROM '{penguins}'")
    assert "Dodo, a class never seen in training: values only go up" in ran.out
    assert "note: island is 'Atlantis' or the like in 1 row" in ran.out
    assert "backward" not in ran.out


@pytest.mark.parametrize("row", ["0", "-1", "345"])
def test_a_row_outside_the_table_is_refused(shell, model, penguins, row):
    assert f"--row must be from 1 to 344 (the table's rows, counted from 1), got {row}." in (
        shell("explain", model, penguins, "--row", row).error
    )


def test_an_activation_that_mixes_units_is_not_told_as_one_factor(shell, fit, penguins):
    fit(penguins, "sex", "--activation", "softmax")
    ran = shell("explain", "penguins.safetensors", penguins)
    assert re.search(r"delta1\[\d\] = sum over units k of da1\[k\] \* \(the derivative of a1\[k\] by z1\[\d\]", ran.out)
    assert "in sigmoid(y)" in ran.out
    factors(ran.out)


def test_cells_are_shown_as_the_table_has_them(shell, fit, tmp_path):
    lines = ["when,at,flag,n,gap,y"]
    lines += [
        f"2020-01-{i:02},2020-01-01 12:00:{i:02},{'ab'[i % 2] == 'a'},{i / 7},{i if i % 2 else ''},{i}"
        for i in range(1, 29)
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    fit("t.csv", "y")
    ran = shell("explain", "t.safetensors", "t.csv", "--row", "2")
    cells = dict(re.findall(r"x\[\d+\] +(\S+(?: is missing)?) +(\S+)", ran.out))
    assert cells["when"] == "2020-01-02"
    assert cells["at"] == "2020-01-01T12:00:02"
    assert cells["flag"] == "true"
    assert cells["n"] == "0.2857142857"
    assert cells["gap"] == cells["gap is missing"] == "(missing)"


def test_a_network_that_begins_otherwise_than_with_weights_has_its_trace(shell, model, penguins):
    trained = load_table_model(model)
    net = Network(trained.network.inputs, [LayerNorm(), Dense(3)], loss=trained.network.loss_function, seed=0)
    TableModel(net, trained.encoder, trained.target).save("norm.safetensors")
    ran = shell("explain", "norm.safetensors", penguins)
    assert ran.code == 0, ran.err
    assert "xhat1" in ran.out
    assert "One derivative" not in ran.out


def test_only_the_likeliest_classes_are_listed(shell, fit, table):
    name = table(x=np.arange(80.0), kind=np.array([*"abcdefgh"] * 10, object))
    fit(name, "kind")
    listed = re.search(r"\nprobability +(.*)\n", shell("explain", "table.safetensors", name).out).group(1)
    assert len(listed.split(", ")) == 5

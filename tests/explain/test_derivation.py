"""What a derivation says of a derivative: its value, its paths, its rows, its proof."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import InputError
from chainrule.explain import derive
from chainrule.explain.expression import Number, Product, Rest, Sum
from chainrule.training import Data
from tests.strategies import ACTIVATIONS, FREE_LOSSES, LOGIT_LOSSES, SHARE_LOSSES, cases


def two_two_one():
    net = cr.Network(2, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")], loss="squared_error", seed=0)
    return net, np.array([[-2.0, -1.0], [2.5, 0.6], [1.7, 0.4]]), np.array([[1.0], [0.0], [0.0]])


@settings(max_examples=25)
@given(cases())
def test_the_paths_of_every_parameter_add_up_to_its_gradient(case):
    net, x, t = case.net, case.x, case.t
    gradient = np.concatenate([g.ravel() for g in net.gradients(x, t, weights=case.weights).values()])
    for label, wanted in zip(net.parameter_labels(), gradient, strict=True):
        why = derive(net.model, label, Data(x, t, case.weights), most=None)
        products = [path.value for path in why.paths.listed]
        own = next(c.derivative for c in why.contributions if c.row == why.row)
        scale = max(map(abs, products), default=0.0)
        assert why.value == pytest.approx(wanted, rel=1e-9, abs=1e-12 + 1e-9 * scale)
        assert sum(products) == pytest.approx(own, rel=1e-9, abs=1e-12 + 1e-9 * scale)
        assert why.tree.value == pytest.approx(own, rel=1e-9, abs=1e-12 + 1e-9 * scale)
        assert len(products) == why.paths.count


@settings(max_examples=25)
@given(cases(), st.data())
def test_inputs_net_inputs_activations_and_deltas_agree_with_the_trace(case, data):
    net, n = case.net, data.draw(st.integers(0, len(case.x) - 1))
    x, t = case.x[[n]], case.t[[n]]
    trace = net.trace(x, t)
    l = data.draw(st.integers(0, len(net.layers)))
    wanted = {f"x[{i}]": trace["da0"][0, i] for i in range(net.inputs)}
    if l:
        units = range(net.model.chain.units[l])
        wanted = {f"a{l}[{j}]": trace[f"da{l}"][0, j] for j in units}
        if f"delta{l}" in trace:
            wanted |= {f"{kind}{l}[{j}]": trace[f"delta{l}"][0, j] for j in units for kind in ("z", "delta")}
    for name, value in wanted.items():
        why = derive(net.model, name, Data(x, t, None), most=None)
        assert why.value == pytest.approx(value, rel=1e-10, abs=1e-13)
        assert sum(path.value for path in why.paths.listed) == pytest.approx(value, rel=1e-8, abs=1e-11)


@settings(max_examples=6)
@given(cases(activations=("identity", "sigmoid", "tanh", "softmax", "relu"), losses=("squared_error", *LOGIT_LOSSES)))
def test_the_proof_agrees_by_differences_and_by_algebra(case):
    net = case.net
    for label in net.parameter_labels()[::5]:
        why = net.explain(label, case.x[:1], case.t[:1])
        assert why.proof.verdict in ("right", "kink")
        if why.proof.symbolic is not None and why.proof.verdict == "right":
            assert why.proof.symbolic == pytest.approx(why.value, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", [*FREE_LOSSES, *LOGIT_LOSSES, *SHARE_LOSSES])
def test_every_activation_and_loss_is_unfolded_down_to_its_formula(activation, loss):
    last = SHARE_LOSSES.get(loss, "identity")
    net = cr.Network(2, [cr.Dense(2, activation), cr.Dense(2, last)], loss=loss, seed=1)
    why = net.explain("W1[1, 0]", [0.3, -0.7], [0.0, 1.0])
    assert why.value == pytest.approx(net.gradients([0.3, -0.7], [0.0, 1.0])["W1"][1, 0], rel=1e-12)
    told = []

    def collect(line):
        told.append(line)
        for child in line.children:
            collect(child)

    collect(why.tree)
    assert any(
        str(line.quantity.__class__.__name__) == "Partial" and line.formula != line.quantity for line in told[1:]
    )
    assert json.loads(json.dumps(why.to_dict()))["schema"] == "chainrule/derivation"


def test_the_tree_of_the_two_two_one_network_reads_as_the_chain_rule():
    net, x, t = two_two_one()
    text = str(net.explain("W1[0, 1]", x[0], t[0]))
    for line in (
        "dE/dW1[0, 1]",
        "x[0] delta1[1]",
        "delta2[0] W2[1, 0] sigmoid'(z1[1])",
        "a1[1] (1 - a1[1])",
        "2 (y[0] - t[0])",
        "by finite differences",
        "by computer algebra",
    ):
        assert line in text


def test_each_rows_part_adds_up_to_the_batchs_derivative():
    net, x, t = two_two_one()
    why = net.explain("b2[0]", x, t, weights=[1.0, 2.0, 5.0])
    assert [c.share for c in why.contributions] == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    assert sum(c.value for c in why.contributions) == pytest.approx(why.value, rel=1e-14)
    assert why.row == max(why.contributions, key=lambda c: abs(c.value)).row


def test_a_row_may_be_chosen():
    net, x, t = two_two_one()
    why = net.explain("W2[0, 0]", x, t, row=1)
    assert why.row == 1
    assert why.tree.value == pytest.approx(net.gradients(x[1], t[1])["W2"][0, 0], rel=1e-13)


def test_a_rows_own_quantity_of_a_batch_needs_a_row():
    net, x, t = two_two_one()
    with pytest.raises(InputError, match="say which with row=0"):
        net.explain("x[0]", x, t)
    assert net.explain("x[0]", x, t, row=2).value == net.explain("x[0]", x[2], t[2]).value


def test_more_paths_than_are_listed_are_summed():
    net = cr.Network(3, [cr.Dense(6, "tanh"), cr.Dense(6, "tanh"), cr.Dense(4)], seed=0)
    x, t = np.ones((1, 3)), np.zeros((1, 4))
    short, whole = net.explain("W1[0, 0]", x, t), derive(net.model, "W1[0, 0]", Data(x, t, None), most=None)
    assert short.paths.count == whole.paths.count == 24
    few = derive(net.model, "W1[0, 0]", Data(x, t, None), most=5)
    assert [p.value for p in few.paths.listed] == [p.value for p in whole.paths.listed[:5]]
    assert few.paths.rest == pytest.approx(sum(p.value for p in whole.paths.listed[5:]), abs=1e-15)
    assert math.fsum(p.share for p in whole.paths.listed) == pytest.approx(1)


def test_a_sum_of_many_terms_shows_the_largest_and_the_rest_as_one():
    net = cr.Network(2, [cr.Dense(40, "tanh"), cr.Dense(30, "tanh"), cr.Dense(1)], seed=0)
    why = net.explain("W1[0, 0]", [1.0, 2.0], [0.5])
    product = why.tree.children[0].formula
    assert isinstance(product, Product)
    (terms,) = [factor for factor in product.factors if isinstance(factor, Sum)]
    assert isinstance(terms.terms[-1], Rest)
    assert terms.terms[-1].count + len(terms.terms) - 1 == 30


def test_a_shared_bias_is_reached_through_every_unit():
    net = cr.Network(2, [cr.Dense(3, "tanh", bias="shared"), cr.Dense(1)], seed=0)
    why = net.explain("b1", [1.0, 2.0], [0.5])
    assert why.paths.count == 3
    assert why.value == pytest.approx(float(net.gradients([1.0, 2.0], [0.5])["b1"]), rel=1e-13)


def test_a_weight_that_does_not_exist_has_no_path():
    net = cr.Network(2, [cr.Dense(2, "tanh", mask=[[1, 0], [1, 1]]), cr.Dense(1)], seed=0)
    why = net.explain("W1[0, 1]", [1.0, 2.0], [0.5])
    assert (why.value, why.paths.count, why.tree.formula) == (0.0, 0, Number(0.0))
    assert "does not exist" in why.tree.note


def test_a_dead_unit_and_a_kink_are_named():
    net = cr.Network(1, [cr.Dense(1, "relu"), cr.Dense(1)], seed=0)
    net.set_parameters({"W1": [[1.0]], "b1": [-1.0]})
    assert "nothing flows back" in str(net.explain("W1[0, 0]", [0.5], [1.0]))
    on_the_kink = net.explain("W1[0, 0]", [1.0], [1.0])
    assert "kink" in str(on_the_kink)
    assert on_the_kink.proof.verdict == "kink"


def test_a_missing_target_sends_nothing_back():
    net = cr.Network(1, [cr.Dense(2)], seed=0)
    why = net.explain("W1[0, 1]", [[1.0]], [[0.5, np.nan]])
    assert why.value == 0.0
    assert "missing" in str(why)


@pytest.mark.parametrize(
    "name", ["W9[0,0]", "W1[5,5]", "foo", "W1", "W1[0]", "b1[7]", "x[9]", "z0[0]", "", "W1[0,0", None]
)
def test_a_name_that_does_not_exist_gets_a_list_of_those_that_do(name):
    net, x, t = two_two_one()
    with pytest.raises(InputError, match=r"W1\[0\.\.1, 0\.\.1\].*x\[0\.\.1\].*delta2\[0\.\.0\]"):
        net.explain(name, x, t)


@pytest.mark.parametrize("row", [-1, 3, 99])
def test_a_row_out_of_range_is_refused(row):
    net, x, t = two_two_one()
    with pytest.raises(InputError, match="row must be from 0 to 2"):
        net.explain("b2[0]", x, t, row=row)


def test_explaining_changes_nothing():
    net, x, t = two_two_one()
    before, kept = net.parameters.vector.copy(), x.copy()
    str(net.explain("W1[0, 0]", x, t))
    assert np.array_equal(before, net.parameters.vector)
    assert np.array_equal(kept, x)


def test_a_float32_network_is_explained_too():
    net = cr.Network(2, [cr.Dense(2, "tanh"), cr.Dense(1)], seed=0, dtype="float32")
    why = net.explain("W1[0, 0]", [1.0, 2.0], [0.5])
    assert why.value == pytest.approx(float(net.gradients([1.0, 2.0], [0.5])["W1"][0, 0]), rel=1e-5)

"""The recipe: unchanged it is the chain's backward pass; changed at a layer it leaves the layers above alone."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.marking import CATALOGUE
from chainrule.marking.backward import run_backward
from chainrule.marking.forward_context import run_forward
from chainrule.marking.instance import all_instances, changes_of, compose

_SPEC = importlib.util.spec_from_file_location("benchmark", Path(__file__).parents[2] / "benchmarks" / "marking.py")
benchmark = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(benchmark)

SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS)
@settings(max_examples=150, deadline=None)
def test_the_unchanged_recipe_is_the_chains_backward_pass(seed):
    net, x, t = benchmark.random_network(np.random.default_rng(seed))
    with np.errstate(all="ignore"):
        result = run_backward(run_forward(net.model, x, t), {})
        right = net.gradients(x, t)
    assert list(result.gradients) == list(right)
    for name, value in right.items():
        np.testing.assert_allclose(result.gradients[name], value, rtol=1e-12, atol=1e-14 * (1 + np.abs(value).max()))


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_mistake_leaves_the_layers_above_it_alone(seed):
    net, x, t = benchmark.random_network(np.random.default_rng(seed))
    with np.errstate(all="ignore"):
        s = run_forward(net.model, x, t, 0.1)
        right = run_backward(s, {}).gradients
        for instance in all_instances(s, CATALOGUE):
            if instance.layer is None:
                continue
            wrong = run_backward(s, changes_of([instance])).gradients
            for slot in s.chain.slots:
                if slot.layer > instance.layer:
                    np.testing.assert_array_equal(wrong[slot.name], right[slot.name])


@pytest.mark.parametrize("code", benchmark.CODES)
def test_every_entry_of_the_catalogue_changes_some_network(code):
    made = benchmark.mistaken(np.random.default_rng(5), [code])
    assert made is not None


def test_mistakes_at_one_place_do_not_compose():
    net, x, t = benchmark.random_network(np.random.default_rng(3))
    instances = [
        instance
        for instance in all_instances(run_forward(net.model, x, t), CATALOGUE)
        if instance.mistake.place == "delta"
    ]
    assert not compose([instances[0], instances[0]])


def test_a_layer_of_ones_own_is_left_as_it_is():
    import chainrule as cr
    from chainrule.core.layers import Dense

    class Doubled(Dense):  # pyright: ignore[reportGeneralTypeIssues] - final to the checker, not to the interpreter
        pass

    net = cr.Network(2, [Doubled(2, "tanh"), cr.Dropout(0.5), cr.Dense(1)], loss="squared_error", seed=0)
    result = run_backward(run_forward(net.model, np.ones((2, 2)), np.ones((2, 1))), {})
    for name, value in net.gradients(np.ones((2, 2)), np.ones((2, 1))).items():
        np.testing.assert_allclose(result.gradients[name], value, rtol=1e-14)

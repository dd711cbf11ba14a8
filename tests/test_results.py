"""A result is of the moment it was made: nothing done later to network, data or arrays is in it."""

import json
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import InputError
from chainrule.training import Data

LOSSES = {"squared_error": 1, "categorical_cross_entropy_from_logits": 3}


class Scene:
    """A network with data and a learner's gradients, the same each time it is made."""

    def __init__(self, loss="squared_error", dtype="float64", norm=True):
        rng = np.random.default_rng(5)
        layers = [cr.Dense(3, "tanh"), *([cr.BatchNorm("sigmoid")] if norm else []), cr.Dense(LOSSES[loss])]
        self.net = cr.Network(2, layers, loss=loss, seed=1, dtype=dtype)
        self.x = rng.normal(size=(12, 2)).astype(dtype)
        self.t = (self.x[:, :1] ** 2 if LOSSES[loss] == 1 else np.eye(3)[rng.integers(3, size=12)]).astype(dtype)
        self.weights = rng.uniform(0.5, 1.5, size=12).astype(dtype)
        self.net.fit(self.x, self.t, epochs=2, optimizer=cr.SGD(0.1), seed=0)
        self.mine = self.net.gradients(self.x, self.t)
        self.mine["W1"] = 2 * self.mine["W1"]

    def change(self):
        """What somebody goes on to do."""
        self.net.fit(self.x, self.t, epochs=5, optimizer=cr.Adam(0.1), seed=3)
        self.net.parameters.vector[...] += 1
        for kept in self.net.model.state:
            for value in kept.values():
                value[...] += 1
        for array in (self.x, self.t, self.weights, *self.mine.values()):
            array[...] = array[::-1] * 3 + 1


CALL = {"optimizer": cr.SGD(0.01), "epochs": 20, "seed": 0}

MADE = {
    "trace": lambda s: s.net.trace(s.x, s.t, weights=s.weights),
    "explain": lambda s: s.net.explain("W1[0, 1]", s.x, s.t, weights=s.weights),
    "explain a delta": lambda s: s.net.explain("delta1[0]", s.x, s.t, row=2),
    "formula": lambda s: s.net.formula(s.x[0]),
    "derivation": lambda s: s.net.derivation(),
    "step": lambda s: s.net.explain_step(s.x, s.t, optimizer=cr.Adam(0.1), weights=s.weights, seed=0),
    "steps": lambda s: s.net.explain_step(s.x[:3], s.t[:3], rows="one by one", seed=0),
    "check_gradients": lambda s: s.net.check_gradients(s.x, s.t),
    "check_backprop": lambda s: cr.check_backprop(s.net, s.x, s.t, gradients=s.mine),
    "check_step": lambda s: cr.check_step(s.net, s.x, s.t, after=s.mine, learning_rate=0.1),
    "curvature": lambda s: cr.curvature(s.net, s.x, s.t, weights=s.weights),
    "diagnose": lambda s: cr.diagnose(s.net, s.x, s.t, optimizer=cr.SGD(3.0), epochs=30),
    "diagnose without proofs": lambda s: cr.diagnose(s.net, s.x, s.t, prove=False, **CALL),
    "fit": lambda s: s.net.fit(s.x, s.t, **CALL),
    "sweep": lambda s: cr.sweep(s.net, s.x, s.t, seeds=range(3), epochs=4, optimizers=cr.SGD(0.1)),
    "learning_rate_test": lambda s: cr.learning_rate_test(s.net, s.x, s.t, seed=0, epochs=3, count=8),
}
"""By name, what makes a result."""

TAKEN = {
    "diagnose": lambda d: [*d.case.fit()[1].loss, *d.case.arguments["optimizer"].__dict__],
    "diagnose without proofs": lambda d: [one.apply().fit()[1].loss.tolist() for one in (*d.findings, *d.looked_at)],
    "sweep": lambda s: [s.network(k).predict([[0.5, 1.0]]).tolist() for k in range(3)],
    "step": lambda s: {name: value.tolist() for name, value in s.after.items()},
}
"""What is asked of some results afterwards, besides what they say."""

WAYS = ("__str__", "text", "to_dict", "html", "latex", "_repr_html_")


def shown(result):
    """All that a result says, in every way it has."""
    if isinstance(result, list | tuple):
        return [shown(one) for one in result]
    said = {way: getattr(result, way)() for way in WAYS if hasattr(type(result), way)}
    for kept in ("seconds", "time"):
        _without(said.get("to_dict"), kept)
    said = json.loads(json.dumps(said))
    return {way: re.sub(r"[\d.e-]+ s\b", "", what) if isinstance(what, str) else what for way, what in said.items()}


def _without(data, name):
    if isinstance(data, dict):
        data.pop(name, None)
        for value in data.values():
            _without(value, name)


def scene_for(name, loss, dtype):
    return Scene(loss, dtype, norm=name not in ("sweep", "steps", "check_backprop", "check_step", "diagnose"))


KINDS = [("squared_error", "float64"), ("categorical_cross_entropy_from_logits", "float32")]


@pytest.mark.parametrize(("loss", "dtype"), KINDS, ids=["regression", "classification"])
@pytest.mark.parametrize("name", MADE)
def test_a_result_says_the_same_whatever_is_done_afterwards(name, loss, dtype):
    wanted = everything(name, MADE[name](scene_for(name, loss, dtype)))
    scene = scene_for(name, loss, dtype)
    result = MADE[name](scene)
    scene.change()
    assert everything(name, result) == wanted


def everything(name, result):
    return shown(result), TAKEN[name](result) if name in TAKEN else None


def test_a_history_is_not_diagnosed_on_rows_that_were_changed_in_place():
    scene = Scene()
    history = scene.net.fit(scene.x, scene.t, **CALL)
    wanted = history.diagnose(prove=False).codes
    scene.net.fit(scene.x, scene.t, epochs=3)
    assert history.diagnose(prove=False).codes == wanted
    scene.t[3] += 1
    with pytest.raises(InputError, match="changed in place since this fit"):
        history.diagnose(prove=False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 7, 64])
def test_a_checksum_sees_what_people_do_to_arrays_in_place(width, dtype):
    for rows in (0, 1, 50, 150_000 // width):
        rng = np.random.default_rng(rows)
        x, t = rng.normal(size=(rows, width)).astype(dtype), np.zeros((rows, 1), dtype)
        data = Data(x, t)
        assert data.checksum() == Data(x.copy(), t.copy()).checksum()
        if rows < 2:
            continue
        for change in (
            lambda x=x: np.negative(x, out=x),
            lambda x=x: np.negative(x[:, -1], out=x[:, -1]),
            lambda x=x: np.negative(x[:, :2], out=x[:, :2]),
            lambda x=x: np.multiply(x, 2, out=x),
            lambda x=x: np.subtract(x, x.mean(axis=0), out=x),
            lambda x=x, rng=rng: rng.shuffle(x),
            lambda x=x: x.__setitem__((-1, -1), np.nextafter(x[-1, -1], x.dtype.type(9))),
            lambda t=t: t.__setitem__(len(t) // 2, 1),
        ):
            before = data.checksum()
            change()
            assert data.checksum() != before


def test_updates_keep_their_gradients_while_training_goes_on():
    scene = Scene()
    for engine in ("reference", "compiled"):
        made = [(one, one.gradients.vector.copy(), one.rows.copy()) for one in scene.net.training(
            scene.x, scene.t, epochs=3, batch_size=5, optimizer=cr.Adam(0.1), engine=engine
        )]  # fmt: skip
        for one, gradient, rows in made:
            assert (one.gradients.vector == gradient).all()
            assert (one.rows == rows).all()

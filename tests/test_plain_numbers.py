"""NumPy's numbers mean what Python's of the same value mean, at every public door that is told a number."""

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.lookup import plain_number
from chainrule.errors import InputError
from chainrule.estimators import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor
from chainrule.optimizers import schedules
from chainrule.sweeps import restart_seed
from chainrule.tables import TableConfig, split_rows
from chainrule.verify.layer_rows import check_layer

INTEGERS = [np.dtype(f"{sign}int{bits}").type for sign in ("", "u") for bits in (8, 16, 32, 64)]
FLOATS = [np.float16, np.float32, np.float64]
X = np.linspace(-1, 1, 24).reshape(12, 2)
T = X[:, 0] * X[:, 1]
CLASSES = (T > 0.1).astype(int)


def net(**told):
    return cr.Network(2, [cr.Dense(2, "tanh"), cr.Dropout(0.2), cr.Dense(1)], loss="squared_error", seed=0, **told)


def trained(**told):
    made = net()
    history = made.fit(X, T, **{"epochs": 5, "batch_size": 4, "seed": 0, "engine": "reference"} | told)
    return made.parameters.vector.tolist(), list(history.losses), history.stopped


def stepped(**told):
    steps = net().training(X, T, **{"epochs": 2, "batch_size": 4, "seed": 0} | told)
    return [float(step.loss) for step in steps]


def estimated(kind, y, **given):
    def fitted(**told):
        settings = given | told
        model = kind(**settings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y)
        assert all(model.get_params()[name] is value for name, value in settings.items())
        return model.predict(X).tolist()

    return fitted


def made(kind, *args):
    return lambda **told: repr(kind(*args, **told))


def swept(**told):
    return cr.sweep(net(), X, T, **{"seeds": [0], "epochs": 2, "engine": "reference"} | told).loss.tolist()


def tried(**told):
    told = {"count": 3, "epochs": 2, "seed": 0, "engine": "reference"} | told
    return str(cr.learning_rate_test(net(), X, T, **told))


def marked(**told):
    mine = {name: np.round(value, 4) for name, value in net().gradients(X, T).items()}
    return cr.check_backprop(net(), X, T, gradients=mine, **told).verdict


def marked_step(**told):
    after = {name: value - 0.25 * net().gradients(X, T)[name] for name, value in net().parameters.items()}
    return cr.check_step(net(), X, T, after=after, **{"learning_rate": 0.25} | told).verdict


def diagnosed(**told):
    told = {"optimizer": "sgd", "epochs": 3, "batch_size": 4, "seed": 0, "engine": "reference", "prove": False} | told
    return str(cr.diagnose(net(), X, T, **told))


def neuron_after(**told):
    neuron = cr.Neuron(2, seed=0)
    neuron.step([1.0, 2.0], 0.5, **{"learning_rate": 0.25} | told)
    return neuron([1.0, 2.0])


def step_explained(**told):
    settings: dict[str, Any] = {"seed": 1} | told
    return str(net().explain_step(X, T, **settings))


TABULAR = {"hidden_layer_sizes": (3,), "epochs": 2, "members": 1, "random_state": 0, "engine": "reference"}
MLP = {"hidden_layer_sizes": (3,), "max_iter": 3, "random_state": 0, "batch_size": 5, "engine": "reference"}
SGD_MLP = MLP | {"solver": "sgd", "early_stopping": True}

DOORS = {
    "Network": (cr.Network, lambda **told: cr.Network(
        **{"inputs": 3, "layers": [cr.Dense(2)], "seed": 0} | told).parameters.vector.tolist()),
    "Network.fit": (cr.Network.fit, trained),
    "Network.training": (cr.Network.training, stepped),
    "Network.forward": (cr.Network.forward, lambda **told: net().forward(X, **told).tolist()),
    "Network.predict": (cr.Network.predict, lambda **told: net().predict(X, **told).tolist()),
    "Network.loss": (cr.Network.loss, lambda **told: net().loss(X, T, training=True, **{"seed": 1} | told)),
    "Network.explain": (cr.Network.explain, lambda **told: str(net().explain("W1[0, 0]", X, T, **told))),
    "Network.formula": (cr.Network.formula, lambda **told: str(net().formula(**told))),
    "Network.explain_step": (cr.Network.explain_step, step_explained),
    "Network.to_python": (cr.Network.to_python, lambda **told: net().to_python(X, T, **{"seed": 1} | told)),
    "Neuron": (cr.Neuron, lambda **told: cr.Neuron(2, **{"seed": 0} | told)([1.0, 2.0])),
    "Neuron.step": (cr.Neuron.step, neuron_after),
    "Dense": (cr.Dense, made(cr.Dense)),
    "Dropout": (cr.Dropout, made(cr.Dropout)),
    "LayerNorm": (cr.LayerNorm, made(cr.LayerNorm)),
    "BatchNorm": (cr.BatchNorm, made(cr.BatchNorm)),
    "exercises": (cr.exercises, lambda **told: str(cr.exercises(net(), **{"n": 3, "seed": 0} | told))),
    "sweep": (cr.sweep, swept),
    "learning_rate_test": (cr.learning_rate_test, tried),
    "check_backprop": (cr.check_backprop, marked),
    "check_step": (cr.check_step, marked_step),
    "check_layer": (check_layer, lambda **told: str(check_layer(cr.Dense(2, "tanh"), **told))),
    "diagnose": (cr.diagnose, diagnosed),
    "split_rows": (split_rows, lambda **told: [part.tolist() for part in
                                               split_rows(**{"rows": 20, "fraction": 0.25, "seed": 0} | told)]),
    "restart_seed": (restart_seed, lambda **told: restart_seed(**{"seed": 3, "k": 1} | told)),
    "TableConfig": (TableConfig, made(TableConfig)),
    "MLPClassifier": (MLPClassifier, estimated(MLPClassifier, CLASSES, **MLP)),
    "MLPClassifier, sgd": (MLPClassifier, estimated(MLPClassifier, CLASSES, **SGD_MLP, learning_rate="invscaling")),
    "MLPClassifier, lbfgs": (MLPClassifier, estimated(MLPClassifier, CLASSES, **MLP | {"solver": "lbfgs"})),
    "MLPRegressor": (MLPRegressor, estimated(MLPRegressor, T, **MLP)),
    "MLPRegressor, sgd": (MLPRegressor, estimated(MLPRegressor, T, **SGD_MLP, learning_rate="adaptive")),
    "TabularClassifier": (TabularClassifier, estimated(TabularClassifier, CLASSES, **TABULAR)),
    "TabularRegressor": (TabularRegressor, estimated(TabularRegressor, T, **TABULAR)),
    **{name: (getattr(cr, name), made(getattr(cr, name))) for name in
       ("SGD", "Adam", "AdamW", "NAdam", "RMSprop", "Adagrad", "Adadelta", "Lion", "Rprop", "LBFGS",
        "LevenbergMarquardt")},
    **{kind.__name__: (kind, lambda kind=kind, **told: repr(kind(**{"eta": 0.25} | told))) for kind in
       (schedules.Step, schedules.Exponential, schedules.Cosine, schedules.OneCycle, schedules.CosLog,
        schedules.OnPlateau)},
    "WarmUp": (schedules.WarmUp, made(schedules.WarmUp, 0.25)),
    "Constant": (schedules.Constant, made(schedules.Constant)),
}  # fmt: skip
"""Each door, and what comes of one of its arguments; the results are compared."""

WHOLE = {"epochs": 100, "max_iter": 100, "batch_size": 5, "n": 3, "count": 5, "most": 4, "row": 5, "digits": 4,
         "k": 2, "inputs": 3, "rows": 100, "n_iter_no_change": 2}  # fmt: skip
REAL = {"l1": 0.125, "c1": 0.125, "c2": 0.75, "low": 0.125, "high": 2.0, "increase": 1.5, "smallest": 0.125,
        "largest": 4.0, "power_t": 0.5, "time_limit": 1000.0, "loss": None, "start_factor": 8.0, "final_factor": 16.0,
        "clip_norm": 0.1, "clip_value": 0.1, "learning_rate": 0.1, "learning_rate_init": 0.1, "eta": 0.1,
        "n_iter_no_change": np.inf}  # fmt: skip
NOT_FOR_USERS = {("check_backprop", "loss"), ("check_step", "loss"), ("MLPClassifier", "loss")}


def arguments(of):
    """Each door's arguments whose annotation says that a number of that kind is told."""
    for name, (door, _) in DOORS.items():
        for parameter in inspect.signature(door).parameters.values():
            told = parameter.annotation
            kinds = {
                part.strip() for part in (told if isinstance(told, str) else inspect.formatannotation(told)).split("|")
            }
            known = parameter.name in ("bias", "then") or (name, parameter.name) in NOT_FOR_USERS
            if of.__name__ in kinds and not known:
                yield name, parameter.name


@pytest.mark.parametrize(("door", "argument"), [*arguments(int)])
def test_every_kind_of_integer_means_its_value(door, argument):
    result, value = DOORS[door][1], WHOLE.get(argument, 3)
    expected = result(**{argument: value})
    for kind in INTEGERS:
        assert result(**{argument: kind(value)}) == expected, kind
    with pytest.raises((InputError, ValueError)):
        result(**{argument: float("nan")})


@pytest.mark.parametrize(("door", "argument"), [*arguments(float)])
def test_every_kind_of_float_means_its_value(door, argument):
    result = DOORS[door][1]
    for kind in FLOATS:
        value = kind(REAL.get(argument, 0.1))
        assert result(**{argument: value}) == result(**{argument: float(value)}), kind


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize("rate", [0.01, schedules.Cosine(0.01), schedules.Step(0.01, every=np.uint8(2))])
@pytest.mark.parametrize("epochs", [np.uint8(200), np.int8(100)])
def test_no_epoch_is_lost_to_a_small_integer(engine, rate, epochs):
    plain = trained(epochs=int(epochs), engine=engine, optimizer=cr.SGD(rate))
    assert len(plain[1]) == int(epochs)
    assert trained(epochs=epochs, batch_size=np.uint8(4), engine=engine, optimizer=cr.SGD(rate)) == plain


def test_waves_and_seeds_at_the_end_of_their_type_do_not_wrap_round():
    schedule, clock = schedules.CosLog(0.1, waves=np.int8(7)), schedules.Clock(5, 5, 100, 100)
    assert schedule.rate(clock, schedules.Memory()) == schedules.CosLog(0.1, waves=7).rate(clock, schedules.Memory())
    assert TableConfig(seed=np.uint8(255)).seed + 1 == 256


def test_layer_sizes_and_shares_may_be_numpys():
    sizes = np.array([3, 2], np.uint8)
    for kind, y, told in ((MLPRegressor, T, MLP), (TabularRegressor, T, TABULAR)):
        of_numpy = estimated(kind, y, **told | {"hidden_layer_sizes": sizes})
        assert of_numpy() == estimated(kind, y, **told | {"hidden_layer_sizes": (3, 2)})()
    assert trained(validation=np.float32(0.25)) == trained(validation=0.25)
    assert swept(validation=np.float32(0.25)) == swept(validation=0.25)
    assert diagnosed(validation=np.float32(0.25)) == diagnosed(validation=0.25)
    assert swept(learning_rates=np.array([0.1], np.float32), scales=np.array([2], np.uint8)) == swept(
        learning_rates=[float(np.float32(0.1))], scales=[2]
    )


def test_arrays_of_no_axis_are_numbers_and_others_are_not():
    assert trained(epochs=np.array(3)) == trained(epochs=3)
    assert repr(cr.SGD(np.array(0.5))) == repr(cr.SGD(0.5))
    for wrong in (np.array([3]), np.array(True), np.True_, True, 3.0, np.float64(3.0), "3"):
        with pytest.raises(InputError, match="epochs must be"):
            trained(epochs=wrong)


@given(st.sampled_from(INTEGERS).flatmap(lambda kind: st.integers(np.iinfo(kind).min, np.iinfo(kind).max).map(kind)))
def test_a_plain_number_has_the_value_and_pythons_type(value):
    for same in (value, np.array(value)):
        assert type(plain_number(same)) is int
        assert plain_number(same) == value
    for kind in FLOATS:
        with np.errstate(over="ignore"):
            real = kind(value)
        assert type(plain_number(real)) is float
        assert plain_number(real) == real

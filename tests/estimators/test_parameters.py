"""Parameters: declared once, each with a default that fits, a constraint and a line in the help."""

import inspect
from dataclasses import fields

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.base import clone

from chainrule import estimators
from chainrule.errors import InputError

CLASSES = [getattr(estimators, name) for name in estimators.__all__ if name != "FitError"]


def parameters_of(kind):
    return inspect.signature(kind).parameters


@pytest.mark.parametrize("kind", CLASSES)
def test_the_help_has_a_line_for_every_parameter(kind):
    lines = [line.strip() for line in inspect.getdoc(kind).split("\n")]
    for name in parameters_of(kind):
        assert [line for line in lines if line.startswith(f"{name}: ")], name
    assert "{" not in inspect.getdoc(kind).split("Example:")[0]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_default_is_what_its_row_asks_for(kind):
    for row in fields(kind):
        assert row.metadata["constraint"].fits(row.default), row.name


@pytest.mark.parametrize("kind", CLASSES)
def test_parameters_are_stored_as_they_are_passed_and_nothing_else_is(kind):
    passed = {name: object() for name in parameters_of(kind)}
    made = kind(**passed)
    assert vars(made) == passed
    assert made.get_params(deep=False) == passed
    assert vars(kind()) == {name: parameter.default for name, parameter in parameters_of(kind).items()}


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_scikit_learn_s_parameters_have_their_places_and_defaults(name):
    theirs, ours = parameters_of(getattr(neural_network, name)), parameters_of(getattr(estimators, name))

    def positional(parameters):
        return [each.name for each in parameters.values() if each.kind is each.POSITIONAL_OR_KEYWORD]

    assert positional(ours) == positional(theirs)
    for each in theirs.values():
        assert ours[each.name].default == each.default, each.name


class Halved(estimators.MLPRegressor):
    """What a user may write: fewer parameters, of which one is new."""

    def __init__(self, halves=1, alpha=0.1):
        super().__init__(alpha=alpha, hidden_layer_sizes=(4,), max_iter=2, random_state=0)
        self.halves = halves


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_subclass_may_have_parameters_of_its_own():
    x = np.linspace(0, 1, 20)[:, None]
    twin = clone(Halved(halves=3))
    assert isinstance(twin, Halved)
    fitted = twin.fit(x, x[:, 0])
    assert fitted.get_params() == {"halves": 3, "alpha": 0.1}
    assert repr(fitted) == "Halved(halves=3)"
    with pytest.raises(InputError, match="The 'alpha' parameter of Halved must be a float"):
        Halved(alpha=-1).fit(x, x[:, 0])


def test_what_a_table_s_estimator_cannot_use_is_refused_by_name():
    table, target = np.ones((9, 2)), np.arange(9.0)
    for name, value in (("members", 0), ("members", 1.5), ("learning_rate", 1.0), ("validation_fraction", 0)):
        with pytest.raises(InputError, match=f"{name}.* must be"):
            estimators.TabularRegressor(**{name: value}).fit(table, target)

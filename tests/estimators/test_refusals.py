"""What the further parameters refuse, and what they fall back on."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import chainrule as cr
from chainrule.errors import InputError, TableError
from chainrule.estimators import MLPClassifier, MLPRegressor, TabularClassifier
from chainrule.estimators.frames import table_of
from chainrule.extend import ElementwiseActivation

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
Y = (X[:, 0] > 0).astype(int)
T = X[:, 0]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**settings):
    return MLPClassifier(**{"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0} | settings)


def regressor(**settings):
    return MLPRegressor(**{"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0} | settings)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"class_weight": {5: 1.0}}, r"class_weight names \{5\}"),
        ({"activation": ["tanh", "relu"]}, "one for each of the 1 hidden layers, got 2"),
        ({"early_stopping": True, "validation_fraction": 0.01}, "validation set is too small|should be greater"),
    ],
)
def test_classifiers_refuse(told, message):
    with pytest.raises(ValueError, match=message):
        classifier(**told).fit(X, Y)


def test_labels_of_several_kinds_have_no_class_weight_and_no_temperature():
    several = np.column_stack([Y, 1 - Y])
    with pytest.raises(InputError, match="class_weight needs one label"):
        classifier(class_weight="balanced").fit(X, several)
    with pytest.raises(InputError, match="calibration needs one label"):
        classifier(calibration="temperature", early_stopping=True).fit(X, several)


def test_regressors_refuse():
    with pytest.raises(InputError, match="scale_target=True does not go with"):
        regressor(loss="poisson", scale_target=True).fit(X, np.abs(T))
    with pytest.raises(ValueError, match="poisson"):
        regressor(loss="poisson").fit(X, T)
    with pytest.raises(InputError, match="predict_quantiles needs quantiles"):
        regressor().fit(X, T).predict_quantiles(X)
    with pytest.raises(InputError, match="a row for each"):
        regressor(missing_targets="ignore").fit(X, T[:5])
    with pytest.raises(InputError, match="does not support early_stopping"):
        regressor(early_stopping=True).partial_fit(X, T)


@pytest.mark.parametrize("given", [X, (X,), "rows"])
def test_validation_data_are_a_pair(given):
    with pytest.raises(InputError, match="validation_data must be"):
        regressor().fit(X, T, validation_data=given)


def test_sparse_inputs_are_neither_compiled_nor_scaled(monkeypatch):
    sparse = scipy.sparse.csr_array(X)
    assert regressor(scale_inputs=True).fit(sparse, T).n_iter_ == 3  # small ones are made dense
    monkeypatch.setattr("chainrule.estimators.inputs.DENSE_BYTES", 0)
    with pytest.raises(InputError, match="scale_inputs=True needs dense inputs"):
        regressor(scale_inputs=True).fit(sparse, T)
    with pytest.raises(InputError, match="needs dense inputs"):
        regressor(engine="compiled").fit(sparse, T)


def test_a_warm_start_keeps_the_outputs():
    fitted = regressor(warm_start=True).fit(X, T)
    with pytest.raises(InputError, match="fit without warm_start"):
        fitted.fit(X, np.column_stack([T, T]))


def test_what_cannot_be_compiled_is_trained_by_the_reference(monkeypatch):
    own = ElementwiseActivation(
        "own", "z", "ours", derivative_formula="1", second_derivative_formula="0",
        phi=lambda z: np.asarray([*z]), phi_prime=np.ones_like, phi_second=np.zeros_like,
    )  # fmt: skip
    monkeypatch.setattr("chainrule.estimators.batches.WORTH_COMPILING", 0.0)
    layers = [cr.Dense(3, own)]
    assert regressor(hidden_layers=layers).fit(X, T)._compiled is False
    with pytest.raises(InputError, match="compile"):
        regressor(hidden_layers=layers, engine="compiled").fit(X, T)


def test_a_table_takes_no_sparse_matrix_and_no_name_twice():
    with pytest.raises(TableError, match="sparse matrix is no table"):
        table_of(scipy.sparse.eye(3))
    with pytest.raises(ValueError, match=r"(?i)name|duplicate|unique"):
        table_of(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(InputError, match="requires y"):
        TabularClassifier().fit(X, None)

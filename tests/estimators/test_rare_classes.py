"""Probabilities are what they say: on the mean a class is as probable as it is frequent, through every door."""

import numpy as np
import pytest

from chainrule.estimators import MLPClassifier, TabularClassifier
from chainrule.tables import Column, Table, TableConfig, load_table_model, train_on_table
from chainrule.tables.class_probabilities import probability_source

QUICK = {"hidden_layer_sizes": (32, 32), "epochs": 30, "members": 2}
TRAIN = 2000

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def probability_lines(target, to):
    """The function that an exported network's file ends in."""
    return probability_source(target.classes, target.outputs, target.smoothing, to)


def rare(seed, classes):
    """Rows of which about 1 % are of the last class, and the codes of their classes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3 * TRAIN, 4))
    logits = np.column_stack([np.zeros(3 * TRAIN), *[1.5 * x[:, k] for k in range(classes - 1)]])
    logits[:, -1] -= 5.4
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return x, (rng.random((3 * TRAIN, 1)) > p.cumsum(axis=1)[:, :-1]).sum(axis=1)


def of_a_table(x, codes, seed):
    columns = [Column(f"x{j}", "number", x[:TRAIN, j].copy()) for j in range(x.shape[1])]
    kinds = Column("kind", "category", np.array([f"c{code}" for code in codes[:TRAIN]], dtype=object))
    table = Table({column.name: column for column in [*columns, kinds]}, TRAIN)
    model = train_on_table(
        table, "kind", config=TableConfig(hidden=(32,), epochs=30, label_smoothing=0.1, seed=seed)
    ).model
    return model, lambda rows: model.target.probabilities(model.network.forward(encoded(model, rows)))


def encoded(model, rows):
    columns = {f"x{j}": Column(f"x{j}", "number", rows[:, j].copy()) for j in range(rows.shape[1])}
    return model.encoder.encode(Table(columns, len(rows)))


def mlp(x, codes, seed, validation_data=None, **settings):
    told = {"hidden_layer_sizes": (32,), "label_smoothing": 0.1, "max_iter": 60, "learning_rate_init": 0.01, "tol": 0.0}
    model = MLPClassifier(random_state=seed, **told | settings)
    return model.fit(x[:TRAIN], codes[:TRAIN], validation_data=validation_data).predict_proba


def calibrated(x, codes, seed):
    """By the last third of the rows, so that there are enough of the rare class."""
    held = x[2 * TRAIN :], codes[2 * TRAIN :]
    return mlp(x, codes, seed, held, monitor="loss", calibration="temperature")


DOORS = {
    "TabularClassifier": lambda x, codes, seed: (
        TabularClassifier(random_state=seed, **QUICK).fit(x[:TRAIN], codes[:TRAIN]).predict_proba
    ),
    "train_on_table": lambda x, codes, seed: of_a_table(x, codes, seed)[1],
    "MLPClassifier": mlp,
    "MLPClassifier, calibrated": calibrated,
}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("door", DOORS)
def test_a_rare_class_is_on_the_mean_as_probable_as_it_is_frequent(door, classes):
    """Nothing but chance lies between the two: both halves' shares scatter, and together three errors are allowed."""
    told, shares, variances = [], [], []
    for seed in range(3):
        x, codes = rare(seed, classes)
        told.append(DOORS[door](x, codes, seed)(x[TRAIN : 2 * TRAIN])[:, -1].mean())
        share = (codes == classes - 1).mean()
        shares.append((codes[TRAIN : 2 * TRAIN] == classes - 1).mean())
        variances.append(2 * share * (1 - share) / TRAIN)
    error = np.sqrt(np.sum(variances)) / 3
    assert abs(np.mean(told) - np.mean(shares)) < 3 * error
    assert 3 * error < 0.1 / classes - 0.01  # so that a smoothed probability, too large by s/K less s p, would fail


def test_predictions_are_those_of_the_largest_probability_and_of_the_largest_output():
    x, codes = rare(0, 3)
    fitted = TabularClassifier(random_state=0, **QUICK | {"members": 1}).fit(x[:TRAIN], codes[:TRAIN])
    outputs = fitted.networks_[0].forward(encoded(fitted_model(fitted), x))
    np.testing.assert_array_equal(fitted.predict(x), fitted.classes_[outputs.argmax(axis=1)])


def fitted_model(fitted):
    """What ``encoded`` asks for."""
    return type("Model", (), {"encoder": fitted.encoder_})


def test_smoothing_of_several_labels_is_undone_label_by_label():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3))
    labels = np.column_stack([x[:, 0] > 0, rng.random(600) < 0.02]).astype(int)
    told = {"hidden_layer_sizes": (8,), "max_iter": 60, "random_state": 0, "learning_rate_init": 0.01}
    fitted = MLPClassifier(label_smoothing=0.2, **told).fit(x, labels)
    p = fitted.predict_proba(x)
    assert ((p > 0) & (p < 1)).all()
    assert abs(p[:, 1].mean() - labels[:, 1].mean()) < 0.02
    np.testing.assert_array_equal(fitted.predict(x), (p > 0.5).astype(int))


def test_balanced_weights_give_the_probabilities_of_balanced_classes():
    x, codes = rare(0, 2)
    p = mlp(x, codes, 0, class_weight="balanced")(x[:TRAIN])[:, 1]
    weights = np.where(codes[:TRAIN] == 1, 1 / (codes[:TRAIN] == 1).mean(), 1 / (codes[:TRAIN] == 0).mean())
    assert np.average(p, weights=weights) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_saved_and_an_exported_model_say_the_same_probabilities(classes, tmp_path):
    x, codes = rare(1, classes)
    model, predict = of_a_table(x, codes, 1)
    model.save(tmp_path / "model.safetensors")
    again = load_table_model(tmp_path / "model.safetensors")
    assert again.target == model.target
    space: dict = {}
    exec(again.network.astype("float64").to_python() + probability_lines(again.target, "python"), space)
    np.testing.assert_allclose(space["probabilities"](encoded(again, x)), predict(x), rtol=1e-4, atol=1e-6)
    assert space["CLASSES"] == list(model.target.classes)


def test_the_exported_functions_are_written_for_both_libraries():
    _, codes = rare(1, 2)
    model, _ = of_a_table(*rare(1, 2), 1)
    assert codes.max() == 1
    for to, word in (("python", "np.maximum("), ("pytorch", "torch.clamp(")):
        lines = probability_lines(model.target, to)
        compile(lines, to, "exec")
        assert word in lines

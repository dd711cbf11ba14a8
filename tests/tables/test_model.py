"""A network on a table: what it learns from which rows, and what it refuses."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from chainrule import Dense, LayerNorm, Network
from chainrule.errors import DivergenceError, FormatError, InputError, TableError, UnknownComponentError
from chainrule.tables import (
    Column,
    Encoder,
    Table,
    TableConfig,
    TableModel,
    Target,
    load_table_model,
    penguins_path,
    prepare,
    read_table,
    regression_metrics,
    train,
    train_on_table,
)

QUICK = TableConfig(hidden=(4,), epochs=5)


def column(name, values, kind="number"):
    return Column(name, kind, np.array(values, dtype=object if kind == "category" else np.float64))


def table(*columns):
    return Table({c.name: c for c in columns}, len(columns[0].values))


@pytest.fixture(scope="module")
def penguins():
    return read_table(penguins_path())


@pytest.fixture
def mixed():
    """100 rows: numbers, some missing, and categories; y follows from them."""
    rng = np.random.default_rng(0)
    x, kind = rng.normal(size=100), rng.choice(["a", "b", "c"], 100)
    y = 3 * x + (kind == "a") + rng.normal(scale=0.1, size=100)
    gaps = np.where(np.arange(100) % 9 == 0, np.nan, x)
    return table(column("x", gaps), column("kind", kind, "category"), column("y", y))


def changed(given, rows):
    """The same table with these rows' cells turned into something else altogether."""
    x, kind, y = (given[name].values.copy() for name in ("x", "kind", "y"))
    x[rows], kind[rows], y[rows] = 1e6, "never seen", -1e6
    return table(column("x", x), column("kind", kind, "category"), column("y", y))


# -------------------------------------------------------------------------------- which rows teach what
def test_nothing_is_learned_from_the_test_rows(mixed):
    honest = train_on_table(mixed, "y", config=QUICK)
    other = train_on_table(changed(mixed, honest.prepared.test), "y", config=QUICK)
    assert other.model.encoder == honest.model.encoder
    assert other.model.target == honest.model.target
    assert other.history.validation_losses == honest.history.validation_losses
    assert other.model.network.parameters.vector.tobytes() == honest.model.network.parameters.vector.tobytes()
    assert other.metrics != honest.metrics


def test_an_encoding_learned_from_the_test_rows_would_differ(mixed):
    """So that the test above is able to fail."""
    prepared = prepare(mixed, "y", config=QUICK)
    spoilt = changed(mixed, prepared.test)
    assert Encoder.learn(spoilt, ["x", "kind"]) != prepared.encoder
    assert Target.learn(spoilt["y"]) != prepared.target


def test_validation_rows_say_when_to_stop_and_nothing_else(mixed):
    honest = train_on_table(mixed, "y", config=QUICK)
    other = train_on_table(changed(mixed, honest.prepared.validation), "y", config=QUICK)
    assert other.model.encoder == honest.model.encoder
    assert other.model.target == honest.model.target
    assert other.history.losses == honest.history.losses
    assert other.history.validation_losses != honest.history.validation_losses


def test_every_row_with_a_target_is_in_one_part(penguins):
    prepared = prepare(penguins, "sex")
    parts = np.concatenate([prepared.training, prepared.validation, prepared.test])
    assert sorted(parts) == list(range(333))
    assert (prepared.table.rows, prepared.left_out) == (333, 11)
    assert [len(part) for part in (prepared.training, prepared.validation, prepared.test)] == [213, 53, 67]


def test_classes_are_shared_out_evenly(penguins):
    prepared = prepare(penguins, "species")
    for part in (prepared.training, prepared.validation, prepared.test):
        share = np.mean(prepared.table["species"].values[part] == "Chinstrap")
        assert share == pytest.approx(68 / 344, abs=0.03)


def test_a_class_with_a_single_row_is_trained_on():
    kinds = ["a"] * 20 + ["b"] * 20 + ["rare"]
    prepared = prepare(table(column("x", np.arange(41)), column("kind", kinds, "category")), "kind")
    assert "rare" in prepared.table["kind"].values[prepared.training]


def test_columns_left_out_are_not_inputs(penguins):
    prepared = prepare(penguins, "species", exclude=["island", "sex"])
    assert not {"island", "sex", "species"} & {feature.name for feature in prepared.encoder.features}


# -------------------------------------------------------------------------------- training and judging
@pytest.mark.parametrize(
    ("target", "task", "outputs"),
    [("species", "multiclass", 3), ("sex", "binary", 1), ("body_mass_g", "regression", 1)],
)
def test_the_target_chooses_outputs_and_loss(penguins, target, task, outputs):
    trained = train_on_table(penguins, target, config=TableConfig(hidden=(8,), epochs=60))
    network = trained.model.network
    assert (trained.model.target.task, network.outputs) == (task, outputs)
    assert network.loss_function.name.startswith(
        {"multiclass": "categorical", "binary": "binary", "regression": "squared"}[task]
    )
    worth = "RMSE" if task == "regression" else "log loss"
    assert trained.metrics[worth] < 0.7 * trained.baseline[worth]


def test_metrics_are_those_of_the_predictions_of_the_test_rows(penguins):
    trained = train_on_table(penguins, "body_mass_g", config=QUICK)
    test = trained.prepared.table.select(trained.prepared.test)
    prediction = trained.model.predict(test)["prediction"]
    assert trained.metrics == regression_metrics(test["body_mass_g"].values, prediction)


def test_the_baseline_knows_all_rows_but_those_tested(penguins):
    trained = train_on_table(penguins, "body_mass_g", config=QUICK)
    mass, prepared = trained.prepared.table["body_mass_g"].values, trained.prepared
    known = mass[np.concatenate([prepared.training, prepared.validation])].mean()
    assert trained.baseline["MAE"] == pytest.approx(np.abs(mass[prepared.test] - known).mean())


def test_the_same_seed_gives_the_same_bits_and_another_does_not(penguins):
    first, again, other = (
        train_on_table(penguins, "species", config=replace(QUICK, seed=seed)).model.network.parameters.vector.tobytes()
        for seed in (3, 3, 4)
    )
    assert first == again != other


def test_no_hidden_layer_is_a_linear_model(mixed):
    trained = train_on_table(mixed, "y", config=TableConfig(hidden=(), epochs=100, learning_rate=0.05))
    assert len(trained.model.network.layers) == 1
    assert trained.metrics["R2"] > 0.4


def test_interrupted_training_keeps_what_was_trained(mixed, monkeypatch):
    loop = import_module("chainrule.training.run")
    calls = []

    def evaluate(model, data):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return evaluated(model, data)

    evaluated = loop.evaluate
    monkeypatch.setattr(loop, "evaluate", evaluate)
    trained = train_on_table(mixed, "y", config=QUICK)
    assert trained.history.stopped == "interrupted"
    assert set(trained.metrics) == {"R2", "MAE", "RMSE"}


@pytest.mark.parametrize("target", ["species", "body_mass_g"])
def test_a_loss_out_of_all_proportion_is_divergence(penguins, target):
    with pytest.raises(DivergenceError, match=r"diverged in epoch 0: the loss rose .* smaller learning rate") as caught:
        train_on_table(penguins, target, config=replace(QUICK, learning_rate=1e5, weight_decay=0.0))
    assert caught.value.epoch == 0


# -------------------------------------------------------------------------------- plans
@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"hidden": (0,)}, "units of a hidden layer must be at least 1"),
        ({"hidden": (1.5,)}, "units of a hidden layer must be a whole number"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"test": 0.0}, "test must be a share between 0 and 1"),
        ({"validation": 1.0}, "validation must be a share between 0 and 1"),
        ({"test": float("nan")}, "test must be a share"),
        ({"dropout": 1.0}, "dropout must be a share from 0 to below 1"),
        ({"label_smoothing": -0.1}, "label_smoothing must be a share from 0 to below 1"),
        ({"weight_decay": -1.0}, "weight_decay of AdamW must be from 0"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"learning_rate": 0.0}, "learning_rate must be a positive finite number"),
        ({"learning_rate": float("inf")}, "learning_rate must be a positive finite number"),
        ({"activation": "reluu"}, "Did you mean 'relu'"),
        ({"optimizer": "adm"}, "Did you mean 'adam'"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused_at_once(setting, told):
    with pytest.raises(InputError, match=told):
        TableConfig(**setting)


def test_an_unknown_component_of_a_plan_is_named_as_such():
    with pytest.raises(UnknownComponentError):
        TableConfig(optimizer="gradient descent")


@pytest.mark.parametrize(
    ("rows", "batch_size", "epochs"),
    [(10, 16, 128), (320, 16, 128), (2000, 100, 128), (40_000, 256, 64), (10**6, 256, 16)],
)
def test_the_pace_follows_the_number_of_rows(rows, batch_size, epochs):
    assert TableConfig().pace(rows) == (batch_size, epochs)
    assert TableConfig(batch_size=7, epochs=11).pace(rows) == (7, 11)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_smoothing_moves_the_targets_of_classes_towards_all_alike(task):
    t = np.eye(4) if task == "multiclass" else np.array([[0.0], [1.0]])
    smoothed = TableConfig(label_smoothing=0.2).smoothed(t, task)
    if task == "regression":
        assert smoothed is t
    else:
        assert smoothed.max() == pytest.approx(0.8 + 0.2 / max(t.shape[1], 2))
        assert smoothed.min() == pytest.approx(0.2 / max(t.shape[1], 2))
        assert smoothed.sum() == pytest.approx(t.sum())
    assert TableConfig(label_smoothing=0.0).smoothed(t, task) is t


def test_a_network_larger_than_memory_is_refused_before_it_is_made(penguins):
    with pytest.raises(InputError, match=r"14 -> 1000000000 -> 3 units has 18,000,000,003 parameters, at most"):
        train(prepare(penguins, "species", exclude=["year"]), replace(QUICK, hidden=(10**9,)))


# -------------------------------------------------------------------------------- tables
def test_unknown_columns_are_told_with_the_nearest(penguins):
    with pytest.raises(TableError, match="Did you mean 'species'"):
        prepare(penguins, "specis")
    with pytest.raises(TableError, match="Did you mean 'island'"):
        prepare(penguins, "species", exclude=["iland"])


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_too_few_rows_with_a_target_are_refused(rows):
    values = [*range(rows), *[np.nan] * (9 - rows)]
    with pytest.raises(TableError, match=f"has a value in {rows} of 9 rows: at least 5"):
        prepare(table(column("x", range(9)), column("y", values)), "y")


def test_five_rows_are_enough():
    trained = train_on_table(table(column("x", range(5)), column("y", [1, 3, 5, 7, 9])), "y", config=QUICK)
    parts = trained.prepared
    assert (len(parts.training), len(parts.validation), len(parts.test)) == (3, 1, 1)
    assert np.isnan(trained.metrics["R2"])


def test_a_table_of_nothing_but_its_target_is_refused(penguins):
    others = [name for name in penguins.names if name != "sex"]
    with pytest.raises(TableError, match="No column is left to predict 'sex' from"):
        prepare(penguins, "sex", exclude=others)


def test_targets_without_variety_are_refused():
    x = column("x", range(20))
    with pytest.raises(TableError, match="is 1 in every row"):
        prepare(table(x, column("y", [1.0] * 20)), "y")
    with pytest.raises(TableError, match="has 1: choose another column"):
        prepare(table(x, column("y", ["a"] * 20, "category")), "y")
    with pytest.raises(TableError, match="Regression needs numbers"):
        prepare(table(x, column("y", ["a", "b"] * 10, "category")), "y", task="regression")


# -------------------------------------------------------------------------------- files
@pytest.mark.parametrize("target", ["species", "sex", "body_mass_g"])
def test_a_saved_model_predicts_the_same_bits(penguins, target, tmp_path):
    model = train_on_table(penguins, target, config=QUICK).model
    model.save(tmp_path / "model.safetensors")
    again = load_table_model(tmp_path / "model.safetensors")
    assert (again.encoder, again.target) == (model.encoder, model.target)
    for before, after in zip(model.predict(penguins).values(), again.predict(penguins).values(), strict=True):
        assert before.tolist() == after.tolist()


def test_a_network_without_a_table_is_no_table_model(tmp_path):
    path = tmp_path / "plain.safetensors"
    net = Network(2, [Dense(1)], seed=0)
    for metadata in ({}, {"table": 5}, {"table": {"encoder": {}}}):
        net.metadata = metadata
        net.save(path)
        with pytest.raises(FormatError, match="network without a table's columns"):
            load_table_model(path)


@pytest.mark.parametrize("field", ["encoder", "target"])
@pytest.mark.parametrize("value", [None, 5, "x", [], {}, {"features": [], "dropped": {}}])
def test_a_table_model_with_a_damaged_part_is_refused(penguins, tmp_path, field, value):
    path = tmp_path / "model.safetensors"
    network = train_on_table(penguins, "species", config=replace(QUICK, epochs=1)).model
    network.save(path)
    network.network.metadata["table"][field] = value
    network.network.save(path)
    with pytest.raises(FormatError, match=field):
        load_table_model(path)


def test_parts_that_do_not_fit_each_other_are_refused(penguins, tmp_path):
    path = tmp_path / "model.safetensors"
    model = train_on_table(penguins, "species", config=replace(QUICK, epochs=1)).model
    wide = Network(99, [LayerNorm(), Dense(3)], seed=0)
    TableModel(wide, model.encoder, model.target).save(path)
    with pytest.raises(FormatError, match="do not fit each other"):
        load_table_model(path)

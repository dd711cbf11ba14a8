"""What ``fit`` and ``demo`` print about a table, of the training on it and of how good the model is."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from chainrule.cli.output import counted, figure_of, print_facts, print_table, say, shortened
from chainrule.core.layers import Dense
from chainrule.tables import Column, Encoder, PreparedTable, Table, TableModel, Trained
from chainrule.tables.features import CategoryFeature, Feature, NumberFeature
from chainrule.tables.table import is_number, spellings

_MOST_COLUMNS = 40  # of a wider table the first are listed
_FEW_TEST_ROWS = 30
_MOSTLY = 0.8  # a column with so many numbers among its texts was probably meant to hold numbers
_MOST_LIKELY_CLASSES = 12  # so few different whole numbers may be the names of classes
_SHARES = ("R2", "accuracy", "balanced accuracy", "ROC AUC")


# -------------------------------------------------------------------------------- before training
def print_prepared(table: Table, prepared: PreparedTable, source: str) -> None:
    """Where the rows go, what the target is, and what becomes of each column."""
    target = prepared.target
    print_facts(
        [
            ("table", f"{source}: {counted(table.rows, 'row')}, {counted(len(table.names), 'column')}"),
            ("target", f"{target.name}: {_target_text(prepared)}"),
            ("rows", _rows_text(prepared)),
        ]
    )
    say()
    others = [name for name in prepared.table.names if name != target.name]
    rows = [_column_cells(prepared.table[name], prepared.encoder) for name in others[:_MOST_COLUMNS]]
    print_table(["column", "kind", "missing", "becomes"], rows)
    if len(others) > _MOST_COLUMNS:
        say(f"... and {counted(len(others) - _MOST_COLUMNS, 'column')} more")
    say()
    notes = [note for note in (_likely_classes(prepared), *_mostly_numbers(prepared)) if note]
    for note in notes:
        say(f"note: {note}")
    if notes:
        say()


def _target_text(prepared: PreparedTable) -> str:
    target = prepared.target
    column = prepared.table[target.name]
    if target.task == "regression":
        low, mean, high = (
            figure_of(value) for value in (column.values.min(), column.values.mean(), column.values.max())
        )
        return f"regression, numbers from {low} to {high}, mean {mean}"
    counts = Counter(target.labels(column).tolist())
    classes = shortened([f"{name} ({counts[name]:,})" for name in target.classes])
    return f"{target.task} classification, {len(target.classes)} classes: {classes}"


def _rows_text(prepared: PreparedTable) -> str:
    parts = (
        f"{len(prepared.training):,} to train on, {len(prepared.validation):,} to choose the best epoch by, "
        f"{len(prepared.test):,} to judge by"
    )
    return f"{parts}; {prepared.left_out:,} without a target left out" if prepared.left_out else parts


def _column_cells(column: Column, encoder: Encoder) -> list[str]:
    features = {feature.name: feature for feature in encoder.features}
    missing = int(column.missing.sum())
    head = [shortened([column.name]), column.kind, f"{missing:,}" if missing else ""]
    if column.name in features:
        return [*head, _feature_text(features[column.name])]
    return [*head, f"not used: {encoder.dropped.get(column.name, 'left out as asked')}"]


def _feature_text(feature: Feature) -> str:
    inputs = counted(len(feature.names), "input")
    if isinstance(feature, CategoryFeature):
        ends = ["other"] * feature.other + ["missing"] * feature.indicator
        return f"{inputs}: {shortened(feature.categories, 5)}{''.join(f', {end}' for end in ends)}"
    return f"{inputs}: number, missing" if len(feature.names) > 1 else inputs


def _likely_classes(prepared: PreparedTable) -> str:
    """A hint where few whole numbers may be the names of classes."""
    values = prepared.table[prepared.target.name].values
    if prepared.target.task != "regression":
        return ""
    distinct = np.unique(values)
    if len(distinct) > _MOST_LIKELY_CLASSES or (distinct != np.floor(distinct)).any():
        return ""
    return (
        f"{prepared.target.name} holds only {len(distinct)} different whole numbers, taken as quantities: if they name "
        "classes, give --task classification."
    )


def _mostly_numbers(prepared: PreparedTable) -> Iterator[str]:
    """A hint for each column in which a few cells of text keep the others from being numbers."""
    for name in prepared.table.names:
        column = prepared.table[name]
        if column.kind != "category" or name == prepared.target.name:
            continue
        texts = column.values[~column.missing]
        odd = [text for text in texts if not is_number(text)]
        if odd and len(odd) < (1 - _MOSTLY) * len(texts):
            row = column.row_number(int(np.flatnonzero(column.values == odd[0])[0]))
            yield (
                f"{name} counts as text because of {counted(len(odd), 'cell')} without a number, such as "
                f"'{odd[0]:.40}' in row {row}: with such cells corrected, or left empty, it would be numbers."
            )


# -------------------------------------------------------------------------------- after training
def print_trained(trained: Trained) -> None:
    """The network, how its training went, and its metrics beside those of a guess."""
    print_facts([("network", _network_text(trained.model)), ("training", _training_text(trained))])
    say()
    print_metrics(trained)


def _network_text(model: TableModel) -> str:
    net = model.network
    hidden = [
        f"{layer.units} {layer.activation.name}" if isinstance(layer, Dense) else type(layer).__name__.lower()
        for layer in net.layers[:-1]
    ]
    chain = " -> ".join([counted(net.inputs, "input"), *hidden, counted(net.outputs, "output")])
    return f"{chain}; {net.parameters.vector.size:,} parameters; {net.loss_function.name}"


def _training_text(trained: Trained) -> str:
    history = trained.history
    if history.best_epoch < 0:
        return "interrupted before the first epoch was finished: this network is hardly trained"
    best = history.validation_losses[history.best_epoch]
    why = {"patience": "no better for long enough", "interrupted": "interrupted, what was trained is kept"}
    stopped = why.get(history.stopped, history.stopped)
    return (
        f"{counted(history.epochs, 'epoch')} in {history.times[-1]:.1f} s ({stopped}); "
        f"kept: epoch {history.best_epoch}, validation loss {figure_of(best)}"
    )


def print_metrics(trained: Trained) -> None:
    """The metrics on the test rows beside those of the guess that ignores the inputs, and what they are worth."""
    regression = trained.model.target.task == "regression"
    tests = len(trained.prepared.test)
    rows = [
        [name, _metric_text(name, value), _metric_text(name, trained.baseline[name])]
        for name, value in trained.metrics.items()
    ]
    print_table([f"on {counted(tests, 'test row')}", "network", "guess"], rows)
    guess = "the mean" if regression else "the shares of the classes"
    say(f"(guess: always {guess} of the rows not tested, whatever the inputs)")
    worth = "RMSE" if regression else "log loss"
    if not trained.metrics[worth] < trained.baseline[worth]:
        say(f"note: by {worth} the network is no better than the guess: more rows, other columns or settings may help.")
    if tests < _FEW_TEST_ROWS:
        say("note: so few test rows say little: other rows could give quite other figures.")


def _metric_text(name: str, value: float) -> str:
    if np.isnan(value):
        return "undefined"
    return f"{value:.4f}" if name in _SHARES and abs(value) < 1e4 else figure_of(value)


# -------------------------------------------------------------------------------- new tables
def surprises(model: TableModel, table: Table) -> Iterator[str]:
    """What a table holds that training gave no example of, and what is made of it."""
    for feature in model.encoder.features:
        column = table[feature.name]
        missing, unseen = int(column.missing.sum()), "no category is taken"
        if missing and f"{feature.name} is missing" not in feature.names:  # it has no input that says so
            taken = f"the median {figure_of(feature.fill)} is taken" if isinstance(feature, NumberFeature) else unseen
            yield f"{feature.name} is missing in {counted(missing, 'row')} and never was in training: {taken}."
        if isinstance(feature, CategoryFeature) and not feature.other:
            known = {None, *feature.categories}
            new = [text for text in spellings(column).tolist() if text not in known]
            if new:
                rows = counted(len(new), "row")
                yield f"{feature.name} is '{new[0]:.40}' or the like in {rows} and never was in training: {unseen}."

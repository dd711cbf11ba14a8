"""The picture of a training run."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure

import chainrule as cr
from chainrule.optimizers.schedules import Cosine
from chainrule.plots import plot_history

X = np.linspace(-1, 1, 20)[:, None]
T = X**2


def fitted(**options):
    return cr.Network(1, [cr.Dense(4, "tanh"), cr.Dense(1)], seed=0).fit(
        X, T, **{"epochs": 30, "optimizer": cr.SGD(0.1), "seed": 0, **options}
    )


def history(losses, validation=(), **fields):
    return cr.History(
        seed=0,
        losses=list(losses),
        validation_losses=list(validation),
        **{"learning_rates": [0.1] * len(losses), "stopped": "all epochs", **fields},
    )


def curve(ax, label):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line


def words(ax):
    return [text.get_text() for text in ax.texts]


# -------------------------------------------------------------------------------- curves
def test_the_losses_are_drawn_by_epoch():
    run = fitted(validation=0.25)
    ax = run.plot()
    for label, values in (("training", run.loss), ("validation", run.validation_loss)):
        assert curve(ax, label).get_xdata().tolist() == list(range(30))
        assert curve(ax, label).get_ydata().tolist() == values.tolist()


def test_without_validation_there_is_one_curve_and_one_name():
    ax = fitted().plot()
    assert [line.get_label() for line in ax.lines] == ["training"]
    assert words(ax) == ["training"]


@pytest.mark.parametrize(
    ("losses", "scale"),
    [
        ([1.0, 0.01], "log"),
        ([1.0, 0.06], "linear"),
        ([1.0, 0.0], "linear"),
        ([-1.0, 100.0], "linear"),
        ([3.0], "linear"),
    ],
)
def test_the_axis_is_logarithmic_only_for_positive_losses_over_a_wide_range(losses, scale):
    assert history(losses).plot().get_yscale() == scale


def test_the_range_is_that_of_both_losses():
    assert history([1.0, 0.5], [1.0, 0.01]).plot().get_yscale() == "log"


def test_few_epochs_are_marked_each():
    assert curve(history([3.0]).plot(), "training").get_marker() == "o"
    assert curve(history(np.arange(21.0)).plot(), "training").get_marker() == ""


def test_losses_that_are_not_finite_leave_gaps():
    ax = history([3.0, 2.0, 1.0], [2.0, np.inf, np.nan]).plot()
    assert np.isnan(curve(ax, "validation").get_ydata()[1:]).all()
    (name,) = [text for text in ax.texts if text.get_text() == "validation"]
    assert name.xy == (0, 2.0)


def test_a_validation_loss_that_never_was_finite_is_left_out():
    run = history([3.0, 2.0], [np.nan, np.inf], restored=True)
    assert words(run.plot()) == ["training"]


def test_a_history_without_a_loss_to_draw_is_refused_with_the_reason():
    with pytest.raises(cr.InputError, match=r"no finished epoch with a finite loss \(stopped: interrupted\)"):
        history([], stopped="interrupted").plot()
    with pytest.raises(cr.InputError, match="no finished epoch with a finite loss: "):
        history([np.nan], stopped="").plot()
    assert not plt.get_fignums()


# -------------------------------------------------------------------------------- words
def test_why_training_stopped_stands_beside_the_axis():
    assert fitted().plot().get_xlabel() == "epoch (stopped: all epochs)"
    assert history([1.0], stopped="").plot().get_xlabel() == "epoch"


def test_names_stand_at_the_ends_of_their_lines_in_their_colours():
    ax = history([3.0, 2.0, 1.0], [3.0, 2.5, 2.0]).plot()
    assert ax.get_legend() is None
    for name in ax.texts:
        line = curve(ax, name.get_text())
        assert name.xy == (2, line.get_ydata()[-1])
        assert same_color(name.get_color(), line.get_color())


@pytest.mark.parametrize("last", [1.0, 1.001, 0.999, 0.9])
def test_names_of_lines_that_end_together_do_not_overlap(last):
    ax = history([3.0, 1.0], [3.0, last]).plot()
    ax.figure.canvas.draw()
    training, validation = (text.get_window_extent() for text in ax.texts)
    assert not training.overlaps(validation)
    assert (training.y0 < validation.y0) == (last >= 1.0)


@pytest.mark.parametrize("epochs", [1, 2, 30, 1000])
def test_names_stay_within_the_axes(epochs):
    ax = history(np.linspace(3, 1, epochs), np.linspace(3, 2, epochs)).plot()
    ax.figure.canvas.draw()
    frame = ax.get_window_extent()
    assert all(text.get_window_extent().x1 <= frame.x1 + 1 for text in ax.texts)


def test_on_narrow_axes_a_legend_names_the_lines():
    ax = plot_history(history([3.0, 1.0], [3.0, 2.0]), ax=Figure(figsize=(1.5, 2)).subplots())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "validation"]
    assert not ax.texts


@pytest.mark.parametrize("epochs", [1, 2, 7, 300])
def test_epochs_are_whole_numbers(epochs):
    ax = history(np.linspace(2, 1, epochs)).plot()
    low, high = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    assert ticks
    assert all(tick == round(tick) for tick in ticks)


# -------------------------------------------------------------------------------- the best epoch
def test_the_best_epoch_is_marked_on_the_validation_loss_if_parameters_were_put_back():
    run = fitted(validation=0.25, patience=5)
    ax = run.plot()
    best = run.validation_loss[run.best_epoch]
    assert run.restored
    assert any(line.get_xydata().tolist() == [[run.best_epoch, best]] for line in ax.lines)
    (label,) = [word for word in words(ax) if word.startswith("best")]
    assert label == f"best: epoch {run.best_epoch}, loss {best:.3g}, restored"


def test_the_best_epoch_is_marked_on_the_training_loss_without_validation():
    ax = history([3.0, 1.0, 2.0], best_epoch=1, restored=True).plot()
    assert any(line.get_xydata().tolist() == [[1, 1.0]] for line in ax.lines)


def test_the_best_epoch_is_not_marked_if_the_last_parameters_were_kept():
    assert not [word for word in words(history([3.0, 1.0, 2.0], best_epoch=1).plot()) if "best" in word]


@pytest.mark.parametrize("best", [0, 50, 99])
@pytest.mark.parametrize("lowest", [1e-8, 0.5])
def test_the_best_epochs_name_stays_within_the_axes_and_above_the_curves(best, lowest):
    run = history(np.geomspace(1, lowest, 100), np.geomspace(lowest, 1, 100), best_epoch=best, restored=True)
    ax = run.plot(Figure(figsize=(5, 1.5)).subplots())
    ax.figure.canvas.draw()
    (label,) = [text.get_window_extent() for text in ax.texts if text.get_text().startswith("best")]
    frame = ax.get_window_extent()
    assert frame.x0 - 1 <= label.x0
    assert label.x1 <= frame.x1 + 1  # letters are set on whole pixels
    assert label.y0 > ax.transData.transform((0, 1.0))[1]


def test_on_narrow_axes_the_best_epochs_name_is_short():
    run = history([3.0, 1.0, 2.0], best_epoch=1, restored=True)
    assert "best: epoch 1" in words(plot_history(run, ax=Figure(figsize=(1.5, 2)).subplots()))


def test_a_legend_leaves_the_best_epochs_name_free():
    figure = Figure(figsize=(1.6, 2))
    ax = plot_history(history([3.0, 1.0], [3.0, 2.0], best_epoch=1, restored=True), ax=figure.subplots())
    figure.canvas.draw()
    assert not ax.get_legend().get_window_extent().overlaps(ax.texts[0].get_window_extent())


# -------------------------------------------------------------------------------- the learning rate
def test_a_learning_rate_that_varies_has_an_axis_of_its_own_behind_the_losses():
    run = fitted(optimizer=cr.SGD(Cosine(0.1)))
    ax = run.plot()
    (behind,) = [axes for axes in ax.figure.axes if axes is not ax]
    assert behind.get_ylabel() == "learning rate"
    assert behind.lines[0].get_ydata().tolist() == run.learning_rate.tolist()
    assert behind.lines[0].get_linewidth() < curve(ax, "training").get_linewidth()
    assert behind.get_zorder() < ax.get_zorder()
    assert behind.get_ylim()[0] == 0


def test_a_constant_learning_rate_is_not_drawn():
    assert len(fitted().plot().figure.axes) == 1
    assert len(history([1.0], learning_rates=[]).plot().figure.axes) == 1


# -------------------------------------------------------------------------------- axes
def test_given_axes_are_drawn_on_and_no_figure_is_made():
    figure = Figure()
    ax, other = figure.subplots(1, 2)
    assert fitted().plot(ax) is ax
    assert not other.lines
    assert not plt.get_fignums()
    figure.canvas.draw()


@pytest.mark.parametrize("layout", ["tight", "constrained"])
def test_names_stay_within_axes_that_a_layout_narrows(layout):
    figure = Figure(layout=layout)
    ax = fitted(validation=0.25, optimizer=cr.SGD(Cosine(0.1))).plot(figure.subplots(1, 2)[0])
    figure.canvas.draw()
    assert all(text.get_window_extent().x1 <= ax.get_window_extent().x1 + 1 for text in ax.texts)


def test_a_later_tight_layout_does_no_harm():
    fitted(optimizer=cr.SGD(Cosine(0.1))).plot()
    plt.tight_layout()


def test_a_style_in_force_does_not_darken_the_picture():
    with plt.style.context("dark_background"):
        ax = fitted(optimizer=cr.SGD(Cosine(0.1))).plot()
    assert ax.figure.get_facecolor() == (1, 1, 1, 1)
    assert all(axes.get_facecolor() == (1, 1, 1, 1) for axes in ax.figure.axes)


def test_the_whole_run_is_printable(tmp_path):
    figure = fitted(validation=0.25, patience=5, optimizer=cr.SGD(Cosine(0.1))).plot().figure
    figure.savefig(tmp_path / "run.pdf")
    assert (tmp_path / "run.pdf").stat().st_size > 1000

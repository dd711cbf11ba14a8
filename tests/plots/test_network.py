"""The picture of a network."""

import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.transforms import Affine2D

import chainrule as cr
from chainrule.plots import plot_network
from chainrule.plots.layout import short

ROW = [-2.0, -1.0]
MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 1], [1, 0, 1, 1]])


def varied(inputs, *layers, seed=0):
    """A network whose numbers, biases too, have both signs and many sizes."""
    net = cr.Network(inputs, list(layers), seed=seed)
    net.parameters.vector[...] = np.random.default_rng(seed).normal(size=net.parameters.vector.size)
    return net


@pytest.fixture
def net():
    return varied(2, cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid"))


def by_gid(artists, gid):
    (found,) = [artist for artist in artists if artist.get_gid() == gid]
    return found


def lines(ax, gid):
    return by_gid(ax.collections, gid)


def words(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


# -------------------------------------------------------------------------------- lines
def test_there_is_a_line_for_each_weight_that_is_not_masked():
    ax = varied(3, cr.Dense(4, mask=MASK), cr.Dense(2)).plot()
    assert len(lines(ax, "W1").get_segments()) == MASK.sum()
    assert len(lines(ax, "W2").get_segments()) == 8


def test_lines_are_wider_the_larger_the_weight_with_the_strongest_on_top():
    net = varied(4, cr.Dense(5))
    widths = lines(net.plot(), "W1").get_linewidths()
    sizes = np.sort(np.abs(net.parameters["W1"]).ravel())
    assert (np.diff(widths) > 0).all()
    slope = np.diff(widths) / np.diff(sizes)
    assert slope == pytest.approx(np.full(len(slope), slope[0]))


def test_widths_of_all_layers_and_biases_have_one_scale():
    net = varied(1, cr.Dense(1), cr.Dense(1))
    net.set_parameters({"W1": [[0.7]], "W2": [[-0.7]], "b1": [-0.7], "b2": [1.4]})
    ax = net.plot()
    first, second = (lines(ax, gid).get_linewidths() for gid in ("W1", "W2"))
    assert first == second == [by_gid(ax.patches, "b1[0]").get_linewidth()]
    assert by_gid(ax.patches, "b2[0]").get_linewidth() > first[0]


def test_positive_is_blue_and_negative_vermilion_in_lines_and_rings():
    net = varied(1, cr.Dense(2))
    net.set_parameters({"W1": [[0.4, -0.5]], "b1": [-1.0, 1.0]})
    ax = net.plot()
    positive, negative = lines(ax, "W1").get_colors()[:, :3]
    assert positive[2] > positive[0]
    assert negative[0] > negative[2]
    assert by_gid(ax.patches, "b1[0]").get_edgecolor()[:3] == pytest.approx(to_rgb("#d55e00"))
    assert by_gid(ax.patches, "b1[1]").get_edgecolor()[:3] == pytest.approx(to_rgb("#0072b2"))


def test_layers_without_weights_are_joined_in_grey():
    ax = varied(3, cr.Dense(4), cr.LayerNorm("relu"), cr.Dropout(0.3), cr.BatchNorm()).plot()
    for gid in ("join2", "join3", "join4"):
        assert len(lines(ax, gid).get_segments()) == 4
        red, green, blue = lines(ax, gid).get_colors()[0][:3]
        assert red == green == blue
    assert {"layer norm, relu", "dropout 0.3", "batch norm"} <= set(words(ax))


def test_a_bias_of_zero_has_no_ring():
    ax = cr.Network(2, [cr.Dense(1)], seed=0).plot()
    assert not [patch for patch in ax.patches if (patch.get_gid() or "").startswith("b")]
    assert "lines: weights" in words(ax)


def test_the_key_goes_from_the_most_negative_to_the_most_positive(net):
    largest = short(np.abs(net.parameters.vector).max())
    ax = net.plot()
    assert {f"−{largest}", largest, "lines: weights, rings: biases"} <= set(words(ax))
    assert lines(ax, "key").get_linewidths()[-1] == max(
        lines(ax, gid).get_linewidths()[-1] for gid in ("W1", "W2", "key")
    )


def test_a_network_of_zeros_needs_no_key(net):
    net.parameters.vector[...] = 0
    assert [lines.get_gid() for lines in net.plot().collections] == ["W1", "W2"]


def test_a_masked_layer_may_have_no_line_at_all():
    ax = varied(2, cr.Dense(1, mask=[[0], [0]])).plot()
    assert [lines.get_gid() for lines in ax.collections] == ["key"]


# -------------------------------------------------------------------------------- numbers and names
def test_weights_and_biases_are_written_on_a_small_network(net):
    shown = words(net.plot())
    for value in np.concatenate([net.parameters["W1"].ravel(), net.parameters["W2"].ravel()]):
        assert short(value) in shown
    for value in [*net.parameters["b1"], *net.parameters["b2"]]:
        assert f"b {short(value)}" in shown


def test_a_number_stands_along_its_line(net):
    ax = net.plot()
    text = next(text for text in ax.texts if text.get_text() == short(net.parameters["W1"][0, 1]))
    segment = by_gid(ax.patches, "a1[1]").center - np.array(by_gid(ax.patches, "a0[0]").center)
    assert text.get_rotation() % 360 == pytest.approx(np.degrees(np.arctan2(*segment[::-1])) % 360)


def test_a_large_network_has_no_numbers_on_its_lines():
    names = {f"${letter}_{{{j}}}$" for letter in "xy" for j in range(4)}
    key = words(varied(4, cr.Dense(4)).plot())[-3:]
    assert set(words(varied(4, cr.Dense(4)).plot())) == {*names, "input", "layer 1", "identity", *key}


def test_a_shared_bias_is_written_once():
    net = varied(2, cr.Dense(3, bias="shared"))
    net.parameters["b1"] = 0.123
    assert [word for word in words(net.plot()) if "0.123" in word] == ["shared bias 0.123"]


def test_the_values_in_the_units_are_those_of_the_trace(net):
    ax, trace = net.plot(ROW), net.trace(ROW)
    for l, name in enumerate(("x", "a1", "y")):
        for j, value in enumerate(trace[name][0]):
            centre = by_gid(ax.patches, f"a{l}[{j}]").center
            assert [text.get_text() for text in ax.texts if text.get_position() == centre] == [short(value)]


def test_of_several_rows_the_first_is_shown(net):
    assert words(net.plot([ROW, [5.0, 5.0]])) == words(net.plot(ROW))


def test_a_unit_is_filled_the_deeper_the_larger_its_value(net):
    ax = varied(4, cr.Dense(1)).plot([0.0, 0.1, 0.9, -0.9])
    fills = [by_gid(ax.patches, f"a0[{j}]").get_facecolor() for j in range(4)]
    assert fills[0][:3] == (1, 1, 1)
    assert sum(fills[1]) > sum(fills[2])
    assert fills[2][2] > fills[2][0]
    assert fills[3][0] > fills[3][2]


def test_without_a_row_units_are_named_and_white(net):
    ax = net.plot()
    assert {"$x_{0}$", "$x_{1}$", "$a_{0}$", "$a_{1}$", "$y_{0}$"} <= set(words(ax))
    assert by_gid(ax.patches, "a1[0]").get_facecolor()[:3] == (1, 1, 1)


def test_inputs_and_outputs_are_named_beside_their_values(net):
    shown = words(net.plot(ROW))
    assert {"$x_{0}$", "$x_{1}$", "$y_{0}$"} <= set(shown)
    assert "$a_{0}$" not in shown


def test_layers_have_titles(net):
    assert {"input", "layer 1", "layer 2", "sigmoid"} <= set(words(net.plot()))


def test_rows_that_do_not_fit_are_refused_before_a_figure_is_made(net):
    with pytest.raises(cr.InputError, match="x has no rows"):
        net.plot(np.empty((0, 2)))
    with pytest.raises(cr.InputError, match=r"x must have shape \(N, 2\)"):
        plot_network(net.model, [1.0, 2.0, 3.0])
    assert not plt.get_fignums()


# -------------------------------------------------------------------------------- how it looks
def corners(text, renderer):
    """The four corners of a text as it lies on the picture."""
    angle, text_box = text.get_rotation(), text.get_window_extent(renderer)
    middle = ((text_box.x0 + text_box.x1) / 2, (text_box.y0 + text_box.y1) / 2)
    text.set_rotation(0)
    box = text.get_window_extent(renderer)
    text.set_rotation(angle)
    flat = box.corners() - [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2]
    return Affine2D().rotate_deg(angle).transform(flat) + middle


def overlap(one, other):
    """Whether two rectangles overlap: no side of either separates them."""
    for box in (one, other):
        for side in (box[1] - box[0], box[2] - box[0]):
            a, b = one @ side, other @ side
            if a.max() <= b.min() or b.max() <= a.min():
                return False
    return True


@pytest.mark.parametrize(
    ("inputs", "layers"),
    [
        (2, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")]),
        (3, [cr.Dense(4, "tanh")]),
        (4, [cr.Dense(3, bias="shared")]),
        (6, [cr.Dense(2)]),
        (2, [cr.Dense(6)]),
        (12, [cr.Dense(1, "relu")]),
        (1, [cr.Dense(6), cr.Dense(1)]),
        (3, [cr.Dense(4, mask=MASK), cr.Dense(3, bias="shared"), cr.Dense(2, "softmax")]),
        (2, [cr.Dense(5), cr.LayerNorm("leaky_relu"), cr.Dropout(0.3), cr.BatchNorm("relu"), cr.Dense(13)]),
        (200, [cr.Dense(128), cr.LayerNorm("leaky_relu"), cr.Dense(10, "softmax", bias="shared")]),
    ],
)
def test_no_text_overlaps_another_or_leaves_the_picture(inputs, layers):
    net = varied(inputs, *layers, seed=1)
    for row in (None, np.random.default_rng(0).normal(size=inputs)):
        figure = net.plot(row).figure
        renderer = figure.canvas.get_renderer()
        boxes = [corners(text, renderer) for text in figure.axes[0].texts if text.get_text()]
        assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]
        everything = np.concatenate(boxes)
        assert (everything > 0).all()
        assert (everything < (figure.bbox.width, figure.bbox.height)).all()


def test_values_fit_in_their_circles():
    figure = varied(5, cr.Dense(1)).plot([-0.0012, -0.123, -1.2e-5, -4.5e-300, 77777]).figure
    (ax,) = figure.axes
    for j in range(5):
        circle = by_gid(ax.patches, f"a0[{j}]")
        (text,) = [text for text in ax.texts if text.get_position() == circle.center]
        assert text.get_window_extent().width < circle.get_window_extent().width


def test_circles_are_round_and_the_frame_is_gone(net):
    ax = net.plot()
    ax.figure.canvas.draw()
    circle = by_gid(ax.patches, "a0[0]").get_window_extent()
    assert circle.width == pytest.approx(circle.height)
    assert not ax.axison


def test_a_style_in_force_does_not_darken_the_picture(net):
    with plt.style.context("dark_background"):
        assert net.plot().figure.get_facecolor() == (1, 1, 1, 1)


def test_every_format_can_print_it(net, tmp_path):
    figure = net.plot(ROW).figure
    for ending in ("png", "svg", "pdf", "eps"):
        figure.savefig(tmp_path / f"net.{ending}")
        assert (tmp_path / f"net.{ending}").stat().st_size > 1000


def test_a_network_that_has_gone_wrong_is_drawn_too(net, tmp_path):
    net.parameters["W1"][0] = [np.nan, -np.inf]
    ax = net.plot(ROW)
    ax.figure.savefig(tmp_path / "wrong.png")
    assert {"nan", "−inf"} <= set(words(ax))
    assert np.isfinite(lines(ax, "W1").get_linewidths()).all()


def test_a_large_network_is_no_more_work_to_draw_than_the_units_shown():
    def size(*units):
        ax = cr.Network(units[0], [cr.Dense(count) for count in units[1:]], seed=0).plot()
        return len(ax.patches), len(ax.texts), [len(lines.get_segments()) for lines in ax.collections]

    assert size(784, 128, 10) == size(13, 13, 10)


# -------------------------------------------------------------------------------- axes and the rest of the library
def test_given_axes_are_drawn_on_and_no_figure_is_made(net):
    figure = Figure(figsize=(3, 2))
    ax, other = figure.subplots(1, 2)
    assert net.plot(ROW, ax=ax) is ax
    assert not plt.get_fignums()
    assert not other.texts
    figure.canvas.draw()


def test_text_shrinks_with_the_axes_given(net):
    def size(width):
        return net.plot(ax=Figure(figsize=(width, width)).subplots()).texts[0].get_fontsize()

    assert size(8) == pytest.approx(2 * size(4))


def test_a_figure_of_its_own_is_made_by_pyplot_and_the_backend_stays(net):
    before = mpl.get_backend()
    ax = net.plot()
    assert plt.figure(plt.get_fignums()[-1]) is ax.figure
    assert mpl.get_backend() == before


def test_drawing_changes_nothing_of_the_network(net):
    before, state = net.parameters.vector.copy(), dict(mpl.rcParams)
    net.plot(ROW)
    assert (net.parameters.vector == before).all()
    assert dict(mpl.rcParams) == state


def test_the_library_does_without_matplotlib_until_something_is_drawn():
    environment = {**os.environ, "PYTHONPATH": str(Path(cr.__file__).parents[1])}
    code = "import sys, chainrule; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0

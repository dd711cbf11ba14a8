"""A straight line learnt by one hidden layer: without bias, with bias, with ReLU, with parts of one's own.

    z1 = x W1 + b1,  a1 = phi1(z1),  z2 = a1 W2 + b2,  y = phi2(z2),  E = mean over rows of sum over outputs (t - y)^2

Each layer here has a single bias for all its units, ``bias="shared"``; with one unit a layer nobody can tell.

What to see: a loss that stands still need not have arrived. The first run, and those with ReLU, hop to and fro between
two points for ever, because the learning rate is a little too large for the valley they are in; printing every
hundredth loss hides it, the last two losses show it. The second run hops as well, but each time a little less.
"""

from typing import Literal

import numpy as np

import chainrule as cr
from chainrule.core.activations import ElementwiseActivation

X = np.arange(10.0)[:, None]

RAMP = ElementwiseActivation(
    "ramp",
    "Max(0, z)",
    "made here, to show how an activation of one's own is declared",
    derivative_formula="Piecewise((1, z > 0), (0, True))",
    second_derivative_formula="0",
    phi=lambda z: np.maximum(0, z),
    phi_prime=lambda z: (z > 0).astype(z.dtype),
    phi_second=np.zeros_like,
    kinks=(0.0,),
)


def two_layers(
    hidden: int = 1,
    outputs: int = 1,
    activations: tuple[str | cr.Activation, str | cr.Activation] = ("identity", "identity"),
    bias: Literal["shared"] | None = "shared",
    scale: float = 1.0,
) -> cr.Network:
    """One input, a hidden layer, an output layer, drawn as after ``np.random.seed(42)``: W1, b1, W2, b2 in this order.

    The weights are multiplied by ``scale``. (NumPy's old generator: the library's own ``seed=`` uses the present one.)
    """
    layers = [cr.Dense(units, phi, bias=bias) for units, phi in zip((hidden, outputs), activations, strict=True)]
    net = cr.Network(1, layers, loss="squared_error", seed=0)
    rng = np.random.RandomState(42)
    for name, value in net.parameters.items():
        net.parameters[name] = rng.random_sample(value.shape) * (scale if name.startswith("W") else 1.0)
    return net


def fit(net: cr.Network, t: np.ndarray, epochs: int, learning_rate: float = 0.01) -> cr.History:
    """All rows at every step; the plain NumPy engine, so that the arithmetic is the one on paper."""
    return net.fit(X, t, epochs=epochs, optimizer=cr.SGD(learning_rate), engine="reference")


def fit_row_after_row(net: cr.Network, t: np.ndarray, epochs: int, learning_rate: float = 0.01) -> None:
    """The same descent spelled out from the trace: dW is a1' delta2, here added up from the first row to the last.

    ``fit`` leaves this sum to the matrix product, and that to the processor, which may add in another order and round
    less often. After a thousand steps the two differ in the last digits of sixteen; those of this one are portable.
    """
    for _ in range(epochs):
        trace = net.trace(X, t)
        gradients = {
            "W1": _sum_over_rows(trace["x"], trace["delta1"]),
            "b1": trace["db1"],
            "W2": _sum_over_rows(trace["a1"], trace["delta2"]),
            "b2": trace["db2"],
        }
        for name, gradient in gradients.items():
            net.parameters[name] -= learning_rate * gradient


def _sum_over_rows(a: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """``sum_n a[n, i] delta[n, j]``; a cumulative sum is bound to add one row after the other."""
    return np.cumsum(a[:, :, None] * delta[:, None, :], axis=0)[-1]


def show(title: str, net: cr.Network, t: np.ndarray, epochs: int) -> None:
    """Fit, and print losses, parameters and predictions."""
    print(f"\n=== {title}")
    twin = net.copy()
    history = fit(net, t, epochs)
    for epoch in range(0, epochs, 100):
        print(f"epoch {epoch:4}  loss {history.loss[epoch]:.4f}")
    print(f"the last two losses: {history.loss[-2]:.4f}, {history.loss[-1]:.4f}")
    print("W1", net.parameters["W1"], " W2", net.parameters["W2"])
    if "b1" in net.parameters:
        fit_row_after_row(twin, t, epochs)
        for name in ("b1", "b2"):
            print(f"{name} {float(twin.parameters[name])}  (by fit: {float(net.parameters[name])})")
    print(f"predictions\n{net.forward(X)}")
    print(f"targets\n{t.astype(int)}")


def show_several_outputs() -> None:
    """Three hidden units, two outputs: what changes when a layer has more than one unit."""
    print("\n=== Three hidden units, two outputs: 2x + 3 and x + 1")
    t = np.hstack([2 * X + 3, X + 1])
    net = two_layers(3, 2, ("relu", "relu"))
    by_elements = cr.Network(1, net.layers, loss="mean_squared_error", seed=0)
    by_elements.set_parameters(net.parameters)

    # The mean over all elements is the loss that people print, here half of E. Differentiating it divides by rows and
    # outputs; the notebook divides by rows alone. Its gradient is that of E, of squared_error: twice as long.
    ratio = net.gradients(X, t)["W1"] / by_elements.gradients(X, t)["W1"]
    print(f"mean over elements {by_elements.loss(X, t):.4f}, E {net.loss(X, t):.4f}, ratio of gradients {ratio[0]}")

    history = fit(net, t, 3000, learning_rate=0.001)
    print(f"mean over elements: {history.loss[0] / 2:.4f} at first, {net.loss(X, t) / 2:.6f} after 3000 epochs")
    print(f"W1 {net.parameters['W1']}  b1, one for three units: {float(net.parameters['b1']):.8f}")


def main() -> None:
    # The product W1 W2 should be 2, and the valley around it curves too much for a learning rate of 0.01.
    show("y = 2x, no bias", two_layers(bias=None, scale=0.01), 2 * X, 1000)

    slower = two_layers(bias=None, scale=0.01)
    history = fit(slower, 2 * X, 1000, learning_rate=0.008)
    print(f"with a learning rate of 0.008 the loss is {history.loss[-1]:.1e} in the end")

    show("y = 2x + 3, with bias", two_layers(scale=0.01), 2 * X + 3, 1000)
    show("y = 2x + 3, with ReLU", two_layers(activations=("relu", "relu")), 2 * X + 3, 3000)
    show("The same with an activation made here", two_layers(activations=(RAMP, RAMP)), 2 * X + 3, 3000)
    show_several_outputs()


if __name__ == "__main__":
    main()

"""The chain rule on one ReLU neuron: the factors of a derivative by name, then twenty steps made with them by hand.

    e = (t - a)^2,  a = max(0, z),  z = x . w + b

    de/dw = de/da  da/dz  dz/dw = 2 (a - t)  [z > 0]  x

The loss falls from 36 by the factor (1 - 2 eta (x . x + 1))^2 = 0.97^2 each step: steadily, and slowly.
"""

from fractions import Fraction

import numpy as np

import chainrule as cr

X = [1.0, -2.0, 3.0]
TARGET = 0.0
LEARNING_RATE = 0.001


def fused_dot(x: list[float], w: list[float]) -> float:
    """``x . w`` from left to right, each product added before it is rounded: a fused multiply-add, on any machine.

    The learner's notebook ran on a processor that adds so, and some of its seventeen digits depend on it. Fractions
    are exact; ``float`` rounds once.
    """
    total = 0.0
    for a, b in zip(x, w, strict=True):
        total = float(Fraction(total) + Fraction(a) * Fraction(b))
    return total


def step_by_hand(w: list[float], b: float) -> tuple[list[float], float, float]:
    """The chain's factors multiplied out: weights and bias after one step, and the loss before it."""
    z = fused_dot(X, w) + b
    a = max(0.0, z)
    de_da = 2 * (a - TARGET)
    da_dz = 1.0 if z > 0 else 0.0
    delta = de_da * da_dz
    w = [weight - LEARNING_RATE * (delta * x) for weight, x in zip(w, X, strict=True)]  # dz/dw = x
    b = b - LEARNING_RATE * delta  # dz/db = 1
    return w, b, (TARGET - a) ** 2


def main() -> None:
    # Whole numbers are welcome: the neuron keeps floats of its own. NumPy's array of them would not do: subtracting a
    # small step in place from integers is refused, which is why the notebook writes -3.0 and not -3.
    whole = np.array([-3, -1, 2])
    neuron = cr.Neuron(whole, bias=1, activation="relu")
    print("given:", type(whole[0]), " kept:", type(neuron.weights[0]))

    print("\nOne pass before any step: da1 = de/da and delta1 = de/dz, and with the input as last factor dW1 = de/dw")
    print(neuron.trace(X, TARGET))

    print("\nTwenty steps by hand")
    w, b = neuron.weights.tolist(), 1.0
    apart = 0.0
    for step in range(1, 21):
        w, b, loss = step_by_hand(w, b)
        apart = max(apart, abs(neuron.step(X, TARGET, LEARNING_RATE) - loss))
        print(f"step {step:2}  loss {loss}")
    print("weights", np.array(w))
    print("bias", b)

    print("\nThe same steps by the library")
    print("weights", neuron.weights)
    print("bias", neuron.bias)
    print(f"its losses differ from those above by at most {apart:.1e}")


if __name__ == "__main__":
    main()

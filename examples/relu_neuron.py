"""One ReLU neuron learns to say 0: a hundred steps of gradient descent on a single row.

    z = x . w + b        a = max(0, z)        e = (t - a)^2
    de/dw = 2 (a - t) [z > 0] x               de/db = 2 (a - t) [z > 0]

Each step multiplies a - t by 1 - 2 eta (x . x + 1) = 1 - 0.3 = 0.7, so the loss shrinks by 0.49: after a hundred steps
nothing is left but rounding. The last digits of the later lines *are* that rounding; see ``ORDER``.
"""

import numpy as np

import chainrule as cr

X = np.array([1.0, -2.0, 3.0])
TARGET = 0.0

ORDER = [2, 0, 1]
"""Third input first. To mathematics the order in which the products x[i] w[i] are added is all the same; to float64 it
is not: near the end the output is a difference, 1e-13 and less, of numbers of size 1, each kept to 1e-16. The digits in
the learner's notebook are those of the first product added to the third, then the second, as processors do that add in
two lanes. One that adds from left to right, as most do with three numbers, makes the same sums in this order."""


def drawn_neuron(random_state: int) -> cr.Neuron:
    """Weights and bias from NumPy's old generator, the stream of ``np.random.seed(random_state)`` and ``randn``.

    The library's own ``seed=`` uses NumPy's present generator, which draws other numbers from the same seed.
    """
    rng = np.random.RandomState(random_state)
    weights, bias = rng.randn(3), rng.randn(1)
    return cr.Neuron(weights, bias=bias[0], activation="relu")


def reordered(neuron: cr.Neuron, order: list[int]) -> cr.Neuron:
    """The same neuron with its inputs plugged in in another order."""
    return cr.Neuron(neuron.weights[order], bias=neuron.bias, activation=neuron.activation)


def descend(neuron: cr.Neuron, x: np.ndarray, steps: int = 100, learning_rate: float = 0.01) -> list[str]:
    """Train in place; every tenth step as a line of text, output and loss taken before the step."""
    lines = []
    for step in range(steps):
        output = neuron(x)
        loss = neuron.step(x, TARGET, learning_rate)
        if step % 10 == 0:
            lines.append(f"step {step:2}  loss {np.array([loss])}  output {np.array([output])}")
    return lines


def main() -> None:
    neuron = drawn_neuron(1024)
    print("Random state 1024 gives the start")
    print("weights", neuron.weights, " bias", np.array([neuron.bias]))

    swapped = reordered(neuron, ORDER)
    print("\nThird input first: the notebook's digits, on a processor that adds from left to right")
    print(*descend(swapped, X[ORDER]), sep="\n")

    print("\nInputs in their own order: the same run, but for the last digits of steps 50 to 80")
    print(*descend(neuron, X), sep="\n")

    # The notebook ends with parameters that no cell above them leads to. That cell is number 42, the training cells
    # are 43 and 44: it was run *before* them, on an earlier neuron. Its numbers are those of random state 42, which
    # the notebook's class takes when none is given. Numbers of cells, not their places, tell what ran when.
    earlier = drawn_neuron(42)
    descend(earlier, X)
    print("\nRandom state 42, after its own hundred steps:")
    print("weights", earlier.weights, " bias", np.array([earlier.bias]))


if __name__ == "__main__":
    main()

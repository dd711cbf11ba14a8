"""How each library predicts by the 784-128-10 network: NumPy rows in, NumPy probabilities out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from records import Array, Task

CHUNK = 4000
"""Rows at a time for libraries that would otherwise write all rows' hidden units to memory: it was found quicker."""


@dataclass(frozen=True)
class Predictor:
    """One library's prediction.

    Attributes:
        one: of a single row (inputs,).
        many: of what ``hold`` made of the rows (rows, inputs).
        hold: gives the rows to the library beforehand, without a copy where it can; not timed.
        plain: of a single row by the library's everyday method, where ``one`` is a quicker one.
        inside: seconds that a row takes the compiled code by itself, without the way there from Python.
    """

    one: Callable[[Array], Array]
    many: Callable[[Any], Array]
    hold: Callable[[Array], Any] = lambda x: x
    plain: Callable[[Array], Array] | None = None
    inside: Callable[[Array], float] | None = None


def predictor_of(name: str, task: Task) -> Predictor:
    """By the contestant's name; imports its library."""
    makers = {"chainrule": ours, "torch": by_torch, "jax": by_jax, "scikit-learn": by_scikit_learn, "numpy": by_numpy}
    return makers[name](task)


def in_chunks(predict: Callable[[Array], Array], x: Array, outputs: int) -> Array:
    """Chunk by chunk into one array."""
    y = np.empty((len(x), outputs), np.float32)
    for start in range(0, len(x), CHUNK):
        y[start : start + CHUNK] = predict(x[start : start + CHUNK])
    return y


def ours(task: Task) -> Predictor:
    """A compiled ``predictor`` for single rows, ``predict`` for many."""
    from contestants.ours import Fit

    fit = Fit(task, "compiled")
    fit.begin(1)
    net, threads = fit.net, task.threads
    return Predictor(
        one=net.predictor(),
        many=lambda x: net.predict(x, engine="compiled", threads=threads),
        plain=net.predict,
        inside=lambda x: seconds_inside(net, x),
    )


def seconds_inside(net: Any, x: Array, calls: int = 1000) -> float:
    """Our seconds a row: the predictor's machine code called again and again on the row it has already been given."""
    predictor = net.predictor()
    y = predictor(x[0])  # kept, as the code writes into it
    drive, first = predictor.drive, predictor.jobs[0].ctypes.data
    taken = []
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(calls):
            drive(first)
        taken.append((time.perf_counter() - started) / calls)
    del y
    return median(taken)


def by_torch(task: Task) -> Predictor:
    """Functions in inference mode."""
    import torch

    torch.set_num_threads(task.threads)
    torch.set_grad_enabled(False)
    W1, b1, W2, b2 = map(torch.from_numpy, task.parameters)

    @torch.inference_mode()
    def predict(x: Array) -> Array:
        a1 = torch.relu_(torch.addmm(b1, torch.from_numpy(x), W1))
        return torch.softmax(torch.addmm(b2, a1, W2), dim=1).numpy()

    return Predictor(lambda row: predict(row[None])[0], lambda x: in_chunks(predict, x, len(b2)))


def by_jax(task: Task) -> Predictor:
    """A jitted function; of many rows a jitted loop over chunks of them."""
    import jax
    from jax import numpy as jnp

    W1, b1, W2, b2 = map(jax.device_put, task.parameters)

    def forward(x: Any) -> Any:
        return jax.nn.softmax(jnp.maximum(x @ W1 + b1, 0) @ W2 + b2)

    def loop(x: Any) -> Any:
        return jax.lax.map(forward, x.reshape(-1, CHUNK, x.shape[1])).reshape(len(x), -1)

    one, many = jax.jit(forward), jax.jit(loop)
    return Predictor(lambda row: np.asarray(one(row)), lambda x: np.asarray(many(x)), jax.device_put)


def by_scikit_learn(task: Task) -> Predictor:
    """``predict_proba``, with its checks."""
    from contestants.scikit_learn import Estimator

    estimator = Estimator(task)
    estimator.begin(1)
    predict = estimator.model.predict_proba
    return Predictor(lambda row: predict(row[None])[0], predict)


def by_numpy(task: Task) -> Predictor:
    """Written by hand, in place."""
    W1, b1, W2, b2 = task.parameters

    def predict(x: Array) -> Array:
        a1 = x @ W1
        a1 += b1
        z = np.maximum(a1, 0, out=a1) @ W2
        z += b2
        z -= z.max(axis=-1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=-1, keepdims=True)
        return z

    return Predictor(predict, lambda x: in_chunks(predict, x, len(b2)))

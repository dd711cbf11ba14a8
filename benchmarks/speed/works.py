"""The training runs that are raced, a record each, and what the project promises of them."""

from dataclasses import replace

from records import Goal, Work

CROSS_ENTROPY = "categorical_cross_entropy_from_logits"
TRAINING = ("chainrule", "torch", "torch-nn", "torch-compile", "jax", "scikit-learn", "numpy", "c")
KINKS = 1e-2
"""Of networks with ReLU, how far results may be apart: a few net inputs of millions come so near to 0 that they fall on
one side of the kink or the other by rounding, and then one unit's weights go another way (JAX on ``digits``: 0.002)."""

EVERYONE = (*TRAINING, "mkl", "openblas", "floor")

WORKS = (
    Work(
        name="small",
        title="2-2-1 sigmoid, squared error, SGD row by row, float64",
        sizes=(2, 2, 1),
        hidden="sigmoid",
        output="sigmoid",
        loss="squared_error",
        optimizer="sgd",
        learning_rate=0.1,
        dtype="float64",
        rows=4,
        batch=1,
        epochs=1000,
        check_epochs=1000,
        unit="step",
        threads=(1,),
        tolerance=1e-9,
        contestants=("chainrule", "chainrule-long", "torch", "torch-nn", "torch-compile", "jax", "numpy", "c"),
        scaled={"chainrule-long": 100_000, "torch": 250, "torch-nn": 250, "torch-compile": 250},
        goals=(
            Goal("c", at_most=1.5),
            Goal("c", at_most=1.5, measured="chainrule-long"),
            Goal("jax", at_least=1),
            Goal("torch", at_least=3000),
        ),
    ),
    Work(
        name="regression",
        title="4-32-16-4 tanh, half squared error, full batch of 10,000, Adam, float32",
        sizes=(4, 32, 16, 4),
        hidden="tanh",
        output="identity",
        loss="half_squared_error",
        optimizer="adam",
        learning_rate=0.001,
        dtype="float32",
        rows=10_000,
        batch=10_000,
        epochs=200,
        check_epochs=200,
        unit="epoch",
        threads=(1, 2),
        tolerance=1e-3,
        contestants=(*TRAINING, "floor"),
        goals=(Goal("torch", at_least=5), Goal("jax", at_least=5)),
    ),
    Work(
        name="digits",
        title="784-128-10 ReLU, softmax, batches of 64, SGD, float32",
        sizes=(784, 128, 10),
        hidden="relu",
        output="softmax",
        loss=CROSS_ENTROPY,
        optimizer="sgd",
        learning_rate=0.02,
        dtype="float32",
        rows=9984,
        batch=64,
        epochs=2,
        check_epochs=2,
        unit="step",
        threads=(1, 2),
        tolerance=KINKS,
        contestants=EVERYONE,
        goals=(
            Goal("torch", at_least=5),
            Goal("jax", at_least=1.8),
            Goal("scikit-learn", at_least=6),
            Goal("mkl", at_most=1.25),
        ),
    ),
    Work(
        name="wide",
        title="784-512-256-10 ReLU, softmax, batches of 128, SGD, float32",
        sizes=(784, 512, 256, 10),
        hidden="relu",
        output="softmax",
        loss=CROSS_ENTROPY,
        optimizer="sgd",
        learning_rate=0.02,
        dtype="float32",
        rows=9984,
        batch=128,
        epochs=1,
        check_epochs=1,
        unit="step",
        threads=(1, 2),
        tolerance=KINKS,
        contestants=EVERYONE,
        goals=(
            Goal("torch", at_least=2),
            Goal("jax", at_least=2),
            Goal("scikit-learn", at_least=2),
            Goal("mkl", at_most=1.3),
        ),
    ),
    Work(
        name="narrow",
        title="16-64-64-3 ReLU, softmax, batches of 32, Adam, float32",
        sizes=(16, 64, 64, 3),
        hidden="relu",
        output="softmax",
        loss=CROSS_ENTROPY,
        optimizer="adam",
        learning_rate=0.001,
        dtype="float32",
        rows=3200,
        batch=32,
        epochs=10,
        check_epochs=2,
        unit="step",
        threads=(1,),
        tolerance=KINKS,
        contestants=EVERYONE,
        scaled={"torch": 4, "torch-nn": 4, "torch-compile": 4, "scikit-learn": 4},
        goals=(Goal("torch", at_least=10), Goal("jax", at_least=2)),
    ),
    Work(
        name="copies",
        title="1000 copies of the 2-2-1 network, 4000 steps row by row, float64",
        sizes=(2, 2, 1),
        hidden="sigmoid",
        output="sigmoid",
        loss="squared_error",
        optimizer="sgd",
        learning_rate=0.1,
        dtype="float64",
        rows=4,
        batch=1,
        epochs=1000,
        check_epochs=250,
        unit="network-step",
        threads=(1, 2),
        tolerance=1e-9,
        copies=1000,
        contestants=("chainrule", "chainrule-given", "jax", "jax-devices", "torch", "numpy", "c"),
        scaled={"torch": 100},
        goals=(
            Goal("jax", at_least=3, threads=(2,)),
            Goal("jax", at_least=3, threads=(2,), measured="chainrule-given"),
            Goal("jax-devices", at_least=3, threads=(2,), measured="chainrule-given"),
        ),
    ),
)

BY_NAME = {work.name: work for work in WORKS}

STARTS = (
    replace(BY_NAME["small"], name="start small"),
    replace(BY_NAME["digits"], name="start digits", epochs=50),
)
"""What is timed as whole processes."""

LADDER = replace(
    BY_NAME["digits"],
    name="ladder",
    title="64-128-10",
    sizes=(64, 128, 10),
    rows=4096,
    epochs=8,
    contestants=("chainrule",),
)
"""The network that is made larger in one way at a time to see how our time grows."""


def ladder(line: str, size: int) -> Work:
    """A rung: the network with so many rows, hidden units, hidden layers, or rows in a batch."""
    name = f"ladder {line} {size}"
    if line == "rows":
        return replace(LADDER, name=name, rows=size)
    if line == "units":
        return replace(LADDER, name=name, sizes=(64, size, 10))
    if line == "layers":
        return replace(LADDER, name=name, sizes=(128, *(128,) * size, 10), rows=2048)
    return replace(LADDER, name=name, rows=max(2048, 2 * size), batch=size)


def find(name: str) -> Work:
    """The work of that name: one of the table, a quick one, a start, or a rung of the ladder."""
    kind, _, rest = name.partition(" ")
    if kind == "ladder":
        line, size = rest.split()
        return ladder(line, int(size))
    if kind == "quick":
        return quick(BY_NAME[rest])
    return next(work for work in (*WORKS, *STARTS) if work.name == name)


QUICK_EPOCHS = {"small": 50, "copies": 10, "regression": 5}


def quick(work: Work) -> Work:
    """The same work with few rows and epochs, and without what takes long to start: for trying the suite out."""
    epochs = QUICK_EPOCHS.get(work.name, 1)
    return replace(
        work,
        name=f"quick {work.name}",
        rows=work.rows if work.batch in (1, work.rows) else 4 * work.batch,
        epochs=epochs,
        check_epochs=epochs,
        contestants=tuple(name for name in work.contestants if name not in ("torch-compile", "chainrule-long")),
        scaled={},
        copies=min(work.copies, 8),
    )

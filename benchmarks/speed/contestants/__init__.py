"""Who takes part: a module each, whose ``trainer`` makes a ``records.Trainer`` of a task."""

from dataclasses import dataclass
from importlib import import_module

from records import Task, Trainer


@dataclass(frozen=True)
class Contestant:
    """How a contestant is called, where it is, and what it is told.

    Attributes:
        label: what the tables call it.
        module: of this folder.
        needs: the package that must be installed, or ``"cc"``; empty if it is always there.
        options: of the module's ``trainer``.
        threads: the thread counts it can use; any if empty.
    """

    label: str
    module: str
    needs: str = ""
    options: dict[str, str] | None = None
    threads: tuple[int, ...] = ()


CONTESTANTS = {
    "chainrule": Contestant("chainrule", "ours"),
    "chainrule-long": Contestant("chainrule, 400,000 steps", "ours"),
    "chainrule-given": Contestant("chainrule, first parameters given", "ours", options={"given": "yes"}),
    "chainrule-auto": Contestant("chainrule", "ours", options={"engine": "auto"}),
    "reference": Contestant("chainrule's reference engine", "ours", options={"engine": "reference"}),
    "torch": Contestant("torch eager, at its best", "torch_eager", "torch"),
    "torch-nn": Contestant("torch eager, nn and optim", "torch_modules", "torch"),
    "torch-compile": Contestant("torch.compile", "torch_compiled", "torch"),
    "jax": Contestant("JAX, one jitted scan", "jax_scan", "jax"),
    "jax-devices": Contestant("JAX, copies over 2 devices", "jax_scan", "jax", {"devices": "threads"}, threads=(2,)),
    "scikit-learn": Contestant("scikit-learn", "scikit_learn", "sklearn"),
    "numpy": Contestant("NumPy loop", "numpy_loop"),
    "c": Contestant("C, plain loops", "c_program", "cc", threads=(1,)),
    "floor": Contestant("the processor's multiply-adds alone", "floor", "cc"),
    "mkl": Contestant("MKL, matrix products alone", "products", "torch", {"library": "mkl"}),
    "openblas": Contestant("OpenBLAS, matrix products alone", "products", options={"library": "openblas"}),
}


def trainer_of(name: str, task: Task) -> Trainer:
    """The contestant's run of a task; imports its libraries."""
    contestant = CONTESTANTS[name]
    module = import_module(f"contestants.{contestant.module}")
    return module.trainer(task, **(contestant.options or {}))

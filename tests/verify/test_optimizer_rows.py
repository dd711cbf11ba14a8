"""check_optimizer: each claim can fail."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from chainrule.optimizers import SGD, Optimizer
from chainrule.verify.optimizer_rows import check_optimizer


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Right, so that each spoiled one differs from it by what it is named for."""

    learning_rate: float = 0.1
    momentum: float = 0.9
    equations: ClassVar = ("velocity = momentum*velocity + g", "update = eta*velocity")

    def start(self, size, dtype, learning_rate):
        return {"velocity": np.zeros(size, dtype)}

    def update(self, moments, g, eta, count):
        velocity = self.momentum * moments["velocity"] + g
        return eta * velocity, {"velocity": velocity}


class WrongSign(Momentum):
    def update(self, moments, g, eta, count):
        velocity = self.momentum * moments["velocity"] - g
        return eta * velocity, {"velocity": velocity}


class WrongMoment(Momentum):
    def update(self, moments, g, eta, count):
        update, moments = super().update(moments, g, eta, count)
        return update, {"velocity": moments["velocity"] * 2} if count == 12 else moments


class FixedRate(Momentum):
    def update(self, moments, g, eta, count):
        return super().update(moments, g, 0.1, count)


class UnknownName(Momentum):
    equations: ClassVar = ("velocity = mu*velocity + g", "update = eta*velocity")


class InPlace(Momentum):
    def update(self, moments, g, eta, count):
        velocity = moments["velocity"]
        velocity *= self.momentum
        velocity += g
        return eta * velocity, {"velocity": velocity.copy()}


class SpoilsGradients(Momentum):
    def update(self, moments, g, eta, count):
        g *= 2
        return super().update(moments, g, eta, count)


class Upcasts(Momentum):
    def update(self, moments, g, eta, count):
        update, moments = super().update(moments, g, eta, count)
        return update.astype(np.float64), moments


class Drifts(Momentum):
    equations: ClassVar = ("velocity = momentum*velocity + g", "update = eta*g/sqrt(g**2)")

    def update(self, moments, g, eta, count):
        velocity = self.momentum * moments["velocity"] + g
        return eta * g / np.sqrt(g**2), {"velocity": velocity}


class TakesAnything(Momentum):
    def __post_init__(self):
        pass


SPOILED = [
    ("equations", WrongSign()),
    ("equations", WrongMoment()),
    ("equations", FixedRate()),
    ("equations", UnknownName()),
    ("pure", InPlace()),
    ("pure", SpoilsGradients()),
    ("pure", Upcasts()),
    ("rest", Drifts()),
    ("settings", TakesAnything()),
]


@pytest.mark.filterwarnings("ignore:invalid value")  # Drifts divides 0 by 0
@pytest.mark.parametrize(("claim", "optimizer"), SPOILED, ids=[type(o).__name__ for _, o in SPOILED])
def test_a_spoiled_optimizer_is_refuted_by_the_claim_that_names_what_is_wrong(claim, optimizer):
    proof = check_optimizer(optimizer)
    assert claim in [failed.name for failed in proof.failed]


def test_a_right_one_passes():
    for optimizer in (Momentum(), SGD(0.1, momentum=0.9, nesterov=True)):
        proof = check_optimizer(optimizer)
        assert proof, proof


def test_the_update_and_parameter_are_told():
    proof = check_optimizer(WrongMoment())
    assert proof["equations"].where.startswith("velocity 12, parameter ")


def test_an_unknown_name_in_an_equation_is_told():
    assert "uses mu" in check_optimizer(UnknownName())["equations"].found

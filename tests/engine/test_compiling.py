"""Numbers too small to be held in full count as 0 inside compiled code, and only there."""

import re

import llvmlite.binding as llvm
import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.compiler.object_code import with_plain_convention

SMALLEST = {"float64": 5e-324, "float32": 1e-45}


def copying(dtype):
    """A network that gives back its input."""
    net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0, dtype=dtype)
    net.set_parameters({"W1": [[1.0]], "b1": [0.0]})
    return net


@pytest.mark.parametrize("dtype", SMALLEST)
def test_subnormal_numbers_count_as_0_in_compiled_code_and_nowhere_else(dtype):
    net, smallest = copying(dtype), np.array([[SMALLEST[dtype]]], dtype)
    assert net.predict(smallest) == smallest > 0
    assert net.predict(smallest, engine="compiled") == 0
    assert smallest * 1 > 0
    net.fit(smallest, smallest, epochs=2, engine="compiled", threads=2)
    assert smallest * 1 > 0


def test_vanishing_gradients_train_as_the_reference_does():
    """Thirty narrow layers of small weights: the first ones' gradients are subnormal or nothing."""
    rng = np.random.default_rng(0)
    x, found = rng.normal(size=(20, 2)), []
    for engine in ("reference", "compiled"):
        layers = [cr.Dense(3, "tanh", init=cr.initializer("normal", std=1e-13)) for _ in range(30)]
        net = cr.Network(2, [*layers, cr.Dense(1)], loss="squared_error", seed=0)
        net.fit(x, x[:, :1], epochs=5, optimizer="sgd", batch_size=5, engine=engine, seed=0)
        found.append(net.parameters.vector.copy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12, atol=1e-300)


SETTING = {
    "x86_64-unknown-linux-gnu": ["ldmxcsr", "ldmxcsr"],
    "x86_64-pc-windows-msvc": ["ldmxcsr", "ldmxcsr"],
    "aarch64-unknown-linux-gnu": ["msr\tFPCR", "msr\tFPCR"],
    "arm64-apple-macosx": ["msr\tFPCR", "msr\tFPCR"],
    "powerpc64le-unknown-linux-gnu": [],
}


@pytest.mark.parametrize("triple", SETTING)
def test_each_processor_is_told_in_its_own_way_and_set_back(triple):
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    inner = llvm.parse_assembly(
        f'target triple = "{triple}"\ndefine i32 @inner(ptr %0, ptr %1, ptr %2) {{\n ret i32 0\n}}'
    )
    text = with_plain_convention(inner, "inner", "outer", 1)
    machine = llvm.Target.from_triple(triple).create_target_machine()
    assembly = machine.emit_assembly(llvm.parse_assembly(text))
    assert re.findall(r"ldmxcsr|msr\tFPCR|mtfsf", assembly) == SETTING[triple]

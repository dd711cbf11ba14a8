"""From a Python function of addresses to machine code, by Numba and LLVM."""

import warnings
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import compiler, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

WORDS = types.CPointer(types.int64)
"""What every kernel's arguments are: addresses of 64-bit words."""


@global_compiler_lock
def object_code(function: Callable[..., None], symbol: str) -> bytes:
    """The object file of ``function``, whose arguments are all addresses of words, under the name ``symbol``.

    Numba's own calling convention hands back a status and takes two further places for results and exceptions; a
    wrapper around it has the plain one of C.
    """
    flags: Any = compiler.Flags()
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.error_model = "numpy"
    flags.nrt = False
    host: Any = cpu_target
    typing, target = host.typing_context, host.target_context
    typing.refresh()
    target.refresh()
    arguments = function.__code__.co_argcount
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = compiler.compile_extra(typing, target, function, (WORDS,) * arguments, types.void, flags, {})
    module = llvm.parse_assembly(made.library.get_llvm_str())
    module.link_in(llvm.parse_assembly(_wrapper(module, made.fndesc.llvm_func_name, symbol, arguments)))
    return target.codegen()._tm.emit_object(module)  # noqa: SLF001 - Numba's own target machine, for its options


def _wrapper(module: Any, name: str, symbol: str, arguments: int) -> str:
    """A module with ``int symbol(arguments)`` that calls Numba's function."""
    outer = ir.Module("wrapper")
    outer.triple, outer.data_layout = module.triple, module.data_layout
    word, byte = ir.IntType(64).as_pointer(), ir.IntType(8).as_pointer()
    inner_shape = ir.FunctionType(ir.IntType(32), [byte.as_pointer(), byte.as_pointer(), *[word] * arguments])
    inner = ir.Function(outer, inner_shape, name)
    function = ir.Function(outer, ir.FunctionType(ir.IntType(32), [word] * arguments), symbol)
    builder = ir.IRBuilder(function.append_basic_block())
    places = [builder.alloca(byte), builder.alloca(byte)]
    builder.ret(builder.call(inner, [*places, *function.args]))
    return str(outer)

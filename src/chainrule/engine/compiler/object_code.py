"""From a Python function of addresses to machine code, by Numba and LLVM."""

import re
import warnings
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import compiler, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.typed_passes import PreLowerStripPhis
from numba.core.untyped_passes import ReconstructSSA

WORDS = types.CPointer(types.int64)
"""What every kernel's arguments are: addresses of 64-bit words."""


class OneTypeEach(compiler.Compiler):
    """Numba's compiler for functions whose variables each keep one type, as those written out unit by unit do.

    Numba gives every assignment a name of its own first (static single assignment), which takes time by the square of
    a function's length. LLVM does it again anyway, and much faster.
    """

    def define_pipelines(self) -> list[Any]:
        """The usual passes but those two."""
        passes: Any = compiler.DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [one for one in passes.passes if one[0] not in (ReconstructSSA, PreLowerStripPhis)]
        passes.finalize()
        return [passes]


@global_compiler_lock
def object_code(
    function: Callable[..., None], symbol: str, pipeline: type[compiler.Compiler] = compiler.Compiler
) -> bytes:
    """The object file of ``function``, whose arguments are all addresses of words, under the name ``symbol``.

    Numba's own calling convention hands back a status and takes two further places for results and exceptions; a
    wrapper around it has the plain one of C. Around what Python calls, ``kernel(job)``, it also sets the processor to
    take numbers too small to be held in full, *subnormal* ones, for 0, and sets it back afterwards: they cost a hundred
    times a usual number's time, and nothing is learned from them. Where gradients vanish, they come by the thousand.
    """
    flags: Any = compiler.Flags()
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.error_model = "numpy"
    flags.nrt = False
    flags.no_compile = True  # the object file is all that is wanted: not compiled a second time for Numba's own use
    host: Any = cpu_target
    typing, target = host.typing_context, host.target_context
    typing.refresh()
    target.refresh()
    arguments = function.__code__.co_argcount
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kinds = (WORDS,) * arguments
        made = compiler.compile_extra(typing, target, function, kinds, types.void, flags, {}, None, pipeline)
    made.library.finalize()
    text = made.library.get_llvm_str()
    module = llvm.parse_assembly(_framed(text) if pipeline is OneTypeEach else text)
    module.link_in(llvm.parse_assembly(with_plain_convention(module, made.fndesc.llvm_func_name, symbol, arguments)))
    return target.codegen()._tm.emit_object(module)  # noqa: SLF001 - Numba's own target machine, for its options


def _framed(text: str) -> str:
    """Functions with a frame pointer: only then LLVM aligns the stack for vectors that find no register."""
    return re.sub(r"^(define .*)\{$", r'\1"frame-pointer"="all" {', text, flags=re.MULTILINE)


def with_plain_convention(module: Any, name: str, symbol: str, arguments: int) -> str:
    """A module with ``int symbol(arguments)`` that calls Numba's function."""
    outer = ir.Module("wrapper")
    outer.triple, outer.data_layout = module.triple, module.data_layout
    word, byte = ir.IntType(64).as_pointer(), ir.IntType(8).as_pointer()
    inner_shape = ir.FunctionType(ir.IntType(32), [byte.as_pointer(), byte.as_pointer(), *[word] * arguments])
    inner = ir.Function(outer, inner_shape, name)
    function = ir.Function(outer, ir.FunctionType(ir.IntType(32), [word] * arguments), symbol)
    builder = ir.IRBuilder(function.append_basic_block())
    places = [builder.alloca(byte), builder.alloca(byte)]
    called_by_python = arguments == 1  # kernel(job); a driver calls kernel(op, now)
    restore = _flush_subnormals(builder, outer.triple) if called_by_python else _nothing_to_restore
    done = builder.call(inner, [*places, *function.args])
    restore()
    builder.ret(done)
    return str(outer)


def _nothing_to_restore() -> None:
    """For processors that are left as they are."""


def _flush_subnormals(builder: Any, triple: str) -> Callable[[], None]:
    """Have this thread take subnormal numbers for 0; what is given back emits the restoring of how it was.

    References: Intel 64 and IA-32 architectures software developer's manual, volume 1, section 11.6 (MXCSR: flush to
    zero is bit 15, denormals are zeros bit 6); Arm architecture reference manual, FPCR (FZ is bit 24).
    """
    builder.comment("subnormal numbers count as 0 until this returns")
    processor = triple.partition("-")[0]
    if processor in ("x86_64", "amd64"):
        return _flush_by_mxcsr(builder)
    if processor in ("aarch64", "arm64"):
        return _flush_by_fpcr(builder)
    return _nothing_to_restore


def _flush_by_mxcsr(builder: Any) -> Callable[[], None]:
    register, place = ir.IntType(32), ir.IntType(8).as_pointer()
    store, load = (
        ir.Function(builder.module, ir.FunctionType(ir.VoidType(), [place]), f"llvm.x86.sse.{name}mxcsr")
        for name in ("st", "ld")
    )
    before, now = builder.alloca(register), builder.alloca(register)
    builder.call(store, [builder.bitcast(before, place)])
    builder.store(builder.or_(builder.load(before), register(1 << 15 | 1 << 6)), now)
    builder.call(load, [builder.bitcast(now, place)])
    return lambda: builder.call(load, [builder.bitcast(before, place)])


def _flush_by_fpcr(builder: Any) -> Callable[[], None]:
    register = ir.IntType(64)
    get = ir.Function(builder.module, ir.FunctionType(register, []), "llvm.aarch64.get.fpcr")
    put = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), [register]), "llvm.aarch64.set.fpcr")
    before = builder.call(get, [])
    builder.call(put, [builder.or_(before, register(1 << 24))])
    return lambda: builder.call(put, [before])

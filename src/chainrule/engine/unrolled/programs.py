"""The programs that have been compiled, by network and form."""

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from chainrule.core.chain import Chain
from chainrule.engine.compiler import kernel_cache
from chainrule.engine.unrolled.program import Form, Unrolled, description
from chainrule.engine.unrolled.writer import write


class Program(NamedTuple):
    """A program and its machine code."""

    text: Unrolled
    run: Callable[[int], Any]


_programs: dict[tuple[Any, ...], Program] = {}
_of_chain: WeakKeyDictionary[Chain, dict[Form, Program]] = WeakKeyDictionary()


def program(chain: Chain, form: Form) -> Program:
    """The program of that form for a network, compiled if it has not been yet."""
    known = _of_chain.setdefault(chain, {})
    if form not in known:
        key = (description(chain), form)
        if key not in _programs:
            text = Unrolled(chain, form)
            name = f"unrolled-{form.across}-{form.rule}-{chain.dtype.name}"
            _programs[key] = Program(text, kernel_cache.callable_at(kernel_cache.text_kernel(write(text), name)))
        known[form] = _programs[key]
    return known[form]

"""Tiles: tuples of lanes, the small matrices that products are made of."""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from chainrule.engine.lanes.simd import I32, I64, address_ir, fma_ir, intrinsic, load_ir, scalar_ir, spread_ir, store_ir


@intrinsic(prefer_literal=True)
def load_tile(typing_context: Any, pointer: Any, index: Any, rows: Any, step: Any, columns: Any) -> Any:
    """``rows`` x ``columns`` lanes as a tuple: row r begins at ``pointer[index + r step]``, columns side by side."""
    del typing_context
    many = types.UniTuple(pointer.lanes, rows.literal_value * columns.literal_value)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind, values, row = signature.args[0], [], args[1]
        for _ in range(rows.literal_value):
            across = [builder.add(row, I64(c * kind.count)) for c in range(columns.literal_value)]
            values += [load_ir(builder, args[0], place, kind) for place in across]
            row = builder.add(row, args[3])
        return context.make_tuple(builder, many, values)

    return many(pointer, index, rows, step, columns), emit


@intrinsic(prefer_literal=True)
def store_tile(typing_context: Any, pointer: Any, index: Any, step: Any, columns: Any, tile: Any) -> Any:
    """Put a tile of ``columns`` columns where ``load_tile`` would find it."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind, row, wide = signature.args[0], args[1], columns.literal_value
        values = cgutils.unpack_tuple(builder, args[4], tile.count)
        for r in range(tile.count // wide):
            for c in range(wide):
                store_ir(builder, args[0], builder.add(row, I64(c * kind.count)), values[r * wide + c], kind)
            row = builder.add(row, args[2])
        return context.get_dummy_value()

    return types.void(pointer, index, step, columns, tile), emit


@intrinsic(prefer_literal=True)
def zero_tile(typing_context: Any, pointer: Any, rows: Any, columns: Any) -> Any:
    """``rows`` x ``columns`` lanes of 0, of the kind that is read at ``pointer``."""
    del typing_context
    many = types.UniTuple(pointer.lanes, rows.literal_value * columns.literal_value)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del args
        kind = signature.args[0].lanes
        zero = spread_ir(builder, ir.Constant(scalar_ir(kind.dtype), 0.0), kind)
        return context.make_tuple(builder, many, [zero] * many.count)

    return many(pointer, rows, columns), emit


@intrinsic
def outer(typing_context: Any, tile: Any, column: Any, row: Any) -> Any:
    """``tile[r][c] + column[r] row[c]``: the outer product of a few numbers with a few lanes, added to a tile.

    ``column`` is a tuple of plain numbers, ``row`` a tuple of lanes. This is the heart of a matrix product: each
    number and each lane that is fetched from memory serves several multiplications.
    """
    del typing_context
    kind = row.dtype

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del signature
        tiles, numbers, lanes = (
            cgutils.unpack_tuple(builder, arg, of.count) for arg, of in zip(args, (tile, column, row), strict=True)
        )
        many = [spread_ir(builder, number, kind) for number in numbers]
        values = [
            fma_ir(builder, many[r], lanes[c], tiles[r * row.count + c])
            for r in range(column.count)
            for c in range(row.count)
        ]
        return context.make_tuple(builder, tile, values)

    return tile(tile, column, row), emit


@intrinsic
def numbers_down(typing_context: Any, pointer: Any, offsets: Any, index: Any) -> Any:
    """A number from each of several rows: ``pointer[offsets[r] + index]`` as a tuple."""
    del typing_context
    many = types.UniTuple(pointer.dtype, offsets.count)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del signature
        places = cgutils.unpack_tuple(builder, args[1], offsets.count)
        values = [builder.load(address_ir(builder, args[0], builder.add(place, args[2]))) for place in places]
        return context.make_tuple(builder, many, values)

    return many(pointer, offsets, index), emit


@intrinsic(prefer_literal=True)
def numbers_along(typing_context: Any, pointer: Any, index: Any, count: Any) -> Any:
    """``count`` neighbouring numbers as a tuple: ``pointer[index], pointer[index + 1], ...``."""
    del typing_context
    many = types.UniTuple(pointer.dtype, count.literal_value)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del signature
        values = [builder.load(address_ir(builder, args[0], builder.add(args[1], I64(k)))) for k in range(many.count)]
        return context.make_tuple(builder, many, values)

    return many(pointer, index, count), emit


@intrinsic
def tile_times(typing_context: Any, tile: Any, other: Any) -> Any:
    """The product of two tiles of one size, lane by lane."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del signature
        u, v = (cgutils.unpack_tuple(builder, arg, tile.count) for arg in args)
        return context.make_tuple(builder, tile, [builder.fmul(a, b) for a, b in zip(u, v, strict=True)])

    return tile(tile, other), emit


@intrinsic
def tile_scaled_from(typing_context: Any, tile: Any, factor: Any, start: Any) -> Any:
    """``start - factor tile``, lane by lane: a step of gradient descent on a tile of weights."""
    del typing_context
    kind = tile.dtype

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number = context.cast(builder, args[1], signature.args[1], kind.dtype)
        minus = spread_ir(builder, builder.fneg(number), kind)
        u, v = cgutils.unpack_tuple(builder, args[0], tile.count), cgutils.unpack_tuple(builder, args[2], tile.count)
        values = [fma_ir(builder, minus, a, b) for a, b in zip(u, v, strict=True)]
        return context.make_tuple(builder, tile, values)

    return tile(tile, factor, start), emit


@intrinsic
def turn(typing_context: Any, source: Any, begin: Any, step: Any, target: Any, to: Any, width: Any) -> Any:
    """Transpose a square of as many rows as there are lanes: ``target[to + c width + r] = source[begin + r step + c]``.

    In stages: first neighbouring rows exchange single numbers, then rows two apart exchange pairs, then four apart.
    """
    del typing_context
    size = source.count

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind, here = signature.args[0], args[1]
        rows = []
        for _ in range(size):
            rows.append(load_ir(builder, args[0], here, kind))
            here = builder.add(here, args[2])
        apart = 1
        while apart < size:
            low = [c if not c & apart else size + c - apart for c in range(size)]
            high = [c + apart if not c & apart else size + c for c in range(size)]
            for r in range(size):
                if not r & apart:
                    one, other = rows[r], rows[r + apart]
                    order = ir.VectorType(I32, size)
                    rows[r] = builder.shuffle_vector(one, other, ir.Constant(order, low))
                    rows[r + apart] = builder.shuffle_vector(one, other, ir.Constant(order, high))
            apart *= 2
        there = args[4]
        for row in rows:
            store_ir(builder, args[3], there, row, kind)
            there = builder.add(there, args[5])
        return context.get_dummy_value()

    return types.void(source, begin, step, target, to, width), emit

"""Compiling, number formats and threads of the kernels."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar

import llvmlite.binding as llvm
import numba
import numpy as np
import numpy.typing as npt
import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload
from torch import Tensor

# Loops of many arrays become vectors after more comparisons of where these lie than by default.
llvm.set_option("kernels", "-runtime-memory-check-threshold=64")
# Numbers that `add_lanes` takes at once: half of what the widest processors could, and every one
# that has vectors can at all.
LANES = 8
_Function = TypeVar("_Function", bound=Callable[..., Any])
# Sums may be reordered into vectors and joined with products; infinities and NaN stay.
_FAST = {"contract", "nsz"}


def compiled(function: _Function) -> _Function:
    """Compile at the first call; the machine code is kept beside the source or for the user."""
    options: dict[str, Any] = {"nogil": True, "fastmath": _FAST, "error_model": "numpy"}
    try:
        found: _Function = numba.njit(cache=True, **options)(function)
    except RuntimeError:
        # Neither this folder nor the user's may be written: compiled in each process.
        found = numba.njit(**options)(function)
    return found


def suits(x: Tensor) -> bool:
    """Whether the kernels compute this tensor: on a processor, in float32 or bfloat16."""
    return x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16)


def channels_last(x: Tensor) -> npt.NDArray[Any]:
    """Look at a map (N, C, H, W) as an array (N, H, W, C); copied where it lies otherwise."""
    rows = x.detach().permute(0, 2, 3, 1).contiguous()
    return bits(rows)


def bits(x: Tensor) -> npt.NDArray[Any]:
    """Look at a contiguous tensor as float32, or as the int16 that hold its bfloat16."""
    found: npt.NDArray[Any] = (x.view(torch.int16) if x.dtype == torch.bfloat16 else x).numpy()
    return found


def spread(kernel: Callable[..., None], count: int, *arrays: Any) -> None:
    """Call ``kernel(first, last, *arrays)`` for parts of ``range(count)``, one a torch thread."""
    threads = min(torch.get_num_threads(), count)
    if threads <= 1:
        kernel(0, count, *arrays)
        return
    edges = [count * part // threads for part in range(threads + 1)]
    parts = [_pool(threads).submit(kernel, first, last, *arrays) for first, last in pairwise(edges)]
    for part in parts:
        part.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="kernel")


@intrinsic  # type: ignore[untyped-decorator]
def _as_float(context: Any, number: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return types.float32(types.uint32), build


@intrinsic  # type: ignore[untyped-decorator]
def _as_bits(context: Any, number: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.uint32))

    return types.uint32(types.float32), build


def wide(number: Any) -> Any:
    """Give the float32 of an element; in compiled code alone."""
    raise NotImplementedError


@overload(wide, inline="always")  # type: ignore[untyped-decorator]
def _wide(number: Any) -> Any:
    # Typed as the function above, by name, which numba compares.
    def widening(number: Any) -> Any:
        return _as_float(np.uint32(np.uint32(number) << np.uint32(16)))

    def keeping(number: Any) -> Any:
        return number

    return widening if number == types.int16 else keeping


@compiled
def _rounded(number: Any) -> Any:
    # To the nearest bfloat16, ties to even; a NaN stays one.
    u = _as_bits(number)
    tie = np.uint32(0x7FFF) + ((u >> np.uint32(16)) & np.uint32(1))
    return np.int16((u + tie) >> np.uint32(16))


def store(numbers: Any, out: Any) -> None:
    """Write float32 into a row of either format; in compiled code alone."""
    raise NotImplementedError


@overload(store, jit_options={"fastmath": _FAST})  # type: ignore[untyped-decorator]
def _store(numbers: Any, out: Any) -> Any:
    if out.dtype == types.int16:

        def rounding(numbers: Any, out: Any) -> None:
            for c in range(out.shape[0]):
                out[c] = _rounded(numbers[c])

        return rounding

    def copying(numbers: Any, out: Any) -> None:
        for c in range(out.shape[0]):
            out[c] = numbers[c]

    return copying


@intrinsic  # type: ignore[untyped-decorator]
def add_lanes(context: Any, sums: Any, start: Any, numbers: Any, begin: Any, factor: Any) -> Any:
    """Add `LANES` neighbours, of either format, times a float32 to as many of these.

    In compiled code alone.

    For short stretches: a loop of so few is not made a vector by itself, where the arrays might
    overlap. Nothing is looked after: both arrays are contiguous and long enough.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def place(which: int, element: Any) -> Any:
            array = context.make_array(signature.args[which])(context, builder, arguments[which])
            pointer = builder.gep(array.data, [arguments[which + 1]])
            return builder.bitcast(pointer, ir.VectorType(element, LANES).as_pointer())

        floats, words = (ir.VectorType(kind, LANES) for kind in (ir.FloatType(), ir.IntType(32)))
        target = place(0, ir.FloatType())
        if signature.args[2].dtype == types.int16:
            bits_ = builder.zext(builder.load(place(2, ir.IntType(16)), align=2), words)
            shifted = builder.shl(bits_, ir.Constant(words, [16] * LANES))
            found = builder.bitcast(shifted, floats)
        else:
            found = builder.load(place(2, ir.FloatType()), align=4)
        factors = ir.Constant(floats, ir.Undefined)
        for lane in range(LANES):
            index = ir.Constant(ir.IntType(32), lane)
            factors = builder.insert_element(factors, arguments[4], index)
        product = builder.fmul(found, factors, flags=("contract",))
        total = builder.fadd(builder.load(target, align=4), product, flags=("contract",))
        builder.store(total, target, align=4)
        return context.get_dummy_value()

    return types.void(sums, types.intp, numbers, types.intp, types.float32), build

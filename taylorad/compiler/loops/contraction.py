"""Products of matrices through BLAS.

A product of two operands is brought to the form c[m, n] = sum over k of a[m, k] b[k, n], for every
index of a batch, with strides instead of shapes: transposes, reshapes and broadcasts of what lies
in memory need no copies. What does not fit is left to loops.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from itertools import pairwise
from typing import Any

import numpy as np

from taylorad.compiler.loops import slender
from taylorad.compiler.loops.memory import Array
from taylorad.compiler.loops.pulling import SHORT
from taylorad.compiler.loops.roots import EINSUM
from taylorad.compiler.loops.script import Script
from taylorad.compiler.loops.source import Source
from taylorad.compiler.loops.text import Text
from taylorad.compiler.loops.views import Opaque, View, view, whole

__all__ = ["Product", "address", "call", "integer", "product"]

SMALL = 2048
"""A product of no more multiplications is done by loops."""

FEW = 3
"""So many columns are not worth BLAS's rearranging: see `slender`."""

Strides = tuple[int, int]


@cache
def address(name: str) -> int:
    """Give the address of a function of BLAS, NumPy's if possible, or of LAPACK, SciPy's."""
    of_lapack = name in ("dgesv", "dgetrf", "dgetrs")
    if not of_lapack and (found := _numpys(name)) is not None:
        return found
    capsule = _table("cython_lapack" if of_lapack else "cython_blas")[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return int(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))


def _numpys(name: str) -> int | None:
    """Find a function in the OpenBLAS that came with NumPy, and is in this process already.

    Its whole numbers have 64 bits, those of SciPy 32: see `integer`. Elsewhere there is None.
    """
    try:
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
        return ctypes.cast(library[f"scipy_{name}_64_"], ctypes.c_void_p).value
    except (AttributeError, OSError):
        return None


def _table(module: str) -> Any:
    """Load one module of `scipy.linalg`, without the rest of it, which takes 0.3 s."""
    name = f"scipy.linalg.{module}"
    if "scipy.linalg" not in sys.modules and name not in sys.modules:
        import scipy

        spec = PathFinder.find_spec(name, [os.path.join(scipy.__path__[0], "linalg")])
        if spec is not None and spec.loader is not None:
            loaded = module_from_spec(spec)
            spec.loader.exec_module(loaded)
            sys.modules.pop(name, None)  # whoever imports it is to get it the usual way
            return loaded.__pyx_capi__
    return import_module(name).__pyx_capi__


@dataclass(frozen=True)
class Form:
    """The extents and strides of a product.

    Attributes
    ----------
    m, n, k : int
    a, b, c : (int, int)
        Strides along m and k, k and n, m and n.
    batch : tuple of (int, int, int, int)
        Extent and the three strides of each axis of the batch.
    """

    m: int
    n: int
    k: int
    a: Strides
    b: Strides
    c: Strides
    batch: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def swapped(self) -> Form:
        """The product of the transposed operands, in the other order."""
        batch = tuple((n, b, a, c) for n, a, b, c in self.batch)
        return Form(self.n, self.m, self.k, self.b[::-1], self.a[::-1], self.c[::-1], batch)


@dataclass
class Product(Opaque):
    """A product by BLAS.

    Attributes
    ----------
    form : Form
    offset : int
        Where the first entry of the result goes.
    narrower : callable
        Makes the product that computes a part of the result only.
    """

    note = "a product by BLAS"

    line: int
    views: tuple[View, ...]
    form: Form
    offset: int
    narrower: Callable[[Sequence[range]], Product | None]
    scratch: int = field(default=0)

    def within(self, spans: Sequence[range]) -> Product:
        """Give what computes a part of the result only."""
        return self.narrower(spans) or self

    @property
    def flops(self) -> int:
        """Additions and multiplications."""
        f = self.form
        return 2 * f.m * f.n * f.k * math.prod(axis[0] for axis in f.batch)

    def lines(self, text: Text, arrays: Mapping[int, Array], scratch: str) -> Iterator[str]:
        """Write the calls, one for each index of the batch."""
        script, form, out = Script(text), self.form, arrays[self.line]
        a, b = (arrays[v.line].pointer for v in self.views)
        offsets = [v.offset for v in self.views]
        with script.loops([axis[0] for axis in form.batch]) as index:
            places = [
                script.place(offset, ((i, axis[which]) for i, axis in zip(index, form.batch)))
                for which, offset in ((1, offsets[0]), (2, offsets[1]), (3, self.offset))
            ]
            left, right, target = (
                script.entry("f", pointer, place)
                for pointer, place in zip((a, b, out.pointer), places, strict=True)
            )
            if form.c[1] != 1 and form.n > 1:
                form, left, right = form.swapped, right, left
            _multiply(script, form, left, right, target)
        yield from script.lines


def _multiply(script: Script, form: Form, a: str, b: str, c: str) -> None:
    """Write a call. BLAS counts along columns first: to it all matrices are transposed."""
    m, n, k = form.m, form.n, form.k
    if n == 1:
        _times_vector(script, (m, k, form.a), a, b, form.b[0], c, form.c[0])
    elif m == 1:
        _times_vector(script, (n, k, form.b[::-1]), b, a, form.a[1], c, form.c[1])
    elif n <= FEW and form.a[1] == form.b[0] == 1:
        slender.multiply(script, (m, n, k), form.a[0], form.b[1], form.c, (a, b, c))
    elif n <= FEW:  # for which BLAS rearranges too much
        for column in range(n):
            x, y = (
                script.entry("f", pointer, str(column * strides[1]))
                for pointer, strides in ((b, form.b), (c, form.c))
            )
            _times_vector(script, (m, k, form.a), a, x, form.b[0], y, form.c[0])
    elif m <= FEW:
        _multiply(script, form.swapped, b, a, c)
    else:
        turn_a, lead_a = _layout(form.a, m, k)
        turn_b, lead_b = _layout(form.b, k, n)
        numbers = [integer(script, x) for x in (n, m, k, lead_b, lead_a, form.c[0])]
        one, zero = _real(script, 1.0), _real(script, 0.0)
        letters = _letter(script, turn_b), _letter(script, turn_a)
        call(
            script,
            "dgemm",
            (*letters, *numbers[:3], one, b, numbers[3], a, numbers[4], zero, c, numbers[5]),
        )


def _times_vector(
    script: Script, of: tuple[int, int, Strides], a: str, x: str, by: int, y: str, to: int
) -> None:
    m, k, strides = of
    turn, lead = _layout(strides, m, k)
    # A matrix that is transposed to us is not to BLAS.
    extents = (k, m) if turn == "N" else (m, k)
    numbers = [integer(script, n) for n in (*extents, lead, max(by, 1), max(to, 1))]
    call(
        script,
        "dgemv",
        (
            _letter(script, "T" if turn == "N" else "N"),
            *numbers[:2],
            _real(script, 1.0),
            a,
            numbers[2],
            x,
            numbers[3],
            _real(script, 0.0),
            y,
            numbers[4],
        ),
    )


def _layout(strides: Strides, rows: int, columns: int) -> tuple[str, int]:
    """Give "N" for rows one after the other, "T" for columns, and the stride between them."""
    along, across = strides
    if (across == 1 or columns == 1) and (along >= columns or rows == 1):
        return "N", max(along, columns, 1)
    return "T", max(across, rows, 1)


def _fits(strides: Strides, rows: int, columns: int) -> bool:
    along, across = strides
    by_rows = (across == 1 or columns == 1) and (along >= columns or rows == 1)
    by_columns = (along == 1 or rows == 1) and (across >= rows or columns == 1)
    return by_rows or by_columns


def call(script: Script, name: str, arguments: Sequence[str]) -> None:
    """Call a function of BLAS or LAPACK, of which all parameters are pointers."""
    script.text.declarations.add(f"declare void @{name}({', '.join(['ptr'] * len(arguments))})")
    script.text.symbols[name] = address(name)
    script.do(f"call void @{name}({', '.join(f'ptr {x}' for x in arguments)})")


def integer(script: Script, n: int) -> str:
    """Give a pointer to a whole number of 64 bits, of which the first 32 are one of 32 bits."""
    name = f"@int.{n}"
    script.text.globals.add(f"{name} = private unnamed_addr constant i64 {n}")
    return name


def _real(script: Script, x: float) -> str:
    name = f"@real.{int(x)}"
    script.text.globals.add(f"{name} = private unnamed_addr constant double {x}")
    return name


def _letter(script: Script, c: str) -> str:
    name = f"@letter.{c}"
    script.text.globals.add(f"{name} = private unnamed_addr constant i8 {ord(c)}")
    return name


# --- the form of a product -------------------------------------------------------------------


def product(
    source: Source, number: int, stored: Container[int], spans: Sequence[range] | None = None
) -> Product | None:
    """Give a product in BLAS's form; None if it has none, or if loops do it as well.

    Parameters
    ----------
    source : Source
    number : int
        The line.
    stored : container of int
        The lines that lie in memory.
    spans : sequence of range, optional
        The part of the result that is needed.
    """
    line = source.lines[number]
    if any(source.lines[i].dtype.kind != "f" for i in line.operands):
        return None
    terms, out = _letters(source, number)
    parts = dict(zip(out, spans or map(range, line.shape), strict=True))

    def part(seen: View, term: str) -> View:
        return seen.part([parts.get(c, range(n)) for c, n in zip(term, seen.shape, strict=True)])

    operands = [*zip(line.operands, terms, strict=True)]
    views = [part(view(source, i, stored), term) for i, term in operands]
    copies = [part(whole(source, i), term) for i, term in operands]
    sizes = {
        c: n
        for term, seen in zip(terms, views, strict=True)
        for c, n in zip(term, seen.shape, strict=True)
        if n > 1
    }
    summed = [c for c in terms[0] if c in terms[1] and c not in out and c in sizes]
    if any(c not in out and c not in summed for term in terms for c in term if c in sizes):
        return None
    k = math.prod(sizes[c] for c in summed)
    m = math.prod(sizes[c] for c in out if c in sizes and c in terms[0] and c not in terms[1])
    n = math.prod(sizes[c] for c in out if c in sizes and c in terms[1] and c not in terms[0])
    if k <= SHORT or m == n == 1 or m * n * k <= SMALL or not math.prod(line.shape):
        return None
    target = part(whole(source, number), out)
    for left in (views[0], copies[0]):
        for right in (views[1], copies[1]):
            form = _form(terms, out, sizes, summed, left, right, target)
            if form is not None:
                narrower = partial(product, source, number, stored)
                return Product(number, (left, right), form, target.offset, narrower)
    return None


def _letters(source: Source, number: int) -> tuple[list[str], str]:
    """Write a product as Einstein would; matmul's batch axes are aligned from the right."""
    line = source.lines[number]
    if line.row is EINSUM:
        inputs, out = line.params["subscripts"].split("->")
        return inputs.split(","), out
    stack = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"[: len(line.shape) - 2]
    ranks = [len(source.lines[i].shape) - 2 for i in line.operands]
    left, right = (stack[len(stack) - rank :] for rank in ranks)
    return [f"{left}XZ", f"{right}ZY"], f"{stack}XY"


def _form(
    terms: Sequence[str],
    out: str,
    sizes: Mapping[str, int],
    summed: Sequence[str],
    left: View,
    right: View,
    target: View,
) -> Form | None:
    """Merge axes until there are three left and a batch."""
    strides = []
    for term, seen in zip((*terms, out), (left, right, target), strict=True):
        wide = zip(term, seen.strides, seen.shape, strict=True)
        strides.append({c: s for c, s, n in wide if n > 1})
    a, b, c = strides
    if any(min(s.values(), default=0) < 0 for s in strides):
        return None
    rows = [x for x in out if x in sizes and x in a and x not in b]
    columns = [x for x in out if x in sizes and x in b and x not in a]
    batch = [x for x in out if x in sizes and x in a and x in b]
    merged: list[list[int]] = []
    for letters, those in ((rows, (a, c)), (summed, (a, b)), (columns, (b, c))):
        found = [_merged(letters, s, sizes) for s in those]
        if any(f is None for f in found):
            return None
        merged.append([f for f in found if f is not None])
    (am, cm), (ak, bk), (bn, cn) = merged
    m, n, k = (math.prod(sizes[x] for x in letters) for letters in (rows, columns, summed))
    form = Form(
        m,
        n,
        k,
        (am, ak),
        (bk, bn),
        (cm, cn),
        tuple((sizes[x], a[x], b[x], c[x]) for x in batch),
    )
    return form if _is_possible(form) else None


def _merged(
    letters: Sequence[str], strides: Mapping[str, int], sizes: Mapping[str, int]
) -> int | None:
    """Give the stride of several axes taken as one, if there is one."""
    for outer, inner in pairwise(letters):
        if strides[outer] != strides[inner] * sizes[inner]:
            return None
    return strides[letters[-1]] if letters else 1


def _is_possible(form: Form) -> bool:
    if max(form.m, form.n, form.k, *form.a, *form.b, *form.c) >= 2**31:
        return False
    if form.n == 1:
        return _fits(form.a, form.m, form.k) and form.b[0] > 0 and form.c[0] > 0
    if form.m == 1:
        return _fits(form.b, form.k, form.n) and form.a[1] > 0 and form.c[1] > 0
    if form.c[1] != 1:
        form = form.swapped
    return (
        form.c[1] == 1
        and form.c[0] >= form.n
        and _fits(form.a, form.m, form.k)
        and _fits(form.b, form.k, form.n)
    )

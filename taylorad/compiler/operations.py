"""What one entry of an elementwise row is in LLVM's language.

All lowerings write their arithmetic through `emit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from taylorad.compiler.emitter import REGISTER, Emitter, converted, literal
from taylorad.primitives import elementwise, linear, selection
from taylorad.primitives.registry import TABLE, Primitive, lookup
from taylorad.primitives.squaring import by_squaring
from taylorad.wengert.trace import convert

__all__ = ["emit", "is_elementwise"]


def is_elementwise(row: Primitive, kinds: Sequence[str], result: str, constants: Any) -> bool:
    """Tell whether `emit` can write a row for operands and a result of these kinds.

    ``constants[i]`` is the number that operand i is known to be, or None.
    """
    if any(k not in "fib" for k in (*kinds, result)):
        return False
    if row is elementwise.power:
        exponent = constants[1]
        return result == "f" or (isinstance(exponent, int) and 0 <= exponent <= _LONGEST_CHAIN)
    if row in (_row(np.floor_divide), _row(np.remainder), _row(np.fmod)):
        return all(k == "f" for k in (*kinds, result))
    return row in _operations()


def emit(
    emitter: Emitter,
    row: Primitive,
    params: dict[str, Any],
    operands: Sequence[str],
    kinds: Sequence[str],
    result: str,
    constants: Sequence[Any],
) -> str:
    """Write one operation.

    Parameters
    ----------
    emitter : Emitter
    row : Primitive
        One for which `is_elementwise` holds.
    params : dict
        Its parameters, but for those that are operands (the condition of ``select`` is the last).
    operands : sequence of str
        Names of registers, or literals.
    kinds : sequence of {"f", "i", "b"}
        Kinds of the operands.
    result : {"f", "i", "b"}
        Kind of the result.
    constants : sequence
        What each operand is known to be, or None.

    Returns
    -------
    str
        The name of the result.
    """
    return _operations()[row](Operation(emitter, params, operands, kinds, result, constants))


@dataclass
class Operation:
    """An operation to be written."""

    emitter: Emitter
    params: dict[str, Any]
    operands: Sequence[str]
    kinds: Sequence[str]
    result: str
    constants: Sequence[Any]

    def operand(self, i: int, kind: str) -> str:
        """Give an operand as another kind of number."""
        return converted(self.emitter, self.operands[i], self.kinds[i], kind)

    def all(self, kind: str) -> list[str]:
        """Give all operands as one kind of number."""
        return [self.operand(i, kind) for i in range(len(self.operands))]

    @property
    def common(self) -> str:
        """The kind that holds all operands."""
        return max(self.kinds, key="bif".index)


# --- the operations --------------------------------------------------------------------------

Write = Callable[[Operation], str]

# A power is written as products up to here: seven roundings are within 4 units in the last place.
_LONGEST_CHAIN = 8


def _arithmetic(of_floats: str, of_integers: str, of_truths: str) -> Write:
    instructions = {"f": of_floats, "i": of_integers, "b": of_truths}

    def write(op: Operation) -> str:
        a, b = op.all(op.result)
        text = f"{instructions[op.result]} {REGISTER[op.result]} {a}, {b}"
        return op.emitter.instruction(text)

    return write


def _divide(op: Operation) -> str:
    a, b = op.all("f")
    return op.emitter.instruction(f"fdiv double {a}, {b}")


def _negative(op: Operation) -> str:
    (a,) = op.all(op.result)
    return op.emitter.instruction(f"fneg double {a}" if op.result == "f" else f"sub i64 0, {a}")


def _power(op: Operation) -> str:
    e, exponent = op.emitter, op.constants[1]
    base = op.operand(0, op.result)
    if exponent is not None and float(exponent).is_integer() and abs(exponent) <= _LONGEST_CHAIN:
        product = _chain(e, base, abs(int(exponent)), op.result)
        one = literal(1, "f")
        return product if exponent >= 0 else e.instruction(f"fdiv double {one}, {product}")
    if exponent == 0.5 and isinstance(exponent, float):
        return e.intrinsic("llvm.sqrt.f64", base)
    return e.call("power", *op.all("f"))


def _chain(e: Emitter, base: str, n: int, kind: str) -> str:
    """Multiply by repeated squaring."""
    multiply = "fmul double" if kind == "f" else "mul i64"
    if not n:
        return literal(1, kind)
    return by_squaring(base, n, lambda a, b: e.instruction(f"{multiply} {a}, {b}"))


def _compare(of_floats: str, of_integers: str, of_truths: str) -> Write:
    predicates = {"f": of_floats, "i": of_integers, "b": of_truths}

    def write(op: Operation) -> str:
        kind = op.common
        a, b = op.all(kind)
        compare = "fcmp" if kind == "f" else "icmp"
        return op.emitter.instruction(f"{compare} {predicates[kind]} {REGISTER[kind]} {a}, {b}")

    return write


def _not(op: Operation) -> str:
    (a,) = op.all("b")
    return op.emitter.instruction(f"xor i1 {a}, true")


def _invert(op: Operation) -> str:
    (a,) = op.all(op.result)
    ones = "true" if op.result == "b" else "-1"
    return op.emitter.instruction(f"xor {REGISTER[op.result]} {a}, {ones}")


def _bitwise(instruction: str, of_truths: bool = False) -> Write:
    def write(op: Operation) -> str:
        kind = "b" if of_truths else op.result
        a, b = op.all(kind)
        return op.emitter.instruction(f"{instruction} {REGISTER[kind]} {a}, {b}")

    return write


def _select(op: Operation) -> str:
    a, b = (op.operand(i, op.result) for i in (0, 1))
    kind = REGISTER[op.result]
    return op.emitter.instruction(f"select i1 {op.operand(2, 'b')}, {kind} {a}, {kind} {b}")


def _sign(op: Operation) -> str:
    e, kind = op.emitter, op.result
    (a,) = op.all(kind)
    zero, register = literal(0, kind), REGISTER[kind]
    more, less = ("ogt", "olt") if kind == "f" else ("sgt", "slt")
    compare = "fcmp" if kind == "f" else "icmp"
    up = e.instruction(f"{compare} {more} {register} {a}, {zero}")
    down = e.instruction(f"{compare} {less} {register} {a}, {zero}")
    # Of zero and of NaN the sign is the number itself, but for -0.0, of which it is 0.0.
    rest = e.instruction(f"fadd double {a}, {zero}") if kind == "f" else zero
    minus = e.instruction(f"select i1 {down}, {register} {literal(-1, kind)}, {register} {rest}")
    return e.instruction(f"select i1 {up}, {register} {literal(1, kind)}, {register} {minus}")


def _whole(name: str) -> Write:
    def write(op: Operation) -> str:
        if op.result != "f":
            return op.operand(0, op.result)
        return op.emitter.intrinsic(f"llvm.{name}.f64", op.operands[0])

    return write


def _is_nan(op: Operation) -> str:
    a = op.operand(0, "f")
    return op.emitter.instruction(f"fcmp uno double {a}, {literal(0, 'f')}")


def _beside_infinity(predicate: str) -> Write:
    """Compare the size of a number with infinity."""

    def write(op: Operation) -> str:
        size = op.emitter.intrinsic("llvm.fabs.f64", op.operand(0, "f"))
        endless = literal(float("inf"), "f")
        return op.emitter.instruction(f"fcmp {predicate} double {size}, {endless}")

    return write


def _sign_bit(op: Operation) -> str:
    bits = op.emitter.instruction(f"bitcast double {op.operand(0, 'f')} to i64")
    return op.emitter.instruction(f"icmp slt i64 {bits}, 0")


def _fmod(op: Operation) -> str:
    return op.emitter.intrinsic("fmod", *op.all("f"))


def _signs_differ(e: Emitter, rest: str, b: str) -> str:
    """Tell whether a remainder is not zero and has another sign than the divisor."""
    zero = literal(0, "f")
    some = e.instruction(f"fcmp une double {rest}, {zero}")
    negative = [e.instruction(f"fcmp olt double {x}, {zero}") for x in (rest, b)]
    apart = e.instruction(f"xor i1 {negative[0]}, {negative[1]}")
    return e.instruction(f"and i1 {some}, {apart}")


def _remainder(op: Operation) -> str:
    """Give the remainder with the sign of the divisor, as Python and NumPy have it."""
    e = op.emitter
    a, b = op.all("f")
    zero = literal(0, "f")
    rest = e.intrinsic("fmod", a, b)
    moved = e.instruction(f"fadd double {rest}, {b}")
    shift = _signs_differ(e, rest, b)
    whole = e.instruction(f"select i1 {shift}, double {moved}, double {rest}")
    nothing = e.intrinsic("llvm.copysign.f64", zero, b)
    exact = e.instruction(f"fcmp oeq double {whole}, {zero}")
    return e.instruction(f"select i1 {exact}, double {nothing}, double {whole}")


def _floor_divide(op: Operation) -> str:
    """Divide what is left without the remainder, and round what rounding errors made of it."""
    e = op.emitter
    a, b = op.all("f")
    zero = literal(0, "f")
    rest = e.intrinsic("fmod", a, b)
    near = e.instruction(f"fdiv double {e.instruction(f'fsub double {a}, {rest}')}, {b}")
    below = e.instruction(f"fsub double {near}, {literal(1, 'f')}")
    near = e.instruction(f"select i1 {_signs_differ(e, rest, b)}, double {below}, double {near}")
    down = e.intrinsic("llvm.floor.f64", near)
    gap = e.instruction(f"fsub double {near}, {down}")
    up = e.instruction(f"fcmp ogt double {gap}, {literal(0.5, 'f')}")
    raised = e.instruction(f"fadd double {down}, {literal(1, 'f')}")
    whole = e.instruction(f"select i1 {up}, double {raised}, double {down}")
    quotient = e.instruction(f"fdiv double {a}, {b}")
    nothing = e.intrinsic("llvm.copysign.f64", zero, quotient)
    empty = e.instruction(f"fcmp oeq double {near}, {zero}")
    whole = e.instruction(f"select i1 {empty}, double {nothing}, double {whole}")
    by_zero = e.instruction(f"fcmp oeq double {b}, {zero}")
    return e.instruction(f"select i1 {by_zero}, double {quotient}, double {whole}")


def _log_add(exponential: str, logarithm: str, of_two: float) -> Write:
    def write(op: Operation) -> str:
        e = op.emitter
        a, b = op.all("f")
        gap = e.instruction(f"fsub double {a}, {b}")
        a_leads = e.instruction(f"fcmp ogt double {a}, {b}")
        most = e.instruction(f"select i1 {a_leads}, double {a}, double {b}")
        size = e.intrinsic("llvm.fabs.f64", gap)
        small = e.call(exponential, e.instruction(f"fneg double {size}"))
        more = e.call("log1p", small)
        if logarithm != "log":
            more = e.instruction(f"fmul double {more}, {literal(1 / np.log(2), 'f')}")
        # Equal infinities have no difference.
        same = e.instruction(f"fcmp oeq double {a}, {b}")
        more = e.instruction(f"select i1 {same}, double {literal(of_two, 'f')}, double {more}")
        total = e.instruction(f"fadd double {most}, {more}")
        broken = e.instruction(f"fcmp uno double {a}, {b}")
        return e.instruction(f"select i1 {broken}, double {gap}, double {total}")

    return write


def _function(name: str) -> Write:
    return lambda op: op.emitter.call(name, *op.all("f"))


def _convert(op: Operation) -> str:
    return op.operand(0, op.result)


_OURS = (
    *(np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p),
    *(np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.arctan2),
    *(np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh, np.cbrt, np.hypot),
)
_OF_SCIPY = {"erf": "erf", "erfc": "erfc"}


def _row(function: Any) -> Primitive:
    row = lookup(function)
    assert isinstance(row, Primitive)
    return row


def _operations() -> dict[Primitive, Write]:
    return _all_operations(len(TABLE))


@cache
def _all_operations(size: int) -> dict[Primitive, Write]:
    """Map rows to what writes them; made anew when SciPy's rows have come in."""
    written: dict[Primitive, Write] = {
        elementwise.add: _arithmetic("fadd", "add", "or"),
        elementwise.subtract: _arithmetic("fsub", "sub", "xor"),
        elementwise.multiply: _arithmetic("fmul", "mul", "and"),
        elementwise.divide: _divide,
        elementwise.negative: _negative,
        elementwise.power: _power,
        elementwise.sqrt: lambda op: op.emitter.intrinsic("llvm.sqrt.f64", *op.all("f")),
        elementwise.logistic: _function("logistic"),
        linear.select: _select,
        selection.leads: _compare("oge", "sge", "uge"),
        selection.leading_sign: _sign,
        convert: _convert,
    }
    by_function: dict[Any, Write] = {
        np.equal: _compare("oeq", "eq", "eq"),
        np.not_equal: _compare("une", "ne", "ne"),
        np.less: _compare("olt", "slt", "ult"),
        np.less_equal: _compare("ole", "sle", "ule"),
        np.greater: _compare("ogt", "sgt", "ugt"),
        np.greater_equal: _compare("oge", "sge", "uge"),
        np.logical_and: _bitwise("and", of_truths=True),
        np.logical_or: _bitwise("or", of_truths=True),
        np.logical_xor: _bitwise("xor", of_truths=True),
        np.logical_not: _not,
        np.bitwise_and: _bitwise("and"),
        np.bitwise_or: _bitwise("or"),
        np.bitwise_xor: _bitwise("xor"),
        np.invert: _invert,
        np.sign: _sign,
        np.floor: _whole("floor"),
        np.ceil: _whole("ceil"),
        np.trunc: _whole("trunc"),
        np.rint: _whole("rint"),
        np.isnan: _is_nan,
        np.isinf: _beside_infinity("oeq"),
        np.isfinite: _beside_infinity("olt"),
        np.signbit: _sign_bit,
        np.fmod: _fmod,
        np.remainder: _remainder,
        np.floor_divide: _floor_divide,
        np.logaddexp: _log_add("exp", "log", float(np.log(2))),
        np.logaddexp2: _log_add("exp2", "log2", 1.0),
    }
    by_function |= {function: _function(function.__name__) for function in _OURS}
    written |= {_row(function): write for function, write in by_function.items()}
    for function, row in TABLE.items():
        name = getattr(function, "__name__", "")
        if name in _OF_SCIPY and getattr(np, name, None) is not function:
            written[row] = _function(_OF_SCIPY[name])
    return written

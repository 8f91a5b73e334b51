"""The door between Python and a core: the LLVM text that checks arguments and makes results.

It knows nothing of the core but its signature, so functions of the same signature share one. It
is called as a built-in function of CPython is, ``METH_FASTCALL | METH_KEYWORDS``, and its ``self``
is a tuple that starts with

- a ``bytes`` object that holds the address of the core and then those of the constants' data,
- the slow way: a Python callable for all that is not as the signature has it.

Nothing here raises, and nothing is looked into before it is known to be what it should be.
"""

from __future__ import annotations

from taylorad.machine import layout
from taylorad.machine.signature import Argument, Result, Signature

__all__ = ["entry_text"]

_PYTHON = {"float64": "python_float", "complex128": "python_complex", "int64": "python_int"}
_EXTERNAL = ["array_type", "True_", "False_", *_PYTHON.values()]
_EXTERNAL += [f"{name}_{what}" for name in layout.ELEMENTS for what in ("dtype", "type")]
_DECLARED = "\n".join(
    [
        *(f"@{name} = external global i8" for name in _EXTERNAL),
        *(f"declare ptr @{name}_alloc(ptr, i64)" for name in layout.ELEMENTS),
        "declare ptr @PyArray_NewFromDescr(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)",
        "declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)",
        "declare i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)",
        "declare ptr @PyTuple_New(i64)",
        "declare void @Py_IncRef(ptr)",
        "declare void @Py_DecRef(ptr)",
        "declare void @PyErr_Clear()",
        "declare ptr @PyEval_SaveThread()",
        "declare void @PyEval_RestoreThread(ptr)",
        "",
    ]
)


def entry_text(signature: Signature) -> str:
    """Write ``entry(self, arguments, count, keywords)`` for cores of a signature."""
    return _DECLARED + "\n".join(_Writer(signature).lines) + "\n"


class _Writer:
    """Writes one entry, from its checks to its ``ret``."""

    def __init__(self, signature: Signature) -> None:
        self.lines: list[str] = []
        self._names = 0
        self._answer = ""
        self._signature = signature
        takes, gives = len(signature.arguments), len(signature.results)
        shapes = {result.shape for result in signature.results if result.shape}
        self._shapes = {shape: f"@shape{i}" for i, shape in enumerate(sorted(shapes))}
        for shape, name in self._shapes.items():
            lengths = ", ".join(f"i64 {length}" for length in shape)
            self._put(f"{name} = private constant [{len(shape)} x i64] [{lengths}]")
        self._put("define ptr @entry(ptr %self, ptr %args, i64 %count, ptr %keywords) nounwind {")
        # One slot more than needed: an array of none is no array.
        self._put(f"%arguments = alloca [{takes + 1} x ptr]")
        self._put(f"%results = alloca [{gives + 1} x ptr]")
        self._put(f"%integers = alloca [{takes + 1} x i64]")
        self._put(f"%booleans = alloca [{gives + 1} x i8]")
        self._put("%overflow = alloca i32")
        self._need(
            [
                self._new(f"icmp eq i64 %count, {takes}"),
                self._new("icmp eq ptr %keywords, null"),
            ]
        )
        for place, argument in enumerate(signature.arguments):
            self._take(place, argument)
        self._give()
        self._otherwise()
        self._put("}")

    def _otherwise(self) -> None:
        """Drop what was made, forget why it failed, and take the slow way."""
        made = [result for result in self._signature.results if not _is_boolean(result)]
        if made or self._signature.tuple_result:
            self._put("failed:", f"call void @Py_DecRef(ptr {self._answer})", "br label %forget")
        self._put("forget:", "call void @PyErr_Clear()", "br label %slow", "slow:")
        way = self._load("ptr", "%self", layout.TUPLE_ITEMS + 8)
        call = f"ptr @PyObject_Vectorcall(ptr {way}, ptr %args, i64 %count, ptr %keywords)"
        self._put(f"%other = tail call {call}", "ret ptr %other")

    def _put(self, *lines: str) -> None:
        self.lines += lines

    def _new(self, instruction: str) -> str:
        self._names += 1
        self._put(f"%n{self._names} = {instruction}")
        return f"%n{self._names}"

    def _at(self, base: str, offset: int) -> str:
        return self._new(f"getelementptr i8, ptr {base}, i64 {offset}")

    def _load(self, kind: str, base: str, offset: int) -> str:
        return self._new(f"load {kind}, ptr {self._at(base, offset)}")

    def _need(self, conditions: list[str], otherwise: str = "slow") -> None:
        """Go on if all conditions hold."""
        met = conditions[0]
        for condition in conditions[1:]:
            met = self._new(f"and i1 {met}, {condition}")
        self._names += 1
        on = f"n{self._names}"
        self._put(f"br i1 {met}, label %{on}, label %{otherwise}", f"{on}:")

    def _take(self, place: int, argument: Argument) -> None:
        given = self._load("ptr", "%args", 8 * place)
        kind = self._load("ptr", given, layout.TYPE)
        if not argument.number:
            data = self._array(given, kind, argument)
        elif argument.dtype == "int64":
            data = self._integer(given, kind, place)
        else:
            # The number lies in the Python object, in the same place for both.
            python, numpy = _PYTHON[argument.dtype], f"{argument.dtype}_type"
            fits = [self._new(f"icmp eq ptr {kind}, @{name}") for name in (python, numpy)]
            self._need([self._new(f"or i1 {fits[0]}, {fits[1]}")])
            data = self._at(given, layout.SCALAR_VALUE)
        self._put(f"store ptr {data}, ptr {self._at('%arguments', 8 * place)}")

    def _array(self, given: str, kind: str, argument: Argument) -> str:
        self._need([self._new(f"icmp eq ptr {kind}, @array_type")])
        ndim = self._load("i32", given, layout.NDIM)
        flags = self._load("i32", given, layout.FLAGS)
        mask = layout.ALIGNED_AND_C_ORDERED
        flags = self._new(f"and i32 {flags}, {mask}")
        dtype = self._load("ptr", given, layout.DTYPE)
        number = self._load("i32", dtype, layout.DTYPE_NUMBER)
        order = self._load("i8", dtype, layout.DTYPE_ORDER)
        element = layout.ELEMENTS[argument.dtype]
        self._need(
            [
                self._new(f"icmp eq i32 {ndim}, {len(argument.shape)}"),
                self._new(f"icmp eq i32 {flags}, {mask}"),
                self._new(f"icmp eq i32 {number}, {element.num}"),
                self._new(f"icmp eq i8 {order}, {ord(element.byteorder)}"),
            ]
        )
        if argument.shape:
            lengths = self._load("ptr", given, layout.DIMENSIONS)
            there = [self._load("i64", lengths, 8 * i) for i in range(len(argument.shape))]
            pairs = zip(there, argument.shape, strict=True)
            self._need([self._new(f"icmp eq i64 {found}, {length}") for found, length in pairs])
        return self._load("ptr", given, layout.DATA)

    def _integer(self, given: str, kind: str, place: int) -> str:
        """Find an ``np.int64`` in its object; have CPython unpack an ``int``."""
        slot, inside = self._at("%integers", 8 * place), self._at(given, layout.SCALAR_VALUE)
        numpy = self._new(f"icmp eq ptr {kind}, @int64_type")
        self._put(f"br i1 {numpy}, label %have{place}, label %ask{place}", f"ask{place}:")
        self._need([self._new(f"icmp eq ptr {kind}, @python_int")])
        unpack = "call i64 @PyLong_AsLongLongAndOverflow"
        value = self._new(f"{unpack}(ptr {given}, ptr %overflow)")
        self._put(f"store i64 {value}, ptr {slot}")
        overflow = self._new("load i32, ptr %overflow")
        self._need([self._new(f"icmp eq i32 {overflow}, 0")])
        self._put(f"br label %have{place}", f"have{place}:")
        return self._new(f"select i1 {numpy}, ptr {inside}, ptr {slot}")

    def _give(self) -> None:
        """Make what is returned, have the core fill it in, and return it."""
        results, in_tuple = self._signature.results, self._signature.tuple_result
        if in_tuple:
            # First, so that to drop it is to drop all; a tuple may have empty places.
            self._answer = self._new(f"call ptr @PyTuple_New(i64 {len(results)})")
            self._need([self._new(f"icmp ne ptr {self._answer}, null")], "forget")
        for k, result in enumerate(results):
            data = self._room(k, result)
            self._put(f"store ptr {data}, ptr {self._at('%results', 8 * k)}")
        status = self._core()
        self._need([self._new(f"icmp eq i32 {status}, 0")], self._undo)
        for k, result in enumerate(results):
            if _is_boolean(result):
                self._set(k, self._truth(k))
        self._put(f"ret ptr {self._answer}")

    @property
    def _undo(self) -> str:
        return "failed" if self._answer else "forget"

    def _set(self, k: int, thing: str) -> None:
        if self._signature.tuple_result:
            place = self._at(self._answer, layout.TUPLE_ITEMS + 8 * k)
            self._put(f"store ptr {thing}, ptr {place}")
        else:
            self._answer = thing

    def _room(self, k: int, result: Result) -> str:
        """Return where the core shall write a result."""
        if _is_boolean(result):
            return self._at("%booleans", k)
        made = self._new(self._made(result))
        self._need([self._new(f"icmp ne ptr {made}, null")], self._undo)
        self._set(k, made)
        if result.number:
            return self._at(made, layout.SCALAR_VALUE)
        return self._load("ptr", made, layout.DATA)

    def _truth(self, k: int) -> str:
        value = self._new(f"load i8, ptr {self._at('%booleans', k)}")
        truth = self._new(f"icmp ne i8 {value}, 0")
        either = self._new(f"select i1 {truth}, ptr @True_, ptr @False_")
        self._put(f"call void @Py_IncRef(ptr {either})")
        return either

    def _made(self, result: Result) -> str:
        """Return the call that makes a new scalar or array."""
        if result.number:
            return f"call ptr @{result.dtype}_alloc(ptr @{result.dtype}_type, i64 0)"
        lengths = self._shapes.get(result.shape, "null")
        # NumPy takes over a reference to the dtype.
        self._put(f"call void @Py_IncRef(ptr @{result.dtype}_dtype)")
        what = f"ptr @array_type, ptr @{result.dtype}_dtype, i32 {len(result.shape)}"
        empty = "ptr null, ptr null, i32 0, ptr null"
        return f"call ptr @PyArray_NewFromDescr({what}, ptr {lengths}, {empty})"

    def _core(self) -> str:
        held = self._load("ptr", "%self", layout.TUPLE_ITEMS)
        core = self._load("ptr", held, layout.BYTES_CONTENT)
        constants = self._at(held, layout.BYTES_CONTENT + 8)
        call = f"call i32 {core}(ptr %arguments, ptr %results, ptr {constants})"
        if not self._signature.release_gil:
            return self._new(call)
        self._put("%thread = call ptr @PyEval_SaveThread()")
        status = self._new(call)
        self._put("call void @PyEval_RestoreThread(ptr %thread)")
        return status


def _is_boolean(result: Result) -> bool:
    """Say whether a result is ``np.True_`` or ``np.False_``, of which there are only two."""
    return result.number and result.dtype == "bool"

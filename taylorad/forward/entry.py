"""The door between Python and the sweeps: ``call(algebra, *coefficients, *given)``.

It is called as a built-in function of CPython is (METH_FASTCALL). Its ``self`` is a ``bytes``
object that says which sweep is meant, the first argument one with the fields of the algebra. It
takes arrays of doubles as they come, C-ordered and all of one shape, and gives a new one; given
values may be numbers as well. Of all else it says None, and the caller computes in NumPy. Nothing
here raises but MemoryError.
"""

from __future__ import annotations

from taylorad.forward.convolutions import FIELDS
from taylorad.forward.text import Text
from taylorad.machine import layout

__all__ = ["MOST", "SPECIFICATION", "entry_text"]

SPECIFICATION = ("sweep", "values", "moving", "given", "slots", "arrays", "sums", "checked")
"""What is read of ``self``, 8 bytes each, before the addresses of loops.

See `taylorad.forward.sweep.Sweep` and `taylorad.forward.values.Values`. ``checked`` is 1 if a
result is to be declined that is not finite in degrees 0 and 1.
"""

MOST = 32  # arguments of a kind
TILE = 64  # lanes
LONG = 20_000  # coefficients: from here on other threads may run meanwhile

_DECLARATIONS = "\n".join(
    [
        *(
            f"@{name} = external global i8"
            for name in ("array_type", "float64_dtype", "float64_type", "python_float", "none")
        ),
        "declare ptr @PyArray_NewFromDescr(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)",
        "declare ptr @PyEval_SaveThread()",
        "declare void @PyEval_RestoreThread(ptr)",
        "declare void @Py_IncRef(ptr)",
        "declare void @Py_DecRef(ptr)",
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
        "declare ptr @malloc(i64)",
        "declare void @free(ptr)",
        "",
    ]
)


def entry_text() -> str:
    """Write the function."""
    return f"{_Writer().text}{_DECLARATIONS}"


class _Writer:
    def __init__(self) -> None:
        self.text = text = Text("define ptr @call(ptr %self, ptr %args, i64 %count)")
        self.xs, self.given, xs, values_given, heads = (
            text.let(f"alloca [{MOST} x ptr]") for _ in range(5)
        )
        specification = text.at("%self", layout.BYTES_CONTENT, "i8")
        sweep, values, moving, given, slots, arrays, sums, checked = (
            text.load(specification, i, "ptr" if name in ("sweep", "values") else "i64")
            for i, name in enumerate(SPECIFICATION)
        )
        loops = text.at(specification, len(SPECIFICATION))
        self.algebra = text.at(text.load("%args", 0, "ptr"), layout.BYTES_CONTENT, "i8")
        text.do("call void @Py_IncRef(ptr @none)")  # the answer, most likely, of what declines
        self.accept(moving, given, checked)
        made = self.made()
        y = self.read(made, layout.DATA, "ptr")
        size, width = self.field("size"), self.field("width")
        # Of many lanes some at a time: all their parts then fit the fastest memory.
        self.tile = text.smaller(self.lanes, TILE)
        is_tiled = text.let(f"icmp sgt i64 {self.lanes}, {TILE}")
        self.copied = text.let(f"select i1 {is_tiled}, i64 {size}, i64 0")
        one = text.multiply(size, self.tile)
        copies = text.multiply(text.multiply(self.copied, self.tile), text.add(moving, 1))
        work_room = text.add(
            text.multiply(arrays, one), text.multiply(sums, text.multiply(width, self.tile))
        )
        total = text.add(text.add(work_room, copies), text.multiply(slots, self.tile))
        total = text.add(total, text.multiply(given, self.lanes))
        work = text.let(f"call ptr @malloc(i64 {text.add(text.multiply(total, 8), 8)})")
        self.need(f"icmp ne ptr {work}, null", f"call void @Py_DecRef(ptr {made})")
        inner = text.at(work, work_room)  # the copies: of y, then of the arguments
        values_room = text.at(inner, copies)
        spread = text.at(values_room, text.multiply(slots, self.tile))
        self.point_at_given(moving, given, spread)

        def tile(first: str) -> None:
            lanes = text.smaller(self.tile, text.subtract(self.lanes, first))
            target = text.let(f"select i1 {is_tiled}, ptr {inner}, ptr {y}")

            def argument(i: str) -> None:
                x = text.load(self.xs, i, "ptr")
                copy = text.at(inner, text.multiply(text.add(i, 1), one))
                self.copy(copy, lanes, text.at(x, first), self.lanes, lanes)
                place = text.let(f"select i1 {is_tiled}, ptr {copy}, ptr {x}")
                text.store(place, xs, i, "ptr")

            def value(i: str) -> None:
                x = text.load(self.given, i, "ptr")
                text.store(text.at(x, first), values_given, i, "ptr")

            text.loop(0, moving, argument)
            text.loop(0, given, value)
            single = text.let(f"icmp eq i64 {lanes}, 1")
            ways = [f"ptr {self.field(name, 'ptr')}" for name in ("single", "lanes")]
            convolve = text.let(f"select i1 {single}, {', '.join(ways)}")
            text.do(
                f"call void {values}(i64 {lanes}, ptr {xs}, ptr {values_given}, ptr {loops}, "
                f"ptr {heads}, ptr {values_room})"
            )
            text.do(
                f"call void {sweep}(ptr {self.algebra}, ptr {convolve}, i64 {lanes}, "
                f"ptr {target}, ptr {xs}, ptr {heads}, ptr {work})"
            )
            self.copy(text.at(y, first), self.lanes, inner, lanes, lanes)

        is_long = text.let(f"icmp sgt i64 {text.multiply(size, self.lanes)}, {LONG}")
        thread = text.let("alloca ptr")
        with text.when(is_long):
            text.store(text.let("call ptr @PyEval_SaveThread()"), thread, 0, "ptr")
        text.loop(0, self.lanes, tile, step=TILE)
        with text.when(is_long):
            text.do(f"call void @PyEval_RestoreThread(ptr {text.load(thread, 0, 'ptr')})")
        text.do(f"call void @free(ptr {work})")
        good = self.finite(y, checked)
        answer = text.let(f"select i1 {good}, ptr {made}, ptr @none")
        other = text.let(f"select i1 {good}, ptr @none, ptr {made}")
        text.do(f"call void @Py_DecRef(ptr {other})")
        text.do(f"ret ptr {answer}")

    def copy(self, target: str, step: str, source: str, source_step: str, count: str) -> None:
        """Copy the tile of every coefficient, if there are several tiles."""
        text = self.text
        length = text.multiply(count, 8)

        def coefficient(m: str) -> None:
            to = text.at(target, text.multiply(m, step))
            start = text.at(source, text.multiply(m, source_step))
            text.do(
                f"call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {start}, i64 {length}, i1 false)"
            )

        text.loop(0, self.copied, coefficient)

    def read(self, thing: str, offset: int, kind: str) -> str:
        return self.text.load(self.text.at(thing, offset, "i8"), 0, kind)

    def field(self, name: str, kind: str = "i64") -> str:
        return self.text.load(self.algebra, FIELDS.index(name), kind)

    def need(self, condition: str, *last: str) -> None:
        """Decline unless a condition holds."""
        self.text.leave_unless(self.text.let(condition), *last, "ret ptr @none")

    # --- what is given ---

    def accept(self, moving: str, given: str, checked: str) -> None:
        """Decline what is not as expected; note where the coefficients are."""
        text = self.text
        self.need(f"icmp sge i64 {self.field('order')}, {checked}")
        first = text.load("%args", 1, "ptr")
        self.need_array(first)
        self.rank = text.let(f"sext i32 {self.read(first, layout.NDIM, 'i32')} to i64")
        self.need(f"icmp sge i64 {self.rank}, 1")
        self.shape = self.read(first, layout.DIMENSIONS, "ptr")
        self.need(f"icmp eq i64 {text.load(self.shape, 0, 'i64')}, {self.field('size')}")

        def axis(i: str, total: str) -> list[str]:
            return [text.multiply(total, text.load(self.shape, i, "i64"))]

        (self.lanes,) = text.loop(1, self.rank, axis, ("i64", "1"))
        arguments = text.at("%args", 1, "ptr")

        def argument(i: str) -> None:
            thing = text.load(arguments, i, "ptr")
            self.need_array(thing)
            self.need_shape(thing, 0)
            text.store(self.read(thing, layout.DATA, "ptr"), self.xs, i, "ptr")

        def value(i: str) -> None:
            thing = text.load(text.at(arguments, moving, "ptr"), i, "ptr")
            with text.when(text.let(f"xor i1 {self.is_number(thing)}, true")):
                self.need_array(thing)
                self.need_shape(thing, 1)

        text.loop(0, moving, argument)
        text.loop(0, given, value)

    def is_number(self, thing: str) -> str:
        kind = self.read(thing, layout.TYPE, "ptr")
        ours = [
            self.text.let(f"icmp eq ptr {kind}, @{t}") for t in ("float64_type", "python_float")
        ]
        return self.text.let(f"or i1 {', '.join(ours)}")

    def need_array(self, thing: str) -> None:
        self.need(f"icmp eq ptr {self.read(thing, layout.TYPE, 'ptr')}, @array_type")
        # There may be several dtype objects of doubles: each unpickled array has its own.
        dtype, element = self.read(thing, layout.DTYPE, "ptr"), layout.ELEMENTS["float64"]
        number = self.read(dtype, layout.DTYPE_NUMBER, "i32")
        self.need(f"icmp eq i32 {number}, {element.num}")
        order = self.read(dtype, layout.DTYPE_ORDER, "i8")
        self.need(f"icmp eq i8 {order}, {ord(element.byteorder)}")
        wanted = layout.ALIGNED_AND_C_ORDERED
        flags = self.text.let(f"and i32 {self.read(thing, layout.FLAGS, 'i32')}, {wanted}")
        self.need(f"icmp eq i32 {flags}, {wanted}")

    def need_shape(self, thing: str, skipped: int) -> None:
        """Decline arrays of another shape than the first, whose first axes may be skipped."""
        text = self.text
        rank = text.let(f"sext i32 {self.read(thing, layout.NDIM, 'i32')} to i64")
        self.need(f"icmp eq i64 {rank}, {text.subtract(self.rank, skipped)}")
        shape, wanted = self.read(thing, layout.DIMENSIONS, "ptr"), text.at(self.shape, skipped)

        def axis(i: str) -> None:
            self.need(f"icmp eq i64 {text.load(shape, i, 'i64')}, {text.load(wanted, i, 'i64')}")

        text.loop(0, rank, axis)

    def point_at_given(self, moving: str, given: str, room: str) -> None:
        """Note where given values are; numbers are written out, one for each lane."""
        text = self.text
        things = text.at(text.at("%args", 1, "ptr"), moving, "ptr")

        def value(i: str) -> None:
            thing = text.load(things, i, "ptr")
            one = self.is_number(thing)
            with text.when(one):
                x = self.read(thing, layout.SCALAR_VALUE, "double")
                spread = text.at(room, text.multiply(i, self.lanes))
                text.loop(0, self.lanes, lambda l: text.store(x, spread, l))
                text.store(spread, self.given, i, "ptr")
            with text.when(text.let(f"xor i1 {one}, true")):
                text.store(self.read(thing, layout.DATA, "ptr"), self.given, i, "ptr")

        text.loop(0, given, value)

    # --- what is made ---

    def made(self) -> str:
        """Make the array of the result."""
        text = self.text
        text.do("call void @Py_IncRef(ptr @float64_dtype)")  # NumPy takes over a reference
        rank = text.let(f"trunc i64 {self.rank} to i32")
        made = text.let(
            f"call ptr @PyArray_NewFromDescr(ptr @array_type, ptr @float64_dtype, i32 {rank}, "
            f"ptr {self.shape}, ptr null, ptr null, i32 0, ptr null)"
        )
        exists = text.let(f"icmp ne ptr {made}, null")
        text.leave_unless(exists, "call void @Py_DecRef(ptr @none)", "ret ptr null")
        return made

    def finite(self, y: str, checked: str) -> str:
        """Tell whether the parts of degrees 0 and 1 are finite, if that is to be checked."""
        text = self.text
        last = text.multiply(text.load(self.field("starts", "ptr"), 2, "i64"), self.lanes)

        def entry(e: str, so_far: str) -> list[str]:
            value = text.load(y, e)
            zero = text.let(f"fsub double {value}, {value}")
            good = text.let(f"fcmp oeq double {zero}, 0.0")
            return [text.let(f"and i1 {so_far}, {good}")]

        (good,) = text.loop(0, text.multiply(last, checked), entry, ("i1", "true"))
        return good

"""LLVM text to functions: what is accepted, what is refused, and that nothing leaks or crashes."""

import ctypes
import gc
import math
import os
import pickle
import random
import stat
import subprocess
import sys
import threading
import time
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from taylorad.machine import call, layout, module, objects
from taylorad.machine.call import Argument, Result, Signature, bind, run
from taylorad.machine.features import has_fma, processor
from taylorad.machine.module import build

DOUBLE = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)
VECTOR, NUMBER = Argument("float64", (3,)), Argument("float64", number=True)
WHOLE, WAVE = Argument("int64", number=True), Argument("complex128", number=True)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("TAYLORAD_CACHE", str(folder))
    return folder


@pytest.fixture
def compilations(monkeypatch):
    """Count what is compiled, as opposed to loaded."""
    made, compiled = [], module._compiled
    monkeypatch.setattr(module, "_compiled", lambda *a: made.append(a[0]) or compiled(*a))
    return made


@pytest.fixture(params=["machine", "careful"])
def way(request, monkeypatch):
    """Both ways that a call may go."""
    assert layout.verified()
    if request.param == "careful":
        monkeypatch.setattr(layout, "verified", lambda: False)
    return request.param


def times(factor, name="f"):
    head = f"define double @{name}(double %x) {{\n"
    return f"{head} %y = fmul double %x, {float(factor)}\n ret double %y\n}}\n"


def value(code, x, name="f"):
    # The code is an argument so that it lives until the call is over.
    return DOUBLE(code.address(name))(x)


def core(body, before=""):
    head = "define i32 @core(ptr noalias %arguments, ptr noalias %results, ptr noalias %constants)"
    return f"{before}{head} {{\n{body}\n ret i32 0\n}}\n"


def pointer(name, table, place):
    return (
        f" %{name}_ = getelementptr ptr, ptr %{table}, i64 {place}\n"
        f" %{name} = load ptr, ptr %{name}_\n"
    )


# Doubles three numbers; gives up at the first if it is negative (guard 7).
DOUBLED = """
define i32 @core(ptr noalias %arguments, ptr noalias %results, ptr noalias %constants) {
 %x = load ptr, ptr %arguments
 %y = load ptr, ptr %results
 %v = load <3 x double>, ptr %x, align 8
 %w = fadd <3 x double> %v, %v
 store <3 x double> %w, ptr %y, align 8
 %first = extractelement <3 x double> %v, i64 0
 %bad = fcmp olt double %first, 0.0
 %status = select i1 %bad, i32 7, i32 0
 ret i32 %status
}
"""
DOUBLES = Signature((VECTOR,), (Result("float64", (3,)),))
# Copies 8 bytes of the first argument to the first result.
COPIED = core(
    pointer("x", "arguments", 0)
    + pointer("y", "results", 0)
    + " %v = load i64, ptr %x\n store i64 %v, ptr %y"
)


class Slow:
    """The slow way, which says what it was given."""

    def __call__(self, *args, **keywords):
        return SimpleNamespace(args=args, keywords=keywords)


def same(one, other):
    assert type(one) is type(other)
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    assert one.tobytes() == other.tobytes()


# --- building -----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_build(level):
    text = "declare double @sin(double)\n" + core("").replace("ret i32 0", "ret i32 5")
    text += times(3) + times(4, "inner").replace("define", "define internal")
    text += "define double @g(double %x) {\n %y = call double @sin(double %x)\n ret double %y\n}\n"
    code = build(text, level=level)
    assert value(code, 2.0) == 6.0
    assert value(code, 2.0, "g") == math.sin(2.0)
    assert code.text == text
    assert code.level == level
    assert "@g" in code.optimised()
    assert "sin" in code.assembly()
    with pytest.raises(KeyError):
        code.address("inner")


def test_loops_are_vectorised():
    text = """
define void @f(ptr noalias %x, ptr noalias %y) {
start:
 br label %loop
loop:
 %i = phi i64 [0, %start], [%j, %loop]
 %p = getelementptr double, ptr %x, i64 %i
 %v = load double, ptr %p
 %w = fmul double %v, %v
 %q = getelementptr double, ptr %y, i64 %i
 store double %w, ptr %q
 %j = add nuw nsw i64 %i, 1
 %more = icmp ult i64 %j, 1000
 br i1 %more, label %loop, label %end
end:
 ret void
}
"""
    lanes = processor().vector_bits // 64
    assert f"<{lanes} x double>" in build(text, level=3).optimised()
    for level in (0, 1, 2):
        assert "x double>" not in build(text, level=level).optimised()


@pytest.mark.parametrize(("attribute", "least"), [("alwaysinline", 0), ("inlinehint", 1)])
def test_inline_is_honoured_without_passes(attribute, least):
    text = (
        times(3, "inner").replace("define", "define internal").replace(") {", f") {attribute} {{")
    )
    text += (
        "define double @f(double %x) {\n %y = call double @inner(double %x)\n ret double %y\n}\n"
    )
    for level in (0, 1, 2, 3):
        code = build(text, level=level)
        assert ("call" in code.optimised()) == (level < least)
        assert value(code, 2.0) == 6.0


def test_symbols_by_address():
    callback = DOUBLE(lambda x: x + 1)
    other = DOUBLE(lambda x: x + 2)
    text = "declare double @mine(double)\n" + times(1).replace(
        "fmul double %x, 1.0", "call double @mine(double %x)"
    )
    codes = [
        build(text, symbols={"mine": ctypes.cast(f, ctypes.c_void_p).value})
        for f in (callback, other)
    ]
    assert [value(code, 1.0) for code in codes] == [2.0, 3.0]


def test_bad_text_raises():
    with pytest.raises(RuntimeError, match="parsing error"):
        build("define nonsense")
    with pytest.raises(RuntimeError):
        build("define double @f(double %x) {\n ret double %later\n %later = fneg double %x\n}")


def test_code_dies_when_unused(compilations):
    code = build(times(11))
    assert build(times(11)) is code
    dead = weakref.ref(code)
    del code
    assert dead() is None
    build(times(11))
    assert len(compilations) == 1


def test_threads_build_at_once(compilations):
    found, start = [], threading.Barrier(8)

    def work(i):
        start.wait()
        for k in range(5):
            code = build(times(100 + k), level=i % 2)
            found.append((k, value(code, 1.0), code))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40
    assert all(value == 100 + k for k, value, _ in found)
    assert len({id(code) for _, _, code in found}) == len(compilations) == 10


# --- object code on disk ------------------------------------------------------------------------


def test_loaded_from_disk(cache, compilations):
    for _ in range(3):  # the code dies in between
        assert value(build(times(5)), 2.0) == 10.0
    assert len(compilations) == 1
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert [path.suffix for path in cache.iterdir()] == [".object"]
    build(times(5), level=0)
    build(times(6))
    assert len(compilations) == 3


def test_second_process_does_not_compile(cache):
    code = f"""
import ctypes
from taylorad.machine import module
made, compiled = [], module._compiled
module._compiled = lambda *a: made.append(a) or compiled(*a)
code = module.build({times(7)!r})
print(ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(code.address("f"))(2.0), len(made))
"""
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert [run.stdout.split() for run in runs] == [["14.0", "1"], ["14.0", "0"]]


def damage_digest(content):
    return content[:40] + b"\x00" * 8 + content[48:]


def swap(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    "harm",
    [lambda c: b"", lambda c: c[:10], lambda c: c[:-100], swap, damage_digest, lambda c: c * 2],
)
def test_damaged_file_is_compiled_anew(cache, compilations, harm):
    build(times(5))
    (path,) = cache.iterdir()
    path.write_bytes(harm(path.read_bytes()))
    for _ in range(2):
        assert value(build(times(5)), 2.0) == 10.0
    assert len(compilations) == 2


def test_another_key_s_code_is_not_taken(cache, compilations):
    build(times(5))
    (path,) = cache.iterdir()
    content = path.read_bytes()
    path.unlink()
    build(times(6))
    (path,) = cache.iterdir()
    path.write_bytes(content)
    assert value(build(times(6)), 2.0) == 12.0
    assert len(compilations) == 3


def test_no_cache_where_none_is_wanted_or_safe(cache, tmp_path, monkeypatch, compilations):
    monkeypatch.setenv("TAYLORAD_CACHE", "")
    assert objects.folder() is None
    build(times(5))
    build(times(5))
    assert len(compilations) == 2
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    blocked = tmp_path / "file"
    blocked.write_text("")
    for path in (open_to_all, blocked, blocked / "below"):
        monkeypatch.setenv("TAYLORAD_CACHE", str(path))
        assert objects.folder() is None
        assert value(build(times(5)), 1.0) == 5.0
    assert not list(open_to_all.iterdir())


def test_file_that_others_may_write_is_not_linked(cache, compilations):
    build(times(5))
    (path,) = cache.iterdir()
    path.chmod(0o666)
    build(times(5))
    assert len(compilations) == 2


def test_standard_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("TAYLORAD_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "standard"))
    if sys.platform == "linux":
        assert objects.folder() == tmp_path / "standard" / "taylorad"
        monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
        assert objects.folder() is None


def test_least_recently_used_go_first(cache, monkeypatch):
    monkeypatch.setattr(objects, "LARGEST", 10_000)
    keys = [f"{k:064x}" for k in range(12)]
    for age, key in enumerate(keys[:8]):
        objects.store(key, bytes(1000))
        os.utime(cache / f"{key}.object", (age, age))
    assert objects.load(keys[0]) == bytes(1000)  # used just now
    left, theirs = cache / f"{keys[0]}.abc_1.part", cache / "notes.txt"
    for path in (left, theirs):
        path.write_bytes(bytes(5000))
        os.utime(path, (0, 0))
    for key in keys[8:]:
        objects.store(key, bytes(1000))
    objects._make_room(cache)
    assert not left.exists()
    assert theirs.exists()
    kept = [key for key in keys if objects.load(key)]
    assert kept == [keys[0], *keys[-len(kept) + 1 :]]
    assert 5 <= len(kept) <= 7


# --- the processor ------------------------------------------------------------------------------


def test_processor_can_be_held_back(monkeypatch, compilations):
    for name, bits in [("generic", 128), ("avx2", 256), ("native", 512)]:
        monkeypatch.setenv("TAYLORAD_CPU", name)
        assert processor().vector_bits <= bits
        assert value(build(times(5)), 2.0) == 10.0
    assert len(compilations) == len({processor()} | {1, 2})
    monkeypatch.setenv("TAYLORAD_CPU", "generic")
    assert has_fma() == (not processor().cpu.startswith("x86"))


def test_all_works_on_a_generic_processor():
    code = f"""
import numpy as np
from taylorad.machine.call import *
from taylorad.machine.module import build
sig = Signature((Argument("float64", (3,)),), (Result("float64", (3,)),))
for level in range(4):
    code = build({DOUBLED!r}, level=level)
    assert "mm1" not in code.assembly().replace("xmm1", "")
    print(bind(code, sig, [], print, "f")(np.array([1.0, 2.0, 3.0])))
"""
    environment = os.environ | {"TAYLORAD_CPU": "generic"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "[2. 4. 6.]\n" * 4


# --- calls --------------------------------------------------------------------------------------


def test_call(way):
    f = bind(build(DOUBLED), DOUBLES, [], Slow(), "twice")
    x = np.array([1.0, 2.0, 3.0])
    one, other = f(x), f(x)
    same(one, 2 * x)
    assert one is not other
    assert not np.shares_memory(one, other)
    assert one.flags.c_contiguous
    assert one.flags.owndata
    assert one.flags.writeable
    assert f.__name__ == "twice"
    assert (type(f).__name__ == "builtin_function_or_method") == (way == "machine")
    assert f(-x).args[0][0] == -1.0  # the guard


def test_as_a_type_s_call():
    f = bind(build(DOUBLED), DOUBLES, [], Slow(), "twice")
    thing = type("Thing", (), {"__call__": f})()
    same(thing(np.ones(3)), np.full(3, 2.0))


class Sub(np.ndarray):
    pass


ODD = [
    np.zeros(3, ">f8"),
    np.zeros(3, "f4"),
    np.zeros(3, int),
    np.zeros(3, complex),
    np.zeros(3, object),
    np.zeros(3, "m8[s]"),
    np.zeros(3, [("a", "f8")]),
    np.zeros(4),
    np.zeros((1, 3)),
    np.zeros(()),
    np.zeros(6)[::2],
    np.zeros((3, 3))[:, 0],
    np.frombuffer(bytes(25), dtype="f8", count=3, offset=1),
    np.zeros(3).view(Sub),
    np.ma.zeros(3),
    np.broadcast_to(1.0, (3,)),
    np.float64(1),
    [0.0, 0.0, 0.0],
    (1, 2, 3),
    None,
    3,
    1.5,
    "abc",
    np.ndarray,
    {},
]


@pytest.mark.parametrize("place", range(len(ODD)))
def test_what_does_not_fit_goes_the_slow_way(way, place):
    f = bind(build(DOUBLED), DOUBLES, [], Slow(), "f")
    answer = f(ODD[place])
    assert answer.args == (ODD[place],) or answer.args[0] is ODD[place]
    assert answer.keywords == {}


def test_counts_and_keywords_go_the_slow_way(way):
    f = bind(build(DOUBLED), DOUBLES, [], Slow(), "f")
    x = np.ones(3)
    assert f() == SimpleNamespace(args=(), keywords={})
    assert [arg is x for arg in f(x, x).args] == [True, True]
    assert f(x=1) == SimpleNamespace(args=(), keywords={"x": 1})
    assert list(f(x, y=2).keywords) == ["y"]
    assert f(*[1] * 50).args == (1,) * 50


def test_the_slow_way_may_raise(way):
    def slow(*args):
        raise LookupError("said by slow")

    f = bind(build(DOUBLED), DOUBLES, [], slow, "f")
    for _ in range(3):
        with pytest.raises(LookupError, match="said by slow"):
            f(None)
    same(f(np.ones(3)), np.full(3, 2.0))


def test_same_dtype_by_another_name(way):
    # An unpickled array has a dtype of its own, which is not the one NumPy has ready.
    x = pickle.loads(pickle.dumps(np.array([1.0, 2.0, 3.0])))
    f = bind(build(DOUBLED), DOUBLES, [], Slow(), "f")
    same(f(x), 2 * x)
    y = np.array([1.0, 2.0, 3.0], np.dtype("f8", metadata={"a": 1}))
    same(f(y), 2 * x)
    y.flags.writeable = False
    same(f(y), 2 * x)


@pytest.mark.parametrize(
    ("argument", "good", "bad"),
    [
        (NUMBER, [2.5, np.float64(2.5), math.nan], [2, True, np.float32(1), np.array(2.5), 1j]),
        (WAVE, [], [2.5, 1]),
        (WHOLE, [5, -(2**63), 2**63 - 1, np.int64(-9)], [2**63, -(2**63) - 1, 1.0, True, "1"]),
    ],
)
def test_numbers(way, argument, good, bad):
    result = Result(argument.dtype, (), True)
    f = bind(build(COPIED), Signature((argument,), (result,)), [], Slow(), "f")
    for value in good:
        same(f(value), np.dtype(argument.dtype).type(value))
    for value in [*bad, None, type("F", (float,), {})(1.0), np.zeros(())]:
        assert f(value).args[0] is value


def test_complex_numbers(way):
    half = " %{0} = getelementptr double, ptr %{1}, i64 1\n"
    text = core(
        pointer("x", "arguments", 0)
        + pointer("y", "results", 0)
        + half.format("xi", "x")
        + half.format("yi", "y")
        + " %a = load double, ptr %x\n %b = load double, ptr %xi\n"
        + " store double %b, ptr %y\n store double %a, ptr %yi"
    )
    f = bind(build(text), Signature((WAVE,), (Result("complex128", (), True),)), [], Slow(), "f")
    for value in (1 + 2j, np.complex128(1 + 2j)):
        same(f(value), np.complex128(2 + 1j))


@pytest.mark.parametrize("in_tuple", [False, True])
def test_booleans(way, in_tuple):
    text = core(
        pointer("x", "arguments", 0)
        + pointer("y", "results", 0)
        + " %v = load double, ptr %x\n %b = fcmp ogt double %v, 1.0\n"
        + " %c = zext i1 %b to i8\n store i8 %c, ptr %y"
    )
    signature = Signature((NUMBER,), (Result("bool", (), True),), in_tuple)
    f = bind(build(text), signature, [], Slow(), "f")
    answers = [f(x)[0] if in_tuple else f(x) for x in (0.5, 1.5)]
    assert answers[0] is np.False_
    assert answers[1] is np.True_


@pytest.mark.parametrize("dtype", ["float64", "complex128", "int64", "bool"])
@pytest.mark.parametrize("shape", [(), (1,), (0,), (4, 0, 2), (2, 3), (1, 2, 1, 2)])
def test_shapes_and_kinds(way, dtype, shape):
    size = np.zeros(shape, dtype).nbytes
    move = f" call void @llvm.memcpy.p0.p0.i64(ptr %y, ptr %x, i64 {size}, i1 false)"
    text = core(
        pointer("x", "arguments", 0) + pointer("y", "results", 0) + move,
        "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)\n",
    )
    signature = Signature((Argument(dtype, shape),), (Result(dtype, shape),))
    f = bind(build(text, level=3), signature, [], Slow(), "f")
    x = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    same(f(x), x)
    if x.ndim:
        assert f(x.reshape(1, *shape)).args
    if x.ndim > 1 and x.size and x.T.shape != shape:
        assert f(x.T).args


def test_many_arguments_results_and_constants(way):
    constants = [np.array([1.0, 2.0]), np.array([[10.0, 20.0], [30.0, 40.0]])[:, 0]]
    body = "".join(pointer(f"y{r}", "results", r) for r in range(3))
    sources = [("arguments", 0), ("arguments", 1), ("constants", 0), ("constants", 1)]
    total = ["zeroinitializer"]
    for k, (table, i) in enumerate(sources):
        body += pointer(f"x{k}", table, i) + f" %v{k} = load <2 x double>, ptr %x{k}, align 8\n"
        body += f" %s{k} = fadd <2 x double> {total[-1]}, %v{k}\n"
        total.append(f"%s{k}")
    body += f" store <2 x double> {total[-1]}, ptr %y0, align 8\n"
    body += f" %e = extractelement <2 x double> {total[-1]}, i64 1\n"
    body += " store double %e, ptr %y1\n store double %e, ptr %y2"
    results = (Result("float64", (2,)), Result("float64", (), True), Result("float64", ()))
    signature = Signature((Argument("float64", (2,)),) * 2, results, tuple_result=True)
    f = bind(build(core(body)), signature, constants, Slow(), "f")
    del constants
    gc.collect()
    a, b = np.array([100.0, 200.0]), np.array([1000.0, 2000.0])
    vector, scalar, point = f(a, b)
    same(vector, np.array([1111.0, 2232.0]))
    same(scalar, np.float64(2232.0))
    same(point, np.array(2232.0))
    assert f(a, b, a).args
    assert type(f(a, b)) is tuple


def test_no_arguments_no_results(way):
    f = bind(build(core("")), Signature((), (), tuple_result=True), [], Slow(), "f")
    assert f() == ()
    assert f(1).args == (1,)


@pytest.mark.parametrize("shape", [(2**46,), (2**40, 2**40)])
@pytest.mark.parametrize("in_tuple", [False, True])
def test_no_memory_goes_the_slow_way(way, shape, in_tuple):
    results = (Result("float64", (3,)), Result("float64", shape))[not in_tuple :]
    f = bind(build(DOUBLED), Signature((VECTOR,), results, in_tuple), [], Slow(), "f")
    x = np.ones(3)
    before = sys.getrefcount(x)
    assert f(x).args[0] is x
    assert sys.getrefcount(x) == before


def test_signature_is_checked():
    for bad in (
        lambda: Argument("float32", (3,)),
        lambda: Argument("float64", (3,), number=True),
        lambda: Argument("bool", (), number=True),
        lambda: Result("object"),
        lambda: Signature((), ()),
        lambda: Signature((), (Result("float64"),) * 2),
    ):
        with pytest.raises(ValueError, match=" "):
            bad()


# --- one careful call ---------------------------------------------------------------------------


def test_run():
    code, x = build(DOUBLED), np.array([1.0, 2.0, 3.0])
    same(run(code, DOUBLES, [], [x])[0], 2 * x)
    same(run(code, DOUBLES, [], [np.array([x, x]).T[:, 0]])[0], 2 * x)
    assert run(code, DOUBLES, [], [-x]) == 7
    out = np.zeros(3)
    assert run(code, DOUBLES, [], [x], out=[out])[0] is out
    same(out, 2 * x)
    number = Signature((NUMBER,), (Result("float64", (), True),))
    same(run(build(COPIED), number, [], [2.5])[0], np.float64(2.5))


@pytest.mark.parametrize(
    ("arguments", "out", "error"),
    [
        ([], None, TypeError),
        ([np.zeros(4)], None, ValueError),
        ([np.zeros(3, int)], None, ValueError),
        ([np.zeros(3)], [], TypeError),
        ([np.zeros(3)], [np.zeros(4)], ValueError),
        ([np.zeros(3)], [np.zeros(6)[::2]], ValueError),
        ([np.zeros(3)], [np.broadcast_to(0.0, 3)], ValueError),
        ([ODD[0]], None, ValueError),
    ],
)
def test_run_refuses(arguments, out, error):
    with pytest.raises(error):
        run(build(DOUBLED), DOUBLES, [], arguments, out=out)


def test_run_refuses_overlap():
    x = np.zeros(5)
    with pytest.raises(ValueError, match="overlaps"):
        run(build(DOUBLED), DOUBLES, [], [x[:3]], out=[x[2:]])


# --- memory and threads -------------------------------------------------------------------------


def test_references_do_not_drift():
    results = (Result("float64", (), True), Result("float64", (3,)), Result("bool", (), True))
    body = "".join(pointer(f"y{r}", "results", r) for r in range(3))
    body += pointer("x", "arguments", 0) + " %v = load double, ptr %x\n"
    body += " store double %v, ptr %y0\n store double %v, ptr %y1\n store i8 1, ptr %y2"
    fails = core(body).replace("ret i32 0", "ret i32 3")
    signature = Signature((VECTOR, NUMBER, WHOLE), results, tuple_result=True)
    x, c, n, i, slow = np.ones(3), np.ones(3), 2.5, 12345678, lambda *args: None
    good, bad = (bind(build(text), signature, [c], slow, "f") for text in (core(body), fails))
    one = bind(build(DOUBLED), DOUBLES, [], slow, "f")
    watched = [x, c, n, i, slow, np.dtype("f8"), np.float64, np.True_, good, bad, one, None]

    def counts():
        return [sys.getrefcount(thing) for thing in watched]

    def calls(count):
        for _ in range(count):
            good(x, n, i)
            bad(x, n, i)
            good(x, n, n)
            one(x)

    calls(10)
    before, blocks = counts(), sys.getallocatedblocks()
    calls(25_000)
    assert [abs(a - b) < 100 for a, b in zip(counts(), before, strict=True)] == [True] * 12
    assert abs(sys.getallocatedblocks() - blocks) < 1000


def test_a_function_takes_its_memory_with_it(way):
    big = np.zeros((64, 1024))
    code = build(DOUBLED)
    f = bind(code, DOUBLES, [big], Slow(), "f")
    dead = [weakref.ref(thing) for thing in (big, code)]
    del big, code
    gc.collect()
    assert all(ref() is not None for ref in dead)
    same(f(np.ones(3)), np.full(3, 2.0))
    del f
    gc.collect()
    assert [ref() for ref in dead] == [None, None]


def test_cycles_are_collected(way):
    class Owner:
        def slow(self, *args):
            return None

    owner = Owner()
    owner.function = bind(build(DOUBLED), DOUBLES, [], owner.slow, "f")
    dead = weakref.ref(owner)
    del owner
    gc.collect()
    assert dead() is None


def test_a_function_may_drop_itself_while_it_runs():
    holder = {}

    def slow(*args):
        holder.clear()
        gc.collect()
        return "gone"

    holder["f"] = bind(build(DOUBLED), DOUBLES, [], slow, "f")
    assert holder["f"](None) == "gone"


def test_other_threads_run_meanwhile(way):
    # Waits, for a while, for somebody to write into its argument; says how long it waited.
    text = """
define i32 @core(ptr %arguments, ptr %results, ptr %constants) {
start:
 %x = load ptr, ptr %arguments
 %y = load ptr, ptr %results
 br label %wait
wait:
 %i = phi i64 [0, %start], [%j, %wait]
 %j = add i64 %i, 1
 %v = load volatile i64, ptr %x
 %set = icmp ne i64 %v, 0
 %late = icmp uge i64 %j, 20000000000
 %stop = or i1 %set, %late
 br i1 %stop, label %end, label %wait
end:
 store i64 %j, ptr %y
 ret i32 0
}
"""
    vector, number = Argument("int64", (1,)), Result("int64", (), True)
    f = bind(build(text), Signature((vector,), (number,), release_gil=True), [], Slow(), "f")
    flag, waited = np.zeros(1, np.int64), []
    threads = [threading.Thread(target=lambda: waited.append(f(flag))) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    flag[0] = 1
    for thread in threads:
        thread.join()
    assert len(waited) == 4
    assert max(waited) < 20_000_000_000


def test_both_ways_agree_on_anything(monkeypatch):
    rng = random.Random(0)
    things = [*ODD, np.ones(3), np.arange(3.0), 2.5, np.float64(3.5), 7, np.int64(8), -(2**70), 1j]
    signatures = [
        (DOUBLED, DOUBLES),
        (COPIED, Signature((NUMBER,), (Result("float64", (), True),), tuple_result=True)),
        (COPIED, Signature((WHOLE, NUMBER), (Result("int64"),))),
        (DOUBLED, Signature((VECTOR, WHOLE, VECTOR), (Result("float64", (3,)),), True, True)),
        (COPIED, Signature((VECTOR, NUMBER), (Result("float64", (), True),))),
    ]
    for text, signature in signatures:
        code, slow = build(text), Slow()
        fast = bind(code, signature, [], slow, "f")
        with monkeypatch.context() as patch:
            patch.setattr(layout, "verified", lambda: False)
            careful = bind(code, signature, [], slow, "f")
        accepted = 0
        for _ in range(2000):
            count = len(signature.arguments) if rng.random() < 0.95 else rng.randrange(5)
            # Any of all things, or one of those that some signature takes.
            args = [
                rng.choice(things if rng.random() < 0.2 else things[-8:-2]) for _ in range(count)
            ]
            keywords = {"k": 1} if rng.random() < 0.02 else {}
            one, other = fast(*args, **keywords), careful(*args, **keywords)
            assert type(one) is type(other)
            if isinstance(one, SimpleNamespace):
                assert len(one.args) == len(args)
                assert all(map(lambda a, b: a is b, one.args, args))
                assert one.keywords == other.keywords == keywords
                continue
            accepted += 1
            pairs = zip(one, other, strict=True) if signature.tuple_result else [(one, other)]
            for pair in pairs:
                same(*pair)
        assert accepted > 20


def test_layout_says_no_when_things_are_elsewhere(monkeypatch):
    check = layout.verified.__wrapped__
    assert check()
    for name in ("NDIM", "DATA", "DTYPE", "FLAGS", "DTYPE_NUMBER", "DTYPE_ORDER", "TUPLE_ITEMS"):
        with monkeypatch.context() as patch:
            patch.setattr(layout, name, getattr(layout, name) + (8 if name != "FLAGS" else -8))
            assert not check(), name
    with monkeypatch.context() as patch:
        patch.setattr(layout.platform, "python_implementation", lambda: "PyPy")
        assert not check()


def test_careful_way_has_no_entry(monkeypatch):
    monkeypatch.setattr(layout, "verified", lambda: False)
    monkeypatch.setattr(call, "entry_text", lambda signature: pytest.fail("not needed"))
    assert bind(build(DOUBLED), DOUBLES, [], Slow(), "f")(np.ones(3)).sum() == 6.0

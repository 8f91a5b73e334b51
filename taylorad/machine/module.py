"""LLVM text to machine code in this process.

`build` compiles a text at one of four levels of effort and links the object code. Object code is
found on disk if this or another process made it before (`taylorad.machine.objects`), and a text
whose code is alive in this process is not even linked twice. Where it is known beforehand what a
text will say, it need not be written for its code to be found (`Recipe`).
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import llvmlite
import llvmlite.binding as llvm

from taylorad.machine import objects
from taylorad.machine.features import Processor, processor

__all__ = ["SOURCES", "Code", "Recipe", "arrive", "build", "find", "parcel"]


class Effort(NamedTuple):
    """What a level spends."""

    selection: int  # LLVM's level for choosing instructions and registers
    passes: int | None = None  # its level for passes over the text, None for none
    variables: bool = False  # whether variables in the frame become registers
    hints: bool = True  # whether functions are inlined that had better be


EFFORTS = {
    # Huge straight-line code: time linear in its length, everything goes through the stack.
    0: Effort(0, hints=False),
    # Straight-line code: what writes the text has done what the passes could do.
    1: Effort(1),
    # Loops whose text is on vectors.
    2: Effort(1, variables=True),
    # Loops that LLVM is to vectorise, which takes longer than all the rest.
    3: Effort(1, passes=2),
}

VERIFIES_ALL = False
"""Whether LLVM verifies texts of recipes before it makes code of them at level 0, too.

Tests have it do so. What writes them is ours, what LLVM has parsed is right but for the order of
its instructions, and it would be a twentieth of the time to the first step.
"""

# LLVM itself is called by one thread at a time (llvmlite sees to that); this keeps two threads
# from making the same code twice.
_LOCK = threading.RLock()
_LIVING: WeakValueDictionary[tuple[Any, ...], Code] = WeakValueDictionary()
# Starts with a constant, which is found ten times as fast as any other start of a line.
_DEFINED = re.compile(r"\ndefine (?!internal |private )[^@\n]*@([-\w.$]+)\(")
_JIT_LINK = sys.platform != "win32"  # LLVM's newer linker, which does not know COFF well


@dataclass(frozen=True)
class Recipe:
    """A text that is written only if there is no code of it.

    Attributes
    ----------
    about : str
        All that the text follows from, the code of this library apart.
    write : callable
        Gives the text.
    names : tuple of str
        What the text defines for others.
    """

    about: str
    write: Callable[[], str]
    names: tuple[str, ...]


class Code:
    """Machine code, which lives as long as this object; `build` makes it.

    Attributes
    ----------
    text : str
        The LLVM text it was made of.
    level : int
        The effort spent.
    size : int
        Bytes of object code.
    """

    def __init__(
        self,
        key: str,
        write: Callable[[], str],
        level: int,
        target: Processor,
        library: Any,
        size: int,
    ) -> None:
        self._key, self._write = key, write
        self.level = level
        self.size = size
        self._target = target
        self._library = library

    @cached_property
    def text(self) -> str:
        return self._write()

    def address(self, name: str) -> int:
        """Return the address of a function that the text defines."""
        return int(self._library[name])

    def optimised(self) -> str:
        """Return the text as it is after the passes."""
        with _LOCK:
            return str(_optimised(self.text, self.level, self._target))

    def assembly(self) -> str:
        """Return the assembly of the code."""
        with _LOCK:
            module = _optimised(self.text, self.level, self._target)
            return str(_machine(self.level, self._target).emit_assembly(module))


def build(text: str | Recipe, *, level: int = 1, symbols: Mapping[str, int] | None = None) -> Code:
    """Make machine code of LLVM text.

    Parameters
    ----------
    text : str or Recipe
        Functions in LLVM's language, without target triple and data layout. Those that are
        ``alwaysinline`` are inlined at every level, those that are ``inlinehint`` from 1 on.
    level : {0, 1, 2, 3}
        0: the fastest to compile, for huge straight-line code. 1: straight-line code.
        2: loops on vectors, with variables. 3: loops that LLVM is to vectorise.
    symbols : mapping of str to int, optional
        Addresses of what the text declares and the process does not export by name. They are not
        part of the key on disk: put no address into the text.

    Returns
    -------
    Code
        The functions of the text that are neither internal nor private.
    """
    target, symbols = processor(), symbols or {}
    key = _key(text, level, target)
    with _LOCK:
        code = _found(key, text, level, symbols)
        if code is None:
            written = text if isinstance(text, str) else text.write()
            is_trusted = isinstance(text, Recipe) and level == 0 and not VERIFIES_ALL
            image = _compiled(written, level, target, is_trusted)
            objects.store(key, image)
            code = _alive(key, text, level, symbols, image, lambda: written)
    return code


def find(
    text: str | Recipe, *, level: int = 1, symbols: Mapping[str, int] | None = None
) -> Code | None:
    """Give the machine code that `build` would give if that has been made before; else None."""
    with _LOCK:
        return _found(_key(text, level, processor()), text, level, symbols or {})


def parcel(code: Code) -> tuple[str, bytes] | None:
    """Give object code for the way to another process, if it is on disk."""
    image = objects.load(code._key)
    return None if image is None else (code._key, image)


def arrive(sent: tuple[str, bytes] | None) -> None:
    """Keep object code that another process sent: here `build` finds it, if it has use for it.

    It has if processor, versions and files of this library are the same there.
    """
    if sent is not None and objects.load(sent[0]) is None:
        objects.store(*sent)


def _found(key: str, text: str | Recipe, level: int, symbols: Mapping[str, int]) -> Code | None:
    code = _LIVING.get((key, *sorted(symbols.items())))
    if code is None and (image := objects.load(key)) is not None:
        write = text.write if isinstance(text, Recipe) else lambda: text
        code = _alive(key, text, level, symbols, image, write)
    return code


def _alive(
    key: str,
    text: str | Recipe,
    level: int,
    symbols: Mapping[str, int],
    image: bytes,
    write: Callable[[], str],
) -> Code:
    """Link object code, and remember it for as long as it is used."""
    names = text.names if isinstance(text, Recipe) else _DEFINED.findall(f"\n{text}")
    code = Code(key, write, level, processor(), _linked(image, names, symbols), len(image))
    _LIVING[(key, *sorted(symbols.items()))] = code
    return code


def _key(text: str | Recipe, level: int, target: Processor) -> str:
    about = _about(level, target)
    if isinstance(text, Recipe):
        about, text = f"{about}\n{SOURCES}", text.about
    return sha256(f"{about}\n{text}".encode()).hexdigest()


@cache
def _about(level: int, target: Processor) -> str:
    """Say what code is made by, and what for."""
    ours = getattr(sys.modules[__name__.partition(".")[0]], "__version__", "")
    versions = (ours, llvmlite.__version__, llvm.llvm_version_info, sys.platform)
    return repr((versions, level, EFFORTS[level], target, _JIT_LINK))


def _stamps(folder: str) -> Iterator[tuple[str, int, int]]:
    """Tell the files of a folder apart from what they were before, and may be later."""
    if not os.path.isdir(folder):  # of a package that was imported from an archive
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                about = entry.stat()
                yield entry.path, about.st_size, about.st_mtime_ns
            elif "." not in entry.name and entry.name != "__pycache__":
                yield from _stamps(entry.path)


SOURCES = sha256(repr(sorted(_stamps(str(Path(__file__).parents[1])))).encode()).hexdigest()
"""This library, as it is when it is imported: what writes texts is part of it."""


def _compiled(text: str, level: int, target: Processor, is_trusted: bool = False) -> bytes:
    module = _optimised(text, level, target, is_trusted)
    return bytes(_machine(level, target).emit_object(module))


def _optimised(text: str, level: int, target: Processor, is_trusted: bool = False) -> Any:
    machine, effort = _machine(level, target), EFFORTS[level]
    if effort.hints:
        text = text.replace("inlinehint", "alwaysinline")
    head = f'target triple = "{machine.triple}"\ntarget datalayout = "{machine.target_data}"\n'
    module = llvm.parse_assembly(head + text, llvm.create_context())
    if not is_trusted:
        module.verify()
    if effort.passes is not None:
        builder = _passes(machine, effort.passes)
        builder.getModulePassManager().run(module, builder)
        return module
    is_inlined = "alwaysinline" in text  # which would be passed over in silence
    if is_inlined or effort.variables:
        manager = llvm.create_new_module_pass_manager()
        if is_inlined:
            manager.add_always_inliner_pass()
        if effort.variables:
            manager.add_sroa_pass()
        manager.run(module, _passes(machine, 0))
    return module


def _passes(machine: Any, level: int) -> Any:
    options = llvm.create_pipeline_tuning_options(level)
    options.loop_vectorization = options.slp_vectorization = True
    options.loop_interleaving = options.loop_unrolling = False
    return llvm.create_pass_builder(machine, options)


@cache
def _machine(level: int, target: Processor) -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=target.cpu,
        features=target.features,
        opt=EFFORTS[level].selection,
        reloc="pic",
        # The newer linker lays a library out in one piece; the older may spread it over memory.
        codemodel="small" if _JIT_LINK else "large",
    )


class _Linker:
    """LLVM's linker, renewed now and then.

    It never forgets the name of a library, even unloaded (10 kB each). A linker lives as long as
    some library of its own does, so with few libraries to each this is bounded.
    """

    def __init__(self) -> None:
        self._linker: Any = None
        self._linked = 0

    def link(self, library: Any) -> Any:
        if self._linked % 64 == 0:
            machine = _machine(1, processor())
            self._linker = llvm.create_lljit_compiler(machine, use_jit_link=_JIT_LINK)
        self._linked += 1
        return library.link(self._linker, f"taylorad{self._linked}")


_LINKER = _Linker()


def _linked(image: bytes, names: Sequence[str], symbols: Mapping[str, int]) -> Any:
    library = llvm.JITLibraryBuilder().add_object_img(image).add_current_process()
    for name, address in symbols.items():
        library.import_symbol(name, address)
    for name in names:
        library.export_symbol(name)
    return _LINKER.link(library)

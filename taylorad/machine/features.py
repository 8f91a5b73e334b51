"""Which instructions the processor has, and how many of them we use.

``TAYLORAD_CPU`` may hold them back, so that a test sees what an older processor would run:
``native`` (the default), ``avx2`` (x86-64-v3) or ``generic`` (what every processor of the
architecture has).
"""

from __future__ import annotations

import os
from functools import cache
from typing import NamedTuple

import llvmlite.binding as llvm

__all__ = ["Processor", "has_fma", "processor"]


class Processor(NamedTuple):
    """A processor as LLVM names it."""

    cpu: str
    features: str
    fma: bool
    vector_bits: int


def processor() -> Processor:
    """Return what code is made for now: the processor we run on, or less if told so."""
    return _processor(os.environ.get("TAYLORAD_CPU", "native"))


def has_fma() -> bool:
    """Say whether ``llvm.fma`` is an instruction; if not it is a slow call of libm."""
    return processor().fma


@cache
def _processor(wanted: str) -> Processor:
    triple = llvm.get_process_triple()
    x86 = triple.startswith(("x86_64", "amd64"))
    have = llvm.get_host_cpu_features()
    avx2 = x86 and all(have.get(name, False) for name in ("avx2", "fma", "bmi2", "f16c", "movbe"))
    if wanted == "generic" or (wanted == "avx2" and not avx2):
        return Processor("x86-64" if x86 else "generic", "", fma=not x86, vector_bits=128)
    if wanted == "avx2":
        return Processor("x86-64-v3", "", fma=True, vector_bits=256)
    bits = 512 if x86 and have.get("avx512f", False) else 256 if avx2 else 128
    # Several processors with wide registers are tuned for half of them, out of a caution that
    # number crunching does not need.
    features = have.flatten() + (",-prefer-256-bit" if bits == 512 else "")
    fma = bool(have.get("fma", False)) if x86 else True
    return Processor(llvm.get_host_cpu_name(), features, fma, bits)

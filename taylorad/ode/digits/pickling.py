"""Pickling mpmath's numbers with all their digits: mpmath itself may round them when it reads."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import mpmath
import numpy as np

__all__ = ["exactly"]


class _Number:
    """Stands for a number in a pickle, and is that number when it is read."""

    def __init__(self, make: Any, raw: Any) -> None:
        self.make, self.raw = make, raw

    def __reduce__(self) -> Any:
        return self.make, (self.raw,)


def _real(raw: Any) -> Any:
    return mpmath.mp.make_mpf(raw)


def _complex(raw: Any) -> Any:
    return mpmath.mp.make_mpc(raw)


def exactly(x: Any) -> Any:
    """Give what pickles as x does, but mpmath's numbers in it exactly.

    They are looked for in tuples, lists, dicts, object arrays and dataclasses.
    """
    if isinstance(x, mpmath.mpf):
        return _Number(_real, x._mpf_)
    if isinstance(x, mpmath.mpc):
        return _Number(_complex, x._mpc_)
    if isinstance(x, np.ndarray) and x.dtype == object:
        found = np.empty(x.shape, object)
        found.ravel()[:] = [exactly(entry) for entry in x.flat]
        return found
    if type(x) in (tuple, list):
        return type(x)(exactly(entry) for entry in x)
    if type(x) is dict:
        return {key: exactly(entry) for key, entry in x.items()}
    if is_dataclass(x) and not isinstance(x, type):
        return replace(x, **{f.name: exactly(getattr(x, f.name)) for f in fields(x) if f.init})
    return x

"""How each peer solves the problems of ``problems.py``, one module a peer.

A module has ``VERSION`` and ``sides(problem)``, which gives the peer's ways to solve that problem,
or nothing. A module whose peer is not installed cannot be imported, and is left out.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from types import ModuleType

PEERS = ("hand", "jax", "casadi", "ddx", "symengine", "heyoka", "numba", "flint", "dace")


def load(names: Iterable[str] = PEERS) -> tuple[list[ModuleType], list[str]]:
    """Import the peers that are installed; name those that are not."""
    found, missing = [], []
    for name in names:
        try:
            found.append(importlib.import_module(f"peers.{name}"))
        except ImportError as error:
            missing.append(f"{name} ({error})")
    return found, missing

"""A bar that shows how far integrations have come, where tqdm is installed."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

__all__ = ["Progress"]


class Progress:
    """A bar from one time to another, or from one number to another."""

    def __init__(self, start: float, end: float, unit: str = " of time") -> None:
        self.last = start
        self.bar = _bar(abs(end - start), unit) if math.isfinite(end - start) else None

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()

    def update(self, time: float) -> None:
        if self.bar is not None:
            self.bar.update(abs(time - self.last))
            self.last = time


def _bar(total: float, unit: str) -> Any:
    try:
        tqdm = import_module("tqdm.auto").tqdm
    except ImportError:
        return None
    return tqdm(total=total, unit=unit)

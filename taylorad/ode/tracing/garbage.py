"""Building many objects, none of which is garbage, without a search for garbage among them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["none_sought"]

MANY = 5000
"""So many new objects are worth not being searched."""


@contextmanager
def none_sought() -> Iterator[None]:
    """Keep Python from looking for cycles meanwhile: of large systems that is a third of the time.

    It may be used as a decorator, too.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        # To count what the user keeps apart, who must stay there, is a way through all of that.
        if gc.get_count()[0] > MANY and not gc.get_freeze_count():
            # All become old, or the next search would be among everything built here.
            gc.freeze()
            gc.unfreeze()
        gc.enable()

"""What a list is lowered to: LLVM text, and what is to be at hand when it runs.

The text defines ``i32 @core(ptr arguments, ptr results, ptr constants)``. Each parameter points to
an array of addresses of data: of the inputs in the order of the list, of the results in the order
of its outputs (fresh memory, with nothing in it yet), and of `Lowered.constants`. The core returns
0, or 1 + k if guard k came out otherwise than the list has it; the results are then void.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Lowered"]


@dataclass(frozen=True)
class Lowered:
    """A core, ready to be built.

    Attributes
    ----------
    text : str
        For `taylorad.machine.module.build`.
    constants : list of ndarray
        C-ordered arrays that the core reads, to be kept alive as long as it is.
    symbols : dict of str to int
        Addresses of the functions that the text declares and the process does not export.
    notes : list of str
        What is worth telling the user of how the lines were lowered, one sentence each.
    memory : int
        Bytes of memory that a call takes for itself, results apart.
    flops : int
        Operations on floats in a call, as far as they are counted.
    level : int
        The effort that building it is worth.
    """

    text: str
    constants: list[np.ndarray[Any, Any]] = field(default_factory=list)
    symbols: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    memory: int = 0
    flops: int = 0
    level: int = 1

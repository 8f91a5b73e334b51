"""What a core of several words and its caller have agreed upon: places in arrays."""

from __future__ import annotations

__all__ = ["LIMITS", "Places"]

LIMITS = {
    "end",
    "sign",
    "factor",
    "longest",
    "defect",
    "smallest",
    "most",
    "decay",
    "enough",
    "floors",
}


class Places:
    """Where things are in ``clock`` and in ``limits``, in doubles.

    Parameters
    ----------
    size : int
        How many components there are.
    words : int
    """

    def __init__(self, size: int, words: int) -> None:
        wide = words + 1
        self.size, self.words = size, words
        # In the clock.
        self.state, self.time = 0, wide * size
        self.before = wide * (size + 1)  # the same at the beginning of the step
        self.step = self.before * 2  # the last one, with its sign
        self.hint = self.step + words  # the size of a step, about
        self.allowed = self.hint + 1  # the largest defect
        self.cap = self.hint + 2  # the largest step
        self.count = self.hint + 3  # how many steps have been taken
        self.rejected = self.hint + 4  # and taken back
        self.swept = self.hint + 5  # and expanded
        self.unit = self.hint + 6  # of time
        self.ceiling = self.hint + 7  # of steps, above which parts were no numbers
        self.clock = self.hint + 8
        # In the limits.
        self.end = 0
        self.sign = wide  # of the direction of time
        self.factor = wide + 1  # log2 of what a step is of the radius of convergence
        self.longest = wide + 2  # the largest step
        self.defect = wide + 3  # the largest defect times the step, over floor and component
        self.smallest = wide + 4  # what a step must be of the time
        self.most = wide + 5  # how many steps may be taken
        self.decay = wide + 6  # of parts, from degree to degree, at most
        self.enough = wide + 7  # how small they have to be for 1, 2, ... words
        self.floors = self.enough + words
        self.limits = self.floors + size

"""Where the trajectories of an ensemble begin and end, and their arguments: checked, by chunks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taylorad.errors import InputError, InputTypeError
from taylorad.ode.inputs import arguments, as_start, as_time, as_times

__all__ = ["Chunk", "Starts"]

Array = np.ndarray[Any, Any]

LOOKED_AT = 4096
"""So many states are looked at together."""


@dataclass
class Chunk:
    """Neighbouring trajectories of an ensemble.

    Attributes
    ----------
    first : int
        The number of the first one.
    states : ndarray, shape (count, *shape)
    begin, end : ndarray, shape (count,)
    times : ndarray, shape (count, points)
        At which the solutions are wanted, besides their ends.
    args : list
        Of each argument of which every trajectory has its own, these.
    losses : int
        How often it was lost, with the worker that had it.
    """

    first: int
    states: Array
    begin: Array
    end: Array
    times: Array
    args: list[Any]
    losses: int = 0

    def __len__(self) -> int:
        return len(self.begin)


class Starts:
    """All trajectories of an ensemble.

    Parameters
    ----------
    t_span, Y0, args, in_axes, t_eval
        As `ensemble` has them.

    Attributes
    ----------
    count : int
        How many trajectories there are.
    shape : tuple of int
        Of a state.
    dtype : dtype
        Of the states when they are integrated: float, complex or object.
    points : int or None
        How many times there are in ``t_eval``.
    args : tuple
        Those of all, and where every trajectory has its own, all of these.
    varies : list of bool
        Where that is so.
    """

    def __init__(self, t_span: Any, Y0: Any, args: Any, in_axes: Any, t_eval: Any) -> None:
        self._states = Y0 if _is_sliceable(Y0) else _as_array(Y0)
        if not self._states.shape:
            kind = type(Y0).__name__
            raise InputError(f"Y0 is one {kind}; it must be an array, a state for each trajectory")
        self.count, *shape = map(int, self._states.shape)
        self.shape = tuple(shape)
        self.dtype = _kind(self._states.dtype)
        self._begin, self._end = self._span(t_span)
        self.points: int | None = None
        self._times = np.empty((self.count, 0))
        if t_eval is not None:
            self._times = self._checked_times(t_eval)
            self.points = self._times.shape[1]
        given = tuple(args) if np.iterable(args) else arguments(args)
        self.varies = _varying(in_axes, len(given))
        # What each has its own of may be large, and is left where it is.
        shared = iter(arguments([a for a, v in zip(given, self.varies, strict=True) if not v]))
        self.args = tuple(
            self._of_each(a, k) if varies else next(shared)
            for k, (a, varies) in enumerate(zip(given, self.varies, strict=True))
        )

    def chunk(self, first: int, last: int) -> Chunk:
        """Give some of them."""
        rows = slice(first, last)
        return Chunk(
            first,
            np.array(self._states[rows], self.dtype, order="C"),
            *(self._begin[rows], self._end[rows], self._times[rows]),
            [_some(a, rows) for a in self._varying],
        )

    @property
    def is_of_floats(self) -> bool:
        """Whether there is a state, and it and all that the trajectories have of their own are."""
        return self.dtype == float and 0 not in self.shape and all(map(_is_float, self._varying))

    @property
    def _varying(self) -> list[Any]:
        return [a for a, varies in zip(self.args, self.varies, strict=True) if varies]

    @property
    def bytes_of_each(self) -> int:
        """How much memory a trajectory takes, about."""
        numbers = math.prod(self.shape) * (6 + (self.points or 0)) + 16
        given = sum(
            a.dtype.itemsize * math.prod(a.shape[1:]) if _is_sliceable(a) else 64
            for a in self._varying
        )
        return 8 * numbers + given

    def example(self) -> tuple[float, Array, tuple[Any, ...]]:
        """Give time, state and arguments of a trajectory of which the state is finite."""
        for first in range(0, self.count, LOOKED_AT):
            chunk = self.chunk(first, min(first + LOOKED_AT, self.count))
            states = chunk.states.reshape(len(chunk), math.prod(self.shape))
            good = [0] if self.dtype == object else np.flatnonzero(np.isfinite(states).all(axis=1))
            if len(good):
                i = int(good[0])
                return as_time(chunk.begin[i]), as_start(chunk.states[i]), self.of_one(chunk, i)
        raise InputError("All components of the initial states `Y0` must be finite; none are.")

    def of_one(self, chunk: Chunk, i: int) -> tuple[Any, ...]:
        """Give the arguments of a trajectory of a chunk."""
        return arguments_of(self.args, self.varies, chunk, i)

    # --- checking ---

    def _span(self, t_span: Any) -> tuple[Array, Array]:
        try:
            begin, end = t_span
        except (TypeError, ValueError) as error:
            raise InputError(f"t_span is {t_span!r}; it must be two: (t0, tf)") from error
        return self._ends(begin, "t0"), self._ends(end, "tf")

    def _ends(self, given: Any, name: str) -> Array:
        try:
            times = np.asarray(given).astype(object if self.dtype == object else float)
        except (TypeError, ValueError) as error:
            text = f"{name} is {given!r}; it must be a real number, or one for each trajectory"
            raise InputTypeError(text) from error
        if times.shape not in ((), (self.count,)):
            raise InputError(
                f"{name} has shape {times.shape}; it must be a number, or one for each of the "
                f"{self.count} trajectories"
            )
        bad = np.flatnonzero(~np.isfinite(times.astype(float)))
        if len(bad):
            of = f" of trajectory {bad[0]}" if times.shape else ""
            raise InputError(f"{name}{of} is {times.flat[bad[0]]}; it must be finite")
        return np.broadcast_to(times, (self.count,))

    def _checked_times(self, t_eval: Any) -> Array:
        times = as_times(t_eval).astype(object if self.dtype == object else float)
        if times.ndim not in (1, 2) or (times.ndim == 2 and len(times) != self.count):
            raise InputError(
                f"`t_eval` has shape {times.shape}; it must be a vector, or one for each of the "
                f"{self.count} trajectories"
            )
        lowest, highest = np.minimum(self._begin, self._end), np.maximum(self._begin, self._end)
        forward = self._end >= self._begin
        if times.ndim == 1:
            lowest, highest = lowest.max(initial=-math.inf), highest.min(initial=math.inf)
            both = [x for x in (True, False) if np.any(forward == x)]
            ordered = all(np.all(np.diff(times) * (1 if x else -1) > 0) for x in both)
        else:
            lowest, highest = lowest[:, None], highest[:, None]
            ordered = bool(np.all(np.diff(times) * np.where(forward, 1, -1)[:, None] > 0))
        if not np.all((times >= lowest) & (times <= highest)):
            raise InputError("Values in `t_eval` are not within `t_span`.")
        if not ordered:
            raise InputError("Values in `t_eval` are not properly sorted.")
        return np.broadcast_to(times, (self.count, times.shape[-1]))

    def _of_each(self, a: Any, k: int) -> Any:
        """Check an argument of which every trajectory has its own."""
        if not _is_sliceable(a) and not isinstance(a, (list, tuple)):
            raise InputTypeError(
                f"args[{k}] is {type(a).__name__}, and by in_axes it is to have an entry for each "
                "trajectory: it must be an array or a list"
            )
        count = a.shape[0] if _is_sliceable(a) and a.shape else np.size(a) and len(a)
        if count != self.count:
            raise InputError(
                f"args[{k}] has {count} entries, and there are {self.count} trajectories"
            )
        if isinstance(a, (list, tuple)):
            try:
                numbers = np.asarray(a)
            except ValueError:  # of different shapes
                return a
            return numbers if numbers.dtype.kind == "f" else a
        return a


def arguments_of(
    args: Sequence[Any], varies: Sequence[bool], chunk: Chunk, i: int
) -> tuple[Any, ...]:
    """Put the arguments of a trajectory together."""
    own = iter(chunk.args)
    return tuple(next(own)[i] if v else a for a, v in zip(args, varies, strict=True))


def _is_sliceable(a: Any) -> bool:
    """Tell whether something has shape and rows as an array has: a memmap, a dataset of a file."""
    if not all(hasattr(a, name) for name in ("shape", "dtype", "__getitem__")):
        return False
    try:
        np.dtype(a.dtype)
    except TypeError:  # of another library
        return False
    return True


def _some(a: Any, rows: slice) -> Any:
    """Give some entries of what every trajectory has its own of."""
    # What has labels, as a column of a table, would be asked for these, not for places.
    return np.asarray(a[rows], float if _is_float(a) else None) if _is_sliceable(a) else a[rows]


def _is_float(a: Any) -> bool:
    return _is_sliceable(a) and np.dtype(a.dtype).kind == "f"


def _as_array(Y0: Any) -> Array:
    try:
        return np.asarray(Y0)
    except ValueError as error:
        raise InputTypeError(f"Y0 is not an array: {error}") from error


def _kind(dtype: Any) -> np.dtype[Any]:
    """Give what numbers of a dtype are integrated in."""
    kinds = {"b": float, "i": float, "u": float, "f": float, "c": complex, "O": object}
    kind = kinds.get(np.dtype(dtype).kind)
    if kind is None:
        raise InputTypeError(f"Y0 has dtype {dtype}; it must be of numbers")
    return np.dtype(kind)


def _varying(in_axes: Any, count: int) -> list[bool]:
    """Tell for each argument whether every trajectory has its own."""
    if in_axes is None or (in_axes == 0 and isinstance(in_axes, int)):
        return [in_axes is not None] * count
    axes = list(in_axes) if isinstance(in_axes, (list, tuple)) else [in_axes]
    if len(axes) != count or any(x is not None and (x != 0 or x is False) for x in axes):
        raise InputError(
            f"in_axes is {in_axes!r}; it must have None or 0 for each of the {count} arguments in "
            "`args`: 0 for those with an entry for each trajectory"
        )
    return [x is not None for x in axes]

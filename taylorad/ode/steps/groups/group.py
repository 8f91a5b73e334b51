"""Lines of one kind, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from taylorad.ode.tracing.columns import NONE, Column
from taylorad.ode.tracing.sums import TERM, Sums

__all__ = ["LANES", "Group"]

LANES = 8
"""The most lines side by side."""


@dataclass(eq=False)
class Group:
    """Lines of one kind.

    Attributes
    ----------
    members : ndarray of int
    terms : ndarray of TERM
        Of the members' recurrences: by members, then by terms, interiors first. There are none for
        groups of values, and for the components.
    divisors : ndarray of int, optional
        What the members' sums are divided by.
    choices : ndarray of int, optional
        Of members that are one of two lines: the condition, and these.
    slot : int
        Where the newest part of the first member stands.
    """

    members: Column
    terms: Column = field(default_factory=lambda: np.empty((0, 0), TERM))
    divisors: Column | None = None
    choices: Column | None = None
    slot: int = 0

    @classmethod
    def of(cls, members: Column, sums: Sums) -> Group:
        """Put lines together whose recurrences have the same form."""
        first = int(members[0])
        if first in sums.choices:
            return cls(members, choices=np.array([sums.choices[i] for i in members.tolist()]))
        rows = sums.starts[members][:, None] + np.arange(sums.counts[first])
        divisors = sums.divisors[members] if sums.divisors[first] != NONE else None
        return cls(members, sums.terms.take(rows), divisors)

    @cached_property
    def width(self) -> int:
        """Lines in a vector."""
        return min(LANES, 1 << (len(self.members) - 1).bit_length())

    @cached_property
    def chunks(self) -> int:
        """How many vectors there are."""
        return -(-len(self.members) // self.width)

    def padded(self, of: Column) -> Column:
        """Repeat the last entry until all vectors are full."""
        missing = self.width * self.chunks - len(of)
        return np.concatenate([of, np.repeat(of[-1:], missing)]) if missing else of

    @cached_property
    def interiors(self) -> list[Column]:
        """The interiors of all members, one after the other."""
        return [terms for terms in self.terms.T if terms["b"][0] != NONE]

    @cached_property
    def newest(self) -> list[Column]:
        """The terms of newest parts of all members, one after the other."""
        return [*self.terms.T[len(self.interiors) :]]

    @cached_property
    def factors(self) -> list[tuple[Column, Column, bool]]:
        """The factors of each interior, by members, and whether the first is weighted."""
        return [
            (self.padded(x["a"]), self.padded(x["b"]), bool(x["weighted"][0]))
            for x in self.interiors
        ]

    @cached_property
    def shares(self) -> list[float | None]:
        """The share of each interior, that of all members."""
        shares = [float(x["share"][0]) for x in self.interiors]
        return [None if x != x else x for x in shares]

    @cached_property
    def needs(self) -> list[Column]:
        """The lines whose newest parts the nodes need, by terms."""
        if self.choices is not None:
            return [self.padded(lines) for lines in self.choices.T[1:] if lines[0] != NONE]
        return [self.padded(x["a"]) for x in self.newest]

    @property
    def is_sum(self) -> bool:
        """Whether the nodes are sums of lines times numbers."""
        terms = self.terms
        alone = bool(terms.size) and self.divisors is None and not self.interiors
        return alone and not terms["values"].any()

    def reorder(self, order: Column) -> None:
        """Take the members in another order."""
        self.members = self.members[order]
        self.terms = self.terms.take(order, axis=0) if self.terms.size else self.terms
        for name in ("divisors", "choices"):
            if (of := getattr(self, name)) is not None:
                setattr(self, name, of[order])
        for name in _FOLLOWING:
            vars(self).pop(name, None)

    def join(self, other: Group) -> None:
        """Take the sums of another group in, with terms that are zero where there are too few."""
        most = max(self.terms.shape[1], other.terms.shape[1])
        self.members = np.concatenate([self.members, other.members])
        self.terms = np.concatenate([_with_terms(x.terms, most) for x in (self, other)])
        self.reorder(np.argsort(self.members))


_FOLLOWING = ("width", "chunks", "interiors", "newest", "factors", "shares", "needs")
"""What follows from the members and their terms, and is kept."""


def _with_terms(terms: Column, count: int) -> Column:
    """Add terms that are zero to sums."""
    zeros = np.repeat(terms[:, :1], count - terms.shape[1], axis=1)
    zeros["number"] = 0.0
    return np.concatenate([zeros, terms], axis=1)

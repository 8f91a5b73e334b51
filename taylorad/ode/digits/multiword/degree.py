"""The parts of one degree, in numbers of so many words: of all nodes, then of the components."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from taylorad.machine.multiword import Number, Words
from taylorad.ode.digits.multiword.sums import LANES

if TYPE_CHECKING:
    from taylorad.ode.digits.multiword.orders import Orders

__all__ = ["Degree"]

SHIFT = LANES.bit_length() - 1


class Degree:
    """Writes the parts of a degree.

    Parameters
    ----------
    orders : Orders
        Whose degree it is.
    words : int
        Of numbers; values and factors may have more.
    unit : str
        Of time.
    """

    def __init__(self, orders: Orders, words: int, unit: str) -> None:
        self.orders, self.words, self.unit = orders, words, unit
        self.code, self.of = orders.code, Words(orders.code, words)
        self.of.functions = orders.of.functions

    def write(self, k: str) -> str:
        """Write all parts of degree k, and those of components of degree k + 1; give k + 1."""
        orders = self.orders
        self._interiors(k)
        self._nodes(k)
        self._put_all(k)
        following = self.code.let(f"add nuw nsw i64 {k}, 1")
        self._integrate(following)
        orders.store((), orders.at(orders.slot(orders.system.time)), 1)
        return following

    def put(self, table: str, k: int | str) -> None:
        """Write numbers to streams, of which they are the parts of degree k."""

        def put(place: str, stream: str) -> None:
            at = self.orders.at(self.code.let(f"add i64 {stream}, {k}"))
            self.orders.store(self._load(place), at, self.words, self.orders.room)

        self.orders.over(table, put)

    # --- memory ------------------------------------------------------------------------------

    def _load(self, place: str) -> Number:
        return self.orders.load(self.orders.at(place), self.words)

    def _store(self, a: Number, place: str) -> None:
        """Write a number to a slot, zeros for the words that it lacks."""
        self.orders.store(a, self.orders.at(place), self.orders.words)

    def _put_all(self, k: str) -> None:
        """Write the newest parts to the streams, of which they are of degree k."""
        code, orders = self.code, self.orders
        degree = code.let(f"sitofp i64 {k} to double")

        def weighted(slot: str, stream: str) -> None:
            at = orders.at(code.let(f"add i64 {stream}, {k}"))
            part = self.of.multiply(self._load(slot), (degree,))
            orders.store(part, at, self.words, orders.room)

        self.put("ahead", k)
        self.put("behind", code.let(f"sub i64 0, {k}"))
        self.orders.over("weighted", weighted)

    # --- interiors, nodes, components --------------------------------------------------------

    def _interiors(self, k: str) -> None:
        """Write the sums of a_j b_(k-j) over 0 < j < k."""
        code, orders = self.code, self.orders
        vectors = code.let(f"lshr i64 {code.let(f'add i64 {k}, {LANES - 2}')}, {SHIFT}")
        half = code.let(f"lshr i64 {code.let(f'add i64 {k}, 1')}, 1")
        halves = code.let(f"lshr i64 {code.let(f'add i64 {half}, {LANES - 1}')}, {SHIFT}")
        degree = code.let(f"sitofp i64 {k} to double")

        def given(first: str, last: str) -> str:
            last = orders.at(code.let(f"sub i64 {last}, {k}"))
            return f"ptr {orders.at(first)}, ptr {last}"

        def product(first: str, last: str, slot: str) -> None:
            given_ = f"{given(first, last)}, i64 {vectors}"
            self._store(orders.called("products", self.words, given_), slot)

        def square(first: str, last: str, slot: str) -> None:
            given_ = f"{given(first, last)}, i64 {halves}, double {degree}"
            self._store(orders.called("squares", self.words, given_), slot)

        self.orders.over("products", product)
        self.orders.over("squares", square)

    def _nodes(self, k: str) -> None:
        code, of, rows = self.code, self.of, self.orders.rows["nodes"]
        zero = [("double", code.constant(0.0))] * self.words

        def node(i: str, begin: str) -> list[str]:
            over, plain, end, slot = self.orders.row("nodes", i)
            columns = self._accumulated(begin, over, zero)
            some = code.let(f"zext i1 {code.let(f'icmp ult i64 {begin}, {over}')} to i64")

            def divided(_: str, *total: str) -> Sequence[str]:
                return of.full(self._over_degree(of.normalised(total), k))

            total = code.loop(some, divided, *(("double", x) for x in columns))

            def added(term: str, *total: str) -> Sequence[str]:
                _, source = self._term(term)
                return of.full(of.gathered(total, self._load(source)))

            total = self._terms(over, plain, added, total)
            total = self._accumulated(plain, end, [("double", x) for x in total])
            self._store(of.normalised(tuple(total)), slot)
            return [end]

        if rows:
            code.loop(len(rows), node, ("i64", "0"))

    def _terms(
        self, begin: str, end: str, body: Callable[..., Sequence[str]], total: Sequence[str]
    ) -> list[str]:
        """Go through terms, carrying a sum along."""
        code = self.code
        count = code.let(f"sub nsw i64 {end}, {begin}")

        def term(i: str, *total: str) -> Sequence[str]:
            return body(code.let(f"add nuw nsw i64 {begin}, {i}"), *total)

        return code.loop(count, term, *(("double", x) for x in total))

    def _accumulated(self, begin: str, end: str, total: Sequence[tuple[str, str]]) -> list[str]:
        """Add up terms that are products."""

        def added(term: str, *total: str) -> Sequence[str]:
            factor, source = self._term(term)
            return self.of.full(self.of.accumulate(total, self._load(factor), self._load(source)))

        return self._terms(begin, end, added, [x for _, x in total])

    def _term(self, i: str) -> tuple[str, str]:
        """Give the places of a factor and of what it is a factor of."""
        place = self.code.let(f"shl nuw nsw i64 {i}, 1")
        terms = self.orders.at(self.orders.terms)
        return self.orders.entry(terms, place, 0), self.orders.entry(terms, place, 1)

    def _integrate(self, degree: str) -> None:
        """Write the parts of components, from those of their rates of a degree less."""

        def component(rate: str, slot: str) -> None:
            a = tuple(self.of.times(word, self.unit) for word in self._load(rate))
            self._store(self._over_degree(a, degree), slot)

        self.orders.over("rates", component)
        self.orders.over("waiting", lambda part, slot: self._store(self._load(part), slot))

    def _over_degree(self, a: Number, degree: str) -> Number:
        """Divide by a degree: by multiplying with its inverse, which has a word more."""
        place = self.code.let(f"mul nuw nsw i64 {degree}, {self.orders.words + 1}")
        at = self.code.let(f"getelementptr inbounds double, ptr @inverses, i64 {place}")
        return self.of.multiply(a, self.orders.load(at, self.words + 1))

"""Arithmetic on numbers of several words, written as LLVM IR.

A number is a tuple of registers, one to a word, whose exact sum it is. It is normalised: each word
is at most half a unit, sometimes one unit, in the last place of the one before. With two words that
is double-double (about 31 digits), with four quad-double (about 62). All of it is branch-free, for
doubles and for vectors, and one definition serves any count of words.

Numbers are worked on in columns: what is of the size of word k of the result is added up in column
k, and what rounding lost there goes to column k + 1. Only the last column is rounded. A sum of
products stays in columns to the end and is normalised once (`Words.accumulate`).

Relative errors, with u = 2⁻⁵³ and n words, barring underflow (below 2^(53 n − 1022)). Those with a
source are proven, there or by the steps that are there; the others are twice the largest of some
10⁵ measured (as in `tests/test_multiword.py`).

====================  ================================================  ==================
operation             n = 2                                             n = 4
====================  ================================================  ==================
add, subtract         3 u² + 13 u³ [JMP, algorithm 6]                   u⁴, see `Words.add`
multiply              4 u² [MR, algorithm 12 of JMP]; no fma: 8 u²      6 u⁴
divide                15 u² + 56 u³ [as for JMP, algorithm 17]          32 u⁴
sqrt                  33/8 u² [LLMPR, and u² for a rounding more]       32 u⁴
dot of m products     3 (m + 1) u² Σ|a||b|                              3 (m + 1) u⁴ Σ|a||b|
elementary functions  16 u²                                             32 u⁴
====================  ================================================  ==================

What can be proven is more, but takes that all roundings go the same way: (m + O(1))ⁿ uⁿ Σ|a||b| for
the sum of m products, as for DotK [ORO], and (3 u)ⁿ for quotients and roots, each word of which is
within 3 u of what the words before it leave.

References
----------
- [JMP] Joldes, Muller, Popescu: Tight and rigorous error bounds for basic building blocks of
  double-word arithmetic. ACM Trans. Math. Softw. 44 (2017).
- [MR] Muller, Rideau: Formalization of double-word arithmetic, and comments on [JMP]. ACM Trans.
  Math. Softw. 48 (2022).
- [LLMPR] Lefèvre, Louvet, Muller, Picot, Rideau: Accurate calculation of Euclidean norms using
  double-word arithmetic. ACM Trans. Math. Softw. 49 (2023).
- [ORO] Ogita, Rump, Oishi: Accurate sum and dot product. SIAM J. Sci. Comput. 26 (2005).
- Hida, Li, Bailey: Algorithms for quad-double precision floating point arithmetic. ARITH-15 (2001).
- Joldes, Marty, Muller, Popescu: Arithmetic algorithms for extended precision using floating-point
  expansions. IEEE Trans. Comput. 65 (2016); its library CAMPARY.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from taylorad.machine.multiword.host import Exact, split
from taylorad.machine.multiword.transformations import Emitter, Transformations, Word

__all__ = ["Columns", "Number", "Words"]

Number: TypeAlias = tuple[Word, ...]
"""A number: its words, the largest first; those that are None are zero."""

Columns: TypeAlias = tuple[Word, ...]
"""A sum in the making: its columns, which may overlap."""


class Words(Transformations):
    """Arithmetic on numbers of several words.

    Parameters
    ----------
    code : Emitter
        Where the instructions go.
    words : int
        How many words a result has. Operands may have fewer: a double is ``(x,)``.
    width : int, default 1
        How many lanes a word has: 1 for doubles, more for vectors.
    fma : bool, optional
        Whether the processor multiplies and adds in one rounding; by default the one in use.
    one : str, optional
        A register that holds 1.0, see `Transformations`.

    Attributes
    ----------
    functions : set of str
        The functions called, for `taylorad.machine.multiword.definitions`.

    Examples
    --------
    >>> from taylorad.machine.multiword.transformations import Text
    >>> text = Text()
    >>> Words(text, 2, fma=True).multiply(("%a", "%b"), ("%c", "%d"))
    ('%t7', '%t9')
    """

    def __init__(
        self,
        code: Emitter,
        words: int,
        width: int = 1,
        fma: bool | None = None,
        one: str | None = None,
    ) -> None:
        super().__init__(code, width, fma, one)
        self.words = words
        self.functions: set[str] = set()

    def constant(self, x: Exact) -> Number:
        """Write a number, in every lane."""
        return tuple(self.word(part) for part in split(x, self.words))

    def full(self, a: Number) -> tuple[str, ...]:
        """Give operands for all words, the zeros too."""
        return tuple(self.shown(word) for word in self._padded(a, self.words))

    # --- sums --------------------------------------------------------------------------------

    def add(self, a: Number, b: Number) -> Number:
        """Give a + b.

        With two words the bound holds whatever cancels. With more the error is below
        uⁿ |a + b| + uⁿ⁺¹ (|a| + |b|): the second part matters if two leading words cancel.
        """
        if self.words == 2:
            return self._add_two(a, b)
        columns = [[*pair] for pair in zip(*(self._padded(x, self.words + 1) for x in (a, b)))]
        return self.normalised(self._carried(columns), again=0)

    def _add_two(self, a: Number, b: Number) -> Number:
        # AccurateDWPlusDW: the general way, a guard column and all, has twice as many instructions.
        (a0, a1), (b0, b1) = self._padded(a, 2), self._padded(b, 2)
        s, lost = self.two_sum(a0, b0)
        t, less = self.two_sum(a1, b1)
        s, rest = self.fast_two_sum(s, self.plus(lost, t))
        return self.fast_two_sum(s, self.plus(less, rest))

    def subtract(self, a: Number, b: Number) -> Number:
        """Give a − b."""
        return self.add(a, self.negative(b))

    def negative(self, a: Number) -> Number:
        """Give −a."""
        return tuple(map(self.opposite, a))

    def absolute(self, a: Number) -> Number:
        """Give |a|."""
        sign = self.intrinsic("copysign", self.written(1.0), a[0])
        return tuple(self.times(word, sign) for word in a)

    # --- products ----------------------------------------------------------------------------

    def multiply(self, a: Number, b: Number) -> Number:
        """Give a·b; of a double the other words are None."""
        columns = self._with_product((None,) * self.words, a, b, guard=True)
        return self.normalised(columns, ordered=True, again=0)

    def scaled(self, a: Number, by: float) -> Number:
        """Give the product of a number, or of columns, with a power of two."""
        return tuple(self.times(word, self.written(by)) for word in a)

    @property
    def nothing(self) -> Columns:
        """The empty sum."""
        return (None,) * self.words

    def accumulate(self, columns: Columns, a: Number, b: Number) -> Columns:
        """Add a·b to a sum in the making.

        With n words it takes n (n − 1) multiplications and fma, n fma more in the last column, and
        6 instructions for each of the TwoSums: 12 in all for two words, 112 for four.
        """
        return self._with_product(columns, a, b)

    def gathered(self, columns: Columns, a: Number) -> Columns:
        """Add a number, or another sum in the making, to a sum in the making."""
        m = len(columns)
        return self._carried([[x, y] for x, y in zip(columns, self._padded(a, m))])

    def folded(self, columns: Columns) -> Columns:
        """Add up the lanes of a sum in the making, a power of two of them, to a single one.

        So a sum of products may be shared out among lanes, and costs that much less.
        """
        if self.width == 1:
            return columns
        half = Words(self.code, self.words, self.width // 2, self.fma)
        low, high = (tuple(self._half(word, k) for word in columns) for k in range(2))
        return half.folded(half.gathered(low, high))

    def _half(self, word: Word, upper: int) -> Word:
        """Give the lower or the upper half of the lanes."""
        if word is None:
            return None
        width = self.width // 2
        if width == 1:
            return self.code.let(f"extractelement {self.kind} {word}, i64 {upper}")
        lanes = ", ".join(f"i32 {upper * width + lane}" for lane in range(width))
        return self.code.let(
            f"shufflevector {self.kind} {word}, {self.kind} poison, <{width} x i32> <{lanes}>"
        )

    def dot(self, pairs: Iterable[tuple[Number, Number]]) -> Number:
        """Give the sum of products, normalised once."""
        columns = self.nothing
        for a, b in pairs:
            columns = self.accumulate(columns, a, b)
        return self.normalised(columns)

    def fused(self, a: Number, b: Number, c: Number) -> Number:
        """Give a·b + c, normalised once."""
        return self.normalised(self.accumulate(self._padded(c, self.words), a, b))

    def _with_product(self, columns: Columns, a: Number, b: Number, guard: bool = False) -> Columns:
        """Add a product to columns; `guard`: with the products that are below the last column."""
        last = len(columns) - 1
        added: list[list[Word]] = [[] for _ in columns]
        for i, j in ((i, k - i) for k in range(last) for i in range(k + 1)):
            if i < len(a) and j < len(b):
                p, lost = self.two_product(a[i], b[j])
                added[i + j].append(p)
                added[i + j + 1].append(lost)
        # In the last column each product is added to those before, the smallest first; the errors
        # then, for what is proven of two words, or to begin with, which saves an instruction.
        errors = self.total(added[last])
        rest = None if guard else errors
        for i, j in ((i, k - i) for k in range(last + guard, last - 1, -1) for i in range(k + 1)):
            if i < len(a) and j < len(b):
                rest = self.times_plus(a[i], b[j], rest)
        added[last] = [self.plus(rest, errors) if guard else rest]
        return self._carried([[*terms, sum_] for terms, sum_ in zip(added, columns)])

    def _carried(self, columns: Sequence[Sequence[Word]]) -> Columns:
        """Add up columns; what is lost goes to the next, only the last one is rounded."""
        sums, carried = [], list[Word]()
        for column in columns[:-1]:
            # What is carried takes the longest to come, the sum so far is needed last.
            *terms, so_far = [*column[:-1], *carried, *column[-1:]]
            carried = []
            terms = [term for term in terms if term is not None]
            while len(terms) > 1:
                s, lost = self.two_sum(terms[0], terms[1])
                terms = [*terms[2:], s]
                carried.append(lost)
            s, lost = self.two_sum(so_far, terms[0] if terms else None)
            carried.append(lost)
            carried = [term for term in carried if term is not None]
            sums.append(s)
        *terms, so_far = columns[-1]
        sums.append(self.plus(so_far, self.total([*terms, *carried])))
        return tuple(sums)

    def normalised(
        self,
        columns: Columns,
        *,
        ordered: bool = False,
        again: int = 1,
        words: int | None = None,
    ) -> Number:
        """Give the sum of columns as a number.

        From the last to the first column sums replace columns and errors stay behind; the first is
        then a word of the result, and it goes on with the second.

        Parameters
        ----------
        columns : tuple
        ordered : bool
            Whether the first column is larger than all others together.
        again : int
            How often the first pass is repeated: where several columns cancel, what is first after
            a single one is not yet the first word.
        words : int, optional
            How many words are wanted.
        """
        words = self.words if words is None else words
        sums, count = [*columns], len(columns)
        for first in (*[0] * (again if count > 2 else 0), *range(words - 1)):
            for k in range(count - 2, first - 1, -1):
                add = self.fast_two_sum if ordered and k == 0 else self.two_sum
                sums[k], sums[k + 1] = add(sums[k], sums[k + 1])
        sums[words - 1 :] = [self.total(sums[words - 1 :])]
        # Words may still overlap by a bit where the columns did.
        for k in range(words - 1 if words > 2 else 0):
            sums[k], sums[k + 1] = self.fast_two_sum(sums[k], sums[k + 1])
        return tuple(sums)

    # --- quotients and roots, a word at a time -----------------------------------------------

    def divide(self, a: Number, b: Number) -> Number:
        """Give a/b: long division, each digit a double."""
        rest, digits = self._padded(a, self.words), list[Word]()
        for left in range(self.words - 1, -1, -1):
            digit = self.over(rest[0], self.shown(b[0]))
            digits.append(digit)
            if left:
                rest = self._reduced(rest, digit, b, left)
        return self.normalised(tuple(digits), ordered=True, again=0)

    def sqrt(self, a: Number) -> Number:
        """Give the square root, in the same manner: a − (s + d)² = (a − s²) − d (2s + d)."""
        root = self.intrinsic("sqrt", a[0])
        twice = self.plus(root, root)
        is_zero = self.compared("oeq", root, None)
        divisor = self.shown(self.chosen(is_zero, self.written(1.0), twice))
        rest = self._reduced(self._padded(a, self.words), root, (root,), self.words - 1)
        digits, doubled = [root], [twice]
        for left in range(self.words - 2, -1, -1):
            digit = self.shown(self.over(rest[0], divisor))
            if left:
                rest = self._reduced(rest, digit, (*doubled, digit), left)
            digits.append(digit)
            doubled.append(self.plus(digit, digit))
        return self.normalised(tuple(digits), ordered=True, again=0)

    def _reduced(self, rest: Number, digit: Word, b: Number, words: int) -> Number:
        """Give rest − digit·b: as its first word cancels, so many words suffice."""
        columns = self._with_product(rest, (self.opposite(digit),), b)
        return self.normalised(columns, again=0, words=words)

    # --- comparison and choice ---------------------------------------------------------------

    def compare(self, how: str, a: Number, b: Number) -> str:
        """Compare finite numbers: ``olt``, ``ole``, ``oeq`` and so on; an i1 for each lane."""
        return self.compared(how, self.subtract(a, b)[0], None)

    def choose(self, condition: str, yes: Number, no: Number) -> Number:
        """Choose between two numbers, lane by lane."""
        pairs = zip(self._padded(yes, self.words), self._padded(no, self.words))
        return tuple(self.chosen(condition, a, b) for a, b in pairs)

    # --- functions ---------------------------------------------------------------------------

    def call(self, function: str, *operands: Number) -> Number:
        """Call a function, lane by lane."""
        return self.call_for(function, *operands)[0]

    def call_for(self, function: str, *operands: Number, results: int = 1) -> list[Number]:
        """Call a function of several results, ``sincos`` say."""
        form, count = f"{function}.w{self.words}", self.words * results
        self.functions.add(form)
        kind, let = structure(count), self.code.let
        given = [word for number in operands for word in self.full(number)]
        words = ["poison"] * count
        for lane in range(self.width):
            takes = given
            if self.width > 1:
                takes = [let(f"extractelement {self.kind} {word}, i64 {lane}") for word in given]
            whole = let(f"call {kind} @ta.{form}({', '.join(f'double {word}' for word in takes)})")
            parts = [let(f"extractvalue {kind} {whole}, {k}") for k in range(count)]
            if self.width > 1:
                parts = [
                    let(f"insertelement {self.kind} {word}, double {part}, i64 {lane}")
                    for word, part in zip(words, parts)
                ]
            words = parts
        return [tuple(words[k : k + self.words]) for k in range(0, count, self.words)]

    def _padded(self, a: Number, count: int) -> Number:
        return (*a, *[None] * count)[: max(count, 0)]


def structure(words: int) -> str:
    """Give the type of so many doubles.

    Examples
    --------
    >>> structure(2)
    '{ double, double }'
    """
    return f"{{ {', '.join(['double'] * words)} }}"

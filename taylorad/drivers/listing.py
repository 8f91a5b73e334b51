"""The Wengert list of a call, for people: to print, to look up derivatives in, to take elsewhere.

The list itself is data (`taylorad.wengert.list`). What needs derivatives stands here: tangents of
all lines by running the list on dual numbers, adjoints by running it on a tape and sweeping back,
the derivative of one line by another by starting the list in its middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from taylorad.dispatch import bottom
from taylorad.dispatch.exact import plain
from taylorad.drivers.calls import Call, Result
from taylorad.drivers.lines import Influence, adjoints, influences, partial, tangents
from taylorad.errors import InputError
from taylorad.wengert import graph, notebook, source, symbols, text
from taylorad.wengert.layout import Layout
from taylorad.wengert.list import WengertList as Program
from taylorad.wengert.symbols import Operations
from taylorad.wengert.table import Table, tabulated

__all__ = ["WengertList"]

_SHOWN = 60  # lines that a repr prints before it leaves some out


class WengertList:
    """The program of a call, one operation a line, each result assigned once.

    Made by `wengert`. Lines go by the numbers they are printed with: inputs end at 0 (``v-1, v0``),
    what is computed of them starts at 1.

    Parameters
    ----------
    program : taylorad.wengert.list.WengertList
        The list as data.
    call : Call
        The arguments it was traced with.
    result : Result
        What its outputs become.

    References
    ----------
    .. [1] R. E. Wengert, "A simple automatic derivative evaluation program", Comm. ACM 7 (1964).
    .. [2] Griewank and Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008.
    .. [3] Baydin, Pearlmutter, Radul and Siskind, "Automatic differentiation in machine learning: a
       survey", J. Mach. Learn. Res. 18 (2018), tables 2 and 3.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> def f(x1, x2):
    ...     return np.log(x1) + x1 * x2 - np.sin(x2)
    >>> ta.wengert(f, 2.0, 5.0)
    v-1 = x1
    v0  = x2
    v1  = ln v-1
    v2  = v-1 * v0
    v3  = v1 + v2
    v4  = sin v0
    v5  = v3 - v4
    y   = v5
    """

    def __init__(self, program: Program, call: Call, result: Result) -> None:
        self.program, self._call, self._result = program, call, result
        self._layout = Layout(program, call.names(result.structure))

    # --- to be read ---

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        lines = self.text().splitlines()
        if len(lines) > _SHOWN + 10:
            left_out = f"… {len(lines) - _SHOWN} more lines; print(...) shows all …"
            lines[_SHOWN // 2 : -_SHOWN // 2] = [left_out]
        return "\n".join(lines)

    def __len__(self) -> int:
        """Give the number of operations printed."""
        return sum(number > 0 for number in self._layout.line)

    def text(self, source: bool = False) -> str:
        """Print the list.

        Parameters
        ----------
        source : bool, default False
            Whether to show beside each operation the line of the user's code that it came from.

        Returns
        -------
        str
        """
        return text.listing(self._layout, source)

    def _repr_html_(self) -> str:
        return notebook.html_listing(self._layout)

    def _repr_latex_(self) -> str:
        return notebook.latex_listing(self._layout)

    # --- to be taken elsewhere ---

    def dot(self) -> str:
        """Write the list as a graph in the language of Graphviz."""
        return graph.dot(self._layout)

    def picture(self) -> graph.Picture:
        """Draw the graph, where Graphviz is installed.

        Returns
        -------
        Picture
            Notebooks show it; ``.svg`` is its text, ``.save(path)`` writes it.

        Raises
        ------
        FileNotFoundError
            If the program ``dot`` is not installed.
        """
        return graph.draw(self.dot())

    def python(self, name: str = "f") -> source.Source:
        """Write the list as Python source that needs NumPy alone.

        Parameters
        ----------
        name : str, default "f"
            Name of the function.

        Returns
        -------
        str
            With ``.function()``, which runs the text and gives the function, and ``.constants``,
            the arrays that are too large to be written out; the function takes them by that name.

        Notes
        -----
        The function gives the same numbers to the last bit, and raises ValueError for arguments
        that the list does not hold for. Functions of ``scipy.special`` are imported from there. A
        series is returned as its coefficients.
        """
        return source.python(self._layout, name)

    def sympy(self) -> Any:
        """Give the result as an expression in SymPy, which is an optional dependency.

        Returns
        -------
        SymPy expression or array, or a container of them
            Shaped like the function's result; the entries of an array ``x`` are ``x_0, x_1, ...``.

        See Also
        --------
        operations : how much larger than the list that is.
        """
        return self._result.rebuild(iter(symbols.symbolic(self._layout)))

    def operations(self) -> Operations:
        """Count the operations on numbers in the list, and in the expression it stands for.

        Returns
        -------
        Operations
            The named tuple ``(list, expression)``. In the expression whatever the list computes
            once and uses often stands that often.
        """
        return symbols.operations(self.program)

    # --- to be evaluated ---

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate the list for other arguments: see `evaluate`."""
        return self.evaluate(*args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate the list, on numbers of any type.

        Parameters
        ----------
        *args, **kwargs
            Arguments as those of the traced call, with numbers of any type: floats, complex,
            mpmath numbers, fractions, `Dual`, `Taylor`, ...

        Returns
        -------
        What the function returns.

        Raises
        ------
        taylorad.errors.InputError
            If the list does not hold for the arguments: because of their form or shapes, or
            because a choice in the code (``if x > 0``) comes out otherwise.
        """
        inputs = self._call.inputs_of(args, kwargs)
        expected = {guard.line: guard.expected for guard in self.program.guards}

        def check(line: int, value: Any) -> None:
            if line in expected and bool(np.all(plain(bottom(value)))) != expected[line]:
                raise InputError(
                    "the list does not hold for these arguments: "
                    f"{text.guard_text(self._layout, line)} comes out otherwise; make another list "
                    "for them"
                )

        values = self.program.evaluate(*inputs, check=check)
        return self._result.of([values[i] for i in self.program.outputs])

    # --- numbers beside the lines ---

    @cached_property
    def _values(self) -> list[Any]:
        return self.program.evaluate(*self._call.inputs)

    def _numbered(self, values: Sequence[Any]) -> dict[int, Any]:
        return {number: plain(values[i]) for i, number in self._layout.number.items()}

    @property
    def values(self) -> dict[int, Any]:
        """The value of each line for the arguments of the traced call, by its printed number."""
        return self._numbered(self._values)

    def tangents(self, *direction: Any) -> dict[int, Any]:
        """Give the derivative of each line along a direction of the inputs.

        Parameters
        ----------
        *direction : scalars or arrays
            One for each input, in the order they are printed in, broadcast to its shape. By
            default 1 for the first, and 0 for the others: the derivative by the first.

        Returns
        -------
        dict
            By printed number.

        Raises
        ------
        taylorad.errors.InputError
            If the directions do not fit the inputs.
        """
        return self._numbered(tangents(self.program, self._call.inputs, direction))

    def adjoints(self, *weights: Any) -> dict[int, Any]:
        """Give the derivative of the result by each line.

        Parameters
        ----------
        *weights : scalars or arrays
            One for each output, broadcast to its shape: the adjoints are those of the outputs'
            sum with these weights. The default is 1 for all.

        Returns
        -------
        dict
            By printed number.

        Raises
        ------
        taylorad.errors.InputError
            If the weights do not fit the outputs.
        """
        return self._numbered(adjoints(self.program, self._call.inputs, weights))

    def partial(self, of: int, by: int) -> Any:
        """Give the derivative of any line by any other.

        All that lies between them counts: ``partial(of=5, by=1)`` is how v5 changes with v1 if v1
        is moved and the list runs on from there.

        Parameters
        ----------
        of, by : int
            Numbers of the lines as they are printed.

        Returns
        -------
        scalar or array
            Of shape ``(*shape of the one, *shape of the other)``.

        Raises
        ------
        taylorad.errors.InputError
            If there is no such line.
        taylorad.errors.InputTypeError
            If ``by`` is a line of whole numbers or truth values.
        """
        return partial(self.program, self._values, self._line(of), self._line(by))

    def _line(self, number: int) -> int:
        try:
            return self._layout.line[number]
        except KeyError:
            numbers = list(self._layout.line)
            raise InputError(
                f"the list has no line v{number}: it has v{numbers[0]} to v{numbers[-1]}"
            ) from None

    def influence(self) -> list[Influence]:
        """Rank the lines by how much the result depends on their relative accuracy.

        Returns
        -------
        list of Influence
            Largest first: named tuples of the ``number`` of the line, the ``line`` itself, its
            ``influence`` and the ``error``.

        Notes
        -----
        The influence of a line v on the result y (the sum of all outputs) is ``|∂y/∂v · v|``, added
        up over the entries of v: how far y moves, to first order, for a relative change of v. Each
        operation is rounded once, by at most half a unit in the last place, so that ``error``, the
        influence times 2**-53, bounds what the rounding of this line does to the result, and the
        sum over all operations what all roundings do [1]_. For the inputs, the influence divided by
        the size of y is the relative condition number.

        References
        ----------
        .. [1] S. Linnainmaa, "Taylor expansion of the accumulated rounding error", BIT 16 (1976);
           Griewank and Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, section 3.4.
        """
        lines = {self._layout.number[e.line]: e.text for e in self._layout.numbered()}
        return influences(lines, self.values, self.adjoints())

    def table(self, *direction: Any) -> Table:
        """Show values, tangents and adjoints beside the lines, as in surveys of the field.

        Parameters
        ----------
        *direction : scalars or arrays
            Direction of the tangents: see `tangents`.

        Returns
        -------
        Table
            To print, or to be shown by a notebook.
        """
        columns = {
            "value": self.values,
            "tangent": self.tangents(*direction),
            "adjoint": self.adjoints(),
        }
        return tabulated(self._layout, columns)

"""First derivatives: gradients, Jacobians, and products with them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from taylorad.dispatch import Value, number_type
from taylorad.dispatch.containers import flatten, flatten_like, map_leaves
from taylorad.dispatch.exact import Exact, plain
from taylorad.dispatch.operands import size_of
from taylorad.drivers.boundary import (
    as_outputs,
    as_point,
    as_points,
    evaluate,
    scalar_output,
)
from taylorad.drivers.seeds import coefficients_of, duals, unit_directions
from taylorad.drivers.series import expand
from taylorad.errors import InputError, InputTypeError, OutputError
from taylorad.reverse.sweep import sweep
from taylorad.wengert.tape import Entry, Tape

__all__ = ["grad", "jacobian", "jvp", "value_and_grad", "vjp"]

Argnums = int | Sequence[int]


class Selected:
    """The arguments a driver differentiates by, taken out of a call and put back into it."""

    def __init__(self, argnums: Argnums, args: tuple[Any, ...]) -> None:
        self.args = args
        self.several = bool(np.ndim(argnums))
        try:
            self.numbers = [operator.index(i) for i in np.atleast_1d(argnums)]
        except (TypeError, ValueError) as error:
            raise InputTypeError(f"argnums must be an int or ints, not {argnums!r}") from error
        for i in self.numbers:
            if not -len(args) <= i < len(args):
                raise InputError(
                    f"argnums={i}, but the function was called with {len(args)} arguments"
                )
        if len({i % len(args) for i in self.numbers}) != len(self.numbers) or not self.numbers:
            raise InputError(f"argnums={argnums!r} names an argument twice, or none")
        chosen = tuple(args[i] for i in self.numbers)
        self.points, self.rebuild = as_points(
            chosen if self.several else chosen[0], f"argument {argnums}"
        )

    def call(self, f: Callable[..., Any], leaves: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Call ``f`` with other leaves in place of the selected arguments'."""
        tree = self.rebuild(leaves)
        args = list(self.args)
        for i, branch in zip(self.numbers, tree if self.several else (tree,), strict=True):
            args[i] = branch
        return evaluate(f, *args, **kwargs)


def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Give the value of a function and its gradient, from one call of it.

    Parameters
    ----------
    f : callable
        Function in plain NumPy that returns one real number.
    argnums : int or sequence of int, default 0
        The positional arguments to differentiate by. They may be scalars, arrays, or nested
        tuples, lists and dicts of those.
    has_aux : bool, default False
        Whether ``f`` returns a pair of which only the first is differentiated.

    Returns
    -------
    callable
        ``(*args) -> (value, gradient)``, the gradient shaped like the argument (a tuple for
        several); with ``has_aux``, ``((value, aux), gradient)``.

    Raises
    ------
    taylorad.errors.OutputError
        If ``f`` does not return one real number.
    taylorad.errors.InputError, taylorad.errors.InputTypeError
        For arguments that are empty, NaN, or not of a floating-point type.

    References
    ----------
    .. [1] Griewank and Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 3.2.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> ta.value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """

    def both(*args: Any, **kwargs: Any) -> Any:
        selected = Selected(argnums, args)
        tape = Tape()
        entries = [tape.input(x) for x in selected.points]
        y = selected.call(f, entries, kwargs)
        tape.closed = True
        aux = None
        if has_aux:
            if not isinstance(y, (tuple, list)) or len(y) != 2:
                raise OutputError("has_aux=True needs a function that returns a pair (value, aux)")
            y, aux = y
            aux = map_leaves(lambda leaf: plain(leaf.value) if _belongs(leaf, tape) else leaf, aux)
        y = scalar_output(y, f, tape.tag)
        gradient = selected.rebuild(_swept(tape, [y], [np.float64(1.0)], selected.points))
        value = plain(y.value if _belongs(y, tape) else y)
        return ((value, aux), gradient) if has_aux else (value, gradient)

    return both


def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Give the gradient of a function, by one backward sweep over its Wengert list.

    Parameters
    ----------
    f : callable
        Function in plain NumPy that returns one real number.
    argnums : int or sequence of int, default 0
        The positional arguments to differentiate by. They may be scalars, arrays, or nested
        tuples, lists and dicts of those.
    has_aux : bool, default False
        Whether ``f`` returns a pair of which only the first is differentiated.

    Returns
    -------
    callable
        ``(*args) -> gradient``, shaped like the argument (a tuple for several); with ``has_aux``,
        ``(gradient, aux)``.

    See Also
    --------
    value_and_grad : raises the same exceptions.

    Notes
    -----
    At a tie the first of equals wins (``max``), and ``abs`` has derivative 0 at 0.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> ta.grad(lambda p: p["a"] * np.sin(p["b"]))({"a": 2.0, "b": 0.0})
    {'a': np.float64(0.0), 'b': np.float64(2.0)}
    """
    both = value_and_grad(f, argnums, has_aux)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return gradient


def _belongs(y: Any, tape: Tape) -> bool:
    return isinstance(y, Entry) and y.tape is tape


def _swept(tape: Tape, ys: list[Any], seeds: list[Any], points: list[Any]) -> list[Any]:
    """Sweep the seeds of outputs back to the inputs; where nothing flows, zeros."""
    pairs = [
        (y.number, _as_exact_as(y, seed))
        for y, seed in zip(ys, seeds, strict=True)
        if _belongs(y, tape)
    ]
    bars = sweep(tape, pairs, range(len(points)))
    taken = list(seeds)
    for bar, x in zip(bars, points, strict=True):
        taken.append(plain(np.zeros_like(x) if bar is None else _own(bar, taken)))
    return taken[len(seeds) :]


def _as_exact_as(y: Any, seed: Any) -> Any:
    """Give a cotangent in exact numbers if the output is: a quotient would round a float."""
    is_exact = number_type(y) == np.dtype(object)
    return Exact(seed) if is_exact and not isinstance(seed, Value) else seed


def _own(result: Any, taken: list[Any]) -> Any:
    """Give a result in memory of its own.

    It may be a view that repeats one number, or share memory with a seed or another result.
    """
    if not isinstance(result, np.ndarray):
        return result
    arrays = (a for a in taken if isinstance(a, np.ndarray))
    if not result.flags.writeable or any(np.may_share_memory(result, a) for a in arrays):
        return result.copy()
    return result


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Give a function's value and the product of a cotangent with its Jacobian.

    Parameters
    ----------
    f : callable
        Function in plain NumPy.
    *primals : scalars, arrays or containers of them
        Its arguments.

    Returns
    -------
    value
        What ``f`` returns.
    pullback : callable
        Takes a cotangent shaped like the value, and gives a tuple with a cotangent for each
        argument.

    Raises
    ------
    taylorad.errors.InputError, taylorad.errors.InputTypeError
        For arguments that are empty, NaN, or not of a floating-point type; for a cotangent that
        does not fit the value.
    taylorad.errors.OutputError
        If ``f`` returns something else than numbers.

    See Also
    --------
    jvp : the product with a tangent.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> value, pullback = ta.vjp(lambda x: x**2, np.array([1.0, 2.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 2., 40.]),)
    """
    points, rebuild_in = as_points(primals, "primals")
    tape = Tape()
    y = evaluate(f, *rebuild_in(tape.input(x) for x in points))
    ys, rebuild_out = as_outputs(y, f, tape.tag)
    values = [plain(_own(leaf.value if _belongs(leaf, tape) else leaf, points)) for leaf in ys]

    def pullback(cotangent: Any) -> Any:
        seeds = matching(cotangent, rebuild_out(values), "cotangent")
        return rebuild_in(_swept(tape, ys, seeds, points))

    return rebuild_out(values), pullback


def matching(tree: Any, like: Any, name: str) -> list[Any]:
    """Check that a container of vectors fits the points or values it goes with."""
    given = flatten_like(tree, like)
    if given is None:
        raise InputError(
            f"{name} has other branches than expected: it goes with a container of another form"
        )
    leaves = [as_point(leaf, name, may_be_empty=True) for leaf in given]
    for leaf, x in zip(leaves, flatten(like)[0], strict=True):
        if np.shape(leaf) != np.shape(x):
            raise InputError(f"{name} of shape {np.shape(leaf)} does not fit shape {np.shape(x)}")
    return leaves


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Give a function's value and the product of its Jacobian with a tangent.

    Parameters
    ----------
    f : callable
        Function in plain NumPy.
    primals : tuple or list
        Its arguments: scalars, arrays or containers of them.
    tangents : tuple or list
        Directions, shaped like ``primals``.

    Returns
    -------
    value, tangent
        What ``f`` returns, and its derivative in the direction; both shaped alike.

    Raises
    ------
    taylorad.errors.InputError, taylorad.errors.InputTypeError
        For arguments that are empty, NaN, or not of a floating-point type; for tangents that do
        not fit them.
    taylorad.errors.OutputError
        If ``f`` returns something else than numbers.
    taylorad.errors.SingularityError
        At a branch point or pole. Removable singularities are removed.

    See Also
    --------
    vjp : the product with a cotangent.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> ta.jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise InputTypeError("primals and tangents are tuples, one entry an argument")
    points, rebuild = as_points(primals, "primals")
    directions = matching(list(tangents), list(primals), "tangents")
    line = expand(f, lambda jets: evaluate(f, *rebuild(jets)), points, directions, 1)
    return map_leaves(lambda s: plain(s.c[0]), line), map_leaves(lambda s: plain(s.c[1]), line)


def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """Give the Jacobian of a function.

    Forward mode carries all directions at once where there are no more inputs than outputs, reverse
    mode sweeps back from every output where there are.

    Parameters
    ----------
    f : callable
        Function in plain NumPy.
    argnums : int or sequence of int, default 0
        The positional arguments to differentiate by; containers as in `grad`.

    Returns
    -------
    callable
        ``(*args) -> array`` of shape ``(*out, *in)``; for containers, a container shaped like the
        output of containers shaped like the input.

    Raises
    ------
    taylorad.errors.InputError, taylorad.errors.InputTypeError
        For arguments that are empty, NaN, or not of a floating-point type.
    taylorad.errors.OutputError
        If ``f`` returns something else than numbers.

    See Also
    --------
    jvp, vjp : products with it, without forming it.

    Examples
    --------
    >>> import numpy as np, taylorad as ta
    >>> ta.jacobian(lambda x: np.stack([x[0] * x[1], x[0] ** 2]))(np.array([2.0, 3.0]))
    array([[3., 2.],
           [4., 0.]])
    """

    def matrix(*args: Any, **kwargs: Any) -> Any:
        selected = Selected(argnums, args)
        points = selected.points
        tape = Tape()
        y = selected.call(f, [tape.input(x) for x in points], kwargs)
        ys, rebuild_out = as_outputs(y, f, tape.tag)
        sizes = [size_of(leaf) for leaf in ys]
        if sum(sizes) < sum(size_of(x) for x in points):
            blocks = [_rows(tape, leaf, points) for leaf in ys]
        else:
            blocks = _columns(f, selected, kwargs)
        return rebuild_out(selected.rebuild(map(plain, row)) for row in blocks)

    return matrix


def _rows(tape: Tape, y: Any, points: list[Any]) -> list[Any]:
    """Jacobian blocks of one output by every input, by reverse sweeps."""
    shape = np.shape(y)
    size = size_of(y)
    if not size:
        return [np.zeros(shape + np.shape(x)) for x in points]
    units = np.eye(size).reshape(size, *shape)
    swept = [_swept(tape, [y], [unit[()]], points) for unit in units]
    return [
        np.reshape(np.stack([row[i] for row in swept]), shape + np.shape(x))
        for i, x in enumerate(points)
    ]


def _columns(f: Callable[..., Any], selected: Selected, kwargs: dict[str, Any]) -> list[list[Any]]:
    """Jacobian blocks of every output by every input, by dual numbers."""
    points = selected.points
    jets, tag = duals(points, unit_directions(points))
    algebra = jets[0].algebra
    ys, _ = as_outputs(selected.call(f, jets, kwargs), f, tag)
    edges = np.cumsum([0, *(size_of(x) for x in points)])
    blocks = []
    for y in ys:
        c = coefficients_of(y, tag, algebra)
        blocks.append(
            [
                np.reshape(np.moveaxis(c[1 + a : 1 + b], 0, -1), np.shape(y) + np.shape(x))
                for a, b, x in zip(edges[:-1], edges[1:], points, strict=True)
            ]
        )
    return blocks

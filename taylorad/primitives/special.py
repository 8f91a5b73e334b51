"""Special functions: NumPy's sinc, and the first ufuncs of ``scipy.special``.

The gamma family and sinc state their local Taylor coefficients. The rest are elementwise rows like
any other. Nothing here imports SciPy before the user has.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from taylorad.errors import InputTypeError
from taylorad.primitives.elementwise import POSITIVE, REAL, logistic
from taylorad.primitives.numbers import TWO_OVER_ROOT_PI
from taylorad.primitives.registry import (
    TABLE,
    Elementwise,
    LocalSeries,
    enter,
    when_imported,
)


def _refuse_complex(name: str, x: Any) -> None:
    if np.iscomplexobj(x):
        raise InputTypeError(
            f"{name} has a rule for real floats only; give complex numbers as mpmath.mpc"
        )


# --- sinc ------------------------------------------------------------------------------------


def _sinc_series(x: Any, order: int) -> Any:
    _refuse_complex("sinc", x)
    columns = [_sinc_coefficients(float(v), order) for v in np.ravel(x)]
    c = np.array(columns).T.reshape(order + 1, *np.shape(x))
    c[0] = np.sinc(x)
    return c


def _sinc_coefficients(x: float, order: int) -> list[float]:
    """Taylor coefficients of sin(πx)/(πx), from ``x c[k] + c[k-1] = s[k]/π``, s those of sin(πx).

    Solved forwards while k <= π|x|, and backwards from far above for larger k: each direction is
    stable on its side (Olver 1967 on second-order recurrences; here of first order).
    """
    whole = round(x)
    sine, cosine = (f(math.pi * (x - whole)) * (-1) ** whole for f in (math.sin, math.cos))
    cycle = (sine, cosine, -sine, -cosine)
    turn = min(order, int(math.pi * abs(x)))
    top = order + 40 if turn < order else order
    s, factor = [], 1 / math.pi
    for k in range(top + 1):
        factor *= math.pi / k if k else 1.0
        s.append(cycle[k % 4] * factor)
    c = [0.0] * (top + 1)
    for k in range(top, turn, -1):
        c[k - 1] = s[k] - x * c[k]
    if math.pi * abs(x) >= 1:
        c[0] = s[0] / x
        for k in range(1, turn + 1):
            c[k] = (s[k] - c[k - 1]) / x
    return c[: order + 1]


def _exact_sinc_series(mp: Any, x: Any, order: int) -> list[Any]:
    if x == 0:
        c = [mp.mpf((1, 0, -1, 0)[k % 4]) / mp.factorial(k + 1) for k in range(order + 1)]
        return [v * mp.pi**k for k, v in enumerate(c)]
    # Every division by a small x costs digits: bring that many more.
    with mp.workprec(2 * mp.prec + (20 + max(0, -mp.mag(x))) * (order + 1)):
        sine, cosine = mp.sinpi(x), mp.cospi(x)
        cycle = (sine, cosine, -sine, -cosine)
        c = [sine / (mp.pi * x)]
        for k in range(1, order + 1):
            c.append((cycle[k % 4] * mp.pi ** (k - 1) / mp.factorial(k) - c[-1]) / x)
        return c


enter(
    LocalSeries(np.sinc, series=_sinc_series, exact_series=_exact_sinc_series, domain=(REAL,)),
    np.sinc,
)

# --- the gamma family ------------------------------------------------------------------------


def _psi_series(x: Any, order: int) -> Any:
    """``c[k] = (-1)**(k+1) zeta(k+1, x)``, shifted to the right of 1 (DLMF 5.15.1, 5.5.2)."""
    from scipy.special import digamma, zeta

    _refuse_complex("the gamma family", x)
    x = np.asarray(x, float)
    shift = np.maximum(0, np.ceil(1 - x)).astype(int)
    far = x + shift
    c = np.empty((order + 1, *x.shape))
    c[0] = digamma(x)
    for k in range(1, order + 1):
        total = zeta(k + 1, far)
        for j in range(int(np.max(shift, initial=0))):
            with np.errstate(divide="ignore"):
                total = total + np.where(j < shift, (x + j) ** float(-k - 1), 0.0)
        c[k] = (-1) ** (k + 1) * total
    return c


def _gammaln_series(x: Any, order: int) -> Any:
    from scipy.special import gammaln

    c = np.empty((order + 1, *np.shape(x)))
    c[0] = gammaln(x)
    if order:
        degree = np.arange(1, order + 1).reshape(-1, *(1,) * np.ndim(x))
        c[1:] = _psi_series(x, order - 1) / degree
    return c


def _gamma_series(x: Any, order: int) -> Any:
    from scipy.special import gamma

    log = _gammaln_series(x, order)
    c = np.empty_like(log)
    c[0] = gamma(x)
    for k in range(1, order + 1):  # D y = y D log y
        c[k] = sum(j * log[j] * c[k - j] for j in range(1, k + 1)) / k
    return c


def _exact_psi_series(mp: Any, x: Any, order: int) -> list[Any]:
    return [mp.psi(k, x) / mp.factorial(k) for k in range(order + 1)]


def _exact_gammaln_series(mp: Any, x: Any, order: int) -> list[Any]:
    psi = _exact_psi_series(mp, x, order)
    value = mp.loggamma(x) if x > 0 else mp.log(abs(mp.gamma(x)))
    return [value, *(psi[k - 1] / k for k in range(1, order + 1))]


def _exact_gamma_series(mp: Any, x: Any, order: int) -> list[Any]:
    psi = _exact_psi_series(mp, x, order)
    c = [mp.gamma(x)]
    for k in range(1, order + 1):
        c.append(mp.fsum(psi[j] * c[k - 1 - j] for j in range(k)) / k)
    return c


# --- scipy.special ---------------------------------------------------------------------------


@when_imported("scipy.special")
def _enter_scipy_special() -> None:
    import scipy.special as sp

    def bell(x: Any) -> Any:
        return TWO_OVER_ROOT_PI * np.exp(-(x * x))

    for function, partial in (
        (sp.erf, lambda y, x: bell(x)),
        (sp.erfc, lambda y, x: -bell(x)),
    ):
        name = function.__name__
        row = Elementwise(
            function, partials=partial, domain=(REAL,), exact=name, real_analytic=True
        )
        enter(row, function)
    TABLE[sp.expit] = logistic
    TABLE[sp.log1p] = TABLE[np.log1p]
    TABLE[sp.expm1] = TABLE[np.expm1]
    enter(
        Elementwise(
            sp.logit,
            partials=lambda y, x: 1 / (x * (1 - x)),
            domain=((0.1, 0.9),),
            exact=lambda mp, x: mp.log(x / (1 - x)),
        ),
        sp.logit,
    )

    def _ratio(x: Any, y: Any) -> Any:
        nothing = np.logical_and(np.equal(x, 0), np.equal(y, 0))  # 0 log(0) is 0, and stays so
        return np.where(nothing, 0, x / np.where(nothing, 1, y))

    enter(
        Elementwise(
            sp.xlogy,
            partials=(
                lambda z, x, y: np.log(y),
                lambda z, x, y: _ratio(x, y),
            ),
            domain=(REAL, POSITIVE),
            exact=lambda mp, x, y: x * mp.log(y) if x else x * 0,
        ),
        sp.xlogy,
    )
    enter(
        Elementwise(
            sp.xlog1py,
            partials=(
                lambda z, x, y: np.log1p(y),
                lambda z, x, y: _ratio(x, 1 + y),
            ),
            domain=(REAL, POSITIVE),
            exact=lambda mp, x, y: x * mp.log1p(y) if x else x * 0,
        ),
        sp.xlog1py,
    )
    for function, series, exact_series in (
        (sp.gammaln, _gammaln_series, _exact_gammaln_series),
        (sp.digamma, _psi_series, _exact_psi_series),
        (sp.gamma, _gamma_series, _exact_gamma_series),
    ):
        enter(
            LocalSeries(function, series=series, exact_series=exact_series, domain=(POSITIVE,)),
            function,
        )

"""The NIST StRD nonlinear regression sets: data, start values, certified results, models.

Each model is stated as in its file, ``y = model(b, x) + e``, in plain NumPy.

>>> hahn = load("Hahn1")
>>> hahn.x.shape, hahn.parameters.size, hahn.level
((236,), 7, 'Average')
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data" / "nist"
Model = Callable[[Any, Any], Any]


# --- the models --------------------------------------------------------------------------


def _gauss(b: Any, x: Any) -> Any:
    return (
        b[0] * np.exp(-b[1] * x)
        + b[2] * np.exp(-((x - b[3]) ** 2) / b[4] ** 2)
        + b[5] * np.exp(-((x - b[6]) ** 2) / b[7] ** 2)
    )


def _lanczos(b: Any, x: Any) -> Any:
    return b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-b[3] * x) + b[4] * np.exp(-b[5] * x)


def _chwirut(b: Any, x: Any) -> Any:
    return np.exp(-b[0] * x) / (b[1] + b[2] * x)


def _enso(b: Any, x: Any) -> Any:
    def cycle(period: Any, cosine: Any, sine: Any) -> Any:
        phase = 2 * np.pi * x / period
        return cosine * np.cos(phase) + sine * np.sin(phase)

    return b[0] + cycle(12, b[1], b[2]) + cycle(b[3], b[4], b[5]) + cycle(b[6], b[7], b[8])


def _hahn(b: Any, x: Any) -> Any:
    return (b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3) / (
        1 + b[4] * x + b[5] * x**2 + b[6] * x**3
    )


def _kirby(b: Any, x: Any) -> Any:
    return (b[0] + b[1] * x + b[2] * x**2) / (1 + b[3] * x + b[4] * x**2)


def _mgh17(b: Any, x: Any) -> Any:
    return b[0] + b[1] * np.exp(-x * b[3]) + b[2] * np.exp(-x * b[4])


def _nelson(b: Any, x: Any) -> Any:
    time, temperature = x
    return b[0] - b[1] * time * np.exp(-b[2] * temperature)


def _roszman(b: Any, x: Any) -> Any:
    return b[0] - b[1] * x - np.arctan(b[2] / (x - b[3])) / np.pi


MODELS: dict[str, Model] = {
    "Bennett5": lambda b, x: b[0] * (b[1] + x) ** (-1 / b[2]),
    "Chwirut1": _chwirut,
    "Chwirut2": _chwirut,
    "DanWood": lambda b, x: b[0] * x ** b[1],
    "ENSO": _enso,
    "Gauss1": _gauss,
    "Gauss2": _gauss,
    "Hahn1": _hahn,
    "Kirby2": _kirby,
    "Lanczos1": _lanczos,
    "Lanczos3": _lanczos,
    "MGH10": lambda b, x: b[0] * np.exp(b[1] / (x + b[2])),
    "MGH17": _mgh17,
    "Misra1a": lambda b, x: b[0] * (1 - np.exp(-b[1] * x)),
    "Misra1b": lambda b, x: b[0] * (1 - (1 + b[1] * x / 2) ** (-2)),
    "Misra1d": lambda b, x: b[0] * b[1] * x * (1 + b[1] * x) ** (-1),
    "Nelson": _nelson,
    "Rat42": lambda b, x: b[0] / (1 + np.exp(b[1] - b[2] * x)),
    "Roszman1": _roszman,
}

RESPONSES: dict[str, Callable[[Any], Any]] = {"Nelson": np.log}  # log[y] is what is fitted


# --- a set -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dataset:
    """One regression set, with what NIST certifies about it (to 11 significant digits)."""

    name: str
    level: str  # of difficulty: Lower, Average or Higher
    model: Model
    x: np.ndarray  # (observations,), or (predictors, observations) when there are several
    y: np.ndarray  # the response as fitted
    starts: tuple[np.ndarray, np.ndarray]
    parameters: np.ndarray
    standard_deviations: np.ndarray
    rss: float
    residual_deviation: float

    def residual(self, b: Any) -> Any:
        return self.y - self.model(b, self.x)

    def sum_of_squares(self, b: Any) -> Any:
        return np.sum(self.residual(b) ** 2)


_PARAMETER = re.compile(r"^\s*b\d+\s*=\s*(.+)$", re.MULTILINE)


def _quantity(label: str, text: str) -> str:
    found = re.search(label, text)
    if found is None:
        raise ValueError(f"no line matches {label!r}: not a NIST nonlinear regression file")
    return found[1]


def load(name: str) -> Dataset:
    """Read the set `name` from its NIST file."""
    if name not in MODELS:
        raise ValueError(f"no set is called {name!r}; there are {', '.join(MODELS)}")
    text = (DATA / f"{name}.dat").read_text()
    start1, start2, parameters, deviations = np.array(
        [row.split() for row in _PARAMETER.findall(text)], dtype=float
    ).T
    y, *x = np.loadtxt(text.split("Data:")[-1].splitlines()[1:], unpack=True)
    return Dataset(
        name=name,
        level=_quantity(r"(\w+) Level of Difficulty", text),
        model=MODELS[name],
        x=x[0] if len(x) == 1 else np.array(x),
        y=RESPONSES.get(name, np.asarray)(y),
        starts=(start1, start2),
        parameters=parameters,
        standard_deviations=deviations,
        rss=float(_quantity(r"Residual Sum of Squares:\s+(\S+)", text)),
        residual_deviation=float(_quantity(r"Residual Standard Deviation:\s+(\S+)", text)),
    )


def load_all() -> list[Dataset]:
    """All 19 sets, by name."""
    return [load(name) for name in MODELS]

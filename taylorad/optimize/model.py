"""The quadratic model that a Newton step minimises within a trust region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["EPS", "QuadraticModel"]

EPS = float(np.finfo(float).eps)


@dataclass(frozen=True)
class QuadraticModel:
    """A quadratic model, diagonal: in the eigenvectors of the scaled Hessian.

    Vectors are given by their components along the eigenvectors, in scaled variables, unless they
    are called gradients or displacements.
    """

    scale: Any
    vectors: Any
    curvature: Any  # eigenvalues, rising
    slope: Any

    @classmethod
    def of(cls, gradient: Any, hessian: Any, scale: Any) -> QuadraticModel:
        curvature, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
        return cls(scale, vectors, curvature, vectors.T @ (gradient / scale))

    @property
    def descended(self) -> Any:
        """The curvatures descended by: absolute values, above rounding."""
        size = np.abs(self.curvature)
        return np.maximum(size, EPS * np.max(size)) if np.any(size) else np.ones_like(size)

    @property
    def decrement(self) -> float:
        """Twice what the model promises of a full step: the Newton decrement squared."""
        return float(np.sum(self.slope**2 / self.descended))

    @property
    def is_convex(self) -> bool:
        """Whether no curvature is negative beyond rounding."""
        return bool(self.curvature[0] >= -np.sqrt(EPS) * np.max(np.abs(self.curvature)))

    @property
    def is_regular(self) -> bool:
        """Whether all curvatures are positive beyond rounding."""
        return bool(self.curvature[0] > EPS * self.curvature.size * self.curvature[-1])

    def step(self, radius: float) -> tuple[Any, float]:
        """Give the step ``-(|H| + λ)⁻¹ slope`` no longer than the radius, and its λ."""
        shift = self.shift(radius)
        return -self.solve(self.slope, shift), shift

    def escape(self, radius: float) -> tuple[Any, float]:
        """Give a step off a saddle point, along the most negative curvature."""
        step = np.zeros_like(self.slope)
        step[0] = np.copysign(radius if np.isfinite(radius) else 1.0, -self.slope[0])
        return step, 0.0

    def shift(self, radius: float) -> float:
        """Find λ ≥ 0 such that the step ``-(|H| + λ)⁻¹ slope`` is no longer than the radius."""
        shift = 0.0
        for _ in range(100):  # Newton on 1/radius - 1/length, which is concave: from below
            step = self.solve(self.slope, shift)
            length = float(np.linalg.norm(step))
            if length <= 1.001 * radius:
                break
            fall = float(step @ self.solve(step, shift)) / length  # -d length / d shift
            shift += (length / radius - 1) * length / fall
        return shift

    def solve(self, v: Any, shift: float = 0.0) -> Any:
        """Give ``(|H| + shift)⁻¹ v``."""
        return v / (self.descended + shift)

    def promise(self, step: Any) -> float:
        """Tell by how much the function would fall along a step if its Hessian stayed the same."""
        return -float(step @ (self.slope + self.curvature * step / 2))

    def displacement(self, step: Any) -> Any:
        return self.vectors @ step / self.scale

    def components(self, gradient: Any) -> Any:
        return self.vectors.T @ (gradient / self.scale)

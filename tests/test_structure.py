"""Every function that moves, adds up, contracts or selects entries, in every form people call it.

A scenario is one expression. Its letters are the arguments (`ARGUMENTS` gives their values), and it
is evaluated as it stands: by NumPy on plain arrays, which is the specification, and on values that
carry derivatives. What checks it knows nothing of taylorad: along a line all these functions are
analytic between their ties, so a polynomial through values at Chebyshev points gives the series.
"""

import math
import re
from fractions import Fraction

import numpy as np
import pytest

import taylorad as ta

# --- the scenarios ---------------------------------------------------------------------------

INDEXING = """
u[0]
u[-1]
u[np.int64(2)]
u[1:]
u[:-1]
u[::-1]
u[::2]
u[4:0:-2]
u[-2:0:-1]
u[3:1]
u[...]
u[()]
u[None]
u[:, None] * u[None, :]
u[None, ..., None]
A[1]
A[-1, -1]
A[1, ...]
A[..., 1]
A[:, 1:3]
A[::-1, ::-2]
A[:, None, :]
A[np.newaxis, 1, ::2, None]
T[1, :, ::-1]
T[..., 0]
T[0, ..., 0]
T[:, 0][:, 1:]
u[[0, 2, 0, 0]]
u[[0, -1, 2]]
u[[]]
u[np.array([[0, 1], [1, 4]])]
u[np.array([3, 1], dtype=np.int8)]
u[(np.array([1, 1]),)]
u[np.array(2)]
u[u > 0]
u[u > 100]
u[np.array([True, False, True, False, True])]
u[[True, False, True, False, True]]
u[~np.array([True, False, True, False, True])]
A[[0, 2]]
A[[0, 2, 0], [1, 3, 1]]
A[[[0], [2]], [1, 3]]
A[np.ix_([0, 2], [1, 3, 0])]
A[np.ix_([True, False, True], [0, 0])]
A[np.arange(3), [0, 3, 1]]
A[np.array([True, False, True])]
A[:, np.array([True, False, True, False])]
A[A > 0]
A[np.where(A > 0)]
A[A[:, 0].argsort()]
A[:, [0, 0, 3]]
A[1, [0, 0, 3]]
A[[0, 1], 1:]
A[..., [0, 0]]
A[[0, 1], None]
A[None, [0, 1]]
A[np.triu_indices(3)]
A[np.tril_indices(3, -1)]
A[np.diag_indices(3)]
T[0, [0, 2], 1]
T[[0, 1], :, [0, 3]]
T[:, [0, 2], [0, 3]]
T[[1, 0]][:, ::-1]
T[..., [0, 2], :]
T[[0, 1, 1], ..., [0, 3, 3]]
T[1:, [[0], [2]], [0, 3]]
T[np.array([[True, False, True], [False, True, True]])]
T[:, np.array([True, False, True]), 1:]
T[True, ..., 0]
T[np.newaxis, [0, 1], np.newaxis, 1:]
np.take(u, 2)
np.take(u, [0, 0, 4])
np.take(A, [0, 5, 11])
np.take(A, [[0, 1], [1, 2]], axis=1)
np.take(A, [0, -1], axis=-1)
np.take(A, 1, axis=0)
np.take(u, [-1, 7], mode="wrap")
np.take(u, [-1, 7], mode="clip")
np.take_along_axis(A, np.argsort(A, axis=1), axis=1)
np.take_along_axis(A, np.argmax(A, axis=0)[None], axis=0)
np.take_along_axis(A, np.array([3, 0]), axis=None)
np.take_along_axis(T, np.argsort(T))
np.delete(u, 1)
np.delete(A, [0, 2], axis=1)
"""

SHAPE = """
np.reshape(A, (4, 3))
np.reshape(A, -1)
np.reshape(A, (2, -1))
np.reshape(A, [6, 2])
np.reshape(A, (4, 3), order="F")
np.reshape(A, shape=(4, 3))
np.reshape(s, (1, 1))
np.ravel(A)
np.ravel(s)
np.ravel(A, order="F")
np.ravel(T, "F")
np.transpose(A)
np.transpose(u)
np.transpose(T, (1, 2, 0))
np.transpose(T, (-1, 0, 1))
np.transpose(T, axes=[2, 0, 1])
np.permute_dims(T, (1, 0, 2))
np.matrix_transpose(T)
np.linalg.matrix_transpose(T)
np.swapaxes(T, 0, -1)
np.swapaxes(A, 1, 0)
np.moveaxis(T, 0, -1)
np.moveaxis(T, [0, 1], [-1, 0])
np.moveaxis(T, (2, 0), (0, 2))
np.squeeze(A[None])
np.squeeze(A[None, :, None], axis=0)
np.squeeze(A[None, :, None], axis=(0, -2))
np.squeeze(s)
np.expand_dims(A, 0)
np.expand_dims(A, -1)
np.expand_dims(A, (0, 2))
np.expand_dims(s, 0)
np.atleast_1d(s)
np.atleast_1d(s, u)
np.atleast_2d(s)
np.atleast_2d(u)
np.atleast_2d(A, u, s)
np.atleast_3d(s)
np.atleast_3d(u)
np.atleast_3d(A)
np.atleast_3d(T, A)
np.rollaxis(T, 2)
np.rollaxis(T, 0, 3)
np.rollaxis(T, -1, 1)
np.rollaxis(T, 1, -1)
np.rollaxis(T, 0, -2)
np.rollaxis(T, 2, -3)
np.broadcast_to(s, (2, 3))
np.broadcast_to(s, 3)
np.broadcast_to(u, (2, 5))
np.broadcast_to(A[:, :1], (2, 3, 4))
np.broadcast_arrays(A, w[:, None], s)
np.copy(A)
np.positive(A)
np.real(u)
"""

JOINING = """
np.concatenate([u, v])
np.concatenate((u, v, u))
np.concatenate([A, B], axis=1)
np.concatenate([A, B], axis=-1)
np.concatenate([A, S], axis=1)
np.concatenate([A, u], axis=None)
np.concatenate([u, np.ones(2)])
np.concatenate([[1.0], u, [2.0]])
np.concatenate([u[:0], v])
np.concatenate(A)
np.concat([u, v])
np.stack([u, v])
np.stack([u, v], axis=1)
np.stack([A, B], axis=-1)
np.stack((s, 2 * s, 3.0))
np.stack([u[0], s, 1.0])
np.stack([A, np.zeros((3, 4))], 1)
np.stack(list(A))
np.stack(A, axis=1)
np.vstack([u, v])
np.vstack([A, A[0]])
np.vstack([A, np.zeros(4)])
np.vstack([s, s])
np.hstack([u, v])
np.hstack([s, u])
np.hstack([A, B])
np.column_stack([u, v])
np.column_stack([A, w])
np.column_stack([w, A, np.ones(3)])
np.dstack([u, v])
np.dstack([A, B])
np.dstack([A, np.multiply.outer(B, [1.0, 2.0])])
np.dstack((T, T, np.ones((2, 3, 1))))
np.dstack([s, 2.0, s])
np.block([u, v])
np.block([[A, B], [B, A]])
np.block([[s, u[:4]], [w[:, None], A]])
np.block([[S, np.zeros((3, 2))], [np.ones((2, 3)), u[0] * np.eye(2)]])
np.block([s, 1.0, u])
np.block(A)
np.block([[[T]], [[T2.swapaxes(1, 2)]]])
np.insert(u, 1, s)
np.insert(u, -1, 3.0)
np.insert(u, [1, 3], v[:2])
np.insert(u, [2, 2], [s, 7.0])
np.insert(u, slice(1, 4), 0.0)
np.insert(u, [], w[:0])
np.insert(A, 1, u[:3])
np.insert(A, 1, u[:4], axis=0)
np.insert(A, [0, 2], w[:2, None], axis=0)
np.insert(A, 2, w, axis=1)
np.insert(A, [1], w[:, None], axis=1)
np.insert(A, -1, s, axis=-1)
np.insert(T, 1, A[:2], axis=1)
np.append(u, s)
np.append(u, [s, 1.0])
np.append(A, B, axis=0)
np.append(A, B)
np.split(u[:4], 2)
np.split(A, 2, axis=1)
np.split(u, [1, 3])
np.split(u, [2, 2, 7])
np.split(u, (-3, -1))
np.split(A, [1], axis=-1)
np.split(u, np.array([1, 3]))
np.array_split(u, 3)
np.array_split(A, 2, axis=0)
np.array_split(A, [1, 2], axis=1)
np.hsplit(u, [1, 3])
np.hsplit(A, 2)
np.hsplit(T, 3)
np.vsplit(A, 3)
np.vsplit(A, [2])
np.vsplit(T, 2)
np.dsplit(T, 2)
np.dsplit(T, [1, 1, 9])
"""

REARRANGING = """
np.tile(u, 2)
np.tile(u, (2, 3))
np.tile(A, (2, 1))
np.tile(A, (2, 1, 2))
np.tile(s, 3)
np.repeat(u, 2)
np.repeat(u, [1, 0, 2, 0, 3])
np.repeat(A, 2)
np.repeat(A, 2, axis=0)
np.repeat(A, [1, 0, 2], axis=0)
np.repeat(A, [1, 0, 2, 1], axis=-1)
np.repeat(s, 3)
np.roll(u, 1)
np.roll(u, -7)
np.roll(A, 1)
np.roll(A, 1, axis=1)
np.roll(A, (1, -1), axis=(0, 1))
np.flip(u)
np.flip(A)
np.flip(A, 0)
np.flip(A, axis=-1)
np.flip(T, (0, -1))
np.flipud(A)
np.fliplr(A)
np.rot90(A)
np.rot90(A, -1)
np.rot90(T, 2, axes=(1, 2))
np.resize(u, (2, 4))
np.pad(u, 2)
np.pad(u, (1, 2))
np.pad(u, [(1, 0)])
np.pad(A, ((1, 0), (0, 2)))
np.pad(A, ((0, 0), (0, 2)))
np.pad(A, 1, constant_values=3.0)
np.pad(A, ((1, 1), (0, 2)), constant_values=((1, 2), (3, 4)))
np.pad(u, 1, mode="constant", constant_values=(1.0, -1.0))
np.pad(A, {0: 1, -1: (0, 2)})
np.pad(A, 2, mode="edge")
np.pad(A, ((2, 0), (0, 3)), "reflect")
np.pad(A, 2, mode="symmetric")
np.pad(A, ((1, 2), (3, 1)), mode="wrap")
np.diag(u)
np.diag(u, 2)
np.diag(u, -1)
np.diag(A)
np.diag(A, 1)
np.diag(A, k=-2)
np.diagflat(u)
np.diagflat(A, -1)
np.meshgrid(u, w)
np.meshgrid(u, w, indexing="ij")
np.meshgrid(u, w, x, sparse=True)
np.meshgrid(w, [1.0, 2.0])
np.meshgrid(s, u, copy=False)
np.diagonal(A)
np.diagonal(A, -1)
np.diagonal(T, axis1=1, axis2=2)
np.diagonal(T, 1, -1, 0)
np.linalg.diagonal(T, offset=1)
np.trace(A)
np.trace(A, 1)
np.trace(A, offset=-1)
np.trace(T)
np.trace(T, axis1=1, axis2=2)
np.trace(T, 1, -2, -1)
np.linalg.trace(T, offset=1)
np.tril(A)
np.tril(A, 1)
np.tril(T, -1)
np.triu(A)
np.triu(A, k=-1)
np.triu(T, 1)
np.triu(w)
"""

FILLED = """
u + np.zeros_like(u)
u * np.ones_like(u)
u * np.full_like(u, 2.5)
np.full_like(u, s)
np.full_like(u, v)
np.full_like(A, s, shape=(2, 2))
np.full_like(A, 3.0, dtype=float) * A
A[:2, :2] + np.zeros_like(A, shape=(2, 2))
A[:2, :1] + np.ones_like(A, shape=2)
u + np.zeros(5, like=u)
u * np.ones((2, 5), like=u)
u * np.full(5, 2.0, like=u)
np.full(3, s, like=u)
np.array([u[0], u[1] * u[2]], like=u)
np.asarray([u[0], 1.0], like=u)
np.asarray(A, like=u) * 2
"""

SUMS = """
np.sum(A)
np.sum(s)
np.sum(A, 0)
np.sum(A, axis=1)
np.sum(A, axis=-2)
np.sum(T, axis=(0, 2))
np.sum(T, axis=(-1, 0))
np.sum(A, axis=())
np.sum(A, axis=None, keepdims=True)
np.sum(A, axis=1, keepdims=True)
np.sum(T, axis=(0, 1), keepdims=True)
np.sum(A, axis=0, keepdims=1)
np.sum(A, initial=3.0)
np.sum(A, axis=0, initial=s)
np.sum(A, where=A > 0)
np.sum(A, axis=0, where=np.array([[True], [False], [True]]))
np.sum(A, axis=1, where=[True, False, True, True], initial=1.0, keepdims=True)
np.sum(A, axis=0, dtype=float)
np.sum(A, axis=0, dtype=np.float64, keepdims=True)
np.sum(A[:0], axis=0)
np.sum([u, v], axis=0)
np.sum([s, s * s, 1.0])
np.sum([u[0], u[1], 2.0])
np.sum((u[0] * u[1], s))
np.mean(A)
np.mean(s)
np.mean(A, axis=0)
np.mean(A, axis=-1, keepdims=True)
np.mean(T, axis=(0, -1))
np.mean(A, dtype=float)
np.mean(A, where=A > 0)
np.mean(A, axis=1, where=[True, False, True, True])
np.mean(A, axis=1, where=[True, False, True, True], keepdims=True)
np.mean([u, v], axis=0)
np.average(A)
np.average(A, axis=0)
np.average(u, weights=np.arange(1.0, 6.0))
np.average(u, weights=np.abs(v))
np.average(A, axis=1, weights=[1.0, 2.0, 3.0, 4.0])
np.average(A, axis=0, weights=[1.0, 2.0, 3.0], keepdims=True)
np.average(A, weights=A * A)
np.average(u, weights=[1.0, 2.0, 3.0, 4.0, 5.0], returned=True)
np.average(A, axis=0, returned=True)
np.average(T, axis=(0, 1), weights=np.arange(1.0, 7.0).reshape(2, 3))
np.average(T, axis=(1, 0), weights=np.arange(1.0, 7.0).reshape(3, 2))
np.cumsum(A)
np.cumsum(u)
np.cumsum(A, axis=0)
np.cumsum(A, axis=-1)
np.cumsum(T, 1)
np.cumsum(A, dtype=float)
np.diff(u)
np.diff(u, 2)
np.diff(u, n=0)
np.diff(A, axis=0)
np.diff(A, n=3)
np.diff(T, axis=1)
np.diff(u, prepend=0)
np.diff(u, append=s)
np.diff(u, prepend=[1.0, 2.0], append=v[:1])
np.diff(A, axis=0, prepend=A[:1], append=7.0)
np.diff(A, axis=1, prepend=0.0, n=2)
np.ediff1d(u)
np.ediff1d(A)
np.ediff1d(u, to_end=s)
np.ediff1d(u, to_begin=[1.0, 2.0])
np.ediff1d(u, v, w)
np.ediff1d(u[:1])
np.gradient(u)
np.gradient(u, 0.5)
np.gradient(u, s)
np.gradient(u, [0.0, 1.0, 1.5, 3.0, 4.0])
np.gradient(u, np.sort(v))
np.gradient(u, np.sort(v), edge_order=2)
np.gradient(u, edge_order=2)
np.gradient([1.0, 2.0, 4.0, 8.0, 9.0], np.sort(v))
np.gradient(A)
np.gradient(A, axis=0)
np.gradient(A, 2.0, axis=-1, edge_order=2)
np.gradient(A, 2.0, [0.0, 1.0, 3.0, 3.5])
np.gradient(A, np.sort(w), s, edge_order=2)
np.gradient(T, axis=(2, 0))
np.gradient(u[:2])
np.unwrap(5 * u)
np.unwrap(3 * A)
np.unwrap(5 * A, axis=0)
np.unwrap(4 * u, discont=5.0)
np.unwrap(4 * u, period=3.0)
np.trapezoid(u)
np.trapezoid(u, dx=0.5)
np.trapezoid(u, v)
np.trapezoid(u, x=[0.0, 1.0, 1.5, 3.0, 4.0])
np.trapezoid(A, axis=0)
np.trapezoid(A, x=w, axis=0)
np.trapezoid(A, B, axis=0)
np.trapezoid(A, B, axis=1)
np.trapezoid(np.ones(5), v)
np.prod(A)
np.prod(u)
np.prod(s)
np.prod(A, axis=0)
np.prod(A, axis=-1, keepdims=True)
np.prod(T, axis=(0, 2))
np.prod(A, keepdims=True)
np.prod(A, axis=())
np.prod(A, axis=0, initial=2.0)
np.prod(A, axis=0, initial=s)
np.prod(A, where=A > 0)
np.prod(A, axis=0, where=[True, False, True, True], dtype=float)
np.prod(u[:0])
np.prod(A[:0], axis=0)
np.prod([s, s, u[1]])
np.prod(u - u[2])
np.nansum(A)
np.nansum(np.where(A > 0, A, np.nan))
np.nansum(np.where(A > 0, A, np.nan), axis=1)
np.nansum(np.where(A > 0, A, np.nan), axis=0, keepdims=True)
np.nansum(np.where(A > 0, A, np.nan), where=B > 0, initial=2.0)
np.nanprod(np.where(A > 0, A, np.nan), axis=0)
np.nanmean(np.where(A > 0, A, np.nan))
np.nanmean(np.where(A > -1.0, A, np.nan), axis=1)
np.nanmean(np.where(A > -1.0, A, np.nan), axis=-1, keepdims=True)
np.nanmean(A, axis=0)
np.cumprod(A)
np.cumprod(u)
np.cumprod(A, axis=0)
np.cumprod(A, axis=-1)
np.cumprod(u - u[2])
np.add.reduce(A)
np.add.reduce(A, axis=None)
np.add.reduce(A, axis=1, keepdims=True)
np.add.reduce(A, axis=(0, 1))
np.add.reduce(A, 0, None, None, False, 3.0)
np.add.reduce(A, initial=s, where=A > 0)
np.add.accumulate(A)
np.add.accumulate(A, axis=1)
np.add.accumulate(A, 1, float)
np.add.outer(u, w)
np.add.outer(s, A)
np.add.reduceat(u, [0, 2, 3])
np.add.reduceat(A, [0, 2], axis=1)
np.add.reduceat(A, [0, 2])
np.add.reduceat(u, [1, 3])
np.multiply.reduce(A)
np.multiply.reduce(A, axis=None, initial=2.0)
np.multiply.accumulate(A)
np.multiply.accumulate(A, axis=1)
np.multiply.outer(u, w)
np.multiply.outer(A, B)
np.multiply.outer(s, A)
np.subtract.outer(u, v)
np.divide.outer(u, 3 + w)
np.power.outer(u, [1, 2, 3])
np.maximum.outer(u, w)
np.minimum.outer(A, v)
"""

SELECTION = """
np.where(A > 0, A, A * A)
np.where(u > 0, u, 0)
np.where(u > 0, 1.0, v)
np.where(np.array([True, False, True])[:, None], A, B)
np.where(True, u, v)
np.where([1, 0, 2, 0, 1], u, v)
np.where(A[:, :1] > 0, s, A)
np.where(u, u, v)
np.where(u > 0)[0] + u[0]
np.abs(A)
np.absolute(u)
np.fabs(u)
abs(A)
np.sign(u) * u
np.maximum(u, v)
np.maximum(A, 0)
np.maximum(0.3, A)
np.maximum(A, w[:, None])
np.maximum(s, u)
np.minimum(u, v)
np.minimum(A, 0.25)
np.fmax(u, v)
np.fmin(u, v)
np.select([u > 1, u > 0], [u * u, v])
np.select([u > 1, u > 0], [1.0, v], s)
np.select([u > 1, u > 0, v > 0], [u, 2.0, v], default=-1.0)
np.select([A > 0, A[:, :1] > 0], [w[:, None], x], A)
np.piecewise(u, [u < 0, u >= 0], [lambda t: t * t, lambda t: 3 * t])
np.piecewise(u, [u < 0], [np.square, np.negative])
np.piecewise(u, [u < 0, u > 1], [-1.0, lambda t: t * s])
np.piecewise(u, u > 0, [lambda t, k, m=1: k * t + m, 0.0], 2.0, m=3)
np.piecewise(A, [A < 0, A > 100], [np.square, 1.0])
np.piecewise(s, [s < 0, s >= 0], [lambda t: -t, lambda t: t * t])
np.nan_to_num(u)
np.isposinf(u) * u
np.where(np.isneginf(u), 0.0, u)
np.where(np.isreal(u) & ~np.iscomplex(u), u, 0.0)
np.clip(u, -1.1, 1.1)
np.clip(u, None, 0.77)
np.clip(u, -0.77, None)
np.clip(u, a_min=-0.77, a_max=0.77)
np.clip(u, min=-0.77, max=0.77)
np.clip(u, max=0.77)
np.clip(u, v, 3.0)
np.clip(u, -5.0, v)
np.clip(A, -1.0, w[:, None])
np.clip(u, 1.0, -1.0) + u
np.clip(u, None, None)
np.copysign(u, v)
np.copysign(u, -1.0)
np.copysign(2.0, u) * u
np.heaviside(u, 0.5) * u
np.max(A)
np.max(s)
np.max(A, axis=0)
np.max(A, axis=-1, keepdims=True)
np.max(T, axis=(0, 2))
np.max(T, axis=(0, 2), keepdims=True)
np.max(A, keepdims=True)
np.max(A, initial=0.3)
np.max(A, axis=0, initial=-9.0, where=A > 0)
np.max(A, axis=(), initial=0.3)
np.amax(A, 1)
np.min(A)
np.min(A, axis=1)
np.min(T, axis=(1, -1))
np.min(A, axis=0, initial=0.1)
np.min(A, axis=0, initial=9.0, where=[True, False, True, True])
np.amin(A, axis=0)
np.max([s, u[0], 0.1])
np.max([u, v], axis=0)
np.min((u[0], u[1]))
np.maximum.reduce(A)
np.maximum.reduce(A, axis=None)
np.maximum.reduce(A, axis=1, keepdims=True, initial=0.3)
np.minimum.reduce(A, axis=-1)
np.maximum.reduce([u, v, 0 * u + 0.1])
np.ptp(A)
np.ptp(A, axis=0)
np.ptp(A, axis=1, keepdims=True)
np.maximum.accumulate(u)
np.maximum.accumulate(A)
np.maximum.accumulate(A, axis=1)
np.minimum.accumulate(A)
np.minimum.accumulate(T, -1)
np.sort(u)
np.sort(A)
np.sort(A, axis=0)
np.sort(A, axis=None)
np.sort(T, axis=1)
np.sort(A, kind="stable")
np.sort(A, stable=True)
np.sort([s, u[0], 0.1])
u[np.argsort(u)]
u[np.argsort(-u)]
u[np.argsort(u, kind="stable")]
A.ravel()[np.argsort(A, axis=None)]
u[np.argmax(u)]
A[np.arange(3), np.argmin(A, axis=1)]
A.ravel()[np.argmax(A)]
A[np.argmax(A, axis=0), np.arange(4)]
u[np.searchsorted([-1.0, 0.0, 1.0], u)]
np.quantile(A, 0.3)
np.quantile(T, [0.1, 0.9], axis=1)
np.quantile(A, [0.25, 1.0], axis=0, keepdims=True)
np.percentile(u, 40)
np.percentile(T, 75, axis=(0, 2))
np.median(u)
np.median(A)
np.median(A, axis=0)
np.median(A, axis=-1, keepdims=True)
np.median(T, axis=(0, 1))
np.median(A, keepdims=True)
"""

STATISTICS = """
np.var(A)
np.var(A, axis=0)
np.var(A, axis=-1, keepdims=True)
np.var(T, axis=(0, 2), ddof=1)
np.var(A, ddof=1)
np.var(A, ddof=1.5)
np.var(A, axis=1, correction=1)
np.var(A, axis=0, dtype=float)
np.var(A, axis=0, mean=np.mean(A, axis=0, keepdims=True))
np.var(A, where=A > 0)
np.var(A, axis=1, where=[True, False, True, True], ddof=1)
np.var(A, axis=1, where=[True, False, True, True], keepdims=True)
np.var([u, v], axis=0)
np.std(A)
np.std(A, axis=0)
np.std(A, axis=1, ddof=1, keepdims=True)
np.std(A, axis=0, correction=1)
np.std(A, axis=1, where=A > -1.0)
np.std(T, axis=(0, -1))
np.nan_to_num(np.where(u > 0, u, np.nan))
np.nan_to_num(np.where(u > 0, u, np.inf), posinf=3.0) * v
np.nan_to_num(np.where(u > 0, u, -np.inf), nan=2.0, neginf=s)
np.nanvar(np.where(A > 0, A, np.nan))
np.nanvar(np.where(A > -1.0, A, np.nan), axis=1, ddof=1)
np.nanstd(np.where(A > -1.0, A, np.nan), axis=1, keepdims=True)
np.nanstd(A, axis=0)
np.linalg.norm(u)
np.linalg.norm(A)
np.linalg.norm(T)
np.linalg.norm(s)
np.linalg.norm(u, 2)
np.linalg.norm(u, 1)
np.linalg.norm(u, 3)
np.linalg.norm(u, 2.5)
np.linalg.norm(u, -1)
np.linalg.norm(u, 0) + u[0]
np.linalg.norm(u, np.inf)
np.linalg.norm(u, -np.inf)
np.linalg.norm(u, keepdims=True)
np.linalg.norm(A, axis=1)
np.linalg.norm(A, axis=-1, keepdims=True)
np.linalg.norm(A, ord=1, axis=0)
np.linalg.norm(A, ord=np.inf, axis=0)
np.linalg.norm(A, 3, axis=1)
np.linalg.norm(A, axis=(0,))
np.linalg.norm(A, "fro")
np.linalg.norm(A, 1)
np.linalg.norm(A, -1)
np.linalg.norm(A, np.inf)
np.linalg.norm(A, -np.inf)
np.linalg.norm(A, 1, keepdims=True)
np.linalg.norm(A, "fro", keepdims=True)
np.linalg.norm(T, axis=(1, 2))
np.linalg.norm(T, axis=(0, 2), keepdims=True)
np.linalg.norm(T, 1, axis=(1, 2))
np.linalg.norm(T, 1, axis=(2, 0))
np.linalg.norm(T, np.inf, axis=(-1, 1))
np.linalg.norm(T, -np.inf, axis=(0, 1), keepdims=True)
np.linalg.vector_norm(A)
np.linalg.vector_norm(A, axis=1, ord=3)
np.linalg.vector_norm(A, keepdims=True)
np.linalg.matrix_norm(T)
"""

CONTRACTIONS = """
np.dot(u, v)
np.dot(s, u)
np.dot(A, s)
np.dot(A, C)
np.dot(A, x)
np.dot(w, A)
np.dot(T, x)
np.dot(A, T2)
np.dot(T, T2)
np.dot(w, T)
np.vdot(u, v)
np.vdot(A, B)
np.inner(u, v)
np.inner(A, B)
np.inner(A, x)
np.inner(T, x)
np.inner(T, A)
np.inner(s, A)
np.outer(u, w)
np.outer(A, w)
np.outer(s, u)
np.linalg.outer(u, w)
u @ v
A @ C
A @ x
w @ A
T @ C
A @ T2
T @ T2
T @ x
w @ T
T2[:, None] @ T[None]
T[:1] @ T2
T[:, None, :1] @ T2[None]
np.matmul(A, C)
np.matmul(u, v)
np.linalg.matmul(T, T2)
np.vecdot(A, B)
np.vecdot(A, x)
np.vecdot(A, B, axis=0)
np.linalg.vecdot(A, B)
np.matvec(A, x)
np.matvec(T, x)
np.vecmat(w, A)
np.vecmat(w, T)
np.linalg.multi_dot([w, A, C])
np.linalg.multi_dot([A, C, C.T])
np.linalg.multi_dot([A, C])
np.linalg.matrix_power(S, 3)
np.linalg.matrix_power(S, 0)
np.linalg.matrix_power(S, 1)
np.linalg.matrix_power(S, -2)
np.linalg.matrix_power(M, 2)
np.tensordot(A, B)
np.tensordot(A, C, 1)
np.tensordot(u, w, 0)
np.tensordot(u, w, axes=0)
np.tensordot(A, C, axes=(1, 0))
np.tensordot(A, B, axes=(-1, -1))
np.tensordot(A, B, axes=([0, 1], [0, 1]))
np.tensordot(T, A, axes=((1, 2), (0, 1)))
np.tensordot(T, A, axes=[(2, 1), (1, 0)])
np.tensordot(T, T2, axes=([2], [1]))
np.tensordot(T, w, axes=(1, 0))
np.linalg.tensordot(A, C, axes=1)
np.kron(u, w)
np.kron(A, C)
np.kron(u, A)
np.kron(T, w)
np.kron(s, A)
np.cross(w, S[0])
np.cross(S, w)
np.cross(S, S.T)
np.cross(S, w, axisa=0)
np.cross(S, S.T, axis=0)
np.cross(S, w, axisa=0, axisc=0)
np.cross(M, w, axisa=1, axisb=0, axisc=0)
np.linalg.cross(S, w)
np.convolve(u, w)
np.convolve(w, u)
np.convolve(u, w, "same")
np.convolve(u, w, mode="valid")
np.convolve(w, u, "valid")
np.convolve(w, u, "same")
np.convolve(u, v, "valid")
np.convolve(u, x, "same")
np.convolve(u, [1.0, 2.0])
np.convolve([1.0, 2.0], u)
np.convolve(u, s)
np.correlate(u, w)
np.correlate(u, w, "same")
np.correlate(u, w, mode="full")
np.correlate(w, u)
np.correlate(w, u, "same")
np.correlate(w, u, "full")
np.correlate(x, u, "same")
"""

EINSUM = """
np.einsum("ij,jk", A, C)
np.einsum("ij,jk->ik", A, C)
np.einsum("ij,jk->ki", A, C)
np.einsum("ij, jk -> ik", A, C)
np.einsum("ji,jk", A, A)
np.einsum("i,i", u, v)
np.einsum("i,i->", u, v)
np.einsum("i,i->i", u, v)
np.einsum("i,j", u, w)
np.einsum("j,i", u, w)
np.einsum("ij", A)
np.einsum("ji", A)
np.einsum("ij->", A)
np.einsum("ij->j", A)
np.einsum("ij->ji", A)
np.einsum("ii", S)
np.einsum("ii->i", S)
np.einsum("kii->k", M)
np.einsum("iii->i", np.multiply.outer(S, w))
np.einsum("ii,i", S, w)
np.einsum("ii,jj->ij", S, S)
np.einsum("ij,ij->", A, B)
np.einsum("ij,kl->", A, C)
np.einsum("ij,kl->jl", A, C)
np.einsum("...", A)
np.einsum("...->...", A)
np.einsum("i...", A)
np.einsum("i...->...", A)
np.einsum("...i->...", T)
np.einsum("...ij->...ji", T)
np.einsum("...ij,...jk->...ik", T, T2)
np.einsum("...ij,jk->...ik", T, C)
np.einsum("...ij,...jk", A, T2)
np.einsum("i...,i...", A, B)
np.einsum("...ii->...i", M)
np.einsum("...ii", M)
np.einsum("...,...", A, x)
np.einsum("i...,...->i...", A, x)
np.einsum("a...,b...->ab...", A, S[:, :1])
np.einsum("i,ij,j", w, A, x)
np.einsum("i,ij,j->", w, A, x)
np.einsum("ij,jk,kl->il", A, C, C.T)
np.einsum("ij,jk,kl", A, C, C.T)
np.einsum("i,i,i", u, v, u)
np.einsum("i,i,i->i", u, v, u)
np.einsum("i,j,k->kji", u[:2], w, x)
np.einsum("ij,kj,lj->ikl", A, B, A)
np.einsum("bij,bjk,bk->bi", T, T2, S[:2])
np.einsum("...i,...ij,...j", w, M, w)
np.einsum("ij,jk->ik", A, C, optimize=True)
np.einsum("i,ij,j", w, A, x, optimize="optimal")
np.einsum("i,ij,j", w, A, x, optimize="greedy")
np.einsum(A, [0, 1], C, [1, 2])
np.einsum(A, [0, 1], C, [1, 2], [2, 0])
np.einsum(T, [Ellipsis, 0, 1], [Ellipsis, 1, 0])
np.einsum("ij,j", A, np.arange(4.0))
np.einsum("ij,jk->ik", np.ones((2, 3)), A)
np.einsum("i,->i", u, s)
np.einsum(",", s, s)
"""

LINEAR_ALGEBRA = """
np.linalg.solve(S, w)
np.linalg.solve(S, A)
np.linalg.solve(S, S.T)
np.linalg.solve(M, A)
np.linalg.solve(M, w)
np.linalg.solve(S, T)
np.linalg.solve(M, T)
np.linalg.solve(M[None], T[:, None])
np.linalg.solve(M[:1], T)
np.linalg.solve(S, np.eye(3))
np.linalg.solve(np.diag([1.0, 2.0, 4.0]) + 0.1, w)
np.linalg.solve(S, np.ones(3))
np.linalg.solve(S[:1, :1], w[:1])
np.linalg.inv(S)
np.linalg.inv(M)
np.linalg.solve(S, w) @ np.linalg.solve(S.T, w)
np.linalg.det(S)
np.linalg.det(M)
np.linalg.slogdet(S)[1]
np.linalg.slogdet(M)[1]
"""

TABLES = """
np.polyval(u, s)
np.polyval(u, A)
np.polyval([1.0, 2.0, 3.0], A)
np.polyval(u, 2.0)
np.polyval(u, [1.0, 2.0])
np.polyval(u, np.arange(3))
np.poly1d([1.0, 2.0, 3.0])(u)
np.polyval(u[:0], A)
np.interp(u, [-1.0, 0.0, 1.0], [2.0, 1.0, 4.0])
np.interp(s, [-1.0, 0.0, 1.0], w)
np.interp(x.reshape(2, 2), np.sort(u), v)
np.interp(3 * x + 0.3, np.sort(u), v, left=-3.0, right=2.5)
np.interp(x, [-1.0, 0.0, 1.0], [2.0, 1.0, 4.0], left=s)
np.interp(2 * x + 0.3, np.sort(u), v, right=7.0)
np.interp(0.5, np.sort(u), v)
np.interp([-1.0, 0.1, 5.0], np.sort(u), v)
np.interp(u, [0.5], [2.0]) + u
np.interp(u, [0.0, 1.0], w[:2], period=1.5)
np.interp(2 * x + 0.3, u, v, period=4.5)
np.interp(w, u, v, left=5.0, period=-3.7)
np.interp(np.linspace(-3.0, 3.0, 11), np.sort(u), v)
"""

EXACT_GROUPS = {
    "indexing": INDEXING,
    "shape": SHAPE,
    "joining": JOINING,
    "rearranging": REARRANGING,
    "filled": FILLED,
    "sums": SUMS,
    "selection": SELECTION,
    "contractions": CONTRACTIONS,
    "einsum": EINSUM,
    "tables": TABLES,
}
GROUPS = EXACT_GROUPS | {"statistics": STATISTICS, "linear algebra": LINEAR_ALGEBRA}

# --- their arguments -------------------------------------------------------------------------


def spread(seed, within, *shape):
    """Numbers in (-2, 2), no two of which, and none and 0, lie close together."""
    size = int(np.prod(shape))
    places = np.random.default_rng(seed).permutation(size)
    return ((places + within) * (4 / size) - 2.0).reshape(shape)


ARGUMENTS = {
    "s": np.float64(0.83),
    "u": spread(1, 0.3, 5),
    "v": spread(2, 0.6, 5),
    "w": spread(3, 0.7, 3),
    "x": spread(4, 0.7, 4),
    "A": spread(5, 0.3, 3, 4),
    "B": spread(6, 0.6, 3, 4),
    "C": spread(7, 0.5, 4, 2),
    "S": spread(8, 0.7, 3, 3) + 4 * np.eye(3),
    "T": spread(9, 0.4, 2, 3, 4),
    "T2": spread(10, 0.4, 2, 4, 3),
    "M": spread(11, 0.4, 2, 3, 3) + 4 * np.eye(3),
}
DIRECTIONS = {
    name: 0.3 * np.random.default_rng(i).uniform(-1, 1, np.shape(value))
    for i, (name, value) in enumerate(ARGUMENTS.items())
}


def rational(value, denominator):
    fractions = np.frompyfunc(lambda e: Fraction(round(e * denominator), denominator), 1, 1)
    return fractions(value)


EXACT_ARGUMENTS = {name: rational(value, 997) for name, value in ARGUMENTS.items()}
EXACT_DIRECTIONS = {name: rational(value, 89) for name, value in DIRECTIONS.items()}


class Scenario:
    """An expression as a function of the letters in it."""

    def __init__(self, expression):
        found = dict.fromkeys(
            re.findall(r"[A-Za-z_]\w*", re.sub(r'"[^"]*"|\.\w+|\w+=', "", expression))
        )
        self.names = [name for name in found if name in ARGUMENTS]
        self.expression = expression
        self.raw = eval(f"lambda {', '.join(self.names)}: {expression}", {"np": np})

    def __call__(self, *arguments):
        """Give all results in one line."""
        leaves = flat(self.raw(*arguments))
        return np.concatenate([np.ravel(leaf) for leaf in leaves])

    def of(self, table):
        return tuple(table[name] for name in self.names)


def flat(result):
    return [leaf for r in result for leaf in flat(r)] if type(result) in (tuple, list) else [result]


def scenarios(groups):
    lines = [line for text in groups.values() for line in text.strip().splitlines()]
    return pytest.mark.parametrize("case", [Scenario(e) for e in lines], ids=lines)


# --- an oracle that knows no derivatives -----------------------------------------------------

REACH, NODES = 0.1, np.cos(np.pi * (np.arange(13) + 0.5) / 13)


def series_of(f, point, direction, order=3):
    """Taylor coefficients of ``t -> f(point + t*direction)``, through values at 13 points."""
    at = [f(*(p + REACH * t * d for p, d in zip(point, direction))) for t in NODES]
    fitted = np.polynomial.chebyshev.chebfit(NODES, np.array(at, float), len(NODES) - 1)
    small = np.abs(fitted[-2:]) <= 1e-12 * np.max(np.abs(fitted), initial=1.0)
    assert np.all(small), "the oracle does not see an analytic function"
    return (POWERS @ fitted)[: order + 1] / REACH ** np.arange(order + 1.0)[:, None]


def powers(k):
    found = np.polynomial.chebyshev.cheb2poly(np.eye(len(NODES))[k])
    return np.pad(found, (0, len(NODES) - len(found)))


POWERS = np.stack([powers(k) for k in range(len(NODES))], axis=1)


def agree(ours, theirs, tolerance=1e-11):
    theirs = np.asarray(theirs)
    assert np.shape(ours) == theirs.shape
    scale = np.max(np.abs(theirs), initial=1.0)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * scale)


# --- the checks ------------------------------------------------------------------------------


@scenarios(GROUPS)
def test_the_value_is_that_of_numpy(case):
    point = case.of(ARGUMENTS)
    truth = case.raw(*point)
    direction = case.of(DIRECTIONS)
    by_reverse, _ = ta.vjp(case.raw, *point)
    by_dual, _ = ta.jvp(case.raw, point, direction)
    for ours in (by_reverse, by_dual):
        assert isinstance(ours, (tuple, list)) == isinstance(truth, (tuple, list))
        assert len(flat(ours)) == len(flat(truth))
        for mine, theirs in zip(flat(ours), flat(truth)):
            assert np.shape(mine) == np.shape(theirs)
            np.testing.assert_allclose(mine, theirs, rtol=1e-14, atol=1e-14)
            assert np.asarray(mine).dtype == float


@scenarios(GROUPS)
def test_forward_and_reverse_agree_with_the_oracle(case):
    point, direction = case.of(ARGUMENTS), case.of(DIRECTIONS)
    truth = series_of(case, point, direction)[1]
    value, tangent = ta.jvp(case, point, direction)
    agree(tangent, truth)
    cotangent = spread(99, 0.4, len(value)) if len(value) else np.zeros(0)
    _, pullback = ta.vjp(case, *point)
    bars = pullback(cotangent)
    assert [np.shape(bar) for bar in bars] == [np.shape(p) for p in point]
    inner = sum(np.sum(bar * d) for bar, d in zip(bars, direction))
    agree(inner, cotangent @ truth)


# NumPy asks only the first argument of these whether it is one of ours.
UNSEEN = [
    "np.full_like(u, s)",
    "np.full_like(u, v)",
    "np.full_like(A, s, shape=(2, 2))",
    "np.sum(A, axis=0, initial=s)",
    "np.prod(A, axis=0, initial=s)",
    "np.add.reduce(A, initial=s, where=A > 0)",
    "np.insert(u, [2, 2], [s, 7.0])",
    "np.piecewise(u, [u < 0, u > 1], [-1.0, lambda t: t * s])",
    "np.nan_to_num(np.where(u > 0, u, -np.inf), nan=2.0, neginf=s)",
    "np.interp(x, [-1.0, 0.0, 1.0], [2.0, 1.0, 4.0], left=s)",
]


@scenarios(GROUPS)
def test_one_argument_at_a_time(case):
    """The others are plain arrays then, which takes other paths through the rules."""
    point, direction = case.of(ARGUMENTS), case.of(DIRECTIONS)
    for i in range(1 if case.expression in UNSEEN else len(point)):
        alone = lambda z: case(*point[:i], z, *point[i + 1 :])  # noqa: B023
        truth = series_of(alone, point[i : i + 1], direction[i : i + 1])
        _, tangent = ta.jvp(alone, point[i : i + 1], direction[i : i + 1])
        agree(tangent, truth[1])
        agree(ta.taylor(alone, point[i], 3, direction[i]).coefficients, truth, 1e-9)
        value, pullback = ta.vjp(alone, point[i])
        cotangent = spread(99, 0.4, len(value)) if len(value) else np.zeros(0)
        agree(np.sum(pullback(cotangent)[0] * direction[i]), cotangent @ truth[1])


@pytest.mark.parametrize("expression", UNSEEN)
def test_what_numpy_does_not_show_us_is_refused_and_not_lost(expression):
    case = Scenario(expression)
    first, *others = case.of(ARGUMENTS)
    with pytest.raises(ta.errors.TayloradError, match=r"derivatives|np\.full_like|rule"):
        ta.jvp(lambda *z: case(first, *z), tuple(others), tuple(others))


def along(case, point, direction):
    return lambda t: case(*(p + t * d for p, d in zip(point, direction)))


@scenarios(GROUPS)
def test_series(case):
    point, direction = case.of(ARGUMENTS), case.of(DIRECTIONS)
    series = ta.taylor(along(case, point, direction), 0.0, 3)
    agree(series.coefficients, series_of(case, point, direction), 1e-9)


@scenarios(GROUPS)
def test_hessians(case):
    """Of a scalar that bends even where the scenario is linear; by every method, and the oracle."""
    point, direction = case.of(ARGUMENTS), case.of(DIRECTIONS)
    weights = spread(98, 0.4, 2, max(1, len(case(*point))))

    def scalar(arguments):
        y = case(*arguments)
        first, second = weights[:, : len(y)]
        return np.sum(first * y + second * y * y * y)

    blocks = ta.hessian(scalar)(point)
    for method in ("hyperdual", "taylor"):
        for row, other in zip(blocks, ta.hessian(scalar, method=method)(point)):
            for block, same in zip(row, other):
                agree(same, block)
    second = sum(
        np.tensordot(d, np.tensordot(block, e, np.ndim(e)), np.ndim(d))
        for d, row in zip(direction, blocks)
        for e, block in zip(direction, row)
    )
    truth = series_of(lambda *arguments: np.atleast_1d(scalar(arguments)), point, direction)
    assert abs(second / 2 - truth[2, 0]) <= 1e-9 * np.max(np.abs(truth))


@scenarios(EXACT_GROUPS)
def test_fractions(case):
    """No entry passes through a double: the value is NumPy's on object arrays, exactly."""
    point, direction = case.of(EXACT_ARGUMENTS), case.of(EXACT_DIRECTIONS)
    series = ta.taylor(along(case, point, direction), Fraction(0), 2).coefficients
    assert all(type(c) is Fraction for c in series.ravel())
    floats = [
        tuple(np.vectorize(float, otypes=[float])(a)[()] for a in t) for t in (point, direction)
    ]
    try:
        truth = case(*point).tolist()
    except (TypeError, ValueError, AttributeError, NotImplementedError):  # not on object arrays
        truth = case(*floats[0]).tolist()
    for ours, theirs in zip(series[0], truth, strict=True):
        exact = isinstance(theirs, (Fraction, int))
        assert ours == theirs if exact else math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=1e-12)
    agree(series[1:].astype(float), ta.taylor(along(case, *floats), 0.0, 2).coefficients[1:])

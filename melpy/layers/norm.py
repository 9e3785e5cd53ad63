"""Normalization: of channels over a batch, of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from melpy import config, ops, part
from melpy.distribution.exchange import is_shared, summed
from melpy.distribution.normalization import shared_batch_norm
from melpy.errors import ArgumentError, ShapeError, warn
from melpy.kernels import program, tracing
from melpy.layers.activation import SameShape
from melpy.layers.arguments import Shape
from melpy.layers.checks import whole_numbers_of
from melpy.layers.joining import Joint, Scaling
from melpy.layers.phase import is_training
from melpy.tensor import Tensor

__all__ = ["BatchNormalization", "LayerNormalization"]


class BatchNormalization(SameShape):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, a channel at a time.

    While training, mean and variance are the batch's, and moving averages of them are kept; at
    inference, and when the layer is frozen, the moving averages serve.

    Parameters
    ----------
    axis : int, the channels' axis
    momentum : float in [0, 1]: moving = momentum moving + (1 - momentum) batch
    epsilon : float > 0
    center, scale : bool, whether there is a beta, a gamma
    beta_initializer, gamma_initializer : initializers
    moving_mean_initializer, moving_variance_initializer : initializers
    beta_regularizer, gamma_regularizer : regularizers or None
    beta_constraint, gamma_constraint : constraints or None
    renorm : bool, whether training, too, sees the moving averages: y = gamma (r x' + d) + beta,
        with x' normalized by the batch, and constants r and d that lead from the batch's deviation
        and mean to the moving ones
    renorm_clipping : dict of limits "rmin" <= r <= "rmax" and |d| <= "dmax", none by default
    renorm_momentum : float in [0, 1], of the moving averages that training sees
    synchronized : accepted as in Keras

    Notes
    -----
    Input (N, ..., C), output of the same shape. Weights: gamma, beta, moving_mean, moving_variance,
    each (C,); with renorm moving_stddev, renorm_mean and renorm_stddev too.

    Source
    ------
    S. Ioffe, C. Szegedy 2015, algorithms 1 and 2. S. Ioffe 2017, algorithm 1 (renorm).

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNormalization()
    >>> np.round(np.asarray(layer(np.array([[1.0], [3.0]]), training=True)), 2)
    array([[-1.],
           [ 1.]], dtype=float32)
    """

    whole = joins = True

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        numbers = {"momentum": momentum, "epsilon": epsilon, "renorm_momentum": renorm_momentum}
        for name, value in numbers.items():
            if not 0 <= value <= 1:
                raise ArgumentError(
                    "BatchNormalization",
                    f"{name} is out of range",
                    expected="a float in [0, 1]",
                    received={name: value},
                )
        self.axis, self.momentum, self.epsilon = axis, momentum, epsilon
        self.center, self.scale = center, scale
        self.renorm, self.renorm_momentum = renorm, renorm_momentum
        self.renorm_clipping = _limits(renorm_clipping or {}) if renorm else renorm_clipping
        self.rules("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)
        self.rules("beta", beta_initializer, beta_regularizer, beta_constraint)
        self.rules("moving_mean", moving_mean_initializer)
        self.rules("moving_variance", moving_variance_initializer)

    def build(self, input_shape: Shape) -> None:
        """Make gamma, beta and the moving averages, each (C,)."""
        if not -len(input_shape) <= self.axis < len(input_shape):
            raise ShapeError(
                "build",
                f"input has no axis {self.axis}",
                expected=f"at least {abs(self.axis) + (self.axis >= 0)} axes",
                received={"shape": tuple(input_shape)},
            )
        one_each = (input_shape[self.axis] or 0,)
        if self.scale:
            self.gamma = self.ruled_weight("gamma", one_each)
        if self.center:
            self.beta = self.ruled_weight("beta", one_each)
        self.moving_mean = self.ruled_weight("moving_mean", one_each, trainable=False)
        self.moving_variance = self.ruled_weight("moving_variance", one_each, trainable=False)
        if self.renorm:
            deviation = np.sqrt(self.moving_variance.array)
            for name, start in (
                ("moving_stddev", deviation),
                ("renorm_mean", self.moving_mean.array),
                ("renorm_stddev", deviation),
            ):
                setattr(self, name, self.add_weight(one_each, "zeros", trainable=False, name=name))
                getattr(self, name).assign(start)

    def _is_whole(self) -> bool:
        return super()._is_whole() and not self.renorm

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """Return the normalized input."""
        last = self.axis in (-1, inputs.ndim - 1)
        x = inputs if last else ops.swapaxes(inputs, self.axis, -1)
        if training and self.trainable:
            y = self._of_batch(x, *self._gamma_beta(x), self._seen(mask, inputs))
        else:
            y = ops.scale_offset(x, *self.scale_and_offset(x))
        return y if last else ops.swapaxes(y, self.axis, -1)

    def joined(self, following: Sequence[Any]) -> Joint | None:
        """Return the normalization and a relu as one sweep."""
        if self.renorm or following[0].as_activation() != ("relu", 0.0):
            return None

        def run(x: Any) -> Any:
            if self.axis not in (-1, x.ndim - 1):
                return following[0](self(x))
            return self.stand_in(lambda y: self.call_relu(y, is_training()), x)

        return Joint(1, run)

    def as_scaling(self, ndim: int | None) -> Scaling | None:
        """Return `scale_and_offset`, for channels that are the last axis."""
        is_last = self.axis == -1 or (ndim is not None and self.axis == ndim - 1)
        return self.scale_and_offset if is_last and not self.renorm else None

    def call_relu(self, inputs: Any, training: bool) -> Any:
        """Return max(y, 0) in one sweep; the channels last, no mask, no renorm."""
        if training and self.trainable:
            gamma, beta = self._gamma_beta(inputs)
            if is_shared():
                y, mean, variance = self._of_whole_batch(inputs, gamma, beta, None, "relu")
            else:
                y, mean, variance = ops.batch_norm(
                    inputs, gamma, beta, epsilon=self.epsilon, activation="relu"
                )
            _follow(self.moving_mean, mean, self.momentum)
            _follow(self.moving_variance, variance, self.momentum)
            return y
        return ops.scale_offset(inputs, *self.scale_and_offset(inputs), activation="relu")

    def scale_and_offset(self, x: Any) -> tuple[Any, Any]:
        """Return what inference multiplies by and adds, one number a channel."""
        gamma, beta = self._gamma_beta(x)
        scale = gamma / np.sqrt(self.moving_variance.array + x.dtype.type(self.epsilon))
        return scale, beta - self.moving_mean.array * scale

    def _gamma_beta(self, x: Any) -> tuple[Any, Any]:
        C = x.shape[-1]
        gamma = self.gamma if self.scale else np.ones(C, x.dtype)
        return gamma, self.beta if self.center else np.zeros(C, x.dtype)

    def _seen(self, mask: Any, inputs: Any) -> Any:
        """Return 1 for each value that counts, 0 for padding, the channels last; None for all 1."""
        if mask is None:
            return None
        seen = np.asarray(mask, inputs.dtype)
        seen = seen.reshape(seen.shape + (1,) * (inputs.ndim - seen.ndim))
        return np.swapaxes(np.broadcast_to(seen, inputs.shape), self.axis, -1)

    def _of_batch(self, x: Any, gamma: Any, beta: Any, seen: Any) -> Any:
        """Return y by the batch's own moments, and let the moving averages follow them."""
        one, zero = np.ones(x.shape[-1], x.dtype), np.zeros(x.shape[-1], x.dtype)
        scale, offset = (one, zero) if self.renorm else (gamma, beta)
        if is_shared():
            y, mean, variance = self._of_whole_batch(x, scale, offset, seen)
        elif seen is None:
            y, mean, variance = ops.batch_norm(x, scale, offset, epsilon=self.epsilon)
        else:
            y, mean, variance = self._masked(x, scale, offset, seen)
        _follow(self.moving_mean, mean, self.momentum)
        if not self.renorm:
            _follow(self.moving_variance, variance, self.momentum)
            return y
        deviation = np.sqrt(variance + x.dtype.type(self.epsilon))
        known = np.maximum(self.renorm_stddev.array, x.dtype.type(np.sqrt(self.epsilon)))
        limits = self.renorm_clipping
        r = np.clip(deviation / known, limits.get("rmin"), limits.get("rmax"))
        most = limits.get("dmax", np.inf)
        d = np.clip((mean - self.renorm_mean.array) / known, -most, most)
        _follow(self.renorm_mean, mean, self.renorm_momentum)
        _follow(self.renorm_stddev, deviation, self.renorm_momentum)
        _follow(self.moving_stddev, deviation, self.momentum)
        square = self.moving_stddev.array**2 - x.dtype.type(self.epsilon)
        self.moving_variance.assign(np.maximum(square, 0))
        return y * (gamma * r) + (gamma * d + beta)

    def _masked(self, x: Any, gamma: Any, beta: Any, weight: Any) -> tuple[Any, Any, Any]:
        """Return y and the moments of the values whose weight is 1, not 0."""
        axes = tuple(range(x.ndim - 1))
        count = weight.sum(axis=axes) + x.dtype.type(config.epsilon())
        mean = ops.sum(x * weight, axis=axes) / count
        variance = ops.sum(ops.square(x - mean) * weight, axis=axes) / count
        y = (x - mean) * (gamma / ops.sqrt(variance + self.epsilon)) + beta
        return y, np.asarray(mean), np.asarray(variance)

    def _of_whole_batch(
        self, x: Any, gamma: Any, beta: Any, seen: Any, activation: str = "linear"
    ) -> tuple[Any, Any, Any]:
        """Return y and the moments of a batch of which this process has a part."""
        if seen is None and x.dtype == gamma.dtype == beta.dtype:
            return shared_batch_norm(x, gamma, beta, self.epsilon, activation)
        axes = tuple(range(x.ndim - 1))
        counts = x.dtype.type(part.weight() > 0)  # or it has a sample in the place of none
        seen = np.full(x.shape, counts) if seen is None else seen * counts
        count = summed(Tensor(seen.sum(axis=axes)))
        count = ops.maximum(count, x.dtype.type(config.epsilon()))
        mean = summed(ops.sum(x * seen, axis=axes)) / count
        variance = summed(ops.sum(ops.square(x - mean) * seen, axis=axes)) / count
        y = (x - mean) * (gamma / ops.sqrt(variance + x.dtype.type(self.epsilon))) + beta
        return ops.relu(y) if activation == "relu" else y, mean.array, variance.array


def _follow(moving: Any, batch: Any, momentum: float) -> None:
    """Bring a moving average nearer to a batch's number."""
    state = program.state_of(moving, lambda: moving.array, lambda x: moving.assign(x.copy()))
    tracing.computed(_follow_in_place, state, batch, momentum)
    moving.assign(state.copy())


def _follow_in_place(state: Any, batch: Any, momentum: float) -> None:
    state[...] = state * momentum + batch * (1 - momentum)


def _limits(clipping: Mapping[str, float]) -> dict[str, float]:
    """Return the limits of r and d, checked."""
    rmin, rmax, dmax = (clipping.get(name) for name in ("rmin", "rmax", "dmax"))
    turned = rmin is not None and rmax is not None and rmin > rmax
    if set(clipping) - {"rmin", "rmax", "dmax"} or turned or (dmax is not None and dmax < 0):
        raise ArgumentError(
            "BatchNormalization",
            "renorm_clipping sets no limits that can be kept",
            expected='a dict of "rmin" <= "rmax" and "dmax" >= 0, each of which may be missing',
            received={"renorm_clipping": dict(clipping)},
        )
    return {name: value for name, value in clipping.items() if value is not None}


class LayerNormalization(SameShape):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, each sample by itself.

    Parameters
    ----------
    axis : int or ints, the axes that are normalized together, the features' by default
    epsilon : float > 0
    center, scale : bool, whether there is a beta, a gamma
    rms_scaling : bool; True, which is out of date, is gamma x / sqrt(variance + epsilon)
    beta_initializer, gamma_initializer : initializers
    beta_regularizer, gamma_regularizer : regularizers or None
    beta_constraint, gamma_constraint : constraints or None

    Notes
    -----
    Input (N, ...), output of the same shape. Weights: gamma, beta, each of the sizes along
    ``axis``.

    Source
    ------
    J. L. Ba et al. 2016, equations 3 and 4.

    Examples
    --------
    >>> import numpy as np
    >>> np.round(LayerNormalization()(np.array([[1.0, 3.0]])).numpy(), 2)
    array([[-1.,  1.]], dtype=float32)
    """

    whole = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        self.rms_scaling = kwargs.pop("rms_scaling", False)
        if self.rms_scaling:
            warn(
                "LayerNormalization: rms_scaling divides by the deviation, not by the root of the "
                "mean square. RMSNormalization does that.",
            )
        super().__init__(**kwargs)
        whole_numbers_of(axis, "axis", type(self).__name__)
        self.axis, self.epsilon, self.center, self.scale = axis, epsilon, center, scale
        self.rules("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)
        self.rules("beta", beta_initializer, beta_regularizer, beta_constraint)

    def _axes(self, rank: int) -> tuple[int, ...]:
        axes = (self.axis,) if isinstance(self.axis, int) else self.axis
        if any(not -rank <= axis < rank for axis in axes):
            raise ShapeError(
                "build",
                f"input has no axis {axes}",
                received={"axes of the input": rank},
            )
        return tuple(sorted(axis % rank for axis in axes))

    def build(self, input_shape: Shape) -> None:
        """Make gamma and beta."""
        self._axes(len(input_shape))
        # Of -1 beside 1, Keras puts -1 first: the weights' shape, not which number they multiply.
        axes = [self.axis] if isinstance(self.axis, int) else sorted(self.axis)
        sizes = [input_shape[axis] for axis in axes]
        if self.scale or self.rms_scaling:
            self.gamma = self.ruled_weight("gamma", sizes)
        if self.center and not self.rms_scaling:
            self.beta = self.ruled_weight("beta", sizes)

    def call(self, inputs: Any) -> Any:
        """Return the normalized input."""
        axes = self._axes(inputs.ndim)
        if self.rms_scaling:
            scale = ops.rsqrt(ops.var(inputs, axes, keepdims=True) + self.epsilon)
            shape = [size if axis in axes else 1 for axis, size in enumerate(inputs.shape)]
            return inputs * scale * ops.reshape(self.gamma, shape)
        if axes == (inputs.ndim - 1,):
            C = inputs.shape[-1]
            gamma = self.gamma if self.scale else np.ones(C, inputs.dtype)
            beta = self.beta if self.center else np.zeros(C, inputs.dtype)
            return ops.layer_norm(inputs, gamma, beta, epsilon=self.epsilon)
        y = ops.standardize(inputs, axis=axes, epsilon=self.epsilon)
        shape = [size if axis in axes else 1 for axis, size in enumerate(inputs.shape)]
        if self.scale:
            y = y * ops.reshape(self.gamma, shape)
        return y + ops.reshape(self.beta, shape) if self.center else y

"""What layers of images and of sequences share: their axes, and where the channels are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from melpy import ops
from melpy.errors import ArgumentError, lookup
from melpy.layers.arguments import Shape
from melpy.layers.base import Layer, known_format, require_rank
from melpy.layers.input_spec import InputSpec
from melpy.ops.spatial import LAYOUTS, PADDINGS, Layout

__all__ = ["Spatial", "known_padding", "output_size", "refuse_both", "refuse_empty"]


class Spatial(Layer):
    """A layer of sequences, images, volumes: works channels_last, takes channels_first. Abstract.

    Subclasses set ``rank``, 1 for sequences (N, T, C), 2 for images (N, H, W, C), 3 for volumes
    (N, D, H, W, C), and define ``call_last`` and ``last_shape``, which see the channels last.

    Parameters
    ----------
    data_format : "channels_last", "channels_first", or None for the setting
    """

    rank: ClassVar[int]

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = known_format(data_format, type(self).__name__)

    def _own_spec(self) -> InputSpec:
        return InputSpec(ndim=self.rank + 2)

    @property
    def channels_first(self) -> bool:
        """Whether the channels come as axis 1."""
        return self.data_format == "channels_first"

    def call(self, inputs: Any) -> Any:
        """Bring the channels last, compute, and bring them back."""
        self.check_rank(inputs.shape)
        if not self.channels_first:
            return self.call_last(inputs)
        y = self.call_last(ops.moveaxis(inputs, 1, -1))  # (N,C,H,W) -> (N,H,W,C)
        return ops.moveaxis(y, -1, 1) if y.ndim == self.rank + 2 else y

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output."""
        self.check_rank(input_shape)
        if not self.channels_first:
            return self.last_shape(tuple(input_shape))
        N, C, *sizes = input_shape
        shape = self.last_shape((N, *sizes, C))
        return (shape[0], shape[-1], *shape[1:-1]) if len(shape) == self.rank + 2 else shape

    def check_rank(self, shape: Shape) -> None:
        """Refuse what is no batch of images, or of sequences."""
        layout = LAYOUTS[self.rank][self.channels_first]
        mend = "The batch or the channel axis is missing: add it with np.newaxis."
        if self.rank == 2 and len(shape) == 2:
            mend = "Rows of pixels must become images first, for example with a Reshape layer."
        require_rank(shape, self.rank + 2, layout, mend if len(shape) <= self.rank + 1 else "")

    def channels_last(self, x: Any) -> Any:
        """Return an array of the layer's layout as images, a sequence's of height 1."""
        return Layout(self.rank, self.channels_first).images(x)

    def call_last(self, x: Any) -> Any:
        """Compute with the channels last. Abstract."""
        raise NotImplementedError

    def last_shape(self, shape: Shape) -> Shape:
        """Return the output's shape, the channels last in both. Abstract."""
        raise NotImplementedError


def known_padding(padding: Any, who: str, known: Iterable[str] = PADDINGS) -> str:
    """Return a kind of padding in small letters, or refuse an unknown one."""
    name = padding.lower() if isinstance(padding, str) else padding
    return lookup("padding", name, {kind: kind for kind in known}, who)


def output_size(size: int | None, window: int, stride: int, padding: str) -> int | None:
    """Return how many windows fit: ceil(size / stride) or (size - window) // stride + 1."""
    if size is None:
        return None
    return (size - window) // stride + 1 if padding == "valid" else -(-size // stride)


def refuse_both(strides: Sequence[int], dilation_rate: Sequence[int], who: str) -> None:
    """Refuse strides beside dilation, as Keras does for convolutions and their transposes."""
    if max(strides) > 1 and max(dilation_rate) > 1:
        raise ArgumentError(
            who,
            "a kernel is either dilated or moved by strides",
            expected="strides of 1 or a dilation_rate of 1",
            received={"strides": strides, "dilation_rate": dilation_rate},
        )


def refuse_empty(sizes: list[int | None], shape: Shape) -> None:
    """Refuse a window that is larger than its input."""
    if any(size is not None and size < 1 for size in sizes):
        raise ArgumentError(
            "build",
            "the window is larger than its input",
            expected="an output of at least one pixel",
            received={"shape": tuple(shape), "output": tuple(sizes)},
            mend='Use a smaller window, padding="same", or fewer pooling layers before it.',
        )

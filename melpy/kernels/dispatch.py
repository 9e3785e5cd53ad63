"""Chooses the kernels: each name below runs the twin that `melpy.config.kernels` asks for.

A set that lacks a kernel leaves it to "numpy", which has them all: "loops" only spells out
convolution and pooling, "im2col" lays out convolution the paper's way, "compiled" has only what
pays.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from melpy import config
from melpy.errors import warn
from melpy.kernels import threads, tracing

ROOMS = {
    "loops": ("spec.conv_loops", "spec.conv_block_loops", "spec.pooling_loops"),
    "im2col": ("spec.conv_im2col", "spec.conv_block_im2col"),
    "numpy": (
        "spec.matmul",
        "spec.conv_windows",
        "spec.conv_block",
        "spec.depthwise",
        "spec.pooling",
        "spec.arithmetic",
        "spec.activation",
        "spec.bias_activation",
        "spec.copying",
        "spec.dense",
        "spec.cross_entropy",
        "spec.normalization",
        "spec.softmax",
        "spec.attention",
        "spec.philox",
        "spec.noise",
        "spec.recurrent",
        "spec.tally",
        "spec.updates",
        "spec.gradients",
        "volumes",
    ),
    "compiled": (
        "compiled.matmul",
        "compiled.matmul_batch",
        "compiled.conv",
        "compiled.conv_block",
        "compiled.depthwise",
        "compiled.pooling",
        "compiled.arithmetic",
        "compiled.activation",
        "compiled.bias_activation",
        "compiled.copying",
        "compiled.dense",
        "compiled.cross_entropy",
        "compiled.normalization",
        "compiled.softmax",
        "compiled.attention",
        "compiled.philox",
        "compiled.noise",
        "compiled.recurrent",
        "compiled.tally",
        "compiled.updates",
        "compiled.gradients",
    ),
}


COMPILING = "Compiling the kernels for this machine; later runs find them in Numba's cache."
NOT_KEPT = (
    "Compiling the kernels for this process alone: no folder for Numba's cache can be written. "
    "Set NUMBA_CACHE_DIR to one that can be."
)
_said: set[str] = set()


def what_is_compiled() -> str:
    """Return the line that says that kernels are being compiled, and whether they will be kept."""
    from melpy.kernels.compiled.jit import is_nothing_kept  # known before the first is compiled

    return NOT_KEPT if is_nothing_kept() else COMPILING


def cache_folder() -> str | None:
    """Return the folder in which compiled kernels are kept; None where none can be written."""
    from melpy.kernels.compiled.jit import kept_in

    _find("compiled", "matmul")  # whose room finds out
    return kept_in()


@contextmanager
def saying_what_is_compiled(say: Callable[[str], None] | None) -> Iterator[None]:
    """Have a line said, once a process, when kernels are compiled inside the ``with`` block.

    Nothing is said of those that Numba's cache holds, nor without ``say``.
    """
    if say is None or _said or not are_compiled():
        yield
        return
    from melpy.kernels.compiled.numba_private import noticing_compilation

    def tell() -> None:
        if not _said:
            _said.add(COMPILING)
            say(what_is_compiled())

    with noticing_compilation(tell):
        yield


def find(name: str) -> Callable[..., Any]:
    """Return the kernel ``name`` of the chosen set."""
    kernel = _find(config.kernels(), name)
    return functools.partial(tracing.through, kernel) if threads.is_noted() else kernel


def are_compiled() -> bool:
    """Return whether the chosen kernels are the compiled ones, and can be."""
    return config.kernels() == "compiled" and _has_numba()


@functools.cache
def _find(chosen: str, name: str) -> Callable[..., Any]:
    if chosen == "compiled" and not _has_numba():
        chosen = "numpy"
    for room in ROOMS[chosen] + ROOMS["numpy"]:
        path = f"melpy.kernels.{room}"
        kernel: Any = getattr(importlib.import_module(path), name, None)
        if kernel is not None and kernel.__module__ == path:  # what a room imports is not its own
            return kernel
    raise LookupError(f"no kernel is called {name!r}")


@functools.cache
def _has_numba() -> bool:
    try:
        importlib.import_module("numba")
    except ImportError as error:
        warn(
            f"melpy runs its NumPy kernels, which are slower, because Numba cannot be imported "
            f"({error}). Install Numba, or call melpy.config.set_kernels('numpy') to say that "
            f"this is intended.",
            RuntimeWarning,
        )
        return False
    return True


def _kernel(name: str) -> Callable[..., Any]:
    def kernel(*args: Any) -> Any:
        return find(name)(*args)

    kernel.__name__ = name
    kernel.__doc__ = f"Run ``{name}`` of the chosen kernels; see its twin in `melpy.kernels.spec`."
    return kernel


matmul = _kernel("matmul")
matmul_batch = _kernel("matmul_batch")
dense = _kernel("dense")
dense_back = _kernel("dense_back")
conv2d = _kernel("conv2d")
conv2d_d_x = _kernel("conv2d_d_x")
conv2d_d_w = _kernel("conv2d_d_w")
conv3d = _kernel("conv3d")
conv3d_d_x = _kernel("conv3d_d_x")
conv3d_d_w = _kernel("conv3d_d_w")
conv2d_block = _kernel("conv2d_block")
conv2d_block_back = _kernel("conv2d_block_back")
depthwise_conv2d = _kernel("depthwise_conv2d")
depthwise_block = _kernel("depthwise_block")
depthwise_conv2d_d_x = _kernel("depthwise_conv2d_d_x")
depthwise_conv2d_d_w = _kernel("depthwise_conv2d_d_w")
max_pool2d = _kernel("max_pool2d")
max_pool2d_d_x = _kernel("max_pool2d_d_x")
average_pool2d = _kernel("average_pool2d")
average_pool2d_d_x = _kernel("average_pool2d_d_x")
max_pool3d = _kernel("max_pool3d")
max_pool3d_d_x = _kernel("max_pool3d_d_x")
average_pool3d = _kernel("average_pool3d")
average_pool3d_d_x = _kernel("average_pool3d_d_x")
take = _kernel("take")
add_rows = _kernel("add_rows")
copy = _kernel("copy")
add = _kernel("add")
add_relu = _kernel("add_relu")
activation = _kernel("activation")
activation_d_x = _kernel("activation_d_x")
bias_activation = _kernel("bias_activation")
bias_activation_d_x = _kernel("bias_activation_d_x")
sum_rows = _kernel("sum_rows")
batch_norm = _kernel("batch_norm")
batch_norm_d_x = _kernel("batch_norm_d_x")
shared_batch_norm = _kernel("shared_batch_norm")
shared_batch_norm_d_x = _kernel("shared_batch_norm_d_x")
scale_offset = _kernel("scale_offset")
layer_norm = _kernel("layer_norm")
layer_norm_d_x = _kernel("layer_norm_d_x")
softmax = _kernel("softmax")
softmax_d_x = _kernel("softmax_d_x")
attention = _kernel("attention")
attention_back = _kernel("attention_back")
next_seed = _kernel("next_seed")
drawn = _kernel("drawn")
dropped = _kernel("dropped")
noisy = _kernel("noisy")
softmax_cross_entropy = _kernel("softmax_cross_entropy")
softmax_cross_entropy_d_logits = _kernel("softmax_cross_entropy_d_logits")
lstm = _kernel("lstm")
lstm_d_x = _kernel("lstm_d_x")
gru = _kernel("gru")
gru_d_x = _kernel("gru_d_x")
simple_rnn = _kernel("simple_rnn")
simple_rnn_d_x = _kernel("simple_rnn_d_x")
mean = _kernel("mean")
mean_d_x = _kernel("mean_d_x")
tally = _kernel("tally")
tally_weighted = _kernel("tally_weighted")
class_hits = _kernel("class_hits")
label_hits = _kernel("label_hits")
top_hits = _kernel("top_hits")
threshold_hits = _kernel("threshold_hits")
one_hot = _kernel("one_hot")
scale = _kernel("scale")
average = _kernel("average")
divide = _kernel("divide")
accumulate = _kernel("accumulate")
accumulated = _kernel("accumulated")
clip_norm = _kernel("clip_norm")
clip_values = _kernel("clip_values")
sgd = _kernel("sgd")
rmsprop = _kernel("rmsprop")
adam = _kernel("adam")
nadam = _kernel("nadam")
adamax = _kernel("adamax")
adagrad = _kernel("adagrad")
adadelta = _kernel("adadelta")
lion = _kernel("lion")
ftrl = _kernel("ftrl")

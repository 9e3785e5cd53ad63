"""Configurations of every layer, drawn over its arguments and its input's shape.

A row of `LAYERS` is a function of ``some``, which chooses one of its arguments: Hypothesis does in
one test, a seeded generator in another. Shapes come from few sizes, so that JAX compiles less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

H, W = (5, 6), (5, 7)  # heights, or steps, and widths to choose from
ACTIVATIONS = (None, "tanh", "softplus", "gelu")

RATES = ("rate", "stddev", "dropout", "recurrent_dropout")  # of layers that draw at random
RANGES = ("factor", "height_factor", "width_factor")

LAYERS: dict[str, Callable[[Any], Case]] = {}


@dataclass
class Case:
    """A layer's arguments, and what it is called with."""

    arguments: dict[str, Any]
    shapes: list[tuple[int, ...]]
    form: str = "one"  # the inputs: one tensor, a "list" of them, or "several" arguments
    options: dict[str, Any] = field(default_factory=dict)  # of the call
    whole: int = 0  # the inputs are whole numbers below this; 0 for floats
    make: Callable[[Any, str, str], Any] | None = None  # by library, name and type, if not usual
    rough: bool = False  # Keras computes in float32, whatever the type
    together: bool = False  # some gradients are nothing but rounding: held to the largest of all

    def layer(self, room: Any, name: str, dtype: str) -> Any:
        if self.make is not None:
            return self.make(room, name, dtype)
        return getattr(room, name)(**self.arguments, dtype=dtype)

    def inputs(self, dtype: str, seed: int = 0) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        if self.whole:
            return [rng.integers(0, self.whole, shape) for shape in self.shapes]
        return [distinct(shape, rng).astype(dtype) for shape in self.shapes]

    def call(self, layer: Any, inputs: list[Any], dtype: str, **options: Any) -> Any:
        """Call a layer, or a function of its arguments, in the case's form."""
        inputs = [inputs] if self.form == "list" else inputs
        return layer(*inputs, **cast(self.options, dtype), **options)

    @property
    def draws(self) -> bool:
        """Whether the layer draws at random while training."""
        return bool(self.arguments != self.without_draws().arguments or "mode" in self.arguments)

    def without_draws(self) -> Case:
        """Return the case with rates of 0, and with ranges of one value."""
        made = {name: 0.0 for name in RATES if name in self.arguments}
        made |= {name: (0.1, 0.1) for name in RANGES if name in self.arguments}
        return replace(self, arguments=self.arguments | made)


def cast(options: Any, dtype: str) -> Any:
    """Return options with the floats among them in one type."""
    if isinstance(options, dict):
        return {name: cast(value, dtype) for name, value in options.items()}
    if isinstance(options, list):
        return [cast(value, dtype) for value in options]
    is_float = isinstance(options, np.ndarray) and options.dtype.kind == "f"
    return options.astype(dtype) if is_float else options


def distinct(shape: tuple[int, ...], rng: Any) -> np.ndarray:
    """Return different values on both sides of 0, none at a kink."""
    size = int(np.prod(shape))
    return (rng.permutation(size).reshape(shape) - size / 2 + 0.137) * (3.0 / size)


def row(*names: str) -> Callable[[Any], Any]:
    """Enter a function of ``some`` and the name under the names of the layers that it draws."""

    def enter(function: Any) -> Any:
        for name in names:
            LAYERS[name] = lambda some, name=name: function(some, name)
        return function

    return enter


# What several layers have.


def rules(some: Any, *weights: str) -> dict[str, Any]:
    """Draw penalties and constraints of weights.

    None lets a weight be 0 and asks for the slope of |w| there, which is 1 in JAX.
    """
    made = {}
    for name in weights:
        pair = some((None, None), ("l2", "non_neg"), ("l1", "unit_norm"), ("l1", None))
        made[f"{name}_regularizer"], made[f"{name}_constraint"] = pair
        made[f"{name}_initializer"] = some("ones", "he_normal")
    return made


def sizes(some: Any, rank: int, values: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(some(*values) for _ in range(rank))


def rank_of(name: str) -> int:
    """Return the number of axes in a layer's name, 2 of Conv2D."""
    return next(int(letter) for letter in name if letter.isdigit())


def placed(some: Any, rank: int, channels: int, arguments: dict[str, Any]) -> Case:
    """Draw where the channels are, and return the case of one input of images or sequences."""
    space = (some(*H), some(*W), 5)[:rank]
    arguments["data_format"] = some("channels_last", "channels_first")
    first = arguments["data_format"] == "channels_first"
    return Case(arguments, [(2, channels, *space) if first else (2, *space, channels)])


def any_shape(some: Any) -> tuple[int, ...]:
    return some((4, 3), (2, 5, 3), (2, 3, 4, 3))


def kept(shape: tuple[int, ...], some: Any) -> np.ndarray | None:
    """Draw a mask of steps, none of whose rows is empty; or none."""
    mask = np.random.default_rng(5).random(shape) < 0.6
    mask[:, 0] = True
    return some(None, mask)


# Dense and its like.


@row("Dense")
def _dense(some, name):
    made = {"units": some(2, 4), "activation": some(*ACTIVATIONS, "softmax")}
    made |= {"use_bias": some(True, False), "activity_regularizer": some(None, "l2")}
    return Case(made | rules(some, "kernel", "bias"), [any_shape(some)])


@row("EinsumDense")
def _einsum_dense(some, name):
    equation, output_shape, bias_axes = some(
        ("abc,cd->abd", (None, 4), "d"), ("abc,cde->abde", (None, 2, 3), "de"),
        ("...x,xy->...y", 4, "y"), ("ab...,bc->ac...", 4, "c"), ("abc,cd->abd", (5, 4), None),
    )  # fmt: skip
    made = {"equation": equation, "output_shape": output_shape, "bias_axes": bias_axes}
    made["activation"] = some(*ACTIVATIONS)
    return Case(made | rules(some, "kernel", "bias"), [(2, 5, 3)])


@row("Embedding")
def _embedding(some, name):
    made = {"input_dim": 7, "output_dim": some(1, 4), "mask_zero": some(True, False)}
    made |= {f"embeddings_{k[7:]}": v for k, v in rules(some, "kernel").items()}
    return Case(made, [some((3,), (3, 4), (2, 3, 2))], whole=7)


@row("ReversibleEmbedding")
def _reversible_embedding(some, name):
    case = _embedding(some, name)
    case.arguments["tie_weights"] = some(True, False)
    return case


@row("SpectralNormalization")
def _spectral_normalization(some, name):
    steps, units = some(1, 3), some(2, 3)

    def make(room, name, dtype):
        return room.SpectralNormalization(room.Dense(units, dtype=dtype), steps, dtype=dtype)

    return Case({}, [some((2, 3), (2, 4, 3))], make=make)


@row("MelSpectrogram")
def _mel_spectrogram(some, name):
    made = {"fft_length": 16, "sequence_stride": some(5, 8), "sampling_rate": 8000}
    made |= {"sequence_length": some(None, 12), "num_mel_bins": 4, "max_freq": some(None, 3000.0)}
    made |= {"power_to_db": some(True, False), "mag_exp": some(1.0, 2.0)}
    return Case(made, [some((2, 40), (1, 47))], rough=True)


@row("STFTSpectrogram")
def _stft_spectrogram(some, name):
    modes = some("log", "magnitude", "psd", "real", "imag", "angle", "stft")
    made = {"mode": modes, "frame_length": 8, "frame_step": some(None, 3)}
    made |= {"fft_length": some(None, 16), "padding": some("valid", "same")}
    made |= {"expand_dims": some(False, True)}
    made |= {"data_format": some("channels_last", "channels_first")}
    return Case(made, [(2, 20, 11)])


@row("Activation")
def _activation(some, name):
    kinds = ("relu", "relu6", "silu", "hard_silu", "mish", "log_softmax", "softmax", "celu", "selu")
    return Case({"activation": some(*kinds, *ACTIVATIONS[1:])}, [any_shape(some)])


@row("ReLU")
def _relu(some, name):
    made = {"max_value": some(None, 1.0), "negative_slope": some(0.0, 0.2)}
    return Case(made | {"threshold": some(0.0, 0.3)}, [any_shape(some)])


@row("LeakyReLU")
def _leaky_relu(some, name):
    return Case({"negative_slope": some(0.3, 0.05)}, [any_shape(some)])


@row("ELU")
def _elu(some, name):
    return Case({"alpha": some(1.0, 0.5)}, [any_shape(some)])


@row("PReLU")
def _prelu(some, name):
    made = {"shared_axes": some(None, [1], [1, 2])}
    made |= {f"alpha_{k[7:]}": v for k, v in rules(some, "kernel").items()}
    return Case(made, [some((2, 5, 3), (2, 3, 4, 3))])


@row("Softmax")
def _softmax(some, name):
    shape = some((2, 5, 3), (2, 3, 5, 3))
    mask = np.random.default_rng(5).random(shape) < 0.6
    mask[..., 0] = mask[:, :, 0] = mask[:, 0] = True
    options = some({}, {"mask": mask})
    return Case({"axis": some(-1, 1, (1, 2))}, [shape], options=options)


# Shapes.


@row("Flatten")
def _flatten(some, name):
    return Case({"data_format": some(None, "channels_first")}, [(2, 3, 4, 3)])


@row("Reshape")
def _reshape(some, name):
    return Case({"target_shape": some((6, -1), (36,), (3, 3, 4), (-1,))}, [(2, 3, 4, 3)])


@row("Permute")
def _permute(some, name):
    return Case({"dims": some((2, 1, 3), (3, 1, 2), (1, 3, 2))}, [(2, 3, 4, 3)])


@row("RepeatVector")
def _repeat(some, name):
    return Case({"n": some(1, 3)}, [(4, 3)])


@row("Identity", "Layer")
def _identity(some, name):
    def make(room, name, dtype):  # what every layer has is held by a small one of our own
        class Scaled(room.Layer):
            def build(self, input_shape):
                self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")
                self.shift = self.add_weight((1,), "ones", name="shift", trainable=False)

            def call(self, inputs):
                return inputs * self.scale + self.shift

        return Scaled(dtype=dtype, activity_regularizer="l2")

    return Case({}, [any_shape(some)], make=make if name == "Layer" else None)


@row("Lambda")
def _lambda(some, name):
    power = some(2, 3)
    return Case({"function": lambda x: x**power}, [any_shape(some)])


@row("Wrapper")
def _wrapper(some, name):
    units = some(2, 4)

    def make(room, name, dtype):
        class Twice(room.Wrapper):
            def call(self, inputs):
                return 2 * self.layer(inputs)

        return Twice(room.Dense(units, dtype=dtype), dtype=dtype)

    return Case({}, [(4, 3)], make=make)


@row("ActivityRegularization")
def _activity(some, name):
    return Case({"l1": some(0.0, 0.2), "l2": some(0.0, 0.3)}, [any_shape(some)])


# Noise: each library draws its own; they are held to each other where nothing is drawn.


@row("Dropout")
def _dropout(some, name):
    made = {"rate": some(0.4, 0), "noise_shape": some(None, (None, 1, 3)), "seed": some(None, 3)}
    return Case(made, [(2, 5, 3)])


@row("AlphaDropout", "GaussianDropout", "SpatialDropout1D")
def _more_dropout(some, name):
    return Case({"rate": some(0.4, 0), "seed": some(None, 3)}, [(2, 5, 3)])


@row("SpatialDropout2D", "SpatialDropout3D")
def _spatial_dropout(some, name):
    made = {"rate": some(0.4, 0), "data_format": some(None, "channels_first")}
    return Case(made, [(2, 3, 4, 3, 2)[: rank_of(name) + 2]])


@row("GaussianNoise")
def _noise(some, name):
    return Case({"stddev": some(0.4, 0), "seed": some(None, 3)}, [any_shape(some)])


def _both(some):
    """Draw ranges for heights and widths, of one value or not."""
    return some(
        {"height_factor": 0.2, "width_factor": 0.1},
        {"height_factor": (0.1, 0.1), "width_factor": (0.1, 0.1)},
    )


@row(
    "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "RandomContrast",
    "RandomBrightness", "RandomCrop",
)  # fmt: skip
def _random_images(some, name):
    interpolation = {"interpolation": some("nearest", "bilinear")}
    fill = interpolation | {"fill_mode": some("constant", "nearest", "reflect", "wrap")}
    lit = {"value_range": some((0, 1), (0, 255))}
    made = {
        "RandomFlip": lambda: {"mode": some("horizontal", "vertical", "horizontal_and_vertical")},
        "RandomRotation": lambda: {"factor": some(0.2, (0.1, 0.1))} | fill,
        "RandomTranslation": lambda: _both(some) | fill,
        "RandomZoom": lambda: _both(some) | fill,
        "RandomContrast": lambda: {"factor": some(0.2, (0.1, 0.3))} | lit,
        "RandomBrightness": lambda: {"factor": some(0.2, (0.1, 0.1))} | lit,
        # at inference the two differ unless nothing is to be cut: see tools/parity_differences.py
        "RandomCrop": lambda: {"height": 5, "width": 4},
    }[name]()
    return Case(made, [(2, 5, 4, 3)], rough=name in ("RandomZoom", "RandomTranslation"))


# Images and sequences.


@row("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose",
     "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D")  # fmt: skip
def _convolution(some, name):
    rank, channels = rank_of(name), some(1, 2)
    made = {"kernel_size": sizes(some, rank, (1, 2, 3)), "activation": some(*ACTIVATIONS)}
    made["padding"] = some("valid", "same", *(["causal"] if name == "Conv1D" else []))
    made[some("strides", "dilation_rate")] = sizes(some, rank, (1, 2))
    made["use_bias"] = some(True, False)
    if not name.startswith("Depthwise"):
        made["filters"] = some(1, 2, 4)
    if name in ("Conv1D", "Conv2D", "Conv3D"):
        made["groups"] = some(1, 2, 3)
        made["filters"], channels = made["filters"] * made["groups"], channels * made["groups"]
    kernels = ["kernel"]
    if name.startswith(("Depthwise", "Separable")):
        made["depth_multiplier"] = some(1, 2)
        kernels = ["depthwise", *(["pointwise"] if name.startswith("Sep") else [])]
    if name.endswith("Transpose") and some(True, False):
        made["output_padding"] = tuple(s - 1 for s in made.get("strides", (1,) * rank))
    case = placed(some, rank, channels, made | rules(some, *kernels, "bias"))
    if made["padding"] == "causal":  # in Keras for channels_last only
        made = case.arguments | {"data_format": "channels_last"}
        case = Case(made, [(2, 6, channels)])
    return case


@row(*(f"{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3)))
def _pooling(some, name):
    rank = rank_of(name)
    made = {"pool_size": sizes(some, rank, (1, 2, 3)), "padding": some("valid", "same")}
    made["strides"] = some(None, sizes(some, rank, (1, 2, 3)))
    return placed(some, rank, 2, made)


@row(*(f"Adaptive{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3)))
def _adaptive_pooling(some, name):
    rank = rank_of(name)
    return placed(some, rank, 2, {"output_size": some(2, sizes(some, rank, (1, 2)))})


@row(*(f"Global{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3)))
def _global_pooling(some, name):
    case = placed(some, rank_of(name), 2, {"keepdims": some(True, False)})
    if name == "GlobalAveragePooling1D":
        mask = kept((2, case.shapes[0][2 if "first" in case.arguments["data_format"] else 1]), some)
        case.options = {} if mask is None else {"mask": mask}
    return case


@row(*(f"{kind}{rank}D" for kind in ("ZeroPadding", "Cropping") for rank in (1, 2, 3)))
def _padding(some, name):
    rank = rank_of(name)
    ends = tuple(sizes(some, 2, (0, 1)) for _ in range(rank))
    made = {"padding" if "Zero" in name else "cropping": some(1, ends[0] if rank == 1 else ends)}
    if name == "Cropping1D":
        return Case(made, [(2, 6, 2)])
    return placed(some, rank, 2, made)


@row("UpSampling1D")
def _longer(some, name):
    return Case({"size": some(1, 2, 3)}, [(2, 5, 2)])


@row("UpSampling3D")
def _larger_volume(some, name):
    return placed(some, 3, 2, {"size": sizes(some, 3, (1, 2))})


@row("UpSampling2D")
def _larger(some, name):
    kinds = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
    return placed(some, 2, 2, {"size": sizes(some, 2, (1, 2, 3)), "interpolation": some(*kinds)})


@row("Resizing")
def _resizing(some, name):
    made = {"height": some(3, 8), "width": some(4, 7), "interpolation": some("bilinear", "bicubic")}
    made |= some({}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True})
    return placed(some, 2, 2, made | {"antialias": some(False, True)})


@row("CenterCrop")
def _center_crop(some, name):
    return placed(some, 2, 2, {"height": some(3, 4), "width": some(3, 4)})


@row("Rescaling")
def _rescaling(some, name):
    many = {"scale": [0.5, 1.0, 2.0], "offset": [1.0, 2.0, 3.0]}
    return Case(some({"scale": 0.5, "offset": some(0.0, 0.25)}, many), [any_shape(some)])


@row("Normalization")
def _normalization(some, name):
    many = {"mean": [1.0, 2.0, 0.5], "variance": [1.0, 4.0, 0.3]}
    made = some({"axis": None, "mean": 2.0, "variance": 3.0}, {"axis": -1, **many})
    return Case(made | {"invert": some(False, True)}, [any_shape(some)])


# Normalizations.


@row("BatchNormalization")
def _batch_norm(some, name):
    made = {"axis": some(-1, 1), "momentum": some(0.99, 0.6), "epsilon": some(1e-3, 0.1)}
    made |= {"center": some(True, False), "scale": some(True, False)}
    shape = some((6, 3), (4, 5, 3), (2, 3, 4, 3))
    mask = kept(shape[:2], some) if len(shape) == 3 and made["axis"] == -1 else None
    options = {} if mask is None else {"mask": mask}
    if some(False, True):
        made |= {"renorm": True, "renorm_momentum": some(0.99, 0.5)}
        made["renorm_clipping"] = some(None, {"rmin": 0.5, "rmax": 1.5, "dmax": 0.3}, {"dmax": 1.0})
    return Case(made | rules(some, "beta", "gamma"), [shape], options=options)


@row("LayerNormalization")
def _layer_norm(some, name):
    made = {"axis": some(-1, 1, [1, 2]), "epsilon": some(1e-3, 0.1)}
    made |= {"center": some(True, False), "scale": some(True, False)}
    case = Case(made | rules(some, "beta", "gamma"), [some((2, 5, 3), (2, 3, 4, 3))])
    if made["axis"] == [1, 2]:
        case.arguments["axis"] = some([1, 2], [2, 1])
    return case


@row("RMSNormalization")
def _rms_norm(some, name):
    return Case({"axis": some(-1, [-2, -1]), "epsilon": some(1e-6, 0.1)}, [some((2, 5, 3), (4, 3))])


@row("UnitNormalization")
def _unit_norm(some, name):
    return Case({"axis": some(-1, 1, [1, 2])}, [some((2, 5, 3), (2, 3, 4, 3))])


@row("GroupNormalization")
def _group_norm(some, name):
    made = {"groups": some(1, 2, -1), "axis": some(-1, 1), "epsilon": some(1e-3, 0.1)}
    made |= {"center": some(True, False), "scale": some(True, False)}
    return Case(made | rules(some, "beta", "gamma"), [some((2, 4, 4), (2, 4, 3, 4))])


# Several tensors.


@row("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract")
def _merge(some, name):
    one = (3, 5, 4)
    shapes = some([one, one], [one, (3, 1, 4)], [(3, 4), one], [one] * 3)
    return Case({}, shapes[:2] if name == "Subtract" else shapes, "list")


@row("Concatenate")
def _concatenate(some, name):
    axis, shapes = some(
        (-1, [(3, 5, 4), (3, 5, 2)]), (1, [(3, 5, 4), (3, 2, 4), (3, 5, 4)]), (2, [(3, 5, 4)] * 2)
    )
    return Case({"axis": axis}, shapes, "list")


@row("Dot")
def _dot(some, name):
    axes, shapes = some(
        (2, [(3, 5, 4), (3, 6, 4)]), ((1, 1), [(3, 5, 4)] * 2), (-1, [(3, 4)] * 2),
        ((1, 2), [(3, 4, 5), (3, 6, 4)]),
    )  # fmt: skip
    return Case({"axes": axes, "normalize": some(False, True)}, shapes, "list")


def masks(some, shapes):
    """Draw the masks of a list of a query and what it looks at."""
    query, value = (kept(shape[:2], some) for shape in shapes[:2])
    made = [query, value, *[None] * (len(shapes) - 2)]
    return {} if query is None and value is None else {"mask": made}


@row("Attention")
def _attention(some, name):
    made = {"use_scale": some(False, True), "score_mode": some("dot", "concat")}
    made["dropout"] = some(0.0, 0.4)
    shapes = [(3, 5, 4), (3, 6, 4), *some([], [(3, 6, 4)])]
    options = {"use_causal_mask": some(False, True)} | masks(some, shapes)
    return Case(made, shapes, "list", options, together=True)


@row("AdditiveAttention")
def _additive_attention(some, name):
    made = {"use_scale": some(False, True), "dropout": some(0.0, 0.4)}
    shapes = [(3, 5, 4), (3, 6, 4), *some([], [(3, 6, 4)])]
    options = {"use_causal_mask": some(False, True)} | masks(some, shapes)
    return Case(made, shapes, "list", options, together=True)


@row("GroupQueryAttention")
def _grouped_query_attention(some, name):
    made = {"head_dim": some(2, 3), "num_query_heads": 4, "num_key_value_heads": some(1, 2, 4)}
    made |= {"use_bias": some(True, False), "dropout": 0.0, "use_gate": some(False, True)}
    made |= {"sliding_window": some(None, 3)}
    options = {"use_causal_mask": some(False, True), "return_attention_scores": True}
    return Case(made, [(3, 5, 4), (3, 6, 4)], "several", options, together=True)


@row("MultiHeadAttention")
def _multi_head_attention(some, name):
    made = {"num_heads": some(1, 2), "key_dim": some(2, 3), "value_dim": some(None, 4)}
    made |= {"use_bias": some(True, False), "output_shape": some(None, 5), "dropout": 0.0}
    made |= {f"kernel_{k[7:]}": v for k, v in rules(some, "kernel").items()}
    shapes = some([(3, 5, 4), (3, 6, 4)], [(3, 5, 4), (3, 6, 4), (3, 6, 4)])
    options = {"use_causal_mask": some(False, True)}
    if some(False, True):
        seen = np.random.default_rng(3).random((3, 5, 6)) < 0.7
        seen[..., 0] = True
        options["attention_mask"] = seen
    made |= {"sliding_window": some(None, 3), "use_gate": some(False, True)}
    # asked for the scores, Keras on JAX computes float64 in float64
    options["return_attention_scores"] = True
    return Case(made, shapes, "several", options, together=True)


# Sequences, step by step.


def recurrent(some, kind):
    made = {"units": some(2, 3), "use_bias": some(True, False)}
    made["activation"] = some("tanh", "softsign", None)
    if kind != "SimpleRNN":
        made["recurrent_activation"] = some("sigmoid", "silu")
    if kind == "GRU":
        made["reset_after"] = some(True, False)
    if kind == "LSTM":
        made["unit_forget_bias"] = some(True, False)
    return made | {"dropout": some(0.0, 0.3), "recurrent_dropout": some(0.0, 0.3)}


@row("SimpleRNN", "LSTM", "GRU")
def _recurrent(some, name):
    made = recurrent(some, name) | rules(some, "kernel", "recurrent", "bias")
    made |= {"go_backwards": some(False, True), "return_sequences": some(False, True)}
    made |= {"return_state": some(False, True), "unroll": some(False, True)}
    if not made["unroll"]:
        made["zero_output_for_mask"] = some(False, True)
    mask = kept((2, 4), some)
    return Case(made, [(2, 4, 3)], options={} if mask is None else {"mask": mask})


@row("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
def _films(some, name):
    rank = rank_of(name)
    made = {"filters": some(1, 2), "kernel_size": sizes(some, rank, (1, 2))}
    made |= {"padding": some("valid", "same"), "use_bias": some(True, False)}
    made |= {"activation": some("tanh", "sigmoid"), "unit_forget_bias": some(True, False)}
    made |= {some("strides", "dilation_rate"): sizes(some, rank, (1, 2))}
    made |= {"go_backwards": some(False, True), "return_sequences": some(False, True)}
    made |= {"return_state": some(False, True)} | rules(some, "kernel", "recurrent", "bias")
    case = placed(some, rank, 2, made)
    return Case(case.arguments, [(2, 3, *case.shapes[0][1:])])  # Keras fails where there is a mask


CELLS = {"SimpleRNNCell": 1, "LSTMCell": 2, "GRUCell": 1}  # and their states


@row(*CELLS)
def _cell(some, name):
    made = recurrent(some, name.removesuffix("Cell"))
    states = [np.random.default_rng(n).normal(size=(2, made["units"])) for n in range(CELLS[name])]
    return Case(made, [(2, 3)], options={"states": states})


@row("RNN", "StackedRNNCells", "Bidirectional", "TimeDistributed")
def _wrapped(some, name):
    kind, units = some("SimpleRNN", "LSTM", "GRU"), some(2, 3)
    merge_mode = some("concat", "sum", "mul", "ave")
    options = {"return_sequences": some(False, True)}
    states = [np.full((2, n), 0.3) for n in (2, units) for _ in range(CELLS[f"{kind}Cell"])]

    def make(room, name, dtype):
        cells = [getattr(room, f"{kind}Cell")(n, dtype=dtype) for n in (2, units)]
        if name == "RNN":
            return room.RNN(cells[0], **options, dtype=dtype)
        if name == "StackedRNNCells":
            return room.StackedRNNCells(cells, dtype=dtype)
        if name == "Bidirectional":
            inner = getattr(room, kind)(units, **options, dtype=dtype)
            return room.Bidirectional(inner, merge_mode, dtype=dtype)
        return room.TimeDistributed(room.Dense(units, dtype=dtype), dtype=dtype)

    if name == "StackedRNNCells":
        nested = states if len(states) == 2 else [states[:2], states[2:]]
        return Case({}, [(2, 3)], options={"states": nested}, make=make)
    mask = kept((2, 4), some)
    return Case({}, [(2, 4, 3)], options={} if mask is None else {"mask": mask}, make=make)


@row("Masking")
def _masking(some, name):
    return Case({"mask_value": some(0.0, 2.0)}, [(2, 4, 3)])

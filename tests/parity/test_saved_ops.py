"""Every op that Keras has a class for is written into a file that Keras reads and runs alike.

One file holds many ops, each on inputs of its own; it is read by Keras and by us.
"""

import inspect

import numpy as np
import pytest

import melpy
from melpy import ops, tree
from melpy.ops.registry import OPS, keras_class

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype"),  # 64 bits, in Keras's own ops
]
RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def positive(*shape):
    return RNG.uniform(0.5, 1.5, shape).astype("float32")


def spd(n):
    a = normal(n, n)
    return a @ a.T + n * np.eye(n, dtype="float32")


ROWS, SQUARE, LABELS = normal(2, 3), normal(3, 3), np.array([2, 0], "int32")
SHARES = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]], "float32")
IMAGES = normal(1, 4, 4, 3)
HOLES = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, np.nan]], "float32")

# What has no sample in the registry: the arrays, and what is called on their symbols.
COMPOSED = {
    "amax": ([ROWS], lambda x: ops.amax(x, axis=1)),
    "amin": ([ROWS], lambda x: ops.amin(x, axis=1)),
    "append": ([ROWS, ROWS], lambda a, b: ops.append(a, b, axis=1)),
    "array_split": ([ROWS], lambda x: ops.array_split(x, 2, axis=1)),
    "average": ([ROWS], lambda x: ops.average(x, axis=1)),
    "batch_normalization": (
        [ROWS, positive(3), positive(3)],
        lambda x, m, v: ops.batch_normalization(x, m, v, -1),
    ),
    "binary_crossentropy": ([SHARES, positive(2, 3) / 2], ops.binary_crossentropy),
    "bincount": ([LABELS], lambda x: ops.bincount(x, minlength=4)),
    "categorical_crossentropy": ([SHARES, SHARES[::-1]], ops.categorical_crossentropy),
    "cholesky_inverse": ([np.linalg.cholesky(spd(3))], ops.cholesky_inverse),
    "copy": ([ROWS], ops.copy),
    "cross": ([ROWS, ROWS[::-1]], ops.cross),
    "diag": ([ROWS[0]], ops.diag),
    "divide_no_nan": ([ROWS, ROWS], ops.divide_no_nan),
    "dot_product_attention": (
        [normal(2, 3, 1, 4)] * 3,
        lambda q, k, v: ops.dot_product_attention(q, k, v),
    ),
    "dsplit": ([normal(2, 3, 4)], lambda x: ops.dsplit(x, 2)),
    "dstack": ([ROWS, ROWS], lambda a, b: ops.dstack([a, b])),
    "eigh": ([spd(3)], lambda x: ops.eigh(x)[0]),
    "fabs": ([ROWS], ops.fabs),
    "fliplr": ([ROWS], ops.fliplr),
    "flipud": ([ROWS], ops.flipud),
    "geomspace": ([positive(3)], lambda x: ops.geomspace(x, 4.0, num=5)),
    "hsplit": ([ROWS], lambda x: ops.hsplit(x, 3)),
    "hstack": ([ROWS, ROWS], lambda a, b: ops.hstack([a, b])),
    "inner": ([ROWS[0], ROWS[1]], ops.inner),
    "kron": ([ROWS, SQUARE], ops.kron),
    "layer_normalization": ([ROWS], lambda x: ops.layer_normalization(x, axis=-1)),
    "linspace": ([ROWS], lambda x: ops.linspace(x, 4.0, num=5)),
    "logdet": ([spd(3)], ops.logdet),
    "logspace": ([positive(3)], lambda x: ops.logspace(x, 2.0, num=4)),
    "lstsq": ([normal(4, 3), normal(4)], ops.lstsq),
    "matrix_rank": ([SQUARE], ops.matrix_rank),
    "median": ([ROWS], lambda x: ops.median(x, axis=1)),
    "meshgrid": ([ROWS[0], LABELS], lambda a, b: ops.meshgrid(a, b)),
    "moments": ([ROWS], lambda x: ops.moments(x, axes=[0])),
    "multi_hot": ([LABELS], lambda x: ops.multi_hot(x, 4)),
    "normalize": ([ROWS], ops.normalize),
    "outer": ([ROWS[0], ROWS[1]], ops.outer),
    "percentile": ([ROWS], lambda x: ops.percentile(x, 30.0)),
    "ptp": ([ROWS], lambda x: ops.ptp(x, axis=1)),
    "qr": ([SQUARE], lambda x: ops.absolute(ops.qr(x)[1])),
    "rms_normalization": ([ROWS], ops.rms_normalization),
    "rot90": ([ROWS], ops.rot90),
    "separable_conv": (
        [normal(2, 5, 5, 2), normal(2, 2, 2, 1), normal(1, 1, 2, 3)],
        lambda x, d, p: ops.separable_conv(x, d, p, padding="same"),
    ),
    "slice": ([SQUARE], lambda x: ops.slice(x, np.array([1, 0]), (2, 2))),
    "slogdet": ([spd(3)], lambda x: ops.slogdet(x)[1]),
    "solve_triangular": ([spd(3), normal(3, 1)], lambda a, b: ops.solve_triangular(a, b)),
    "sparse_categorical_crossentropy": ([LABELS, SHARES], ops.sparse_categorical_crossentropy),
    "split": ([ROWS], lambda x: ops.split(x, 3, axis=1)),
    "svd": ([SQUARE], lambda x: ops.svd(x, compute_uv=False)),
    "trace": ([SQUARE], ops.trace),
    "unstack": ([ROWS], lambda x: ops.unstack(x, axis=1)),
    "vdot": ([ROWS[0], ROWS[1]], ops.vdot),
    "vsplit": ([ROWS], lambda x: ops.vsplit(x, 2)),
    "vstack": ([ROWS, ROWS], lambda a, b: ops.vstack([a, b])),
    "angle": ([ROWS], ops.angle),
    "cdist": ([ROWS, SQUARE], ops.cdist),
    "conj": ([ROWS], ops.conj),
    "corrcoef": ([ROWS], ops.corrcoef),
    "correlate": ([ROWS[0], SQUARE[0]], lambda a, b: ops.correlate(a, b, mode="same")),
    "crop_images": (
        [IMAGES],
        lambda x: ops.image.crop_images(x, 1, 1, target_height=2, target_width=2),
    ),
    "depth_to_space": ([normal(1, 2, 2, 4)], lambda x: ops.depth_to_space(x, 2)),
    "extract_patches_3d": (
        [normal(1, 4, 4, 4, 1)],
        lambda x: ops.image.extract_patches_3d(x, 2, (2, 1, 2)),
    ),
    "extract_sequences": ([normal(8)], lambda x: ops.extract_sequences(x, 4, 2)),
    "fft": ([ROWS, ROWS], lambda a, b: ops.fft((a, b))),
    "fft2": ([SQUARE, SQUARE], lambda a, b: ops.fft2((a, b))),
    "gaussian_blur": ([IMAGES], ops.image.gaussian_blur),
    "hsv_to_rgb": ([positive(1, 2, 2, 3) / 2], ops.image.hsv_to_rgb),
    "ifft2": ([SQUARE, SQUARE], lambda a, b: ops.ifft2((a, b))),
    "imag": ([ROWS], ops.imag),
    "irfft": ([ROWS, ROWS], lambda a, b: ops.irfft((a, b))),
    "isreal": ([ROWS], ops.isreal),
    "istft": ([normal(3, 5), normal(3, 5)], lambda a, b: ops.istft((a, b), 8, 4, 8)),
    "ldexp": ([ROWS, np.array([1, 2, 3], "int32")], ops.ldexp),
    "norm": ([ROWS], ops.norm),
    "pad_images": ([IMAGES], lambda x: ops.image.pad_images(x, 1, 1, 1, 1)),
    "psnr": ([ROWS, ROWS[::-1]], lambda a, b: ops.psnr(a, b, 2.0)),
    "real": ([ROWS], ops.real),
    "rfft": ([ROWS], ops.rfft),
    "rgb_to_grayscale": ([positive(1, 2, 2, 3)], ops.image.rgb_to_grayscale),
    "rgb_to_hsv": ([positive(1, 2, 2, 3) / 2], ops.image.rgb_to_hsv),
    "saturate_cast": ([100 * ROWS], lambda x: ops.saturate_cast(x, "int8")),
    "scale_and_translate": (
        [IMAGES],
        lambda x: ops.image.scale_and_translate(
            x, (1, 4, 4, 3), np.ones(2, "float32"), np.ones(2, "float32"), (1, 2), "linear"
        ),
    ),
    "sobel_edges": ([IMAGES], ops.image.sobel_edges),
    "space_to_depth": ([normal(1, 4, 4, 1)], lambda x: ops.space_to_depth(x, 2)),
    "ssim": ([positive(1, 12, 12, 1)] * 2, ops.image.ssim),
    "stft": ([normal(16)], lambda x: ops.stft(x, 8, 4, 8)),
    "unravel_index": ([LABELS], lambda x: ops.unravel_index(x, (2, 3))),
    "vander": ([ROWS[0]], ops.vander),
    "view": ([ROWS], lambda x: ops.view(x, "int32")),
    "nanpercentile": ([HOLES], lambda x: ops.nanpercentile(x, 30.0)),
    "nanquantile": ([HOLES], lambda x: ops.nanquantile(x, 0.3)),
} | {
    name: ([HOLES], lambda x, name=name: getattr(ops, name)(x, axis=1))
    for name in (
        "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmin",
        "nanprod", "nanstd", "nansum", "nanvar", "nanmedian",
    )
}  # fmt: skip

# What a file cannot hold: functions as arguments; sizes that depend on values; nothing symbolic;
# sizes that Keras reads back as lists, which it refuses.
NOT_IN_FILES = {
    "adaptive_average_pool", "adaptive_max_pool",
    "associative_scan", "cond", "fori_loop", "map", "scan", "switch", "vectorized_map",
    "while_loop", "select", "nonzero", "unique", "histogram", "ctc_decode", "arange", "array",
    "convert_to_numpy", "convert_to_tensor", "dtype", "empty", "eye", "full", "identity",
    "gaussian", "is_tensor", "ndim", "ones", "shape", "size", "tri", "zeros",
}  # fmt: skip

# What Keras 3.15 writes itself and does not read back, or computes otherwise: by op, the samples.
KERAS_CANNOT = {
    "affine_transform": [2],  # one transform for a batch of channels_first images
    "argpartition": [0],  # a half order is not unique
    "average_pool": [0, 1, 2, 6],  # strides of None, sizes that come back as lists
    "clip": [0, 1, 2, 3],  # limits that are arrays
    "concatenate": [1, 2],  # an empty one; axis=None
    "conv": [2, 5, 9],  # groups
    "conv_transpose": [*range(10)],  # its arguments come in another order
    "get_item": [3, 4, 5],  # lists and arrays as keys
    "matmul": [9],  # of nothing
    "max_pool": [0, 1, 2, 6],
    "quantile": [1, 2, 3, 4],  # an axis comes back as a list
    "repeat": [2],  # a list of repeats
    "sparsemax": [0, 1],  # its rows do not add up to 1
    "trapezoid": [2],  # x as an array
}
MORE = {
    "clip": ([ROWS], lambda x: ops.clip(x, -0.5, 0.5)),
    "max_pool, strides": ([normal(2, 5, 5, 1)], lambda x: ops.max_pool(x, 2, 2)),
    "average_pool, strides": ([normal(2, 5, 5, 1)], lambda x: ops.average_pool(x, 2, 2)),
    "x > y": ([ROWS, ROWS[::-1]], lambda a, b: a > b),
    "x[:, 1]": ([ROWS], lambda x: x[:, 1]),
    "2 - x": ([ROWS], lambda x: 2 - x),
}


def of_32_bits(x):
    """Keras on JAX has no others."""
    kinds = {"f": "float32", "i": "int32"}
    return x.astype(kinds[x.dtype.kind]) if getattr(x, "dtype", np.dtype(bool)).kind in kinds else x


def of_sample(name, number):
    """The arrays of an op's sample, and what calls the op on their symbols."""
    row = OPS[name]
    made = row.samples[number](np.random.default_rng(0))
    made = made if isinstance(made, tuple) else (made,)
    has_options = isinstance(made[-1], dict)
    options = made[-1] if has_options else {}
    given = [of_32_bits(x) for x in made[: len(made) - has_options]]
    options = {key: of_32_bits(x) for key, x in options.items()}
    takes_any = any(
        p.kind is p.VAR_POSITIONAL for p in inspect.signature(row.call).parameters.values()
    )

    def call(*symbols):
        coming = iter(symbols)
        args = [next(coming) if isinstance(x, np.ndarray) else x for x in given]
        if name == "einsum":
            return ops.einsum(options["subscripts"], *args)
        return row.call(args, **options) if takes_any else row.call(*args, **options)

    return [x for x in given if isinstance(x, np.ndarray)], call


def cases():
    for name, row in OPS.items():
        public = getattr(ops, name, None) or getattr(ops.image, name, None)
        if public is row.call and keras_class(row.call) is not None:
            fit = [n for n in range(len(row.samples)) if n not in KERAS_CANNOT.get(name, [])]
            for number in fit[:2]:
                yield f"{name} {number}", *of_sample(name, number)
    for name, (arrays, call) in (COMPOSED | MORE).items():
        yield name, arrays, call


def test_every_op_is_looked_at():
    public = vars(ops.image) | vars(ops)
    holdable = {
        f.__name__ for f in public.values() if callable(f) and keras_class(f) is not None
        and str(f.__module__).startswith("melpy.ops.") and not isinstance(f, type)
    }  # fmt: skip
    assert holdable - OPS.keys() - COMPOSED.keys() - NOT_IN_FILES == set()


@pytest.mark.parametrize("part", range(8))
def test_keras_reads_and_computes_what_is_written(part, keras, tmp_path):
    inputs, data, outputs = [], [], {}
    for name, arrays, call in list(cases())[part::8]:
        symbols = [melpy.Input(batch_shape=a.shape, dtype=str(a.dtype)) for a in arrays]
        outputs[name] = tree.flatten(call(*symbols))
        inputs += symbols
        data += arrays
    model = melpy.Model(inputs, outputs)
    path = tmp_path / "ops.keras"
    model.save(path)
    with melpy.no_grad():
        expected, again = model(data), melpy.models.load_model(path)(data)
    assert melpy.models.load_model(path).to_json() == model.to_json()
    theirs = keras.models.load_model(path)(data)
    for name, values in expected.items():
        for ours, loaded, other in zip(values, again[name], theirs[name], strict=True):
            np.testing.assert_allclose(loaded, ours, rtol=1e-4, atol=1e-6, err_msg=name)
            np.testing.assert_allclose(
                np.asarray(other), np.asarray(ours), rtol=2e-4, atol=1e-5, err_msg=name
            )

"""What ops make of large symbolic tensors: what they make of large arrays, without such arrays."""

import tracemalloc

import numpy as np
import pytest

import melpy
from melpy import extrapolation, layers, models, ops
from melpy.errors import ArgumentError

PHOTO = (301, 403, 3)


def _attention(x):
    q = ops.transpose(ops.reshape(x, (-1, 700, 4, 25)), (0, 2, 1, 3))
    scores = ops.softmax(ops.einsum("bhqd,bhkd->bhqk", q, q) * 0.2)
    return ops.matmul(scores, q)


def _kernel(*shape):
    return np.ones(shape, np.float32)


OF_LARGE = {
    "attention": ((700, 100), _attention),
    "dot_product_attention": ((300, 4, 64), lambda x: ops.dot_product_attention(x, x, x)),
    "concatenate": (PHOTO, lambda x: ops.concatenate([x, x, x[:, :, :, :1]], axis=-1)),
    "conv": (PHOTO, lambda x: ops.conv(x, _kernel(5, 3, 3, 2), strides=(7, 4))),
    "conv, same": (PHOTO, lambda x: ops.conv(x, _kernel(5, 3, 3, 2), strides=11, padding="same")),
    "conv, dilated": (PHOTO, lambda x: ops.conv(x, _kernel(3, 3, 3, 2), dilation_rate=9)),
    "conv_transpose": (PHOTO, lambda x: ops.conv_transpose(x, _kernel(4, 4, 2, 3), strides=3)),
    "diff": ((70000,), lambda x: ops.diff(x, n=2)),
    "distances": ((500, 150), lambda x: ops.norm(x[:, :, None] - x[:, None], axis=-1)),
    "entries": ((301, 403), lambda x: ops.ravel(x[0])),
    "frequencies": ((70001,), lambda x: ops.rfft(x)[0]),
    "max_pool": (PHOTO, lambda x: ops.max_pool(x, (13, 2))),
    "max_pool, overlapping": (PHOTO, lambda x: ops.max_pool(x, 5, 3, "same")),
    "mean": (PHOTO, lambda x: ops.mean(x, axis=(1, 2), keepdims=True)),
    "one_hot": ((100,), lambda x: ops.one_hot(ops.cast(x, "int32"), 1000, axis=1)),
    "outer": ((400,), lambda x: x[:, :, None] * x[:, None, :]),
    "pad": (PHOTO, lambda x: ops.pad(x, ((0, 0), (1, 20), (3, 0), (0, 0)))),
    "pad by an array": (PHOTO, lambda x: ops.pad(x, np.array([[0, 0], [1, 9], [3, 0], [0, 0]]))),
    "repeat": (PHOTO, lambda x: ops.repeat(x, 3, axis=1)),
    "resize": (PHOTO, lambda x: ops.image.resize(x, (23, 31))),
    "sequences": ((70001,), lambda x: ops.extract_sequences(x, 400, 160)),
    "slice": (PHOTO, lambda x: x[:, 7::13, 100:-5, ::-1]),
    "split": ((403, 768), lambda x: ops.split(x, 12, axis=-1)[3]),
    "split at": ((403, 768), lambda x: ops.split(x, [100, 300], axis=-1)[2]),
    "take": ((403, 768), lambda x: ops.take(x, np.array([400, 3, 402]), axis=1)),
    "tile": (PHOTO, lambda x: ops.tile(x, (1, 2, 1, 3))),
    "top_k": ((403, 768), lambda x: ops.top_k(x, 9)[1]),
    "where": ((403, 768), lambda x: ops.where(x > 0, x, np.zeros(768, np.float32))),
}  # fmt: skip


@pytest.mark.parametrize("what", OF_LARGE)
def test_shapes_and_types_are_those_of_arrays(what):
    shape, function = OF_LARGE[what]
    made = function(melpy.Input(shape))
    for batch in (1, 2):
        array = function(np.zeros((batch, *shape), np.float32))
        assert [s or batch for s in made.shape] == list(array.shape)
        assert str(made.dtype) == str(array.dtype)


OF_TWO = {
    "svd": lambda x: ops.svd(x, full_matrices=False)[1],
    "qr": lambda x: ops.qr(x)[0],
    "lu_factor": lambda x: ops.lu_factor(x)[1],
    "diagonal": ops.diagonal,
    "diagonal above": lambda x: ops.diagonal(x, offset=5),
    "diagonal below": lambda x: ops.diag(x, k=-7),
}


@pytest.mark.parametrize("what", OF_TWO)
@pytest.mark.parametrize("shape", [(300, 280), (280, 300), (700, 100), (1021, 67), (271, 270)])
def test_the_smaller_of_two_sizes_stays_the_smaller_one(what, shape):
    assert OF_TWO[what](melpy.Input(batch_shape=shape)).shape == OF_TWO[what](np.eye(*shape)).shape


LONG = 70001
UNSEEN = {
    "many places": lambda x: ops.split(x, np.arange(1, 11) * 6000)[10],
    "a range": lambda x: ops.split(x, range(6000, 70000, 6000))[11],
    "a tensor": lambda x: ops.split(x, melpy.Tensor(np.array([1000, 2000])))[2],
    "an array in a slice": lambda x: x[np.array(500) :],
    "a constant signal": lambda x: ops.correlate(x, np.ones(300, np.float32), mode="same"),
    "the same, turned": lambda x: ops.correlate(np.ones(300, np.float32), x),
}


@pytest.mark.parametrize("what", UNSEEN)
def test_numbers_that_are_not_seen_are_not_guessed(what):
    x = melpy.Input(batch_shape=(LONG,))
    assert UNSEEN[what](x).shape == UNSEEN[what](np.ones(LONG, np.float32)).shape


LARGEST = (2048, 2048, 64)  # a batch of one takes 1 GB
OF_THE_LARGEST = {
    "all entries": (lambda x: ops.reshape(x, (-1, 2**28)), (None, 2**28)),
    "conv": (
        lambda x: ops.conv(x, _kernel(3, 3, 64, 64), strides=3, padding="same"),
        (None, 683, 683, 64),
    ),
    "max_pool": (lambda x: ops.max_pool(x, 2), (None, 1024, 1024, 64)),
    "relu": (ops.relu, (None, *LARGEST)),
    "scaled": (lambda x: ops.clip(x / 127 - 1000, -9, 255) * 3, (None, *LARGEST)),
    "where": (lambda x: ops.where(x > 127, 1.0, x), (None, *LARGEST)),
}


@pytest.mark.parametrize("what", OF_THE_LARGEST)
def test_shapes_take_no_memory_in_proportion_to_what_is_described(what, tmp_path):
    function, shape = OF_THE_LARGEST[what]
    x = melpy.Input(LARGEST)
    tracemalloc.start()
    try:
        model = melpy.Model(x, function(x))
        model.save(tmp_path / "m.keras")
        read = models.load_model(tmp_path / "m.keras")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert model.output_shape == read.output_shape == shape
    assert peak_bytes < 2**27


def test_sizes_that_do_not_fit_hold_the_arrays_of_one_try_only():
    """Dozens of sizes are tried for what is unknown: no error keeps what it was tried on."""
    x = melpy.Input((2000, 100))
    tracemalloc.start()
    try:
        with pytest.raises(ArgumentError, match="no sizes"):
            ops.reshape(x, (-1, 7, -3))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    least_bytes = 4 * 2 * 2000 * 100  # of a batch of two; sizes of four times as much are tried
    assert peak_bytes < 20 * least_bytes


def test_sizes_that_do_not_fit_are_still_refused():
    x, y = melpy.Input((2000, 100)), melpy.Input((1000, 100))
    with pytest.raises(melpy.errors.ShapeError):
        x + y
    with pytest.raises(melpy.errors.ShapeError):
        ops.matmul(x, y)
    with pytest.raises(melpy.errors.MelpyError):
        ops.max_pool(x, 3000)
    assert ops.concatenate([x, y], axis=1).shape == (None, 3000, 100)


@pytest.mark.parametrize("make", [lambda f: layers.Lambda(f), lambda f: lambda x: ops.map(f, x)])
def test_what_functions_of_ones_own_divide_by_is_not_seen_so_they_run(make):
    """Their numbers are not among a call's arguments."""
    made = make(lambda x: x[..., ::97])(melpy.Input((500, 1000)))
    assert made.shape == (None, 500, 11)


def test_what_grows_by_no_line_and_no_square_is_not_told():
    def told(grows):
        def outlines(places):
            return extrapolation.Like((grows(places[0][0][0]),), np.float32)

        return extrapolation.of_smaller(outlines, [((1000,), np.float32)], [5], [], ())

    for grows in (lambda s: s, lambda s: 3 * s + 2, lambda s: s * s - s, lambda s: -(-s // 5)):
        assert told(grows).shape == (grows(1000),)
    for grows in (lambda s: s**3, lambda s: s // 7, lambda s: max(s, 200)):
        assert told(grows) is None

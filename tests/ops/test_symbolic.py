"""Ops of symbolic tensors: what is described, what is refused, and what a model then computes."""

import numpy as np
import pytest

import melpy
from melpy import KerasTensor, ops

X = KerasTensor((None, 3), name="x")


def shapes(y):
    return [part.shape for part in y]


@pytest.mark.parametrize(
    ("describe", "shape"),
    [
        (lambda w: w[:, 5], (None,)),
        (lambda w: w[:, :5], (None, None)),
        (lambda w: w[..., None, ::2], (None, 1, None)),
        (lambda w: w * KerasTensor((None, 5)), (None, 5)),
        (lambda w: w @ KerasTensor((4, 2)), (None, 2)),
        (lambda w: ops.reshape(w, (-1, 7)), (None, 7)),
        (lambda w: ops.reshape(w, (*ops.shape(w), 1)), (None, None, 1)),
        (lambda w: ops.reshape(w, (-1, ops.shape(w)[1], 1)), (None, None, 1)),
        (lambda w: ops.expand_dims(w, 1) + KerasTensor((4, 1)), (None, 4, None)),
        (lambda w: ops.max_pool(w[..., None], 2), (None, None, 1)),
        (lambda w: ops.average_pool(w[..., None], 40), (None, None, 1)),
        (lambda w: ops.broadcast_to(w, (2, *ops.shape(w))), (2, None, None)),
        (lambda w: ops.unique(w), (None,)),
        (lambda w: ops.size(w), ()),
        (lambda w: ops.sum(w, axis=[0, 1]), ()),
    ],
)
def test_sizes_that_are_not_known(describe, shape):
    assert describe(KerasTensor((None, None))).shape == shape


def test_several_outputs_belong_to_one_call():
    parts = ops.split(KerasTensor((None, 6)), [1, 3], axis=-1)
    assert shapes(parts) == [(None, 1), (None, 2), (None, 3)]
    assert len({id(part.call) for part in parts}) == 1
    u, s, v = ops.svd(KerasTensor((None, 4, 3)))
    assert shapes((u, s, v)) == [(None, 4, 4), (None, 3), (None, 3, 3)]
    model = melpy.Model(inputs := melpy.Input((6,)), ops.split(inputs, 3, axis=1)[1])
    np.testing.assert_array_equal(model(np.arange(6.0)[None]), [[2, 3]])


def test_a_choice_takes_the_branch_of_each_run():
    flag, x = melpy.Input(batch_shape=(), dtype="bool"), melpy.Input((2,))
    inside = ops.cond(flag, lambda: x + 1, lambda: -x)  # both branches belong to the graph
    outside = ops.cond(flag, lambda: np.ones(2), lambda: np.zeros(2))
    model = melpy.Model([flag, x], [inside, outside])
    ones = np.ones((1, 2))
    assert [np.asarray(y).tolist() for y in model([True, ones])] == [[[2, 2]], [1, 1]]
    assert [np.asarray(y).tolist() for y in model([False, ones])] == [[[-1, -1]], [0, 0]]
    with pytest.raises(melpy.errors.ShapeError, match="cond: the two functions return other"):
        ops.cond(flag, lambda: np.ones(2), lambda: np.ones(3))


def test_a_loop_is_not_run_to_be_described():
    calls = []

    def forever(n, x):
        calls.append(n)
        return n, x * 2

    n, y = ops.while_loop(lambda n, x: True, forever, (KerasTensor((), "int32"), X))
    assert (n.dtype, y.shape, calls) == ("int32", (None, 3), [])
    assert ops.fori_loop(0, 10**9, lambda n, x: x + 1, X).shape == (None, 3)


@pytest.mark.parametrize(
    ("use", "kind"),
    [
        (bool, TypeError), (len, TypeError), (iter, NotImplementedError), (int, ValueError),
        (float, ValueError), (np.asarray, ValueError), (ops.convert_to_numpy, ValueError),
        (range, ValueError), (np.meshgrid, RuntimeError),
        (lambda x: 1.0 in x, NotImplementedError), (lambda x: np.zeros(3)[x], ValueError),
    ],
)  # fmt: skip
def test_what_needs_values_is_refused(use, kind):
    with pytest.raises(kind) as refusal:
        use(X)
    assert isinstance(refusal.value, melpy.errors.MelpyError)


def test_operators_and_what_a_symbolic_tensor_is():
    assert (X.ndim, X.dtype, X.name, X.sparse, X.ragged) == (2, "float32", "x", False, False)
    assert [X].index(X) == 0
    assert KerasTensor((3,)) not in [X]
    assert {(X > 0).dtype, (X == 0).dtype, (X != X).dtype, (~(X > 0)).dtype} == {np.dtype(bool)}
    for y in (-X, abs(X), round(X), 2 // X, X % 2, X**2, X.reshape((-1, 3)), np.exp(X), X & X):
        assert y.shape == (None, 3)
    assert (np.shape(X), np.ndim(X)) == ((None, 3), 2)
    with pytest.raises(AttributeError):
        X.shape = (2,)
    for wrong in ({"shape": (-1,)}, {"shape": (2,), "sparse": True}):
        with pytest.raises(ValueError, match="KerasTensor"):
            KerasTensor(**wrong)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: ops.add(X, KerasTensor((None, 4))), "add: .*could not be broadcast"),
        (lambda: ops.split(X, 2, axis=1), "split: axis 1 of size 3"),
        (lambda: ops.unstack(X), "how many outputs there are depends on a size"),
        (lambda: ops.unstack(X, axis=7), "axis 7 is out of bounds"),
        (lambda: ops.inv(KerasTensor((None, 3, 4))), "inv: .*square"),
        (lambda: ops.reshape(X, (-2, 3)), "reshape: these are no sizes"),
        (lambda: X[:, 3], "get_item: index 3 is out of bounds"),
        (lambda: X[0, 0, 0], "get_item: too many indices"),
    ],
)
def test_what_no_size_can_mend_is_refused(call, what):
    with pytest.raises(ValueError, match=what):
        call()


def test_custom_gradient_is_kept_in_a_model():
    @ops.custom_gradient
    def doubled_back(x):
        return x * 3.0, lambda g: g * 7.0

    x = melpy.Tensor(np.ones((1, 2), "float32"), requires_grad=True)
    inputs = melpy.Input((2,))
    melpy.Model(inputs, doubled_back(inputs))(x).sum().backward()
    np.testing.assert_array_equal(x.grad, [[7, 7]])


def test_new_ops_refuse_what_they_do_not_take():
    x = np.ones((2, 4, 4, 3))
    for call, what in (
        (lambda: ops.image.extract_patches(x, (2, 2, 2, 2)), "extract_patches: size must be"),
        (lambda: ops.image.extract_patches_3d(x, (2, 2)), "patches of volumes have three sizes"),
        (lambda: ops.image.extract_patches(x[0, 0], 2), "extract_patches: images have 2 axes"),
        (lambda: ops.image.extract_patches(x, 9), "does not fit"),
        (lambda: ops.unfold(x[0], 2), "unfold: images have 3 axes"),
        (lambda: ops.fold(x[0], (4, 4), 2), "fold: these are not the windows"),
        (lambda: ops.depth_to_space(x, 2), "depth_to_space: .*cannot be divided"),
        (lambda: ops.space_to_depth(x, 1), "space_to_depth: the block has no such size"),
        (lambda: ops.image.rgb_to_hsv(x[..., :2]), "rgb_to_hsv: these are no images"),
        (lambda: ops.image.gaussian_blur(x, 3, 0.0), "gaussian_blur: a bell has a width"),
        (lambda: ops.image.crop_images(x, 1, 1), "crop_images: the height does not come out"),
        (lambda: ops.image.crop_images(x, 3, 0, 3, 0), "more than the whole height"),
        (lambda: ops.image.map_coordinates(x, x, 1), "map_coordinates: coordinates have not"),
        (lambda: ops.image.ssim(x, x[:1]), "ssim: these are no images of one shape"),
        (lambda: ops.fft(x), "fft: complex numbers are a pair"),
        (lambda: ops.stft(np.ones(8), 4, 2, 2), "stft: the transform is shorter"),
        (lambda: ops.stft(np.ones(8), 4, 0, 4), "stft: pieces have no such length"),
        (lambda: ops.extract_sequences(np.ones(3), 4, 1), "shorter than a piece"),
        (lambda: ops.correlate(x, x), "correlate: these are no signals"),
        (lambda: ops.cdist(np.ones(3), np.ones(3)), "cdist: these are no rows"),
        (lambda: ops.rearrange(x, "a b c -> a c b"), "the array has 4 axes and the pattern 3"),
        (lambda: ops.rearrange(x, "a b c d -> a b"), "the two sides have not the same names"),
        (lambda: ops.nanquantile(x, 2.0), "nanquantile: q is no share"),
        (lambda: ops.lu_factor(np.ones(3)), "lu_factor: these are no matrices"),
        (lambda: ops.vander(x), "vander: this is no vector"),
        (lambda: ops.vectorize(abs, signature="n->"), "vectorize: this is no signature"),
        (lambda: ops.associative_scan(min, [np.ones(2), np.ones(3)]), "differ in size"),
        (lambda: ops.cholesky_inverse(x[0]), "cholesky_inverse: .*not square"),
    ):
        with pytest.raises(ValueError, match=what):
            call()


@pytest.mark.parametrize(
    ("describe", "shape"),
    [
        (lambda x: ops.take(x, KerasTensor((6, 7)), axis=1), (None, 6, 7)),
        (lambda x: ops.take_along_axis(x, KerasTensor((1, 3)), axis=0), (1, 3)),
        (lambda x: ops.bitwise_and(x, KerasTensor((1, 3))), (None, 3)),
        (lambda x: ops.ldexp(x, KerasTensor((1, 3))), (None, 3)),
        (lambda x: ops.scatter(KerasTensor((5, 2)), KerasTensor((5,)), (4, 4)), (4, 4)),
        (lambda x: ops.segment_sum(x, KerasTensor((5,))), (None, 3)),
        (lambda x: ops.slice(x[:4], KerasTensor((2,)), (2, 2)), (2, 2)),
        (lambda x: ops.reshape(x, KerasTensor((3,), "int32")), (None, None, None)),
        (lambda x: ops.reshape(x, (None, KerasTensor((), "int32"))), (None, None)),
        (lambda x: ops.vsplit(x, [1, 3])[1], (2, 3)),
        (lambda x: ops.array_split(x, [1, 3])[2], (None, 3)),
        (lambda x: ops.hsplit(x=KerasTensor((None,)), indices_or_sections=[1, 3])[1], (2,)),
        (lambda x: ops.dsplit(x[None], indices_or_sections=[1])[0], (1, None, 1)),
        (lambda x: ops.solve(b=x, a=KerasTensor((None, 3, 3))), (None, 3)),
        (lambda x: ops.inv(x=KerasTensor((None, 3, 3))), (None, 3, 3)),
        (lambda x: ops.unique(KerasTensor((2, 4)), axis=0), (None, 4)),
        (lambda x: ops.solve(KerasTensor((None, 3, 3)), x), (None, 3)),
    ],
)
def test_a_description_needs_no_whole_numbers_and_no_values(describe, shape):
    y = describe(KerasTensor((None, 3)))
    assert y.shape == shape


def test_what_is_taken_keeps_its_type():
    assert ops.take(X, KerasTensor((2,)), axis=1).dtype == "float32"


@pytest.mark.parametrize(
    "describe",
    [
        lambda: ops.squeeze(KerasTensor((None, 1)), 0),
        lambda: ops.cholesky(KerasTensor((None, None, 20))),
        lambda: ops.det(KerasTensor((None, 20, 15))),
        lambda: ops.solve(KerasTensor((None, 20, 20)), KerasTensor((None, None, 5))),
        lambda: ops.solve_triangular(KerasTensor((3, 3)), KerasTensor(())),
        lambda: ops.diag(KerasTensor((2, 3, 4))),
        lambda: KerasTensor(3),
        lambda: KerasTensor("3"),
        lambda: ops.bitwise_and(KerasTensor((3,)), KerasTensor((4,))),
    ],
)
def test_what_cannot_be_described_is_refused(describe):
    with pytest.raises(ValueError, match=r"Expected|broadcast|bitwise_and"):
        describe()

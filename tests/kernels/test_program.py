"""Programs: what kernels do is written down once, and done again with other numbers to the bit."""

import numpy as np
import pytest

pytest.importorskip("numba")

from melpy import config
from melpy.kernels import dispatch as kernels
from melpy.kernels import memory, threads
from melpy.kernels.program import made_anew, recorded, unwritten

GEOMETRY = ((1, 1), ((0, 1), (0, 1)), (1, 1), 1)
AROUND = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
ALL = (True, True, True)
RELU, LEAKY, TANH = ("relu", 0.0), ("leaky_relu", 0.2), ("tanh", 0.0)
ONE, TWO = (1, 1), (2, 2)


WHOLE = [  # a kernel, its arrays' shapes, and its other arguments
    ("matmul", [(8, 5), (5, 3)], ()),
    ("matmul", [(1, 40), (40, 30)], ()),
    ("dense", [(8, 4), (4, 3), (3,)], RELU),
    ("dense", [(200, 64), (64, 40), (40,)], TANH),
    ("dense_back", [(8, 3), (8, 4), (4, 3), (8, 3)], (*LEAKY, ALL)),
    ("dense_back", [(99, 40), (99, 64), (64, 40), (99, 40)], (*TANH, ALL)),
    ("sum_rows", [(300, 40)], ()),
    ("softmax", [(9, 5)], ()),
    ("softmax_d_x", [(9, 5), (9, 5)], ()),
    ("conv2d_block", [(3, 8, 8, 1), (2, 2, 1, 16), (16,)], (GEOMETRY, LEAKY, ONE)),
    ("conv2d_block", [(3, 8, 8, 3), (2, 2, 3, 8), (8,)], (GEOMETRY, TANH, TWO)),
    ("conv2d_block", [(9, 8, 8, 16), (3, 3, 16, 16), (16,)], (AROUND, RELU, ONE)),
    ("depthwise_block", [(3, 6, 6, 5), (3, 3, 5, 1), (5,)], (*AROUND[:3], *LEAKY)),
    ("conv2d_block", [(3, 8, 8, 3), (2, 2, 3, 8), (8,)], (GEOMETRY, ("gelu", 0.0), TWO)),
    ("conv2d_d_x", [(2, 6, 6, 16), (3, 3, 16, 16)], ((2, 6, 6, 16), *AROUND)),
    ("conv2d_d_w", [(2, 6, 6, 16), (2, 6, 6, 16)], ((3, 3, 16, 16), *AROUND)),
    ("max_pool2d", [(2, 4, 4, 3)], (TWO, TWO, ((0, 0), (0, 0)))),
    ("average_pool2d", [(2, 4, 4, 3)], (TWO, TWO, ((0, 0), (0, 0)))),
    ("activation", [(5, 7)], ("gelu", 0.0)),
    ("activation_d_x", [(5, 7), (5, 7), (5, 7)], ("elu", 1.0)),
    ("bias_activation", [(5, 7), (7,)], RELU),
    ("add", [(4, 3), (4, 3)], ()),
    ("add_relu", [(4, 3), (4, 3)], ()),
    ("mean", [(17,)], ()),
    ("mean", [(100, 300)], ()),
    ("mean_d_x", [()], ((4, 3),)),
    ("class_hits", [(9, 4), (9, 4)], ()),
]


def flat(made):
    return [made] if isinstance(made, np.ndarray) else [x for x in made if hasattr(x, "shape")]


@pytest.mark.parametrize(("name", "shapes", "more"), WHOLE)
def test_a_whole_kernel_is_done_again_with_other_numbers(name, shapes, more):
    rng = np.random.default_rng(0)
    first, other = ([rng.normal(size=s).astype(np.float32) for s in shapes] for _ in range(2))
    run = getattr(kernels, name)
    mine = [x.copy() for x in first]
    with recorded() as program:
        made = flat(run(*mine, *more))
    assert not program.missed
    assert program.is_whole
    for array, fresh in zip(mine, other, strict=True):
        array[...] = fresh
    program.run()
    expected = flat(run(*other, *more))
    assert len(made) == len(expected) > 0
    for got, wanted in zip(made, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.filterwarnings("ignore:.*take turns")
def test_steps_in_a_row_over_batches_and_numbers(count):
    before = config.threads()
    config.set_threads(count)
    try:
        rng = np.random.default_rng(1)
        samples, batch = rng.normal(size=(12, 300)), np.empty((4, 300))
        p, order = np.zeros(1200), rng.permutation(12)
        with recorded([p]) as program:
            kernels.sgd(p, batch.reshape(-1), None, 1.0, 0.0, False)
        p[:] = 0
        schedule = np.array([[1.0], [10.0], [100.0]])
        program.run_over([(samples, batch)], order, [schedule], 3)
        wanted = np.zeros(1200)
        for rate, rows in zip((1.0, 10.0, 100.0), order.reshape(3, 4), strict=True):
            kernels.sgd(wanted, samples[rows].reshape(-1), None, rate, 0.0, False)
        np.testing.assert_array_equal(p, wanted)
    finally:
        config.set_threads(before)


def test_a_program_has_memory_of_its_own_and_uses_it_again():
    x = np.ones((64, 64))
    with recorded() as program:
        for _ in range(5):
            x = kernels.add(x, np.ones((64, 64)))
    assert sum(len(kept) for kept in program.pool.buffers.values()) == 2
    kernels.add(np.ones((64, 64)), x)
    assert not memory.everyones.owns(x)
    assert program.pool.owns(x)


def test_what_is_no_region_is_missed_or_done_again():
    whole, half = np.ones((4, 4)), np.ones((4, 4), np.float16)
    with recorded() as program:
        kernels.activation(half, "relu", 0.0)
    assert program.missed
    x = np.ones((4, 8))
    with recorded() as program:
        y = kernels.matmul(x[:, ::2], whole)  # copied for the kernel
    x[...] = 2.0
    program.run()
    assert not program.missed
    assert program.is_whole
    assert (y == 8.0).all()


def test_numbers_are_made_without_running_and_unwritten_work_is_not_noted():
    p, g = np.zeros(3), np.ones(3)
    (numbers,) = made_anew(lambda: kernels.sgd(p, g, None, 0.5, 0.0, False))
    assert numbers == [0.5]
    assert not p.any()
    with recorded() as program, unwritten():
        kernels.add(p, g)
        assert not threads.is_noted()
    assert not program.regions

"""Used memory is handed out again, and never while somebody holds it."""

import numpy as np

from melpy.kernels import memory

F4 = np.dtype(np.float32)
SHAPE = (513, 257)  # large enough, and no other test's size


def owner(x):
    while isinstance(x.base, np.ndarray):
        x = x.base
    return x.ctypes.data


def test_memory_is_used_again_once_it_is_free():
    first = memory.empty(SHAPE, F4)
    address = owner(first)
    del first
    assert owner(memory.empty(SHAPE, F4)) == address


def test_memory_that_is_held_is_not_handed_out():
    held = [memory.empty(SHAPE, F4) for _ in range(20)]
    for n, x in enumerate(held):
        x[:] = n
    assert [x[0, 0] for x in held] == list(range(20))
    assert len({owner(x) for x in held}) == 20


def test_a_view_of_a_view_holds_the_memory():
    row = memory.empty(SHAPE, F4)[5].reshape(1, -1)[:, ::2]
    row[:] = 7
    memory.empty(SHAPE, F4)[:] = 0
    assert (row == 7).all()


def test_memory_begins_with_a_line_of_the_cache():
    for size in range(1 << 18, (1 << 18) + 40):
        assert memory.empty((size,), np.dtype(np.uint8)).ctypes.data % memory.LINE_BYTES == 0


def test_another_type_and_shape_of_the_same_size():
    x = memory.empty((512, 256), np.dtype(np.float64))
    address = owner(x)
    del x
    y = memory.empty((512, 512), F4)
    assert owner(y) == address
    assert y.flags.c_contiguous
    assert y.flags.writeable


def test_a_somewhat_larger_buffer_serves_too_and_a_much_larger_one_does_not():
    pool = memory.Pool(0, 1 << 30)
    larger, much_larger = (pool.empty((n,), F4) for n in (3000, 9000))
    size = pool.size_bytes
    del larger, much_larger
    held = [pool.empty((n,), F4) for n in (1000, 1000)]
    assert pool.size_bytes == size + 4000  # only the first fits a free one
    for n, x in enumerate(held):
        x[:] = n
    assert [x.sum() for x in held] == [0, 1000]
    assert all(pool.owns(x) for x in held)


def test_sizes_that_a_larger_buffer_serves_leave_nothing_behind():
    pool = memory.Pool(0, 1 << 30)
    pool.empty((4000,), F4)
    for n in range(1000, 4000):
        pool.empty((n,), F4)
    assert list(pool.buffers) == [16000]


def test_free_memory_is_bounded():
    memory.forget()
    for n in range(200):  # as many sizes, as from batches of any size
        memory.empty((1 << 20, 1 + n % 100), np.dtype(np.uint8))
    assert sum(size * len(kept) for size, kept in memory.everyones.buffers.items()) <= (
        memory.MOST_FREE_BYTES + (100 << 20)
    )
    memory.forget()
    assert not memory.everyones.buffers


def test_small_arrays_are_numpys_own():
    assert memory.empty((3,), F4).base is None

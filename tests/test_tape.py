"""The tape: what is recorded, and how it is replayed."""

import gc
import weakref

import numpy as np
import pytest

import melpy
from melpy import Tensor, ops, tape, testing
from melpy.errors import DtypeError, GraphError, ShapeError
from melpy.ops.registry import OPS, op
from melpy.vjps import joint


def leaf(value):
    return Tensor(np.asarray(value, float), requires_grad=True)


def test_a_chain_of_5000_needs_no_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(5000):
        y = y * 1.0 + 1.0
    y.backward()
    assert x.grad == 1.0
    assert y.item() == 5001.0
    del y
    gc.collect()


def test_a_diamond_is_walked_once():
    swept = []

    def counting(x):
        def d_x(g):
            swept.append(1)
            return g * 2.0

        return tape.record("counting", x.value * 2.0, (x,), (d_x,), {})

    x = leaf(3.0)
    top = counting(x)
    for _ in range(20):  # 2^20 paths
        top = top + top
    top.backward()
    assert swept == [1]
    assert x.grad == 2.0 * 2**20


def test_one_tensor_used_twice_gets_both_gradients():
    x = leaf([2.0, 3.0])
    (x * x + x).sum().backward()
    np.testing.assert_array_equal(x.grad, [5.0, 7.0])


def test_both_inputs_may_be_the_same_tensor():
    x = leaf(2.0)
    (x - x).backward()
    assert x.grad == 0.0


def test_backward_twice_adds_up():
    x = leaf(2.0)
    y = x * x
    y.backward()
    y.backward()
    assert x.grad == 8.0
    x.grad = None
    y.backward()
    assert x.grad == 4.0


def test_leaves_do_not_share_their_gradients():
    a, b, g = leaf([1.0, 1.0]), leaf([1.0, 1.0]), np.ones(2)
    (a + b).backward(g)
    a.grad += 5.0
    np.testing.assert_array_equal(b.grad, [1.0, 1.0])
    np.testing.assert_array_equal(g, [1.0, 1.0])
    d_a, d_b = tape.gradients(a + b, [a, b], g)
    d_a += 5.0
    np.testing.assert_array_equal(d_b, [1.0, 1.0])
    np.testing.assert_array_equal(g, [1.0, 1.0])


def test_gradients_can_be_written_to():
    (d_x,) = tape.gradients(leaf_sum := (x := leaf([1.0, 2.0])).sum(), [x])
    d_x *= 2.0
    leaf_sum.backward()
    x.grad *= 3.0
    np.testing.assert_array_equal(d_x, [2.0, 2.0])


def test_gradients_of_numbers_are_arrays():
    x = leaf(2.0)
    (x * x).backward()
    assert isinstance(x.grad, np.ndarray)
    assert x.grad.shape == ()


def test_a_source_without_influence_gets_zeros():
    x, other = leaf([1.0]), leaf([1.0, 2.0])
    _, d_other = tape.gradients(x.sum(), [x, other])
    np.testing.assert_array_equal(d_other, [0.0, 0.0])


def test_broadcast_inputs_get_the_sum_over_their_copies():
    a, b, c = leaf(np.ones((4, 3))), leaf(np.ones(3)), leaf(2.0)
    (a * b * c).sum().backward()
    np.testing.assert_array_equal(b.grad, [8.0, 8.0, 8.0])
    assert c.grad == 12.0
    assert a.grad.shape == (4, 3)


def test_unbroadcast_of_empty_arrays():
    assert tape.unbroadcast(np.zeros((0, 3)), (1, 3)).tolist() == [[0.0, 0.0, 0.0]]
    assert tape.unbroadcast(np.zeros((2, 0)), (0,)).shape == (0,)
    assert tape.unbroadcast(np.float64(2.0), ()) == 2.0


def test_no_grad_records_nothing_and_comes_back():
    x = leaf(1.0)
    with melpy.no_grad():
        assert not tape.is_recording()
        assert not (x * 2.0).requires_grad
    assert (x * 2.0).requires_grad
    with pytest.raises(RuntimeError), melpy.no_grad():
        raise RuntimeError
    assert tape.is_recording()


def test_a_constant_is_not_recorded():
    y = Tensor([1.0]) * 2.0
    assert y.node is None
    assert not y.requires_grad


def test_constants_keep_no_input_alive():
    x, constant = leaf([1.0]), Tensor([2.0])
    y = x + constant
    dead = weakref.ref(constant)
    del constant
    gc.collect()
    assert dead() is None
    assert y.node.inputs[1] is None


def test_detach_cuts_the_record():
    x = leaf(3.0)
    (x * x.detach()).backward()
    assert x.grad == 3.0


def test_an_explicit_seed():
    x = leaf([1.0, 2.0])
    (x * x).backward([10.0, 100.0])
    np.testing.assert_array_equal(x.grad, [20.0, 400.0])


def test_a_seed_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"backward: g has another shape.*\(2,\).*g\.shape=\(3,\)"):
        (leaf([1.0, 2.0]) * 2.0).backward(np.ones(3))


def test_only_a_scalar_has_a_gradient_of_its_own():
    with pytest.raises(ShapeError, match=r"only a scalar.*shape=\(2,\).*\.sum\(\) or \.mean\(\)"):
        (leaf([1.0, 2.0]) * 2.0).backward()
    x = leaf([[3.0]])
    (x * 2.0).backward()  # of size 1 is scalar enough
    assert x.grad.shape == (1, 1)


def test_nothing_recorded_is_refused():
    with pytest.raises(GraphError, match=r"^backward: nothing was recorded.*requires_grad=True"):
        Tensor([1.0]).sum().backward()


def test_a_loss_of_another_library_is_refused():
    x = Tensor([1.0], requires_grad=True)
    with pytest.raises(GraphError, match=r"no tensor of Melpy's.*type='ndarray'.*other libraries"):
        tape.gradients(np.square(x.numpy()), [x])


def test_a_whole_tensor_has_no_gradient():
    with pytest.raises(DtypeError, match=r"only a float tensor.*dtype='int64'.*Pass dtype"):
        Tensor(np.array([1, 2]), requires_grad=True)


def test_gradients_take_the_type_of_their_input():
    x = Tensor(np.ones(2, "float32"), requires_grad=True)
    (x * np.ones(2)).sum().backward()
    assert x.grad.dtype == "float32"


def test_joint_sweeps_once_for_each_g():
    swept = []

    def back(g):
        swept.append(1)
        return g * 2.0, g * 3.0

    first, second = joint(back, 2)
    g, other = np.ones(2), np.ones(2)
    np.testing.assert_array_equal(first(g), [2.0, 2.0])
    np.testing.assert_array_equal(second(g), [3.0, 3.0])
    assert swept == [1]
    second(other)
    assert swept == [1, 1]


def test_a_tape_needs_no_tensor():
    x = tape.Variable(np.array(3.0), requires_grad=True)
    y = ops.square(x)
    assert type(y) is tape.Variable
    tape.backward(y)
    assert x.grad == 6.0


@pytest.fixture
def planted():
    """Let a test register ops, and take them out again."""
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


def plant(forward, **options):
    op(sample=lambda rng: (rng.normal(size=(2, 3)),), **options)(forward)
    return forward.__name__


@pytest.mark.usefixtures("planted")
class TestPlantedFaults:
    """check_op catches what it promises to catch."""

    def test_a_wrong_gradient(self):
        def wrong(x):
            return x * x, (lambda g: g * x,)

        with pytest.raises(AssertionError, match=r"wrong\[\(2, 3\)\].*the vjp gives"):
            testing.check_op(plant(wrong))

    def test_a_gradient_wrong_in_the_sixth_digit(self):
        def nearly(x):
            return x * x, (lambda g: 2.000002 * g * x,)

        with pytest.raises(AssertionError, match="the vjp gives"):
            testing.check_op(plant(nearly))

    def test_one_wrong_entry(self):
        def one(x):
            return np.sin(x), (lambda g: g * np.cos(x) * np.array([[1, 1, 1], [1, 1, 1.01]]),)

        with pytest.raises(AssertionError, match="the vjp gives"):
            testing.check_op(plant(one))

    def test_float64_from_float32(self):
        def widens(x):
            return x * np.float64(2.0), (lambda g: g * 2.0,)

        with pytest.raises(AssertionError, match=r"float32.* in gave float64 out"):
            testing.check_op(plant(widens))

    def test_writing_into_the_cotangent(self):
        def writes(x):
            def d_x(g):
                g *= 2.0
                return g

            return x * 2.0, (d_x,)

        with pytest.raises((AssertionError, ValueError)):
            testing.check_op(plant(writes))

    def test_writing_into_the_input(self):
        def writes(x):
            x *= 2.0
            return x, (lambda g: g * 2.0,)

        with pytest.raises((AssertionError, ValueError)):
            testing.check_op(plant(writes))

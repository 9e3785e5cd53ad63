"""Optimizers by hand: state, limits, averages, own classes, and what they refuse."""

import copy

import numpy as np
import pytest

import melpy
from melpy import constraints, layers, optimizers, schedules
from melpy.errors import ArgumentError, DtypeError, ShapeError
from melpy.layers.variable import Variable

NAMES = [name for name in optimizers.__all__ if name[0].isupper() and name != "Optimizer"]


def weights(*shapes, dtype="float32"):
    rng = np.random.default_rng(0)
    return [Variable(rng.normal(size=s), dtype=dtype, name=f"w{n}") for n, s in enumerate(shapes)]


def steps(optimizer, ws, count=3, seed=1):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        optimizer.apply([rng.normal(size=w.shape) for w in ws], ws)


class TestState:
    @pytest.mark.parametrize("name", NAMES)
    def test_saved_and_loaded_training_goes_on_to_the_same_bits(self, name):
        make = getattr(optimizers, name)
        options = {"use_ema": True, "gradient_accumulation_steps": 2}
        ws, twins = weights((3, 4), (4,)), weights((3, 4), (4,))
        first = make(0.05, **options)
        steps(first, ws, 5)
        store = {}
        first.save_own_variables(store)
        for twin, w in zip(twins, ws, strict=True):
            twin.assign(w.value)
        second = make(0.9, **options)
        second.build(twins)
        second.load_own_variables(store)
        assert float(second.learning_rate) == float(first.learning_rate)
        for optimizer, own in ((first, ws), (second, twins)):
            steps(optimizer, own, 4, seed=7)
        for twin, w in zip(twins, ws, strict=True):
            np.testing.assert_array_equal(twin.value, w.value)

    def test_variables_share_memory_with_the_state(self):
        ws = weights((2,), (3,))
        optimizer = optimizers.SGD(0.5, momentum=0.5)
        optimizer.build(ws)
        assert [v.shape for v in optimizer.variables] == [(), (), (2,), (3,)]
        assert [v.name for v in optimizer.variables[2:]] == ["w0_momentum", "w1_momentum"]
        before = ws[1].value.copy()
        optimizer.variables[3].assign([2.0, 0.0, 0.0])
        optimizer.apply([np.zeros(2), np.zeros(3)])
        np.testing.assert_allclose(ws[1].value, before + np.array([1, 0, 0]))

    def test_set_weights(self):
        optimizer = optimizers.Adam()
        with pytest.raises(ArgumentError, match="not built"):
            optimizer.set_weights([])
        optimizer.build(weights((2,)))
        values = [np.asarray(5), np.asarray(0.25), np.ones(2), np.full(2, 3.0)]
        optimizer.set_weights(values)
        for variable, value in zip(optimizer.variables, values, strict=True):
            np.testing.assert_array_equal(variable.value, value)
        with pytest.raises(ShapeError, match="do not fit"):
            optimizer.set_weights(values[:3])

    def test_a_state_of_another_size_is_left_out_with_a_warning(self):
        optimizer = optimizers.Adam()
        optimizer.build(weights((2,)))
        with pytest.warns(UserWarning, match="not loaded: 4 arrays are needed and 2 came"):
            optimizer.load_own_variables({"0": 1, "1": 0.5})
        assert int(optimizer.iterations) == 0

    def test_a_copy_of_model_and_optimizer_trains_alone(self):
        ws = weights((3,))
        optimizer = optimizers.Adam(0.1)
        steps(optimizer, ws)
        twin, twins = copy.deepcopy((optimizer, ws))
        before = ws[0].value.copy()
        steps(twin, twins, seed=2)
        np.testing.assert_array_equal(ws[0].value, before)
        steps(optimizer, ws, seed=2)
        np.testing.assert_array_equal(ws[0].value, twins[0].value)


class TestLearningRate:
    def test_assign_and_set(self):
        optimizer = optimizers.SGD(0.5)
        optimizer.learning_rate.assign(0.25)
        assert float(optimizer.learning_rate) == 0.25
        optimizer.learning_rate = 0.125
        (w,) = weights((2,))
        before = w.value.copy()
        optimizer.apply([np.ones(2)], [w])
        np.testing.assert_allclose(w.value, before - 0.125)
        assert optimizer.get_config()["learning_rate"] == 0.125

    def test_schedules_see_the_calls_made(self):
        optimizer = optimizers.SGD(schedules.PiecewiseConstantDecay([1], [0.5, 0.25]))
        (w,) = weights((1,))
        start = w.value.copy()
        for _ in range(4):
            optimizer.apply([np.ones(1)], [w])
        np.testing.assert_allclose(w.value, start - 0.5 - 0.5 - 0.25 - 0.25)
        with pytest.raises(DtypeError, match="cannot be set to a number"):
            optimizer.learning_rate = 0.1

    def test_functions_and_own_schedules(self):
        class Warm(schedules.LearningRateSchedule):
            def __init__(self, top):
                self.top = top

            def __call__(self, step):
                return self.top * (step + 1) / 4

        optimizer = optimizers.SGD(lambda: 0.5)
        assert optimizer.learning_rate == 0.5
        optimizer.learning_rate = Warm(2.0)
        (w,) = weights((1,))
        start = w.value.copy()
        for _ in range(2):
            optimizer.apply([np.ones(1)], [w])
        np.testing.assert_allclose(w.value, start - 0.5 - 1.0)
        config = optimizer.get_config()
        described = {"class_name": "Warm", "registered_name": "Warm", "config": {"top": 2.0}}
        assert config["learning_rate"] == {"module": __name__, **described}
        again = optimizers.SGD.from_config(config, custom_objects={"Warm": Warm})
        assert float(again.learning_rate) == 0.5

    @pytest.mark.parametrize("rate", [-0.1, float("nan"), "fast", None, [0.1]])
    def test_refused(self, rate):
        with pytest.raises(ArgumentError, match="learning_rate is out of range"):
            optimizers.SGD(rate)


def test_decay_of_older_scripts_is_left_out():
    with pytest.warns(UserWarning, match="'decay' is of older releases"):
        optimizer = optimizers.SGD(0.5, decay=1e-6, momentum=0.9)
    assert "decay" not in optimizer.get_config()
    with pytest.raises(ArgumentError, match="unknown argument 'dekay'"):
        optimizers.SGD(0.5, dekay=1e-6)


class TestStep:
    def test_gradient_accumulation_steps_by_the_mean(self):
        (w,) = weights((2,))
        start = w.value.copy()
        optimizer = optimizers.SGD(0.5, gradient_accumulation_steps=2)
        optimizer.apply([np.array([1.0, 2.0])], [w])
        np.testing.assert_array_equal(w.value, start)
        assert int(optimizer.iterations) == 0
        optimizer.apply([np.array([3.0, 2.0])], [w])
        np.testing.assert_allclose(w.value, start - [1.0, 1.0])
        assert int(optimizer.iterations) == 1

    def test_what_moves_with_steps_waits_for_them(self):
        """Schedule, running mean, constraint: three calls a step are as one call by the mean."""

        def made(**options):
            rate = optimizers.schedules.PiecewiseConstantDecay([0, 1], [1.0, 0.5, 0.25])
            return optimizers.SGD(
                rate, momentum=0.5, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2,
                weight_decay=0.1, clipnorm=1.5, **options,
            )  # fmt: skip

        (one,), (few,) = weights((3,)), weights((3,))
        optimizer, accumulating = made(), made(gradient_accumulation_steps=3)
        for w in (one, few):
            w.constraint = lambda w: w * 0.9
        for gradients in np.random.default_rng(0).normal(size=(4, 3, 3)):
            optimizer.apply([gradients.mean(axis=0)], [one])
            before = few.value.copy()
            for n, g in enumerate(gradients):
                accumulating.apply([g], [few])
                assert np.array_equal(few.value, before) == (n < 2)
            np.testing.assert_allclose(few.value, one.value, rtol=1e-6)
            assert float(accumulating.learning_rate) == float(optimizer.learning_rate)
        optimizer.finalize_variable_values([one])
        accumulating.finalize_variable_values([few])
        np.testing.assert_allclose(few.value, one.value, rtol=1e-6)

    def test_averages_that_are_not_there_yet(self):
        (w,) = weights((2,))
        optimizer = optimizers.SGD(1.0, use_ema=True, gradient_accumulation_steps=2)
        optimizer.apply([np.ones(2)], [w])
        before = w.value.copy()
        optimizer.finalize_variable_values([w])
        np.testing.assert_array_equal(w.value, before)

    @pytest.mark.parametrize("limit", ["clipnorm", "global_clipnorm"])
    @pytest.mark.parametrize("size", [1e-30, 1.0, 1e20, 5e37])
    def test_finite_gradients_stay_finite(self, limit, size):
        """However large, though the squares of some overflow."""
        ws = weights((2,))
        ws[0].assign([0.0, 0.0])
        g = np.array([3 * size, 4 * size], "float32")
        optimizers.SGD(1.0, **{limit: 1.0}).apply([g], ws)
        np.testing.assert_allclose(ws[0].value, -g / max(5 * size, 1), rtol=1e-6)
        for wrong in (np.nan, np.inf):
            optimizers.SGD(1.0, **{limit: 1.0}).apply([np.array([wrong, 1.0])], ws)
            assert np.isnan(ws[0].value).all()

    @pytest.mark.parametrize(
        "name", [n for n in optimizers.__all__ if n[0].isupper() and n != "Optimizer"]
    )
    def test_a_rate_of_0_and_gradients_of_0(self, name):
        """A schedule ends at 0, a weight may have no part in a batch."""
        cases = ((0.0, 1.0), (0.1, 0.0))
        for rate, size in cases[:1] if name == "Ftrl" else cases:  # Ftrl's weights begin at 0
            (w,) = weights((3,))
            before, optimizer = w.value.copy(), getattr(optimizers, name)(rate)
            for _ in range(2):
                optimizer.apply([np.full(3, size)], [w])
            decays = optimizer.weight_decay and rate
            np.testing.assert_allclose(w.value, before, rtol=1e-3 if decays else 1e-6, atol=1e-6)

    def test_without_changing_the_optimizer(self):
        ws, twins = weights((2,), (3,)), weights((2,), (3,))
        optimizer, twin = optimizers.Adam(0.5), optimizers.Adam(0.5)
        with pytest.raises(ArgumentError, match="not built"):
            optimizer.stateless_apply([], [], [])
        optimizer.build(ws)
        gradients = [np.ones(2), np.full(3, 2.0)]
        twin.apply(gradients, twins)
        state = [v.numpy() for v in optimizer.variables]
        made, after = optimizer.stateless_apply(state, gradients, [w.value for w in ws])
        for w, t, m, start in zip(ws, twins, made, weights((2,), (3,)), strict=True):
            np.testing.assert_array_equal(w.value, start.value)
            np.testing.assert_array_equal(m, t.value)
        for mine, theirs in zip(after, twin.variables, strict=True):
            np.testing.assert_array_equal(mine, theirs.numpy())
        assert int(optimizer.iterations) == 0
        with pytest.raises(ArgumentError, match="trainable_variables"):
            optimizer.stateless_apply(state, gradients, made[:1])

    def test_averages(self):
        (w,) = weights((1,))
        optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
        w.assign([8.0])
        for g in (4.0, 2.0):  # w: 4, 2; average: 4, 3
            optimizer.apply([np.array([g])], [w])
        assert w.value == 2.0
        optimizer.finalize_variable_values([w])
        assert w.value == 3.0
        with pytest.raises(ArgumentError, match="var_list"):
            optimizer.finalize_variable_values([])

    def test_loss_scale(self):
        optimizer = optimizers.SGD(1.0, loss_scale_factor=8.0)
        assert optimizer.scale_loss(2.0) == 16.0
        assert optimizers.SGD().scale_loss(2.0) == 2.0
        (w,) = weights((1,))
        start = w.value.copy()
        optimizer.apply([np.array([4.0])], [w])
        np.testing.assert_allclose(w.value, start - 0.5)

    def test_limits_of_norms(self):
        for options, expected in (
            ({"clipnorm": 2.5}, ([1.5, 2.0], [1.0])),
            ({"clipvalue": 2.0}, ([2.0, 2.0], [1.0])),
            ({"global_clipnorm": 13.0}, ([3.0, 4.0], [1.0])),
        ):
            a, b = Variable(np.zeros(2)), Variable(np.zeros(1))
            optimizers.SGD(1.0, **options).apply([np.array([3.0, 4.0]), np.ones(1)], [a, b])
            np.testing.assert_allclose(a.value, -np.array(expected[0]), rtol=1e-6)
            np.testing.assert_allclose(b.value, -np.array(expected[1]), rtol=1e-6)

    def test_constraints_hold_after_each_step(self):
        w = Variable(np.array([[1.0, -1.0]]))
        w.constraint = constraints.get("non_neg")
        optimizers.SGD(0.5).apply([np.array([[4.0, -6.0]])], [w])
        np.testing.assert_array_equal(w.value, [[0.0, 2.0]])

    def test_weights_that_are_left_out_stay(self):
        ws = weights((2,), (3,), (1,))
        optimizer = optimizers.Adam(0.1)
        steps(optimizer, ws)
        before = [w.value.copy() for w in ws]
        steps(optimizer, [ws[0], ws[2]])
        np.testing.assert_array_equal(ws[1].value, before[1])
        assert all((ws[n].value != before[n]).all() for n in (0, 2))
        with pytest.warns(UserWarning, match="no gradients for \\['w1'\\]"):
            optimizer.apply([np.ones(2), None, np.ones(1)], ws)
        np.testing.assert_array_equal(ws[1].value, before[1])

    def test_frozen_layers_rest_and_unfrozen_ones_need_a_new_optimizer(self):
        x, y = np.ones((4, 3)), np.zeros((4, 1))
        model = melpy.Sequential([melpy.Input((3,)), layers.Dense(2), layers.Dense(1)])
        model.compile("adam", loss="mse")
        model.train_on_batch(x, y)
        model.layers[0].trainable = False
        frozen, moving = (layer.get_weights()[0] for layer in model.layers[-2:])
        model.train_on_batch(x, y)
        np.testing.assert_array_equal(model.layers[-2].get_weights()[0], frozen)
        assert not np.array_equal(model.layers[-1].get_weights()[0], moving)
        model.compile("adam", loss="mse")
        model.train_on_batch(x, y)
        model.layers[0].trainable = True
        with pytest.raises(ValueError, match=r"unknown variable .* call compile\(\) again"):
            model.train_on_batch(x, y)

    def test_rules_see_joined_neighbours(self):
        seen = []

        class Watch(optimizers.Optimizer):
            def rule(self, rate, p, g):
                seen.append(p.size)

        ws = weights((2,), (3,), (1,), (4,))
        optimizer = Watch(0.1)
        steps(optimizer, ws, 1)
        steps(optimizer, [ws[3], ws[0], ws[1]], 1)
        assert seen == [10, 5, 4]

    def test_a_subclass_may_change_the_gradients_of_a_known_rule(self):
        class Halved(optimizers.SGD):
            def update_step(self, gradient, variable, learning_rate):
                super().update_step(gradient * 0.5, variable, learning_rate)

        ws, twins = weights((2,), (3,)), weights((2,), (3,))
        steps(Halved(0.5, momentum=0.5), ws)
        steps(optimizers.SGD(0.25, momentum=0.5), twins)
        for w, twin in zip(ws, twins, strict=True):
            np.testing.assert_allclose(w.value, twin.value, rtol=1e-6)

    @pytest.mark.parametrize("frequency", [None, 2])
    def test_limits_and_averages_come_after_what_a_subclass_assigns(self, frequency):
        class Own(optimizers.Optimizer):
            def update_step(self, gradient, variable, learning_rate):
                variable.assign(variable - learning_rate * gradient)

        options = {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": frequency}
        ws, twins = weights((2,), (3,)), weights((2,), (3,))
        ws[0].constraint = twins[0].constraint = constraints.NonNeg()
        own, known = Own(0.5, **options), optimizers.SGD(0.5, **options)
        for swap in (False, True):
            for optimizer, some in ((own, ws), (known, twins)):
                if swap:
                    optimizer.swap_averages()
                else:
                    steps(optimizer, some)
            for w, twin in zip(ws, twins, strict=True):
                np.testing.assert_allclose(w.value, twin.value, rtol=1e-6)


class TestRefused:
    def test_arguments(self):
        for options, match in (
            ({"clipnorm": 1.0, "clipvalue": 1.0}, "only one of the limits"),
            ({"gradient_accumulation_steps": 1}, "an int >= 2"),
            ({"use_ema": True, "ema_momentum": 1.5}, r"in \[0, 1\]"),
            ({"use_ema": True, "ema_overwrite_frequency": 0.5}, "an int >= 1"),
            ({"weight_decay": -1.0}, "weight_decay=-1.0"),
            ({"momentum": 2.0}, "momentum"),
        ):
            with pytest.raises(ArgumentError, match=match):
                optimizers.SGD(**options)
        with pytest.raises(ArgumentError, match="beta_1"):
            optimizers.Lion(beta_1=0.0)
        with pytest.raises(ArgumentError, match="learning_rate_power"):
            optimizers.Ftrl(learning_rate_power=0.5)
        with pytest.raises(ArgumentError, match="weight_decay"):
            optimizers.AdamW(weight_decay=None)

    def test_gradients(self):
        ws = weights((2,), (3,))
        optimizer = optimizers.SGD()
        with pytest.raises(ArgumentError, match="no weights are known"):
            optimizer.apply([np.ones(2)])
        optimizer.build(ws)
        optimizer.apply([])  # nothing to do, as in Keras
        assert int(optimizer.iterations) == 0
        with pytest.raises(ArgumentError, match="2, one a weight"):
            optimizer.apply([np.ones(2)])
        with pytest.raises(ShapeError, match="gradient of 'w1'"):
            optimizer.apply([np.ones(2), np.ones(1)], ws)
        with pytest.raises(ArgumentError, match="no weight has a gradient"):
            optimizer.apply([None, None], ws)
        with pytest.raises(NotImplementedError, match="rule or update_step"):
            optimizers.Optimizer(0.1).apply([np.ones(2), np.ones(3)], ws)


@pytest.mark.parametrize("name", NAMES)
def test_config_round_trip(name):
    made = getattr(optimizers, name)(learning_rate=schedules.CosineDecay(0.5, 10), clipnorm=2.0)
    for again in (
        optimizers.deserialize(optimizers.serialize(made)),
        type(made).from_config(made.get_config()),
    ):
        assert type(again) is type(made)
        assert again.get_config() == made.get_config()
    assert optimizers.get(made) is made
    assert optimizers.get(None) is None


class TestRecent:
    def test_lamb_by_hand(self):
        """Adam's first step is the gradients' signs, of length sqrt 2; the weight's length is 5."""
        w = Variable(np.array([3.0, 4.0]), name="w")
        optimizers.Lamb(0.1, epsilon=0.0).apply([np.array([2.0, -7.0])], [w])
        step = 0.1 * 5 / np.sqrt(2)
        np.testing.assert_allclose(w.value, [3 - step, 4 + step], rtol=1e-7)

    def test_lamb_moves_a_weight_that_is_zero(self):
        w = Variable(np.zeros(2), name="w")
        optimizers.Lamb(0.1, epsilon=0.0).apply([np.array([2.0, -7.0])], [w])
        np.testing.assert_allclose(w.value, [-0.1, 0.1], rtol=1e-7)

    def test_schedule_free_by_hand(self):
        """z = 1 - 0.1, then 0.8; x is their mean; w lies between."""
        w = Variable(np.array([1.0]), name="w")
        optimizer = optimizers.ScheduleFreeAdamW(0.1, beta_1=0.75, epsilon=0.0)
        optimizer.apply([np.array([2.0])], [w])
        np.testing.assert_allclose(w.value, [0.9], rtol=1e-7)
        optimizer.apply([np.array([2.0])], [w])
        np.testing.assert_allclose(w.value, [0.25 * 0.8 + 0.75 * 0.85], rtol=1e-7)

    def test_schedule_free_warms_up(self):
        w = Variable(np.array([1.0]), name="w")
        optimizer = optimizers.ScheduleFreeAdamW(0.1, epsilon=0.0, warmup_steps=4)
        optimizer.apply([np.array([2.0])], [w])
        np.testing.assert_allclose(w.value, [1 - 0.1 / 4], rtol=1e-7)

    def test_messages(self):
        with pytest.raises(ArgumentError, match="beta_1"):
            optimizers.ScheduleFreeAdamW(beta_1=0.0)
        with pytest.raises(ArgumentError, match="warmup_steps"):
            optimizers.ScheduleFreeAdamW(warmup_steps=-1)
        with pytest.raises(ArgumentError, match="beta_2"):
            optimizers.Lamb(beta_2=1.0)


def test_weights_that_their_gradients_overwrite():
    """As statistics that come by the way of gradients do: the rule passes them over."""
    kept, moved = (melpy.Variable([[1.0, 2.0], [3.0, 4.0]]) for _ in range(2))
    kept.overwrite_with_gradient = True
    ones = np.ones((2, 2), "float32")
    rule = optimizers.SGD(1.0, momentum=0.9, weight_decay=0.5)
    for _ in range(2):
        rule.apply_gradients([(ones, kept), (ones, moved)])
    np.testing.assert_array_equal(kept, ones)
    alone = optimizers.SGD(1.0, momentum=0.9, weight_decay=0.5)
    same = melpy.Variable([[1.0, 2.0], [3.0, 4.0]])
    for _ in range(2):
        alone.apply_gradients([(ones, same)])
    np.testing.assert_array_equal(moved, same)

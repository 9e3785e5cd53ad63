"""Objects of descriptions: what is no description of a known thing is refused by its class."""

import numpy as np
import pytest

import melpy
from melpy import errors, layers, losses, saving


@pytest.fixture
def registered():
    """Register for one test, as a package of the user's own."""
    names = saving.get_custom_objects()
    before = dict(names)
    yield saving.register_keras_serializable("mine")
    names.clear()
    names.update(before)


DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}}
RELU = {"module": "builtins", "class_name": "function", "config": "relu"}


@pytest.mark.parametrize(
    ("description", "kind"),
    [
        (DENSE | {"registered_name": "mine>Dense"}, ValueError),
        (RELU | {"registered_name": "subprocess.Popen"}, ValueError),
        (DENSE | {"config": [1, 2]}, TypeError),
        ({"class_name": "Dense", "config": {}}, TypeError),
        (RELU | {"config": ["relu"]}, TypeError),
        (RELU | {"config": "no_such"}, TypeError),
        ({"class_name": "__typespec__", "config": "x"}, TypeError),
        ({"module": "keras.optimizers", "class_name": "Adam", "config": 3}, TypeError),
        (
            {"module": "keras", "class_name": "Sequential", "config": {"layers": [DENSE]}},
            ValueError,
        ),
    ],
)
def test_wrong_descriptions(description, kind):
    for wrong in (description, {"a": [description]}):
        with pytest.raises(kind) as caught:
            saving.deserialize_keras_object(wrong)
        assert isinstance(caught.value, errors.MelpyError)


@pytest.mark.parametrize("description", [DENSE | {"registered_name": "Dense"}, DENSE])
def test_the_librarys_own_names_pass(description):
    assert saving.deserialize_keras_object(description).units == 1
    told = RELU | {"registered_name": "function"}
    assert saving.deserialize_keras_object(told) is melpy.activations.relu


def test_functions_that_older_files_name_without_their_package(registered):
    @registered
    def doubled(x):
        return 2 * x

    @registered
    def relu(x):
        return -x

    told = RELU | {"registered_name": "function"}
    for name in ("doubled", "mine>doubled"):
        assert saving.deserialize_keras_object(told | {"config": name}) is doubled
        layer = layers.Dense.from_config({"units": 1, "activation": told | {"config": name}})
        assert layer.activation is doubled
        assert losses.get(told | {"config": name}) is doubled
    assert (
        saving.deserialize_keras_object(told) is melpy.activations.relu
    )  # the library's comes first


class Growth:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return x * self.factor

    def get_config(self):
        return {"factor": self.factor}


class GrowthAgain(Growth):
    @classmethod
    def from_config(cls, config):
        return cls(**config)


def test_a_class_without_from_config_is_refused(registered, tmp_path):
    for made in (Growth, GrowthAgain):
        x = layers.Input((3,))
        model = melpy.Model(x, layers.Dense(1, activation=registered(made)(2.0))(x))
        model.save(tmp_path / "m.keras")
        if made is Growth:
            with pytest.raises(TypeError, match="Growth has no from_config"):
                melpy.models.load_model(tmp_path / "m.keras")
        else:
            again = melpy.models.load_model(tmp_path / "m.keras")
            assert again.layers[-1].activation.factor == 2.0


class Circular(melpy.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [layers.Dense(3)]
        self.blocks.append(self.blocks)
        self.names = {"all": self.blocks}
        self.names["me"] = self.names

    def call(self, x):
        return self.blocks[0](x)


class Own(melpy.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def compile(self, **kwargs):
        super().compile(**kwargs)


def test_lists_that_hold_themselves(registered, tmp_path):
    model, x = registered(Circular)(), np.ones((4, 2), "float32")
    model.compile("sgd", "mse")
    model.fit(x, np.ones((4, 3)), verbose=0)
    assert len(model.variables) == len(model.weights) == 2
    model.save(tmp_path / "m.keras")
    again = melpy.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(x), model(x))


class OwnInARow(melpy.Sequential):
    def compile(self, rate, **kwargs):
        super().compile(melpy.optimizers.SGD(rate), **kwargs)


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_a_compile_of_ones_own_is_not_called_while_loading(registered, name, tmp_path):
    made = Own if name == "m.keras" else OwnInARow
    model = registered(made)(**{} if made is Own else {"layers": [layers.Dense(1)]})
    model(np.ones((1, 2)))
    model.compile(**{"optimizer": "sgd"} if made is Own else {"rate": 0.1}, loss="mse")
    model.save(tmp_path / name)
    with pytest.warns(UserWarning, match=r"not compiled while it was loaded|compile of its own"):
        again = melpy.models.load_model(tmp_path / name, {made.__name__: made})
    assert not again.compiled

"""Objects remember what they were made with, and names find their classes."""

import json

import numpy as np
import pytest

import melpy
from melpy import layers
from melpy.configurable import Configurable, find, snake_case
from melpy.errors import ArgumentError, DtypeError, UnknownNameError
from melpy.saving import deserialize_keras_object, serialize_keras_object

__all__ = ["GradientRuler", "Ruler", "Shape2D"]


class Ruler(Configurable):
    def __init__(self, length=30, *, unit="cm", marks=None, **more):
        self.length, self.unit, self.marks, self.more = length, unit, marks, more


class GradientRuler(Ruler):
    def __init__(self, slope, inner=None):
        super().__init__(length=99)
        self.slope, self.inner = slope, inner


class Shape2D(Ruler):
    def __init__(self):
        super().__init__(length=5)


class Hidden(Ruler):
    """Not in __all__."""


def get(identifier):
    return find("ruler", identifier, Ruler, globals(), {"gr2": "Shape2D"})


class TestConfig:
    def test_defaults_are_in_it(self):
        assert Ruler().get_config() == {"length": 30, "unit": "cm", "marks": None}

    def test_positional_and_keyword_arguments_are_the_same(self):
        assert Ruler(4, unit="m").get_config() == Ruler(length=4, unit="m").get_config()

    def test_further_keywords_lie_flat(self):
        assert Ruler(name="r").get_config()["name"] == "r"

    def test_it_is_the_outer_constructors(self):
        assert GradientRuler(2).get_config() == {"slope": 2, "inner": None}
        assert Shape2D().get_config() == {}

    def test_what_happens_to_the_object_later_does_not_change_it(self):
        ruler = Ruler(4)
        ruler.length = 5
        assert ruler.get_config()["length"] == 4

    def test_values_are_plain(self):
        ruler = GradientRuler(
            np.float32(0.5), inner=Ruler(np.int64(4), marks=(np.arange(2), [Shape2D(), np.tanh]))
        )
        config = ruler.get_config()
        assert config["slope"] == 0.5
        assert type(config["slope"]) is float
        assert config["inner"]["class_name"] == "Ruler"
        described = {"class_name": "Shape2D", "registered_name": "Shape2D", "config": {}}
        assert config["inner"]["config"]["marks"] == (
            [0, 1],
            [{"module": __name__, **described}, "tanh"],
        )
        json.dumps(config)

    def test_round_trip(self):
        made = Ruler(7, unit="in", marks=[1, 2], name="r")
        again = Ruler.from_config(made.get_config())
        assert vars(again) == vars(made)
        assert GradientRuler.from_config(GradientRuler(3).get_config()).slope == 3

    def test_wrong_arguments_are_refused(self):
        with pytest.raises(TypeError, match=r"__init__\(\) missing 1 required .*'slope'"):
            GradientRuler()
        with pytest.raises(TypeError, match="GradientRuler: unknown argument 'color'"):
            GradientRuler(1, color="red")


class TestFind:
    @pytest.mark.parametrize(
        "name", ["GradientRuler", "gradient_ruler", "gradientruler", "GRADIENT_RULER"]
    )
    def test_a_name_in_any_spelling(self, name):
        made = get({"class_name": name, "config": {"slope": 3}})
        assert type(made) is GradientRuler
        assert made.slope == 3

    @pytest.mark.parametrize("identifier", ["Shape2D", "shape2d", "shape_2d", "gr2", Shape2D])
    def test_a_class_or_an_alias(self, identifier):
        assert type(get(identifier)) is Shape2D

    def test_an_object_is_returned_as_it_is(self):
        ruler = Ruler()
        assert get(ruler) is ruler

    @pytest.mark.parametrize("name", ["Ruler", "hidden", "Configurable", "json", ""])
    def test_what_is_not_offered_is_not_found(self, name):
        with pytest.raises(UnknownNameError, match="one of gradient_ruler, shape2d"):
            get(name)

    def test_the_nearest_is_suggested(self):
        with pytest.raises(
            UnknownNameError, match=r"unknown ruler .*Did you mean 'gradient_ruler'"
        ):
            get("gradient_rulr")

    @pytest.mark.parametrize("thing", [None, 3, int, ["Shape2D"], {"config": {}}])
    def test_what_is_no_identifier(self, thing):
        with pytest.raises(ArgumentError, match="this is no ruler"):
            get(thing)


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("Dense", "dense"),
        ("GlorotUniform", "glorot_uniform"),
        ("MaxPooling2D", "max_pooling2d"),
        ("Conv2DTranspose", "conv2d_transpose"),
        ("L2", "l2"),
        ("ReLU", "re_lu"),
        ("LSTM", "lstm"),
    ],
)
def test_snake_case(name, snake):
    assert snake_case(name) == snake


@pytest.mark.parametrize(
    ("layer", "extra"),
    [(layers.Dense(2), {"quantization_config": None})],
)
def test_what_changes_nothing_in_a_config_of_keras_is_left_out(layer, extra):
    config = layer.get_config()
    assert type(layer).from_config({**config, **extra}).get_config() == config
    with pytest.raises(ArgumentError, match=next(iter(extra))):
        type(layer).from_config({**config, next(iter(extra)): "something"})


def test_a_class_that_takes_such_an_argument_is_given_it():
    class Fusing(layers.Layer):
        def __init__(self, fused=True, **kwargs):
            super().__init__(**kwargs)
            self.fused = fused

    assert Fusing.from_config({"fused": False}).fused is False


class Around(layers.Layer):
    """A layer with a get_config of its own."""

    def __init__(self, inner, factor=2, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.factor = inner, factor

    def call(self, x):
        return self.inner(x) * self.factor

    def get_config(self):
        return dict(inner=self.inner, factor=self.factor, **super().get_config())

    @classmethod
    def from_config(cls, config):
        return cls(deserialize_keras_object(config.pop("inner")), **config)


class Wider(layers.Dense):
    def __init__(self, by, **kwargs):
        super().__init__(units=10 * by, activation="relu", name=f"by_{by}")
        self.by = by

    def get_config(self):
        return {**super().get_config(), "by": self.by}


class TestClassesOfTheUsers:
    def test_what_super_has_is_the_librarys(self):
        config = Around(layers.Dense(3), 4, name="a").get_config()
        assert sorted(config) == ["dtype", "factor", "inner", "name", "trainable"]
        config = Wider(2).get_config()
        assert (config["units"], config["activation"], config["by"]) == (20, "relu", 2)
        assert config["name"] == "by_2"

    def test_objects_in_a_config_are_written_and_read(self, tmp_path):
        model = melpy.Sequential([melpy.Input((3,)), Around(layers.Dense(2), 3)])
        model.save(tmp_path / "m.keras")
        for scope in ({"Around": Around}, None):
            if scope:
                again = melpy.models.load_model(tmp_path / "m.keras", scope)
                x = np.ones((2, 3))
                np.testing.assert_array_equal(again.predict(x), model.predict(x))
                assert isinstance(again.layers[0].inner, layers.Dense)
            else:
                with pytest.raises(UnknownNameError, match="Around"):
                    melpy.models.load_model(tmp_path / "m.keras")

    def test_what_no_file_can_hold(self):
        class Holding(layers.Layer):
            def __init__(self, thing):
                super().__init__()

        layer = Holding(object())
        assert type(layer.get_config()["thing"]) is object  # a copy takes it as it is
        model = melpy.Sequential([melpy.Input((3,)), layer])
        with pytest.raises(DtypeError, match=r"cannot be written down.*Define get_config"):
            model.to_json()

    def test_values_there_and_back(self):
        values = {
            "array": np.arange(3), "bytes": b"ab", "slice": slice(1, None), "all": ...,
            "tensor": melpy.Tensor([1.0]), "number": np.float32(2), "f": melpy.activations.relu,
            "deep": [{"loss": melpy.losses.Huber(0.25)}],
        }  # fmt: skip
        back = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(values))))
        np.testing.assert_array_equal(back["array"], values["array"])
        assert (back["bytes"], back["slice"], back["all"]) == (b"ab", slice(1, None), ...)
        assert (float(back["tensor"][0]), back["number"]) == (1.0, 2.0)
        assert back["deep"][0]["loss"].delta == 0.25
        with pytest.raises(TypeError, match="cannot be written down"):
            serialize_keras_object(object())

"""Tables into vectors; the numbers and the files are those of Keras 3.15.1 on TensorFlow."""

import numpy as np
import pytest

import melpy
from melpy import errors, layers
from melpy.data import Loader
from melpy.utils import FeatureSpace

DATA = {
    "age": [20.0, 40.0, 60.0, 40.0],
    "job": ["cook", "smith", "cook", "?"],
    "rooms": [1, 2, 3, 2],
    "city": ["a", "b", "c", "a"],
}


def spaced(**options):
    features = {
        "age": "float_normalized",
        "job": "string_categorical",
        "rooms": FeatureSpace.integer_categorical(max_tokens=3),
        "city": FeatureSpace.string_hashed(4),
    }
    space = FeatureSpace(features, crosses=[("job", "rooms")], crossing_dim=5, **options)
    space.adapt(DATA)
    return space


def test_vectors():
    y = spaced()(DATA).numpy()
    names = {"age": 1, "city": 4, "job": 4, "rooms": 3, "job_X_rooms": 5}
    assert y.shape == (4, sum(names.values()))
    np.testing.assert_allclose(y[:, 0], [-1.4142135, 0, 1.4142135, 0], rtol=1e-6)
    np.testing.assert_array_equal(y[:, 1:].sum(axis=1), [4, 4, 4, 4])
    np.testing.assert_array_equal(y[:, 5:9].argmax(axis=1), [1, 2, 1, 3])
    np.testing.assert_array_equal(y[:, 1:5].argmax(axis=1), [3, 2, 0, 3])
    np.testing.assert_array_equal(y[:, 12:].argmax(axis=1), [3, 1, 2, 3])


def test_one_row():
    row = {name: column[1] for name, column in DATA.items()}
    np.testing.assert_array_equal(spaced()(row).numpy(), spaced()(DATA).numpy()[1])
    assert spaced(output_mode="dict")(row)["job"].shape == (4,)


def test_dicts():
    y = spaced(output_mode="dict")(DATA)
    assert list(y) == ["age", "city", "job", "rooms", "job_X_rooms"]
    assert {name: x.shape for name, x in y.items()} == {
        "age": (4, 1), "city": (4, 4), "job": (4, 4), "rooms": (4, 3), "job_X_rooms": (4, 5),
    }  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        Loader({k: np.array(v) for k, v in DATA.items()}, batch_size=None, shuffle=False),
        Loader({k: np.array(v) for k, v in DATA.items()}, batch_size=3),
        iter([DATA]),
    ],
    ids=["rows", "batches", "generator"],
)
def test_what_it_learns_from(data):
    space = FeatureSpace({"age": "float_normalized", "job": "string_categorical"})
    space.adapt(data)
    assert space.preprocessors["job"].get_vocabulary() == ["[UNK]", "cook", "smith", "?"]
    np.testing.assert_allclose(space({"age": [60.0], "job": ["?"]}).numpy()[0, 0], 1.4142135)


def test_maps_a_dataset():
    columns = {name: np.array(column) for name, column in DATA.items()}
    loader = Loader(columns, np.arange(4), batch_size=2, shuffle=False)
    space = spaced()
    batches = list(loader.map(lambda x, y: (space(x), y)))
    np.testing.assert_array_equal(batches[1][0], spaced()(DATA).numpy()[2:])


def test_models_begin_with_it(tmp_path):
    space = spaced()
    y = layers.Dense(1)(space.get_encoded_features())
    model = melpy.Model(space.get_inputs(), y)
    model.compile("sgd", "mse")
    columns = {name: np.array(column) for name, column in DATA.items()}
    model.fit(columns, np.ones(4), verbose=0)
    model.save(tmp_path / "model.keras")
    twin = melpy.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(twin.predict(columns), model.predict(columns))


def test_files(tmp_path):
    space = spaced()
    for _ in range(2):  # what was loaded is saved again
        space.save(tmp_path / "space.keras")
        space = melpy.models.load_model(tmp_path / "space.keras")
    np.testing.assert_array_equal(space(DATA).numpy(), spaced()(DATA).numpy())


def test_a_model_of_a_space_that_was_loaded(tmp_path):
    kind = FeatureSpace.integer_categorical
    space = FeatureSpace({"a": kind(), "b": kind()})  # two layers without a name
    space.adapt({"a": [1, 2], "b": [3, 3]})
    space.save(tmp_path / "space.keras")
    space = melpy.models.load_model(tmp_path / "space.keras")
    model = melpy.Model(space.get_inputs(), space.get_encoded_features())
    y = model.predict({"a": np.array([1, 7]), "b": np.array([3, 3])})
    assert y.tolist() == [[0, 0, 1, 0, 1], [1, 0, 0, 0, 1]]


def test_a_layer_of_ones_own():
    text = layers.TextVectorization(output_mode="tf_idf")
    space = FeatureSpace({"text": FeatureSpace.feature("string", text, "float")})
    data = {"text": ["1st string", "2nd string", "3rd string"]}
    space.adapt(data)
    assert space(data).shape == (3, 5)


def test_what_needs_no_data():
    space = FeatureSpace(
        {
            "age": FeatureSpace.feature(
                "float32", layers.Normalization(mean=1, variance=4), "float"
            ),
            "rooms": "integer_hashed",
            "job": FeatureSpace.feature("string", layers.StringLookup(vocabulary=["cook"]), "int"),
            "wage": FeatureSpace.float_rescaled(2.0),
            "size": FeatureSpace.float_discretized(None, [1.0, 2.0]),
        },
        output_mode="dict",
    )
    y = space({"age": [5.0], "rooms": [3], "job": ["cook"], "wage": [3.0], "size": [1.5]})
    assert y["age"].numpy().tolist() == [[2.0]]
    assert y["job"].numpy().tolist() == [[1]]
    assert y["wage"].numpy().tolist() == [[6.0]]
    assert y["size"].numpy().tolist() == [[0, 1, 0]]
    assert y["rooms"].shape == (1, 32)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": {}}, "it has no features"),
        ({"features": {"a": "integers"}}, "unknown feature 'integers'"),
        ({"output_mode": "vector"}, "unknown output_mode"),
        ({"crosses": [("a", "c")]}, "unknown feature in crosses 'c'"),
        ({"crosses": [("a", "b")], "crossing_dim": None}, "crossing_dim is missing"),
        ({"crosses": [FeatureSpace.cross(("a", "z"), 3)]}, "unknown feature in crosses 'z'"),
    ],
)
def test_refusals(options, message):
    given = {"features": {"a": "integer_hashed", "b": "integer_hashed"}} | options
    with pytest.raises(errors.ArgumentError, match=message):
        FeatureSpace(**given)


def test_refusals_in_use():
    with pytest.raises(errors.ArgumentError, match="unknown output_mode 'rows'"):
        FeatureSpace.feature("float32", layers.Identity(), "rows")
    space = FeatureSpace({"a": "integer_categorical"})
    for use in (space.get_inputs, space.get_encoded_features, lambda: space({"a": [1]})):
        with pytest.raises(errors.ArgumentError, match="has not learned anything yet"):
            use()
    with pytest.raises(errors.DtypeError, match="this is no table"):
        space.adapt([np.ones(3)])
    space.adapt({"a": [1, 2]})
    with pytest.raises(errors.ArgumentError, match="this is no table"):
        space(np.ones(3))
    with pytest.raises(errors.ArgumentError, match=r"column 'a' is missing.*columns=\['b'\]"):
        space({"b": [1]})
    whole = FeatureSpace({"a": FeatureSpace.integer_hashed(3, output_mode="int")})
    with pytest.raises(errors.DtypeError, match="cannot stand in a vector"):
        whole({"a": [1]})
    unknown = FeatureSpace({"a": FeatureSpace.feature("float32", layers.Rescaling(1.0), "one_hot")})
    with pytest.raises(errors.GraphError, match="how many categories"):
        unknown({"a": [1.0]})

"""Which batches make an epoch: fewer and more steps than the data has, data of every kind."""

import itertools
import warnings

import numpy as np
import pytest

import melpy
from melpy import config, errors, layers, utils
from melpy.callbacks import Callback

X = np.arange(8.0, dtype="float32")[:, None]
BATCHES = [(X[i : i + 2], X[i : i + 2]) for i in range(0, 8, 2)]


class Record(Callback):
    """The first number of each batch that was trained on, epoch by epoch, and all events."""

    def __init__(self):
        self.events = []

    def on_epoch_begin(self, epoch, logs=None):
        self.model.batches.append([])

    def on_train_batch_begin(self, batch, logs=None):
        self.events.append(("begin", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.events.append(("end", batch))

    def on_test_batch_end(self, batch, logs=None):
        self.events.append(("test", batch))

    def on_predict_batch_end(self, batch, logs=None):
        self.events.append(("predict", batch))


class Recorded(melpy.Sequential):
    batches = None

    def train_step(self, data):
        self.batches[-1].append(int(data[0][0, 0]))
        return super().train_step(data)

    def test_step(self, data):
        self.measured.append(int(data[0][0, 0]))
        return super().test_step(data)


def model(**compiled):
    made = Recorded([melpy.Input((1,)), layers.Dense(1)])
    made.compile(melpy.optimizers.SGD(0.0), "mse", **compiled)
    made.batches, made.measured = [], []
    return made


class Numbered(utils.PyDataset):
    """Four batches by number, and what the dataset is told."""

    def __init__(self, **options):
        super().__init__(**options)
        self.told = []

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return BATCHES[index]

    def on_epoch_begin(self):
        self.told.append("begin")

    def on_epoch_end(self):
        self.told.append("end")


class Again:
    """Batches that can be gone through again, their number unknown."""

    def __iter__(self):
        return iter(BATCHES)


class Unknown(Again):
    """As a torch DataLoader over an IterableDataset: len() is there, and refuses."""

    def __len__(self):
        raise TypeError("no length")


KINDS = {
    "arrays": lambda: {"x": X, "y": X, "batch_size": 2},
    "dataset": lambda: {"x": Numbered()},
    "workers": lambda: {"x": Numbered(workers=3)},
    "loader": lambda: {"x": melpy.data.Loader(X, X, batch_size=2, shuffle=False)},
    "iterable": lambda: {"x": Again()},
    "unknown": lambda: {"x": Unknown()},
}


def trained(kind, **options):
    made = model()
    made.fit(**KINDS[kind](), shuffle=False, verbose=0, callbacks=[Record()], **options)
    return made.batches


@pytest.mark.parametrize("kind", KINDS)
class TestSteps:
    def test_all_there_are(self, kind):
        assert trained(kind, epochs=2) == [[0, 2, 4, 6]] * 2

    def test_fewer_go_on_in_the_next_epoch(self, kind):
        assert trained(kind, epochs=3, steps_per_epoch=2) == [[0, 2], [4, 6], [0, 2]]

    def test_the_data_ends_an_epoch_and_the_next_begins_anew(self, kind):
        with pytest.warns(UserWarning, match="came to its end after 1 batches"):
            assert trained(kind, epochs=3, steps_per_epoch=3) == [[0, 2, 4], [6], [0, 2, 4]]
        with pytest.warns(UserWarning, match="after 4 batches. Expected 7 an epoch"):
            assert trained(kind, epochs=2, steps_per_epoch=7) == [[0, 2, 4, 6]] * 2

    def test_validations_measure_the_same_samples(self, kind):
        made, data = model(), KINDS[kind]()
        size = data.pop("batch_size", None)
        valid = data["x"] if "y" not in data else (data["x"], data["y"])
        made.fit(
            X, X, verbose=0, epochs=3, validation_data=valid, validation_steps=2,
            validation_batch_size=size, callbacks=[Record()],
        )  # fmt: skip
        assert made.measured == [0, 2] * 3

    def test_evaluate_and_predict(self, kind):
        made, data = model(), KINDS[kind]()
        made.evaluate(**data, steps=3)
        assert made.measured == [0, 2, 4]
        data.pop("y", None)
        assert made.predict(**data).shape == (8, 1)


def test_a_generator_goes_on_where_it_stopped():
    made = model()
    endless = itertools.cycle(BATCHES)
    made.fit(
        (batch for batch in endless), steps_per_epoch=3, epochs=2, verbose=0,
        validation_data=(batch for batch in itertools.cycle(BATCHES)), validation_steps=3,
        callbacks=[Record()],
    )  # fmt: skip
    assert made.batches == [[0, 2, 4], [6, 0, 2]]
    assert made.measured == [0, 2, 4, 6, 0, 2]


def test_data_that_end():
    made = model()
    with pytest.warns(UserWarning, match="came to its end after 0 batches"):
        found = made.fit((b for b in BATCHES), epochs=3, verbose=0, callbacks=[Record()])
    assert found.epoch == [0]
    nothing = (b for b in ())
    for call in (made.fit, made.evaluate, made.predict):
        with pytest.raises(errors.DataError, match="the data holds no batch"):
            call(nothing)


def test_steps_without_a_batch_size_cut_all_samples_into_so_many():
    made = model()
    made.fit(X, X, steps_per_epoch=3, verbose=0, shuffle=False, callbacks=[Record()])
    assert made.batches == [[0, 3, 6]]
    made.evaluate(X, X, steps=2)
    assert made.measured == [0, 4]


def test_shuffle_within_batches():
    seen = []

    class Look(Recorded):
        def train_step(self, data):
            seen.append(sorted(data[0][:, 0].tolist()))
            return super().train_step(data)

    made = Look([melpy.Input((1,)), layers.Dense(1)])
    made.compile("sgd", "mse")
    made.batches = []
    made.fit(X, X, batch_size=3, shuffle="batch", verbose=0, callbacks=[Record()])
    assert seen == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_a_dataset_is_told_of_epochs():
    dataset = Numbered()
    model().fit(dataset, epochs=2, verbose=0, callbacks=[Record()])
    assert dataset.told == ["begin", "end"] * 2


def test_several_steps_between_two_callbacks():
    """The last ones are counted as if they were all there, as in Keras."""
    watch = Record()
    made = model(steps_per_execution=3)
    made.fit(X, X, batch_size=1, verbose=0, callbacks=[watch])
    assert made.optimizer.iterations == 8
    steps = [(0, 2), (3, 5), (6, 8)]
    assert watch.events == [e for a, b in steps for e in (("begin", a), ("end", b))]
    watch.events.clear()
    made.evaluate(X, X, batch_size=1, callbacks=[watch])
    predicted = made.predict(X, batch_size=1, callbacks=[watch])
    assert watch.events == [(name, b) for name in ("test", "predict") for _, b in steps]
    np.testing.assert_array_equal(predicted, made.predict(X))


@pytest.mark.parametrize("kind", ["train", "test", "predict"])
@pytest.mark.parametrize("moment", ["begin", "end"])
def test_a_stop_is_heard_at_any_moment(kind, moment):
    flag = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}[kind]
    batches = []

    class Stop(Callback):
        def at(self, batch, logs=None):
            batches.append(batch)
            setattr(self.model, flag, batch == 1)

    stop = Stop()
    setattr(stop, f"on_{kind}_batch_{moment}", stop.at)
    made = model()
    data = (b if kind != "predict" else b[:1] for b in itertools.cycle(BATCHES))
    made.batches = [[]]
    call = {"train": made.fit, "test": made.evaluate, "predict": made.predict}[kind]
    for _ in range(2):  # a stop is for one call
        call(data, callbacks=[stop], verbose=0)
    assert batches == [0, 1] * 2


def test_the_settings_for_short_runs(monkeypatch):
    monkeypatch.setattr(config.settings, "_settings", dict(config.settings._settings))
    config.set_max_epochs(2)
    config.set_max_steps_per_epoch(2)
    made = model()
    found = made.fit(X, X, batch_size=2, epochs=9, verbose=0, shuffle=False, callbacks=[Record()])
    assert found.epoch == [0, 1]
    assert made.batches == [[0, 2], [4, 6]]


def test_validation_now_and_then():
    frequencies = {2: [1, 3], (1, 4): [0, 3]}
    for frequency, _ in frequencies.items():
        found = model().fit(
            X, X, epochs=4, verbose=0, validation_data=(X, X), callbacks=[Record()],
            validation_freq=frequency if isinstance(frequency, int) else list(frequency),
        )  # fmt: skip
        assert len(found.history["val_loss"]) == 2
    for wrong in ("2", 0, 1.5):
        with pytest.raises(errors.ArgumentError, match="validation_freq"):
            model().fit(X, X, validation_freq=wrong, verbose=0)


def test_weights_are_there_before_the_first_callback():
    counts = []

    class Look(Callback):
        def on_train_begin(self, logs=None):
            counts.append(len(self.model.weights))

    made = melpy.Sequential([layers.Dense(2), layers.Dense(1)])
    made.compile("sgd", "mse")
    made.fit((b for b in BATCHES), verbose=0, callbacks=[Look()])
    assert counts == [4]


class TestClassWeights:
    def test_keys_are_classes(self):
        y = (X > 3).astype("float32")
        results = []
        for weights in ({0: 1.0, 1: 3.0}, {0.0: 1.0, 1.0: 3.0}, {np.int64(1): 3.0}):
            made = model()
            made.batches = [[]]
            made.set_weights([np.ones((1, 1)), np.zeros(1)])
            results.append(made.train_on_batch(X, y, class_weight=weights))
        assert len(set(results)) == 1

    @pytest.mark.parametrize("weights", [{"0": 2.0}, {-1: 2.0}, {0.5: 2.0}, {7: 2.0}])
    def test_what_is_no_class(self, weights):
        y = (X > 3).astype("float32")
        made = melpy.Sequential([layers.Dense(1)])
        made.compile("sgd", "mse")
        with pytest.raises(errors.ArgumentError, match="none of the classes"):
            made.fit(X, y, class_weight=weights, verbose=0)

    def test_of_several_outputs(self):
        i = melpy.Input((1,))
        made = melpy.Model(i, [layers.Dense(1)(i), layers.Dense(1)(i)])
        made.compile("sgd", "mse")
        with pytest.raises(errors.ArgumentError, match="labels of a single output"):
            made.fit(X, [X, X], class_weight={0: 1.0}, verbose=0)


def test_a_torch_loader_over_a_stream():
    torch = pytest.importorskip("torch")

    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter([(torch.ones(1) * i, torch.ones(1)) for i in range(5)])

    loader = torch.utils.data.DataLoader(Stream(), batch_size=2)
    made = model()
    found = made.fit(loader, epochs=2, verbose=0, validation_data=loader, callbacks=[Record()])
    assert made.batches == [[0, 2, 4]] * 2
    assert len(found.history["val_loss"]) == 2
    assert made.predict(loader).shape == (5, 1)


def test_no_warning_where_all_is_well():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in KINDS:
            trained(kind, epochs=2)

"""docs/keras.md says of every public name of Keras's what Melpy has, and says it rightly."""

import pytest

import melpy

pytestmark = pytest.mark.parity

# The names that Melpy promises, by Keras's module: none of them may be absent.
PROMISED = {
    "": "Sequential Model Input",
    "models": "load_model clone_model",
    "layers": """
        Dense Activation ReLU LeakyReLU PReLU ELU Softmax Flatten Reshape Permute RepeatVector
        Masking Dropout SpatialDropout1D SpatialDropout2D GaussianNoise Conv1D Conv2D
        Conv1DTranspose Conv2DTranspose DepthwiseConv2D SeparableConv2D MaxPooling1D MaxPooling2D
        AveragePooling1D AveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D
        GlobalAveragePooling1D GlobalAveragePooling2D ZeroPadding1D ZeroPadding2D Cropping1D
        Cropping2D UpSampling1D UpSampling2D BatchNormalization LayerNormalization
        GroupNormalization Embedding SimpleRNN LSTM GRU Bidirectional TimeDistributed
        MultiHeadAttention Add Subtract Multiply Average Maximum Minimum Concatenate Dot Rescaling
        Normalization Resizing RandomFlip RandomRotation RandomTranslation RandomZoom RandomCrop
        Convolution2D
    """,
    "activations": """
        relu leaky_relu elu selu gelu silu softplus softsign sigmoid hard_sigmoid tanh softmax
        log_softmax exponential linear mish
    """,
    "losses": """
        CategoricalCrossentropy SparseCategoricalCrossentropy BinaryCrossentropy MeanSquaredError
        MeanAbsoluteError Huber Hinge KLDivergence CosineSimilarity Poisson LogCosh
    """,
    "optimizers": "SGD RMSprop Adam AdamW Nadam Adagrad Adamax Lion",
    "optimizers.schedules": "ExponentialDecay CosineDecay PiecewiseConstantDecay PolynomialDecay",
    "metrics": """
        Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy
        TopKCategoricalAccuracy Precision Recall AUC F1Score R2Score MeanSquaredError
        MeanAbsoluteError
    """,
    "callbacks": """
        Callback History ProgbarLogger EarlyStopping ModelCheckpoint BackupAndRestore
        ReduceLROnPlateau LearningRateScheduler CSVLogger TensorBoard TerminateOnNaN
    """,
    **{f"datasets.{name}": "load_data" for name in ("mnist", "fashion_mnist", "cifar10")},
    "datasets.cifar100": "load_data",
    "utils": """
        to_categorical set_random_seed plot_model pad_sequences image_dataset_from_directory
        split_dataset
    """,
}
METHODS = """
    compile fit evaluate predict train_on_batch test_on_batch predict_on_batch summary get_weights
    set_weights save save_weights load_weights get_config from_config count_params export
"""
OURS_ALONE = {
    "": "Tensor grad",
    "testing": "check_op",
    "metrics": "ConfusionMatrix",
    "callbacks": "LiveMetrics OptunaPruning",
    "layers": "Pooling2D",
    "datasets.digits": "load_data",
    "preprocessing": """
        StandardScaler MinMaxScaler RobustScaler OneHotEncoder SimpleImputer Tokenizer
    """,
    "Model": "trace",
    "Tensor": "backward",
}


@pytest.fixture(scope="module")
def table(keras):
    import parity_table  # imports Keras

    if keras.__version__ not in parity_table.TABLE.read_text():
        pytest.skip("the table is of another version of Keras")
    return parity_table


def test_the_table_is_what_the_tool_writes(table):
    assert table.table() == table.TABLE.read_text(), "run python tools/parity_table.py"


def test_no_promised_name_is_absent(table):
    families, _ = table.rows()
    state = {(row.module, row.name): row.state for found in families.values() for row in found}
    for module, names in PROMISED.items():
        for name in names.split():
            assert state[module, name] != "absent", f"{module}.{name}"
    for name in METHODS.split():
        assert callable(getattr(melpy.Model, name)), name


def test_what_is_ours_alone_is_there(table):
    for module, names in OURS_ALONE.items():
        for name in names.split():
            assert table.ours_at(f"{module}.{name}".strip(".")) or getattr(
                getattr(melpy, module), name
            )


def test_differences_are_seen(table):
    """The comparison itself: what it takes for the same, and what not."""

    def theirs(x, size=(2, 2), *, name=None):
        pass

    def same(x, size=2, *, name=None):
        pass

    def other(x, shape=2, name="a"):
        pass

    def swapped(size=(2, 2), x=None, **kwargs):
        pass

    assert list(table.compare(same, theirs)) == []
    assert [key for key, _ in table.compare(other, theirs)] == ["size", "shape", "name"]
    found = dict(table.compare(swapped, theirs))
    assert found["order"] == "another order: `size`, `x`"
    assert found["x"] == "`x` defaults to `None`, not to nothing"

    class Theirs:
        def __init__(self, a, b=1):
            self.b = b

        @property
        def size(self):
            return 1

        def grow(self, by):
            pass

    class Base:
        def __init__(self, b=1):
            pass

    class Ours(Base):
        def __init__(self, a, **kwargs):
            super().__init__(**kwargs)

    found = dict(table.compare(Ours, Theirs))
    assert found == {
        "b": "takes `b` by name only", ".size": "lacks `.size`", ".grow": "lacks `.grow`",
    }  # fmt: skip
    assert dict(table.compare(same, Theirs)) == {"kind": "is a function here"}


def test_what_is_not_explained_is_refused(table, monkeypatch):
    monkeypatch.delitem(table.reasons.DIFFERENCES, ("*", "lora_rank"))
    monkeypatch.setitem(table.reasons.BEHAVIOUR, "layers.Nothing", "a reason for nothing")
    with pytest.raises(table.UnexplainedError) as error:
        table.rows()
    assert "('layers.Dense', 'lora_rank')" in str(error.value)
    assert "needless: layers.Nothing" in str(error.value)

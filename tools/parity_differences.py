"""Why Melpy differs from Keras where it does: the one list, for the table and for the tests.

`parity_table` finds the differences; here stands the reason of each. Keys are "family.Name", the
family being the first part of Keras's dotted place ("models" for what stands at the top).
"""

PREFACE = (
    "Each public name of Keras's is looked up at the same dotted place here, `keras.layers.Dense` "
    "as `melpy.layers.Dense`. *Same*: the arguments have the same names, order and defaults, and a "
    "class has the same public methods and properties. *Partly*: something differs, and the row "
    "says what and why. *Absent*: we lack it. What each name computes is held to Keras's numbers "
    "by the tests in `tests/parity`. What draws at random draws other numbers from the same seed, "
    "by the same rules. What Keras has in several places of one family counts once. Types of "
    "results are Keras's on JAX but for these: arrays of 64 bits keep them, as in Keras on "
    "TensorFlow (JAX halves them unless it is told otherwise, and gradients are checked in float64 "
    "here), and a Python number that the arrays beside it cannot hold, as -1 beside uint8, widens "
    "them, where Keras's wraps around. Augmentations give floats whatever comes in, where some of "
    "Keras's hand whole numbers through. A layer that changes no number, and an op that gives a "
    "view, may share its input's memory."
)

_WIDER = (
    "whole numbers of 8 and 16 bits give 32, as `sum` does: Keras's overflow; one axis, or None"
)
_BEST = "what is not finite is never the best, an unknown `mode` is refused"
_FRACTIONS = "whole numbers give floats, which Keras cuts to whole numbers"

# Methods and properties of Keras's classes that are not compared: its own machinery.
MACHINERY = {
    "functions of explicit state, for JAX's transformations": (
        "stateless_compute_loss stateless_apply stateless_result "
        "stateless_update_state stateless_reset_state get_state_tree set_state_tree "
        "rematerialized_call"
    ),
    "quantization and low-rank adapters": (
        "quantize quantization_mode quantized_build quantized_call enable_lora "
        "variable_serialization_spec get_quantization_layer_structure"
    ),
    "types: a layer computes in its weights' own type": "convert_input",
    "a single image is changed as a batch of one": (
        "transform_single_image transform_single_label transform_single_bounding_box "
        "transform_single_segmentation_mask"
    ),
    "steps of an algorithm": (
        "get_transformed_x_y get_shifted_bbox get_clipped_bbox get_elastic_transform_params "
        "convolution_op inner_loop convert_weight transpose_last_axis lr_adjust "
        "zeropower_via_newtonschulz5 interpolate_pr_auc finalize_state"
    ),
    "raises an error in Keras": "add_metric",
}

_ADAPTERS = "low-rank adapters are not here"
_QUANTIZED = "quantization is not here"
_LATER = "not built yet"
_FORMAT = "a `data.Loader` comes back, whatever `format` says; its methods have tf.data's names"

# Arguments, methods and properties that differ: (family.Name, part), or ("*", part) for all.
DIFFERENCES = {
    ("models.KerasTensor", "call"): "the call that makes it, ours alone",
    ("models.Variable", "layout"): "how a variable lies over several devices",
    ("*", "lora_rank"): _ADAPTERS,
    ("*", "lora_alpha"): _ADAPTERS,
    ("*", "quantization_config"): _QUANTIZED,
    ("*", "gptq_unpacked_column_size"): _QUANTIZED,
    ("*", ".get_initial_state(batch_size)"): "without it there is no shape to make zeros of",
    ("layers.AveragePooling1D", "pool_size"): "a default as max pooling has",
    ("layers.AveragePooling2D", "pool_size"): "a default as max pooling has",
    ("layers.AveragePooling3D", "pool_size"): "a default as max pooling has",
    ("layers.Conv3DTranspose", "order"): "`output_padding` stands where the other two have it",
    **{
        ("layers.RandomGrayscale", f".{part}"): "its arguments are named as the other layers'"
        for part in (
            "get_random_transformation(images)",
            "get_random_transformation(data)",
            "transform_bounding_boxes(training)",
            "transform_labels(transformations)",
            "transform_labels(training)",
            "transform_segmentation_masks(transformations)",
            "transform_segmentation_masks(training)",
        )
    },
    **{
        ("*", f".transform_{what}(transformation)"): "None, the default, for nothing drawn"
        for what in ("images", "labels", "bounding_boxes", "segmentation_masks")
    },
    ("layers.InputLayer", "input_tensor"): "to wrap a tensor of another graph",
    ("saving.load_weights", "objects_to_skip"): "has a name here, and is among Keras's `**kwargs`",
    ("saving.save_weights", "objects_to_skip"): "has a name here, and is among Keras's `**kwargs`",
    ("models.Model", ".export(format)"): '"onnx" is the one format, and the default',
    ("callbacks.ModelCheckpoint", "max_to_keep"): "deletes all but the newest files and the best",
    ("callbacks.TensorBoard", ".summary"): "TensorFlow's own module",
    ("callbacks.TensorBoard", "hparams"): "what trials are compared by, on its own page",
    ("ops.concatenate", "xs"): "takes the arrays as a list or one by one; by position only",
    ("ops.layer_normalization", "rms_scaling"): "has a name here, and is among Keras's `**kwargs`",
    ("ops.stack", "x"): "takes the arrays as a list or one by one; by position only",
}

# What the estimators have beyond Keras's, by scikit-learn's names.
_ESTIMATORS = ("Classifier", "Regressor", "Transformer")
_MLP = "as scikit-learn's MLPClassifier and MLPRegressor have it"
_OF_FIT = "samples may have weights; a transformer needs no y"
DIFFERENCES |= {
    (f"wrappers.SKLearn{kind}", name): reason
    for kind in _ESTIMATORS
    for name, reason in {
        **dict.fromkeys(
            ("learning_rate", "epochs", "batch_size", "early_stopping", "validation_fraction",
             "n_iter_no_change", "random_state"),
            _MLP,
        ),
        "model": "None is a small network that fits the data",
        ".epoch_": "`n_iter_` says how many epochs were made",
        ".set_fit_request(sample_weight)": _OF_FIT,
        ".fit(sample_weight)": _OF_FIT,
        ".fit(y)": _OF_FIT,
    }.items()
}  # fmt: skip
DIFFERENCES |= {
    ("wrappers.SKLearnTransformer", ".predict"): "scikit-learn takes it for one number a sample",
    ("wrappers.SKLearnClassifier", "class_weight"): _MLP,
    ("distribution.DataParallel", "deterministic"): "the same bits for any number of processes",
    ("distribution.DataParallel", "batch_statistics"): "whose moments BatchNormalization takes",
}
_WHOLE_MODEL = "each process has the whole model, and its part of a batch is cut by `fit`"
DIFFERENCES |= {
    ("distribution.DataParallel", f".{name}"): _WHOLE_MODEL
    for name in (
        "get_data_layout", "get_variable_layout", "get_tensor_layout", "device_mesh",
        "batch_dim_name", "distribute_dataset", "distribute_tf_dataset",
    )
}  # fmt: skip

_ROWS = (
    "strings come out as str, where TensorFlow has bytes; "
    "rows (one_hot, multi_hot, count) are floats, as Keras's symbolic outputs say, where its "
    "arrays are whole numbers; dense only, neither sparse nor ragged"
)
_SYMBOLIC = "of symbolic tensors the shape is the one that comes out, where Keras's is another"
_UNKNOWN = "of symbolic tensors, sizes need not be known"
_FIT = "sizes that do not fit are refused of symbolic tensors too"
_WINDOWS = "six windows have names: others come as arrays, where Keras asks SciPy for them"
_COLUMN = "labels (N,) serve for predictions (N, 1), where Keras pairs each with every other one"

_SHAPES = "what does not fit is refused of symbolic tensors too, which Keras describes unchecked"

# What differs though the arguments are the same.
BEHAVIOUR = {
    "models.Sequential": (
        "without an Input, a batch whose inner axes stand in another order than the first one's is "
        "refused, as a mistake; other sizes are taken where all layers suit them"
    ),
    "models.Model": (
        "`predict` and `evaluate` print nothing unless asked; "
        "data with NaN or infinity is refused unless `config.set_assume_finite(True)`; "
        "a model without a loss is refused by `fit`, where Keras on JAX trains nothing; "
        "`class_weight` names classes only, where Keras passes over other keys; "
        "`inner(x, training=False)` in a functional model stays so in `fit`, where Keras 3.15 "
        "passes on training=True; so does `Dropout(0.5)(x, training=True)` in `predict`, where "
        "Keras drops nothing"
    ),
    "callbacks.EarlyStopping": _BEST,
    "callbacks.ModelCheckpoint": _BEST,
    "callbacks.ReduceLROnPlateau": _BEST,
    "activations.sparsemax": "the rows add up to 1, which Keras's for several rows do not",
    "ops.sparsemax": "the rows add up to 1, which Keras's for several rows do not",
    "layers.MultiHeadAttention": (
        "float64 is computed in float64, which Keras on JAX does only if asked for the scores"
    ),
    "layers.RandomCrop": (
        "at inference resizes the middle, as Keras's documentation says; Keras 3.15 returns its "
        "input; boxes lie where they lie in the part, where Keras takes rows for columns; the dict "
        "that was given stays as it was"
    ),
    "layers.CutMix": "mixes masks and labels; boxes are refused with a sentence",
    "layers.MixUp": (
        "the labels of boxes are joined image by image, as the boxes are, and so are masks mixed, "
        "where Keras mixes up the axes"
    ),
    "layers.RandomPerspective": "boxes come back in their own form, where Keras returns corners",
    "layers.RandomElasticTransform": "rows and columns move by draws of their own: Keras's are one",
    "layers.RandomRotation": "takes boxes in every form, where Keras takes all for corners",
    "layers.RandomFlip": "boxes are cut off at the image's rim, as by the other layers",
    "layers.EinsumDense": (
        "`compute_output_shape` is right for equations with `...`, where Keras mixes up the axes; "
        "`build` refuses an input of other axes than the equation's"
    ),
    "layers.ConvLSTM*": "a mask of steps serves, with which Keras 3.15 fails",
    "layers.Lambda": (
        "a file holds its function's name: of a lambda, neither written nor read, it would have "
        "to hold code, whatever `safe_mode` says"
    ),
    "layers.Layer": (
        "`build` is given None for the size of the batch, in calls on arrays too; arguments that "
        "are no tensors may come by position; a class of one's own is found in a description if "
        "it is registered or among `custom_objects`: no module that a file names is imported"
    ),
    **dict.fromkeys(
        [
            "layers.*Dropout*",
            "layers.GaussianNoise",
            "layers.SimpleRNN",
            "layers.GRU",
            "layers.LSTM",
        ],
        "the state of what draws is not among `variables`",
    ),
    "layers.SpectralNormalization": (
        "training leaves the normalized matrix in the layer, as Keras does on TensorFlow and "
        "PyTorch: on JAX the steps of `fit` forget it, so predictions are not normalized"
    ),
    "layers.MelSpectrogram": (
        "`compute_output_shape` counts the pieces that come out, where Keras's is one more for "
        "some lengths"
    ),
    "layers.STFTSpectrogram": _WINDOWS,
    "initializers.STFT*": _WINDOWS,
    "layers.StringLookup": _ROWS,
    "layers.IntegerLookup": _ROWS,
    "layers.TextVectorization": _ROWS,
    "layers.AutoContrast": "with channels first it stretches each channel, where Keras mixes axes",
    "layers.RandomColorJitter": "takes channels first too, where Keras 3.15 fails",
    "layers.Hashing": (
        "`compute_output_shape` is right for one_hot, where Keras's leaves out an axis"
    ),
    "losses.CategoricalCrossentropy": (
        "refuses targets that are no distributions; label smoothing counts the classes along "
        "`axis`, where Keras counts the last axis's"
    ),
    "losses.CategoricalFocalCrossentropy": (
        "refuses labels that are no distributions, which Keras broadcasts; label smoothing as in "
        "CategoricalCrossentropy"
    ),
    "losses.SparseCategoricalCrossentropy": "refuses labels that are no classes",
    "losses.Huber": "a config has `delta` where it is not 1: Keras's files lose it",
    "losses.CosineSimilarity": "a config has `axis` where it is not -1: Keras's files lose it",
    "losses.*hinge": _COLUMN,
    "losses.kl_divergence": _COLUMN,
    "losses.poisson": _COLUMN,
    "distillation.LogitsDistillation": (
        '"kl_divergence" compares softmaxes, as the class KLDivergence does: Keras 3.15 compares '
        "the logits where the loss is given by name"
    ),
    "distillation.Distiller": (
        "weights of samples and the student's penalties count; its features are seen with the "
        "`training` of the step"
    ),
    "optimizers.Optimizer": "an optimizer has its class's name, however many were made before it",
    "optimizers.RMSprop": (
        "`centered` divides by the root of max(v - m^2, 0): Keras's can be NaN in float32"
    ),
    "models.version": "is Melpy's own",
    "config.backend": 'is "numpy", whatever the environment says',
    "config.set_backend": 'takes "numpy" alone',
    "models.*DTypePolicy": "float32 and float64: half precision is slower on processors",
    "config.set_dtype_policy": "takes float32 and float64: half precision is slower on processors",
    "config.disable_traceback_filtering": "no frame is left out of a traceback in any case",
    "config.enable_traceback_filtering": "no frame is left out of a traceback in any case",
    "config.enable_unsafe_deserialization": "refuses: reading a file never runs code",
    "config.set_floatx": "takes float32 and float64",
    "backend.result_type": "64 bits are kept, and never made of fewer",
    "datasets.load_data": (
        "`path` keeps its default; of imdb and reuters, num_words=None keeps every word, where "
        "Keras leaves out the one of the highest number"
    ),
    "*.image_dataset_from_directory": _FORMAT,
    "*.audio_dataset_from_directory": (
        "a `data.Loader` comes back; files of another sampling_rate are refused, and ragged batches"
    ),
    "*.text_dataset_from_directory": f"{_FORMAT}; texts are str, where TensorFlow has bytes",
    "*.timeseries_dataset_from_array": _FORMAT,
    "*.load_img": "16 bits of grey become coloured by their upper 8, where Keras cuts at 255",
    "saving.save_model": (
        "a save that fails leaves no file, and the old one as it was; says nothing of `.h5`, which "
        "Keras logs is of old"
    ),
    "saving.load_model": (
        "layers among a class's arguments are made again without a from_config of its own"
    ),
    "utils.get_file": (
        "files lie in `config.home`; an archive's links are left out; plain .gz files are unpacked"
    ),
    "utils.model_to_dot": "its result has pydot's methods that scripts use, and needs no Graphviz",
    "utils.to_categorical": "gives the type of `config.floatx`, not float64 always",
    "utils.clear_session": "settings and seeds stay",
    "metrics.*IoU": "sample weights are floats, which Keras cuts to whole numbers",
    **dict.fromkeys(["ops.cumprod", "ops.cumsum", "ops.nancumprod", "ops.nancumsum"], _WIDER),
    "ops.dot_product_attention": f"{_FRACTIONS}; {_SHAPES}; no flash attention on a processor",
    "ops.ctc_loss": _SHAPES,
    "ops.psnr": _SHAPES,
    "ops.*_hot": "dense only, not sparse",
    "ops.crop_images": "cuts a size that is not known too: Keras asks for the target",
    "ops.layer_normalization": f"{_FRACTIONS}; {_SHAPES}",
    "ops.rms_normalization": _FRACTIONS,
    "ops.is_tensor": (
        "is False of a plain array; ops of plain arrays give plain arrays, which have no "
        "`.numpy()`: `convert_to_tensor` makes tensors of them"
    ),
    "ops.take": "an index out of range is an error, where Keras on JAX gives NaN",
    "ops.take_along_axis": "an index out of range is an error, where Keras on JAX gives NaN",
    "ops.bincount": "negative numbers are an error, where Keras on JAX counts them as 0",
    "ops.adaptive_average_pool": "a size that is the input's own is the input: Keras gives NaN",
    "ops.adaptive_max_pool": "a size that is the input's own is the input: Keras gives NaN",
    "ops.istft": "without a window it is the signal again: Keras on JAX multiplies by the overlap",
    "ops.gaussian_blur": "the setting says where the channels are: Keras on JAX forgets it",
    "ops.lu_factor": "has a gradient of square matrices only",
    "ops.saturate_cast": "whole numbers become floats of their value: Keras makes them 0",
    **dict.fromkeys(
        ["ops.angle", "ops.conj", "ops.conjugate", "ops.imag", "ops.isreal", "ops.real"],
        "of real numbers: no array here is complex",
    ),
    "ops.argpartition": (
        "a half order is not unique: the other entries may lie otherwise; `kth` is checked of "
        "symbolic tensors too"
    ),
    # What symbolic tensors make: the shapes that come out, where Keras's description has others.
    **dict.fromkeys(["ops.corrcoef", "ops.diag", "ops.repeat", "ops.slogdet"], _SYMBOLIC),
    **dict.fromkeys(["ops.fft", "ops.fft2", "ops.ifft2", "ops.qr"], _UNKNOWN),
    **dict.fromkeys(["ops.einsum", "ops.tensordot"], _FIT),
    **dict.fromkeys(["ops.ndim", "ops.size"], "of a symbolic tensor it is a number, where known"),
    "ops.where": "a condition alone gives places, as it does once computed",
    "ops.concatenate": "`axis=None` flattens symbolic tensors too, which Keras refuses",
    "ops.searchsorted": "gives int32, as Keras does once computed; of unknown sizes it says int64",
    "ops.solve": "takes a vector for each matrix, (.., n), which Keras on JAX only describes",
    "models.Variable": "is made at once, in a StatelessScope too, so that it always has values",
}

# Patterns of dotted places, and why they are absent: the first that fits.
ABSENT = {
    "layers.FlaxLayer layers.JaxLayer layers.TFSMLayer layers.TorchModuleWrapper": (
        "wraps a layer of another framework"
    ),
    "optimizers.LossScaleOptimizer Quantizer dtype_policies.* mixed_precision.* quantizers.*": (
        "computing is in float32 or float64, one type a layer: no half precision, no quantization"
    ),
    "callbacks.OrbaxCheckpoint": "JAX's own format",
    "callbacks.RemoteMonitor": "sends numbers over a network",
    "ops.*polar ops.view_as_* ops.*eig": "arrays of complex numbers",
    "ops.*jvp": "the tape goes backwards",
    "ops.image.elastic_transform": "no op draws random numbers; a layer may, later",
    "RematScope SymbolicScope remat": ("machinery of Keras's backends; there is one here"),
    "applications.*": "no trained networks are shipped",
    "optimizers.MultiOptimizer optimizers.OptimizerMap": _LATER,
    "saving.KerasFileEditor": _LATER,
    "distribution.DeviceMesh distribution.LayoutMap distribution.ModelParallel "
    "distribution.TensorLayout distribution.distribute_tensor distribution.get_device_count": (
        "each process has the whole model"
    ),
    "export.* visualization.*": _LATER,
    "legacy.*": "of older releases",
    "tree.*": "`melpy.tree` is for ourselves",
}

# Examples of Keras's docstrings that give something else here, by the place of the docstring.
_RETURNS = "`update_state` returns nothing, as Keras's other metrics do"
_WHOLE = (
    "whole numbers become floats first, as Keras's documentation shows; Keras on JAX keeps them"
)
_COMPLEX = "complex numbers are not here"
_HALF = "half precision is slower on processors, and is not here"
_LABELS = "one label a sample beside ten outputs is refused as a mistake, which Keras broadcasts"
EXAMPLES = {
    "Model.save_weights": "`keras.applications` is not here",
    "callbacks.BackupAndRestore": _LABELS,
    "callbacks.EarlyStopping": _LABELS,
    "DTypePolicy": _HALF,
    "config.set_dtype_policy": _HALF,
    "layers.EinsumDense": "what `...` stands for is known; Keras calls it unknown",
    "metrics.BinaryIoU": _RETURNS,
    "metrics.IoU": _RETURNS,
    "metrics.MeanIoU": _RETURNS,
    "metrics.OneHotIoU": _RETURNS,
    "metrics.OneHotMeanIoU": _RETURNS,
    "metrics.LogCoshError": _WHOLE,
    "metrics.MeanAbsolutePercentageError": _WHOLE,
    "metrics.Poisson": _WHOLE,
    "ops.angle": _COMPLEX,
    "ops.isreal": _COMPLEX,
}

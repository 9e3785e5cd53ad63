"""What Keras draws, done here, gives Keras's images, labels, boxes and masks."""

import numpy as np
import pytest

from melpy import layers, tree

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64:UserWarning"),  # Keras's
]

rng = np.random.default_rng(0)
DATA = {
    "images": rng.uniform(0, 255, (3, 12, 12, 3)).astype("float32"),
    "labels": np.eye(3, dtype="float32"),
    "segmentation_masks": rng.integers(0, 4, (3, 12, 12, 1)),
    "bounding_boxes": {
        "boxes": np.array([[[2, 1, 8, 5], [3, 3, 11, 10]]] * 3, "float32"),
        "labels": np.array([[1, 2]] * 3),
    },
}
KINDS = [
    ("RandomFlip", {}), ("RandomFlip", {"mode": "vertical"}),
    ("RandomRotation", {"factor": 0.3}), ("RandomShear", {"x_factor": 0.3, "y_factor": 0.2}),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": 0.2}),
    ("RandomZoom", {"height_factor": 0.3, "width_factor": 0.2}),
    ("RandomPerspective", {"scale": 0.4}), ("CenterCrop", {"height": 7, "width": 8}),
    ("CenterCrop", {"height": 7, "width": 18}), ("Resizing", {"height": 7, "width": 18}),
    ("Resizing", {"height": 7, "width": 18, "pad_to_aspect_ratio": True}),
    ("Resizing", {"height": 7, "width": 18, "crop_to_aspect_ratio": True}),
    ("RandomBrightness", {"factor": 0.4}), ("RandomContrast", {"factor": 0.4}),
    ("RandomColorDegeneration", {"factor": 0.4}), ("RandomHue", {"factor": 0.4}),
    ("RandomSaturation", {"factor": (0.3, 0.6)}), ("RandomSharpness", {"factor": 0.4}),
    ("RandomInvert", {}), ("RandomPosterization", {"factor": (2, 6)}), ("Solarization", {}),
    ("Solarization", {"addition_factor": 0.4, "threshold_factor": 0.6}),
    ("RandomErasing", {"fill_value": 9.0}), ("RandomErasing", {}), ("RandomGaussianBlur", {}),
    ("MaxNumBoundingBoxes", {"max_number": 4}), ("Equalization", {"bins": 32}),
    ("AutoContrast", {}), ("AugMix", {"factor": 0.4}),
]  # fmt: skip
ALONE = [
    ("MixUp", {"alpha": 0.5}, ("images", "labels")),
    ("CutMix", {}, ("images", "labels", "segmentation_masks")),
    ("RandAugment", {"num_ops": 1}, ("images", "segmentation_masks")),
    ("RandomCrop", {"height": 7, "width": 5}, ("images", "labels", "segmentation_masks")),
    ("RandomGrayscale", {}, ("images",)),
    ("ContrastLimitedAdaptiveHistogramEqualization", {}, ("images",)),
    (
        "ContrastLimitedAdaptiveHistogramEqualization",
        {"tile_grid_size": (3, 5), "clip_limit": 1.5},
        ("images",),
    ),
]


@pytest.mark.parametrize(
    ("name", "arguments", "kinds"), [(*row, tuple(DATA)) for row in KINDS] + ALONE
)
def test_the_same_is_done(keras, name, arguments, kinds):
    theirs, ours = (
        getattr(room, name)(**arguments, bounding_box_format="xyxy")
        for room in (keras.layers, layers)
    )
    drawn = theirs.get_random_transformation(DATA["images"])
    plain = tree.map_structure(lambda x: np.asarray(x) if hasattr(x, "dtype") else x, drawn)
    for kind in kinds:
        mine = getattr(ours, f"transform_{kind}")(DATA[kind], transformation=plain)
        given = tree.map_structure(keras.ops.convert_to_tensor, DATA[kind])
        other = getattr(theirs, f"transform_{kind}")(given, transformation=drawn)
        results = [tree.flatten(made) for made in (mine, other)]
        for mine, other in zip(*results, strict=True):
            assert mine.shape == other.shape
            np.testing.assert_allclose(mine, np.asarray(other), rtol=2e-3, atol=2e-2)


@pytest.mark.parametrize(("name", "arguments"), [row[:2] for row in [*KINDS, *ALONE]])
def test_what_is_drawn_has_their_form(keras, name, arguments):
    for images in (DATA["images"], DATA["images"][0]):
        mine, other = (
            getattr(room, name)(**arguments).get_random_transformation(images)
            for room in (layers, keras.layers)
        )
        if name == "AugMix":  # the chains are drawn
            mine, other = (
                {k: v for k, v in d.items() if k != "chain_transforms"} for d in (mine, other)
            )
        pairs = zip(*(tree.flatten(d) for d in (mine, other)), strict=True)
        for a, b in pairs:
            assert np.shape(a) == np.shape(b)
        if isinstance(other, dict):
            assert mine.keys() == other.keys()

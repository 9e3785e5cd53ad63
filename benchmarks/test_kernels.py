"""The kernels' own history: `python -m pytest benchmarks/test_kernels.py --benchmark-autosave`.

`--benchmark-compare` holds a run against the one before. pytest-benchmark comes with the extra
[bench].
"""

import numpy as np
import pytest

from melpy.kernels import dispatch

ONE, SAME = (1, 1), ((1, 1), (1, 1))


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape, np.float32)


CONV = normal(64, 16, 16, 64), normal(3, 3, 64, 64), normal(64, 16, 16, 64)
ROWS = normal(8192, 64)
SEQUENCES = normal(64, 50, 512), normal(128, 512), normal(512), normal(64, 128), normal(64, 128)
CASES = {
    "matmul": lambda: dispatch.matmul(ROWS.reshape(256, -1), ROWS.reshape(-1, 128)),
    "conv2d": lambda: dispatch.conv2d(*CONV[:2], ONE, SAME, ONE, 1),
    "conv2d_d_x": lambda: dispatch.conv2d_d_x(CONV[2], CONV[1], CONV[0].shape, ONE, SAME, ONE, 1),
    "conv2d_d_w": lambda: dispatch.conv2d_d_w(CONV[2], CONV[0], CONV[1].shape, ONE, SAME, ONE, 1),
    "conv2d strided": lambda: dispatch.conv2d(*CONV[:2], (2, 2), SAME, ONE, 1),
    "depthwise": lambda: dispatch.depthwise_conv2d(CONV[0], normal(3, 3, 64, 1), ONE, SAME, ONE),
    "batch_norm": lambda: dispatch.batch_norm(ROWS, ROWS[0], ROWS[1], 1e-3, "relu"),
    "layer_norm": lambda: dispatch.layer_norm(ROWS, ROWS[0], ROWS[1], 1e-3),
    "softmax": lambda: dispatch.softmax(ROWS),
    "gelu": lambda: dispatch.activation(ROWS, "gelu", 0.0),
    "lstm": lambda: dispatch.lstm(*SEQUENCES, None),
    "max_pool2d": lambda: dispatch.max_pool2d(CONV[0], (2, 2), (2, 2), ((0, 0), (0, 0))),
}


@pytest.mark.parametrize("name", CASES)
def test_kernel(benchmark, name):
    benchmark(CASES[name])

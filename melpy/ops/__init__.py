"""Differentiable operations, named as in keras.ops; each takes tensors or arrays.

One function is one operation: its forward pass, its gradient, its samples and its page; see
`melpy.ops.registry` for the contract, and `OPS` there for the list.
"""

# ruff: noqa: F403
from melpy.ops import image as image
from melpy.ops import linalg as linalg
from melpy.ops import nn as nn
from melpy.ops import numpy as numpy
from melpy.ops.activations import *
from melpy.ops.adaptive_pooling import *
from melpy.ops.assembling import *
from melpy.ops.attention import *
from melpy.ops.bits import *
from melpy.ops.choice import *
from melpy.ops.colors import *
from melpy.ops.comparison import *
from melpy.ops.control import *
from melpy.ops.conv import *
from melpy.ops.conv_block import *
from melpy.ops.converting import *
from melpy.ops.counting import *
from melpy.ops.creation import *
from melpy.ops.crossentropy import *
from melpy.ops.ctc import *
from melpy.ops.cumulative import *
from melpy.ops.curves import *
from melpy.ops.cutting import *
from melpy.ops.decomposing import *
from melpy.ops.dense import *
from melpy.ops.depthwise import *
from melpy.ops.determinants import *
from melpy.ops.elementwise import *
from melpy.ops.encoding import *
from melpy.ops.exponential import *
from melpy.ops.floats import *
from melpy.ops.fourier import *
from melpy.ops.fused import *
from melpy.ops.gates import *
from melpy.ops.gradients import *
from melpy.ops.hyperbolic import *
from melpy.ops.image_filters import *
from melpy.ops.image_transform import *
from melpy.ops.indexing import *
from melpy.ops.joining import *
from melpy.ops.matrix import *
from melpy.ops.mixing import *
from melpy.ops.nan_quantiles import *
from melpy.ops.noise import *
from melpy.ops.norm import *
from melpy.ops.patches import *
from melpy.ops.pooling import *
from melpy.ops.products import *
from melpy.ops.quantiles import *
from melpy.ops.rearranging import *
from melpy.ops.recurrent import *
from melpy.ops.reduction import *
from melpy.ops.remainders import *
from melpy.ops.resizing import *
from melpy.ops.scaling import *
from melpy.ops.scatter import *
from melpy.ops.segments import *
from melpy.ops.sequences import *
from melpy.ops.shaping import *
from melpy.ops.shrinking import *
from melpy.ops.similarity import *
from melpy.ops.solving import *
from melpy.ops.sorting import *
from melpy.ops.special import *
from melpy.ops.statistics import *
from melpy.ops.systems import *
from melpy.ops.trigonometry import *
from melpy.ops.variance import *
from melpy.ops.vectors import *
from melpy.ops.windows import *

"""The functions that NumPy has too, under the name of ``keras.ops.numpy``."""

# ruff: noqa: F403
from melpy.ops.activations import tanh as tanh
from melpy.ops.assembling import *
from melpy.ops.bits import *
from melpy.ops.choice import *
from melpy.ops.comparison import *
from melpy.ops.control import select as select
from melpy.ops.counting import *
from melpy.ops.creation import *
from melpy.ops.cumulative import *
from melpy.ops.determinants import slogdet as slogdet
from melpy.ops.elementwise import *
from melpy.ops.exponential import *
from melpy.ops.floats import *
from melpy.ops.gradients import vectorize as vectorize
from melpy.ops.hyperbolic import *
from melpy.ops.indexing import *
from melpy.ops.joining import *
from melpy.ops.matrix import *
from melpy.ops.nan_quantiles import *
from melpy.ops.products import *
from melpy.ops.quantiles import *
from melpy.ops.rearranging import unravel_index as unravel_index
from melpy.ops.rearranging import vander as vander
from melpy.ops.reduction import *
from melpy.ops.remainders import *
from melpy.ops.scatter import slice as slice
from melpy.ops.scatter import take_along_axis as take_along_axis
from melpy.ops.shaping import *
from melpy.ops.similarity import corrcoef as corrcoef
from melpy.ops.similarity import correlate as correlate
from melpy.ops.sorting import *
from melpy.ops.special import i0 as i0
from melpy.ops.trigonometry import *
from melpy.ops.variance import *
from melpy.ops.vectors import *
from melpy.ops.windows import *

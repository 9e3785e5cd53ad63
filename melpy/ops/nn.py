"""The functions of networks, under the name of ``keras.ops.nn``."""

# ruff: noqa: F403
from melpy.ops.activations import *
from melpy.ops.adaptive_pooling import *
from melpy.ops.conv import *
from melpy.ops.crossentropy import *
from melpy.ops.ctc import *
from melpy.ops.curves import *
from melpy.ops.depthwise import *
from melpy.ops.encoding import *
from melpy.ops.gates import *
from melpy.ops.patches import depth_to_space as depth_to_space
from melpy.ops.patches import fold as fold
from melpy.ops.patches import space_to_depth as space_to_depth
from melpy.ops.patches import unfold as unfold
from melpy.ops.pooling import *
from melpy.ops.shrinking import *
from melpy.ops.similarity import psnr as psnr
from melpy.ops.statistics import *

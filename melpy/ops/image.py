"""The functions of images, under the name of ``keras.ops.image``."""

# ruff: noqa: F403
from melpy.ops.colors import *
from melpy.ops.cutting import *
from melpy.ops.image_filters import *
from melpy.ops.image_transform import *
from melpy.ops.mixing import *
from melpy.ops.resizing import *
from melpy.ops.scaling import *
from melpy.ops.similarity import ssim as ssim

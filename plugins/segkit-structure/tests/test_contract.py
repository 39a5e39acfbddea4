"""What every plugin has to pass."""

from segkit.testing import plugin_checks

SKELETONS = "a skeleton thinned voxel by voxel depends on the order of the axes, as scikit-image's and panoptica's do"

test_plugin = plugin_checks("segkit-structure", xfail={"cl-dice:symmetry": SKELETONS})

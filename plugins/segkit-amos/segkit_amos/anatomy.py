"""Where the phantom's organs lie and how bright they are: ellipsoids in a body of ellipses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ellipsoid:
    """One organ, in mm from the body's centre; x to the patient's right, y to the front, z to the head.

    Attributes:
        ct: Hounsfield units in the portal venous phase.
        mr: brightness in a T1-weighted MR image, of 0 (air) to 400.
    """

    name: str
    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    ct: float
    mr: float


# Large organs first: what comes later lies over them.
ORGANS = (
    Ellipsoid("liver", (72, 18, 66), (72, 66, 54), 108, 300),
    Ellipsoid("stomach", (-58, 38, 62), (40, 36, 40), 28, 140),
    Ellipsoid("spleen", (-104, -34, 72), (30, 42, 44), 128, 205),
    Ellipsoid("right kidney", (62, -52, 4), (28, 26, 46), 178, 255),
    Ellipsoid("left kidney", (-62, -52, 12), (28, 26, 46), 178, 255),
    Ellipsoid("bladder", (0, 34, -100), (38, 32, 30), 4, 90),
    Ellipsoid("prostate/uterus", (0, -16, -108), (26, 20, 24), 62, 225),
    Ellipsoid("pancreas", (-14, 8, 26), (50, 15, 16), 92, 350),
    Ellipsoid("duodenum", (42, 6, 2), (18, 18, 28), 48, 185),
    Ellipsoid("gallbladder", (44, 54, 20), (18, 20, 24), 10, 165),
    Ellipsoid("esophagus", (-8, -20, 112), (13, 12, 32), 44, 195),
    Ellipsoid("aorta", (-15, -38, 16), (12, 12, 150), 214, 390),
    Ellipsoid("inferior vena cava", (19, -32, 16), (14, 12, 150), 152, 330),
    Ellipsoid("right adrenal gland", (40, -36, 62), (12, 14, 18), 70, 235),
    Ellipsoid("left adrenal gland", (-42, -36, 68), (12, 14, 18), 70, 235),
)
BODY = (168.0, 116.0)
"""Half the width and half the depth of the body, in mm."""
HEIGHT = 288.0
"""From the lowest slice to the highest, in mm."""
SKIN, MUSCLE = 0.90, 0.80
"""Fat ends and muscle ends at these shares of the way from the centre to the skin."""
SPINE = Ellipsoid("spine", (0, -74, 0), (22, 22, 1000), 320, 110)
TISSUES = {"air": (-1000, 6), "fat": (-98, 120), "muscle": (56, 165), "inside": (-72, 132), "bowel": (32, 175)}
"""CT and MR brightness of what is no organ."""

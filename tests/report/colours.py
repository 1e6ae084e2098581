"""Colours as readers with a colour deficiency see them, and how far apart they lie.

Matrices for the full deficiency: Machado, Oliveira and Fernandes (2009), A physiologically-based model for simulation
of color vision deficiency, IEEE TVCG 15(6), table of severity 1.0; they apply to linear RGB. Distance: CIEDE2000 under
D65 (Sharma, Wu and Dalal, 2005, The CIEDE2000 color-difference formula), in which about 1 is just noticeable.
"""

from __future__ import annotations

from math import atan2, cos, degrees, exp, hypot, radians, sin, sqrt

import numpy as np

VISION = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = XYZ @ np.ones(3)


def linear(colour: str) -> np.ndarray:
    """Give the linear RGB of `#rrggbb`, 0 to 1."""
    raw = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(raw <= 0.04045, raw / 12.92, ((raw + 0.055) / 1.055) ** 2.4)


def seen(colour: str, vision: str) -> np.ndarray:
    """Give the linear RGB that a reader of some vision sees."""
    return np.clip(np.array(VISION[vision]) @ linear(colour), 0, 1)


def lab(rgb: np.ndarray) -> np.ndarray:
    """Turn linear RGB into L*a*b*."""
    ratio = (XYZ @ rgb) / WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(a: str, b: str, vision: str) -> float:
    """Say how far two colours lie apart to a reader of some vision."""
    return ciede2000(lab(seen(a, vision)), lab(seen(b, vision)))


def ciede2000(one: np.ndarray, two: np.ndarray) -> float:
    """Give the difference of two colours in L*a*b*, equations 2 to 22 of the paper."""
    (l1, a1, b1), (l2, a2, b2) = map(float, one), map(float, two)
    mean = (hypot(a1, b1) + hypot(a2, b2)) / 2
    stretch = 1 + 0.5 * (1 - sqrt(mean**7 / (mean**7 + 25.0**7)))
    c1, c2 = hypot(a1 * stretch, b1), hypot(a2 * stretch, b2)
    h1, h2 = (degrees(atan2(b, a * stretch)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    between = (
        h1 + h2 if c1 * c2 == 0 else (h1 + h2 + (0 if abs(h1 - h2) <= 180 else 360 if h1 + h2 < 360 else -360)) / 2
    )
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = 1 - 0.17 * _cos(between - 30) + 0.24 * _cos(2 * between) + 0.32 * _cos(3 * between + 6)
    t -= 0.20 * _cos(4 * between - 63)
    x = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / sqrt(20 + (light - 50) ** 2))
    y = (c2 - c1) / (1 + 0.045 * chroma)
    z = 2 * sqrt(c1 * c2) * sin(radians(turn) / 2) / (1 + 0.015 * chroma * t)
    rotation = 60 * exp(-(((between - 275) / 25) ** 2))
    mixed = -2 * sqrt(chroma**7 / (chroma**7 + 25.0**7)) * sin(radians(rotation))
    return sqrt(x * x + y * y + z * z + mixed * y * z)


def _cos(angle: float) -> float:
    return cos(radians(angle))


def contrast(a: str, b: str) -> float:
    """Contrast of two colours as WCAG 2.1 defines it, 1 to 21."""
    light = sorted(float(XYZ[1] @ linear(colour)) for colour in (a, b))
    return (light[1] + 0.05) / (light[0] + 0.05)

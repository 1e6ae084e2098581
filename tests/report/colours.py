"""Colours as readers with a colour deficiency see them, and how far apart they lie.

Matrices for the full deficiency: Machado, Oliveira and Fernandes (2009), A physiologically-based model for simulation
of color vision deficiency, IEEE TVCG 15(6), table of severity 1.0; they apply to linear RGB. Distance: CIE 1976 in
L*a*b* under D65, in which about 2.3 is just noticeable (Mahy and others, 1994).
"""

from __future__ import annotations

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
    return float(np.linalg.norm(lab(seen(a, vision)) - lab(seen(b, vision))))


def contrast(a: str, b: str) -> float:
    """Contrast of two colours as WCAG 2.1 defines it, 1 to 21."""
    light = sorted(float(XYZ[1] @ linear(colour)) for colour in (a, b))
    return (light[1] + 0.05) / (light[0] + 0.05)

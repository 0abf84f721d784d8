"""Colours as numbers: contrast after WCAG 2.2, distances in CIELAB, and how colour-blind eyes see them.

The matrices are those for a whole lack of one kind of cone (severity 1.0) of G. M. Machado, M. M. Oliveira and
L. A. F. Fernandes, *A Physiologically-based Model for Simulation of Color Vision Deficiency*, IEEE Transactions on
Visualization and Computer Graphics 15(6), 2009; they are applied to linear RGB.
"""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SEEN = {
    "trichromacy": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# sRGB to CIE XYZ with the white of D65 (IEC 61966-2-1)
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> Floats:
    """Return ``#rrggbb`` as linear red, green and blue, 0 to 1."""
    encoded = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    high, low = sorted((float(TO_XYZ[1] @ linear(colour)) for colour in (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def distance(one: str, other: str, seen_by: str = "trichromacy") -> float:
    """Return how far apart two colours look, as the CIE 1976 difference (about 2 is just noticeable)."""
    return float(np.linalg.norm(_lab(one, seen_by) - _lab(other, seen_by)))


def _lab(colour: str, seen_by: str) -> Floats:
    white = TO_XYZ @ np.ones(3)
    ratio = TO_XYZ @ np.clip(SEEN[seen_by] @ linear(colour), 0, 1) / white
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def themes(style: Path) -> dict[str, dict[str, str]]:
    """Return the colour tokens of a style sheet, ``{"light": {"--text": "#1a1c1f", ...}, "dark": {...}}``.

    The dark theme is the light one with what its own block says instead.
    """
    found: dict[str, dict[str, str]] = {"light": {}, "dark": {}}
    for selector, body in re.findall(r"([^{}]+)\{([^}]*)\}", style.read_text(encoding="utf-8")):
        theme = "dark" if 'data-theme="dark"' in selector else "light"
        found[theme] |= dict(re.findall(r"(--[\w-]+):\s*(#[0-9a-fA-F]{6})\s*;", body))
    return {"light": found["light"], "dark": found["light"] | found["dark"]}

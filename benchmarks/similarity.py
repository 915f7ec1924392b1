"""Structural similarity of two pictures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIGMA = 1.5
RADIUS = 5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def luma(encoded: bytes) -> NDArray[np.float64]:
    """Return the brightness of an encoded picture, 0 to 255; clear parts are black."""
    with Image.open(io.BytesIO(encoded)) as picture:
        if picture.has_transparency_data:
            black = Image.new("RGBA", picture.size, "black")
            picture = Image.alpha_composite(black, picture.convert("RGBA"))  # type: ignore[assignment]  # stays an image
        return np.asarray(picture.convert("L"), dtype=np.float64)


def ssim(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the mean structural similarity of two pictures of one size, 1 for equal.

    Wang et al. 2004 with a Gaussian window; the same number as scikit-image's with
    `gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255`.
    """
    mean_a, mean_b = _blurred(a), _blurred(b)
    var_a = _blurred(a * a) - mean_a**2
    var_b = _blurred(b * b) - mean_b**2
    covariance = _blurred(a * b) - mean_a * mean_b
    light = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    structure = (2 * covariance + C2) / (var_a + var_b + C2)
    return float((light * structure).mean())


def _blurred(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return *plane* under a Gaussian, without the border that it does not cover."""
    taps = np.exp(-(np.arange(-RADIUS, RADIUS + 1) ** 2) / (2 * SIGMA**2))
    taps /= taps.sum()
    h, w = (side - 2 * RADIUS for side in plane.shape)
    rows = sum(tap * plane[i : i + h] for i, tap in enumerate(taps))
    return np.asarray(sum(tap * rows[:, i : i + w] for i, tap in enumerate(taps)))

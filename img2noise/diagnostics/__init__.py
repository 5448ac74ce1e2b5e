"""Check how white noise is and how much of an image is left in it: figures, verdicts and comparisons."""

from .inspection import Inspection, inspect
from .least_squares import compare_whitenings, least_squares, least_squares_per_frequency
from .populations import (
    assignment,
    inversion_error,
    most_probable_triangle,
    top_correlation,
    triangle_angles,
)
from .verdict import verdict
from .whiteness import (
    Whiteness,
    autocorrelation,
    kl_divergence,
    neighbor_correlation,
    radial_spectrum,
    smooth_mask,
    whiteness,
)

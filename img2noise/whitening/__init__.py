"""Second-order statistics of the pictures of a space, and the whitenings fitted to them."""

from .moments import DENSE_LIMIT, GRIDDED, STRUCTURES, Moments, measure
from .spaces import SPACES, Space
from .structures import Cosine, Dense, Kronecker, Stationary, fit
from .whitener import METHODS, Whitener, with_method

__all__ = [
    "DENSE_LIMIT",
    "GRIDDED",
    "METHODS",
    "SPACES",
    "STRUCTURES",
    "Cosine",
    "Dense",
    "Kronecker",
    "Moments",
    "Space",
    "Stationary",
    "Whitener",
    "fit",
    "measure",
    "with_method",
]

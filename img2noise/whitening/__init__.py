"""Second-order statistics of the pictures of a space, and the whitenings fitted to them."""

from .moments import DENSE_LIMIT, SPACES, STRUCTURES, Moments, Space, measure
from .structures import Dense, Kronecker, Stationary, fit
from .whitener import METHODS, Whitener, with_method

__all__ = [
    "DENSE_LIMIT",
    "METHODS",
    "SPACES",
    "STRUCTURES",
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

"""How pictures of a space look: their second-order statistics, and the whitenings fitted to them."""

from .moments import DENSE_LIMIT, STRUCTURES, Moments, measure
from .spaces import SPACES, Space
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

"""Another processor, pretended: every product, sum, transform and decomposition is rounded in another way.

A BLAS splits a product by the instructions and threads that it finds, so its last bits are nobody's to
promise. `OtherRounding` moves each result of such an operator t by e (|t| + rms(t)) r, with e the unit of
rounding of t and r uniform in [-1, 1]; eigh's input instead, so that its vectors stay orthonormal. What
comes out unchanged involves no such operator, on any processor.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

PRODUCTS = {"mm", "bmm", "addmm", "baddbmm", "mv", "addmv", "dot", "vdot", "convolution", "linear"}
SUMS = {"sum", "mean", "std", "std_mean", "var", "var_mean", "linalg_vector_norm", "norm", "logsumexp"}
TRANSFORMS = {"_fft_r2c", "_fft_c2c", "_fft_c2r", "linalg_cholesky_ex", "linalg_solve_triangular"}
OTHERWISE = PRODUCTS | SUMS | TRANSFORMS


class OtherRounding(TorchDispatchMode):
    """Rounds what runs inside in another way; `scale` is in units of rounding, `rounded` counts the results.

    Works where a result is new, as everything of torch.Tensor does that is no `out=`.
    """

    def __init__(self, scale: float = 1.0):
        super().__init__()
        self.scale, self.rounded = scale, 0
        self.generator = torch.Generator().manual_seed(0)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name, kwargs = function.__name__.split(".")[0], kwargs or {}
        if name == "_linalg_eigh":
            return function(self._moved(args[0]), *args[1:], **kwargs)
        result = function(*args, **kwargs)
        return tree_map(self._moved, result) if name in OTHERWISE else result

    def _moved(self, t):
        if not isinstance(t, Tensor) or not (t.is_floating_point() or t.is_complex()) or not t.numel():
            return t
        self.rounded += 1
        if t.is_complex():
            return torch.view_as_complex(self._moved_real(torch.view_as_real(t)))
        return self._moved_real(t)

    def _moved_real(self, t: Tensor) -> Tensor:
        r = 2 * torch.rand(t.shape, dtype=torch.float64, generator=self.generator) - 1
        size = t.double().abs()
        off = torch.finfo(t.dtype).eps * (size + size.square().mean().sqrt()) * r
        return (t.double() + self.scale * off).to(t.dtype)

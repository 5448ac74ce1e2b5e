"""One safetensors file per object: tensors in the body, metadata as text in the header. No code is ever loaded.

Header: format, version, type (whitener, moments, noise_maps, noise), structure, method, space, scale_factor,
count, shape, shrinkage, and whatever else the writer adds (source, command). Whitener blocks are float32
(float64 for dense ones and wherever small eigenvalues need it) and complex blocks carry a last axis (real,
imaginary). Files are written beside their place and moved into it, so a reader never sees half of one.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from .. import checks
from ..inversion.noise_maps import NoiseMaps
from ..whitening.moments import Moments
from ..whitening.spaces import SPACES
from ..whitening.whitener import Whitener
from .readers import READERS

FORMAT, VERSION = "img2noise", "1"
LONGEST = 300  # letters quoted from a file
WHOLE = ("photos_seen", "photos_counted", "photos_named")  # tensors of whole numbers: see `checkpoints`
HERE = Path(__file__).resolve().parents[1]
# Beside this file in an installed wheel, one folder up in a clone.
SHIPPED = (HERE if (HERE / "zca_matrices").is_dir() else HERE.parent) / "zca_matrices"


def save(obj: Whitener | Moments | NoiseMaps | Tensor, path: str | os.PathLike, **metadata: object) -> Path:
    """Write a whitener, moments, noise maps, or noise (a tensor) with its metadata; returns the path. The file
    appears whole or not at all.

    Raises TypeError for other objects, ValueError for metadata that the file states itself, OSError where the
    folder does not exist or cannot be written.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"got {checks.kind(path)} for the path; expected the name of a file")
    tensors, header = contents_of(obj, **metadata)
    return write_tensors(tensors, path, header)


def contents_of(
    obj: Whitener | Moments | NoiseMaps | Tensor, **metadata: object
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the header that `save` writes."""
    kind, tensors, own = _described(obj)
    own = {"format": FORMAT, "version": VERSION, "type": kind, **own}
    if own.keys() & metadata.keys():
        named = ", ".join(own.keys() & metadata.keys())
        raise ValueError(f"got metadata named {named}, which the file states itself")
    header = {k: v if isinstance(v, str) else json.dumps(v) for k, v in {**own, **metadata}.items()}
    return {name: t.detach().cpu().contiguous() for name, t in tensors.items()}, header


def _described(obj: object) -> tuple[str, dict[str, Tensor], dict[str, object]]:
    """The type, tensors and own metadata that a file of this object holds."""
    if isinstance(obj, Whitener):
        return "whitener", _whitener_tensors(obj), _common(obj, method=obj.method, shrinkage=obj.shrinkage)
    if isinstance(obj, Moments):
        return "moments", {"total": obj.total, **_numbered("product", obj.products)}, _common(obj)
    if isinstance(obj, NoiseMaps):
        tensors = {"start": obj.start, "residuals": obj.residuals, "sigmas": obj.sigmas}
        numbers = {"numbers": list(obj.numbers)} if obj.numbers else {}
        return "noise_maps", tensors, {"eta": obj.eta, "skip": obj.skip, "space": obj.space, **numbers}
    if isinstance(obj, Tensor):
        checks.finite(obj, "the noise", 4)
        return "noise", {"noise": obj}, {}
    kinds = "a Whitener, Moments, NoiseMaps or a noise tensor"
    raise TypeError(f"got a {type(obj).__name__}; only {kinds} can be saved")


def write_tensors(
    tensors: Mapping[str, Tensor], path: str | os.PathLike, header: Mapping[str, str] | None = None
) -> Path:
    """Write a safetensors file atomically: complete in a temporary file of the same folder, then moved. The
    same tensors and header make the same bytes.
    """
    path = Path(path)
    temporary = path.with_name(f".{uuid.uuid4().hex}.writing")
    try:
        with open(temporary, "xb") as file:
            file.writelines(_ordered(to_bytes(dict(tensors), dict(header) if header else None)))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _ordered(data: bytes) -> tuple[bytes, memoryview]:
    """A file's header with its keys in the order of the alphabet, which safetensors leaves to chance, and its
    body: the same object makes the same file.
    """
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)  # tensors begin at multiples of 8
    return len(header).to_bytes(8, "little") + header, memoryview(data)[end:]


def load(path: str | os.PathLike) -> Whitener | Moments | NoiseMaps | Tensor:
    """Return the object in a file, or the shipped whitener of that name ("sd", "sdxl", "rgb"), in memory of
    its own on the CPU: the file may be replaced while the object lives.

    Raises FileNotFoundError where there is none, and ValueError naming the file for anything that is not a
    whole, sound file of ours: another format or version, truncation, missing tensors, wrong shapes, NaN, a
    covariance that is not positive definite.
    """
    return load_all(path)[0]


def load_all(
    path: str | os.PathLike,
) -> tuple[Whitener | Moments | NoiseMaps | Tensor, dict[str, str], dict[str, Tensor]]:
    """The object with the header and all tensors of its file, those beside the object's own too."""
    path = find(path)
    header, tensors = _read(path)
    try:
        return READERS[header["type"]](header, tensors), header, tensors
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path} is not a sound img2noise {header['type']}: {_brief(reason)}") from error


def metadata(path: str | os.PathLike) -> dict[str, str]:
    """The header of a file (or shipped whitener) as text, without its tensors. Raises as `load` does."""
    return _read(find(path), header_only=True)[0]


def find(name: str | os.PathLike) -> Path:
    """The file that a path, or the bare name of a shipped whitener, means; FileNotFoundError where neither
    exists.
    """
    if not isinstance(name, str | os.PathLike):
        raise TypeError(f"got {checks.kind(name)} for the path; expected the name of a file")
    path = Path(name)
    shipped = SHIPPED / f"{name}.safetensors"
    try:
        if path.is_file():
            return path
        if path.name == str(name) and shipped.is_file():
            return shipped
    except OSError:  # a name too long for a file is no file
        pass
    names = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.safetensors")))
    raise FileNotFoundError(
        f"got {_brief(repr(str(name)))}, which is neither a file nor a shipped whitener ({names})"
    )


def _read(path: Path, header_only: bool = False) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT or header.get("type") not in READERS:
                raise ValueError(
                    f"{path} is not an img2noise file; its header says format "
                    f"{_brief(repr(header.get('format')))}, type {_brief(repr(header.get('type')))}"
                )
            if header.get("version") != VERSION:
                raise ValueError(
                    f"{path} has version {_brief(repr(header.get('version')))} of the format; expected "
                    f"version {VERSION}"
                )
            tensors = {} if header_only else {name: file.get_tensor(name).clone() for name in file.keys()}
    except SafetensorError as error:
        raise ValueError(
            f"{path} is no readable safetensors file, perhaps truncated or damaged: {_brief(str(error))}"
        ) from error
    for name, tensor in tensors.items():
        if name in WHOLE and tensor.dtype in (torch.int64, torch.uint8):
            continue
        if tensor.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
            raise ValueError(
                f"{path} holds {tensor.dtype} in {_brief(repr(name))}; expected floating-point numbers"
            )
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(
                f"{path} holds NaN or infinity in {_brief(repr(name))}; it is damaged, so make it again"
            )
    return header, tensors


def _brief(text: str) -> str:
    """What a file says of itself may be a megabyte long; a sentence is not."""
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."


def _common(obj: Whitener | Moments, **more: object) -> dict[str, object]:
    space = SPACES.get(obj.space)
    scale = {"scale_factor": space.scale_factor} if space else {}
    return {
        "structure": obj.structure,
        "shape": list(obj.shape),
        "count": obj.count,
        "space": obj.space,
        **scale,
        **more,
    }


def _numbered(name: str, tensors) -> dict[str, Tensor]:
    return {f"{name}_{i}": torch.view_as_real(t) if t.is_complex() else t for i, t in enumerate(tensors)}


def _whitener_tensors(whitener: Whitener) -> dict[str, Tensor]:
    # float32 moves eigenvalues by 6e-8 of their block's largest: past 1e5 that would spoil the smallest.
    mild = all(bool((lam[..., 0] < 1e5 * lam[..., -1]).all()) for lam, _ in whitener._parts)
    precision = torch.float32 if mild and whitener.structure != "dense" else torch.float64
    return {
        name: t.to(precision)
        for name, t in {"mean": whitener.mean, **_numbered("block", whitener.blocks)}.items()
    }

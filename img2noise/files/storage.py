"""One safetensors file per object: tensors in the body, metadata as text in the header. No code is loaded.

Header: format, version, type (whitener, moments, noise_maps, noise), structure, method, space, scale_factor,
count, shape, shrinkage, of noise maps eta, skip, levels (ve or flow) and noise scale, and what the writer
adds (source, command). Whitener blocks are float32 (float64 for dense ones and wherever small eigenvalues
need it); complex blocks carry a last axis (real, imaginary). Files are written beside their place and moved
into it, so a reader never sees half of one. A file may come from anywhere: counts must be of a sane size,
shapes those of the header, covariances Hermitian and positive definite.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from .. import checks
from ..inversion.noise_maps import NoiseMaps
from ..sigmas import KINDS, Levels, as_levels
from ..whitening.moments import STRUCTURES, Moments
from ..whitening.spaces import SPACES
from ..whitening.structures import CLASSES, Stationary, refuse_extreme
from ..whitening.whitener import METHODS, Whitener

Storable = Whitener | Moments | NoiseMaps | Tensor
FORMAT, VERSION = "img2noise", "1"
LONGEST = 300  # characters quoted from a file
LARGEST = 2**53  # of counts: float64, in which they divide, knows no larger whole numbers
LARGEST_SIGMA = 1e15  # whose square float32 still holds; models know levels up to about 5000
SKEW = 1e-5  # of a block's largest entry: how far a float32 file may be from Hermitian
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
WHOLE = ("photos_seen", "photos_counted", "photos_named")  # tensors of whole numbers: see `checkpoints`
HERE = Path(__file__).resolve().parents[1]
# Beside this file in an installed wheel, one folder up in a clone.
SHIPPED = (HERE if (HERE / "zca_matrices").is_dir() else HERE.parent) / "zca_matrices"


def save(obj: Storable, path: str | os.PathLike, **metadata: object) -> Path:
    """Write a whitener, moments, noise maps, or noise (a tensor) with metadata; return the path.

    The file appears whole or not at all. Raises TypeError for other objects, ValueError for metadata that the
    file states itself, OSError where the folder does not exist or cannot be written.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"got {checks.kind(path)} for the path; expected the name of a file")
    tensors, header = contents_of(obj, **metadata)
    return write_tensors(tensors, path, header)


def contents_of(obj: Storable, **metadata: object) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the header that `save` writes."""
    kind, tensors, own = _described(obj)
    own = {"format": FORMAT, "version": VERSION, "type": kind, **own}
    if taken := own.keys() & metadata.keys():
        raise ValueError(f"got metadata named {', '.join(taken)}, which the file states itself")
    header = {k: v if isinstance(v, str) else json.dumps(v) for k, v in {**own, **metadata}.items()}
    return {name: t.detach().cpu().contiguous() for name, t in tensors.items()}, header


def _described(obj: object) -> tuple[str, dict[str, Tensor], dict[str, object]]:
    """Return the type, the tensors and the metadata of an object."""
    if isinstance(obj, Whitener):
        own = dict(_common(obj), method=obj.method, shrinkage=obj.shrinkage)
        return "whitener", _whitener_tensors(obj), own
    if isinstance(obj, Moments):
        return "moments", {"total": obj.total, **_numbered("product", obj.products)}, _common(obj)
    if isinstance(obj, NoiseMaps):
        tensors = {"start": obj.start, "residuals": obj.residuals, "levels": obj.levels.told}
        tensors |= {} if obj.states is None else {"states": obj.states}
        own = {"eta": obj.eta, "skip": obj.skip, "space": obj.space}
        own |= {"levels": obj.levels.kind, "scale": obj.levels.scale}
        return "noise_maps", tensors, own | ({"numbers": list(obj.numbers)} if obj.numbers else {})
    if isinstance(obj, Tensor):
        checks.finite(obj, "the noise", 4)
        return "noise", {"noise": obj}, {}
    kinds = "a Whitener, Moments, NoiseMaps or a noise tensor"
    raise TypeError(f"got a {type(obj).__name__}; only {kinds} can be saved")


def _common(obj: Whitener | Moments) -> dict[str, object]:
    scale = {"scale_factor": SPACES[obj.space].scale_factor} if obj.space in SPACES else {}
    return dict(structure=obj.structure, shape=list(obj.shape), count=obj.count, space=obj.space, **scale)


def _numbered(name: str, tensors: Iterable[Tensor]) -> dict[str, Tensor]:
    return {f"{name}_{i}": torch.view_as_real(t) if t.is_complex() else t for i, t in enumerate(tensors)}


def _whitener_tensors(whitener: Whitener) -> dict[str, Tensor]:
    # float32 moves eigenvalues by 6e-8 of their block's largest: past 1e5 that would spoil the smallest.
    mild = all(bool((lam[..., 0] < 1e5 * lam[..., -1]).all()) for lam, _ in whitener._parts)
    precision = torch.float32 if mild and whitener.structure != "dense" else torch.float64
    tensors = {"mean": whitener.mean, **_numbered("block", whitener.blocks)}
    return {name: t.to(precision) for name, t in tensors.items()}


def write_tensors(
    tensors: Mapping[str, Tensor], path: str | os.PathLike, header: Mapping[str, str] | None = None
) -> Path:
    """Write a safetensors file atomically: complete in a temporary file of the same folder, then moved.

    The same tensors and header make the same bytes.
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
    """Return a file's header with sorted keys, whose order safetensors leaves to chance, and its body."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)  # tensors begin at multiples of 8
    return len(header).to_bytes(8, "little") + header, memoryview(data)[end:]


def load(path: str | os.PathLike) -> Storable:
    """Return the object in a file, or the shipped whitener of that name ("sd", "sdxl", "rgb"), on the CPU in
    memory of its own: the file may be replaced while the object lives.

    Raises FileNotFoundError where there is none, and ValueError naming the file for anything that is not a
    whole, sound file: another format or version, truncation, missing tensors, wrong shapes, NaN, a covariance
    that is not positive definite.
    """
    return load_all(path)[0]


def load_all(path: str | os.PathLike) -> tuple[Storable, dict[str, str], dict[str, Tensor]]:
    """Return the object, the header and all tensors of a file, those beside the object's own too."""
    path = find(path)
    header, tensors = _read(path)
    try:
        return READERS[header["type"]](header, tensors), header, tensors
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path} is not a sound img2noise {header['type']}: {_brief(reason)}") from error


def metadata(path: str | os.PathLike) -> dict[str, str]:
    """Return the header of a file (or shipped whitener), without its tensors. Raises as `load` does."""
    return _read(find(path), header_only=True)[0]


def find(name: str | os.PathLike) -> Path:
    """Return the file of a path or of the bare name of a shipped whitener; raise FileNotFoundError where
    neither exists.
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
            _check_header(path, header)
            tensors = {} if header_only else {name: file.get_tensor(name).clone() for name in file.keys()}
    except SafetensorError as error:
        raise ValueError(
            f"{path} is no readable safetensors file, perhaps truncated or damaged: {_brief(str(error))}"
        ) from error
    for name, tensor in tensors.items():
        if name in WHOLE and tensor.dtype in (torch.int64, torch.uint8):
            continue
        where = f"in {_brief(repr(name))}"
        if tensor.dtype not in FLOATS:
            raise ValueError(f"{path} holds {tensor.dtype} {where}; expected floating-point numbers")
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{path} holds NaN or infinity {where}; it is damaged, so make it again")
    return header, tensors


def _check_header(path: Path, header: dict[str, str]) -> None:
    form, kind, version = (_brief(repr(header.get(k))) for k in ("format", "type", "version"))
    if header.get("format") != FORMAT or header.get("type") not in READERS:
        raise ValueError(f"{path} is not an img2noise file; its header says format {form}, type {kind}")
    if header.get("version") != VERSION:
        raise ValueError(f"{path} has version {version} of the format; expected version {VERSION}")


def _brief(text: str) -> str:
    """Return text from a file, which may be a megabyte long, cut to a length for errors."""
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."


# Parsing: every number is checked. `load_all` makes one sentence of what these raise, and names the file.


def _parse_whitener(header: dict[str, str], tensors: dict[str, Tensor]) -> Whitener:
    mean, blocks = _statistics(header, tensors, "mean", "block")
    checks.choice(header["method"], "method", METHODS)
    count, shrinkage = _whole(header, "count", 0), float(header["shrinkage"])
    checks.number(shrinkage, "shrinkage", 0, 1)
    whitener = CLASSES[header["structure"]](
        blocks, mean, _shape(header), header["method"], header["space"], count, shrinkage
    )
    if not all(bool((lam > 0).all()) for lam, _ in whitener._parts):
        raise ValueError("its covariance is not positive definite")
    refuse_extreme(whitener)
    if isinstance(whitener, Stationary):
        _refuse_unpaired(whitener)
    return whitener


def _parse_moments(header: dict[str, str], tensors: dict[str, Tensor]) -> Moments:
    total, products = _statistics(header, tensors, "total", "product")
    count = _whole(header, "count", 1)
    return Moments(header["structure"], _shape(header), count, total, products, header["space"])


def _parse_noise(header: dict[str, str], tensors: dict[str, Tensor]) -> Tensor:
    checks.tensor(tensors["noise"], "its noise", 4)
    return tensors["noise"]


def _parse_noise_maps(header: dict[str, str], tensors: dict[str, Tensor]) -> NoiseMaps:
    start, residuals, told = (tensors[name] for name in ("start", "residuals", "levels"))
    fits = told.ndim == 1 and residuals.shape == (len(told) - 1, *start.shape)
    if start.ndim < 2 or not start.numel() or not fits:
        shapes = [tuple(t.shape) for t in (start, residuals, told)]
        raise ValueError(
            f"its start, residuals and levels have shapes {shapes}, which do not belong together"
        )
    states = tensors.get("states")
    if states is not None and states.shape != (len(told) - 2, *start.shape):
        raise ValueError(f"its states have shape {tuple(states.shape)}, which does not belong to its start")
    eta, skip = float(header["eta"]), _whole(header, "skip", 0)
    checks.number(eta, "its eta", 0, 1)
    checks.choice(header["levels"], "levels", KINDS)
    scale = float(header["scale"])
    levels = as_levels(Levels.flow(told, scale) if header["levels"] == "flow" else told, to_zero=False)
    if float(levels.b[0]) > LARGEST_SIGMA:
        raise ValueError(
            f"its levels begin at {float(levels.b[0]):.4g}; expected at most {LARGEST_SIGMA:.0e}"
        )
    numbers = _wholes(header.get("numbers", "[]"), "numbers", 0)
    if len(numbers) not in (0, len(start)):
        raise ValueError(f"its numbers {header['numbers'][:60]!r} are not {len(start)} whole numbers")
    return NoiseMaps(start, residuals, levels, eta, skip, header["space"], numbers, states)


READERS: dict[str, Callable[..., Storable]] = {
    "whitener": _parse_whitener,
    "moments": _parse_moments,
    "noise_maps": _parse_noise_maps,
    "noise": _parse_noise,
}


def _whole(header: dict[str, str], name: str, least: int) -> int:
    number = int(header[name])
    if not least <= number <= LARGEST:
        raise ValueError(f"its {name} {header[name][:60]} is out of range")
    return number


def _wholes(text: str, name: str, least: int) -> tuple[int, ...]:
    found = json.loads(text)
    if not isinstance(found, list) or not all(type(n) is int and least <= n <= LARGEST for n in found):
        raise ValueError(f"its {name} {text[:60]!r} are not whole numbers of at least {least}")
    return tuple(found)


def _shape(header: dict[str, str]) -> tuple[int, int, int]:
    channels, height, width = _wholes(header["shape"], "shape", 1)
    return channels, height, width


def _shapes(header: dict[str, str]) -> list[tuple[int, ...]]:
    """Return the shapes that the header asks for, of the first-order tensor first."""
    channels, height, width = whole = _shape(header)
    checks.choice(header["structure"], "structure", STRUCTURES)
    if header["structure"] == "stationary":
        return [(channels,), (height, width // 2 + 1, channels, channels, 2)]
    if header["structure"] == "cosine":
        return [(channels,), (height, width, channels, channels)]
    sides = whole if header["structure"] == "kronecker" else (channels * height * width,)
    return [whole, *((n, n) for n in sides)]


def _statistics(
    header: dict[str, str], tensors: dict[str, Tensor], first: str, second: str
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return the first-order tensor and the Hermitian second-order ones, float64."""
    expected = _shapes(header)
    found = [tensors[first], *(tensors[f"{second}_{i}"] for i in range(len(expected) - 1))]
    shapes = [tuple(t.shape) for t in found]
    if shapes != expected:
        raise ValueError(f"its tensors have shapes {shapes} where its header asks for {expected}")
    first_order, *blocks = (t.double() for t in found)
    if header["structure"] == "stationary":
        blocks = [torch.view_as_complex(t.contiguous()) for t in blocks]
    for i, block in enumerate(blocks):
        if _exceeds(block - block.mH, block):
            raise ValueError(f"its {second}_{i} is not Hermitian, as every covariance is")
    return first_order, tuple(blocks)


def _refuse_unpaired(whitener: Stationary) -> None:
    """Raise unless S(-f) = conj S(f), as in a real picture: bins that are their own mirror image are real."""
    plane, spectrum = whitener._plane, whitener.blocks[0].flatten(0, 1)
    single, paired = spectrum[plane.bins[plane.complex_count :]], spectrum[plane.bins][plane.sources]
    if _exceeds(single.imag, single) or _exceeds(spectrum[plane.twins] - paired.conj(), paired):
        raise ValueError("its spectrum is not that of real pictures: bins of f and -f are not conjugate")


def _exceeds(difference: Tensor, block: Tensor) -> bool:
    """Return whether a difference is more than rounding to float32 leaves, against the largest entry."""
    return bool((difference.abs() > SKEW * block.abs().amax((-2, -1), keepdim=True)).any())

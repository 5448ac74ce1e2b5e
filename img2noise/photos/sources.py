"""Photos in files, folders and globs, in tars (also webdataset's) and in columns of parquet tables.

Each photo has a place that any thread or machine with the same files can read by itself: a path, or a
`Source` inside an archive. An archive that cannot be listed is one place, and reading it says why, so one
damaged file ends no run. Compressed tars are not read: they allow no random access.
"""

from __future__ import annotations

import glob
import hashlib
import os
import stat
import tarfile
import threading
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image

LARGEST = 2**30  # bytes of one photo's file
NAMES = ("image", "img", "photo", "picture", "jpg", "jpeg", "png", "webp", "bytes")  # of columns of photos
_ONE_READER = threading.Lock()  # or several threads would each read the same row group


class Source(NamedTuple):
    """A photo in the archive `file`: the tar's member `inside` at (offset, bytes), or the row at (row group,
    row) of the table's column `inside`; at () for an archive that cannot be listed.
    """

    file: str
    inside: str = ""
    at: tuple[int, ...] = ()

    def __str__(self) -> str:
        row = f" {self.at[0]}:{self.at[1]}" if self.at and _is_table(self.file) else ""
        return os.path.join(self.file, self.inside) + row if self.inside else self.file


def photo_files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the photos in files, globs and folders (searched to any depth), sorted; raise FileNotFoundError
    if there is none.
    """
    return _found(paths, set(Image.registered_extensions()))


def photo_places(paths: str | Path | Iterable[str | Path]) -> list[Path | Source]:
    """Return these and the photos in archives (.tar; .parquet through pyarrow), in each archive's order."""
    found: list[Path | Source] = []
    for path in _found(paths, {*Image.registered_extensions(), *_LISTED}):
        found += _archived(path) if path.suffix.lower() in _LISTED else [path]
    if not found:
        raise FileNotFoundError(f"found no photos in {_words(paths)}")
    return found


def read_bytes(place: str | Path | Source) -> bytes:
    """Return the bytes of the photo's file. Raise OSError, or ValueError if it is larger than 1 GiB or its
    archive is damaged.
    """
    about = os.stat(place.file if isinstance(place, Source) else place)
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("it is a folder or a device; expected a file")
    if isinstance(place, Source):
        return _from_archive(place)
    _refuse_large(about.st_size)
    return Path(place).read_bytes()


def fingerprint(data: bytes) -> int:
    """Return a signed 64-bit hash of data."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little", signed=True)


def identity(place: str | Path | Source) -> int:
    """Return the fingerprint of a photo's absolute place, whatever the current folder."""
    file, *inside = place if isinstance(place, Source) else (place,)
    return fingerprint(
        "\0".join([os.path.abspath(file), *map(str, inside)]).encode("utf-8", "surrogateescape")
    )


def _found(paths: str | Path | Iterable[str | Path], known: set[str]) -> list[Path]:
    found: list[Path] = []
    for path in [paths] if isinstance(paths, str | Path) else list(paths):
        matches = [path] if os.path.exists(path) else sorted(glob.glob(str(path), recursive=True))
        if not matches:
            raise FileNotFoundError(f"found no file {path}")
        for match in map(Path, matches):
            found += _in_folder(match, known) if match.is_dir() else [match] if match.is_file() else []
    if not found:
        raise FileNotFoundError(f"found no photos in {_words(paths)}")
    return sorted(set(found))


def _in_folder(folder: Path, known: set[str]) -> Iterator[Path]:
    """Yield files of known types, and what must be reported: broken links, folders that cannot be read."""
    closed = []
    for root, _, names in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        paths = (Path(root, name) for name in names if os.path.splitext(name)[1].lower() in known)
        yield from (p for p in paths if p.is_file() or not p.exists())
    yield from (p for p in closed if p.exists())


def _words(paths: str | Path | Iterable[str | Path]) -> str:
    return ", ".join(map(str, [paths] if isinstance(paths, str | Path) else paths))


def _archived(path: Path) -> Iterator[Source]:
    """Yield the photos of an archive; the archive itself after what comes before any damage."""
    try:
        yield from _LISTED[path.suffix.lower()](path)
    except (OSError, ValueError, ImportError):
        yield Source(str(path))


def _in_tar(path: Path) -> Iterator[Source]:
    known = set(Image.registered_extensions())
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.isfile() and os.path.splitext(member.name)[1].lower() in known:
                    yield Source(str(path), member.name, (member.offset_data, member.size))
    except tarfile.TarError as error:
        raise ValueError(f"the tar is damaged, perhaps truncated: {error}") from error


def _in_table(path: Path) -> Iterator[Source]:
    table = _table(str(path))
    column = _column(table.schema_arrow)
    for group in range(table.num_row_groups):
        for row in range(table.metadata.row_group(group).num_rows):
            yield Source(str(path), column, (group, row))


_LISTED = {".tar": _in_tar, ".parquet": _in_table}


def _from_archive(place: Source) -> bytes:
    if not place.at:  # it could not be listed: raise the reason
        list(_LISTED[Path(place.file).suffix.lower()](Path(place.file)))
        raise ValueError("the archive could not be listed before but can now; run again")
    if _is_table(place.file):
        return _from_table(place)
    offset, size = place.at
    _refuse_large(size)
    with open(place.file, "rb") as file:
        file.seek(offset)
        return file.read(size)


def _refuse_large(size: int) -> None:
    if size > LARGEST:
        raise ValueError(f"it holds {size / 2**30:.1f} GiB; expected at most {LARGEST / 2**30:.0f}")


def _is_table(file: str) -> bool:
    return file.lower().endswith(".parquet")


def _table(file: str):
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError("a parquet table needs pyarrow: install the package pyarrow") from error
    return parquet.ParquetFile(file)


def _column(schema) -> str:
    """Return the column of encoded images: binary, or {bytes, path} as in datasets on the Hub."""
    kinds = ("binary", "large_binary")
    flat = {f.name: f.type.field("bytes").type if _is_pair(f.type) else f.type for f in schema}
    fitting = [name for name, kind in flat.items() if str(kind) in kinds]
    if not fitting:
        raise ValueError(f"none of its columns ({', '.join(schema.names)[:200]}) holds image files")
    return min(fitting, key=lambda name: NAMES.index(name.lower()) if name.lower() in NAMES else len(NAMES))


def _is_pair(kind) -> bool:
    from pyarrow import types

    return types.is_struct(kind) and kind.get_field_index("bytes") >= 0


def _from_table(place: Source) -> bytes:
    group, row = place.at
    with _ONE_READER:
        value = _row_group(place.file, os.stat(place.file).st_mtime_ns, group, place.inside)[row].as_py()
    data = value.get("bytes") if isinstance(value, dict) else value
    if not data:
        raise ValueError("the row holds no picture")
    return data


@lru_cache(maxsize=2)
def _row_group(file: str, _changed: int, group: int, column: str):
    """Return one column of one row group, cached while its photos are read one after another."""
    return _table(file).read_row_group(group, columns=[column]).column(0)

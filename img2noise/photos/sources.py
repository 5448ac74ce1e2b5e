"""Where photos lie: in files, folders and globs, in tars (webdataset's too) and in columns of parquet tables.

Each photo has a place that can be read alone, by any thread or machine that sees the same files: a path, or
a `Source` inside an archive. An archive that cannot be listed is a place too, whose reading says why, so that
one damaged file ends no run. Compressed tars are not read: a photo in one cannot be reached alone.
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
_ONE_READER = threading.Lock()  # of row groups, which threads that come together would each read


class Source(NamedTuple):
    """A photo in the archive `file`: the tar's member `inside` at (offset, bytes), or the row at (row group,
    row) of the table's column `inside`; at () an archive that cannot be listed.
    """

    file: str
    inside: str = ""
    at: tuple[int, ...] = ()

    def __str__(self) -> str:
        row = f" {self.at[0]}:{self.at[1]}" if self.at and _is_table(self.file) else ""
        return os.path.join(self.file, self.inside) + row if self.inside else self.file


def photo_files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """The photos that files, globs and folders (searched to any depth) name, sorted; FileNotFoundError where
    there is none.
    """
    return _found(paths, set(Image.registered_extensions()))


def photo_places(paths: str | Path | Iterable[str | Path]) -> list[Path | Source]:
    """The same with the photos inside archives (.tar; .parquet through pyarrow), each archive's in its own
    order.
    """
    found: list[Path | Source] = []
    for path in _found(paths, {*Image.registered_extensions(), *_LISTED}):
        found += _LISTED[path.suffix.lower()](path) if path.suffix.lower() in _LISTED else [path]
    if not found:
        raise FileNotFoundError(f"found no photos in {_words(paths)}")
    return found


def read_bytes(place: str | Path | Source) -> bytes:
    """The photo's file as it lies there. Raises OSError, or ValueError where it is larger than 1 GiB or its
    archive is damaged.
    """
    about = os.stat(place.file if isinstance(place, Source) else place)
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("it is no file but a folder or a device")
    if isinstance(place, Source):
        return _from_archive(place)
    _refuse_large(about.st_size)
    return Path(place).read_bytes()


def fingerprint(data: bytes) -> int:
    """64 bits (signed) that differ wherever data does, but for one pair in 2^64."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little", signed=True)


def identity(place: str | Path | Source) -> int:
    """The fingerprint of where a photo lies, from whichever folder that is asked."""
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
    """Files of known kinds, and what else must be named: links to nothing, folders that cannot be looked
    into.
    """
    closed = []
    for root, _, names in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        paths = (Path(root, name) for name in names if os.path.splitext(name)[1].lower() in known)
        yield from (p for p in paths if p.is_file() or not p.exists())
    yield from (p for p in closed if p.exists())


def _words(paths: str | Path | Iterable[str | Path]) -> str:
    return ", ".join(map(str, [paths] if isinstance(paths, str | Path) else paths))


def _in_tar(path: Path) -> list[Source]:
    places, known = [], set(Image.registered_extensions())
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:  # keeps what comes before the place where a tar is damaged
                if member.isfile() and os.path.splitext(member.name)[1].lower() in known:
                    places.append(Source(str(path), member.name, (member.offset_data, member.size)))
    except (OSError, tarfile.TarError):
        places.append(Source(str(path)))
    return places


def _in_table(path: Path) -> list[Source]:
    try:
        table = _table(str(path))
        column = _column(table.schema_arrow)
        rows = [table.metadata.row_group(group).num_rows for group in range(table.num_row_groups)]
    except (OSError, ValueError, ImportError):
        return [Source(str(path))]
    return [Source(str(path), column, (group, row)) for group, n in enumerate(rows) for row in range(n)]


_LISTED = {".tar": _in_tar, ".parquet": _in_table}


def _from_archive(place: Source) -> bytes:
    if not place.at:  # it could not be listed: now say why
        if _is_table(place.file):
            _column(_table(place.file).schema_arrow)
        else:
            _walk(place.file)
        raise ValueError("the archive could not be listed, and now can; run again")
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


def _walk(file: str) -> None:
    try:
        with tarfile.open(file, "r:") as tar:
            tar.getmembers()
    except tarfile.TarError as error:
        raise ValueError(f"the tar cannot be read to its end, perhaps truncated: {error}") from error


def _is_table(file: str) -> bool:
    return file.lower().endswith(".parquet")


def _table(file: str):
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError(f"{file} is read through pyarrow, which is not there: install pyarrow") from error
    return parquet.ParquetFile(file)


def _column(schema) -> str:
    """The column of encoded pictures: binary, or {bytes, path} as datasets on the Hub have it."""
    kinds = ("binary", "large_binary")
    flat = {f.name: f.type.field("bytes").type if _is_pair(f.type) else f.type for f in schema}
    fitting = [name for name, kind in flat.items() if str(kind) in kinds]
    if not fitting:
        raise ValueError(f"none of its columns ({', '.join(schema.names)[:200]}) holds files of pictures")
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
    """One column of one row group, kept while its photos are read one after another."""
    return _table(file).read_row_group(group, columns=[column]).column(0)

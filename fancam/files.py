"""Files as every room treats them: hashed piece by piece, written beside and renamed, errors in plain words."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fancam.errors import InputNotFoundError, InputUnreadableError, OutputError

_SERIAL = itertools.count()

_CAUSES = {
    errno.ENOSPC: ("the disk is full", "free some space or choose another folder"),
    errno.EDQUOT: ("the disk quota is used up", "free some space or choose another folder"),
    errno.EFBIG: ("the file would be larger than the system allows", "choose a smaller size or another folder"),
    errno.EACCES: ("no permission to write there", "choose another folder or change its rights"),
    errno.EPERM: ("no permission to write there", "choose another folder or change its rights"),
    errno.EROFS: ("the disk is read-only", "choose another folder"),
    errno.ENOENT: ("the folder does not exist", "make the folder first"),
    errno.ENOTDIR: ("a part of its path is a file, not a folder", "choose another path"),
    errno.EEXIST: ("a file of that name is in the way", "choose another path"),
    errno.EISDIR: ("a folder of that name is in the way", "choose another name"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name"),
}


def output_error(error: OSError, path: Path) -> OutputError:
    """Return what an OSError while writing means to the user."""
    unknown = (f"cannot be written ({error.strerror or error})", "choose another folder")
    cause, remedy = _CAUSES.get(error.errno or 0, unknown)
    return OutputError(cause, item=path, remedy=remedy)


def sha256_of_file(path: Path) -> str:
    """Return the sha256 of a file's bytes in hex, reading it piece by piece.

    Raises:
        InputNotFoundError: The file is not there.
        InputUnreadableError: The file may not be read, or is a folder.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise InputNotFoundError("no such file", item=path, remedy="check the path") from None
    except OSError as error:
        cause = f"cannot be read ({error.strerror or error})"
        raise InputUnreadableError(cause, item=path, remedy="check that you may read it") from error


def replace_file(path: Path, data: bytes) -> None:
    """Write the bytes beside the path, flush them to the disk and rename: the file is there whole or not at all.

    Raises:
        OutputError: It cannot be written; what was there before is unchanged, and nothing is left behind.
    """
    replace_file_piecewise(path, (data,))


def replace_file_piecewise(path: Path, pieces: Iterable[bytes]) -> str:
    """Write a file too large for memory, as ``replace_file`` does.

    Args:
        path: The file; its folder exists.
        pieces: Taken one by one, each written before the next is asked for.

    Returns:
        SHA-256 of the file in hex.

    Raises:
        OutputError: It cannot be written; what was there before is unchanged, and nothing is left behind.
        Exception: Whatever ``pieces`` raises, as it is; the same holds.
    """
    digest = hashlib.sha256()
    foreign: list[OSError] = []
    try:
        with replacing_file(path) as file:
            for piece in _remembering(pieces, foreign):
                digest.update(piece)
                file.write(piece)
    except OutputError as error:
        if error.__cause__ in foreign:
            raise foreign[0] from None
        raise
    return digest.hexdigest()


@contextmanager
def replacing_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to and to seek in; once the ``with`` is done it takes the path's place, as a whole.

    An OSError inside the ``with`` is taken for one of writing: who reads other files there turns theirs into others.

    Raises:
        OutputError: It cannot be written; what was there before is unchanged, and nothing is left behind.
        Exception: Whatever is raised inside the ``with``, as it is; the same holds.
    """
    with scratch_file(path) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
        file.close()
        os.replace(file.name, path)  # noqa: PTH105 - the same call; named so that its failure can be tested


@contextmanager
def scratch_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file beside the path for what does not fit into memory while the path is made; it is removed at the end.

    Raises:
        OutputError: It cannot be written; an OSError inside the ``with`` is taken for that.
        Exception: Whatever else is raised inside the ``with``, as it is.
    """
    part = _part_beside(path)
    try:
        try:
            with part.open("w+b") as file:
                yield file
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(error, path) from error


def _part_beside(path: Path) -> Path:
    """Return the name of a temporary file in the same folder.

    It does not grow with the file's: a name of the longest allowed length must still be writable. It is counted:
    whoever makes a file's pieces may write files of its own in the meantime.
    """
    return path.with_name(f".{os.getpid()}-{threading.get_ident()}-{next(_SERIAL)}.part")


def _remembering(pieces: Iterable[bytes], foreign: list[OSError]) -> Iterator[bytes]:
    """Yield the pieces; note an OSError of their maker, which says nothing about the file that is written."""
    try:
        yield from pieces
    except OSError as error:
        foreign.append(error)
        raise


def printable(path: Path | str) -> str:
    r"""Return a path as text that can be written anywhere: a byte that is no UTF-8 becomes ``\xe9`` or the like."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def seed_of(name: str) -> int:
    """Return a number for a name, the same on every machine: 32 bits of its SHA-256."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:4], "big")

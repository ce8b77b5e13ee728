"""Fetches one weight file over https: bounded in size, hashed, written beside and renamed."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from fancam.errors import ModelDamagedError, ModelMissingError
from fancam.files import output_error
from fancam.models.registry import WeightFile
from fancam.records import Progress

OpenUrl = Callable[[str], AbstractContextManager[IO[bytes]]]
"""Opens a URL for reading; raises OSError where that fails."""

_CHUNK_BYTES = 1 << 18
_TIMEOUT_S = 30.0
_LARGEST_BYTES = 1 << 30
"""Bound for a file whose size the registry does not know."""


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https only, so that a download cannot be led to an open line or to a local file."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Return the request to follow; raises URLError when it leaves https."""
        if not newurl.startswith("https://"):
            raise urllib.error.URLError(f"refused to follow a redirect to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_https(url: str) -> AbstractContextManager[IO[bytes]]:
    """Open an https URL for reading.

    Raises:
        OSError: The URL is not https, or cannot be opened (``URLError`` is an ``OSError``).
    """
    if not url.startswith("https://"):
        raise urllib.error.URLError(f"not an https address: {url}")
    opener = urllib.request.build_opener(_HttpsOnly)
    return opener.open(urllib.request.Request(url, headers={"User-Agent": "fancam"}), timeout=_TIMEOUT_S)  # noqa: S310  # the scheme was checked above


def download(
    file: WeightFile, folder: Path, open_url: OpenUrl, progress: Progress, *, missing: ModelMissingError
) -> Path:
    """Download a file into a folder and return its path.

    Args:
        file: What to fetch; ``file.url`` is set.
        folder: Where it goes; made if it is not there.
        open_url: How to open the URL.
        progress: Called with ``("download", bytes so far, bytes in all)``.
        missing: The error for "it cannot be had", which knows the model's name; its remedy is kept.

    Raises:
        ModelMissingError: The network does not answer or breaks off.
        ModelDamagedError: What arrived is not one of the known files; nothing is kept.
        OutputError: The folder cannot be written.
    """
    assert file.url is not None
    target = folder / file.file
    # The process id keeps two downloads of the same file from writing into each other's part.
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = part.open("wb")
    except OSError as error:
        raise output_error(error, folder) from error
    try:
        with stream:
            digest = _receive(file, stream, open_url, progress, missing)
        if digest not in {variant.sha256 for variant in file.variants}:
            raise ModelDamagedError(
                f"the download has sha256 {digest}, expected {file.variants[0].sha256}",
                item=file.url,
                remedy="try again; if it stays so, the file there was changed",
            )
        try:
            part.replace(target)
        except OSError as error:
            raise output_error(error, target) from error
    finally:
        part.unlink(missing_ok=True)
    return target


def _receive(
    file: WeightFile, stream: IO[bytes], open_url: OpenUrl, progress: Progress, missing: ModelMissingError
) -> str:
    """Copy the URL into the stream and return the sha256 of what arrived."""
    assert file.url is not None
    expected = file.variants[0].bytes
    limit = max((variant.bytes for variant in file.variants), default=0) if expected else _LARGEST_BYTES
    digest, received = hashlib.sha256(), 0
    try:
        with open_url(file.url) as response:
            while chunk := response.read(_CHUNK_BYTES):
                received += len(chunk)
                if received > limit:
                    raise ModelDamagedError(
                        f"the download is larger than the {limit:,} bytes it should have",
                        item=file.url,
                        remedy="the file there was changed; nothing was kept",
                    )
                digest.update(chunk)
                _write(stream, chunk)
                progress("download", received, expected or None)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelMissingError(
            f"{missing.cause}, and the download failed: {reason}", item=missing.item, remedy=missing.remedy
        ) from error
    return digest.hexdigest()


def _write(stream: IO[bytes], chunk: bytes) -> None:
    """Write to the cache; a full disk must not look like a broken network."""
    try:
        stream.write(chunk)
        stream.flush()  # or a full disk would be noticed only when the stream is closed
    except OSError as error:
        raise output_error(error, Path(stream.name)) from error

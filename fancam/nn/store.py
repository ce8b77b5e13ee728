"""Fetches one weight file over https: bounded in size, hashed, written beside and renamed."""

from __future__ import annotations

import hashlib
import http.client
import importlib.metadata
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fancam.errors import InputError, ModelDamagedError, ModelMissingError
from fancam.files import output_error, replace_file_piecewise, sha256_of_file
from fancam.media import Progress, no_progress
from fancam.nn.registry import ModelEntry, Variant, WeightFile, registry, registry_entry

OpenUrl = Callable[[str], AbstractContextManager[IO[bytes]]]
"""Opens a URL for reading; raises OSError where that fails."""

_CHUNK_BYTES = 1 << 18
_TIMEOUT_S = 30.0
_LARGEST_BYTES = 1 << 30
"""Bound for a file whose size the registry does not know."""


class HttpsOnly(urllib.request.HTTPRedirectHandler):
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
    opener = urllib.request.build_opener(HttpsOnly)
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
    target = folder / file.file
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, folder) from error
    replace_file_piecewise(target, _received(file, open_url, progress, missing))
    return target


def _received(
    file: WeightFile, open_url: OpenUrl, progress: Progress, missing: ModelMissingError
) -> Iterator[bytes]:  # fmt: skip
    """Yield what arrives, and raise at its end, before it is kept, where that is not the file."""
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
                yield chunk
                progress("download", received, expected or None)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelMissingError(
            f"{missing.cause}, and the download failed: {reason}", item=missing.item, remedy=missing.remedy
        ) from error
    if digest.hexdigest() not in {variant.sha256 for variant in file.variants}:
        raise ModelDamagedError(
            f"the download has sha256 {digest.hexdigest()}, expected {file.variants[0].sha256}",
            item=file.url,
            remedy="try again; if it stays so, the file there was changed",
        )


_digests: dict[tuple[Path, int, int], str] = {}
"""(path, mtime_ns, size) to sha256: a file that did not change is hashed once per process."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Whether a model is here, and in what state."""

    entry: ModelEntry
    state: str
    """``missing``, ``present`` (the sizes fit), ``verified`` (the hashes fit) or ``damaged``."""
    path: Path | None
    """The weight file that would be used; None while it is missing."""
    source: str | None
    """``models_dir``, ``cache`` or ``package``."""
    detail: str = ""
    """What is wrong and what to do, where something is."""


class ModelStore:
    """Weight files in three places, tried in this order: a folder of the user's, the cache, installed packages.

    A file found in one place is the one that is used: if it is damaged there, that is an error and not a reason to look
    further.

    Args:
        models_dir: The user's own folder of weight files; None for none.
        cache_dir: Where ``pull`` puts files; None for no cache.
        open_url: How a URL is opened; tests put their own in place.
    """

    def __init__(
        self, models_dir: Path | None = None, cache_dir: Path | None = None, *, open_url: OpenUrl = open_https
    ) -> None:
        self.models_dir = models_dir
        self.cache_dir = cache_dir
        self._open_url = open_url

    def entries(self) -> tuple[ModelEntry, ...]:
        """Return every model of the registry, here or not."""
        return tuple(registry().values())

    def entry(self, name: str) -> ModelEntry:
        """Return one model of the registry.

        Raises:
            UsageError: No model has this name.
        """
        return registry_entry(name)

    def has(self, name: str) -> bool:
        """Whether every file of the model is here with a size that fits; cheap, nothing is hashed.

        Raises:
            UsageError: No model has this name.
        """
        return self.status(name).state == "present"

    def status(self, name: str, *, verify: bool = False) -> ModelStatus:
        """Return where the model is and in what state, hashed where it is to be verified; nothing raises for a file.

        Raises:
            UsageError: No model has this name.
        """
        entry = self.entry(name)
        found = self._find(entry.files[0])
        path, source = found if found is not None else (None, None)
        try:
            for file in entry.files:
                self._verified(entry, file) if verify else self._sized(entry, file)
        except ModelMissingError as error:
            return ModelStatus(entry, "missing", path, source, error.line())
        except (ModelDamagedError, InputError) as error:
            return ModelStatus(entry, "damaged", path, source, error.line())
        return ModelStatus(entry, "verified" if verify else "present", path, source)

    def locate(self, name: str) -> Path:
        """Return the path of the model's weight file after every file of the model was hashed.

        Raises:
            UsageError: No model has this name.
            ModelMissingError: A file is in none of the three places; names it, its origin, size, hash and folder.
            ModelDamagedError: A file is not one of the known ones.
            InputUnreadableError: A file may not be read.
        """
        return self.locate_files(name)[0]

    def locate_files(self, name: str) -> tuple[Path, ...]:
        """Return the paths of all files of the model, the weights first; like ``locate`` in all else."""
        entry = self.entry(name)
        return tuple(self._verified(entry, file) for file in entry.files)

    def sha256(self, name: str) -> str:
        """Return the hash of the model's weight file that is here; raises like ``locate``."""
        return file_sha256(self.locate(name))

    def pull(self, name: str, progress: Progress = no_progress) -> Path:
        """Download what is missing of a model into the cache and return the path of its weight file.

        A file that is already here and undamaged is not downloaded; a damaged one in the cache is replaced.

        Raises:
            UsageError: No model has this name.
            ModelMissingError: The file cannot be had: no network, no cache folder, or it comes with a package only.
            ModelDamagedError: What arrived is not the file the registry describes; it is not kept.
            OutputError: The cache folder cannot be written.
        """
        entry = self.entry(name)
        for file in entry.files:
            found = self._find(file)
            if found is not None and (found[1] != "cache" or _known(file, found[0])):
                self._verified(entry, file)
                continue
            if file.url is None or self.cache_dir is None:
                raise self._missing(entry, file)
            download(file, self.cache_dir, self._open_url, progress, missing=self._missing(entry, file))
        return self.locate(name)

    # --- looking -----------------------------------------------------------------------------------------------

    def _places(self, file: WeightFile) -> Iterator[tuple[Path, str]]:
        """Yield (path, source) of every place the file may be in, best first."""
        if self.models_dir is not None:
            yield self.models_dir / file.file, "models_dir"
        if self.cache_dir is not None:
            yield self.cache_dir / file.file, "cache"
        if file.distribution is not None and file.path_in_distribution is not None:
            try:
                distribution = importlib.metadata.distribution(file.distribution)
            except importlib.metadata.PackageNotFoundError:
                return
            yield Path(str(distribution.locate_file(file.path_in_distribution))), "package"

    def _find(self, file: WeightFile) -> tuple[Path, str] | None:
        return next(((path, source) for path, source in self._places(file) if path.is_file()), None)

    def _sized(self, entry: ModelEntry, file: WeightFile) -> Path:
        found = self._find(file)
        if found is None:
            raise self._missing(entry, file)
        path, _ = found
        size = path.stat().st_size
        if not file.size_fits(size):
            expected = " or ".join(f"{variant.bytes:,}" for variant in file.variants)
            raise ModelDamagedError(
                f"{size:,} bytes, expected {expected}", item=path, remedy=f"replace it from {file.origin}"
            )
        return path

    def _verified(self, entry: ModelEntry, file: WeightFile) -> Path:
        path = self._sized(entry, file)
        digest = file_sha256(path)
        if digest not in {variant.sha256 for variant in file.variants}:
            expected = " or ".join(variant.sha256 for variant in file.variants)
            raise ModelDamagedError(
                f"sha256 {digest}, expected {expected}", item=path, remedy=f"replace it from {file.origin}"
            )
        return path

    def _missing(self, entry: ModelEntry, file: WeightFile) -> ModelMissingError:
        variant: Variant = file.variants[0]
        size = f"{variant.bytes:,} bytes" if variant.bytes else "size not known"
        cause = f"{file.file} is not here ({size}, sha256 {variant.sha256})"
        folder = self.models_dir or self.cache_dir
        where = f"put it in {folder}" if folder is not None else "name a models folder and put it there"
        if file.url is not None:
            remedy = f"run 'fancam models pull {entry.name}', or get {file.url} and {where}"
        else:
            remedy = f"install the package {file.distribution}, or {where}"
        return ModelMissingError(cause, item=entry.name, remedy=remedy)


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file in hex; a file that did not change is read once per process.

    Raises:
        InputNotFoundError: The file is not there.
        InputUnreadableError: The file may not be read.
    """
    if not path.is_file():
        return sha256_of_file(path)
    stat = path.stat()
    key = (path, stat.st_mtime_ns, stat.st_size)
    if key not in _digests:
        _digests[key] = sha256_of_file(path)
    return _digests[key]


def _known(file: WeightFile, path: Path) -> bool:
    return file_sha256(path) in {variant.sha256 for variant in file.variants}


def find_weight_file(name: str, option: str) -> Path:
    """Return the path of a weight file of the user's; raises ModelMissingError where there is none."""
    path = Path(name)
    if not path.is_file():
        raise ModelMissingError("there is no such weight file", item=path, remedy=f"check the path of {option}")
    return path

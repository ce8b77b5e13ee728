"""What ``import fancam`` offers, from moments to cards; loaded when one of its names is first used."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fancam.cards import write_card
from fancam.errors import FancamError, NothingFoundError, UsageError
from fancam.geometry import CardGeometry
from fancam.identity import Roster
from fancam.jobs.context import Context
from fancam.jobs.find import Moment, compose_pick, find_in_photo, find_in_video
from fancam.jobs.frame import default_store
from fancam.jobs.make import card_job, neighbours_box, neighbours_px, whole_card
from fancam.jobs.photos import Loaded, load_picture, photo_job, write_enhanced
from fancam.jobs.stream import Item, enhance_stream
from fancam.jobs.workspace import safe_stem
from fancam.media import Frame, NeighbourFrame, Picture, Progress, no_progress
from fancam.nn import ModelStore
from fancam.paper import card_geometry
from fancam.picking import score_face
from fancam.pictures import StillPicture, looks_like_picture, open_picture
from fancam.pictures.header import ORIENTATIONS
from fancam.provenance import Provenance
from fancam.results import Crop, Enhanced, Face, Pick
from fancam.settings import Settings
from fancam.video import Video, open_video

_EXIF_ORIENTATION = 0x0112
Image = Any
"""A path, a picture from ``open_picture``, a PIL image, or an array: (H, W, 3) RGB, (H, W, 4) RGBA or (H, W) grey,
uint8 or uint16, sRGB, upright."""


# --- moments and faces --------------------------------------------------------------------------------------------


def detect_faces(
    image: Image, *, settings: Settings | None = None, store: ModelStore | None = None
) -> tuple[Face, ...]:
    """Find the faces of a picture, of every size, from left to right.

    Args:
        image: A path, a PIL image or an array, see ``Image``.
        settings: For the detector; the defaults where None.
        store: Where the weights are; see ``default_store``.

    Returns:
        Faces with ``box`` and five ``landmarks`` in pixels of the upright picture, and ``confidence`` in [0, 1].

    Raises:
        InputError: The picture cannot be read.
        ModelMissingError: The detector's weights are not there.

    Example:
        >>> [face.box for face in fancam.detect_faces("group.jpg")]
        [Box(x0=812.4, y0=640.1, x1=1011.9, y1=905.3), ...]
    """
    found = Context(settings, store).photo_detector.detect([_still(image).srgb()])[0]
    return tuple(sorted(found, key=lambda face: face.box.centre))


def identify(
    image: Image, roster: Roster, *, settings: Settings | None = None, store: ModelStore | None = None
) -> tuple[Face, ...]:  # fmt: skip
    """Find the faces of a picture and say who of a roster each is: by margin, and no two are one member.

    Args:
        image: A path, a PIL image or an array, see ``Image``.
        roster: From ``read_roster``, or of embeddings of your own.
        settings: For the detector; the defaults where None.
        store: Where the weights are; see ``default_store``.

    Returns:
        Faces as from ``detect_faces``, each with its ``naming``: ``member``, None where it is not sure, the ``nearest``
        two and the ``margin`` between them.

    Raises:
        InputError: The picture cannot be read.
        ModelMissingError: The detector's or the embedding's weights are not there.

    Example:
        >>> [face.naming.member for face in fancam.identify("group.jpg", fancam.read_roster("refs"))]
        ['Mina', None, 'Yuna']
    """
    context = Context(settings, store, roster=roster)
    return tuple(one.face for one in find_in_photo(context, _still(image)).looked_at)


def pick(
    source: Video | Path | str, top: int | None = None, *,
    settings: Settings | None = None, store: ModelStore | None = None, progress: Progress = no_progress,
) -> list[Moment]:  # fmt: skip
    """Find the best different moments of a video, or the faces of a photo.

    Args:
        source: A video from ``open_video``, or the path of a video or photo.
        top: Moments at most, 8 by default; a photo has one for every face.
        settings: Of the scan, the faces and the choice; the defaults where None.
        store: Where the weights are; see ``default_store``.
        progress: Called as ``progress(stage, done, total)`` with the stages ``scan`` and ``faces``.

    Returns:
        Moments with ``time_s``, ``face``, ``score`` in [0, 1], ``why`` (each term of it), ``reason`` in words,
        ``runners_up`` (whom it beat, each with the reason) and ``frame``, which is decoded when it is first asked for.
        Of a video the best first, of a photo from left to right; empty where no face is good enough.

    Raises:
        InputError: The source cannot be read.
        ModelMissingError: The detector's weights are not there.

    Example:
        >>> [(moment.time_s, moment.reason) for moment in fancam.pick("concert.mp4", top=2)]
        [(41.2, 'sharper than 28 of 30 looked at; face 402 px; facing the camera'), (12.8, ...)]
    """
    settings = settings or Settings()
    if top is not None:
        settings = dataclasses.replace(settings, pick=dataclasses.replace(settings.pick, top=top))
    context = Context(settings, store, progress=progress)
    if isinstance(source, Path | str):
        path = Path(source)
        if looks_like_picture(path):
            return find_in_photo(context, open_picture(path)).moments
        source = open_video(path)
    return find_in_video(context, source).moments


# --- cards --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class CardCrop:
    """What a card shows of a picture, before it is enlarged; made by ``crop``."""

    frame: Frame
    """The whole picture."""
    choice: Pick
    """The face, its score, and the part that is shown."""
    geometry: CardGeometry
    """Size of the card in mm and in pixels."""
    source: Video | StillPicture
    """Where the frame's neighbours are; of a photo its own depth and colour space."""

    @property
    def part(self) -> Crop:
        """Boxes in pixels of the frame, ``effective_ppi`` (source pixels per printed inch), framing, warnings."""
        return self.choice.crop

    @property
    def pixels(self) -> Picture:
        """(height, width, 3) uint8 RGB: the whole pixels of the frame that the card shows, bleed included."""
        box = self.part.box.clipped(self.frame.width, self.frame.height)
        return self.frame.pixels[math.floor(box.y0) : math.ceil(box.y1), math.floor(box.x0) : math.ceil(box.x1)]

    def __repr__(self) -> str:
        size = f"{self.geometry.width_mm:g}x{self.geometry.height_mm:g} mm"
        return f"CardCrop({self.choice.id!r}, {size}, {self.part.framing}, {self.part.effective_ppi:.0f} ppi)"


def crop(
    source: Moment | Image, *,
    face: Face | None = None, card: str | None = None, settings: Settings | None = None,
    store: ModelStore | None = None,
) -> CardCrop:  # fmt: skip
    """Compose a card: the part of a picture that shows a face best, with bleed of real pixels as far as it has them.

    Args:
        source: A moment from ``pick``, or a picture, see ``Image``.
        face: The face that the card is for; None takes the moment's, or the largest of the picture.
        card: Size by name or in units: ``"kpop"``, ``"55x85mm"``; None takes that of the settings.
        settings: Of the card and its framing; the defaults where None.
        store: Where the weights of the detector are; see ``default_store``.

    Raises:
        NothingFoundError: The picture has no face, and none was given.
        UsageError: The size is unknown.
        InputError: The picture cannot be read.

    Example:
        >>> fancam.crop("portrait.jpg", card="kpop").pixels.shape
        (1210, 811, 3)
    """
    settings = settings or Settings()
    if card is not None:
        settings = dataclasses.replace(settings, card=dataclasses.replace(settings.card, size=card))
    geometry = card_geometry(settings.card)
    if not isinstance(source, Moment):
        photo = _still(source)
        found = detect_faces(photo, settings=settings, store=store)
        if face is None and not found:
            raise NothingFoundError("no face found", item=photo.source, remedy="name the face")
        face = face or max(found, key=lambda one: one.box.area)
        others = tuple(one for one in found if one.box.iou(face.box) < 0.5)
        source = Moment(photo, "card", face, score_face(photo.srgb(), face, settings.pick), "named", others)
    elif face is not None:
        source = dataclasses.replace(source, face=face)
    frame = source.frame
    choice = compose_pick(source, safe_stem(frame.source), (frame.width, frame.height), geometry, settings)
    return CardCrop(frame, choice, geometry, source.source)


def save_card(picture: Enhanced, path: Path | str, *, settings: Settings | None = None) -> Path:
    """Write a card: its exact pixels, resolution and profile, and in XMP where it comes from and what was done.

    Args:
        picture: What ``enhance`` made of a ``CardCrop``.
        path: Ends in .png, .jpg or .tif; its folder exists.
        settings: For the quality of JPEG; the defaults where None.

    Returns:
        The path.

    Raises:
        UsageError: The picture is no card, or the ending is unknown.
        OutputError: The file cannot be written; nothing is left behind.
    """
    made_of, path = picture.made_of, Path(path)
    if not isinstance(made_of, CardCrop):
        raise UsageError("the picture is no card", item=path, remedy="enhance what fancam.crop gives, or save_picture")
    about = Provenance.of_pick(made_of.frame.source.name, made_of.choice, picture, made_of.geometry)
    photo = made_of.source if isinstance(made_of.source, StillPicture) else None
    profile = None if photo is None else photo.opaque_rgb()[1]
    write_card(picture, made_of.geometry, about, path, (settings or Settings()).card, profile=profile)
    return path


def save_picture(picture: Enhanced, path: Path | str, *, settings: Settings | None = None) -> Path:
    """Write a whole picture that was enhanced: with the colour profile, EXIF, XMP and transparency that it came with.

    Args:
        picture: What ``enhance`` made of a picture.
        path: Its ending chooses the format: .png, .jpg, .tif, .webp, .avif, .bmp …; its folder exists.
        settings: For the quality of lossy formats; the defaults where None.

    Returns:
        The path.

    Raises:
        UsageError: The picture is a card, or the ending is unknown.
        OutputError: The file cannot be written; nothing is left behind.
    """
    path = Path(path)
    if not isinstance(picture.made_of, Loaded):
        raise UsageError("the picture is no whole one", item=path, remedy="use save_card for a card")
    write_enhanced(picture.made_of, picture, path, (settings or Settings()).photo.quality)
    return path


# --- enlarging ----------------------------------------------------------------------------------------------------


class Enhancer:
    """Enlarges and cleans many pictures and cards; the networks are loaded once.

    Args:
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; None takes that of the settings.
        settings: Of the cleaning, the enlargement, the face prior and the guard; the defaults where None.
        store: Where the weights are; see ``default_store``.

    Raises:
        ModelMissingError: A network's weights are not there.
        DeviceError: There is no such device.

    Example:
        >>> enhancer = fancam.Enhancer(device="cuda")
        >>> for number, picture in enhancer(paths):
        ...     if isinstance(picture, fancam.FancamError):
        ...         print(paths[number], picture)
        ...     else:
        ...         fancam.save_picture(picture, f"{number:03d}.png")
    """

    def __init__(
        self, *, device: str | None = None, settings: Settings | None = None, store: ModelStore | None = None
    ) -> None:
        settings = settings or Settings()
        if device is not None:
            settings = dataclasses.replace(settings, enhance=dataclasses.replace(settings.enhance, device=device))
        self._context = Context(settings, store)
        _ = self._context.enhancer

    def __call__(
        self, pictures: Iterable[CardCrop | Image], *, progress: Progress = no_progress
    ) -> Iterator[tuple[int, Enhanced | FancamError]]:  # fmt: skip
        """Yield each picture's number, counted from 0, with what was made of it; as they are ready, not in order.

        Args:
            pictures: Crops, paths, PIL images or arrays, see ``Image``; taken in another thread, a few ahead.
            progress: Called as ``progress("enhance", tiles done, tiles known so far)``.

        Yields:
            The picture with ``pixels``, ``notes``, ``warnings`` and what the guard measured of its ``faces``; or the
            error of one that failed, which harms no other.

        Raises:
            DeviceError: The device has not enough memory for the smallest piece of work.
        """
        made_of: dict[int, Any] = {}

        def items() -> Iterator[Item]:
            for number, picture in enumerate(pictures):
                try:
                    made_of[number], job = self._job(number, picture)
                except FancamError as error:
                    yield number, error
                else:
                    yield number, job

        for number, made in enhance_stream(self._context, items(), progress):
            if isinstance(made, FancamError):
                made_of.pop(number, None)
                yield number, made
            else:
                of = made_of.pop(number)
                whole = whole_card(made, of.part, of.geometry) if isinstance(of, CardCrop) else made
                yield number, dataclasses.replace(whole, made_of=of)

    def _job(self, number: int, picture: CardCrop | Image) -> tuple[Any, Any]:
        """Return what a picture is saved by, and its job."""
        if not isinstance(picture, CardCrop):
            loaded = load_picture(self._context, _still(picture))
            return loaded, photo_job(number, loaded, self._context)
        settings, frame, source = self._context.settings, picture.frame, picture.source
        if isinstance(source, StillPicture):
            pixels, _ = source.opaque_rgb()
            return picture, card_job(number, picture.choice, pixels, picture.geometry, settings, is_video=False)
        neighbours: tuple[NeighbourFrame, ...] = ()
        box = None
        if frame.pts is not None and settings.fuse.frames > 1:
            box = neighbours_box(picture.choice, frame.width, frame.height)
            windows = source.frames_with_neighbours(
                {frame.pts: [box]}, settings.fuse.frames, longest_px=neighbours_px(picture.geometry)
            )
            found = next(iter(windows), None)
            neighbours = () if found is None else found.neighbours[0]
        job = card_job(
            number, picture.choice, frame.pixels, picture.geometry, settings,
            is_video=True, neighbours=neighbours, neighbours_box=box,
        )  # fmt: skip
        return picture, job


def enhance(
    picture: CardCrop | Image, *, device: str | None = None, settings: Settings | None = None,
    store: ModelStore | None = None, progress: Progress = no_progress,
) -> Enhanced:  # fmt: skip
    """Enlarge and clean one picture or card; the faces stay the same person.

    A card comes at its print size, a whole picture at twice its size (``settings.photo``). The networks of the last
    settings stay loaded; for many pictures ``Enhancer`` is faster.

    Args:
        picture: A crop, a path, a PIL image or an array, see ``Image``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; None takes that of the settings.
        settings: Of the cleaning, the enlargement, the face prior and the guard; the defaults where None.
        store: Where the weights are; see ``default_store``.
        progress: Called as ``progress("enhance", tiles done, tiles known so far)``.

    Returns:
        ``pixels`` (height, width, 3) RGB in the type and colour space of the source, ``notes`` and ``warnings`` in
        words, ``faces`` with what the guard measured, ``decisions`` with what was done and why.

    Raises:
        FancamError: The picture cannot be read, a model or the device is missing.

    Example:
        >>> picture = fancam.enhance("portrait.jpg")
        >>> picture.pixels.shape, picture.upscaler, picture.faces[0].identity
        ((2400, 1800, 3), 'realesrgan-x4plus', 0.97)
    """
    enhancer = _loaded_enhancer(device, settings or Settings(), store or default_store())
    ((_, made),) = enhancer([picture], progress=progress)
    if isinstance(made, FancamError):
        raise made
    return made


@functools.lru_cache(maxsize=1)
def _loaded_enhancer(device: str | None, settings: Settings, store: ModelStore) -> Enhancer:
    return Enhancer(device=device, settings=settings, store=store)


# --- what comes in ------------------------------------------------------------------------------------------------


def _still(image: Image) -> StillPicture:
    """Return a picture with all that is written back."""
    if isinstance(image, StillPicture):
        return image
    if isinstance(image, Path | str):
        return open_picture(Path(image))
    if isinstance(image, Frame):
        return _made_still(image.pixels, image.source)
    if isinstance(image, np.ndarray):
        return _made_still(image, Path("array"))
    if hasattr(image, "getexif"):
        return _still_of_pil(image)
    raise UsageError(f"a picture is given as {type(image).__name__}", remedy="give a path, a PIL image or an array")


def _still_of_pil(image: Any) -> StillPicture:
    """Return a PIL image upright, with its profile and resolution."""
    mode, turn = image.mode, ORIENTATIONS.get(image.getexif().get(_EXIF_ORIENTATION, 1), ORIENTATIONS[1])
    if mode in ("CMYK", "LAB", "YCbCr", "HSV", "F", "I"):
        raise UsageError(f"a PIL image of mode {mode}", remedy="give the path of the file, or an RGB image")
    if not mode.startswith("I;16"):
        alpha = mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
        grey = mode in ("1", "L", "LA", "La") and not alpha
        image = image.convert("L" if grey else "RGBA" if alpha else "RGB")
    pixels = np.asarray(image)
    pixels = pixels.astype(np.uint16) if mode.startswith("I;16") else pixels
    dpi = image.info.get("dpi")
    return _made_still(
        turn.upright(pixels), Path(getattr(image, "filename", "") or "image"),
        profile=image.info.get("icc_profile") or None, dpi=None if dpi is None else (float(dpi[0]), float(dpi[1])),
    )  # fmt: skip


def _made_still(pixels: npt.NDArray[Any], source: Path, **beside: Any) -> StillPicture:
    grey = pixels.ndim == 2
    shaped = grey or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    if pixels.dtype not in (np.uint8, np.uint16) or not shaped or not pixels.size:
        remedy = "give (H, W, 3) RGB, (H, W, 4) RGBA or (H, W) grey, uint8 or uint16"
        raise UsageError(f"a picture of {pixels.shape} {pixels.dtype}", remedy=remedy)
    colour = np.repeat(pixels[:, :, None], 3, axis=2) if grey else pixels[:, :, :3]
    alpha = None if grey or pixels.shape[2] == 3 else pixels[:, :, 3]
    return StillPicture.of(np.ascontiguousarray(colour), alpha=alpha, grey=grey, format="PNG", source=source, **beside)

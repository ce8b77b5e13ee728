"""A sheet as a PDF: pictures as their files hold them, boxes, profiles, metadata.

PDF 1.7 (ISO 32000-1): 16-bit samples need 1.5, ``PrintScaling`` 1.6, and 1.7 is the first whose ICC profiles may be of
version 4.2 and later; every reader and RIP of the last fifteen years takes it. No conformance to PDF/X is claimed: it
asks for the date of creation, which would make the same sheet another file every time, and for the profile of a
printing condition, which sRGB is not.

Pictures and profiles are written into a scratch PDF as they come, and none of them stays in memory: qpdf keeps streams
that it is given as bytes until it saves, and a sheet of 200 cards is hundreds of megabytes of them; streams of a PDF
that it has opened it reads only when it writes them.
"""

from __future__ import annotations

import hashlib
import io
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import pikepdf
from pikepdf import Matrix

from fancam.errors import ProfileError
from fancam.files import replacing_file, scratch_file, sha256_of_file
from fancam.geometry import Orientation
from fancam.media import Progress, no_progress
from fancam.pictures import (
    EmbeddedPicture,
    FieldValue,
    PictureMetadata,
    embeddable,
    profile_description,
    srgb_profile,
    xmp_packet,
)
from fancam.sheets.pdf_shapes import POINTS_PER_MM, box, drawn_pages, rectangle
from fancam.sheets.plan import Area, BackOffset, Page, Placement, SheetPlan, decimal

# --- the scratch PDF ----------------------------------------------------------------------------------------------

_COMPONENTS = {"grey": 1, "rgb": 3, "cmyk": 4}
_DEVICE = {"grey": "/DeviceGray", "rgb": "/DeviceRGB", "cmyk": "/DeviceCMYK"}


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """Where a picture is in the store, and how it lies there."""

    number: int
    """Of its object."""
    orientation: Orientation
    has_alpha: bool
    notes: tuple[str, ...]
    """What had to be assumed of it."""

    @property
    def name(self) -> str:
        """What pages call it."""
        return f"P{self.number}"


@dataclass(slots=True)
class PictureStore:
    """Writes image and profile objects; equal ones once, whatever their files are called."""

    file: BinaryIO
    offsets: dict[int, int] = field(default_factory=dict)
    """Object number to its place in the file."""
    pictures: dict[Path, StoredPicture] = field(default_factory=dict)
    _known: dict[str, int] = field(default_factory=dict)
    """Digest of an object to its number."""

    CATALOGUE, PAGES = 1, 2

    def __post_init__(self) -> None:
        self.file.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        self._object(self.CATALOGUE, f"<< /Type /Catalog /Pages {self.PAGES} 0 R >>")
        self._object(self.PAGES, "<< /Type /Pages /Kids [] /Count 0 >>")

    def add_picture(self, path: Path) -> StoredPicture:
        """Check a picture, write it unless an equal one is there already, and forget its pixels.

        Raises:
            InputError: It cannot be read, or changes while it is.
        """
        if path not in self.pictures:
            picture = embeddable(path)
            number, has_alpha = self._image(picture), picture.alpha is not None
            self.pictures[path] = StoredPicture(number, picture.orientation, has_alpha, tuple(picture.notes))
        return self.pictures[path]

    def add_profile(self, profile: bytes) -> int:
        """Write an ICC profile unless it is there already; return its object's number."""
        components = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4, b"Lab ": 3}[profile[16:20]]  # ICC.1:2022, 7.2.6
        alternate = {1: "/DeviceGray", 3: "/DeviceRGB", 4: "/DeviceCMYK"}[components]
        words = f"/N {components} /Alternate {alternate} /Filter /FlateDecode"
        return self._stream(words, [zlib.compress(profile, 9)])

    def close(self) -> None:
        """Write the table of objects; the file is a whole PDF then."""
        start = self.file.tell()
        count = len(self.offsets) + 1
        self.file.write(f"xref\n0 {count}\n0000000000 65535 f \n".encode())
        for number in range(1, count):
            self.file.write(f"{self.offsets[number]:010d} 00000 n \n".encode())
        trailer = f"trailer\n<< /Size {count} /Root {self.CATALOGUE} 0 R >>\nstartxref\n{start}\n%%EOF\n"
        self.file.write(trailer.encode())
        self.file.flush()

    def _image(self, picture: EmbeddedPicture) -> int:
        """Write an image (ISO 32000-1, 8.9.5)."""
        words = [
            f"/Type /XObject /Subtype /Image /Width {picture.width_px} /Height {picture.height_px}",
            f"/BitsPerComponent {picture.bits} /ColorSpace {self._colour_space(picture)}",
            _filter(picture.encoding, picture.channels, picture.bits, picture.width_px, picture.colour_transform),
        ]
        if picture.inverted:
            words.append(f"/Decode [{' '.join(['1 0'] * picture.channels)}]")
        if picture.alpha is not None:
            mask = (
                f"/Type /XObject /Subtype /Image /Width {picture.width_px} /Height {picture.height_px} "
                f"/BitsPerComponent {picture.alpha.bits} /ColorSpace /DeviceGray "
                f"{_filter('png', 1, picture.alpha.bits, picture.width_px, None)}"
            )
            words.append(f"/SMask {self._stream(mask, [picture.alpha.data])} 0 R")
        return self._stream(" ".join(words), picture.pieces(), picture.size_bytes, picture.sha256)

    def _colour_space(self, picture: EmbeddedPicture) -> str:
        space = _DEVICE[picture.space]
        if picture.profile is not None:
            space = f"[/ICCBased {self.add_profile(picture.profile)} 0 R]"
        if picture.palette is None:
            return space
        return f"[/Indexed {space} {len(picture.palette) // 3 - 1} <{picture.palette.hex()}>]"

    def _stream(self, words: str, pieces: Iterable[bytes], size: int | None = None, sha256: str | None = None) -> int:
        """Write a stream object unless there is one with the same words and bytes; return its number."""
        if size is None or sha256 is None:
            data = b"".join(pieces)
            pieces, size, sha256 = [data], len(data), hashlib.sha256(data).hexdigest()
        key = f"{sha256} {words}"
        if key not in self._known:
            number = len(self.offsets) + 1
            self.offsets[number] = self.file.tell()
            self.file.write(f"{number} 0 obj\n<< {words} /Length {size} >>\nstream\n".encode())
            for piece in pieces:
                self.file.write(piece)
            self.file.write(b"\nendstream\nendobj\n")
            self._known[key] = number
        return self._known[key]

    def _object(self, number: int, words: str) -> None:
        self.offsets[number] = self.file.tell()
        self.file.write(f"{number} 0 obj\n{words}\nendobj\n".encode())


def _filter(encoding: str, channels: int, bits: int, width_px: int, colour_transform: int | None) -> str:
    """Return the filter of an image; predictor 15 is PNG's filters row by row (ISO 32000-1, 7.4.4.4)."""
    if encoding == "png":
        parameters = f"/Predictor 15 /Colors {channels} /BitsPerComponent {bits} /Columns {width_px}"
        return f"/Filter /FlateDecode /DecodeParms << {parameters} >>"
    if colour_transform is None:
        return "/Filter /DCTDecode"
    return f"/Filter /DCTDecode /DecodeParms << /ColorTransform {colour_transform} >>"


# --- the PDF ------------------------------------------------------------------------------------------------------

PDF_VERSION = "1.7"


@dataclass(frozen=True, slots=True)
class PdfFile:
    """A PDF on disk."""

    path: Path
    sha256: str
    """Of the file, in hex."""
    pages: int
    size_bytes: int
    notes: tuple[str, ...]
    """What could not be drawn as asked."""
    assumed: Mapping[str, tuple[Path, ...]]
    """What had to be assumed of pictures, each sentence with those that it is about."""


def write_pdf(
    plan: SheetPlan,
    path: Path,
    *,
    title: str,
    software: str,
    output_profile: bytes | None = None,
    fields: Mapping[str, FieldValue] | None = None,
    progress: Progress = no_progress,
) -> PdfFile:
    """Write a plan as it stands.

    Pictures keep their bytes and their profiles (see ``embeddable``), each is in the file once however often and under
    however many names it is printed. No date is written: the same input gives the same bytes. Memory does not grow
    with the number of pictures; beside the path there is room needed for a second copy of them while it is written.

    Args:
        plan: Its pages in order.
        path: The file; its folder exists.
        title: Of the document.
        software: Program and version.
        output_profile: ICC profile of the press or printer that the sheet is meant for; None: sRGB.
        fields: Further provenance for the XMP, by snake_case name.
        progress: Called as ``("pdf", pictures done, pictures)``.

    Raises:
        InputError: A picture is missing, damaged or changes meanwhile; a ProfileError when the output profile is no
            profile of an output device.
        OutputError: The file cannot be written. In either case what was there before is unchanged and nothing is left
            behind.
        ValueError: The plan has no pages, or a field's name is not snake_case.
    """
    if not plan.pages:
        raise ValueError("a PDF has at least one page")
    profile = output_profile if output_profile is not None else srgb_profile()
    intent = _output_intent_words(profile)
    metadata = xmp_packet(PictureMetadata(software=software, title=title, fields=dict(fields or {})))
    shapes, notes = drawn_pages(plan.pages)
    pictures = list(dict.fromkeys(placement.picture for page in plan.pages for placement in page.placements))
    assumed: dict[str, tuple[Path, ...]] = {}
    with scratch_file(path) as scratch:
        store = PictureStore(scratch)
        for index, picture in enumerate(pictures):
            progress("pdf", index, len(pictures))
            for note in store.add_picture(picture).notes:
                assumed[note] = (*assumed.get(note, ()), picture)
        progress("pdf", len(pictures), len(pictures))
        profile_number = store.add_profile(profile)
        store.close()
        # Not mapped into memory, as is the default for large files: the whole store would count as resident.
        with (
            pikepdf.open(scratch.name, access_mode=pikepdf.AccessMode.stream) as pdf,
            pikepdf.open(io.BytesIO(shapes)) as drawn,
        ):
            pdf.pages.extend(drawn.pages)
            for page, planned in zip(pdf.pages, plan.pages, strict=True):
                _finish_page(pdf, page, planned, store, profile_number)
            _describe(pdf, title, software, metadata, intent, profile_number)
            with replacing_file(path) as file:
                _save(pdf, file)
    return PdfFile(path, sha256_of_file(path), len(plan.pages), path.stat().st_size, tuple(notes), assumed)


def _finish_page(pdf: pikepdf.Pdf, page: pikepdf.Page, planned: Page, store: PictureStore, profile: int) -> None:
    """Put the pictures under what is drawn, move a back page, set the boxes."""
    whole = Area(0.0, 0.0, planned.width_mm, planned.height_mm)
    page.mediabox = pikepdf.Array(box(whole, planned))
    page.bleedbox = pikepdf.Array(box(planned.bleed_box or whole, planned))
    page.trimbox = pikepdf.Array(box(planned.trim_box or whole, planned))
    pictures = [store.pictures[placement.picture] for placement in planned.placements]
    if pictures:
        images = {f"/{one.name}": pdf.get_object(one.number, 0) for one in pictures}
        page.obj.Resources.XObject = pikepdf.Dictionary(images)
    operators = "\n".join(
        _picture_operators(placement, picture, planned.height_mm)
        for placement, picture in zip(planned.placements, pictures, strict=True)
    )
    moved = offset_matrix(planned.offset, planned)
    before = "q\n" if moved == Matrix() else f"q {_operator(moved)}\n"
    page.contents_add(f"{before}q\n{operators}\nQ\n".encode(), prepend=True)
    page.contents_add(b"\nQ\n")
    if any(picture.has_alpha for picture in pictures):
        # Without a space of its own a page with transparency is blended in whatever space the reader likes.
        page.obj.Group = pikepdf.Dictionary(
            Type=pikepdf.Name.Group, S=pikepdf.Name.Transparency,
            CS=pikepdf.Array([pikepdf.Name.ICCBased, pdf.get_object(profile, 0)]),
        )  # fmt: skip
    elif "/Group" in page.obj:
        del page.obj.Group


def _describe(
    pdf: pikepdf.Pdf, title: str, software: str, metadata: bytes, intent: Mapping[str, str], profile: int
) -> None:
    """Set what the document says about itself, the same in XMP and in the older dictionary."""
    pdf.Root.Metadata = pdf.make_stream(metadata, Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML)
    pdf.docinfo["/Title"] = title
    pdf.docinfo["/Creator"] = software
    pdf.docinfo["/Producer"] = software
    pdf.docinfo["/Trapped"] = pikepdf.Name.False_
    # Print dialogs then offer 100 % first (ISO 32000-1, table 150).
    pdf.Root.ViewerPreferences = pikepdf.Dictionary(PrintScaling=pikepdf.Name("/None"), DisplayDocTitle=True)
    words = {f"/{key}": pikepdf.String(value) for key, value in intent.items() if key != "S"}
    entry = pikepdf.Dictionary({"/Type": pikepdf.Name.OutputIntent, "/S": pikepdf.Name(intent["S"]), **words})
    entry.DestOutputProfile = pdf.get_object(profile, 0)
    pdf.Root.OutputIntents = pikepdf.Array([pdf.make_indirect(entry)])


def _output_intent_words(profile: bytes) -> dict[str, str]:
    """Return the entries of an output intent (ISO 32000-1, 14.11.5) that are text.

    Raises:
        ProfileError: It cannot be parsed, or says nothing about a device's colours.
    """
    description = profile_description(profile)
    device, space = profile[12:16], profile[16:20]  # ICC.1:2022, 7.2.5 and 7.2.6
    if description is None or device not in (b"prtr", b"mntr", b"spac") or space not in (b"GRAY", b"RGB ", b"CMYK"):
        raise ProfileError(
            "the output profile is not one of a printer or a display", remedy="give the ICC profile of the press"
        )
    if profile == srgb_profile():
        name, registry = "sRGB IEC61966-2.1", {"RegistryName": "http://www.color.org"}
    else:
        name, registry = "Custom", {}
    # PDF/X knows profiles of printing conditions only; a display's may stand where PDF/A put it (ISO 19005-1, 6.2.2).
    kind = "/GTS_PDFX" if device == b"prtr" else "/GTS_PDFA1"
    words = {"S": kind, "OutputConditionIdentifier": name, "OutputCondition": description, "Info": description}
    return {**words, **registry}


def _save(pdf: pikepdf.Pdf, file: BinaryIO) -> None:
    """Write the streams as they are; the names of files and the time are no part of the identifier."""
    target = _Patient(file)
    pdf.save(
        cast("BinaryIO", target),
        force_version=PDF_VERSION,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
        object_stream_mode=pikepdf.ObjectStreamMode.disable,
        deterministic_id=True,
        fix_metadata_version=False,
    )  # fmt: skip
    if target.error is not None:
        raise target.error


class _Patient(io.RawIOBase):
    """Passes on what is written, and keeps an error for later.

    One that is raised while qpdf writes meets it where C++ allows no exception, and ends the whole process.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.error: OSError | None = None
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        if self.error is None:
            try:
                self._file.write(data)
            except OSError as error:
                self.error = error
        return size


# A picture is drawn into the unit square, its upper left corner at (0, 1) (ISO 32000-1, 8.9.5.1).
_QUARTER_CLOCKWISE = Matrix(0, -1, 1, 0, 0, 1)
_MIRROR = Matrix(-1, 0, 0, 1, 1, 0)


def picture_matrix(placement: Placement, orientation: Orientation, page_height_mm: float) -> Matrix:
    """Return what brings the stored picture upright, turns it and lays it into its extent."""
    matrix = _MIRROR if orientation.mirrored else Matrix()
    for _ in range((orientation.quarter_turns_clockwise + placement.turn_deg // 90) % 4):
        matrix = matrix @ _QUARTER_CLOCKWISE
    x, y, width, height = rectangle(placement.extent, page_height_mm)
    return matrix @ Matrix(width, 0, 0, height, x, y)


def offset_matrix(offset: BackOffset, page: Page) -> Matrix:
    """Return what turns a page around its middle and then moves it; the identity where the offset is nothing."""
    # Clockwise as one looks at the page, with y up: the sine has the other sign.
    cosine, sine = math.cos(math.radians(offset.angle_deg)), math.sin(math.radians(offset.angle_deg))
    middle_x, middle_y = page.width_mm / 2 * POINTS_PER_MM, page.height_mm / 2 * POINTS_PER_MM
    moved = Matrix(1, 0, 0, 1, middle_x + offset.x_mm * POINTS_PER_MM, middle_y - offset.y_mm * POINTS_PER_MM)
    return Matrix(1, 0, 0, 1, -middle_x, -middle_y) @ Matrix(cosine, -sine, sine, cosine, 0, 0) @ moved


def _operator(matrix: Matrix) -> str:
    """Return a matrix as an operator of a content stream; ``Matrix.encode`` has a digit less."""
    return f"{' '.join(map(decimal, matrix.shorthand))} cm"


def _picture_operators(placement: Placement, picture: StoredPicture, page_height_mm: float) -> str:
    """Return the operators that draw a picture, clipped to what is shown of it."""
    clip = " ".join(map(decimal, rectangle(placement.shown, page_height_mm)))
    matrix = picture_matrix(placement, picture.orientation, page_height_mm)
    return f"q {clip} re W n {_operator(matrix)} /{picture.name} Do Q"

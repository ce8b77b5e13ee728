"""The cases of the regression record: command lines, and the small pictures and the clip that they are run on.

What is made here is drawn from the public-domain portrait that scikit-image carries, and from the sample clip: of every
kind that is read, and the same bytes every time. In a case ``made:`` is a file of those, ``data:`` one (or several, by
pattern) of the test media, ``case:`` an output of an earlier case.
"""

from __future__ import annotations

import itertools
import math
import shlex
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image, ImageCms, ImageFont
from skimage import data

XMP = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg" dc:source="portrait"/></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""
WIDE_D50 = {b"rXYZ": (0.5151, 0.2412, -0.0011), b"gXYZ": (0.2920, 0.6922, 0.0419), b"bXYZ": (0.1571, 0.0666, 0.7841)}
"""Display P3's primaries, adapted to D50 (SMPTE EG 432-1), by the tags of a profile."""
CLIP_FRAMES = 20

CASES = """
run-network: run samples/stage.mp4 --top 3
run-sample: run samples/stage.mp4 --top 6 --upscaler lanczos --provenance --compare --explain
run-face: run samples/stage.mp4 --top 2 --upscaler bicubic --fuse 9 --framing face --size id1 --bleed 2mm --format tif
run-dry: run samples/stage.mp4 --dry-run
run-dance: run data:video/dance.mp4 --top 3 --upscaler lanczos --fuse auto
run-selfie: run data:video/phone_selfie.mp4 --top 2 --upscaler lanczos
run-three: run data:video/asl/again.mkv data:video/asl/bird.mkv data:video/asl/want.mkv --top 2 --upscaler lanczos
run-low-light: run data:video/asl/night.mkv --top 1 --upscaler lanczos --preset low-light --explain
run-fused-tif: run data:video/asl/yes.mkv --top 1 --upscaler lanczos --fuse 7 --format tif --long-edge 1400 --provenance
run-interlaced: run data:video/interlaced_sister.ts --top 2 --upscaler lanczos
run-orientation: run data:video/orientation --top 2 --upscaler lanczos
run-hlg: run made:hlg.mkv --top 2 --upscaler lanczos
run-hdr: run data:video/odd/hlg10-color-test.mp4 --upscaler lanczos
run-vp9: run data:video/odd/bbb_642x642_768kbps_30fps_vp9.webm --upscaler lanczos
run-gif: run data:video/head-pose-face-detection-female-and-male.gif --top 3 --upscaler lanczos
run-group: run data:photo/group/*.jpg --upscaler lanczos --dpi 150 --preset group
run-people: run data:photo/people/obama/obama-*.jpg data:photo/people/biden/*.jpg --upscaler lanczos --dpi 150 --explain
run-person-network: run data:photo/people/obama/obama-240p.jpg --compare --provenance --preset auto
run-nothing: run no-such-file.mp4
run-no-model: run made:pictures/photo.png --restore gfpgan
enhance-network: enhance made:pictures --scale 2
enhance-lanczos: enhance made:pictures --scale 2 --upscaler lanczos --explain
enhance-auto: enhance made:pictures --scale 2 --upscaler bicubic --preset auto --explain
enhance-4: enhance made:pictures/photo.png --scale 4 --compare --provenance --explain
enhance-8: enhance made:pictures/odd.png --scale 8
enhance-golden: enhance data:photo/goldens/inputs/64x64.png --scale 4 --detail 1 --guard off
enhance-anime: enhance made:pictures/photo.png --upscaler realesr-animevideov3 --detail 0.7
enhance-long-edge: enhance made:pictures/rgb16.tif made:pictures/photo.png --long-edge 500 --upscaler lanczos
enhance-size: enhance made:pictures/photo.png --size 55x85mm --dpi 200 --upscaler lanczos
enhance-grain: enhance made:pictures/noisy.png made:pictures/rgb16.png --grain keep --upscaler lanczos
enhance-denoise: enhance made:pictures/noisy.png --denoise 0.6 --grain 0.5 --upscaler lanczos
enhance-rough: enhance made:pictures/noisy.png made:pictures/turned.jpg --denoise off --deblock off --upscaler lanczos
enhance-descreen: enhance made:halftone.png --descreen auto --paper auto --upscaler lanczos --explain
enhance-scan: enhance made:halftone.png --preset scan --compare --upscaler lanczos
enhance-screened: enhance made:halftone.png --descreen off --upscaler lanczos
pick-sample: pick samples/stage.mp4 --top 3 --all --explain --json
pick-beaten: pick data:video/dance.mp4 --every 8s --keep-runners-up --format jpg
pick-deep: pick data:video/odd/hlg10-color-test.mp4 --no-faces --top 1 --format tif
card-sample: card case:run-sample --back provenance --mockup --cut --guides
card-exact: card made:art/exact.png --back made:art/large.png
card-cover: card made:art/large.png --fit cover --cut
card-contain: card made:art/large.png --fit contain --border 4mm --border-colour #246 --orientation landscape
card-beyond: card made:art/large.png --crop 0,0,330,510 --bleed 5mm --guides
card-text: card made:art/large.png --fit cover --text Astronaut --text "AV T." --font made:font.ttf --text-outline 0.3mm
card-art: card made:art/large.png --fit cover --frame made:frame.png --back #fed --back-text No.7 --mockup
card-border: card made:art/exact.png --border 2mm
card-lacking: card made:art/large.png --fit cover --text 민지 --font made:font.ttf
card-jpg: card made:art/large.png --fit cover --format jpg
card-tif: card made:art/large.png --fit cover --format tif
card-id1: card made:art/large.png --fit cover --size id1 --printer pvc-id1 --force
card-shop: card made:art/large.png --fit cover --printer rgb-shop --profile made:wide.icc --proof --force
card-press: card made:art/large.png --fit cover --printer cmyk-shop
card-check: card made:pictures --fit cover --printer rgb-shop --check
sheet-png: sheet case:card-cover/large.png --copies 9 --preview
sheet-jpg: sheet case:card-jpg/large.jpg --copies 9 --preview
sheet-duplex: sheet case:card-sample --copies 2 --duplex long --back-offset 0.4,-0.2,0.1 --cut --preview --json
sheet-cutter: sheet case:card-art/large.png --copies 4 --printer cutter --registration 3 --cut --preview --json
sheet-four: sheet case:card-text/large.png --copies 6 --registration 4 --duplex short --back made:art/exact.png
sheet-shared: sheet case:card-cover/large.png --copies 12 --gutter shared --bleed 0mm --skip 1,3 --paper a3 --ruler off
sheet-shop: sheet case:card-sample --printer rgb-shop --force --preview --json
sheet-id1: sheet case:card-id1/large.png --size id1 --printer pvc-id1 --force --preview
sheet-check: sheet case:card-cover/large.png case:card-jpg/large.jpg --copies 1,2 --check --json
sheet-calibrate: sheet --calibrate
sheet-readings: sheet --readings 0.3,-0.2,0.3,0.1
models: models list
help: --help
wrong-option: run samples/stage.mp4 --no-such-option
"""
FORMATS = ("jpg", "png", "tif", "webp", "avif", "bmp")
PROBED = (
    "samples/stage.mp4", "made:hlg.mkv", "data:video/dance.mp4", "data:video/phone_selfie.mp4",
    "data:video/asl/again.mkv", "data:video/interlaced_sister.ts", "data:video/orientation/video_90.mov",
    "data:video/orientation/corrupted.mp4", "data:video/odd/hlg10-color-test.mp4",
    "data:video/odd/dolbyVision-hdr.MOV", "data:video/odd/hdr10-av1.mp4", "data:video/odd/sample_sef_slow_motion.mp4",
    "data:video/classroom.gif",
)  # fmt: skip


def every_case() -> dict[str, list[str]]:
    """Return the words of every case's command line by the case's name."""
    lines = CASES.strip().splitlines()
    lines += [f"enhance-to-{kind}: enhance made:pictures --format {kind} --upscaler lanczos" for kind in FORMATS]
    lines += [f"probe-{Path(name.split(':')[-1]).stem}: probe {name} --json" for name in PROBED]
    lines += [f"help-{verb}: {verb} --help" for verb in ("run", "pick", "enhance", "card", "sheet", "probe")]
    return {name: shlex.split(words) for name, words in (line.split(": ", 1) for line in lines)}


def make_all(folder: Path, sample: Path) -> None:
    """Write everything into a folder: pictures/ for enhancing, art/ for cards, and what else an option takes."""
    for name in ("pictures", "art"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    whole = data.astronaut()
    profile = wide_profile()
    (folder / "wide.icc").write_bytes(profile)
    font: Any = ImageFont.load_default(20)
    (folder / "font.ttf").write_bytes(font.font_bytes)
    head = np.ascontiguousarray(whole[10:266, 96:352])
    many_kinds(folder / "pictures", head, profile)
    Image.fromarray(halftone(head)).save(folder / "halftone.png", dpi=(300, 300))
    Image.fromarray(whole).save(folder / "art" / "large.png")
    Image.fromarray(cv2.resize(whole[:, 80:424], (720, 1075), interpolation=cv2.INTER_CUBIC)).save(
        folder / "art" / "exact.png", dpi=(300, 300)
    )
    frame = np.zeros((1075, 720, 4), np.uint8)
    frame[..., :3], frame[..., 3] = (120, 40, 160), 200
    frame[90:-90, 90:-90, 3] = 0
    Image.fromarray(frame).save(folder / "frame.png")
    write_hlg(folder / "hlg.mkv", sample)


def many_kinds(folder: Path, head: np.ndarray, profile: bytes) -> None:
    """Write the portrait as pictures of every kind that is read."""
    small = cv2.resize(head, (128, 128), interpolation=cv2.INTER_AREA)
    picture, grey = Image.fromarray(small), Image.fromarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
    fine = cv2.resize(head.astype(np.float32), (112, 128), interpolation=cv2.INTER_AREA)
    deep = np.ascontiguousarray((fine * 257).round().astype(np.uint16)[..., ::-1])
    noise = np.random.default_rng(5).normal(0, 9, small.shape)
    opaque = np.hypot(*np.mgrid[-64:64, -64:64]) < 60
    rgba = np.dstack([small, np.where(opaque, 255, 40).astype(np.uint8)])
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    Image.fromarray(head).save(folder / "photo.png", dpi=(300, 300))
    grey.save(folder / "grey8.png")
    cv2.imwrite(str(folder / "grey16.png"), cv2.cvtColor(deep, cv2.COLOR_BGR2GRAY))
    cv2.imwrite(str(folder / "rgb16.png"), deep)
    cv2.imwrite(str(folder / "rgb16.tif"), deep)
    Image.fromarray(rgba).save(folder / "rgba.png")
    picture.quantize(64).save(folder / "palette.png")
    picture.convert("CMYK").save(folder / "cmyk.jpg", quality=92)
    picture.resize((144, 96)).save(folder / "turned.jpg", quality=30, exif=exif, dpi=(240, 240))
    picture.save(folder / "profile.tif", icc_profile=profile, compression="tiff_lzw", dpi=(200, 200))
    picture.save(folder / "profile.png", icc_profile=profile)
    picture.save(folder / "lossless.webp", lossless=True)
    picture.save(folder / "lossy.webp", quality=70, exif=exif)
    picture.save(folder / "photo.avif", quality=80)
    picture.save(folder / "photo.bmp")
    picture.save(folder / "described.jpg", quality=90, xmp=XMP, icc_profile=profile)
    grey.save(folder / "grey.jpg", quality=85)
    grey.convert("1").save(folder / "bilevel.tif", compression="group4")
    picture.crop((40, 40, 73, 57)).save(folder / "odd.png")
    Image.fromarray(np.clip(small + noise, 0, 255).astype(np.uint8)).save(folder / "noisy.png")


def wide_profile() -> bytes:
    """Return a profile with wider primaries than sRGB, and without the time at which it was made."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36], profile[84:100] = bytes(12), bytes(16)  # creation time and checksum
    for entry in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        values = WIDE_D50.get(bytes(profile[entry : entry + 4]))
        offset = int.from_bytes(profile[entry + 4 : entry + 8], "big") + 8
        for place, value in enumerate(values or ()):
            number = round(value * 65536).to_bytes(4, "big", signed=True)
            profile[offset + 4 * place : offset + 4 * place + 4] = number
    return bytes(profile)


def halftone(picture: np.ndarray, period_px: float = 4.5) -> np.ndarray:
    """Return a picture as printed in dots of three inks and scanned."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]] * (2 * math.pi / period_px)
    ink = 1 - picture / 255.0
    for channel, angle in enumerate(np.radians((15, 75, 45))):
        along, across = (
            np.cos(columns * np.cos(angle + turn) + rows * np.sin(angle + turn)) for turn in (0, np.pi / 2)
        )
        dots = 0.5 + (along + across) / 4
        ink[..., channel] = np.clip((ink[..., channel] - dots) * 5 + 0.5, 0, 1)
    return np.clip(cv2.GaussianBlur(255 * (1 - ink), (0, 0), 0.6), 0, 255).astype(np.uint8)


def write_hlg(path: Path, sample: Path) -> None:
    """Write moments of the sample as a lossless 10-bit clip that says it is HLG in BT.2020."""
    with av.open(str(sample)) as given, av.open(str(path), "w", container_options={"fflags": "+bitexact"}) as container:
        stream: Any = container.add_stream("ffv1", rate=30, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 960, 540, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace, context.color_range = 18, 9, 9, 1
        for number, frame in enumerate(itertools.islice(given.decode(video=0), 215, 215 + CLIP_FRAMES)):
            deep = frame.reformat(960, 540, "yuv420p10le")
            deep.pts, deep.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(deep))
        container.mux(stream.encode(None))

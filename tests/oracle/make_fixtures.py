"""Small test images from public-domain photographs. See README.md; tests/fixtures/README.md gives the credits.

    python tests/oracle/make_fixtures.py [--photos node_modules/@stdlib]

The photographs are sepia, so one is recoloured (else red and blue could change places unseen), and two are posterised
to stay under 60 kB.
"""
import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from golden_io import FIXTURES
from photos import PHOTOS_FOLDER, photo

ORIENTATION = 0x0112  # EXIF tag; 6: the viewer turns the stored picture clockwise by 90 degrees


def cropped(image: Image.Image, width: int, height: int) -> Image.Image:
    """The centre of the photograph with that aspect, shrunk to that size."""
    scale = min(image.width / width, image.height / height)
    left, top = (image.width - width * scale) / 2, (image.height - height * scale) / 2
    box = (left, top, left + width * scale, top + height * scale)
    return image.resize((width, height), Image.Resampling.BICUBIC, box=box)


def posterised(image: Image.Image) -> Image.Image:
    return image.point(lambda value: (value + 8) // 17 * 17)


def recoloured(image: Image.Image) -> Image.Image:
    """Red fades to the left and blue towards the bottom."""
    pixels = np.asarray(image).astype(np.float64)
    pixels[:, :, 0] *= np.linspace(0.3, 1, image.width)
    pixels[:, :, 2] *= np.linspace(1, 0.3, image.height)[:, None]
    return Image.fromarray(pixels.astype(np.uint8))


def with_alpha(image: Image.Image) -> Image.Image:
    """Opaque at the top left, wholly transparent at the bottom right, with the colours kept underneath."""
    y, x = np.mgrid[0 : image.height, 0 : image.width]
    alpha = 255 - 320 * (x / image.width + y / image.height - 0.4)
    result = image.convert("RGBA")
    result.putalpha(Image.fromarray(alpha.clip(0, 255).astype(np.uint8)))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=PHOTOS_FOLDER, help="folder of the datasets-img-* packages")
    folder = parser.parse_args().photos
    FIXTURES.mkdir(exist_ok=True)

    boats = posterised(recoloured(cropped(photo(folder, "nagasaki-boats"), 320, 200)))
    boats.save(FIXTURES / "boats_rgb_320x200.png", optimize=True)
    acanthus = posterised(cropped(photo(folder, "acanthus-mollis"), 300, 401))
    acanthus.save(FIXTURES / "acanthus_rgb_300x401.png", optimize=True)
    airplane = cropped(photo(folder, "airplane-from-above"), 320, 200).convert("L")
    airplane.save(FIXTURES / "airplane_grey_320x200.png", optimize=True)
    allium = with_alpha(cropped(photo(folder, "allium-oreophilum"), 160, 213))
    allium.save(FIXTURES / "allium_rgba_160x213.png", optimize=True)

    # Chroma is not subsampled: decoders may differ in how they enlarge it, and orientation is what is tested.
    stored = cropped(photo(folder, "french-alpine-landscape"), 300, 200).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    stored.save(FIXTURES / "alps_orientation6_300x200.jpg", quality=90, subsampling=0, exif=exif)

    for path in sorted(FIXTURES.glob("*.[jp][pn]g")):
        size = path.stat().st_size
        assert size <= 60_000, f"{path.name}: {size} bytes"
        print(f"{path.name}: {size} bytes")


if __name__ == "__main__":
    main()

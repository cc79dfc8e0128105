"""What Pillow's resize and timm's eval transform make of generated images, as hashes. See README.md.

    python tests/oracle/make_transform_goldens.py        (4 GB of memory, two minutes)

fnv is 64-bit FNV-1a of bytes. The images come from `generate`, which tests/cpp/support/image_golden.h repeats.
"""
from pathlib import Path

import numpy as np
from PIL import Image
from timm.data import constants, create_transform

from golden_io import GoldenFolder

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
MEAN_STD = {
    "imagenet": (constants.IMAGENET_DEFAULT_MEAN, constants.IMAGENET_DEFAULT_STD),
    "inception": (constants.IMAGENET_INCEPTION_MEAN, constants.IMAGENET_INCEPTION_STD),
}

# (in_width, in_height, out_width, out_height)
RESIZES = [
    # down
    (640, 480, 331, 248), (480, 640, 248, 330), (500, 375, 330, 248), (1000, 750, 100, 75), (256, 256, 224, 224),
    (300, 200, 299, 199), (1024, 768, 64, 48), (777, 333, 50, 21), (2000, 1500, 248, 186), (512, 512, 1, 1),
    # up
    (64, 48, 331, 248), (100, 75, 330, 248), (10, 10, 248, 248), (223, 223, 224, 224), (3, 2, 300, 200),
    (199, 299, 200, 300), (2, 2, 97, 89), (31, 47, 480, 727),
    # up in one dimension, down in the other
    (50, 400, 200, 100), (400, 50, 100, 200), (1000, 3, 10, 248), (3, 1000, 248, 10),
    # only one dimension changes, or none
    (200, 100, 200, 57), (200, 100, 57, 100), (200, 100, 200, 301), (200, 100, 301, 100), (224, 224, 224, 224),
    (123, 45, 123, 45),
    # one pixel
    (1, 1, 1, 1), (1, 1, 248, 248), (1, 7, 248, 1736), (7, 1, 1736, 248), (640, 1, 100, 1), (1, 640, 1, 100),
    (640, 480, 1, 248), (640, 480, 331, 1), (2, 1, 1, 2), (1, 2, 3, 1),
    # extreme aspect
    (3000, 2, 248, 5), (2, 3000, 5, 248), (5000, 10, 40, 30), (10, 5000, 30, 40), (12000, 1, 224, 1),
    (1, 12000, 1, 224), (30000, 3, 77, 3),
    # primes
    (127, 131, 61, 67), (613, 419, 251, 173), (997, 991, 241, 239), (101, 103, 307, 311), (1009, 13, 17, 1013),
    (229, 227, 223, 211), (53, 59, 59, 53), (1999, 17, 263, 19), (7, 11, 13, 5), (2, 3, 5, 7), (89, 97, 83, 79),
    # where Pillow 13 starts with the vertical pass: the height shrinks by more than twice what the width shrinks by
    (100, 100, 80, 60), (100, 100, 80, 59), (300, 700, 100, 300), (300, 700, 100, 299), (100, 101, 100, 100),
    (540, 1200, 248, 551), (90, 2000, 60, 50), (90, 200, 120, 50),
    # one more or one less
    (248, 248, 249, 249), (249, 249, 248, 248), (332, 249, 331, 248), (4, 4, 5, 3), (5, 3, 4, 4), (17, 16, 16, 17),
]  # fmt: skip

# (input_width, input_height, interpolation, crop_pct, crop_mode, mean_std)
DINO = (224, 224, "bicubic", 0.9, "center", "imagenet")
CONFIGS = [
    DINO,
    (224, 224, "bilinear", 0.875, "center", "imagenet"),
    (224, 224, "bicubic", 0.875, "center", "inception"),
    (480, 480, "bicubic", 1.0, "center", "imagenet"),
    (480, 480, "bilinear", 0.9, "center", "inception"),
    (225, 225, "bicubic", 0.9, "center", "imagenet"),  # an odd margin: its half is rounded to even
    (240, 240, "bicubic", 0.6, "center", "imagenet"),  # 400 exactly; in single precision a little less
    (320, 192, "bicubic", 0.9, "center", "imagenet"),  # not square: timm's ResizeKeepRatio
    (191, 224, "bilinear", 1.0, "center", "imagenet"),
    (224, 224, "bicubic", 1.1, "center", "imagenet"),  # a crop larger than the image: padded
    (224, 224, "bicubic", 0.9, "squash", "imagenet"),
    (224, 224, "bicubic", 0.9, "border", "imagenet"),
    (224, 160, "bilinear", 1.0, "border", "inception"),
]
SIZES = [
    (640, 480), (480, 640), (248, 248), (224, 224), (331, 248), (100, 75), (1, 1), (37, 53), (17, 499), (997, 613),
    (225, 301), (1500, 40), (799, 800), (540, 1200), (301, 2003),
]  # fmt: skip
LARGE_SIZES = [(1, 12000), (12000, 1), (4000, 3000), (12000, 9000)]  # with DINO only


def generate(width: int, height: int, channels: int) -> np.ndarray:
    """(height, width, channels) uint8: patches of noise, of slopes and of hard edges."""
    image = np.empty((height, width, channels), np.uint8)
    u32 = np.uint32
    for top in range(0, height, 256):
        y, x, c = (axis.astype(u32) for axis in np.ogrid[top : min(top + 256, height), :width, :channels])
        noise = x * u32(0x9E3779B1) + y * u32(0x85EBCA77) + c * u32(0xC2B2AE3D) + u32(0x27D4EB2F)
        noise = (noise ^ (noise >> u32(15))) * u32(0x2C1B3C6D)
        noise = (noise ^ (noise >> u32(12))) * u32(0x297A2D39)
        slope = x + u32(2) * y + u32(85) * c
        edges = ((x // u32(5) + y // u32(7) + c) & u32(1)) * u32(255)
        patch = (x // u32(32) + y // u32(24)) % u32(3)
        value = np.where(patch == 0, noise >> u32(24), np.where(patch == 1, slope & u32(255), edges))
        image[top : top + 256] = value.astype(np.uint8)
    return image


def fnv(data: bytes) -> str:
    state = 0xCBF29CE484222325
    for byte in data:
        state = ((state ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{state:016x}"


def resize_rows():
    for in_width, in_height, out_width, out_height in RESIZES:
        image = Image.fromarray(generate(in_width, in_height, 3))
        for name, resample in FILTERS.items():
            resized = image.resize((out_width, out_height), resample)
            yield in_width, in_height, out_width, out_height, name, fnv(resized.tobytes())


def transform_row(width, height, channels, config):
    input_width, input_height, interpolation, crop_pct, crop_mode, mean_std = config
    mean, std = MEAN_STD[mean_std]
    transform = create_transform(
        input_size=(3, input_height, input_width),
        is_training=False,
        interpolation=interpolation,
        crop_pct=crop_pct,
        crop_mode=crop_mode,
        mean=mean,
        std=std,
    )
    pixels = generate(width, height, channels)
    image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).convert("RGB")
    *resize_and_crop, to_tensor, normalize = transform.transforms
    for step in resize_and_crop:
        image = step(image)
    planes = normalize(to_tensor(image)).numpy()
    flat = planes.ravel()
    samples = [f"{flat[k * (flat.size - 1) // 7]:.9g}" for k in range(8)]
    return (width, height, channels, *config, fnv(image.tobytes()), fnv(planes.astype("<f4").tobytes()), *samples)


def transform_rows():
    for config in CONFIGS:
        for width, height in SIZES:
            yield transform_row(width, height, 3, config)
    for channels in (1, 4):
        for width, height in SIZES:
            yield transform_row(width, height, channels, DINO)
    for width, height in LARGE_SIZES:
        yield transform_row(width, height, 3, DINO)


def table(rows) -> str:
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def main() -> None:
    folder = GoldenFolder("image", Path(__file__).name)
    folder.save_text(
        "resize",
        table(resize_rows()),
        "in_width in_height out_width out_height interpolation fnv; fnv of Image.resize's RGB bytes, row by row",
    )
    folder.save_text(
        "transform",
        table(transform_rows()),
        "width height channels input_width input_height interpolation crop_pct crop_mode mean_std pixels planes "
        "samples; pixels: fnv of the RGB bytes before ToTensor; planes: fnv of the little-endian (3, H, W) float32; "
        "samples: eight of those floats, evenly spread over the flat index from first to last",
    )
    folder.close()


if __name__ == "__main__":
    main()

"""Named preparations of images, for tests/js/preprocess.test.mjs: hashes of the bytes before normalisation.

    python tests/oracle/make_preprocess_goldens.py
"""
import hashlib

from PIL import Image
from timm.data import create_transform
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from golden_io import REPO, GoldenFolder

FIXTURES = REPO / "tests" / "fixtures"
SIZES = {"224": (224, 224), "96x160": (96, 160)}  # (height, width)


def dino_eval(size):
    """facebookresearch/dino eval_knn.py: Resize(256, interpolation=3), CenterCrop(224), of square inputs."""
    height, width = size
    if height != width:
        return None
    steps = [transforms.Resize(height * 256 // 224, interpolation=InterpolationMode.BICUBIC), transforms.CenterCrop(height)]
    return transforms.Compose(steps)


def huggingface(size):
    """transformers' ViTImageProcessor with Pillow: image.resize((width, height), resample=2)."""
    return lambda image: image.resize(size[::-1], Image.Resampling.BILINEAR)


def squash(size):
    """facebookresearch/dino visualize_attention.py: Resize(image_size) of both sides, with the model's bicubic."""
    return transforms.Resize(size, interpolation=InterpolationMode.BICUBIC)


def timm_crop(crop_mode):
    def make(size):
        whole = create_transform((3, *size), is_training=False, crop_pct=1.0, crop_mode=crop_mode, interpolation="bicubic")
        return transforms.Compose(whole.transforms[:-2])  # without ToTensor and Normalize

    return make


RECIPES = {
    "dino-eval": dino_eval,
    "huggingface": huggingface,
    "squash": squash,
    "pad": timm_crop("border"),
    "no-crop": timm_crop("center"),
}


def main() -> None:
    folder = GoldenFolder("preprocess", "make_preprocess_goldens.py")
    hashes = {}
    for path in sorted(FIXTURES.glob("*.png")):
        image = Image.open(path).convert("RGB")
        for recipe, make in RECIPES.items():
            for name, size in SIZES.items():
                transform = make(size)
                if transform is None:
                    continue
                pixels = transform(image)
                assert pixels.size == size[::-1], (recipe, pixels.size)
                hashes[f"{path.name} {recipe} {name}"] = hashlib.sha256(pixels.tobytes()).hexdigest()
    folder.save_json("sha256", hashes, "SHA-256 of the height x width x 3 bytes before normalisation")
    folder.close()


if __name__ == "__main__":
    main()

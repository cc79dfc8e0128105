"""End-to-end goldens: image file -> timm's eval transform -> embedding and classes. See README.md.

    python tests/oracle/make_photo_goldens.py [--photos node_modules/@stdlib]
"""
import argparse
import hashlib
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image, ImageOps
from timm.models.vision_transformer import VisionTransformer

import reference
from golden_io import FIXTURES, GoldenFolder
from photos import PHOTOS_FOLDER, package, photo_path

PHOTOS = (
    "acanthus-mollis",
    "airplane-from-above",
    "black-canyon",
    "locomotion-house-cat",
    "march-pastoral",
    "nagasaki-boats",
)
DINO = "vit_base_patch16_224.dino"
DINO_FIXTURE = "boats_rgb_320x200.png"
SCRIPT = Path(__file__).name
HOW = [
    "ImageOps.exif_transpose(Image.open(file)).convert('RGB')",
    "create_transform(**resolve_model_data_config(model), is_training=False)",
]


def transform_of(model: VisionTransformer):
    return timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)


def opened(path: Path) -> Image.Image:
    """Upright, alpha dropped. Without an EXIF orientation this is Image.open(path).convert("RGB")."""
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


@torch.no_grad()
def embedding(model: VisionTransformer, image: Image.Image) -> torch.Tensor:
    features = model.forward_features(transform_of(model)(image)[None])
    return model.forward_head(features, pre_logits=True)[0]


@torch.no_grad()
def save_nano(folder: GoldenFolder, model: VisionTransformer, labels: list[str], files: dict[str, Path]) -> None:
    embeddings, records = [], []
    for name, path in files.items():
        image = opened(path)
        resize, crop = transform_of(model).transforms[:2]
        pixels = np.asarray(crop(resize(image)))
        embeddings.append(embedding(model, image))
        probability, index = torch.topk(model.head(embeddings[-1]).softmax(0), 5)
        top5 = [{"index": int(i), "label": labels[i], "probability": float(p)} for p, i in zip(probability, index)]
        best = ", ".join(f"{entry['label']} {entry['probability']:.3f}" for entry in top5[:3])
        print(f"{name}: {best}")
        record = {"file": name, "width": image.width, "height": image.height}
        records.append(record | {"cropSha256": hashlib.sha256(pixels.tobytes()).hexdigest(), "top5": top5})
    about = "the images in order: upright size, SHA-256 of the resized and cropped RGB bytes (224 x 224 x 3), classes"
    folder.save_json("images", records, about)
    folder.save("nano_embedding", torch.stack(embeddings).numpy(), "forward_head(pre_logits=True), a row an image")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=PHOTOS_FOLDER, help="folder of the datasets-img-* packages")
    photos = parser.parse_args().photos
    nano = reference.nano()
    labels = (reference.NANO_FOLDER / "labels.txt").read_text(encoding="utf-8").splitlines()

    folder = GoldenFolder("fixtures", SCRIPT, how=HOW)
    fixtures = sorted(path for path in FIXTURES.iterdir() if path.suffix in (".png", ".jpg"))
    save_nano(folder, nano, labels, {path.name: path for path in fixtures})
    dino = embedding(reference.dino(DINO), opened(FIXTURES / DINO_FIXTURE)).numpy()
    folder.save("dino_base_embedding", dino, f"{DINO} with generated weights on {DINO_FIXTURE}")
    folder.close()

    folder = GoldenFolder("photos", SCRIPT, how=HOW, packages=[package(photos, name) for name in PHOTOS])
    paths = [photo_path(photos, name) for name in PHOTOS]
    save_nano(folder, nano, labels, {path.relative_to(photos).as_posix(): path for path in paths})
    folder.close()


if __name__ == "__main__":
    main()

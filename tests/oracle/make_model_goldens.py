"""Goldens of whole models: timm, fp32, CPU, on generated images. See README.md.

    python tests/oracle/make_model_goldens.py
"""
import hashlib
from pathlib import Path

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer

import reference
from generated import inputs
from golden_io import REPO, GoldenFolder

FULL = "vit_base_patch16_224.dino"
FORWARD_ONLY = ("vit_small_patch16_224.dino", "vit_small_patch8_224.dino", "vit_base_patch8_224.dino")
SCRIPT = Path(__file__).name


def golden_folder(name: str, model: VisionTransformer, weights: str) -> GoldenFolder:
    tensors, parameters = reference.count(model)
    print(f"{name}: {tensors} tensors, {parameters:,} parameters")
    images = 'generated tensors "input" and "input.1", 3 x 224 x 224, standing for normalised images'
    return GoldenFolder(name, SCRIPT, weights=weights, images=images, tensors=tensors, parameters=parameters)


@torch.no_grad()
def save_everything(folder: GoldenFolder, model: VisionTransformer) -> None:
    images = inputs(2, 224)
    features = model.forward_features(images)
    embedding = model.forward_head(features, pre_logits=True).numpy()
    folder.save("forward", model(images).numpy(), "model(x), both images")
    folder.save("forward_head_pre_logits", embedding, "model.forward_head(f, pre_logits=True), both images")
    folder.save("forward_features", features[0].numpy(), "model.forward_features(x), image 0")

    attention = reference.cls_attention(model, images)
    folder.save("attention", attention, "softmaxed CLS-to-patch attention by layer and head, image 0")

    blocks = reference.block_outputs(model, images)
    exact = blocks.astype(np.float64)
    stats = np.stack([exact.mean((1, 2)), exact.min((1, 2)), exact.max((1, 2))], 1)
    norms = np.sqrt((exact**2).sum(-1)).astype(np.float32)
    fractions = reference.fraction16(blocks)
    folder.save("blocks_fraction16", fractions, "every block's output x, image 0: round(65536 x) mod 65536")
    folder.save("blocks_stats", stats, "mean, minimum, maximum of every block's output, image 0")
    folder.save("blocks_token_norms", norms, "L2 norm of every token after every block, image 0")
    folder.close()

    reference.describe_activations(blocks, attention)
    a, b = embedding.astype(np.float64)
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    print(f"  embedding std {a.std():.3f}; cosine of the two images {cosine:.4f}")


@torch.no_grad()
def save_forward(folder: GoldenFolder, model: VisionTransformer) -> None:
    images = inputs(1, 224)
    folder.save("forward", model(images).numpy(), "model(x), image 0")
    last = reference.cls_attention(model, images)[-1]
    folder.save("attention_last", last, "softmaxed CLS-to-patch attention of the last layer by head, image 0")
    folder.close()


def main() -> None:
    model = reference.dino(FULL)
    assert reference.count(model) == (150, 85_798_656)
    save_everything(golden_folder(FULL, model, "generated"), model)
    for name in FORWARD_ONLY:
        model = reference.dino(name)
        save_forward(golden_folder(name, model, "generated"), model)

    model = reference.nano()
    sha256 = hashlib.sha256(reference.NANO_WEIGHTS.read_bytes()).hexdigest()
    weights = f"{reference.NANO_WEIGHTS.relative_to(REPO).as_posix()} (fp16, SHA-256 {sha256}) in fp32"
    save_everything(golden_folder(reference.NANO, model, weights), model)


if __name__ == "__main__":
    main()

"""What the relatives of DINO's ViT differ in, on small timm models with generated weights: registers, CLIP's pre-norm
and quick GELU, pooling and where the last norm stands. For tests/cpp/family_test.cc and tests/js/classifier.test.mjs."""
from functools import partial

import numpy as np
import timm.layers
import torch
from timm.models.vision_transformer import VisionTransformer

from generated import generate, inputs, load_generated
from golden_io import GoldenFolder

SIZES = dict(img_size=64, patch_size=16, embed_dim=64, depth=3, num_heads=2, num_classes=5)
MODELS = {
    "registers": dict(reg_tokens=4, no_embed_class=True, init_values=1e-5),
    "registers_embedded": dict(reg_tokens=2, global_pool="avg"),
    "clip": dict(pre_norm=True, act_layer="quick_gelu", norm_layer=partial(timm.layers.LayerNorm, eps=1e-5)),
    "avg": dict(global_pool="avg"),
    "avg_after_norm": dict(global_pool="avg", fc_norm=False),
    "token_before_norm": dict(fc_norm=True),
    "none": dict(global_pool=""),
    "none_before_norm": dict(global_pool="", fc_norm=True),
}
RESET = [(3, "avg"), (4, "token"), (2, ""), (0, None)]


def save(folder: GoldenFolder, name: str, tensor: torch.Tensor, about: str) -> None:
    folder.save(name, tensor.numpy(), about)


def reset_classifier(model: VisionTransformer, classes: int, pool: str | None) -> None:
    """With generated values in the place of timm's random ones."""
    model.reset_classifier(classes, pool)
    for leaf, parameter in model.head.named_parameters():
        parameter.copy_(torch.from_numpy(generate(f"head.{leaf}", tuple(parameter.shape))))


@torch.no_grad()
def main() -> None:
    folder = GoldenFolder("family", "make_family_goldens.py", sizes=SIZES, models=list(MODELS), reset=RESET)
    images = inputs(2, SIZES["img_size"])
    for name, arguments in MODELS.items():
        model = load_generated(VisionTransformer(**SIZES, **arguments))
        features, (block,) = model.forward_intermediates(
            images, indices=[1], norm=True, return_prefix_tokens=False, output_fmt="NLC"
        )
        save(folder, f"{name}_forward", model(images), "model(x) of two generated inputs")
        save(folder, f"{name}_pre_logits", model.forward_head(features, pre_logits=True), "before the classifier")
        save(folder, f"{name}_features", features[0], "model.forward_features(x), image 0")
        save(folder, f"{name}_block1_norm", block[0], "patches of forward_intermediates(x, [1], norm=True), image 0")
    for name in ("avg", "avg_after_norm"):
        model = load_generated(VisionTransformer(**SIZES, **MODELS[name]))
        for classes, pool in RESET:
            reset_classifier(model, classes, pool)
            about = f"model(x[:1]) after reset_classifier({classes}, {pool!r}), one after the other"
            save(folder, f"{name}_reset{classes}", model(images[:1]), about)
    x = np.concatenate([np.linspace(-12, 12, 2401), [-200, -100, -60, -52, 60, 100, 200]]).astype(np.float32)
    x = np.concatenate([x, np.zeros(-len(x) % 4, np.float32)])  # the engine takes four at a time
    gelu = timm.layers.get_act_layer("quick_gelu")()(torch.from_numpy(x))
    folder.save("quick_gelu", np.stack([x, gelu.numpy()]), "x, QuickGELU(x)")
    folder.close()


if __name__ == "__main__":
    main()

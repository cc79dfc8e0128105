"""DINO's linear probes on a small timm model with generated weights, for tests/cpp/head_test.cc.

The features are those of facebookresearch/dino's eval_linear.py: the normed CLS tokens of the last n blocks, and with
--avgpool_patchtokens (ViT-B, n = 1) the last CLS token beside the mean of the last patch tokens on a new last
dimension, which the reshape then interleaves.
"""
import torch
from timm.models.vision_transformer import VisionTransformer

from generated import generate, inputs, load_generated
from golden_io import GoldenFolder

MODEL = dict(img_size=48, patch_size=16, embed_dim=64, depth=5, num_heads=2, num_classes=0)
CLASSES = 10
PROBES = {"cls4": (4, False), "cls1_mean": (1, True), "cls1": (1, False)}  # n_last_blocks, avgpool_patchtokens


@torch.no_grad()
def main() -> None:
    folder = GoldenFolder("head", "make_head_goldens.py", model=MODEL, classes=CLASSES)
    model = load_generated(VisionTransformer(**MODEL))
    images = inputs(2, MODEL["img_size"])
    for name, (n, avgpool) in PROBES.items():
        outputs = model.get_intermediate_layers(images, n, return_prefix_tokens=True, norm=True)
        features = torch.cat([prefix[:, 0] for _, prefix in outputs], -1)
        if avgpool:
            features = torch.cat((features.unsqueeze(-1), outputs[-1][0].mean(1).unsqueeze(-1)), -1)
            features = features.reshape(features.shape[0], -1)
        linear = torch.nn.Linear(features.shape[1], CLASSES)
        shapes = {key: tuple(value.shape) for key, value in linear.state_dict().items()}
        linear.load_state_dict({key: torch.from_numpy(generate(f"linear.{key}", shape)) for key, shape in shapes.items()})
        folder.save(name, linear(features).numpy(), f"logits of both images, {features.shape[1]} features")
    folder.close()


if __name__ == "__main__":
    main()

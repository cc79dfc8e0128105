"""DINO's linear probes on a small timm model with generated weights, for tests/cpp/head_test.cc.

The features are those of facebookresearch/dino's eval_linear.py: the normed CLS tokens of the last n blocks, and with
--avgpool_patchtokens (ViT-B, n = 1) the last CLS token beside the mean of the last patch tokens on a new last
dimension, which the reshape then interleaves.
"""
import torch
from timm.models.vision_transformer import VisionTransformer

from generated import inputs, load_generated
from golden_io import GoldenFolder

MODEL = dict(img_size=48, patch_size=16, embed_dim=64, depth=5, num_heads=2, num_classes=0)
CLASSES = 10
PROBES = {"cls4": (4, False), "cls1_mean": (1, True), "cls1": (1, False)}  # n_last_blocks, avgpool_patchtokens


class LinearClassifier(torch.nn.Module):
    """eval_linear.py's: `linear` is its only layer."""

    def __init__(self, features: int):
        super().__init__()
        self.linear = torch.nn.Linear(features, CLASSES)
        load_generated(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x)


def checkpoint(probe: LinearClassifier) -> dict:
    """eval_linear.py's save_dict: the model comes wrapped in DistributedDataParallel, hence `module.`; SGD's momentum
    has the same shapes as the layer."""
    optimizer = torch.optim.SGD(probe.parameters(), 0.0, momentum=0.9, weight_decay=0)
    for parameter in probe.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    state = {f"module.{key}": value for key, value in probe.state_dict().items()}
    return {"epoch": 100, "state_dict": state, "optimizer": optimizer.state_dict(), "best_acc": 77.0}


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
        probe = LinearClassifier(features.shape[1])
        folder.save(name, probe(features).numpy(), f"logits of both images, {features.shape[1]} features")
        torch.save(checkpoint(probe), folder.path / f"{name}.pth")
        folder.meta["files"][f"{name}.pth"] = "the probe as eval_linear.py saves it"
    folder.close()


if __name__ == "__main__":
    main()

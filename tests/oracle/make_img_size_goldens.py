"""timm's create_model(img_size=...) on a checkpoint of another size, for tests/cpp/img_size_test.cc."""
import torch
from timm.models.vision_transformer import VisionTransformer

from generated import generate, load_generated
from golden_io import GoldenFolder

MODEL = dict(img_size=96, patch_size=16, embed_dim=64, depth=3, num_heads=2, num_classes=0)
SIZES = [(96, 96), (64, 64), (160, 160), (64, 112)]


@torch.no_grad()
def main() -> None:
    folder = GoldenFolder("img_size", "make_img_size_goldens.py", model=MODEL)
    for height, width in SIZES:
        model = load_generated(VisionTransformer(**MODEL))
        model.set_input_size(img_size=(height, width))  # resamples pos_embed as create_model does
        image = torch.from_numpy(generate("input", (3, height, width)))[None]
        folder.save(f"{height}x{width}", model(image).numpy(), "model(x) of the generated input of that size")
    folder.close()


if __name__ == "__main__":
    main()

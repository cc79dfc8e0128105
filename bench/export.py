"""The files that the bench runs on: models as safetensors and ONNX with the same weights, photos as timm sees them.

    python bench/export.py model NAME FOLDER
        FOLDER/model.safetensors                 timm's state_dict (generated weights; not for the packaged model)
        FOLDER/config.json                       for transformers.js
        FOLDER/onnx/model.onnx                   pixel_values (batch, 3, H, W) -> embedding (batch, dim), fp32
        FOLDER/onnx/model_quantized.onnx         onnxruntime's dynamic int8: weights and activations 8 bits per tensor
        FOLDER/onnx/model_quantized_channel.onnx the same with weights per output channel
    python bench/export.py photos FOLDER IMAGES...
        FOLDER/images.f32                        (photos, 3, 224, 224): timm's transform of each different photo
        FOLDER/reference.f32                     (photos, dim): the packaged model's embeddings by timm, fp32
        FOLDER/photos.json                       {"files": [...]}
"""
import hashlib
import json
import sys
from pathlib import Path

import safetensors.torch
import timm
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "oracle"))
from generated import inputs  # noqa: E402
from reference import NANO, dino, nano  # noqa: E402


def embedder(name: str) -> torch.nn.Module:
    """The model without its classifier: forward gives the embedding."""
    if name != NANO:
        return dino(name)
    model = nano()
    model.reset_classifier(0)
    return model.eval()


def export_model(name: str, folder: Path) -> None:
    model = embedder(name)
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    if name != NANO:
        safetensors.torch.save_file(model.state_dict(), folder / "model.safetensors")
    config = {"model_type": "vit", "architectures": ["ViTModel"], "hidden_size": model.embed_dim}
    (folder / "config.json").write_text(json.dumps(config))

    onnx = folder / "onnx" / "model.onnx"
    torch.onnx.export(
        model,
        (inputs(2, model.patch_embed.img_size[0]),),
        onnx,
        input_names=["pixel_values"],
        output_names=["embedding"],
        dynamic_shapes={"x": {0: torch.export.Dim("batch")}},
        opset_version=18,
        dynamo=True,
        external_data=False,
    )
    # The patch embedding stays fp32: onnxruntime's ConvInteger is slower than its Conv.
    for suffix, per_channel in (("", False), ("_channel", True)):
        target = onnx.with_name(f"model_quantized{suffix}.onnx")
        quantize_dynamic(
            onnx, target, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"], per_channel=per_channel
        )


def different_photos(paths: list[str]) -> dict[str, Image.Image]:
    """Path → photo; a photo whose pixels were seen before is left out."""
    seen, photos = set(), {}
    for path in sorted(paths):
        image = Image.open(path).convert("RGB")
        digest = hashlib.sha256(image.tobytes()).digest()
        if digest not in seen:
            photos[path] = image
        seen.add(digest)
    return photos


@torch.no_grad()
def export_photos(folder: Path, paths: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model = embedder(NANO)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    photos = different_photos(paths)
    images = torch.stack([transform(photo) for photo in photos.values()])
    embeddings = torch.cat([model(batch) for batch in images.split(16)])
    images.numpy().astype("<f4").tofile(folder / "images.f32")
    embeddings.numpy().astype("<f4").tofile(folder / "reference.f32")
    (folder / "photos.json").write_text(json.dumps({"files": list(photos)}))


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "model":
        export_model(arguments[0], Path(arguments[1]))
    elif what == "photos":
        export_photos(Path(arguments[0]), arguments[1:])
    else:
        raise SystemExit(__doc__)

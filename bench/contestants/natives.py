"""Contestants outside the browser's world: PyTorch with timm, and Pillow. Libraries are imported where they are used,
so that loading them counts as loading."""
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent


class PyTorch:
    """timm's model in fp32."""

    def __init__(self, model, folder, threads, **_):
        import safetensors.torch
        import timm
        import torch

        torch.set_num_threads(threads)
        sys.path.insert(0, str(BENCH.parent / "tests" / "oracle"))
        from generated import inputs

        self.torch, self.inputs = torch, inputs
        self.model = timm.create_model(model, pretrained=False).eval()
        self.model.load_state_dict(safetensors.torch.load_file(f"{folder}/model.safetensors"))
        self.info = {"version": f"PyTorch {torch.__version__}, timm {timm.__version__}", "threads": torch.get_num_threads()}
        self.prepare(1)

    def prepare(self, batch):
        self.batch = self.inputs(batch, 224)

    def run(self):
        with self.torch.inference_mode():
            self.embeddings = self.model(self.batch)

    def outputs(self):
        return self.embeddings.flatten().tolist()


class Pillow:
    """Pillow's resize, and timm's transform around it, of an RGBA photo."""

    def __init__(self, pixels, width, height, **_):
        import PIL
        from PIL import Image

        self.image = Image.frombytes("RGBA", (width, height), Path(pixels).read_bytes())
        self.rgb = self.image.convert("RGB")
        self.size = (int(248 * width / height), 248)
        self.bicubic = Image.Resampling.BICUBIC
        self.info = {"version": f"Pillow {PIL.__version__}", "threads": 1, "size": self.size}
        self.transform = None

    def run(self):
        """The resize alone, of three channels."""
        self.rgb.resize(self.size, self.bicubic)

    def convert_and_resize(self):
        self.image.convert("RGB").resize(self.size, self.bicubic)

    def load_timm(self, data_config):
        import timm
        import torch

        torch.set_num_threads(1)
        config = {**data_config, "mean": tuple(data_config["mean"]), "std": tuple(data_config["std"])}
        self.transform = timm.data.create_transform(**config, is_training=False)

    def timm_transform(self):
        self.tensor = self.transform(self.image.convert("RGB"))

    def save(self, path):
        self.tensor.numpy().astype("<f4").tofile(path)

"""Makes every golden and fixture again: the one command of README.md.

    python tests/oracle/make_all.py [--photos node_modules/@stdlib]
"""
import argparse
import subprocess
import sys
from pathlib import Path

from photos import PHOTOS_FOLDER

HERE = Path(__file__).parent
SCRIPTS = (
    "make_family_goldens.py",
    "make_generated_goldens.py",
    "make_group_goldens.py",
    "make_head_goldens.py",
    "make_hub_goldens.py",
    "make_img_size_goldens.py",
    "make_index_goldens.py",
    "make_int8_goldens.py",
    "make_layout_goldens.py",
    "make_model_goldens.py",
    "make_parity_goldens.py",
    "make_outputs_goldens.py",
    "make_pos_embed_goldens.py",
    "make_preprocess_goldens.py",
    "make_recipe_goldens.py",  # reads the packaged model's attention, which make_model_goldens.py writes
    "make_registry_goldens.py",
    "make_safetensors_goldens.py",
    "make_search_goldens.py",
    "make_torch_goldens.py",
    "make_transform_goldens.py",
)
PHOTO_SCRIPTS = ("make_fixtures.py", "make_photo_goldens.py")  # the second reads what the first writes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=PHOTOS_FOLDER, help="folder of the datasets-img-* packages")
    photos = parser.parse_args().photos
    commands = [[script] for script in SCRIPTS] + [[script, "--photos", photos] for script in PHOTO_SCRIPTS]
    for script, *arguments in commands:
        print(f"== {script}", flush=True)
        subprocess.run([sys.executable, HERE / script, *arguments], check=True)


if __name__ == "__main__":
    main()

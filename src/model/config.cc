#include "model/config.h"

#include "base/error.h"

namespace vitreous {
namespace {

void require(bool ok, const VitConfig& config, const std::string& what) {
  if (!ok)
    throw Error(code::kInvalidArgument,
                "The configuration of " + config.name + " is impossible: " + what + ".");
}

}  // namespace

void VitConfig::check() const {
  auto in_range = [&](int value, int low, int high, const char* field) {
    require(value >= low && value <= high, *this,
            std::string(field) + " is " + std::to_string(value) + ", not " + std::to_string(low) + " to " +
                std::to_string(high));
  };
  in_range(patch_size, 1, 256, "patch_size");
  in_range(image_height, patch_size, 8192, "the image height");
  in_range(image_width, patch_size, 8192, "the image width");
  in_range(pretrained_height, 0, 8192, "the pretrained image height");
  in_range(pretrained_width, 0, 8192, "the pretrained image width");
  in_range(depth, 1, 256, "depth");
  in_range(heads, 1, 256, "heads");
  in_range(dim, 4, 16384, "dim");
  in_range(mlp_dim, 4, 65536, "mlp_dim");
  in_range(reg_tokens, 0, 256, "reg_tokens");
  in_range(num_classes, 0, 1 << 20, "num_classes");
  require(dim % heads == 0, *this, "dim is not a multiple of heads");
  require(dim % 4 == 0, *this, "dim is not a multiple of 4");
  require(image_height % patch_size == 0 && image_width % patch_size == 0, *this,
          "the image size " + std::to_string(image_height) + " × " + std::to_string(image_width) +
              " is not a multiple of the patch size " + std::to_string(patch_size));
  require(norm_eps > 0, *this, "norm_eps is not positive");
}

}  // namespace vitreous

#include "model/loader.h"

#include <string>
#include <vector>

namespace vitreous {

ModelLoader::ModelLoader(const VitConfig& config, std::optional<uint64_t> file_size)
    : config_(config),
      builder_(config),
      reader_(
          [this](Header& header) {
            // A model made without a classifier takes a checkpoint with one, as create_model(num_classes=0)
            // does.
            std::vector<std::string> ignored;
            if (config_.num_classes == 0) ignored = {"head.weight", "head.bias"};
            check_tensors(header, builder_.tensors(), ignored);
          },
          [this](const TensorInfo& tensor, std::vector<float>&& values) {
            builder_.set(tensor.name, std::move(values));
          },
          file_size) {}

std::unique_ptr<VisionTransformer> ModelLoader::finish() {
  reader_.finish();
  return std::make_unique<VisionTransformer>(config_, builder_.take());
}

}  // namespace vitreous

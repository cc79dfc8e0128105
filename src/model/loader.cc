#include "model/loader.h"

#include <string>
#include <vector>

namespace vitreous {

ModelLoader::ModelLoader(const VitConfig& config) : config_(config), builder_(config) {}

void ModelLoader::begin_file(std::optional<uint64_t> size) {
  reader_ = std::make_unique<SafetensorsReader>(
      [this](Header& header) {
        // A model made without a classifier takes a checkpoint with one, as create_model(num_classes=0) does.
        std::vector<std::string> ignored;
        if (config_.num_classes == 0) ignored = {"head.weight", "head.bias"};
        check_tensors(header, builder_.tensors(), ignored);
      },
      [this](const TensorInfo& tensor, std::vector<float>&& values) {
        builder_.set(tensor.name, std::move(values));
      },
      size);
}

void ModelLoader::push(const uint8_t* bytes, size_t n) { reader_->push(bytes, n); }

void ModelLoader::end_file() { reader_->finish(); }

std::optional<uint64_t> ModelLoader::expected_bytes() const {
  return reader_ ? reader_->file_size() : std::nullopt;
}

std::unique_ptr<VisionTransformer> ModelLoader::finish() {
  return std::make_unique<VisionTransformer>(config_, builder_.take());
}

}  // namespace vitreous

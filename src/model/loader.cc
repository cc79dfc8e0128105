#include "model/loader.h"

#include <string>
#include <vector>

namespace vitreous {

namespace {

VitConfig without_classifier(VitConfig config) {
  config.num_classes = 0;
  return config;
}

}  // namespace

ModelLoader::ModelLoader(const VitConfig& config, bool head)
    : config_(head ? without_classifier(config) : config), builder_(config_) {}

void ModelLoader::begin_file(std::optional<uint64_t> size) {
  reader_ = std::make_unique<CheckpointReader>(
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

void ModelLoader::begin_head(std::optional<uint64_t> size) {
  head_reader_ = std::make_unique<HeadReader>(config_, size);
}

void ModelLoader::push(const uint8_t* bytes, size_t n) {
  if (head_reader_) return head_reader_->push(bytes, n);
  reader_->push(bytes, n);
}

void ModelLoader::end_file() {
  if (head_reader_) {
    head_ = head_reader_->finish();
    head_reader_ = nullptr;
    return;
  }
  reader_->finish();
  reader_ = nullptr;
}

std::optional<uint64_t> ModelLoader::expected_bytes() const {
  if (head_reader_) return head_reader_->file_size();
  return reader_ ? reader_->file_size() : std::nullopt;
}

std::unique_ptr<VisionTransformer> ModelLoader::finish() {
  VitWeights weights = builder_.take();
  if (head_) {
    config_.num_classes = head_.classes;
    weights.head = std::move(head_);
  }
  return std::make_unique<VisionTransformer>(config_, std::move(weights));
}

}  // namespace vitreous

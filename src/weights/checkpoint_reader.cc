#include "weights/checkpoint_reader.h"

#include <algorithm>

namespace vitreous {

void CheckpointReader::push(const uint8_t* bytes, size_t size) {
  if (!safetensors_ && !torch_) {
    const size_t taken = std::min(size, TorchReader::kHeadSize - head_.size());
    head_.append(reinterpret_cast<const char*>(bytes), taken);
    bytes += taken;
    size -= taken;
    if (head_.size() < TorchReader::kHeadSize) return;
    choose();
  }
  if (size == 0) return;
  if (torch_) return torch_->push(bytes, size);
  safetensors_->push(bytes, size);
}

void CheckpointReader::finish() {
  if (!safetensors_ && !torch_) choose();
  if (torch_) return torch_->finish();
  safetensors_->finish();
}

void CheckpointReader::choose() {
  const auto* head = reinterpret_cast<const uint8_t*>(head_.data());
  if (TorchReader::recognises({head, head_.size()})) {
    torch_ = std::make_unique<TorchReader>(on_header_, on_tensor_, total_size_);
    torch_->push(head, head_.size());
  } else {
    safetensors_ = std::make_unique<SafetensorsReader>(on_header_, on_tensor_, total_size_, on_int8_tensor_);
    safetensors_->push(head, head_.size());
  }
}

}  // namespace vitreous

// Reads a checkpoint of either format, safetensors or PyTorch's, told apart by its first bytes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "weights/safetensors.h"
#include "weights/torch_reader.h"

namespace vitreous {

// Callbacks, errors and memory are those of SafetensorsReader and TorchReader.
class CheckpointReader {
 public:
  using OnHeader = SafetensorsReader::OnHeader;
  using OnTensor = SafetensorsReader::OnTensor;
  using OnInt8Tensor = SafetensorsReader::OnInt8Tensor;

  CheckpointReader(OnHeader on_header, OnTensor on_tensor, std::optional<uint64_t> total_size = {},
                   OnInt8Tensor on_int8_tensor = {})
      : on_header_(std::move(on_header)),
        on_tensor_(std::move(on_tensor)),
        on_int8_tensor_(std::move(on_int8_tensor)),
        total_size_(total_size) {}

  void push(const uint8_t* bytes, size_t size);
  void finish();

  // In bytes, as a safetensors header says; nothing before it is there, and for PyTorch's files.
  std::optional<uint64_t> file_size() const {
    return safetensors_ ? safetensors_->file_size() : std::nullopt;
  }

 private:
  void choose();

  OnHeader on_header_;
  OnTensor on_tensor_;
  OnInt8Tensor on_int8_tensor_;
  std::optional<uint64_t> total_size_;
  std::string head_;  // the first bytes, until they tell
  std::unique_ptr<SafetensorsReader> safetensors_;
  std::unique_ptr<TorchReader> torch_;
};

}  // namespace vitreous

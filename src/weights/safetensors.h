// Reads a safetensors checkpoint that arrives in pieces of any size (network chunks, file blocks) and hands
// on one tensor at a time as float32: memory never holds more than one beside what the receiver keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "weights/failure.h"
#include "weights/safetensors_header.h"
#include "weights/values.h"

namespace vitreous {

// The codes thrown, besides those of parse_header and of the callbacks (check_tensors): CHECKPOINT_TRUNCATED,
// CHECKPOINT_OVERSIZED (a header above 100 MB, the format's limit), CHECKPOINT_FORMAT (not safetensors at
// all: the message says what it looks like; or bytes after the last tensor), TENSOR_NOT_FINITE and
// OUT_OF_MEMORY. After an error the reader stays failed: every further call throws the same again.
class SafetensorsReader {
 public:
  // Called once, when the whole header is there and consistent, before the first tensor: the place for
  // check_tensors. It may set TensorInfo::skip and must leave the rest as it is.
  using OnHeader = std::function<void(Header&)>;
  // Called with each tensor that is not skipped, whole and finite, in the file's order. May take the values.
  using OnTensor = std::function<void(const TensorInfo&, std::vector<float>&&)>;

  // The same for I8 tensors, which stay the integers they are. Without it they go to OnTensor as float32.
  using OnInt8Tensor = std::function<void(const TensorInfo&, std::vector<int8_t>&&)>;

  // With the file's size, a truncated file is recognised as soon as its header is there.
  SafetensorsReader(OnHeader on_header, OnTensor on_tensor, std::optional<uint64_t> total_size = {},
                    OnInt8Tensor on_int8_tensor = {});

  void push(const uint8_t* bytes, size_t size);

  // To be called after the last piece. Throws CHECKPOINT_TRUNCATED, with the tensor the file ends in.
  void finish();

  uint64_t bytes_read() const { return bytes_read_; }  // pushed and accepted so far
  std::optional<uint64_t> file_size() const;           // as the header says; nothing before it is there

 private:
  using Bytes = std::span<const uint8_t>;

  template <class Work>
  void guard(Work work);
  void read(Bytes in);
  void read_data(Bytes in);
  void gather(Bytes& in, size_t wanted);
  void check_header_size();
  void check_total_size() const;
  bool stays_int8(const TensorInfo& tensor) const;
  void append(const TensorInfo& tensor, Bytes in);
  void hand_on(const TensorInfo& tensor);
  std::string place() const;

  OnHeader on_header_;
  OnTensor on_tensor_;
  OnInt8Tensor on_int8_tensor_;
  std::optional<uint64_t> total_size_;
  uint64_t bytes_read_ = 0;
  Failure failure_;

  enum class Part { kHeaderSize, kHeader, kData } part_ = Part::kHeaderSize;
  std::string head_;          // the 8 bytes of the header's size and the header, as far as they have come
  uint64_t header_size_ = 0;  // of the JSON text
  Header header_{};
  size_t next_ = 0;               // the tensor being read
  uint64_t position_ = 0;         // in the data part
  Values values_;                 // of that tensor, as far as they have come; of an I8 tensor
  std::vector<int8_t> integers_;  // these
};

}  // namespace vitreous

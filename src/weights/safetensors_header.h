// The header of a safetensors file, and the checks it has to pass before anything it says is used.
// Format: https://github.com/huggingface/safetensors#format
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weights/dtype.h"

namespace vitreous {

struct TensorInfo {
  std::string name;
  Dtype dtype;
  std::vector<int64_t> shape;  // empty for a scalar
  uint64_t begin, end;         // bytes, from the start of the data part
  bool skip = false;           // set by check_tensors: read over, neither converted nor handed on

  uint64_t count() const { return (end - begin) / item_size(dtype); }  // elements
};

struct Header {
  std::vector<TensorInfo> tensors;  // by offset; together they cover the data part without hole or overlap
  std::vector<std::pair<std::string, std::string>> metadata;  // __metadata__, in the file's order
  uint64_t data_size;
};

// What a model expects of its checkpoint.
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
  bool int8 = false;  // may come as I8 with scales: see weights/int8_format.h
};

// Reads and checks the JSON text. Throws CHECKPOINT_FORMAT, CHECKPOINT_OVERSIZED (a tensor beyond 2^53
// bytes), TENSOR_DUPLICATE, TENSOR_DTYPE, TENSOR_SHAPE or TENSOR_OVERLAP, naming the tensor.
Header parse_header(std::string_view json);

// Compares a header with what a model expects, and marks the tensors named in `ignored` (extras that are
// fine, such as head.weight for a model without classes) to be skipped. Throws TENSOR_MISSING,
// TENSOR_UNEXPECTED or TENSOR_SHAPE, naming the first such tensor. With `more_files` to come nothing is
// missing yet.
void check_tensors(Header& header, std::span<const TensorSpec> expected, std::span<const std::string> ignored,
                   bool more_files = false);

}  // namespace vitreous

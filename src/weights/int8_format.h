// This project's int8 checkpoints, docs/int8-safetensors.md: safetensors whose linear layers of the blocks
// are I8 (out, in), each with an F32 tensor NAME_scale (out) that its rows are to be multiplied with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "quant/quantize.h"
#include "weights/safetensors_header.h"

namespace vitreous {

inline constexpr std::string_view kInt8Format = "vitreous-int8";  // __metadata__.format
inline constexpr std::string_view kInt8Version = "1";             // __metadata__.version
inline constexpr std::string_view kScaleSuffix = "_scale";

// Adds the scales that belong to the header's I8 tensors to what is expected of the file. Nothing for a file
// without I8. Throws CHECKPOINT_FORMAT (not such a file, or of a later version) or TENSOR_DTYPE (I8 where
// only floats may be, or scales that are not F32), naming the tensor.
void expect_scales(const Header& header, std::vector<TensorSpec>& expected);

// Throws CHECKPOINT_FORMAT, naming the tensor, for a negative scale or the value -128, which symmetric
// quantization does not give (and whose sums could overflow).
void check_int8_weight(const std::string& name, const Int8Weight& weight);

}  // namespace vitreous

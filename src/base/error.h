// Every failure the engine reports: a stable code, and a sentence that names the thing and the way out.
// The code reaches JavaScript unchanged as `VitreousError.code`; web/errors.ts lists the same codes.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace vitreous {

class Error : public std::runtime_error {
 public:
  // `code` must be a string literal: it is kept by pointer.
  Error(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const char* code() const { return code_; }

 private:
  const char* code_;
};

namespace code {
inline constexpr char kInvalidArgument[] = "INVALID_ARGUMENT";  // an option or argument outside its range
inline constexpr char kInvalidImage[] =
    "INVALID_IMAGE";  // empty, undecodable, or bytes that do not fit the size
inline constexpr char kUnknownModel[] = "UNKNOWN_MODEL";  // no such architecture in the table
inline constexpr char kUnsupported[] = "UNSUPPORTED";     // not in this version, or not with this model
inline constexpr char kNoHead[] = "NO_HEAD";              // classes asked of a model without a classifier
inline constexpr char kOutOfMemory[] = "OUT_OF_MEMORY";
inline constexpr char kInternal[] = "INTERNAL";  // a mistake in this library
inline constexpr char kCheckpointFormat[] =
    "CHECKPOINT_FORMAT";  // neither safetensors nor of torch.save, or it breaks its format
inline constexpr char kCheckpointOversized[] =
    "CHECKPOINT_OVERSIZED";  // a header or tensor too large to be true
inline constexpr char kCheckpointTruncated[] = "CHECKPOINT_TRUNCATED";  // ends before its last tensor does
inline constexpr char kTensorOverlap[] = "TENSOR_OVERLAP";
inline constexpr char kTensorDuplicate[] = "TENSOR_DUPLICATE";
inline constexpr char kTensorMissing[] = "TENSOR_MISSING";
inline constexpr char kTensorUnexpected[] = "TENSOR_UNEXPECTED";
inline constexpr char kTensorShape[] = "TENSOR_SHAPE";
inline constexpr char kTensorDtype[] = "TENSOR_DTYPE";
inline constexpr char kTensorNotFinite[] = "TENSOR_NOT_FINITE";
}  // namespace code

}  // namespace vitreous

// A checkpoint on its way into another file: safetensors in fp16, or int8 as docs/int8-safetensors.md has it.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/loader.h"

namespace vitreous {

enum class FileDtype {
  kFp16,  // every tensor F16
  kInt8,  // the blocks' linear layers I8 with F32 scales, everything else F32
};

// Where the new file's bytes belong.
struct Piece {
  uint64_t offset;
  std::vector<uint8_t> bytes;
};

// Where everything lies in the new file follows from the config, so each tensor is handed out with its place
// as soon as it has come, in whatever order: never more than the tensors of one push() are held.
//
//   begin_file(); { push(); take(); }…; end_file(); finish(); take();
class Converter : public CheckpointLoader {
 public:
  // config_json: of the model, in timm-hub layout; an int8 file carries it in its metadata. files: how many
  // the model comes in.
  Converter(const VitConfig& config, FileDtype dtype, const std::string& config_json, size_t files = 1);

  // What has been made since the last call, to be written in any order. Together the pieces are the file.
  std::vector<Piece> take();

  // After the last file: makes the header, so that what is not finished is no safetensors file either.
  void finish();

 private:
  const std::vector<TensorSpec>& tensors() const override { return tensors_; }
  // Throws TENSOR_DTYPE for a value that fp16 does not hold, naming the tensor.
  void set(const std::string& name, std::vector<float>&& values) override;
  void set(const std::string& name, Int8Weight&& weight) override;

  void place(const std::string& name, Dtype dtype, const std::vector<int64_t>& shape);
  void add_fp16(const std::string& name, const std::vector<float>& values);
  void add(const std::string& name, const void* data, size_t size);

  FileDtype dtype_;
  std::vector<TensorSpec> tensors_;
  std::unordered_map<std::string, const TensorSpec*> specs_;
  std::string header_;                                 // JSON, as far as it has been put together
  std::unordered_map<std::string, uint64_t> offsets_;  // of the new file's tensors, in its data part
  uint64_t data_size_ = 0;
  std::vector<Piece> pieces_;
};

}  // namespace vitreous

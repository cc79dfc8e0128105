// Reads a PyTorch checkpoint (.pth, .pt, .bin: a zip file of torch.save) that arrives in pieces of any size
// and hands on one tensor at a time as float32, as SafetensorsReader does. Nothing in the file is ever run:
// see torch_pickle.h for the little that its pickle may say.
// Format: https://docs.pytorch.org/docs/stable/notes/serialization.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "weights/failure.h"
#include "weights/torch_tensors.h"
#include "weights/values.h"
#include "weights/zip_stream.h"

namespace vitreous {

// The codes thrown, besides those of find_tensors and of the callbacks (check_tensors): CHECKPOINT_FORMAT (no
// file of torch.save 1.6 or newer, an opcode or global that is not allowed, a wrong checksum, …),
// CHECKPOINT_TRUNCATED, TENSOR_DTYPE (a tensor that is neither float32, float16 nor bfloat16 and not
// skipped), TENSOR_NOT_FINITE and OUT_OF_MEMORY. After an error the reader stays failed: every further call
// throws the same again.
//
// Beside what the receiver keeps, memory holds one run of a storage that tensors share and one tensor of it;
// where tensors share nothing, one tensor.
class TorchReader : private ZipStream::Receiver {
 public:
  // As SafetensorsReader's. The header has the tensors in the pickle's order, named as find_tensors says.
  using OnHeader = std::function<void(Header&)>;
  // Called with each tensor that is not skipped, whole and finite, in the order of the file's storages. Where
  // a storage holds one tensor, its checksum was right; one of several may come before a wrong one is found.
  using OnTensor = std::function<void(const TensorInfo&, std::vector<float>&&)>;

  // How many of a file's first bytes `recognises` needs; all, where the file has fewer.
  static constexpr size_t kHeadSize = 8;
  // Whether this reader is the one to ask: the file is a zip, or a pickle, which it refuses with the way out.
  // No safetensors file is mistaken for one.
  static bool recognises(std::span<const uint8_t> head);

  // With the file's size, a truncated file is recognised as soon as its header is there.
  TorchReader(OnHeader on_header, OnTensor on_tensor, std::optional<uint64_t> total_size = {});

  void push(const uint8_t* bytes, size_t size);

  // To be called after the last piece. Throws CHECKPOINT_TRUNCATED, with the tensor the file ends in.
  void finish();

  uint64_t bytes_read() const { return bytes_read_; }  // pushed and accepted so far

 private:
  using Bytes = std::span<const uint8_t>;
  // Bytes of a storage that are read together, and the tensors in them: one, or several that overlap.
  struct Run {
    uint64_t begin, end;
    std::vector<size_t> tensors;
  };
  enum class Entry : uint8_t { kPickle, kByteOrder, kStorage, kOther };

  ZipStream::End begin_entry(const std::string& name) override;
  bool take(Bytes& in) override;
  void end_entry() override;
  void end_entries() override;
  std::string describe(const std::string& name) const override;

  template <class Work>
  void guard(Work work);
  std::string place() const;
  void read(Bytes in);
  void check_head() const;
  std::string name_in_archive(const std::string& name) const;
  bool read_pickle(Bytes& in);
  void end_pickle();
  void check_wanted() const;
  ZipStream::End begin_storage(size_t storage);
  void read_storage(Bytes in);
  void begin_run();
  void end_run();
  std::vector<float> gather(const TorchView& view, uint64_t run_begin) const;

  OnHeader on_header_;
  OnTensor on_tensor_;
  std::optional<uint64_t> total_size_;
  uint64_t bytes_read_ = 0;
  Failure failure_;

  std::string head_;  // the first bytes, until they are enough to tell what the file is
  ZipStream zip_;
  std::string prefix_;  // "archive/", before every entry's name
  Entry entry_ = Entry::kOther;
  std::string byte_order_;

  std::optional<TorchPickle> pickle_{std::in_place};  // until its tensors are found
  bool pickle_is_whole_ = false, has_header_ = false;
  std::vector<TorchStorage> storages_;
  std::unordered_map<std::string, size_t> storage_of_key_;
  std::vector<std::vector<size_t>> tensors_of_storage_;
  std::vector<bool> seen_;  // storages
  TorchTensors tensors_;

  // Of the storage being read.
  std::vector<Run> runs_;
  size_t run_ = 0;         // the one being read
  uint64_t position_ = 0;  // in the storage
  Values values_;          // of the run
};

}  // namespace vitreous

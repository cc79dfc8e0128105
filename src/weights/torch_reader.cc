#include "weights/torch_reader.h"

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "weights/json.h"

namespace vitreous {
namespace {

constexpr std::string_view kZip = "PK\x03\x04";
// torch.save before 1.6, or with _use_new_zipfile_serialization=False: LONG1 and the number
// 0x1950a86a20f9469cfc6c behind the protocol.
constexpr std::string_view kLegacyMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
// What torch.save writes beside data.pkl and data/…; their content does not matter.
constexpr std::array<std::string_view, 4> kOtherEntries{"version", ".format_version", ".storage_alignment",
                                                        ".data/serialization_id"};

constexpr char kSaveAgain[] =
    ": load it in Python and save it again, torch.save(torch.load(\"old.pth\", map_location=\"cpu\"), "
    "\"new.pth\")";

[[noreturn]] void fail(const std::string& what) { throw Error(code::kCheckpointFormat, what + "."); }

bool is_pickle(std::string_view head) {
  return head.size() > 1 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5;
}

}  // namespace

bool TorchReader::recognises(Bytes bytes) {
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (head.starts_with(kZip)) return true;
  if (!is_pickle(head) || head.size() < kHeadSize) return false;
  // A safetensors file begins with its header's size, little-endian and at most 100 MB.
  uint64_t size = 0;
  for (size_t i = kHeadSize; i-- > 0;) size = size << 8 | bytes[i];
  return size > 100'000'000;
}

TorchReader::TorchReader(OnHeader on_header, OnTensor on_tensor, std::optional<uint64_t> total_size)
    : on_header_(std::move(on_header)), on_tensor_(std::move(on_tensor)), total_size_(total_size) {}

void TorchReader::push(const uint8_t* bytes, size_t size) {
  guard([&] { read({bytes, size}); });
}

void TorchReader::finish() {
  guard([&] {
    if (bytes_read_ == 0) throw Error(code::kCheckpointTruncated, "The checkpoint is empty: 0 bytes.");
    check_head();
    zip_.finish(*this);
  });
}

template <class Work>
void TorchReader::guard(Work work) {
  failure_.guard(
      work, [&] { return place(); },
      [&] {
        pickle_.reset();
        values_ = {};
      });
}

std::string TorchReader::place() const {
  if (run_ >= runs_.size()) return "the checkpoint's header";
  return "tensor " + quote(tensors_.header.tensors[runs_[run_].tensors[0]].name);
}

void TorchReader::read(Bytes in) {
  if (head_.size() < kHeadSize) {
    head_.append(in.begin(),
                 in.begin() + static_cast<std::ptrdiff_t>(std::min(in.size(), kHeadSize - head_.size())));
    if (head_.size() >= kZip.size()) check_head();
  }
  zip_.push(in, *this);
  bytes_read_ += in.size();
}

// Refuses what does not begin as a zip file does.
void TorchReader::check_head() const {
  const std::string_view head(head_);
  if (head.starts_with(kZip)) return;
  if (is_pickle(head)) {
    if (kLegacyMagic.starts_with(head.substr(2))) {
      fail(std::string("The checkpoint is in PyTorch's format from before 1.6") + kSaveAgain +
           " with torch 1.6 or newer");
    }
    fail(std::string("The checkpoint is a bare pickle, not a file of torch.save 1.6 or newer") + kSaveAgain +
         " with torch 1.6 or newer");
  }
  if (head.size() < kZip.size() && kZip.starts_with(head)) return;  // truncated; ZipStream says where
  fail("This is not a PyTorch checkpoint: it does not begin as the zip file of torch.save does");
}

// ---- Entries.

std::string TorchReader::name_in_archive(const std::string& name) const {
  return name.starts_with(prefix_) ? name.substr(prefix_.size()) : "";
}

std::string TorchReader::describe(const std::string& full_name) const {
  const std::string name = name_in_archive(full_name), entry = "entry " + quote(full_name);
  const auto storage =
      name.starts_with("data/") ? storage_of_key_.find(name.substr(5)) : storage_of_key_.end();
  if (storage == storage_of_key_.end() || tensors_of_storage_[storage->second].empty()) return entry;
  const std::vector<size_t>& tensors = tensors_of_storage_[storage->second];
  const std::string more = tensors.size() > 1 ? " and " + std::to_string(tensors.size() - 1) + " more" : "";
  return entry + " (tensor " + quote(tensors_.header.tensors[tensors[0]].name) + more + ")";
}

ZipStream::End TorchReader::begin_entry(const std::string& full_name) {
  if (prefix_.empty()) prefix_ = full_name.substr(0, full_name.find('/') + 1);
  const std::string name = name_in_archive(full_name);
  const bool is_data = name.starts_with("data/") && name.size() > 5;
  if (name == "constants.pkl" || name.starts_with("code/") || (is_data && !has_header_)) {
    fail("The checkpoint is a TorchScript program (" + quote(full_name) +
         (is_data ? " before data.pkl" : "") +
         "): save its weights alone, in Python with torch.save(torch.jit.load(\"old.pt\").state_dict(), "
         "\"new.pth\")");
  }
  if (name == "data.pkl") {
    if (has_header_) fail("The checkpoint has two entries " + quote(full_name) + ": it is damaged");
    entry_ = Entry::kPickle;
    return {ZipStream::End::kReceiver};
  }
  if (is_data) {
    const auto found = storage_of_key_.find(name.substr(5));
    if (found == storage_of_key_.end() || seen_[found->second]) {
      fail("The checkpoint has an entry " + quote(full_name) + " too many: it is damaged");
    }
    return begin_storage(found->second);
  }
  if (name == "byteorder") {
    entry_ = Entry::kByteOrder;
    byte_order_.clear();
  } else if (std::ranges::find(kOtherEntries, name) != kOtherEntries.end()) {
    entry_ = Entry::kOther;
  } else {
    fail("This zip file is not a PyTorch checkpoint: torch.save writes no entry " + quote(full_name));
  }
  return {ZipStream::End::kDescriptor};
}

bool TorchReader::take(Bytes& in) {
  switch (entry_) {
    case Entry::kPickle:
      return read_pickle(in);
    case Entry::kStorage:
      read_storage(in);
      break;
    case Entry::kByteOrder:
      byte_order_.append(in.begin(),
                         in.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(in.size(), 16)));
      break;
    case Entry::kOther:
      break;
  }
  in = {};
  return false;
}

void TorchReader::end_entry() {
  if (entry_ == Entry::kPickle) {
    end_pickle();
  } else if (entry_ == Entry::kStorage) {
    while (run_ < runs_.size()) end_run();
  } else if (entry_ == Entry::kByteOrder && byte_order_ != "little") {
    fail("The checkpoint's byte order is " + quote(byte_order_) + ", but only \"little\" is read" +
         kSaveAgain + " on another computer");
  }
}

void TorchReader::end_entries() {
  if (!has_header_) fail("This zip file is not a PyTorch checkpoint: it has no entry data.pkl");
  for (size_t i = 0; i < seen_.size(); ++i) {
    if (!seen_[i])
      fail("The checkpoint lacks " + describe(prefix_ + "data/" + storages_[i].key) + ": it is damaged");
  }
}

// ---- The pickle.

bool TorchReader::read_pickle(Bytes& in) {
  if (pickle_is_whole_) fail("The checkpoint's data.pkl goes on after its pickle's STOP: it is damaged");
  while (!in.empty() && !pickle_is_whole_) {
    pickle_is_whole_ = pickle_->push(in[0]);
    in = in.subspan(1);
  }
  return pickle_is_whole_;
}

void TorchReader::end_pickle() {
  if (!pickle_is_whole_) fail("The checkpoint's data.pkl ends before its pickle's STOP: it is damaged");
  tensors_ = find_tensors(*pickle_);
  storages_ = pickle_->storages();
  pickle_.reset();
  for (const TorchStorage& storage : storages_) storage_of_key_.emplace(storage.key, storage_of_key_.size());
  seen_.resize(storages_.size());
  tensors_of_storage_.resize(storages_.size());
  for (size_t i = 0; i < tensors_.views.size(); ++i)
    tensors_of_storage_[tensors_.views[i].storage].push_back(i);
  if (total_size_ && *total_size_ < zip_.position() + tensors_.header.data_size) {
    throw Error(code::kCheckpointTruncated,
                "The checkpoint has " + std::to_string(*total_size_) + " bytes, fewer than the " +
                    std::to_string(tensors_.header.data_size) + " of its tensors. Download it again.");
  }
  on_header_(tensors_.header);
  check_wanted();
  has_header_ = true;
}

// Only what is not skipped has to be something that can be handed on.
void TorchReader::check_wanted() const {
  for (size_t i = 0; i < tensors_.views.size(); ++i) {
    const TensorInfo& tensor = tensors_.header.tensors[i];
    const TorchView& view = tensors_.views[i];
    if (tensor.skip) continue;
    if (tensor.dtype == Dtype::kOther) {
      throw Error(code::kTensorDtype, "Tensor " + quote(tensor.name) + " has dtype torch." + view.type->name +
                                          ", but only torch.float32, float16 and bfloat16 can be read: "
                                          "convert it with .float() before torch.save.");
    }
    if (tensor.end - tensor.begin > storages_[view.storage].size) {
      throw Error(
          code::kTensorShape,
          "Tensor " + quote(tensor.name) +
              " repeats its elements by a stride of 0: write them out with .contiguous() before torch.save.");
    }
  }
}

// ---- Storages.

ZipStream::End TorchReader::begin_storage(size_t storage) {
  entry_ = Entry::kStorage;
  seen_[storage] = true;
  position_ = 0;
  run_ = 0;
  runs_.clear();
  for (const size_t i : tensors_of_storage_[storage]) {
    if (tensors_.header.tensors[i].skip) continue;
    const TorchView& view = tensors_.views[i];
    const uint64_t size = extent(view) * view.type->size;
    const uint64_t begin = size == 0 ? 0 : static_cast<uint64_t>(view.offset) * view.type->size;
    runs_.push_back({begin, begin + size, {i}});
  }
  std::ranges::stable_sort(runs_, {}, [](const Run& run) { return std::pair(run.begin, run.end); });
  size_t last = 0;
  for (size_t i = 1; i < runs_.size(); ++i) {
    if (runs_[i].begin >= runs_[last].end) {
      if (++last != i) runs_[last] = std::move(runs_[i]);
    } else {  // they overlap
      runs_[last].end = std::max(runs_[last].end, runs_[i].end);
      runs_[last].tensors.push_back(runs_[i].tensors[0]);
    }
  }
  if (!runs_.empty()) {
    runs_.resize(last + 1);
    begin_run();
  }
  return {ZipStream::End::kAfter, storages_[storage].size};
}

void TorchReader::begin_run() {
  const Run& run = runs_[run_];
  const Dtype dtype = tensors_.header.tensors[run.tensors[0]].dtype;
  values_.begin(dtype, (run.end - run.begin) / item_size(dtype));
}

// A run is handed on when the next byte or the end of the entry comes, so that a storage's last is not before
// the checksum is known.
void TorchReader::read_storage(Bytes in) {
  while (!in.empty() && run_ < runs_.size()) {
    const Run& run = runs_[run_];
    if (position_ == run.end) {
      end_run();
      continue;
    }
    const uint64_t stop = position_ < run.begin ? run.begin : run.end;
    const auto taken = static_cast<size_t>(std::min<uint64_t>(in.size(), stop - position_));
    if (position_ >= run.begin) values_.append(in.first(taken));
    in = in.subspan(taken);
    position_ += taken;
  }
}

void TorchReader::end_run() {
  const Run& run = runs_[run_];
  const auto view_of = [&](size_t tensor) -> const TorchView& { return tensors_.views[tensor]; };
  const TensorInfo& first = tensors_.header.tensors[run.tensors[0]];
  if (run.tensors.size() == 1 && (run.begin == run.end || is_contiguous(view_of(run.tensors[0])))) {
    values_.check_finite(first.name);
    on_tensor_(first, values_.take());
  } else {
    for (const size_t i : run.tensors) {
      const TensorInfo& tensor = tensors_.header.tensors[i];
      std::vector<float> values = gather(view_of(i), run.begin);
      check_finite(values, tensor.name);
      on_tensor_(tensor, std::move(values));
    }
  }
  if (++run_ < runs_.size()) begin_run();
}

// The view's elements in C order, from the values of its run.
std::vector<float> TorchReader::gather(const TorchView& view, uint64_t run_begin) const {
  size_t count = 1;
  for (const int64_t size : view.shape) count *= static_cast<size_t>(size);
  std::vector<float> out(count);
  std::vector<int64_t> index(view.shape.size());
  int64_t from = view.offset - static_cast<int64_t>(run_begin / view.type->size);
  for (float& value : out) {
    value = values_.get()[static_cast<size_t>(from)];
    // The next index: the last dimension first, and back to 0 where one is through.
    for (size_t i = index.size(); i-- > 0;) {
      from += view.stride[i];
      if (++index[i] < view.shape[i]) break;
      from -= view.shape[i] * view.stride[i];
      index[i] = 0;
    }
  }
  return out;
}

}  // namespace vitreous

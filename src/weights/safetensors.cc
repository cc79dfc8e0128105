#include "weights/safetensors.h"

#include <algorithm>
#include <cctype>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "weights/json.h"

namespace vitreous {
namespace {

constexpr size_t kSizeBytes = 8;                  // the header's size, little-endian
constexpr uint64_t kMaxHeaderSize = 100'000'000;  // safetensors' own MAX_HEADER_SIZE

// What a file that does not begin like safetensors most likely is; empty if its first bytes do not tell.
std::string_view describe_wrong_file(std::string_view head) {
  if (head.starts_with("\x1f\x8b")) return "it is compressed with gzip: unpack it first";
  if (head.starts_with("version ")) {
    return "it looks like a Git LFS pointer, which stands for the checkpoint: fetch the file itself (git lfs "
           "pull)";
  }
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  head.remove_prefix(std::min(head.find_first_not_of(" \t\r\n"), head.size()));
  if (head.size() < 2) return "";
  if (head[0] == '<' && std::isgraph(static_cast<unsigned char>(head[1]))) {
    return "it looks like a web page (HTML): the address probably answered with an error or log-in page";
  }
  if (head[0] == '{' && std::string_view("\" \t\r\n").find(head[1]) != std::string_view::npos) {
    return "it looks like JSON text: the address probably answered with an error message";
  }
  return "";
}

[[noreturn]] void throw_truncated(const std::string& where, uint64_t missing) {
  throw Error(code::kCheckpointTruncated, "The checkpoint ends " + where + ": " + std::to_string(missing) +
                                              " bytes are missing. Download it again.");
}

void throw_if_wrong_file(std::string_view head) {
  const std::string_view description = describe_wrong_file(head);
  if (description.empty()) return;
  throw Error(code::kCheckpointFormat,
              "This is not a safetensors checkpoint; " + std::string(description) + ".");
}

}  // namespace

SafetensorsReader::SafetensorsReader(OnHeader on_header, OnTensor on_tensor,
                                     std::optional<uint64_t> total_size, OnInt8Tensor on_int8_tensor)
    : on_header_(std::move(on_header)),
      on_tensor_(std::move(on_tensor)),
      on_int8_tensor_(std::move(on_int8_tensor)),
      total_size_(total_size) {}

void SafetensorsReader::push(const uint8_t* bytes, size_t size) {
  guard([&] { read({bytes, size}); });
}

void SafetensorsReader::finish() {
  guard([&] {
    switch (part_) {
      case Part::kHeaderSize:
        throw_if_wrong_file(head_);
        if (head_.empty()) throw Error(code::kCheckpointTruncated, "The checkpoint is empty: 0 bytes.");
        throw_truncated("within the first 8 bytes", kSizeBytes - head_.size());
      case Part::kHeader:
        throw_truncated("inside its header", kSizeBytes + header_size_ - head_.size());
      case Part::kData:
        if (next_ < header_.tensors.size()) {
          const TensorInfo& tensor = header_.tensors[next_];
          throw_truncated("inside tensor " + quote(tensor.name) + ", " +
                              std::to_string(tensor.end - position_) + " bytes before that tensor's end",
                          header_.data_size - position_);
        }
    }
  });
}

std::optional<uint64_t> SafetensorsReader::file_size() const {
  if (part_ != Part::kData) return std::nullopt;
  return kSizeBytes + header_size_ + header_.data_size;
}

template <class Work>
void SafetensorsReader::guard(Work work) {
  failure_.guard(
      work, [&] { return place(); },
      [&] {
        head_ = {};
        values_ = {};
        integers_ = {};
      });
}

std::string SafetensorsReader::place() const {
  if (part_ != Part::kData || next_ == header_.tensors.size()) return "the checkpoint's header";
  return "tensor " + quote(header_.tensors[next_].name);
}

void SafetensorsReader::read(Bytes in) {
  const size_t size = in.size();
  if (part_ == Part::kHeaderSize) {
    gather(in, kSizeBytes);
    if (head_.size() == kSizeBytes) {
      check_header_size();
      part_ = Part::kHeader;
    }
  }
  if (part_ == Part::kHeader) {
    gather(in, kSizeBytes + static_cast<size_t>(header_size_));
    if (head_.size() > kSizeBytes && head_[kSizeBytes] != '{') {
      throw_if_wrong_file(head_);
      throw Error(code::kCheckpointFormat,
                  "This is not a safetensors checkpoint: its header does not begin with '{'.");
    }
    if (head_.size() == kSizeBytes + header_size_) {
      header_ = parse_header(std::string_view(head_).substr(kSizeBytes));
      head_ = {};
      check_total_size();
      on_header_(header_);
      part_ = Part::kData;
    }
  }
  if (part_ == Part::kData) read_data(in);
  bytes_read_ += size;
}

// Moves bytes from `in` to head_ until it holds `wanted`. head_ grows only with what has really come.
void SafetensorsReader::gather(Bytes& in, size_t wanted) {
  const size_t taken = std::min(in.size(), wanted - head_.size());
  head_.append(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(taken));
  in = in.subspan(taken);
}

void SafetensorsReader::check_header_size() {
  for (size_t i = 0; i < kSizeBytes; ++i) {
    header_size_ |= static_cast<uint64_t>(static_cast<uint8_t>(head_[i])) << (8 * i);
  }
  if (header_size_ > kMaxHeaderSize) {
    throw_if_wrong_file(head_);
    throw Error(code::kCheckpointOversized,
                "The checkpoint claims a header of " + std::to_string(header_size_) +
                    " bytes, above the format's limit of 100,000,000: it is damaged or "
                    "not safetensors.");
  }
  if (header_size_ < 2) {
    throw Error(code::kCheckpointFormat, "The checkpoint's header is empty: it is damaged.");
  }
  if (total_size_ && *total_size_ < kSizeBytes + header_size_) {
    throw_truncated("inside its header", kSizeBytes + header_size_ - *total_size_);
  }
}

void SafetensorsReader::check_total_size() const {
  if (!total_size_) return;
  const uint64_t data_size = *total_size_ - kSizeBytes - header_size_;  // not negative: see check_header_size
  if (data_size > header_.data_size) {
    throw Error(code::kCheckpointFormat, "The checkpoint has " +
                                             std::to_string(data_size - header_.data_size) +
                                             " bytes after the last tensor: it is damaged.");
  }
  if (data_size < header_.data_size) {
    const auto cut =
        std::ranges::find_if(header_.tensors, [&](const TensorInfo& t) { return t.end > data_size; });
    throw_truncated("inside tensor " + quote(cut->name), header_.data_size - data_size);
  }
}

void SafetensorsReader::read_data(Bytes in) {
  for (; next_ < header_.tensors.size(); ++next_) {
    const TensorInfo& tensor = header_.tensors[next_];
    const auto taken = static_cast<size_t>(std::min<uint64_t>(in.size(), tensor.end - position_));
    if (!tensor.skip) append(tensor, in.first(taken));
    in = in.subspan(taken);
    position_ += taken;
    if (position_ < tensor.end) return;
    if (!tensor.skip) hand_on(tensor);
  }
  if (!in.empty()) {
    throw Error(code::kCheckpointFormat, "The checkpoint has " + std::to_string(in.size()) +
                                             " bytes or more after the last tensor: it is damaged.");
  }
}

bool SafetensorsReader::stays_int8(const TensorInfo& tensor) const {
  return tensor.dtype == Dtype::kI8 && on_int8_tensor_;
}

void SafetensorsReader::append(const TensorInfo& tensor, Bytes in) {
  if (!stays_int8(tensor)) {
    if (position_ == tensor.begin) values_.begin(tensor.dtype, tensor.count());
    values_.append(in);
    values_.check_finite(tensor.name);
    return;
  }
  if (position_ == tensor.begin)
    integers_.reserve(static_cast<size_t>(std::min(tensor.count(), kMaxReserved)));
  integers_.insert(integers_.end(), in.begin(), in.end());
}

void SafetensorsReader::hand_on(const TensorInfo& tensor) {
  if (stays_int8(tensor)) return on_int8_tensor_(tensor, std::exchange(integers_, {}));
  on_tensor_(tensor, values_.take());
}

}  // namespace vitreous

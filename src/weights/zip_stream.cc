#include "weights/zip_stream.h"

#include <algorithm>

#include "base/error.h"
#include "weights/crc32.h"
#include "weights/json.h"

namespace vitreous {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50, kDescriptorRecord = 0x08074b50, kDirectoryHeader = 0x02014b50,
                   kEndOfDirectory64 = 0x06064b50, kLocator64 = 0x07064b50, kEndOfDirectory = 0x06054b50;
constexpr size_t kMaxSearched = 64 << 10;
constexpr uint16_t kEncrypted = 1 | 1 << 6 | 1 << 13, kSizesBehind = 1 << 3;
constexpr uint16_t kZip64Extra = 0x0001;
constexpr uint32_t kIn64Bits = 0xffffffff;

constexpr char kSaveAgain[] = ": load it in Python and save it again with torch.save";

[[noreturn]] void fail(const std::string& what) {
  throw Error(code::kCheckpointFormat, "The checkpoint's " + what + ".");
}

}  // namespace

void ZipStream::push(Bytes in, Receiver& receiver) {
  while (step(in, receiver)) {
  }
}

// Goes on by one part of an entry or one record; false when that needs bytes that are not there.
bool ZipStream::step(Bytes& in, Receiver& receiver) {
  switch (part_) {
    case Part::kRecord:
      if (!gather(in)) return false;
      run_record(receiver);
      return true;
    case Part::kData:
      return end_.kind == End::kDescriptor ? search_descriptor(in, receiver) : read_data(in, receiver);
    case Part::kDescriptor:
      if (!gather(in)) return false;
      run_descriptor(receiver);
      return true;
    case Part::kDone:
      if (!in.empty()) fail("zip file goes on after its end");
  }
  return false;
}

void ZipStream::finish(const Receiver& receiver) const {
  if (part_ == Part::kDone) return;
  std::string where = "inside " + receiver.describe(name_);
  if (part_ == Part::kData && end_.kind == End::kAfter) {
    where += ", " + std::to_string(end_.size - done_) + " bytes before its end";
  } else if (part_ == Part::kRecord) {
    where = listed_ > 0     ? "inside its directory"
            : entries_ == 0 ? "inside its first entry's header"
                            : "after " + receiver.describe(name_);
  }
  throw Error(code::kCheckpointTruncated, "The checkpoint ends " + where + ", after " +
                                              std::to_string(position_) + " bytes. Download it again.");
}

ZipStream::Bytes ZipStream::advance(Bytes& in, size_t size) {
  const Bytes taken = in.first(size);
  in = in.subspan(size);
  position_ += size;
  return taken;
}

// Adds to record_ until it is whole.
bool ZipStream::gather(Bytes& in) {
  while (const std::optional<size_t> size = record_size()) {
    if (in.empty()) return false;
    const Bytes taken = advance(in, std::min(in.size(), *size - record_.size()));
    record_.append(taken.begin(), taken.end());
  }
  return true;
}

uint64_t ZipStream::number(size_t offset, size_t bytes) const {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) {
    value |= static_cast<uint64_t>(static_cast<uint8_t>(record_[offset + i])) << (8 * i);
  }
  return value;
}

// How long record_ has to become, as far as can be told from what is there; nothing when it is whole.
std::optional<size_t> ZipStream::record_size() const {
  const size_t have = record_.size();
  // A fixed part, then texts whose lengths are 16-bit numbers in it, one behind the other.
  const auto with_texts = [&](size_t fixed, size_t lengths, size_t texts) {
    if (have < fixed) return fixed;
    size_t size = fixed;
    for (size_t i = 0; i < texts; ++i) size += static_cast<size_t>(number(lengths + 2 * i, 2));
    return size;
  };
  size_t wanted = 4;
  if (part_ == Part::kDescriptor) {
    wanted = descriptor_size();
  } else if (have >= 4) {
    switch (number(0, 4)) {
      case kLocalHeader:
        wanted = with_texts(30, 26, 2);
        break;
      case kDirectoryHeader:
        wanted = with_texts(46, 28, 3);
        break;
      case kEndOfDirectory64:
        wanted = 56;
        break;
      case kLocator64:
        wanted = 20;
        break;
      case kEndOfDirectory:
        wanted = with_texts(22, 20, 1);
        break;
      case kDescriptorRecord:  // what the first part of a split file begins with
        if (entries_ == 0) fail("zip file is split over several: join them first");
        [[fallthrough]];
      default:
        fail("zip file is damaged after " + (name_.empty() ? "its beginning" : "entry " + quote(name_)) +
             ": no entry begins at byte " + std::to_string(position_ - 4));
    }
  }
  return have < wanted ? std::optional(wanted) : std::nullopt;
}

void ZipStream::run_record(Receiver& receiver) {
  const uint64_t signature = number(0, 4);
  if (signature == kLocalHeader) return begin_entry(receiver);
  if (directory_begin_ == 0) {
    directory_begin_ = position_ - record_.size();
    receiver.end_entries();
  }
  const auto check = [](bool right) {
    if (!right) fail("zip directory does not fit its entries: the file is damaged");
  };
  const auto check_place = [&](uint64_t count, uint64_t begin) {
    check(count == entries_ && listed_ == entries_ && begin == directory_begin_);
  };
  const auto one_file = [](bool right) {
    if (!right) fail("zip file is split over several: join them first");
  };
  if (signature == kDirectoryHeader) {
    check(++listed_ <= entries_);
  } else if (signature == kEndOfDirectory64) {
    check(number(4, 8) == 44);
    one_file(number(16, 4) == 0 && number(20, 4) == 0);
    check_place(number(32, 8), number(48, 8));
    listed_in_zip64_ = listed_;
  } else if (signature == kLocator64) {
    one_file(number(16, 4) <= 1);
    check(listed_in_zip64_.has_value());
  } else {
    one_file(number(4, 2) == 0 && number(6, 2) == 0);
    // Where a number does not fit, it is all ones and that of the zip64 record counts.
    const uint64_t count = number(10, 2), begin = number(16, 4);
    check_place(listed_in_zip64_ && count == 0xffff ? *listed_in_zip64_ : count,
                listed_in_zip64_ && begin == kIn64Bits ? directory_begin_ : begin);
    part_ = Part::kDone;
  }
  record_.clear();
}

void ZipStream::begin_entry(Receiver& receiver) {
  if (directory_begin_ != 0) fail("zip file has an entry after its directory: it is damaged");
  const auto flags = static_cast<uint16_t>(number(6, 2));
  const uint64_t method = number(8, 2);
  const auto name_size = static_cast<size_t>(number(26, 2));
  ++entries_;
  name_ = record_.substr(30, name_size);
  done_ = 0;
  crc_ = 0;
  has_descriptor_ = flags & kSizesBehind;
  header_crc_ = static_cast<uint32_t>(number(14, 4));
  header_size_ = number(22, 4);
  wide_ = false;
  read_zip64_sizes(
      Bytes(reinterpret_cast<const uint8_t*>(record_.data()), record_.size()).subspan(30 + name_size));

  end_ = receiver.begin_entry(name_);
  const std::string entry = receiver.describe(name_);
  if (flags & kEncrypted) fail(entry + " is encrypted" + kSaveAgain);
  if (method != 0) fail(entry + " is compressed (method " + std::to_string(method) + ")" + kSaveAgain);
  if (!has_descriptor_) {
    if (end_.kind == End::kAfter && end_.size != header_size_) {
      fail(entry + " has " + std::to_string(header_size_) + " bytes, but data.pkl describes " +
           std::to_string(end_.size) + ": the file is damaged");
    }
    if (end_.kind == End::kDescriptor) end_ = {End::kAfter, header_size_};
  }
  record_.clear();
  part_ = Part::kData;
}

// The extra field is a list of (16-bit id, 16-bit size, data); torch pads with one of its own.
void ZipStream::read_zip64_sizes(Bytes extra) {
  const auto little_endian = [](Bytes bytes) {
    uint64_t value = 0;
    for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
    return value;
  };
  while (extra.size() >= 4) {
    const uint64_t id = little_endian(extra.first(2)), size = little_endian(extra.subspan(2, 2));
    extra = extra.subspan(4);
    if (size > extra.size()) return;
    if (id == kZip64Extra) {
      wide_ = true;
      if (size >= 8 && header_size_ == kIn64Bits) header_size_ = little_endian(extra.first(8));
    }
    extra = extra.subspan(static_cast<size_t>(size));
  }
}

bool ZipStream::read_data(Bytes& in, Receiver& receiver) {
  const bool has_size = end_.kind == End::kAfter || !has_descriptor_;
  const uint64_t left = (end_.kind == End::kAfter ? end_.size : header_size_) - done_;
  bool whole = has_size && left == 0;
  if (!whole) {
    if (in.empty()) return false;
    const auto size = has_size ? static_cast<size_t>(std::min<uint64_t>(in.size(), left)) : in.size();
    Bytes rest = in.first(size);
    const bool says_whole = receiver.take(rest);
    const Bytes taken = advance(in, size - rest.size());
    crc_ = crc32(crc_, taken);
    done_ += taken.size();
    whole = has_size ? taken.size() == left : says_whole;
    if (!whole) return true;
  }
  if (has_descriptor_) {
    part_ = Part::kDescriptor;
    return true;
  }
  if (crc_ != header_crc_)
    fail(receiver.describe(name_) + " is damaged: its CRC-32 is wrong. Download it again");
  end_entry(receiver);
  return true;
}

// Goes on until the last bytes are a record that describes all bytes before them.
bool ZipStream::search_descriptor(Bytes& in, Receiver& receiver) {
  const size_t behind = descriptor_size(), width = (behind - 8) / 2;
  while (!in.empty()) {
    record_ += static_cast<char>(advance(in, 1)[0]);
    if (record_.size() < behind) continue;
    const size_t size = record_.size() - behind;
    if (size > kMaxSearched)
      fail(receiver.describe(name_) + " does not end within " + std::to_string(kMaxSearched) +
           " bytes: torch.save writes no such entry");
    if (number(size, 4) != kDescriptorRecord || number(size + 8, width) != size ||
        number(size + 8 + width, width) != size)
      continue;
    Bytes data(reinterpret_cast<const uint8_t*>(record_.data()), size);
    if (number(size + 4, 4) != crc32(0, data)) continue;
    receiver.take(data);
    end_entry(receiver);
    return true;
  }
  return false;
}

void ZipStream::run_descriptor(Receiver& receiver) {
  const size_t width = wide_ ? 8 : 4;
  const uint64_t stored = number(8, width), size = number(8 + width, width);
  if (number(0, 4) != kDescriptorRecord || size != done_ || stored != done_) {
    fail(receiver.describe(name_) + " does not end after the " + std::to_string(done_) +
         " bytes that data.pkl describes: the file is damaged");
  }
  if (number(4, 4) != crc_)
    fail(receiver.describe(name_) + " is damaged: its CRC-32 is wrong. Download it again");
  end_entry(receiver);
}

void ZipStream::end_entry(Receiver& receiver) {
  record_.clear();
  part_ = Part::kRecord;
  receiver.end_entry();
}

}  // namespace vitreous

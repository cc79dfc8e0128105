// Reads a zip file from its first byte to its last, in pieces of any size, without going back to the
// directory at its end: entry by entry, each checked against its CRC-32. Only what torch.save writes: entries
// that are stored, not compressed, in one file, whose sizes may come behind their data.
// Format: APPNOTE.TXT of PKWARE, 6.3.10
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace vitreous {

class ZipStream {
 public:
  using Bytes = std::span<const uint8_t>;

  // Where an entry's data ends.
  struct End {
    enum Kind : uint8_t {
      kAfter,      // after `size` bytes
      kReceiver,   // where Receiver::take says
      kDescriptor  // at the record behind it that repeats its size and checksum, within 64 KiB
    } kind;
    uint64_t size = 0;
  };

  class Receiver {
   public:
    virtual ~Receiver() = default;
    virtual End begin_entry(const std::string& name) = 0;
    // Takes the next bytes of the entry from the front of `in`: all of them, unless the entry ends before
    // (End::kReceiver). Returns whether it does.
    virtual bool take(Bytes& in) = 0;
    // The entry is whole, and its CRC-32 right.
    virtual void end_entry() = 0;
    // The directory begins: no entry comes any more.
    virtual void end_entries() = 0;
    // What an entry is, for messages: `entry "archive/data/0" (tensor "cls_token")`.
    virtual std::string describe(const std::string& name) const = 0;
  };

  // Throws CHECKPOINT_FORMAT, naming the entry.
  void push(Bytes in, Receiver& receiver);

  // To be called after the last piece. Throws CHECKPOINT_TRUNCATED, with the entry the file ends in.
  void finish(const Receiver& receiver) const;

  uint64_t position() const { return position_; }  // bytes read

 private:
  bool step(Bytes& in, Receiver& receiver);
  Bytes advance(Bytes& in, size_t size);
  bool gather(Bytes& in);
  std::optional<size_t> record_size() const;
  void run_record(Receiver& receiver);
  void begin_entry(Receiver& receiver);
  bool read_data(Bytes& in, Receiver& receiver);
  bool search_descriptor(Bytes& in, Receiver& receiver);
  void run_descriptor(Receiver& receiver);
  void end_entry(Receiver& receiver);
  void read_zip64_sizes(Bytes extra);
  size_t descriptor_size() const { return wide_ ? 24 : 16; }
  uint64_t number(size_t offset, size_t bytes) const;

  enum class Part : uint8_t { kRecord, kData, kDescriptor, kDone } part_ = Part::kRecord;
  std::string record_;  // the record being gathered, or the data of a kDescriptor entry
  uint64_t position_ = 0;
  uint64_t entries_ = 0;
  uint64_t listed_ = 0;           // entries in the directory
  uint64_t directory_begin_ = 0;  // its position
  std::optional<uint64_t> listed_in_zip64_;

  // Of the entry being read.
  std::string name_;
  End end_{};
  uint64_t done_ = 0;  // bytes of data
  uint32_t crc_ = 0;   // of them
  bool has_descriptor_ = false;
  bool wide_ = false;         // sizes of 64 bits in the descriptor
  uint64_t header_size_ = 0;  // without descriptor: the size
  uint32_t header_crc_ = 0;   // and the checksum
};

}  // namespace vitreous

// Cuts a Python pickle that arrives byte by byte into its opcodes. What they mean is TorchPickle's.
// Format: https://github.com/python/cpython/blob/main/Lib/pickletools.py
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace vitreous {

// The opcodes that a file of torch.save needs; every other is refused by its name.
enum class Op : uint8_t {
  kMark = '(',
  kStop = '.',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinUnicode = 'X',
  kEmptyList = ']',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kEmptyDict = '}',
  kProto = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

// How an opcode's argument is laid out: so many bytes, a count of so many bytes and then as many bytes as it
// says, or two lines.
enum class Argument : uint8_t {
  kRefused,
  kNone,
  kBytes1,
  kBytes2,
  kBytes4,
  kBytes8,
  kCount1,
  kCount4,
  kCount8,
  kTwoLines
};

struct Opcode {
  uint8_t code;
  const char* name;  // as in pickletools
  Argument argument;
};

class PickleLexer {
 public:
  // Takes the next byte; true when an opcode is whole with it. Throws CHECKPOINT_FORMAT for an opcode that is
  // not understood and for an argument above the limits: 1 MiB, 256 bytes a line, 32 MiB for the whole
  // pickle.
  bool push(uint8_t byte);

  // Of the whole opcode.
  Op op() const { return static_cast<Op>(opcode_->code); }
  const char* name() const { return opcode_->name; }
  const std::string& argument() const { return argument_; }  // without its count
  uint64_t integer() const;                                  // a fixed argument, little-endian

  // Throws CHECKPOINT_FORMAT with the opcode's place, `what` and the way out.
  [[noreturn]] void fail(const std::string& what) const;

 private:
  bool argument_is_whole();
  void read_count(size_t bytes);

  const Opcode* opcode_ = nullptr;
  std::string argument_;
  uint64_t count_ = 0;  // of bytes, once has_count_
  bool has_count_ = false;
  bool whole_ = true;
  uint64_t position_ = 0, start_ = 0;  // in the pickle; of the opcode
};

}  // namespace vitreous

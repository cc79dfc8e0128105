#include "weights/pickle.h"

#include <algorithm>

#include "base/error.h"
#include "weights/json.h"

namespace vitreous {
namespace {

constexpr uint64_t kMaxPickle = uint64_t{32} << 20;  // a state dict takes about 100 bytes a tensor
constexpr uint64_t kMaxString = uint64_t{1} << 20;
constexpr size_t kMaxLine = 256;

// All opcodes of the protocols 0 to 5.
constexpr Opcode kOpcodes[] = {
    {'(', "MARK", Argument::kNone},
    {')', "EMPTY_TUPLE", Argument::kNone},
    {'.', "STOP", Argument::kNone},
    {'0', "POP", Argument::kRefused},
    {'1', "POP_MARK", Argument::kRefused},
    {'2', "DUP", Argument::kRefused},
    {'B', "BINBYTES", Argument::kRefused},
    {'C', "SHORT_BINBYTES", Argument::kRefused},
    {'F', "FLOAT", Argument::kRefused},
    {'G', "BINFLOAT", Argument::kBytes8},
    {'I', "INT", Argument::kRefused},
    {'J', "BININT", Argument::kBytes4},
    {'K', "BININT1", Argument::kBytes1},
    {'L', "LONG", Argument::kRefused},
    {'M', "BININT2", Argument::kBytes2},
    {'N', "NONE", Argument::kNone},
    {'P', "PERSID", Argument::kRefused},
    {'Q', "BINPERSID", Argument::kNone},
    {'R', "REDUCE", Argument::kNone},
    {'S', "STRING", Argument::kRefused},
    {'T', "BINSTRING", Argument::kRefused},
    {'U', "SHORT_BINSTRING", Argument::kRefused},
    {'V', "UNICODE", Argument::kRefused},
    {'X', "BINUNICODE", Argument::kCount4},
    {']', "EMPTY_LIST", Argument::kNone},
    {'a', "APPEND", Argument::kNone},
    {'b', "BUILD", Argument::kNone},
    {'c', "GLOBAL", Argument::kTwoLines},
    {'d', "DICT", Argument::kRefused},
    {'e', "APPENDS", Argument::kNone},
    {'g', "GET", Argument::kRefused},
    {'h', "BINGET", Argument::kBytes1},
    {'i', "INST", Argument::kRefused},
    {'j', "LONG_BINGET", Argument::kBytes4},
    {'l', "LIST", Argument::kRefused},
    {'o', "OBJ", Argument::kRefused},
    {'p', "PUT", Argument::kRefused},
    {'q', "BINPUT", Argument::kBytes1},
    {'r', "LONG_BINPUT", Argument::kBytes4},
    {'s', "SETITEM", Argument::kNone},
    {'t', "TUPLE", Argument::kNone},
    {'u', "SETITEMS", Argument::kNone},
    {'}', "EMPTY_DICT", Argument::kNone},
    {0x80, "PROTO", Argument::kBytes1},
    {0x81, "NEWOBJ", Argument::kRefused},
    {0x82, "EXT1", Argument::kRefused},
    {0x83, "EXT2", Argument::kRefused},
    {0x84, "EXT4", Argument::kRefused},
    {0x85, "TUPLE1", Argument::kNone},
    {0x86, "TUPLE2", Argument::kNone},
    {0x87, "TUPLE3", Argument::kNone},
    {0x88, "NEWTRUE", Argument::kNone},
    {0x89, "NEWFALSE", Argument::kNone},
    {0x8a, "LONG1", Argument::kCount1},
    {0x8b, "LONG4", Argument::kRefused},  // only for integers of 256 bytes or more
    {0x8c, "SHORT_BINUNICODE", Argument::kCount1},
    {0x8d, "BINUNICODE8", Argument::kCount8},
    {0x8e, "BINBYTES8", Argument::kRefused},
    {0x8f, "EMPTY_SET", Argument::kRefused},
    {0x90, "ADDITEMS", Argument::kRefused},
    {0x91, "FROZENSET", Argument::kRefused},
    {0x92, "NEWOBJ_EX", Argument::kRefused},
    {0x93, "STACK_GLOBAL", Argument::kNone},
    {0x94, "MEMOIZE", Argument::kNone},
    {0x95, "FRAME", Argument::kBytes8},
    {0x96, "BYTEARRAY8", Argument::kRefused},
    {0x97, "NEXT_BUFFER", Argument::kRefused},
    {0x98, "READONLY_BUFFER", Argument::kRefused},
};

uint64_t little_endian(const std::string& bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  }
  return value;
}

}  // namespace

void PickleLexer::fail(const std::string& what) const {
  throw Error(code::kCheckpointFormat,
              "The checkpoint's data.pkl, byte " + std::to_string(start_) + ": " + what +
                  ". Only dicts of tensors are read, and no code is ever run: save the weights alone, in "
                  "Python with torch.save(model.state_dict(), \"model.pth\").");
}

uint64_t PickleLexer::integer() const { return little_endian(argument_); }

bool PickleLexer::push(uint8_t byte) {
  if (position_++ == kMaxPickle) fail("the pickle is longer than " + std::to_string(kMaxPickle) + " bytes");
  if (whole_) {
    start_ = position_ - 1;
    argument_.clear();
    has_count_ = false;
    opcode_ = std::ranges::find(kOpcodes, byte, &Opcode::code);
    if (opcode_ == std::end(kOpcodes)) {
      fail("there is no opcode 0x" + hex(byte, 2));
    }
    if (opcode_->argument == Argument::kRefused)
      fail(std::string("the opcode ") + name() + " is not allowed");
  } else {
    argument_ += static_cast<char>(byte);
  }
  return whole_ = argument_is_whole();
}

bool PickleLexer::argument_is_whole() {
  switch (opcode_->argument) {
    case Argument::kRefused:
    case Argument::kNone:
      return true;
    case Argument::kBytes1:
      return argument_.size() == 1;
    case Argument::kBytes2:
      return argument_.size() == 2;
    case Argument::kBytes4:
      return argument_.size() == 4;
    case Argument::kBytes8:
      return argument_.size() == 8;
    case Argument::kCount1:
      read_count(1);
      break;
    case Argument::kCount4:
      read_count(4);
      break;
    case Argument::kCount8:
      read_count(8);
      break;
    case Argument::kTwoLines:
      if (argument_.size() > 2 * kMaxLine)
        fail(std::string("a line of the opcode ") + name() + " does not end");
      return std::ranges::count(argument_, '\n') == 2;
  }
  return has_count_ && argument_.size() == count_;
}

void PickleLexer::read_count(size_t bytes) {
  if (has_count_ || argument_.size() < bytes) return;
  count_ = little_endian(argument_);
  if (count_ > kMaxString) {
    fail(std::string("the opcode ") + name() + " claims " + std::to_string(count_) +
         " bytes, above the limit of " + std::to_string(kMaxString));
  }
  has_count_ = true;
  argument_.clear();
}

}  // namespace vitreous

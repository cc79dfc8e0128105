// The pickle in a file of torch.save, understood without running anything: a stack machine whose values are
// plain data, and whose only callables are the few below, which make descriptions of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weights/dtype.h"
#include "weights/pickle.h"

namespace vitreous {

struct ElementType {
  const char* name;  // torch's: "float32"
  Dtype dtype;
  size_t size;  // bytes
};

// A run of bytes in the file, the entry data/KEY, that tensors are views of.
struct TorchStorage {
  std::string key;
  uint64_t size;            // bytes
  std::string_view global;  // the class it was saved as
  const ElementType* type;  // null for an UntypedStorage until a tensor says it
};

// What _rebuild_tensor was asked for, nothing of it checked against the storage.
struct TorchView {
  size_t storage;  // an index
  const ElementType* type;
  int64_t offset;  // elements, like the strides
  std::vector<int64_t> shape, stride;
};

using PickleRef = uint32_t;

struct PickleValue {
  enum class Kind : uint8_t {
    kNone,
    kBoolean,
    kInteger,
    kNumber,
    kString,
    kTuple,
    kList,
    kDict,
    kGlobal,
    kStorage,
    kView
  };
  Kind kind;
  int64_t integer;   // of kInteger; the index of a kGlobal, kStorage or kView
  std::string text;  // of kString
  std::vector<PickleRef>
      items;  // of kTuple, kList and kDict (key, value, key, value, …); cycles are possible
};

class TorchPickle {
 public:
  // Takes the next byte; true when it was the last, the end of the opcode STOP. Throws CHECKPOINT_FORMAT
  // naming the opcode or global that is not allowed. Limits: a million values, 100,000 on the stack.
  bool push(uint8_t byte);

  PickleRef root() const { return stack_.front(); }
  const PickleValue& value(PickleRef ref) const { return values_[ref]; }
  const std::vector<TorchStorage>& storages() const { return storages_; }
  const std::vector<TorchView>& views() const { return views_; }

 private:
  using Kind = PickleValue::Kind;
  using Refs = std::vector<PickleRef>;

  void run();
  void push_value(Kind kind, int64_t integer = 0, std::string text = {}, Refs items = {});
  void push_ref(PickleRef ref);
  PickleRef pop();
  Refs pop_to_mark();
  Refs pop_many(size_t count);
  PickleValue& top(Kind kind, const char* what);
  void push_tuple(Refs items);
  void push_global(const std::string& module, const std::string& name);
  void push_long();
  void remember(uint32_t index);
  void recall(uint32_t index);
  void append(const Refs& items);
  void set_items(const Refs& items);
  void build();
  void reduce();
  void load_storage();
  void rebuild_tensor(const Refs& arguments, bool with_dtype);
  void rebuild_parameter(const Refs& arguments);
  bool is(PickleRef ref, Kind kind) const { return values_[ref].kind == kind; }
  std::vector<int64_t> integers(PickleRef tuple) const;

  PickleLexer lexer_;
  std::vector<PickleValue> values_;
  Refs stack_;
  std::vector<size_t> marks_;  // heights of the stack
  std::unordered_map<uint32_t, PickleRef> memo_;
  std::vector<TorchStorage> storages_;
  std::unordered_map<std::string, size_t> storage_of_key_;
  std::vector<TorchView> views_;
};

}  // namespace vitreous

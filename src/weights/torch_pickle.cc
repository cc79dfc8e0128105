#include "weights/torch_pickle.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "weights/json.h"

namespace vitreous {
namespace {

constexpr size_t kMaxValues = 1'000'000;  // a tensor takes about ten
constexpr size_t kMaxStack = 100'000;
constexpr size_t kMaxDimensions = 32;

enum class Callable : uint8_t { kNothing, kOrderedDict, kTensor, kTensorWithDtype, kParameter };

// All that a pickle may name: functions, storage classes (with the type of their elements) and dtypes.
struct Global {
  std::string_view name;
  Callable callable = Callable::kNothing;
  bool storage = false;
  ElementType type{};
};

constexpr Global storage(const char* name, const char* type, Dtype dtype, size_t size) {
  return {name, Callable::kNothing, true, {type, dtype, size}};
}
constexpr Global dtype(const char* name, Dtype dtype, size_t size) {
  return {name, Callable::kNothing, false, {name + 6, dtype, size}};  // without "torch."
}

constexpr Global kGlobals[] = {
    {"collections.OrderedDict", Callable::kOrderedDict},
    {"torch._utils._rebuild_tensor_v2", Callable::kTensor},
    {"torch._utils._rebuild_tensor_v3", Callable::kTensorWithDtype},  // of types without a storage class
    {"torch._utils._rebuild_parameter", Callable::kParameter},
    storage("torch.FloatStorage", "float32", Dtype::kF32, 4),
    storage("torch.HalfStorage", "float16", Dtype::kF16, 2),
    storage("torch.BFloat16Storage", "bfloat16", Dtype::kBF16, 2),
    storage("torch.DoubleStorage", "float64", Dtype::kOther, 8),
    storage("torch.LongStorage", "int64", Dtype::kOther, 8),
    storage("torch.IntStorage", "int32", Dtype::kOther, 4),
    storage("torch.ShortStorage", "int16", Dtype::kOther, 2),
    storage("torch.CharStorage", "int8", Dtype::kOther, 1),
    storage("torch.ByteStorage", "uint8", Dtype::kOther, 1),
    storage("torch.BoolStorage", "bool", Dtype::kOther, 1),
    storage("torch.ComplexFloatStorage", "complex64", Dtype::kOther, 8),
    storage("torch.ComplexDoubleStorage", "complex128", Dtype::kOther, 16),
    {"torch.storage.UntypedStorage", Callable::kNothing, true},
    dtype("torch.float32", Dtype::kF32, 4),
    dtype("torch.float16", Dtype::kF16, 2),
    dtype("torch.bfloat16", Dtype::kBF16, 2),
    dtype("torch.float64", Dtype::kOther, 8),
    dtype("torch.int64", Dtype::kOther, 8),
    dtype("torch.int32", Dtype::kOther, 4),
    dtype("torch.int16", Dtype::kOther, 2),
    dtype("torch.int8", Dtype::kOther, 1),
    dtype("torch.uint64", Dtype::kOther, 8),
    dtype("torch.uint32", Dtype::kOther, 4),
    dtype("torch.uint16", Dtype::kOther, 2),
    dtype("torch.uint8", Dtype::kOther, 1),
    dtype("torch.bool", Dtype::kOther, 1),
    dtype("torch.complex64", Dtype::kOther, 8),
    dtype("torch.complex128", Dtype::kOther, 16),
    dtype("torch.float8_e4m3fn", Dtype::kOther, 1),
    dtype("torch.float8_e4m3fnuz", Dtype::kOther, 1),
    dtype("torch.float8_e5m2", Dtype::kOther, 1),
    dtype("torch.float8_e5m2fnuz", Dtype::kOther, 1),
};

const Global& global_of(const PickleValue& value) { return kGlobals[static_cast<size_t>(value.integer)]; }

}  // namespace

bool TorchPickle::push(uint8_t byte) {
  if (!lexer_.push(byte)) return false;
  run();
  return lexer_.op() == Op::kStop;
}

void TorchPickle::run() {
  switch (lexer_.op()) {
    case Op::kProto:
      if (lexer_.integer() < 2 || lexer_.integer() > 5) {
        lexer_.fail("the pickle is of protocol " + std::to_string(lexer_.integer()) + ", not 2 to 5");
      }
      break;
    case Op::kFrame:  // how much to read ahead: of no use here
      break;
    case Op::kStop:
      if (stack_.size() != 1 || !marks_.empty())
        lexer_.fail("STOP comes with " + std::to_string(stack_.size()) + " values on the stack, not one");
      break;
    case Op::kNone:
      push_value(Kind::kNone);
      break;
    case Op::kNewTrue:
    case Op::kNewFalse:
      push_value(Kind::kBoolean);
      break;
    case Op::kBinInt:
      push_value(Kind::kInteger, static_cast<int32_t>(lexer_.integer()));
      break;
    case Op::kBinInt1:
    case Op::kBinInt2:
      push_value(Kind::kInteger, static_cast<int64_t>(lexer_.integer()));
      break;
    case Op::kLong1:
      push_long();
      break;
    case Op::kBinFloat:
      push_value(Kind::kNumber);
      break;
    case Op::kBinUnicode:
    case Op::kShortBinUnicode:
    case Op::kBinUnicode8:
      push_value(Kind::kString, 0, lexer_.argument());
      break;
    case Op::kMark:
      if (marks_.size() == kMaxStack) lexer_.fail("MARK is nested too deeply");
      marks_.push_back(stack_.size());
      break;
    case Op::kEmptyTuple:
      push_tuple({});
      break;
    case Op::kTuple1:
      push_tuple(pop_many(1));
      break;
    case Op::kTuple2:
      push_tuple(pop_many(2));
      break;
    case Op::kTuple3:
      push_tuple(pop_many(3));
      break;
    case Op::kTuple:
      push_tuple(pop_to_mark());
      break;
    case Op::kEmptyList:
      push_value(Kind::kList);
      break;
    case Op::kAppend:
      append(pop_many(1));
      break;
    case Op::kAppends:
      append(pop_to_mark());
      break;
    case Op::kEmptyDict:
      push_value(Kind::kDict);
      break;
    case Op::kSetItem:
      set_items(pop_many(2));
      break;
    case Op::kSetItems:
      set_items(pop_to_mark());
      break;
    case Op::kBinPut:
    case Op::kLongBinPut:
      remember(static_cast<uint32_t>(lexer_.integer()));
      break;
    case Op::kMemoize:
      remember(static_cast<uint32_t>(memo_.size()));
      break;
    case Op::kBinGet:
    case Op::kLongBinGet:
      recall(static_cast<uint32_t>(lexer_.integer()));
      break;
    case Op::kGlobal: {
      const std::string& lines = lexer_.argument();
      const size_t end = lines.find('\n');
      push_global(lines.substr(0, end), lines.substr(end + 1, lines.size() - end - 2));
      break;
    }
    case Op::kStackGlobal: {
      const Refs names = pop_many(2);
      if (!is(names[0], Kind::kString) || !is(names[1], Kind::kString))
        lexer_.fail("STACK_GLOBAL needs two strings");
      push_global(std::string(values_[names[0]].text), std::string(values_[names[1]].text));
      break;
    }
    case Op::kReduce:
      reduce();
      break;
    case Op::kBuild:
      build();
      break;
    case Op::kBinPersId:
      load_storage();
      break;
  }
}

// ---- The stack.

void TorchPickle::push_value(Kind kind, int64_t integer, std::string text, Refs items) {
  if (values_.size() == kMaxValues)
    lexer_.fail("the pickle has more than " + std::to_string(kMaxValues) + " values");
  values_.push_back({kind, integer, std::move(text), std::move(items)});
  push_ref(static_cast<PickleRef>(values_.size() - 1));
}

void TorchPickle::push_ref(PickleRef ref) {
  if (stack_.size() == kMaxStack)
    lexer_.fail("more than " + std::to_string(kMaxStack) + " values are on the stack");
  stack_.push_back(ref);
}

PickleRef TorchPickle::pop() { return pop_many(1)[0]; }

TorchPickle::Refs TorchPickle::pop_many(size_t count) {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() - floor < count)
    lexer_.fail(std::string(lexer_.name()) + " finds too few values on the stack");
  Refs items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
  stack_.resize(stack_.size() - count);
  return items;
}

TorchPickle::Refs TorchPickle::pop_to_mark() {
  if (marks_.empty()) lexer_.fail(std::string(lexer_.name()) + " finds no MARK");
  Refs items = pop_many(stack_.size() - marks_.back());
  marks_.pop_back();
  return items;
}

// The value on top of the stack, which stays there.
PickleValue& TorchPickle::top(Kind kind, const char* what) {
  const PickleRef ref = pop();
  push_ref(ref);
  if (!is(ref, kind)) lexer_.fail(std::string(lexer_.name()) + " needs " + what);
  return values_[ref];
}

// ---- Plain data.

void TorchPickle::push_tuple(Refs items) { push_value(Kind::kTuple, 0, {}, std::move(items)); }

// Two's complement in as many bytes as it takes.
void TorchPickle::push_long() {
  const size_t size = lexer_.argument().size();
  if (size > 8) return push_value(Kind::kNumber);
  const unsigned unused = static_cast<unsigned>(64 - 8 * size);
  if (unused == 64) return push_value(Kind::kInteger, 0);
  push_value(Kind::kInteger, static_cast<int64_t>(lexer_.integer() << unused) >> unused);
}

void TorchPickle::remember(uint32_t index) {
  const PickleRef ref = pop();
  push_ref(ref);
  if (memo_.size() == kMaxValues)
    lexer_.fail("the pickle remembers more than " + std::to_string(kMaxValues) + " values");
  memo_[index] = ref;
}

void TorchPickle::recall(uint32_t index) {
  const auto found = memo_.find(index);
  if (found == memo_.end())
    lexer_.fail(std::string(lexer_.name()) + " asks for value " + std::to_string(index) +
                ", which was not remembered");
  push_ref(found->second);
}

void TorchPickle::append(const Refs& items) {
  Refs& list = top(Kind::kList, "a list").items;
  list.insert(list.end(), items.begin(), items.end());
}

void TorchPickle::set_items(const Refs& items) {
  if (items.size() % 2 != 0) lexer_.fail(std::string(lexer_.name()) + " finds a key without a value");
  Refs& dict = top(Kind::kDict, "a dict").items;
  dict.insert(dict.end(), items.begin(), items.end());
}

// ---- What would be code in Python.

void TorchPickle::push_global(const std::string& module, const std::string& name) {
  const std::string full = module + "." + name;
  const auto found = std::ranges::find(kGlobals, full, &Global::name);
  if (found == std::end(kGlobals))
    lexer_.fail(std::string(lexer_.name()) + " asks for " + quote(full) + ", which is not allowed");
  push_value(Kind::kGlobal, found - std::begin(kGlobals));
}

// A module's state dict carries an attribute, _metadata, with the versions of its layers.
void TorchPickle::build() {
  const PickleRef state = pop();
  if (!is(state, Kind::kDict)) lexer_.fail("BUILD needs a dict of attributes");
  top(Kind::kDict, "an OrderedDict");
}

void TorchPickle::reduce() {
  const Refs call = pop_many(2);
  if (!is(call[0], Kind::kGlobal) || !is(call[1], Kind::kTuple))
    lexer_.fail("REDUCE needs a callable and a tuple");
  const Global& global = global_of(values_[call[0]]);
  const Refs arguments = values_[call[1]].items;
  switch (global.callable) {
    case Callable::kOrderedDict:
      if (!arguments.empty()) lexer_.fail("REDUCE calls collections.OrderedDict with arguments");
      return push_value(Kind::kDict);
    case Callable::kTensor:
      return rebuild_tensor(arguments, false);
    case Callable::kTensorWithDtype:
      return rebuild_tensor(arguments, true);
    case Callable::kParameter:
      return rebuild_parameter(arguments);
    case Callable::kNothing:
      lexer_.fail("REDUCE calls " + quote(global.name) + ", which is no function");
  }
}

// ("storage", class, key, device, number of elements)
void TorchPickle::load_storage() {
  const PickleRef id = pop();
  const Refs& fields = values_[id].items;
  const bool right = is(id, Kind::kTuple) && fields.size() == 5 && is(fields[0], Kind::kString) &&
                     values_[fields[0]].text == "storage" && is(fields[1], Kind::kGlobal) &&
                     global_of(values_[fields[1]]).storage && is(fields[2], Kind::kString) &&
                     is(fields[3], Kind::kString) && is(fields[4], Kind::kInteger);
  if (!right) lexer_.fail("BINPERSID describes no storage");
  const Global& global = global_of(values_[fields[1]]);
  const std::string& key = values_[fields[2]].text;
  const int64_t count = values_[fields[4]].integer;
  const uint64_t item = global.type.name ? global.type.size : 1;
  constexpr uint64_t kMaxSize = uint64_t{1} << 53;  // exact as a JavaScript number
  if (count < 0 || static_cast<uint64_t>(count) > kMaxSize / item) {
    lexer_.fail("storage " + quote(key) + " claims " + std::to_string(count) + " elements");
  }
  const uint64_t size = static_cast<uint64_t>(count) * item;
  const auto [place, is_new] = storage_of_key_.try_emplace(key, storages_.size());
  if (is_new) {
    storages_.push_back({key, size, global.name, global.type.name ? &global.type : nullptr});
  } else if (const TorchStorage& known = storages_[place->second];
             known.size != size || known.global != global.name) {
    lexer_.fail("storage " + quote(key) + " is described twice, differently");
  }
  push_value(Kind::kStorage, static_cast<int64_t>(place->second));
}

// _rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks), v3 with a dtype
void TorchPickle::rebuild_tensor(const Refs& arguments, bool with_dtype) {
  const bool right =
      arguments.size() == (with_dtype ? 7 : 6) && is(arguments[0], Kind::kStorage) &&
      is(arguments[1], Kind::kInteger) && is(arguments[2], Kind::kTuple) && is(arguments[3], Kind::kTuple) &&
      is(arguments[4], Kind::kBoolean) && is(arguments[5], Kind::kDict) &&
      (!with_dtype || (is(arguments[6], Kind::kGlobal) && global_of(values_[arguments[6]]).type.name &&
                       !global_of(values_[arguments[6]]).storage));
  if (!right)
    lexer_.fail("REDUCE calls torch._utils._rebuild_tensor with arguments of the wrong number or kind");
  const auto index = static_cast<size_t>(values_[arguments[0]].integer);
  TorchStorage& storage = storages_[index];
  const ElementType* type = with_dtype ? &global_of(values_[arguments[6]]).type : storage.type;
  if (!type) lexer_.fail("a tensor of storage " + quote(storage.key) + " has no dtype");
  if (!storage.type) storage.type = type;
  if (std::string_view(storage.type->name) != type->name) {
    lexer_.fail("storage " + quote(storage.key) + " has tensors of two types, " + storage.type->name +
                " and " + type->name);
  }
  TorchView view{index, type, values_[arguments[1]].integer, integers(arguments[2]), integers(arguments[3])};
  if (view.shape.size() != view.stride.size())
    lexer_.fail("a tensor has " + std::to_string(view.shape.size()) + " dimensions and " +
                std::to_string(view.stride.size()) + " strides");
  views_.push_back(std::move(view));
  push_value(Kind::kView, static_cast<int64_t>(views_.size() - 1));
}

// _rebuild_parameter(data, requires_grad, backward_hooks): the tensor itself
void TorchPickle::rebuild_parameter(const Refs& arguments) {
  const bool right = arguments.size() == 3 && is(arguments[0], Kind::kView) &&
                     is(arguments[1], Kind::kBoolean) && is(arguments[2], Kind::kDict);
  if (!right)
    lexer_.fail("REDUCE calls torch._utils._rebuild_parameter with arguments of the wrong number or kind");
  push_ref(arguments[0]);
}

std::vector<int64_t> TorchPickle::integers(PickleRef tuple) const {
  const Refs& items = values_[tuple].items;
  if (items.size() > kMaxDimensions)
    lexer_.fail("a tensor has " + std::to_string(items.size()) + " dimensions");
  std::vector<int64_t> integers;
  for (const PickleRef item : items) {
    if (!is(item, Kind::kInteger)) lexer_.fail("a tensor's shape or stride is not of integers");
    integers.push_back(values_[item].integer);
  }
  return integers;
}

}  // namespace vitreous

#include "weights/torch_tensors.h"

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "weights/json.h"

namespace vitreous {
namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMaxTensors = 65'536;
constexpr size_t kMaxName = 512;
constexpr size_t kMaxDepth = 64;
// Values looked at; one dict may be reached on many ways, so these can be more than there are.
constexpr size_t kMaxVisits = 1'000'000;

[[noreturn]] void fail(const std::string& what) {
  throw Error(code::kCheckpointFormat, "The checkpoint " + what +
                                           ": save a plain dict of tensors, in Python with "
                                           "torch.save(model.state_dict(), \"model.pth\").");
}

// a + b·c in whole numbers that are not negative, or nothing above int64.
std::optional<int64_t> add_product(int64_t a, int64_t b, int64_t c) {
  if (c != 0 && b > (INT64_MAX - a) / c) return std::nullopt;
  return a + b * c;
}

// The number of elements, after the checks that make every later sum and product fit.
int64_t checked_count(const std::string& name, const TorchView& view, const TorchStorage& storage) {
  const auto wrong = [&](const std::string& what) {
    throw Error(code::kTensorShape, "Tensor " + quote(name) + " " + what + ": the checkpoint is damaged.");
  };
  const auto negative = [](int64_t n) { return n < 0; };
  if (view.offset < 0 || std::ranges::any_of(view.shape, negative) ||
      std::ranges::any_of(view.stride, negative)) {
    wrong("has a negative size, stride or offset");
  }
  const auto available = static_cast<int64_t>(storage.size / view.type->size);
  if (std::ranges::find(view.shape, 0) != view.shape.end()) return 0;
  std::optional<int64_t> count = 1, last = view.offset;
  for (size_t i = 0; i < view.shape.size() && count && last; ++i) {
    count = add_product(0, *count, view.shape[i]);
    last = add_product(*last, view.shape[i] - 1, view.stride[i]);
  }
  if (!count || !last) wrong("has more than 2^63 elements");
  if (*last >= available) {
    wrong("reaches to element " + std::to_string(*last) + " of storage " + quote(storage.key) +
          ", which has " + std::to_string(available));
  }
  if (*count > INT64_MAX / 16) wrong("has more than 2^59 elements");
  return *count;
}

// Walks the dicts and lists with an explicit stack: a hostile file chooses how deep they are nested.
class Walk {
 public:
  explicit Walk(const TorchPickle& pickle) : pickle_(pickle) {
    uint64_t size = 0;
    for (const TorchStorage& storage : pickle.storages()) {
      starts_.push_back(size);
      size += storage.size;
      if (size > uint64_t{1} << 53) fail("claims more bytes of tensors than any file holds");
    }
    found_.header.data_size = size;
  }

  TorchTensors run() {
    if (pickle_.value(pickle_.root()).kind != Kind::kDict) fail("does not hold a dict");
    levels_.push_back({pickle_.root(), 0, 0});
    while (!levels_.empty()) {
      Level& level = levels_.back();
      const PickleValue& container = pickle_.value(level.container);
      name_.resize(level.name_size);
      if (level.next == container.items.size()) {
        levels_.pop_back();
        continue;
      }
      if (++visits_ > kMaxVisits) fail("nests its dicts so that they hold too many values");
      const size_t place = level.next;
      level.next += container.kind == Kind::kDict ? 2 : 1;
      visit(container, place);
    }
    return std::move(found_);
  }

 private:
  struct Level {
    PickleRef container;
    size_t next;       // item
    size_t name_size;  // of the container's own name
  };

  // The name of an item in its container: a dict's key, or the place in a list.
  std::string key_of(const PickleValue& container, size_t place) const {
    if (container.kind != Kind::kDict) return std::to_string(place);
    const PickleValue& key = pickle_.value(container.items[place]);
    if (key.kind == Kind::kString) return key.text;
    if (key.kind == Kind::kInteger) return std::to_string(key.integer);
    fail("has, in " + quote(name_) + ", a key that is neither a string nor an integer");
  }

  void visit(const PickleValue& container, size_t place) {
    const PickleRef ref = container.items[container.kind == Kind::kDict ? place + 1 : place];
    const PickleValue& value = pickle_.value(ref);
    const bool holds_more =
        value.kind == Kind::kDict || value.kind == Kind::kList || value.kind == Kind::kTuple;
    if (!holds_more && value.kind != Kind::kView) return;
    const std::string key = key_of(container, place);
    if (levels_.size() > 1) name_ += '.';
    name_ += key;
    if (name_.size() > kMaxName)
      fail("has a name longer than " + std::to_string(kMaxName) + " bytes, " + quote(name_));
    if (!holds_more) return add(pickle_.views()[static_cast<size_t>(value.integer)]);
    if (levels_.size() == kMaxDepth)
      fail("nests its dicts more than " + std::to_string(kMaxDepth) + " deep, at " + quote(name_));
    levels_.push_back({ref, 0, name_.size()});
  }

  void add(const TorchView& view) {
    if (found_.views.size() == kMaxTensors) fail("has more than " + std::to_string(kMaxTensors) + " tensors");
    if (!names_.insert(name_).second) {
      throw Error(
          code::kTensorDuplicate,
          "Tensor " + quote(name_) + " is in the checkpoint twice: save it again with each name once.");
    }
    const int64_t count = checked_count(name_, view, pickle_.storages()[view.storage]);
    const uint64_t begin =
        starts_[view.storage] + (count == 0 ? 0 : static_cast<uint64_t>(view.offset) * view.type->size);
    found_.header.tensors.push_back(
        {name_, view.type->dtype, view.shape, begin, begin + static_cast<uint64_t>(count) * view.type->size});
    found_.views.push_back(view);
  }

  const TorchPickle& pickle_;
  std::vector<uint64_t> starts_;  // of the storages
  std::vector<Level> levels_;
  std::string name_;
  std::unordered_set<std::string> names_;
  size_t visits_ = 0;
  TorchTensors found_{};
};

}  // namespace

TorchTensors find_tensors(const TorchPickle& pickle) { return Walk(pickle).run(); }

bool is_contiguous(const TorchView& view) {
  int64_t expected = 1;
  for (size_t i = view.shape.size(); i-- > 0;) {
    if (view.shape[i] != 1 && view.stride[i] != expected) return false;
    expected *= view.shape[i];
  }
  return true;
}

uint64_t extent(const TorchView& view) {
  uint64_t last = 0;
  for (size_t i = 0; i < view.shape.size(); ++i) {
    if (view.shape[i] == 0) return 0;
    last += static_cast<uint64_t>(view.shape[i] - 1) * static_cast<uint64_t>(view.stride[i]);
  }
  return last + 1;
}

}  // namespace vitreous

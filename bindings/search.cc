// The index for JavaScript, as web/engine/module.ts declares it.

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "convert.h"
#include "search/vector_index.h"
#include "weights/crc32.h"

namespace {

using namespace vitreous::bindings;

[[noreturn]] void unknown(const char* option, const std::string& value, const char* choices) {
  throw vt::Error(vt::code::kInvalidArgument,
                  std::string(option) + " '" + value + "' is not known: use " + choices + ".");
}

vt::Metric metric(const std::string& name) {
  if (name == "cosine") return vt::Metric::kCosine;
  if (name == "dot") return vt::Metric::kDot;
  unknown("metric", name, "'cosine' or 'dot'");
}

vt::Storage storage(const std::string& name) {
  if (name == "fp32") return vt::Storage::kFp32;
  if (name == "int8") return vt::Storage::kInt8;
  if (name == "binary") return vt::Storage::kBinary;
  unknown("storage", name, "'fp32', 'int8' or 'binary'");
}

// A count from JavaScript: a whole number from 0 on.
size_t whole_number(double value, const char* option) {
  if (!(value >= 0 && value <= std::numeric_limits<int32_t>::max()) || value != double(size_t(value))) {
    throw vt::Error(vt::code::kInvalidArgument, std::string(option) + " is no whole number from 0 to 2³¹.");
  }
  return size_t(value);
}
size_t count(const val& js, const char* option) { return whole_number(js[option].as<double>(), option); }

vt::VectorIndexOptions index_options(const val& js) {
  return {count(js, "dim"), metric(js["metric"].as<std::string>()), storage(js["storage"].as<std::string>()),
          js["keep"].as<bool>()};
}

template <typename T>
std::vector<T> vector_of(const val& array) {
  std::vector<T> values(length(array));
  copy(array, values.data());
  return values;
}

class VectorIndex {
 public:
  explicit VectorIndex(const val& options)
      : index_(guard([&] { return std::make_unique<vt::VectorIndex>(index_options(options)); })) {}

  int add(const val& vectors) {
    return guard(
        [&] { return int(index_->add(whole(vectors, index_->dim()), read<float>(vectors, index_->dim()))); });
  }
  int add_packed(const val& bytes) {
    return guard([&] {
      return int(
          index_->add_packed(whole(bytes, index_->row_bytes()), read<uint8_t>(bytes, index_->row_bytes())));
    });
  }
  val packed(const val& rows) const {
    return guard([&] { return byte_array(index_->packed(vector_of<int32_t>(rows))); });
  }
  int row_bytes() const { return int(index_->row_bytes()); }
  val vectors(const val& rows) const {
    return guard([&] { return float_array(index_->vectors(vector_of<int32_t>(rows))); });
  }
  void remove(const val& rows) {
    guard([&] { index_->remove(vector_of<int32_t>(rows)); });
  }
  int rows() const { return int(index_->rows()); }
  int size() const { return int(index_->size()); }

  val search(const val& queries, const val& options) const {
    return guard([&] {
      vt::SearchOptions search;
      search.k = count(options, "k");
      search.min_score = options["minScore"].as<double>();
      search.exact = options["exact"].as<bool>();
      std::vector<uint8_t> allowed;
      if (!options["allowed"].isUndefined()) {
        allowed = vector_of<uint8_t>(options["allowed"]);
        if (allowed.size() != index_->rows()) {
          throw vt::Error(vt::code::kInvalidArgument, "The filter is of " + std::to_string(allowed.size()) +
                                                          " rows, the index has " +
                                                          std::to_string(index_->rows()) + ".");
        }
        search.allowed = allowed.data();
      }
      const vt::Hits hits = index_->search(vector_of<float>(queries), search);
      val js = val::object();
      js.set("rows", int_array(hits.rows));
      js.set("scores", float_array(hits.scores));
      return js;
    });
  }
  val compact() {
    return guard([&] { return int_array(index_->compact()); });
  }

  bool wants_training() const { return index_->wants_training(); }
  void begin_training(const val& options) {
    guard([&] {
      const double seed = options["seed"].as<double>();
      index_->begin_training(
          {count(options, "lists"), count(options, "iterations"), uint32_t(whole_number(seed, "seed"))});
    });
  }
  bool train_step() {
    return guard([&] { return index_->train_step(); });
  }
  bool trained() const { return index_->trained(); }
  val training_state() const {
    return guard([&] { return byte_array(index_->training_state()); });
  }
  void restore(const val& state) {
    guard([&] { index_->restore(vector_of<uint8_t>(state)); });
  }

 private:
  static size_t whole(const val& array, size_t row) {
    const size_t n = length(array);
    if (n % row != 0) {
      throw vt::Error(vt::code::kInvalidArgument,
                      std::to_string(n) + " values are no whole rows of " + std::to_string(row) + ".");
    }
    return n / row;
  }
  // Rows are copied in pieces: all of them once more would be hundreds of megabytes.
  template <typename T>
  static vt::VectorIndex::Read read(const val& array, size_t row) {
    return [&array, row](size_t first, size_t n, void* to) {
      copy(array.call<val>("subarray", first * row, (first + n) * row), static_cast<T*>(to));
    };
  }

  std::unique_ptr<vt::VectorIndex> index_;
};

constexpr size_t kCrcBytes = size_t{1} << 18;

uint32_t crc32(const val& bytes) {
  return guard([&] {
    uint32_t crc = 0;
    push_bytes(bytes, kCrcBytes, [&](const uint8_t* piece, size_t n) { crc = vt::crc32(crc, {piece, n}); });
    return crc;
  });
}

}  // namespace

EMSCRIPTEN_BINDINGS(search) {
  emscripten::function("crc32", &crc32);
  emscripten::class_<VectorIndex>("VectorIndex")
      .constructor<const val&>()
      .function("add", &VectorIndex::add)
      .function("addPacked", &VectorIndex::add_packed)
      .function("packed", &VectorIndex::packed)
      .function("rowBytes", &VectorIndex::row_bytes)
      .function("vectors", &VectorIndex::vectors)
      .function("remove", &VectorIndex::remove)
      .function("rows", &VectorIndex::rows)
      .function("size", &VectorIndex::size)
      .function("search", &VectorIndex::search)
      .function("compact", &VectorIndex::compact)
      .function("wantsTraining", &VectorIndex::wants_training)
      .function("beginTraining", &VectorIndex::begin_training)
      .function("trainStep", &VectorIndex::train_step)
      .function("trained", &VectorIndex::trained)
      .function("trainingState", &VectorIndex::training_state)
      .function("restore", &VectorIndex::restore);
}

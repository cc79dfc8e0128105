// Feeds TorchReader with deterministically damaged files. Each must either load to whole, finite tensors or
// end in a vitreous::Error with one of the checkpoint's codes, the same in one piece and in many; run under
// AddressSanitizer and UBSan to be worth it.
#include <gtest/gtest.h>

#include "support/allocations.h"
#include "support/fuzzing.h"
#include "support/torch_file.h"

namespace vitreous::test {
namespace {

constexpr uint64_t kFiles = 10'000;  // unless VITREOUS_FUZZ_INPUTS says otherwise

constexpr size_t kMade = 3;  // of the seeds are made here, the others are torch's

// A file, and its parts where it was made here.
struct Seed {
  std::string file;
  std::string pickle;
  Storages storages;
};

std::vector<Seed> seeds() {
  const std::string floats = bytes_of({1.f, 2.f, 3.f, 4.f, 5.f, 6.f});
  const std::string halves = bytes_of<uint16_t>({0x3c00, 0x4000, 0x4200, 0x4400});
  const std::string matrix = storage("0", 6), half = storage("1", 4, "HalfStorage"),
                    counter = storage("2", 1, "LongStorage");
  const Storages storages{{"0", floats}, {"1", halves}, {"2", std::string(8, '\x01')}};
  const std::vector<std::string> bodies{
      dict({{"a", tensor(matrix, {2, 3}, {3, 1})},
            {"b", tensor(half, {4}, {1})},
            {"n", tensor(counter, {}, {})}}) +
          text("epoch") + "K\x03s",
      ordered_dict() + "q\x01(" + text("teacher") +
          dict({{"w", tensor(matrix, {3, 2}, {1, 3})}, {"v", tensor(matrix, {2}, {2}, 1)}}) +
          text("student") + dict({{"x", tensor(half, {2}, {1}, 2)}, {"y", tensor(half, {1}, {1})}}) +
          text("n") + tensor(counter, {1}, {1}) + "u" + "}" + text("_metadata") + "}sb",
      dict({{"p", global("torch._utils", "_rebuild_parameter") + tensor(matrix, {6}, {1}) + "\x88" +
                      ordered_dict() + "\x87R"},
            {"list",
             "](" + integer(-5) + "N\x88G" + std::string(8, '\x40') + tensor(half, {2, 2}, {2, 1}) + "e"},
            {"e", tensor(counter, {0, 4}, {4, 1})}})};
  std::vector<Seed> all;
  for (const std::string& body : bodies)
    all.push_back({torch_file(pickled(body), storages), pickled(body), storages});
  for (const char* name :
       {"state_dict.protocol4", "strided", "dtypes", "state_dict.descriptor64", "state_dict.seekable"}) {
    all.push_back({read_file(golden_path("torch/" + std::string(name) + ".pth")), "", {}});
  }
  return all;
}

// Whole opcodes and arguments that matter, put anywhere.
void mutate_pickle(std::string& pickle, const std::string& other, Random& random) {
  static const std::vector<std::string> kTokens{"(",
                                                "t",
                                                "u",
                                                "e",
                                                "s",
                                                "a",
                                                "}",
                                                "]",
                                                ")",
                                                "R",
                                                "Q",
                                                "b",
                                                ".",
                                                "N",
                                                "\x85",
                                                "\x86",
                                                "\x87",
                                                "\x88",
                                                "\x93",
                                                "\x94",
                                                "q\x01",
                                                "h\x01",
                                                "h\x02",
                                                text("storage"),
                                                text("a"),
                                                text("w"),
                                                integer(-1),
                                                integer(0),
                                                integer(1),
                                                integer(6),
                                                integer(INT64_MAX),
                                                integer(INT64_MIN),
                                                integer(int64_t{1} << 62),
                                                tuple({2, 3}),
                                                tuple({1'000'000, 1'000'000}),
                                                global("posix", "system"),
                                                global("torch", "FloatStorage"),
                                                global("torch", "float32"),
                                                global("torch.storage", "UntypedStorage"),
                                                global("torch._utils", "_rebuild_tensor_v3"),
                                                ordered_dict(),
                                                storage("0", 6),
                                                storage("1", 4, "HalfStorage"),
                                                tensor(storage("0", 6), {2}, {1}, 4),
                                                text("d") + tensor(storage("0", 6), {}, {}) + "s",
                                                "X\xff\xff\xff\xff"};
  const size_t at = random.below(pickle.size() + 1);
  switch (random.below(5)) {
    case 0:
      pickle.insert(at, random.pick(kTokens));
      break;
    case 1: {
      const std::string& token = random.pick(kTokens);
      pickle.replace(at, token.size(), token);
      break;
    }
    case 2: {  // a number within an eight-byte argument
      const size_t argument = pickle.find("\x8a\x08", at);
      const std::array<int64_t, 8> numbers{-1,
                                           0,
                                           1,
                                           2,
                                           3,
                                           7,
                                           int64_t{1} << random.below(63),
                                           INT64_MAX - static_cast<int64_t>(random.below(9))};
      if (argument != std::string::npos && argument + 10 <= pickle.size()) {
        pickle.replace(argument + 2, 8, little_endian(static_cast<uint64_t>(random.pick(numbers))));
      }
      break;
    }
    case 3: {  // a name of one letter
      const size_t name = pickle.find(text("?").substr(0, 5), at);
      if (name != std::string::npos && name + 5 < pickle.size()) pickle[name + 5] = "abewxy"[random.below(6)];
      break;
    }
    case 4:
      mutate_bytes(pickle, other, random);
      break;
  }
}

void mutate_entries(std::vector<ZipEntry>& entries, Random& random) {
  ZipEntry& entry = entries[random.below(entries.size())];
  const ZipEntry copy = entries[random.below(entries.size())];
  switch (random.below(7)) {
    case 0:
      entry.name = copy.name;
      break;
    case 1:
      entry.data = copy.data;
      break;
    case 2:
      entry.flags = static_cast<uint16_t>(random.next());
      break;
    case 3:
      entry.method = static_cast<uint16_t>(random.below(9));
      break;
    case 4:
      entry.wide = !entry.wide;
      break;
    case 5:
      entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(random.below(entries.size() + 1)), copy);
      break;
    case 6:
      entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(random.below(entries.size())));
      break;
  }
}

std::string mutated_file(const std::vector<Seed>& seeds, Random& random) {
  // 0 to 2: the pickle; 3: the tensors' data; 4: the entries; 5: the bytes of the whole file.
  const size_t kind = random.below(6), times = 1 + random.below(3);
  const Seed& seed = seeds[random.below(kind == 5 ? seeds.size() : kMade)];
  const Seed& other = seeds[random.below(kind == 5 ? seeds.size() : kMade)];
  if (kind == 5) {  // the checksums find most of it
    std::string file = seed.file;
    for (size_t i = 0; i < times; ++i) mutate_bytes(file, other.file, random);
    return file;
  }
  // Else with right checksums, so that the damage is believed.
  std::string pickle = seed.pickle;
  Storages storages = seed.storages;
  for (size_t i = 0; i < times && kind <= 2; ++i) mutate_pickle(pickle, other.pickle, random);
  for (size_t i = 0; i < times && kind == 3; ++i) {
    std::string& data = storages[random.below(storages.size())].second;
    mutate_bytes(data, seed.storages[0].second, random);
  }
  std::vector<ZipEntry> entries = torch_entries(pickle, storages);
  for (size_t i = 0; i < times && kind == 4 && !entries.empty(); ++i) mutate_entries(entries, random);
  return zip_file(entries);
}

// "" when the file loads, else the code of its error. Any other exception or a wrong result fails the test.
std::string outcome(const std::string& file, bool size_known, bool wants_all,
                    const std::function<void(const Push&)>& pieces) {
  try {
    const std::optional<uint64_t> size = size_known ? std::optional<uint64_t>(file.size()) : std::nullopt;
    const Loaded loaded = load<TorchReader>(file, pieces, size, [&](Header& header) {
      for (TensorInfo& tensor : header.tensors) tensor.skip = !wants_all && tensor.dtype == Dtype::kOther;
    });
    EXPECT_LE(loaded.header.data_size, file.size());
    for (const TensorInfo& tensor : loaded.header.tensors) {
      uint64_t count = 1;
      for (int64_t dimension : tensor.shape) count *= static_cast<uint64_t>(dimension);
      if (tensor.skip) continue;
      EXPECT_EQ(count, tensor.count());
      const std::vector<float>& values = loaded.tensors.at(tensor.name);
      EXPECT_EQ(values.size(), count);
      EXPECT_EQ(first_not_finite(values.data(), values.size()), values.size());
    }
    return "";
  } catch (const Error& error) {
    EXPECT_LT(std::string_view(error.what()).size(), 700u);
    return error.code();
  }
}

TEST(TorchMutation, EveryDamagedFileLoadsOrIsRefused) {
  const Fuzzing run("torch", kFiles);
  const std::vector<Seed> originals = seeds();
  std::map<std::string, int> counts;
  size_t most_bytes = 0, largest = 0;
  for (uint64_t i = 0; i < run.inputs() && !HasFailure(); ++i) {
    SCOPED_TRACE(run.replay(i));
    Random random = run.random(i);
    const std::string file = mutated_file(originals, random);
    const bool size_known = random.one_in(2), wants_all = random.one_in(8);
    allocations() = {};
    const std::string whole =
        outcome(file, size_known, wants_all, [&](const Push& push) { push(0, file.size()); });
    if (size_known) most_bytes = std::max(most_bytes, allocations().bytes);
    largest = std::max(largest, allocations().largest);
    const std::string in_pieces = outcome(
        file, size_known, wants_all, [&](const Push& push) { push_in_pieces(push, file.size(), random); });
    EXPECT_EQ(in_pieces, whole);
    ++counts[whole];
  }
  run.report(counts);
  // Nothing in a file makes the reader take more than a small multiple of it, or of 16 MiB where it may be
  // longer.
  EXPECT_LT(most_bytes, 300'000u);
  EXPECT_LE(largest, size_t{16} << 20);
  const std::vector<std::string> every{"",
                                       code::kCheckpointFormat,
                                       code::kCheckpointTruncated,
                                       code::kTensorDuplicate,
                                       code::kTensorShape,
                                       code::kTensorDtype,
                                       code::kTensorNotFinite};
  for (const std::string& code : every)
    EXPECT_GE(static_cast<uint64_t>(counts[code]), run.inputs() / 1200) << "too few: " << code;
  EXPECT_EQ(counts.size(), every.size());
}

}  // namespace
}  // namespace vitreous::test

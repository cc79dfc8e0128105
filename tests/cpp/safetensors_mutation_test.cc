// Feeds the reader with deterministically damaged checkpoints. Each must either load to exactly the tensors
// it holds or end in a vitreous::Error with one of the checkpoint's codes; run under AddressSanitizer and
// UBSan to be worth it.
#include <gtest/gtest.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "support/allocations.h"
#include "support/fuzzing.h"
#include "support/golden.h"
#include "support/safetensors_file.h"

namespace vitreous::test {
namespace {

constexpr uint64_t kFiles = 60'000;             // unless VITREOUS_FUZZ_INPUTS says otherwise
constexpr size_t kReserved = size_t{16} << 20;  // what the reader may take ahead of a tensor's bytes

struct File {
  std::string header, data;
};

const std::vector<TensorSpec> kModel{{"a", {2}}, {"b", {2}}, {"c", {1, 2}}, {"d", {}}, {"none", {0, 3}}};
const std::vector<std::string> kIgnored{"head.weight"};

enum class Check { kNothing, kTensors, kTensorsWithIgnored };

std::vector<File> seeds() {
  const std::string metadata = R"("__metadata__":{"format":"pt","\u00e9":"\ud83e\udd95"},)";
  const std::string three = entry("a", "F32", "2", "0,8") + "," + entry("b", "F32", "2", "8,16") + "," +
                            entry("c", "F16", "1,2", "16,20") + ",";
  const std::string rest = entry("none", "BF16", "0,3", "20,20") + "," + entry("d", "BF16", "", "20,22");
  const std::string data(26, '\x3c');
  std::ifstream stream(golden_path("safetensors/small.safetensors"), std::ios::binary);
  const std::string golden{std::istreambuf_iterator<char>(stream), {}};
  const size_t header_size = golden.size() - 8 - 50;
  return {
      {"{" + metadata + three + rest + "}   ", data.substr(0, 22)},
      {"{" + three + rest + "," + entry("head.weight", "F16", "2", "22,26") + "}", data},
      {"{" + entry("w", "F16", "4", "0,8") + "," + entry("v", "F16", "4", "8,16") + "}", data.substr(0, 16)},
      {golden.substr(8, header_size), golden.substr(8 + header_size)}};
}

using Range = std::pair<size_t, size_t>;  // [begin, end) in a text

std::vector<Range> integers(const std::string& text) {
  std::vector<Range> found;
  for (size_t i = 0; (i = text.find_first_of("0123456789", i)) != std::string::npos;) {
    const size_t end = std::min(text.find_first_not_of("0123456789", i), text.size());
    found.emplace_back(i, end);
    i = end;
  }
  return found;
}

std::vector<Range> enclosed(const std::string& text, char open, char close) {
  std::vector<Range> found;
  for (size_t i = 1; (i = text.find(open, i)) != std::string::npos; ++i) {
    const size_t end = text.find(close, i);
    if (end != std::string::npos) found.emplace_back(i, end + 1);
  }
  return found;
}

void replace(std::string& text, Range range, const std::string& with) {
  text.replace(range.first, range.second - range.first, with);
}

void mutate_header(std::string& text, Random& random) {
  static const std::array<std::string, 20> kNumbers{"0",
                                                    "1",
                                                    "2",
                                                    "4",
                                                    "8",
                                                    "20",
                                                    "22",
                                                    "-1",
                                                    "1e3",
                                                    "0.5",
                                                    "2147483647",
                                                    "2147483648",
                                                    "4294967296",
                                                    "9007199254740992",
                                                    "9007199254740993",
                                                    "9223372036854775807",
                                                    "9223372036854775808",
                                                    "18446744073709551615",
                                                    "18446744073709551616",
                                                    "00"};
  static const std::array<std::string, 14> kTokens{
      "{", "}", "[", "]", ",", ":", "\"", "\\", "\\ud800", "null", "\xff", "\"dtype\":\"F64\"", "\"a\"", " "};
  const std::vector<Range> numbers = integers(text), lists = enclosed(text, '[', ']'),
                           words = enclosed(text, '"', '"');
  const auto copy_over = [&](const std::vector<Range>& ranges) {
    if (ranges.empty()) return;
    const Range from = random.pick(ranges), to = random.pick(ranges);
    replace(text, to, text.substr(from.first, from.second - from.first));
  };
  const size_t at = random.below(text.size() + 1);
  switch (random.below(8)) {
    case 0: {
      const std::string& number = random.pick(kNumbers);
      if (!numbers.empty()) replace(text, random.pick(numbers), number);
      break;
    }
    case 1:  // others of the same header keep more of it true
      copy_over(numbers);
      break;
    case 2:
      copy_over(lists);
      break;
    case 3:  // names, keys and dtypes
      copy_over(words);
      break;
    case 4: {  // an entry twice
      const size_t last = text.rfind('}'), begin = text.find('"', at);
      const size_t end = begin == std::string::npos ? begin : text.find('}', begin);
      if (last != std::string::npos && end != std::string::npos) {
        text.insert(last, "," + text.substr(begin, end + 1 - begin));
      }
      break;
    }
    case 5:
      text.insert(at, random.pick(kTokens));
      break;
    case 6:
      text.erase(at, random.below(20));
      break;
    case 7: {  // a tensor moved
      if (lists.empty()) break;
      const Range list = random.pick(lists);
      uint64_t begin = 0, end = 0;
      if (std::sscanf(text.c_str() + list.first, "[%" SCNu64 ",%" SCNu64 "]", &begin, &end) != 2) break;
      const uint64_t by = random.one_in(4) ? uint64_t{1} << random.below(64) : random.next() % 12 - 6;
      replace(text, list, "[" + std::to_string(begin + by) + "," + std::to_string(end + by) + "]");
      break;
    }
  }
}

std::string mutated_file(const std::vector<File>& seeds, Random& random) {
  File file = random.pick(seeds);
  const File& other = random.pick(seeds);
  const size_t kind = random.below(4);  // 0, 1: the header; 2: the data; 3: the bytes of the whole file
  const size_t times = 1 + random.below(3);
  for (size_t i = 0; i < times && kind < 2; ++i) mutate_header(file.header, random);
  for (size_t i = 0; i < times && kind == 2; ++i) mutate_bytes(file.data, other.data, random);
  std::string bytes = safetensors_file(file.header, file.data);
  const std::string other_bytes = safetensors_file(other.header, other.data);
  for (size_t i = 0; i < times && kind == 3; ++i) mutate_bytes(bytes, other_bytes, random);
  return bytes;
}

// "" when the file loads, else the code of its error. Any other exception or a wrong result fails the test.
std::string outcome(const std::string& file, bool size_known, Check check,
                    const std::function<void(const Push&)>& pieces) {
  const auto on_header = [&](Header& header) {
    if (check == Check::kTensors) check_tensors(header, kModel, {});
    if (check == Check::kTensorsWithIgnored) check_tensors(header, kModel, kIgnored);
  };
  try {
    const Loaded loaded =
        load(file, pieces, size_known ? std::optional<uint64_t>(file.size()) : std::nullopt, on_header);
    uint64_t end = 0;
    for (const TensorInfo& tensor : loaded.header.tensors) {
      EXPECT_EQ(tensor.begin, end);
      end = tensor.end;
      uint64_t count = 1;
      for (int64_t dimension : tensor.shape) count *= static_cast<uint64_t>(dimension);
      EXPECT_EQ(count * item_size(tensor.dtype), tensor.end - tensor.begin);
      if (tensor.skip) continue;
      const std::vector<float>& values = loaded.tensors.at(tensor.name);
      EXPECT_EQ(values.size(), count);
      EXPECT_EQ(first_not_finite(values.data(), values.size()), values.size());
    }
    EXPECT_EQ(loaded.header.data_size, end);
    uint64_t header_size = 0;
    std::memcpy(&header_size, file.data(), 8);
    EXPECT_EQ(8 + header_size + end, file.size());
    return "";
  } catch (const Error& error) {
    EXPECT_LT(std::string_view(error.what()).size(), 600u);
    return error.code();
  }
}

TEST(SafetensorsMutation, EveryDamagedFileLoadsOrIsRefused) {
  const Fuzzing run("safetensors", kFiles);
  const std::vector<File> originals = seeds();
  std::map<std::string, int> counts;
  size_t most_bytes = 0, largest = 0;
  for (uint64_t i = 0; i < run.inputs() && !HasFailure(); ++i) {
    SCOPED_TRACE(run.replay(i));
    Random random = run.random(i);
    const std::string file = mutated_file(originals, random);
    const bool size_known = random.one_in(2);
    const auto check = random.pick(
        std::array{Check::kNothing, Check::kNothing, Check::kTensors, Check::kTensorsWithIgnored});

    allocations() = {};
    const std::string whole =
        outcome(file, size_known, check, [&](const Push& push) { push(0, file.size()); });
    // With the size known, nothing in a file can make the reader take more than a small multiple of it.
    if (size_known) most_bytes = std::max(most_bytes, allocations().bytes);
    largest = std::max(largest, allocations().largest);

    const std::string in_pieces = outcome(
        file, size_known, check, [&](const Push& push) { push_in_pieces(push, file.size(), random); });
    EXPECT_EQ(in_pieces, whole);
    ++counts[whole];
  }

  run.report(counts);
  EXPECT_LT(most_bytes, 20'000u);
  EXPECT_LE(largest, kReserved);
  // The damage reaches every check, not only the first; and nothing else is thrown.
  const std::vector<std::string> every{"",
                                       code::kCheckpointFormat,
                                       code::kCheckpointOversized,
                                       code::kCheckpointTruncated,
                                       code::kTensorOverlap,
                                       code::kTensorDuplicate,
                                       code::kTensorMissing,
                                       code::kTensorUnexpected,
                                       code::kTensorShape,
                                       code::kTensorDtype,
                                       code::kTensorNotFinite};
  for (const std::string& code : every)
    EXPECT_GE(static_cast<uint64_t>(counts[code]), run.inputs() / 1200) << "too few: " << code;
  EXPECT_EQ(counts.size(), every.size());
}

// 60 kB of a header that claims 90 MB, or 100 kB of a tensor that claims 2^50 bytes.
TEST(SafetensorsMemory, GrowsWithTheBytesThatCome) {
  allocations() = {};
  const std::string header = little_endian(90'000'000) + "{" + std::string(60'000, ' ');
  EXPECT_EQ(outcome(header, false, Check::kNothing, [&](const Push& push) { push(0, header.size()); }),
            code::kCheckpointTruncated);
  EXPECT_LT(allocations().largest, 2 * header.size());

  allocations() = {};
  const std::string file = safetensors_file(
      "{" + entry("w", "F16", "562949953421312", "0,1125899906842624") + "}", std::string(100'000, '\0'));
  EXPECT_EQ(outcome(file, false, Check::kNothing, [&](const Push& push) { push(0, file.size()); }),
            code::kCheckpointTruncated);
  EXPECT_EQ(allocations().largest, kReserved);
}

TEST(SafetensorsMemory, OutOfMemoryNamesTheTensor) {
  const std::string file = safetensors_file("{" + entry("big.weight", "F32", "300000", "0,1200000") + "}",
                                            std::string(1'200'000, '\0'));
  allocations() = {};
  SafetensorsReader reader([](Header&) { allocations().limit = 1'000'000; },
                           [](const TensorInfo&, auto&&) {});
  const auto push = [&] { reader.push(reinterpret_cast<const uint8_t*>(file.data()), file.size()); };
  for (int again = 0; again < 2; ++again) {
    try {
      push();
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_STREQ(error.code(), code::kOutOfMemory);
      EXPECT_NE(std::string_view(error.what()).find("tensor \"big.weight\""), std::string_view::npos)
          << error.what();
    }
  }
  allocations() = {};
}

}  // namespace
}  // namespace vitreous::test

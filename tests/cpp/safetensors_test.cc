#include "weights/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>

#include "support/expect_error.h"
#include "support/golden.h"
#include "support/safetensors_file.h"

namespace vitreous::test {
namespace {

using namespace std::string_literals;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

void expect_file_error(const std::string& file, const char* code, const std::vector<std::string>& parts,
                       const SafetensorsReader::OnHeader& on_header = {}) {
  expect_error(code, parts, [&] { load(file, {}, on_header); });
  expect_error(code, {}, [&] { load_by_bytes(file, on_header); });
}

// A file whose header is wrong; the data does not matter.
void expect_header_error(const std::string& header, const char* code, const std::vector<std::string>& parts) {
  expect_file_error(safetensors_file(header, std::string(64, '\0')), code, parts);
}

const std::string kTwoTensors =
    safetensors_file("{" + entry("a", "F32", "3", "0,12") + "," + entry("b", "BF16", "2,1", "12,16") + "}",
                     bytes_of({1.f, 2.f, 3.f}) + bytes_of<uint16_t>({0x3f80, 0xc000}));

// ---- What is right.

struct Golden {
  std::string dtype, name;
  std::vector<int64_t> shape;
  std::vector<float> values;
};

std::vector<Golden> read_golden() {
  std::ifstream text(golden_path("safetensors/values.txt"));
  std::vector<Golden> all;
  for (std::string line, shape, word; std::getline(text, line);) {
    Golden& golden = all.emplace_back();
    std::istringstream words(line);
    words >> golden.dtype >> shape;
    std::istringstream dimensions(shape == "scalar" ? "" : shape);
    while (std::getline(dimensions, word, 'x')) golden.shape.push_back(std::stoll(word));
    while (words >> word && word != ":") {
      golden.values.push_back(std::bit_cast<float>(static_cast<uint32_t>(std::stoul(word, nullptr, 16))));
    }
    words.ignore(1);
    std::getline(words, golden.name);
    if (const size_t at = golden.name.find("\\n"); at != std::string::npos) golden.name.replace(at, 2, "\n");
  }
  return all;
}

void expect_golden(const Loaded& loaded, const std::vector<Golden>& goldens) {
  ASSERT_EQ(loaded.order.size(), goldens.size());
  ASSERT_EQ(loaded.header.tensors.size(), goldens.size());
  for (const Golden& golden : goldens) {
    const auto info = std::ranges::find(loaded.header.tensors, golden.name, &TensorInfo::name);
    ASSERT_NE(info, loaded.header.tensors.end()) << golden.name;
    EXPECT_EQ(dtype_name(info->dtype), golden.dtype) << golden.name;
    EXPECT_EQ(info->shape, golden.shape) << golden.name;
    const std::vector<float>& values = loaded.tensors.at(golden.name);
    ASSERT_EQ(values.size(), golden.values.size()) << golden.name;
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(std::bit_cast<uint32_t>(values[i]), std::bit_cast<uint32_t>(golden.values[i]))
          << golden.name << i;
    }
  }
}

TEST(Safetensors, ReadsWhatHuggingFaceWrote) {
  std::ifstream stream(golden_path("safetensors/small.safetensors"), std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(stream), {}};
  const std::vector<Golden> goldens = read_golden();
  ASSERT_EQ(goldens.size(), 6u) << kRegenerate;

  const Loaded loaded = load(file, file.size());
  expect_golden(loaded, goldens);
  EXPECT_EQ(loaded.header.data_size, 50u);
  using Metadata = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(loaded.header.metadata, (Metadata{{"note", "a \"quoted\" note"}}));

  expect_golden(load_by_bytes(file), goldens);
  for (size_t split = 0; split <= file.size(); ++split) {
    expect_golden(load(file, [&](const Push& push) { push(0, split), push(split, file.size()); }), goldens);
  }
}

TEST(Safetensors, GivesTensorsInFileOrderWhateverTheHeadersOrder) {
  const std::string file = safetensors_file(
      "{" + entry("z", "F32", "1", "8,12") + "," + entry("nothing", "F16", "5,0", "8,8") + "," +
          entry("y", "F32", "1,2", "0,8") + "," + entry("end", "F32", "0", "12,12") + "} \n  ",
      bytes_of({1.f, 2.f, 3.f}));
  const Loaded loaded = load(file, file.size());
  EXPECT_EQ(loaded.order, (std::vector<std::string>{"y", "nothing", "z", "end"}));
  EXPECT_EQ(loaded.tensors.at("y"), (std::vector<float>{1, 2}));
  EXPECT_EQ(loaded.tensors.at("nothing"), std::vector<float>{});
  EXPECT_EQ(loaded.tensors.at("z"), std::vector<float>{3});
}

TEST(Safetensors, ReadsLargeTensorsInOddPieces) {
  const size_t count = 3 * 4096 + 5;  // several blocks of conversion
  std::string data;
  for (size_t i = 0; i < count; ++i) data += bytes_of({static_cast<float>(i)});
  const std::string n = std::to_string(count), size = std::to_string(data.size());
  const std::string file = safetensors_file("{" + entry("w", "F32", n, "0," + size) + "}", data);
  const Loaded loaded = load(file, [&](const Push& push) {
    for (size_t begin = 0; begin < file.size(); begin += 4099)
      push(begin, std::min(begin + 4099, file.size()));
  });
  for (size_t i = 0; i < count; ++i) ASSERT_EQ(loaded.tensors.at("w")[i], static_cast<float>(i));
}

TEST(Safetensors, AReceiverThatLeavesTheValuesGetsEachTensorFresh) {
  std::vector<std::vector<float>> copies;
  SafetensorsReader reader([](Header&) {},
                           [&](const TensorInfo&, std::vector<float>&& values) { copies.push_back(values); });
  reader.push(reinterpret_cast<const uint8_t*>(kTwoTensors.data()), kTwoTensors.size());
  reader.finish();
  EXPECT_EQ(copies, (std::vector<std::vector<float>>{{1, 2, 3}, {1, -2}}));
  EXPECT_EQ(reader.bytes_read(), kTwoTensors.size());
}

TEST(Safetensors, IntegersStayIntegersWhereTheyAreWanted) {
  const std::string file =
      safetensors_file("{" + entry("a", "I8", "3", "0,3") + "," + entry("b", "F32", "1", "3,7") + "," +
                           entry("c", "I8", "2", "7,9") + "}",
                       bytes_of<int8_t>({1, -128, 127}) + bytes_of({0.5f}) + bytes_of<int8_t>({-1, 0}));
  for (const size_t piece : {size_t{1}, file.size()}) {
    std::vector<std::vector<float>> floats;
    std::vector<std::vector<int8_t>> integers;
    SafetensorsReader reader(
        [](Header&) {}, [&](const TensorInfo&, std::vector<float>&& values) { floats.push_back(values); }, {},
        [&](const TensorInfo&, std::vector<int8_t>&& values) { integers.push_back(values); });
    for (size_t i = 0; i < file.size(); i += piece) {
      reader.push(reinterpret_cast<const uint8_t*>(file.data()) + i, piece);
    }
    reader.finish();
    EXPECT_EQ(floats, (std::vector<std::vector<float>>{{0.5f}}));
    EXPECT_EQ(integers, (std::vector<std::vector<int8_t>>{{1, -128, 127}, {-1, 0}}));
  }
  const Loaded loaded = load_by_bytes(file);
  EXPECT_EQ(loaded.tensors.at("a"), (std::vector<float>{1, -128, 127}));
  EXPECT_EQ(loaded.tensors.at("c"), (std::vector<float>{-1, 0}));
}

TEST(Safetensors, NamesMayBeAnyJsonString) {
  const Loaded loaded = load(safetensors_file(
      "{" + entry(R"(\u0041\/\\\"\n\ud83e\udd95\u00DF)", "F32", "", "0,4") + "}", bytes_of({1.f})));
  EXPECT_EQ(loaded.order, std::vector<std::string>{"A/\\\"\n🦕ß"});
}

// ---- What is no checkpoint at all.

TEST(Safetensors, SaysWhatAWrongFileLooksLike) {
  const auto wrong = [](const std::string& file, const std::string& says) {
    expect_file_error(file, code::kCheckpointFormat, {"not a safetensors checkpoint", says});
  };
  wrong("<!DOCTYPE html><html><body>404</body></html>", "web page");
  wrong("\n <html>", "web page");
  wrong("\xef\xbb\xbf<?xml version=\"1.0\"?>", "web page");
  wrong("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "Git LFS");
  wrong("\x1f\x8b\x08\x08\xaa\xbb\xcc\xdd\0\x03"s, "gzip");
  wrong("\x1f\x8b\x08\0\0\0\0\0\0\x03"s, "gzip");
  wrong(R"({"error":"Entry not found"})", "JSON");
  wrong("{\n  \"error\": 1}", "JSON");
  wrong("{\"a\":1}", "JSON");  // shorter than the size of a header
  expect_file_error(little_endian(20) + "[{}]                ", code::kCheckpointFormat,
                    {"does not begin with '{'"});
}

TEST(Safetensors, HeaderSize) {
  for (uint64_t size :
       {uint64_t{100'000'001}, uint64_t{1} << 31, uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX}) {
    expect_file_error(little_endian(size) + "{}", code::kCheckpointOversized, {std::to_string(size)});
  }
  expect_file_error(little_endian(0), code::kCheckpointFormat, {"header is empty"});
  expect_file_error(little_endian(1) + "{", code::kCheckpointFormat, {"header is empty"});
  expect_file_error(little_endian(100'000'000) + "{}", code::kCheckpointTruncated,
                    {"99999998 bytes are missing"});
  EXPECT_TRUE(load(safetensors_file("{}", "")).order.empty());
}

TEST(Safetensors, Truncated) {
  expect_file_error("", code::kCheckpointTruncated, {"empty"});
  for (size_t size = 1; size < kTwoTensors.size(); ++size) {
    const std::string file = kTwoTensors.substr(0, size), missing = std::to_string(kTwoTensors.size() - size);
    const size_t data_begins = kTwoTensors.size() - 16;
    std::vector<std::string> says{"first 8 bytes"};
    if (size >= 8) says = {"inside its header"};
    if (size >= data_begins) says = {"tensor \"a\""};
    if (size >= data_begins + 12) says = {"tensor \"b\""};
    if (size >= data_begins) says.push_back(missing + " bytes are missing");
    expect_file_error(file, code::kCheckpointTruncated, says);
    // With the size known, before the first tensor.
    if (size < 8) continue;
    bool called = false;
    says = {size < data_begins ? "inside its header" : says[0]};
    expect_error(code::kCheckpointTruncated, says,
                 [&] { load(file, size, [&](Header&) { called = true; }); });
    EXPECT_FALSE(called);
  }
  // The size alone tells, before the rest of the header comes.
  expect_error(code::kCheckpointTruncated, {"inside its header"}, [&] { load(kTwoTensors, 20); });
}

TEST(Safetensors, BytesAfterTheLastTensor) {
  expect_file_error(kTwoTensors + "xyz", code::kCheckpointFormat, {"after the last tensor"});
  expect_error(code::kCheckpointFormat, {"3 bytes after the last tensor"},
               [&] { load(kTwoTensors + "xyz", kTwoTensors.size() + 3); });
  expect_file_error(safetensors_file("{}", "x"), code::kCheckpointFormat, {"after the last tensor"});
}

// ---- Headers that are wrong.

TEST(Safetensors, HeaderIsStrictJson) {
  const auto wrong = [](const std::string& header, const std::string& says) {
    expect_header_error(header, code::kCheckpointFormat, {says});
  };
  const std::string good = entry("a", "F32", "1", "0,4");
  wrong("{" + good, "expected '}'");
  wrong("{" + good + ",}", "expected a string");
  wrong("{" + good + "}}", "after the closing");
  wrong("{" + good + "}\0"s, "after the closing");
  wrong("{" + good + " " + good + "}", "expected '}'");
  wrong("{a:1}", "expected a string");
  wrong("{\"a\" 1}", "expected ':'");
  wrong("{\"a\":1}", "expected '{'");
  wrong("{\"a\":[[[[", "expected '{'");
  wrong("{\"a", "does not end");
  wrong("{\"a\\", "does not end");
  wrong("{\"a\\x\":{}}", "unknown escape");
  wrong("{\"\\u00g0\":{}}", "four hexadecimal digits");
  wrong("{\"\\u00", "four hexadecimal digits");
  wrong("{\"\\ud83e\":{}}", "surrogate");
  wrong("{\"\\ud83e\\u0041\":{}}", "surrogate");
  wrong("{\"\\udd95\":{}}", "surrogate");
  wrong("{\"a\tb\":{}}", "control character");
  for (const std::string& bytes : {"\x80"s, "\xff"s, "\xc3"s, "\xc0\x80"s, "\xe0\x80\x80"s, "\xed\xa0\x80"s,
                                   "\xf0\x80\x80\x80"s, "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s}) {
    wrong("{\"" + bytes + "\":{}}", "not UTF-8");
  }
}

TEST(Safetensors, EntriesHaveTheirThreeKeysOnce) {
  const auto wrong = [](const std::string& fields, const std::string& says) {
    expect_header_error("{\"norm.bias\":{" + fields + "}}", code::kCheckpointFormat,
                        {"tensor \"norm.bias\"", says});
  };
  const std::string dtype = R"("dtype":"F32")", shape = R"("shape":[1])", offsets = R"("data_offsets":[0,4])";
  wrong(shape + "," + offsets, "no \"dtype\"");
  wrong(dtype + "," + offsets, "no \"shape\"");
  wrong(dtype + "," + shape, "no \"data_offsets\"");
  wrong(dtype + "," + dtype + "," + shape + "," + offsets, "\"dtype\" is there twice");
  wrong(dtype + "," + shape + "," + shape + "," + offsets, "\"shape\" is there twice");
  wrong(dtype + "," + shape + "," + offsets + "," + offsets, "\"data_offsets\" is there twice");
  wrong(dtype + "," + shape + "," + offsets + R"(,"stride":[1])", "unknown key \"stride\"");
  wrong(R"("dtype":4)", "expected a string");
  for (const char* number : {"-1", "1.0", "1e0", "01", "18446744073709551616", "\"1\"", "null", "[1]", ""}) {
    wrong(dtype + R"(,"shape":[2,)" + number + "]", "integer");
    wrong(dtype + "," + shape + R"(,"data_offsets":[0,)" + number + "]", "integer");
  }
  for (const char* wrong_offsets : {"", "0", "0,4,8", "4,0"}) {
    wrong(dtype + "," + shape + R"(,"data_offsets":[)" + wrong_offsets + "]", "begin <= end");
  }
}

TEST(Safetensors, Metadata) {
  expect_header_error(R"({"__metadata__":{"a":1}})", code::kCheckpointFormat,
                      {"\"__metadata__\"", "a string"});
  expect_header_error(R"({"__metadata__":null})", code::kCheckpointFormat,
                      {"\"__metadata__\"", "expected '{'"});
  expect_header_error(R"({"__metadata__":{},"__metadata__":{}})", code::kCheckpointFormat, {"twice"});
  expect_header_error(R"({"__metadata__":{"k":"1","l":"","k":"2"}})", code::kCheckpointFormat,
                      {"\"k\" twice"});
}

TEST(Safetensors, Duplicate) {
  expect_header_error("{" + entry("a", "F32", "1", "0,4") + "," + entry("b", "F32", "1", "4,8") + "," +
                          entry("\\u0061", "F32", "1", "8,12") + "}",
                      code::kTensorDuplicate, {"Tensor \"a\""});
}

TEST(Safetensors, Layout) {
  const auto two = [](const std::string& a, const std::string& b) {
    return "{" + entry("b", "F16", "2", b) + "," + entry("a", "F16", "2", a) + "}";
  };
  expect_header_error(two("0,4", "5,9"), code::kCheckpointFormat,
                      {"tensor \"b\"", "bytes 4 to 5", "no tensor"});
  expect_header_error(two("1,5", "5,9"), code::kCheckpointFormat, {"tensor \"a\"", "bytes 0 to 1"});
  expect_header_error(two("0,4", "3,7"), code::kTensorOverlap,
                      {"\"a\" (bytes 0 to 4)", "\"b\" (bytes 3 to 7)"});
  expect_header_error(two("0,4", "0,4"), code::kTensorOverlap, {"\"a\"", "\"b\""});
  expect_header_error("{" + entry("a", "F16", "2", "0,4") + "," + entry("none", "F16", "0", "2,2") + "}",
                      code::kTensorOverlap, {"\"a\"", "\"none\""});
}

TEST(Safetensors, ShapeAgainstBytes) {
  const auto wrong = [](const std::string& shape, const std::string& offsets,
                        const std::vector<std::string>& says) {
    std::vector<std::string> parts{"Tensor \"q.weight\""};
    parts.insert(parts.end(), says.begin(), says.end());
    expect_header_error("{" + entry("q.weight", "F32", shape, offsets) + "}", code::kTensorShape, parts);
  };
  wrong("2,3", "0,20", {"[2, 3]", "24 bytes", "span 20"});
  wrong("", "0,8", {"[]", "4 bytes", "span 8"});
  wrong("0", "0,4", {"0 bytes", "span 4"});
  wrong("1,1,1,1,1,1,1,1,1,9", "0,4", {"[1, 1, 1, 1, 1, 1, 1, 1, ...]"});
  // Products that wrap around to the right number.
  wrong("4611686018427387905", "0,4", {"2^64 or more"});
  wrong("4294967296,4294967296", "0,0", {"2^64 or more"});
  wrong("0,9223372036854775808", "0,0", {"2^64 or more"});
}

TEST(Safetensors, OversizedTensor) {
  expect_header_error("{" + entry("w", "F16", "9223372036854775807", "0,18446744073709551614") + "}",
                      code::kCheckpointOversized, {"Tensor \"w\"", "18446744073709551614"});
  expect_header_error("{" + entry("w", "F16", "4503599627370497", "0,9007199254740994") + "}",
                      code::kCheckpointOversized, {"Tensor \"w\""});
  // The largest that is believed, and no memory taken for it before its bytes come.
  expect_header_error("{" + entry("w", "F16", "4503599627370496", "0,9007199254740992") + "}",
                      code::kCheckpointTruncated, {"tensor \"w\"", "9007199254740928 bytes are missing"});
}

TEST(Safetensors, DtypesThatCannotBeRead) {
  for (const char* dtype : {"F64", "U8", "I64", "BOOL", "F8_E4M3", "f32", "Q4_K", ""}) {
    expect_header_error("{" + entry("pos", dtype, "1", "0,8") + "}", code::kTensorDtype,
                        {"Tensor \"pos\"", "\""s + dtype + "\"", "fp16"});
  }
}

TEST(Safetensors, NamesInMessagesAreShortAndPrintable) {
  const std::string long_name(500, 'n');
  expect_header_error("{" + entry(long_name, "F64", "1", "0,8") + "}", code::kTensorDtype,
                      {"\"" + std::string(115, 'n') + "...\""});
  expect_header_error("{" + entry(R"(a\u0000\n\u001b[31m\u007f\u009bß)", "F64", "1", "0,8") + "}",
                      code::kTensorDtype, {R"("a\u0000\u000a\u001b[31m\u007f\u009bß")"});
}

// ---- Values.

TEST(Safetensors, NotFinite) {
  const auto file = [](const std::string& dtype, const std::string& data) {
    const std::string n = std::to_string(data.size() / (dtype == "F32" ? 4 : 2)),
                      size = std::to_string(data.size());
    return safetensors_file("{" + entry("norm.weight", dtype, n, "0," + size) + "}", data);
  };
  const auto wrong = [&](const std::string& dtype, const std::string& data, const std::string& says) {
    expect_file_error(file(dtype, data), code::kTensorNotFinite, {"Tensor \"norm.weight\"", says});
  };
  wrong("F32", bytes_of({1.f, 2.f, kNaN, kInfinity}), "NaN at index 2");
  wrong("F32", bytes_of({-kInfinity}), "-Infinity at index 0");
  wrong("F16", bytes_of<uint16_t>({0, 0x7c00}), " Infinity at index 1");
  wrong("F16", bytes_of<uint16_t>({0xfc01, 0}), "NaN at index 0");
  wrong("BF16", bytes_of<uint16_t>({0, 0, 0xff80}), "-Infinity at index 2");
  std::string many(4 * 10000, '\0');
  many.replace(4 * 9000, 4, bytes_of({kNaN}));
  expect_error(code::kTensorNotFinite, {"index 9000"}, [&] { load(file("F32", many)); });
}

// ---- Against the model.

TEST(CheckTensors, AcceptsWhatTheModelExpects) {
  const std::vector<TensorSpec> expected{{"b", {2, 1}}, {"a", {3}}};
  const Loaded loaded = load(kTwoTensors, {}, [&](Header& header) { check_tensors(header, expected, {}); });
  EXPECT_EQ(loaded.order, (std::vector<std::string>{"a", "b"}));
}

TEST(CheckTensors, IgnoredTensorsAreSkipped) {
  // The ignored one even holds NaN, and bytes of an odd number of values before the next.
  const std::string file = safetensors_file(
      "{" + entry("head.weight", "F16", "3", "0,6") + "," + entry("a", "F32", "1", "6,10") + "}",
      bytes_of<uint16_t>({0x7e00, 1, 2}) + bytes_of({5.f}));
  const std::vector<TensorSpec> expected{{"a", {1}}};
  const std::vector<std::string> ignored{"head.bias", "head.weight"};
  const auto check = [&](Header& header) { check_tensors(header, expected, ignored); };
  for (const Loaded& loaded : {load(file, file.size(), check), load_by_bytes(file, check)}) {
    EXPECT_EQ(loaded.order, std::vector<std::string>{"a"});
    EXPECT_EQ(loaded.tensors.at("a"), std::vector<float>{5});
  }
  expect_file_error(file, code::kTensorUnexpected, {"tensor \"head.weight\""},
                    [&](Header& header) { check_tensors(header, expected, {}); });
}

TEST(CheckTensors, NamesWhatDoesNotFit) {
  const auto wrong = [](const std::vector<TensorSpec>& expected, const char* code,
                        const std::vector<std::string>& parts) {
    expect_file_error(kTwoTensors, code, parts, [&](Header& header) { check_tensors(header, expected, {}); });
  };
  wrong({{"a", {3}}, {"c", {1}}, {"b", {2, 1}}}, code::kTensorMissing, {"lacks tensor \"c\" of"});
  wrong({{"c", {1}}, {"d", {1}}, {"e", {1}}}, code::kTensorMissing,
        {"lacks tensor \"c\" (and 2 more)", "has \"a\" (and 1 more) instead"});
  wrong({{"a", {3}}}, code::kTensorUnexpected, {"tensor \"b\""});
  wrong({}, code::kTensorUnexpected, {"tensor \"a\" (and 1 more)"});
  wrong({{"a", {3}}, {"b", {1, 2}}}, code::kTensorShape, {"\"b\"", "has shape [2, 1]", "expects [1, 2]"});
  wrong({{"a", {}}, {"b", {2, 1}}}, code::kTensorShape, {"\"a\"", "has shape [3]", "expects []"});
}

// ---- After an error.

TEST(Safetensors, StaysFailed) {
  const auto push = [](SafetensorsReader& reader, const std::string& bytes) {
    reader.push(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  };
  SafetensorsReader reader([](Header&) {}, [](const TensorInfo&, std::vector<float>&&) { FAIL(); });
  expect_error(code::kCheckpointOversized, {}, [&] { push(reader, little_endian(uint64_t{1} << 63)); });
  expect_error(code::kCheckpointOversized, {std::to_string(uint64_t{1} << 63)},
               [&] { push(reader, kTwoTensors); });
  expect_error(code::kCheckpointOversized, {}, [&] { reader.finish(); });

  // What a callback throws stops the reader as well.
  int calls = 0;
  SafetensorsReader stopped([](Header&) {},
                            [&](const TensorInfo&, std::vector<float>&&) {
                              ++calls;
                              throw std::runtime_error("cancelled");
                            });
  EXPECT_THROW(push(stopped, kTwoTensors), std::runtime_error);
  EXPECT_THROW(push(stopped, ""), std::runtime_error);
  EXPECT_EQ(calls, 1);
}

TEST(Safetensors, RunningOutOfMemoryNamesTheTensor) {
  expect_file_error(kTwoTensors, code::kOutOfMemory, {"header"}, [](Header&) { throw std::bad_alloc(); });
  SafetensorsReader reader([](Header&) {},
                           [](const TensorInfo& tensor, std::vector<float>&&) {
                             if (tensor.name == "b") throw std::length_error("vector");
                           });
  expect_error(code::kOutOfMemory, {"tensor \"b\""}, [&] {
    reader.push(reinterpret_cast<const uint8_t*>(kTwoTensors.data()), kTwoTensors.size());
  });
}

}  // namespace
}  // namespace vitreous::test

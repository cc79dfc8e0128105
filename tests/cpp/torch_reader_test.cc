#include "weights/torch_reader.h"

#include <gtest/gtest.h>

#include <bit>

#include "support/allocations.h"
#include "support/expect_error.h"
#include "support/torch_file.h"

namespace vitreous::test {
namespace {

using namespace std::string_literals;

std::string golden(const std::string& name) {
  std::string file = read_file(golden_path("torch/" + name));
  EXPECT_FALSE(file.empty()) << name << ": " << kRegenerate;
  return file;
}

void skip_others(Header& header) {
  for (TensorInfo& tensor : header.tensors) tensor.skip = tensor.dtype == Dtype::kOther;
}

// The same tensors, to the last bit.
void expect_same(const Loaded& loaded, const Loaded& expected) {
  ASSERT_EQ(loaded.tensors.size(), expected.tensors.size());
  for (const TensorInfo& twin : expected.header.tensors) {
    const auto info = std::ranges::find(loaded.header.tensors, twin.name, &TensorInfo::name);
    ASSERT_NE(info, loaded.header.tensors.end()) << twin.name;
    EXPECT_EQ(info->dtype, twin.dtype) << twin.name;
    EXPECT_EQ(info->shape, twin.shape) << twin.name;
    EXPECT_EQ(info->count(), twin.count()) << twin.name;
    const std::vector<float>&values = loaded.tensors.at(twin.name), &others = expected.tensors.at(twin.name);
    ASSERT_EQ(values.size(), others.size()) << twin.name;
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(std::bit_cast<uint32_t>(values[i]), std::bit_cast<uint32_t>(others[i]))
          << twin.name << " " << i;
    }
  }
}

// ---- What torch wrote.

class TorchGolden : public testing::TestWithParam<const char*> {};

TEST_P(TorchGolden, EqualsItsSafetensorsTwin) {
  const std::string name = GetParam(), twin = name.substr(0, name.find('.'));
  const std::string file = golden(name + ".pth");
  const Loaded expected = load(golden(twin + ".safetensors"));
  expect_same(load<TorchReader>(file, file.size(), skip_others), expected);
  expect_same(load_by_bytes<TorchReader>(file, skip_others), expected);
  for (size_t size : {2, 7, 1000}) {
    expect_same(load<TorchReader>(
                    file,
                    [&](const Push& push) {
                      for (size_t at = 0; at < file.size(); at += size)
                        push(at, std::min(at + size, file.size()));
                    },
                    {}, skip_others),
                expected);
  }
}

INSTANTIATE_TEST_SUITE_P(All, TorchGolden,
                         testing::Values("state_dict", "state_dict.protocol3", "state_dict.protocol4",
                                         "state_dict.protocol5", "state_dict.descriptor32",
                                         "state_dict.descriptor64", "state_dict.seekable", "plain_dict",
                                         "nested", "teacher_student", "parameters", "dtypes", "strided",
                                         "shared", "sizes", "names", "integer_keys", "numbers", "many",
                                         "nothing"));

TEST(Torch, HeaderNamesEveryTensorInThePicklesOrder) {
  const Loaded loaded = load<TorchReader>(golden("state_dict.pth"), {}, skip_others);
  std::vector<std::string> names;
  for (const TensorInfo& tensor : loaded.header.tensors) names.push_back(tensor.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"embed.weight", "embed.bias", "norm.weight", "norm.bias",
                                      "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}));
  EXPECT_EQ(loaded.order, std::vector<std::string>(names.begin(), names.end() - 1));
  EXPECT_EQ(loaded.header.tensors.back().dtype, Dtype::kOther);
  EXPECT_EQ(loaded.header.data_size, 4u * (12 + 4 + 4 * 4) + 8);
  EXPECT_EQ(loaded.header.tensors[1].begin, 48u);
  EXPECT_EQ(loaded.header.tensors[1].end, 64u);
}

TEST(Torch, OtherTypesAreRefusedOnlyIfWanted) {
  const std::string file = golden("dtypes.pth");
  expect_error(code::kTensorDtype, {"Tensor \"double\"", "torch.float64", ".float()"},
               [&] { load<TorchReader>(file); });
  const auto keep = [&](const char* name) {
    load<TorchReader>(file, {}, [&](Header& header) {
      for (TensorInfo& tensor : header.tensors) tensor.skip = tensor.name != name;
    });
  };
  for (const auto& [name, type] :
       std::vector<std::pair<const char*, std::string>>{{"long", "int64"},
                                                        {"bool", "bool"},
                                                        {"uint16", "uint16"},
                                                        {"float8", "float8_e4m3fn"},
                                                        {"complex", "complex64"}}) {
    expect_error(code::kTensorDtype, {name, "torch." + type}, [&, wanted = name] { keep(wanted); });
  }
  keep("half");
}

TEST(Torch, SkippedTensorsAreReadOver) {
  const std::string file = golden("strided.pth");
  const Loaded whole = load<TorchReader>(file);
  for (const char* name : {"columns", "transposed", "own_transposed"}) {
    const Loaded one = load<TorchReader>(file, {}, [&](Header& header) {
      for (TensorInfo& tensor : header.tensors) tensor.skip = tensor.name != name;
    });
    EXPECT_EQ(one.order, std::vector<std::string>{name});
    EXPECT_EQ(one.tensors.at(name), whole.tensors.at(name));
  }
}

TEST(Torch, RefusesWhatItDoesNotRead) {
  const auto refused = [](const std::string& name, const char* code, const std::vector<std::string>& says) {
    const std::string file = golden("refused." + name + ".pth");
    expect_error(code, says, [&] { load<TorchReader>(file); });
    expect_error(code, says, [&] { load_by_bytes<TorchReader>(file); });
  };
  const char* format = code::kCheckpointFormat;
  refused("deflated", format, {"data.pkl\" is compressed (method 8)", "torch.save"});
  refused("legacy", format, {"before 1.6", "torch.save("});
  refused("module", format, {"\"torch.nn.modules.linear.Linear\"", "model.state_dict()"});
  refused("tensor", format, {"does not hold a dict"});
  refused("expanded", code::kTensorShape, {"Tensor \"w\"", ".contiguous()"});
  refused("namespace", format, {"\"argparse.Namespace\"", "no code is ever run"});
  refused("script", format, {"TorchScript", "torch.jit.load"});
}

TEST(Torch, Recognises) {
  const auto recognises = [](const std::string& head) {
    return TorchReader::recognises({reinterpret_cast<const uint8_t*>(head.data()), head.size()});
  };
  EXPECT_TRUE(recognises(golden("state_dict.pth").substr(0, 8)));
  EXPECT_TRUE(recognises(golden("refused.legacy.pth").substr(0, 8)));
  EXPECT_TRUE(recognises("\x80\x04\x95\x20\0\0\0\0"s));  // a bare pickle with a frame
  EXPECT_FALSE(recognises("\x80\x02\0\0\0\0\0\0"s));     // a safetensors header of 640 bytes
  EXPECT_FALSE(recognises(golden("sizes.safetensors").substr(0, 8)));
  EXPECT_FALSE(recognises("{\"error\""));
  EXPECT_FALSE(recognises("\x80\x02"));
  EXPECT_FALSE(recognises(""));
}

TEST(Torch, SaysWhatAWrongFileIs) {
  const auto wrong = [](const std::string& file, const std::string& says) {
    expect_error(code::kCheckpointFormat, {says}, [&] { load<TorchReader>(file); });
    expect_error(code::kCheckpointFormat, {says}, [&] { load_by_bytes<TorchReader>(file); });
  };
  wrong("<!DOCTYPE html>", "not a PyTorch checkpoint");
  wrong("\x80\x04\x95\x20\0\0\0\0\0\0\0}."s, "bare pickle");
  wrong(zip_file({{"photos/a.jpg", "x"}}), "writes no entry \"photos/a.jpg\"");
  wrong(zip_file({{"a/version", "3\n"}}), "no entry data.pkl");
  wrong(zip_file({{"word/document.xml", "x", 0, 8}}), "writes no entry");
  wrong("PK\x05\x06" + std::string(18, '\0'), "does not begin");
  wrong(zip_file({{"a/code/x.py", "x"}}), "TorchScript");
  wrong(zip_file({{"a/constants.pkl", "x"}}), "TorchScript");
}

// ---- Zip.

const std::string kPickle =
    pickled(dict({{"a", tensor(storage("0", 2), {2}, {1})}, {"b", tensor(storage("1", 1), {}, {})}}));
std::vector<ZipEntry> two_tensors() {
  return torch_entries(kPickle, {{"0", bytes_of({1.f, 2.f})}, {"1", bytes_of({3.f})}});
}

void expect_zip_error(const std::vector<ZipEntry>& entries, const std::vector<std::string>& says) {
  expect_error(code::kCheckpointFormat, says, [&] { load<TorchReader>(zip_file(entries)); });
  expect_error(code::kCheckpointFormat, says, [&] { load_by_bytes<TorchReader>(zip_file(entries)); });
}

TEST(TorchZip, Entries) {
  const Loaded loaded = load<TorchReader>(zip_file(two_tensors()));
  EXPECT_EQ(loaded.tensors.at("a"), (std::vector<float>{1, 2}));
  EXPECT_EQ(loaded.tensors.at("b"), std::vector<float>{3});

  const auto wrong = [](auto change, const std::vector<std::string>& says) {
    std::vector<ZipEntry> entries = two_tensors();
    change(entries);
    expect_zip_error(entries, says);
  };
  using Entries = std::vector<ZipEntry>;
  wrong([](Entries& all) { all[2].flags |= 1; }, {"\"model/data/0\" (tensor \"a\") is encrypted"});
  wrong([](Entries& all) { all[2].method = 8; },
        {"\"model/data/0\" (tensor \"a\") is compressed (method 8)"});
  wrong([](Entries& all) { all[1].data = "big"; }, {"byte order is \"big\""});
  wrong([](Entries& all) { all[1].data = std::string(70'000, 'x'); },
        {"\"model/byteorder\" does not end within 65536"});
  wrong([](Entries& all) { all.erase(all.begin() + 3); }, {"lacks entry \"model/data/1\" (tensor \"b\")"});
  wrong([](Entries& all) { all.push_back(all[2]); }, {"\"model/data/0\" too many"});
  wrong([](Entries& all) { all.push_back(all[0]); }, {"two entries \"model/data.pkl\""});
  wrong([](Entries& all) { all[3].name = "other/data/1"; }, {"no entry \"other/data/1\""});
  wrong([](Entries& all) { std::swap(all[0], all[2]); }, {"TorchScript", "before data.pkl"});
  wrong([](Entries& all) { all[2].flags = 0, all[2].data += "1234"; },
        {"has 12 bytes, but data.pkl describes 8"});
  wrong([](Entries& all) { all.push_back({"model/extra.txt", "x"}); }, {"no entry \"model/extra.txt\""});
}

TEST(TorchZip, AnEntryOfUnknownSizeMayHoldWhatLooksLikeItsEnd) {
  std::vector<ZipEntry> entries = two_tensors();
  entries.back().data = "PK\x07\x08" + le(0, 4) + le(5, 4) + le(5, 4) + "PK\x07\x08";  // of another size
  EXPECT_EQ(load<TorchReader>(zip_file(entries)).order.size(), 2u);
  entries.back().data = "abcde" + entries.back().data;  // of another checksum
  EXPECT_EQ(load<TorchReader>(zip_file(entries)).order.size(), 2u);
}

TEST(TorchZip, DirectoryHasToFit) {
  const std::string file = zip_file(two_tensors());
  const size_t end = file.size() - 22;
  const auto wrong = [&](size_t at, const std::string& bytes, const std::string& says) {
    std::string changed = file;
    changed.replace(at, bytes.size(), bytes);
    expect_error(code::kCheckpointFormat, {says}, [&] { load<TorchReader>(changed); });
  };
  wrong(end + 4, "\x01", "split over several");
  wrong(end + 6, "\x01", "split over several");
  wrong(end + 10, "\x04", "does not fit its entries");
  wrong(end + 16, "\x04", "does not fit its entries");
  wrong(end, "abcd", "no entry begins at byte " + std::to_string(end));
  expect_error(code::kCheckpointFormat, {"goes on after its end"}, [&] { load<TorchReader>(file + "x"); });
  expect_error(code::kCheckpointFormat, {"after its directory"},
               [&] { load<TorchReader>(file.substr(0, end) + zip_file({{"model/version", "3"}})); });
  std::string split = file;
  split.insert(0, "PK\x07\x08");
  expect_error(code::kCheckpointFormat, {"does not begin"}, [&] { load<TorchReader>(split); });
}

TEST(TorchZip, TruncatedAnywhere) {
  for (const std::string& file :
       {zip_file(two_tensors()), golden("parameters.pth"), golden("state_dict.descriptor64.pth")}) {
    for (size_t size = 0; size < file.size(); ++size) {
      const std::string part = file.substr(0, size);
      expect_error(code::kCheckpointTruncated, {}, [&] { load<TorchReader>(part, {}, skip_others); });
      expect_error(code::kCheckpointTruncated, {}, [&] { load<TorchReader>(part, size, skip_others); });
    }
  }
  const std::string file = zip_file(two_tensors());
  const size_t data = file.find("data/0") + 6;
  expect_error(code::kCheckpointTruncated, {"empty"}, [&] { load<TorchReader>(""); });
  expect_error(code::kCheckpointTruncated, {"first entry's header"},
               [&] { load<TorchReader>(file.substr(0, 20)); });
  expect_error(code::kCheckpointTruncated, {"inside entry \"model/data.pkl\""},
               [&] { load<TorchReader>(file.substr(0, 80)); });
  expect_error(code::kCheckpointTruncated, {"\"model/data/0\" (tensor \"a\"), 5 bytes before its end"},
               [&] { load<TorchReader>(file.substr(0, data + 3)); });
  expect_error(code::kCheckpointTruncated, {"inside its directory"},
               [&] { load<TorchReader>(file.substr(0, file.size() - 1)); });
  // With the size known, before the tensors come.
  const size_t behind_pickle = file.find("model/byteorder") - 30;
  expect_error(code::kCheckpointTruncated, {"12 of its tensors"}, [&] {
    load<TorchReader>(file, [&](const Push& push) { push(0, behind_pickle + 4); }, behind_pickle + 11);
  });
}

// A bit of every byte, one file each: found, or of no consequence for the values.
TEST(TorchZip, AFlippedBitIsFound) {
  for (const std::string& name : {"parameters"s, "sizes"s, "state_dict.seekable"s}) {
    const std::string file = golden(name + ".pth");
    const Loaded expected = load(golden(name.substr(0, name.find('.')) + ".safetensors"));
    size_t found = 0;
    for (size_t i = 0; i < file.size(); ++i) {
      std::string changed = file;
      changed[i] = static_cast<char>(changed[i] ^ (1 << i % 8));
      try {
        expect_same(load<TorchReader>(changed, {}, skip_others), expected);
      } catch (const Error& error) {
        ++found;
      }
    }
    EXPECT_GT(found, file.size() / 4) << name;  // the rest is padding, times and the like
  }
  // In the data of a tensor and of the pickle: always, by the checksum.
  const std::string file = zip_file(two_tensors());
  const size_t data = file.find("data/0") + 6;
  for (size_t i = 0; i < 8; ++i) {
    std::string changed = file;
    changed[data + i] = static_cast<char>(changed[data + i] ^ 0x40);
    expect_error(code::kCheckpointFormat, {"\"model/data/0\" (tensor \"a\") is damaged: its CRC-32"},
                 [&] { load<TorchReader>(changed); });
  }
  // In the sizes behind the data.
  for (size_t i = 8; i < 16; ++i) {
    std::string changed = file;
    changed[data + 8 + i] = static_cast<char>(changed[data + 8 + i] ^ 1);
    expect_error(code::kCheckpointFormat, {"\"model/data/0\" (tensor \"a\") does not end after the 8 bytes"},
                 [&] { load<TorchReader>(changed); });
  }
  std::string changed = file;
  changed[file.find("}(X") + 7] = 'z';  // a name
  expect_error(code::kCheckpointFormat, {"\"model/data.pkl\" is damaged: its CRC-32"},
               [&] { load<TorchReader>(changed); });
}

TEST(TorchZip, NoTensorBeforeItsChecksum) {
  std::string file = zip_file(two_tensors());
  file[file.find("data/1") + 6] ^= 1;
  std::vector<std::string> order;
  TorchReader reader([](Header&) {},
                     [&](const TensorInfo& tensor, std::vector<float>&&) { order.push_back(tensor.name); });
  expect_error(code::kCheckpointFormat, {"tensor \"b\""}, [&] {
    for (const char& byte : file) reader.push(reinterpret_cast<const uint8_t*>(&byte), 1);
  });
  EXPECT_EQ(order, std::vector<std::string>{"a"});
}

// ---- Values and failures.

TEST(Torch, NotFinite) {
  const auto file = [](const std::string& type, const std::string& data, const std::vector<int64_t>& stride) {
    const auto n = static_cast<int64_t>(data.size() / (type == "FloatStorage" ? 4 : 2));
    return torch_file(pickled(dict({{"w", tensor(storage("0", n, type), {n / 2, 2}, stride)}})),
                      {{"0", data}});
  };
  const auto wrong = [](const std::string& bytes, const std::string& says) {
    expect_error(code::kTensorNotFinite, {"Tensor \"w\"", says}, [&] { load<TorchReader>(bytes); });
    expect_error(code::kTensorNotFinite, {"Tensor \"w\"", says}, [&] { load_by_bytes<TorchReader>(bytes); });
  };
  const std::string floats = bytes_of<uint32_t>({0, 0x7fc00000, 0, 0});
  wrong(file("FloatStorage", floats, {2, 1}), "NaN at index 1");
  wrong(file("FloatStorage", floats, {1, 2}), "NaN at index 2");
  wrong(file("HalfStorage", bytes_of<uint16_t>({0, 0, 0, 0xfc00}), {2, 1}), "-Infinity at index 3");
  wrong(file("BFloat16Storage", bytes_of<uint16_t>({0x7f80, 0}), {2, 1}), " Infinity at index 0");
}

TEST(Torch, StaysFailed) {
  const std::string file = zip_file(two_tensors());
  const auto push = [&](TorchReader& reader) {
    reader.push(reinterpret_cast<const uint8_t*>(file.data()), file.size());
  };
  int calls = 0;
  TorchReader reader([](Header&) {},
                     [&](const TensorInfo&, std::vector<float>&&) {
                       ++calls;
                       throw std::runtime_error("cancelled");
                     });
  const auto expect_cancelled = [](const auto& action) {
    try {
      action();
      ADD_FAILURE() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "cancelled");
    }
  };
  expect_cancelled([&] { push(reader); });
  expect_cancelled([&] { push(reader); });
  expect_cancelled([&] { reader.finish(); });
  EXPECT_EQ(calls, 1);

  TorchReader good([](Header&) {}, [](const TensorInfo&, std::vector<float>&&) {});
  push(good);
  good.finish();
  EXPECT_EQ(good.bytes_read(), file.size());
}

// A pickle that claims 2^50 bytes, and a string of a megabyte that does not come.
TEST(TorchMemory, GrowsWithTheBytesThatCome) {
  constexpr size_t kReserved = size_t{16} << 20;
  std::vector<ZipEntry> entries =
      torch_entries(pickled(dict({{"w", tensor(storage("0", int64_t{1} << 48), {int64_t{1} << 48}, {1})}})),
                    {{"0", std::string(100'000, '\0')}});
  allocations() = {};
  expect_error(code::kCheckpointTruncated, {"tensor \"w\""}, [&] {
    const std::string file = zip_file(entries);
    load<TorchReader>(file.substr(0, file.find("data/0") + 6 + 100'000));
  });
  EXPECT_EQ(allocations().largest, kReserved);

  const std::string file = torch_file("\x80\x02X" + le(1 << 20, 4) + "abc");
  allocations() = {};
  expect_error(code::kCheckpointTruncated, {"data.pkl"}, [&] { load<TorchReader>(file); });
  EXPECT_LT(allocations().largest, 2000u);
}

TEST(TorchMemory, OutOfMemoryNamesTheTensor) {
  const std::string file =
      torch_file(pickled(dict({{"big.weight", tensor(storage("0", 300'000), {300'000}, {1})}})),
                 {{"0", std::string(1'200'000, '\0')}});
  allocations() = {};
  TorchReader reader([](Header&) { allocations().limit = 1'000'000; }, [](const TensorInfo&, auto&&) {});
  expect_error(code::kOutOfMemory, {"tensor \"big.weight\""},
               [&] { reader.push(reinterpret_cast<const uint8_t*>(file.data()), file.size()); });
  allocations() = {};
}

// The check value of the algorithm's catalogues, and what Python's zlib.crc32 says.
TEST(Crc32, KnownValues) {
  const auto crc = [](const std::string& text) { return crc_of(text); };
  EXPECT_EQ(crc("123456789"), 0xcbf43926u);
  EXPECT_EQ(crc(""), 0u);
  EXPECT_EQ(crc(std::string(1000, '\xa5')), 0x2156b7dcu);
  const std::string text = "The quick brown fox jumps over the lazy dog";
  for (size_t split = 0; split <= text.size(); ++split) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
    EXPECT_EQ(crc32(crc32(0, {bytes, split}), {bytes + split, text.size() - split}), 0x414fa339u);
  }
}

}  // namespace
}  // namespace vitreous::test

// Makes files as torch.save does, right and wrong ones, from pickles written opcode by opcode.
#pragma once

#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "support/golden.h"
#include "support/safetensors_file.h"
#include "weights/crc32.h"
#include "weights/torch_reader.h"

namespace vitreous::test {

inline std::string read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline uint32_t crc_of(const std::string& data) {
  return crc32(0, {reinterpret_cast<const uint8_t*>(data.data()), data.size()});
}

// The low `bytes` bytes of `value`.
inline std::string le(uint64_t value, size_t bytes) { return little_endian(value).substr(0, bytes); }

// ---- Zip.

struct ZipEntry {
  std::string name, data;
  uint16_t flags = 0x808;  // as torch: sizes behind the data, names in UTF-8
  uint16_t method = 0;
  bool wide = false;  // sizes of 64 bits
};

inline std::string zip_file(const std::vector<ZipEntry>& entries) {
  std::string file, directory;
  for (const ZipEntry& entry : entries) {
    const bool behind = entry.flags & 8;
    const size_t size = entry.data.size();
    const std::string crc = le(crc_of(entry.data), 4), size32 = le(size, 4);
    const std::string extra = entry.wide ? le(1, 2) + le(16, 2) + std::string(16, '\0') : "";
    const std::string fixed = le(entry.flags, 2) + le(entry.method, 2) + le(0, 4);
    const std::string lengths = le(entry.name.size(), 2) + le(extra.size(), 2);
    directory += "PK\x01\x02" + le(0, 4) + fixed + crc + size32 + size32 + le(entry.name.size(), 2) +
                 le(0, 8) + le(0, 4) + le(file.size(), 4) + entry.name;
    file += "PK\x03\x04" + le(0, 2) + fixed + (behind ? le(0, 8) + le(0, 4) : crc + size32 + size32) +
            lengths + entry.name + extra + entry.data;
    const size_t width = entry.wide ? 8 : 4;
    if (behind) file += "PK\x07\x08" + crc + le(size, width) + le(size, width);
  }
  const std::string count = le(entries.size(), 2);
  return file + directory + "PK\x05\x06" + le(0, 4) + count + count + le(directory.size(), 4) +
         le(file.size(), 4) + le(0, 2);
}

// The entries of torch.save: data.pkl, then data/KEY of each storage.
using Storages = std::vector<std::pair<std::string, std::string>>;
inline std::vector<ZipEntry> torch_entries(const std::string& pickle, const Storages& storages = {}) {
  std::vector<ZipEntry> entries{{"model/data.pkl", pickle}, {"model/byteorder", "little"}};
  for (const auto& [key, data] : storages) entries.push_back({"model/data/" + key, data});
  entries.push_back({"model/version", "3\n"});
  return entries;
}
inline std::string torch_file(const std::string& pickle, const Storages& storages = {}) {
  return zip_file(torch_entries(pickle, storages));
}

// ---- Pickles: each function gives the opcodes that push one value.

inline std::string pickled(const std::string& body) { return "\x80\x02" + body + "."; }
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string text(const std::string& value) { return "X" + le(value.size(), 4) + value; }
inline std::string integer(int64_t value) { return "\x8a\x08" + le(static_cast<uint64_t>(value), 8); }
inline std::string tuple(const std::vector<int64_t>& values) {
  std::string body = "(";
  for (int64_t value : values) body += integer(value);
  return body + "t";
}
inline std::string ordered_dict() { return global("collections", "OrderedDict") + ")R"; }

inline std::string storage(const std::string& key, int64_t count, const std::string& type = "FloatStorage") {
  return "(" + text("storage") + global("torch", type) + text(key) + text("cpu") + integer(count) + "tQ";
}

inline std::string tensor(const std::string& storage, const std::vector<int64_t>& shape,
                          const std::vector<int64_t>& stride, int64_t offset = 0) {
  return global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + integer(offset) + tuple(shape) +
         tuple(stride) + "\x89" + ordered_dict() + "tR";
}

// A dict of names and values, each as opcodes.
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string body = "}(";
  for (const auto& [name, value] : items) body += text(name) + value;
  return body + "u";
}

}  // namespace vitreous::test

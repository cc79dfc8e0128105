// Deterministic damage for tests of the parsers: how many inputs, replayable draws, changes to bytes.
//   VITREOUS_FUZZ_INPUTS=500000   inputs of each such test (`npm run fuzz`); without it a run of seconds
//   VITREOUS_FUZZ_SEED=7          another seed than 1
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>

#include "support/safetensors_file.h"

namespace vitreous::test {

// Counter-based: the n-th draw for a file is a hash (splitmix64) of the seed, the file and n.
class Random {
 public:
  Random(uint64_t seed, uint64_t file) : state_(seed * 0x9e3779b97f4a7c15 + (file << 20)) {}
  uint64_t next() {
    uint64_t z = ++state_ * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  size_t below(size_t n) { return static_cast<size_t>(next() % n); }
  bool one_in(size_t n) { return below(n) == 0; }
  template <class T>
  const auto& pick(const T& items) {
    return items[below(std::size(items))];
  }

 private:
  uint64_t state_;
};

// One run of a parser's mutation test.
class Fuzzing {
 public:
  Fuzzing(std::string parser, uint64_t inputs)
      : parser_(std::move(parser)), inputs_(setting("VITREOUS_FUZZ_INPUTS", inputs)) {}

  uint64_t inputs() const { return inputs_; }
  Random random(uint64_t input) const { return Random(seed_, input); }

  // For SCOPED_TRACE: how to see this input again.
  std::string replay(uint64_t input) const {
    return parser_ + ": input " + std::to_string(input) + " of VITREOUS_FUZZ_SEED=" + std::to_string(seed_);
  }

  // Prints what came of the inputs; scripts/fuzz.mjs reads the first line.
  void report(const std::map<std::string, int>& outcomes) const {
    std::printf("fuzzed %s: %" PRIu64 " inputs, seed %" PRIu64 "\n", parser_.c_str(), inputs_, seed_);
    for (const auto& [code, count] : outcomes)
      std::printf("%8d %s\n", count, code.empty() ? "loaded" : code.c_str());
  }

 private:
  static uint64_t setting(const char* name, uint64_t otherwise) {
    const char* given = std::getenv(name);
    return given ? std::strtoull(given, nullptr, 10) : otherwise;
  }

  std::string parser_;
  uint64_t inputs_, seed_ = setting("VITREOUS_FUZZ_SEED", 1);
};

// Pushes a file in pieces of random sizes, empty ones too.
inline void push_in_pieces(const Push& push, size_t size, Random& random) {
  for (size_t begin = 0; begin < size;) {
    const size_t end = std::min(size, begin + random.below(1 + random.below(100)));
    push(begin, end);
    begin = end;
  }
}

inline void mutate_bytes(std::string& bytes, const std::string& other, Random& random) {
  static const std::array<std::string, 8> kPatterns{
      bytes_of<uint32_t>({0x7fc00000}), bytes_of<uint32_t>({0xff800000}), bytes_of<uint16_t>({0x7c00}),
      bytes_of<uint16_t>({0x7f80}),     std::string(8, '\xff'),           std::string(4, '\0'),
      little_endian(uint64_t{1} << 63), little_endian(100'000'000)};
  if (bytes.empty()) return;
  const size_t at = random.below(bytes.size()), length = random.below(40);
  switch (random.below(7)) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
      break;
    case 1:
      bytes[at] = static_cast<char>(random.next());
      break;
    case 2:
      bytes.resize(at);
      break;
    case 3:
      bytes.insert(at, bytes.substr(random.below(bytes.size()), length));
      break;
    case 4:
      bytes.erase(at, length);
      break;
    case 5:  // a splice
      bytes.resize(at);
      bytes += other.substr(random.below(other.size()));
      break;
    case 6: {
      const std::string& pattern = random.pick(kPatterns);
      bytes.replace(at, pattern.size(), pattern);
      break;
    }
  }
}

}  // namespace vitreous::test

// Where the time of a forward goes: a stopwatch that is read after each stage.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>

namespace vitreous {

enum class Stage { kPatches, kPatchEmbed, kNorm, kQkv, kAttention, kProj, kFc1Gelu, kFc2, kHead, kCount };

inline constexpr std::array<const char*, size_t(Stage::kCount)> kStageNames = {
    "patches", "patch_embed", "norm", "qkv", "attention", "proj", "fc1+gelu", "fc2", "head"};

class Profile {
 public:
  void start() {
    milliseconds_ = {};
    last_ = Clock::now();
  }
  // Counts the time since the last reading to `stage`.
  void lap(Stage stage) {
    const Clock::time_point now = Clock::now();
    milliseconds_[size_t(stage)] += std::chrono::duration<double, std::milli>(now - last_).count();
    last_ = now;
  }
  const std::array<double, size_t(Stage::kCount)>& milliseconds() const { return milliseconds_; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_;
  std::array<double, size_t(Stage::kCount)> milliseconds_ = {};
};

}  // namespace vitreous

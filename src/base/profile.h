// Where the time of a forward goes: a stopwatch that is read after each stage.
#pragma once

#include <array>
#include <cstddef>

#include "base/clock.h"

namespace vitreous {

enum class Stage { kPatches, kPatchEmbed, kNorm, kQkv, kAttention, kProj, kFc1Gelu, kFc2, kHead, kCount };

inline constexpr std::array<const char*, size_t(Stage::kCount)> kStageNames = {
    "patches", "patch_embed", "norm", "qkv", "attention", "proj", "fc1+gelu", "fc2", "head"};

class Profile {
 public:
  void start() {
    milliseconds_ = {};
    last_ = now_ms();
  }
  // Counts the time since the last reading to `stage`.
  void lap(Stage stage) {
    const double now = now_ms();
    milliseconds_[size_t(stage)] += now - last_;
    last_ = now;
  }
  const std::array<double, size_t(Stage::kCount)>& milliseconds() const { return milliseconds_; }

 private:
  double last_ = 0;
  std::array<double, size_t(Stage::kCount)> milliseconds_ = {};
};

}  // namespace vitreous

// The models that can be asked for by name: one table, one line each.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "image/transform.h"
#include "model/config.h"

namespace vitreous {

struct ModelEntry {
  VitConfig config;
  DataConfig data;
  std::string_view description;
};

std::span<const ModelEntry> models();

// The entry of that timm name; throws UNKNOWN_MODEL with the names that exist.
const ModelEntry& find_model(std::string_view name);

}  // namespace vitreous

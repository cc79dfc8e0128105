// The models that can be asked for by name: one table, one line each. docs/adding-a-model.md tells how to add
// one.
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
  std::string_view license;  // of the weights, as timm states it
  std::string_view weights;  // the name under which the hub has them, where it is another

  // The repository with the weights (timm: hf_hub_id).
  std::string hub() const { return "timm/" + (weights.empty() ? config.name : std::string(weights)); }
};

std::span<const ModelEntry> models();

// The entry of that timm name; an architecture alone means timm's default weights. Throws UNKNOWN_MODEL with
// the names that exist.
const ModelEntry& find_model(std::string_view name);

}  // namespace vitreous

// Configurations as they come: fields of the same names in JavaScript, see web/types.ts.
#pragma once

#include <emscripten/val.h>

#include <string>

#include "image/transform.h"
#include "model/config.h"

// All throw vitreous::Error, INVALID_ARGUMENT, for a value that is not known.
vitreous::GlobalPool global_pool(const std::string& name);
vitreous::VitConfig vit_config(const emscripten::val& js);
vitreous::DataConfig data_config(const emscripten::val& js);

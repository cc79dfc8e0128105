// Checks what a failure says.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace vitreous::test {

// That `action` throws Error(code) whose message holds all of `parts`.
template <class Action>
void expect_error(const char* code, const std::vector<std::string>& parts, Action action) {
  try {
    action();
    FAIL() << "no error; expected " << code;
  } catch (const Error& error) {
    EXPECT_STREQ(error.code(), code) << error.what();
    for (const std::string& part : parts) {
      EXPECT_NE(std::string_view(error.what()).find(part), std::string_view::npos)
          << "no '" << part << "' in: " << error.what();
    }
  }
}

}  // namespace vitreous::test

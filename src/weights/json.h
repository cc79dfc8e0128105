// A strict JSON cursor (RFC 8259) for texts whose grammar is known beforehand: the caller asks for what must
// come next, so there is no tree, no recursion and no nesting to limit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace vitreous {

// Every failure is Error(CHECKPOINT_FORMAT) with the byte's place in the text.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  // What is being read, for messages: "tensor "norm.weight"". Empty at the top level.
  void set_context(std::string context) { context_ = std::move(context); }

  bool accept(char wanted);  // skips white space; steps over `wanted` if it comes next
  void expect(char wanted);
  void expect_end();

  std::string string();  // unescaped, valid UTF-8
  uint64_t integer();    // exact; a sign, fraction, exponent or leading zero is refused

  // Calls on_member(key) with the cursor at each value, which on_member has to read.
  template <class OnMember>
  void object(OnMember&& on_member) {
    expect('{');
    if (accept('}')) return;
    do {
      std::string key = string();
      expect(':');
      on_member(std::move(key));
    } while (accept(','));
    expect('}');
  }

  template <class OnElement>
  void array(OnElement&& on_element) {
    expect('[');
    if (accept(']')) return;
    do on_element();
    while (accept(','));
    expect(']');
  }

  [[noreturn]] void fail(const std::string& what) const;

 private:
  void skip_space();
  char32_t escaped_character();  // after the backslash
  uint32_t four_hex_digits();

  std::string_view text_;
  size_t position_ = 0;
  std::string context_;
};

// Lower case, `digits` of them. (Formatted output of the standard library costs 10 kB of wasm.)
std::string hex(uint32_t value, size_t digits);

// A text, UTF-8, as a JSON string with its quotes.
std::string json_string(std::string_view text);

// A name from a file made fit for a message: in quotes, control characters escaped, at most 120 bytes.
std::string quote(std::string_view name);

}  // namespace vitreous

#include "weights/json.h"

#include "base/error.h"

namespace vitreous {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  if (c < 0x800) {
    out += static_cast<char>(0xc0 | (c >> 6));
  } else {
    if (c < 0x10000) {
      out += static_cast<char>(0xe0 | (c >> 12));
    } else {
      out += static_cast<char>(0xf0 | (c >> 18));
      out += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
    }
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
  }
  out += static_cast<char>(0x80 | (c & 0x3f));
}

// The bytes of the UTF-8 character `text` begins with, or 0 if it begins with none (Unicode 15, table 3-7: no
// overlong forms, no surrogates, nothing above U+10FFFF).
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u; };
  const auto continues = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint32_t first = byte(0), second = byte(1);
  if (first < 0x80) return text.empty() ? 0 : 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool overlong = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second > 0x9f;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool overlong = first == 0xf0 && second < 0x90;
    const bool too_large = first == 0xf4 && second > 0x8f;
    return continues(1) && continues(2) && continues(3) && !overlong && !too_large ? 4 : 0;
  }
  return 0;
}

}  // namespace

void JsonReader::fail(const std::string& what) const {
  throw Error(code::kCheckpointFormat, "The checkpoint's header is not valid" +
                                           (context_.empty() ? "" : " in " + context_) + ": " + what +
                                           " (byte " + std::to_string(position_) + " of the header).");
}

void JsonReader::skip_space() {
  while (position_ < text_.size() &&
         std::string_view(" \t\r\n").find(text_[position_]) != std::string_view::npos) {
    ++position_;
  }
}

bool JsonReader::accept(char wanted) {
  skip_space();
  if (position_ == text_.size() || text_[position_] != wanted) return false;
  ++position_;
  return true;
}

void JsonReader::expect(char wanted) {
  if (!accept(wanted)) fail(std::string("expected '") + wanted + "'");
}

void JsonReader::expect_end() {
  skip_space();
  if (position_ != text_.size()) fail("expected nothing but spaces after the closing '}'");
}

std::string JsonReader::string() {
  if (!accept('"')) fail("expected a string");
  std::string out;
  while (position_ < text_.size() && text_[position_] != '"') {
    const size_t length = utf8_length(text_.substr(position_));
    if (length == 0) fail("a string is not UTF-8");
    if (static_cast<uint8_t>(text_[position_]) < 0x20) fail("a string holds an unescaped control character");
    if (text_[position_] == '\\') {
      ++position_;
      append_utf8(out, escaped_character());
    } else {
      out += text_.substr(position_, length);
      position_ += length;
    }
  }
  if (position_ == text_.size()) fail("a string does not end");
  ++position_;
  return out;
}

char32_t JsonReader::escaped_character() {
  static constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  if (position_ == text_.size()) fail("a string does not end");
  const char letter = text_[position_++];
  if (const size_t at = kLetters.find(letter); at != std::string_view::npos) {
    return static_cast<char32_t>(kMeanings[at]);
  }
  if (letter != 'u') fail("an unknown escape in a string");
  const uint32_t unit = four_hex_digits();
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  // UTF-16: a high surrogate must be followed by a low one.
  if (unit > 0xdbff || text_.substr(position_, 2) != "\\u") fail("half a surrogate pair in a string");
  position_ += 2;
  const uint32_t low = four_hex_digits();
  if (low < 0xdc00 || low > 0xdfff) fail("half a surrogate pair in a string");
  return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

uint32_t JsonReader::four_hex_digits() {
  static constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const size_t digit = position_ < text_.size() ? kDigits.find(text_[position_]) : std::string_view::npos;
    if (digit == std::string_view::npos) fail("\\u needs four hexadecimal digits");
    value = value * 16 + static_cast<uint32_t>(digit < 16 ? digit : digit - 6);
    ++position_;
  }
  return value;
}

uint64_t JsonReader::integer() {
  skip_space();
  const auto here = [&] { return position_ < text_.size() ? text_[position_] : '\0'; };
  if (!is_digit(here())) fail("expected a non-negative integer");
  const bool leading_zero = here() == '0';
  const size_t start = position_;
  uint64_t value = 0;
  for (; is_digit(here()); ++position_) {
    const auto digit = static_cast<uint64_t>(here() - '0');
    if (value > (UINT64_MAX - digit) / 10) fail("an integer of 2^64 or more");
    value = value * 10 + digit;
  }
  if (leading_zero && position_ - start > 1) fail("an integer begins with 0");
  if (here() == '.' || here() == 'e' || here() == 'E')
    fail("expected an integer, found a fraction or exponent");
  return value;
}

std::string hex(uint32_t value, size_t digits) {
  std::string out(digits, '0');
  for (size_t i = digits; i-- > 0; value /= 16) out[i] = "0123456789abcdef"[value % 16];
  return out;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<uint8_t>(c) < 0x20) {
      out += "\\u" + hex(static_cast<uint8_t>(c), 4);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string quote(std::string_view name) {
  constexpr size_t kMaxLength = 120;
  std::string out = "\"";
  while (!name.empty()) {
    const size_t length = utf8_length(name);
    const auto byte = static_cast<uint8_t>(name[0]);
    // C0, DEL, C1 (U+0080 to U+009F) and stray bytes.
    const bool c1 = length == 2 && byte == 0xc2 && static_cast<uint8_t>(name[1]) < 0xa0;
    std::string piece(name.substr(0, length));
    if (length == 0 || c1 || byte < 0x20 || byte == 0x7f) {
      piece = "\\u" + hex(c1 ? static_cast<uint8_t>(name[1]) : byte, 4);
    }
    if (out.size() + piece.size() > kMaxLength - 4) return out + "...\"";
    out += piece;
    name.remove_prefix(length == 0 ? 1 : length);
  }
  return out + '"';
}

}  // namespace vitreous

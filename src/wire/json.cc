#include "wire/json.h"

#include <array>
#include <charconv>
#include <cmath>

namespace moldau::wire {
namespace {

constexpr std::size_t kPrintedBytes = 128;

std::string base64(ByteView bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < have ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0);
    for (std::size_t k = 0; k < 4; ++k) out += k <= have ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

// The length of the UTF-8 character at the front of `text`, 0 if there is none.
std::size_t character_size(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t size = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (size == 0 || lead > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  return size;
}

void append_escaped(std::string& out, unsigned char byte) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

}  // namespace

void JsonPrinter::open(char bracket) {
  out_ += bracket;
  first_ = true;
}

void JsonPrinter::close(char bracket) {
  out_ += bracket;
  first_ = false;
}

void JsonPrinter::separate() {
  if (!first_) out_ += ',';
  first_ = false;
}

void JsonPrinter::key(std::string_view name) {
  separate();
  quoted(name);
  out_ += ':';
}

void JsonPrinter::literal(std::string_view text) { out_ += text; }

void JsonPrinter::quoted(std::string_view text) {
  out_ += '"';
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text[0]);
    const std::size_t size = character_size(text);
    if (size == 0 || byte < 0x20) {
      append_escaped(out_, byte);
    } else {
      if (byte == '"' || byte == '\\') out_ += '\\';
      out_ += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  out_ += '"';
}

void JsonPrinter::integer(std::int64_t number) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out_.append(digits.data(), end);
}

void JsonPrinter::value(double content, std::int16_t) {
  if (!std::isfinite(content))
    return quoted(std::isnan(content) ? "NaN" : content > 0 ? "Infinity" : "-Infinity");
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), content).ptr;
  out_.append(digits.data(), end);
}

void JsonPrinter::value(ErrorCode content, std::int16_t) {
  const auto number = static_cast<std::int16_t>(content);
  find_error(number) ? quoted(name_of(content)) : integer(number);
}

void JsonPrinter::value(const Uuid& content, std::int16_t) { quoted(content.to_string()); }

void JsonPrinter::value(const Slice& content, std::int16_t) {
  if (content.size() <= kPrintedBytes) return quoted(base64(content));
  quoted("(" + std::to_string(content.size()) + " bytes)");
}

void JsonPrinter::value(const SliceList& content, std::int16_t) {
  quoted("(" + std::to_string(size_of(content)) + " bytes of records)");
}

}  // namespace moldau::wire

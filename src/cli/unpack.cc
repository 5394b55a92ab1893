// unpack[…]: the letters of Python's struct module, as franz-go reads them.
#include "cli/record_writer.h"

namespace moldau::cli {
namespace {

unsigned size_of_letter(char letter) {
  switch (letter) {
    case 'b':
    case 'B':
    case 'c':
    case '.':
    case 'x':
      return 1;
    case 'h':
    case 'H':
      return 2;
    case 'i':
    case 'I':
      return 4;
    case 'q':
    case 'Q':
      return 8;
    default:
      return 0;
  }
}

std::uint64_t number_at(std::string_view bytes, bool big) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[big ? i : bytes.size() - 1 - i]);
  return value;
}

std::string number_text(char letter, std::uint64_t value, unsigned size) {
  const bool is_signed = letter >= 'a';
  if (!is_signed) return std::to_string(value);
  const unsigned shift = 64 - 8 * size;
  return std::to_string(static_cast<std::int64_t>(value << shift) >> shift);
}

}  // namespace

std::string unpacked(std::string_view pattern, std::string_view bytes) {
  std::string out;
  bool big = true;
  for (const char letter : pattern) {
    if (letter == '<' || letter == '>') {
      big = letter == '>';
    } else if (letter == 's') {
      out += bytes;
      bytes = {};
    } else if (letter == '$') {
      if (!bytes.empty()) return out + "%!v(unpack: " + std::to_string(bytes.size()) + " bytes are left)";
    } else if (const unsigned size = size_of_letter(letter); size == 0) {
      return out + "%!v(unpack: unknown letter " + letter + ")";
    } else if (bytes.size() < size) {
      return out + "%!v(unpack: too few bytes for " + letter + ")";
    } else {
      const std::string_view taken = bytes.substr(0, size);
      bytes.remove_prefix(size);
      if (letter == 'c' || letter == '.')
        out += taken;
      else if (letter != 'x')
        out += number_text(letter, number_at(taken, big), size);
    }
  }
  return out;
}

}  // namespace moldau::cli

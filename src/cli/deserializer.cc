#include "cli/deserializer.h"

#include <bit>
#include <charconv>
#include <cmath>

namespace moldau::cli {
namespace {

template <class T>
bool integer(std::string& out, ByteView bytes) {
  if (bytes.size() != sizeof(T)) return false;
  out += std::to_string(load_be<T>(bytes.data()));
  return true;
}

// Double.toString: the shortest digits, at least one after the point, with an exponent outside of 10^-3 to
// 10^7.
template <class Real>
std::string java_text(Real value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  const Real size = std::abs(value);
  const bool plain = size == 0 || (size >= Real(1e-3) && size < Real(1e7));
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  std::string out(text, end);
  if (plain) return out.contains('.') ? out : out + ".0";
  const std::size_t mark = out.find('e');
  std::string digits = out.substr(0, mark);
  if (!digits.contains('.')) digits += ".0";
  std::string exponent = out.substr(mark + 1);
  const bool negative = exponent.starts_with('-');
  exponent.erase(0, exponent.find_first_not_of("+-0"));
  return digits + "E" + (negative ? "-" : "") + exponent;
}

template <class Real, class Bits>
bool real(std::string& out, ByteView bytes) {
  if (bytes.size() != sizeof(Real)) return false;
  out += java_text(std::bit_cast<Real>(load_be<Bits>(bytes.data())));
  return true;
}

bool boolean(std::string& out, ByteView bytes) {
  if (bytes.size() != 1 || static_cast<unsigned>(bytes[0]) > 1) return false;
  out += bytes[0] == std::byte{1} ? "true" : "false";
  return true;
}

// The character of UTF-8 that the text begins with, or what there is of one.
struct Sequence {
  std::size_t length = 1;
  bool whole = false;
};

// The rules of Java's decoder: the longest beginning of a character counts as one, so does a surrogate.
Sequence first_sequence(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return {.whole = true};
  if (first < 0xc2 || first > 0xf4) return {};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  // Below it are overlong forms, above it what lies beyond U+10FFFF.
  const int least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const int most = first == 0xf4 ? 0x8f : 0xbf;
  if (text.size() < 2 || at(1) < least || at(1) > most) return {};
  std::size_t found = 2;
  while (found < length && found < text.size() && (at(found) & 0xc0) == 0x80) ++found;
  const bool surrogate = first == 0xed && at(1) > 0x9f;
  return {.length = found, .whole = found == length && !surrogate};
}

struct Known {
  std::string_view name;
  Deserialize deserialize;
};

// The consumer's UUIDDeserializer reads text, which is printed as it is.
constexpr Known kKnown[] = {
    {"StringDeserializer", deserialize_string},
    {"ByteArrayDeserializer", deserialize_text},
    {"BytesDeserializer", deserialize_text},
    {"ByteBufferDeserializer", deserialize_text},
    {"UUIDDeserializer", deserialize_text},
    {"LongDeserializer", integer<std::int64_t>},
    {"IntegerDeserializer", integer<std::int32_t>},
    {"ShortDeserializer", integer<std::int16_t>},
    {"DoubleDeserializer", real<double, std::uint64_t>},
    {"FloatDeserializer", real<float, std::uint32_t>},
    {"BooleanDeserializer", boolean},
};

}  // namespace

bool deserialize_text(std::string& out, ByteView bytes) {
  out += as_text(bytes);
  return true;
}

bool deserialize_string(std::string& out, ByteView bytes) {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD
  std::string_view text = as_text(bytes);
  while (!text.empty()) {
    const Sequence sequence = first_sequence(text);
    out += sequence.whole ? text.substr(0, sequence.length) : kReplacement;
    text.remove_prefix(sequence.length);
  }
  return true;
}

Answer<Deserialize> find_deserializer(std::string_view class_name) {
  const std::string_view name = class_name.substr(class_name.rfind('.') + 1);
  std::string names;
  for (const Known& known : kKnown) {
    if (known.name == name) return known.deserialize;
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  return trouble(Exit::failed, "no deserializer " + std::string(class_name), {}, "there are: " + names);
}

}  // namespace moldau::cli

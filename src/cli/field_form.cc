#include "cli/field_form.h"

#include <algorithm>
#include <bit>

#include "cli/arguments.h"

namespace moldau::cli {
namespace {

template <class T>
Json number(ByteView bytes) {
  if (bytes.size() != sizeof(T)) return base64_of(as_text(bytes));
  return static_cast<std::int64_t>(load_be<T>(bytes.data()));
}

template <class Real, class Bits>
Json real(ByteView bytes) {
  if (bytes.size() != sizeof(Real)) return base64_of(as_text(bytes));
  return static_cast<double>(std::bit_cast<Real>(load_be<Bits>(bytes.data())));
}

}  // namespace

std::optional<FieldForm> parse_field_form(std::string_view text) {
  const auto names = split(kFieldForms, ',');
  const auto at = std::ranges::find(names, text);
  if (at == names.end()) return std::nullopt;
  return static_cast<FieldForm>(at - names.begin());
}

Json json_of_field(const std::optional<ByteView>& bytes, FieldForm form) {
  if (!bytes) return {};
  const std::string_view text = as_text(*bytes);
  switch (form) {
    case FieldForm::utf8:
      return is_utf8(text) ? Json(text) : Json(base64_of(text));
    case FieldForm::hex:
      return hex_of(text);
    case FieldForm::base64:
      return base64_of(text);
    case FieldForm::json: {
      auto parsed = Json::parse(text);
      return parsed ? std::move(*parsed) : json_of_field(bytes, FieldForm::utf8);
    }
    case FieldForm::i8:
      return number<std::int8_t>(*bytes);
    case FieldForm::i16:
      return number<std::int16_t>(*bytes);
    case FieldForm::i32:
      return number<std::int32_t>(*bytes);
    case FieldForm::i64:
    case FieldForm::u64:
      return number<std::int64_t>(*bytes);
    case FieldForm::u8:
      return number<std::uint8_t>(*bytes);
    case FieldForm::u16:
      return number<std::uint16_t>(*bytes);
    case FieldForm::u32:
      return number<std::uint32_t>(*bytes);
    case FieldForm::f32:
      return real<float, std::uint32_t>(*bytes);
    case FieldForm::f64:
      return real<double, std::uint64_t>(*bytes);
  }
  return {};
}

}  // namespace moldau::cli

// How the bytes of a key or value become JSON: --key-format and --value-format.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "cli/json.h"
#include "cli/trouble.h"

namespace moldau::cli {

inline constexpr std::string_view kFieldForms = "utf8,hex,base64,json,i8,i16,i32,i64,u8,u16,u32,u64,f32,f64";

enum class FieldForm { utf8, hex, base64, json, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64 };
std::optional<FieldForm> parse_field_form(std::string_view text);

// Numbers are big-endian, as Kafka's serializers write them. Bytes that do not have the form are given as
// base64 text. Null is null.
Json json_of_field(const std::optional<ByteView>& bytes, FieldForm form);

}  // namespace moldau::cli

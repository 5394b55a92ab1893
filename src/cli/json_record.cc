#include "cli/json.h"
#include "cli/record_parser.h"

namespace moldau::cli {
namespace {

std::unexpected<Trouble> wrong(const std::string& cause) {
  return trouble(Exit::bad_file, "a line of the input is no record", cause,
                 R"(write lines like {"key":"k","value":"v","headers":[{"key":"h","value":"x"}]})");
}

// A string as it says, null as nothing, anything else as its JSON text.
Answer<std::optional<std::string>> bytes_of(const Json& object, const std::string& name) {
  const Json* value = object.find(name);
  if (!value || value->is_null()) return std::nullopt;
  const std::string text = value->as_string() ? *value->as_string() : value->to_line();
  const Json* encoding = object.find(name + "_encoding");
  if (!encoding) return text;
  if (encoding->as_string() && *encoding->as_string() == "base64") {
    if (auto bytes = base64_bytes(text)) return std::move(*bytes);
    return wrong(name + " is not base64");
  }
  if (encoding->as_string() && *encoding->as_string() == "hex") {
    if (auto bytes = hex_bytes(text)) return std::move(*bytes);
    return wrong(name + " is not hexadecimal");
  }
  return wrong("unknown " + name + "_encoding");
}

Answer<std::vector<ParsedHeader>> headers_of(const Json& object) {
  std::vector<ParsedHeader> found;
  const Json* headers = object.find("headers");
  if (!headers || headers->is_null()) return found;
  if (!headers->as_array()) return wrong("headers is no list");
  for (const Json& item : *headers->as_array()) {
    auto key = bytes_of(item, "key");
    if (!key) return std::unexpected(std::move(key).error());
    auto value = bytes_of(item, "value");
    if (!value) return std::unexpected(std::move(value).error());
    if (!*key) return wrong("a header has no key");
    found.push_back({std::move(**key), std::move(*value)});
  }
  return found;
}

}  // namespace

Answer<ParsedRecord> record_of_json(std::string_view line) {
  const auto object = Json::parse(line);
  if (!object) return wrong(object.error().message);
  if (!object->as_object()) return wrong("it is no object");
  ParsedRecord record;
  if (const Json* topic = object->find("topic"); topic && topic->as_string())
    record.topic = *topic->as_string();
  if (const Json* at = object->find("timestamp"); at && at->as_integer())
    record.timestamp = *at->as_integer();
  if (const Json* index = object->find("partition"); index && index->as_integer()) {
    if (*index->as_integer() < 0 || *index->as_integer() > INT32_MAX)
      return wrong("partition is out of range");
    record.partition = static_cast<std::int32_t>(*index->as_integer());
  }
  auto key = bytes_of(*object, "key");
  if (!key) return std::unexpected(std::move(key).error());
  auto value = bytes_of(*object, "value");
  if (!value) return std::unexpected(std::move(value).error());
  auto headers = headers_of(*object);
  if (!headers) return std::unexpected(std::move(headers).error());
  record.key = std::move(*key);
  record.value = std::move(*value);
  record.headers = std::move(*headers);
  return record;
}

}  // namespace moldau::cli

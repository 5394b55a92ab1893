#include "config/entries.h"
#include "config/text.h"

namespace moldau::config {
namespace {

Result<std::string> from_environment(const std::string& name, const Sources& sources) {
  const auto set = sources.environment.find(name);
  if (set == sources.environment.end())
    return fail(Errc::not_found, "${env:" + name + "}: the environment has no " + name);
  return set->second;
}

// path, or path:key for one property of a file.
Result<std::string> from_file(const std::string& path, const Sources& sources) {
  const std::size_t colon = path.rfind(':');
  const bool whole = colon == std::string::npos;
  auto contents = sources.read_file(path.substr(0, colon));
  if (!contents) return fail(std::move(contents).error().within("${file:" + path + "}"));
  if (whole) return std::string(trimmed(*contents));
  ASSIGN_OR_RETURN(const std::vector<Property> properties, parse_properties(*contents));
  std::optional<std::string> value;
  for (const Property& property : properties)
    if (property.key == path.substr(colon + 1)) value = property.value;
  if (!value)
    return fail(Errc::not_found, "${file:" + path + "}: the file has no key " + path.substr(colon + 1));
  return *value;
}

Result<std::string> interpolated(std::string_view text, const Sources& sources) {
  std::string out;
  while (true) {
    const std::size_t start = std::min(text.find("${env:"), text.find("${file:"));
    const std::size_t end = text.find('}', std::min(start, text.size()));
    out += text.substr(0, start);
    if (start == std::string_view::npos) return out;
    if (end == std::string_view::npos) return fail(Errc::invalid_argument, "${ has no closing }");
    const std::size_t colon = text.find(':', start);
    const std::string argument(text.substr(colon + 1, end - colon - 1));
    const bool env = text.substr(start).starts_with("${env:");
    ASSIGN_OR_RETURN(const std::string value,
                     env ? from_environment(argument, sources) : from_file(argument, sources));
    out += value;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

void interpolate(Reading& reading, const Sources& sources) {
  std::vector<Entry> kept;
  for (Entry& entry : reading.entries) {
    auto value = interpolated(entry.value, sources);
    if (!value) {
      reading.problems.push_back(error_at(entry, value.error().message));
      continue;
    }
    entry.value = std::move(*value);
    kept.push_back(std::move(entry));
  }
  reading.entries = std::move(kept);
}

}  // namespace moldau::config

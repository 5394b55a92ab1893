// JSON as people and other programs give it to the commands, base64 and hexadecimal.
#include "cli/json.h"
#include "fuzz/allocations.h"
#include "fuzz/input.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

using cli::Json;

constexpr std::size_t kMaxSize = 256;

void check_json(std::string_view text) {
  const Allocations allocations;
  const auto value = Json::parse(text);
  MOLDAU_ASSERT(allocations.total() <= 256 * text.size() + 1024, "more memory than the text justifies");
  if (!value) {
    MOLDAU_ASSERT(value.error().code == Errc::invalid_argument);
    return;
  }
  const std::string line = value->to_line();
  const auto again = Json::parse(line);
  MOLDAU_ASSERT(again && again->to_line() == line, "a value changes by being written");
  const auto pretty = Json::parse(value->to_pretty());
  MOLDAU_ASSERT(pretty && pretty->to_line() == line, "a value changes by being written with line ends");
  (void)value->to_yaml();
  (void)value->to_cell();
}

void check_rest(std::string_view text) {
  std::string_view rest;
  const auto value = Json::parse(text, &rest);
  if (!value) return;
  MOLDAU_ASSERT(rest.empty() ||
                (rest.data() > text.data() && rest.data() + rest.size() == text.data() + text.size()));
}

void check_encodings(std::string_view text) {
  MOLDAU_ASSERT(cli::base64_bytes(cli::base64_of(text)) == text);
  MOLDAU_ASSERT(cli::base64_bytes(cli::base64_of(text, false)) == text);
  MOLDAU_ASSERT(cli::hex_bytes(cli::hex_of(text)) == text);
  if (const auto bytes = cli::hex_bytes(text)) MOLDAU_ASSERT(bytes->size() == text.size() / 2);
  if (const auto bytes = cli::base64_bytes(text)) MOLDAU_ASSERT(bytes->size() <= text.size());
  const auto quoted = Json::parse(cli::quoted(text));
  if (cli::is_utf8(text)) MOLDAU_ASSERT(quoted && *quoted == Json(text), "a text changes by being quoted");
}

void run(ByteView bytes) {
  Input in(bytes);
  switch (in.below(3)) {
    case 0:
      return check_json(in.text());
    case 1:
      return check_rest(in.text());
    default:
      return check_encodings(in.text());
  }
}

void seeds(Seeds& seeds) {
  for (const std::string_view text :
       {"{\"a\": [1, -2.5e3, true, false, null], \"b\\u00e9\\ud83d\\ude00\": {\"c\": \"\\n\\t\\\\\"}}",
        "[[[[[]]]]]", "9223372036854775807", "-0", "1e400", "\"\\/\" x", "aGVsbG8=", "00ff"})
    for (const char kind : {'\0', '\1', '\2'}) seeds.add(std::string(1, kind) + std::string(text));
}

MOLDAU_FUZZ_TARGET(json_text, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz

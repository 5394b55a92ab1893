// Command lines under Kafka's names, lines of the console producer, and conditions of --where.
#include "cli/expression.h"
#include "cli/kafka_parser.h"
#include "cli/line_reader.h"
#include "fuzz/input.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 128;

const std::vector<cli::Flag>& flags() {
  static const std::vector<cli::Flag> all{
      {.names = "--topic,-t", .value = "T"},
      {.names = "--topics-with-overrides", .value = ""},
      {.names = "--partitions", .value = "N"},
      {.names = "--config", .value = "K=V", .repeats = true},
      {.names = "--print", .value = "[N]"},
      {.names = "--several", .value = "K=V..."},
      {.names = "--codec", .value = "C", .choices = "none,gzip"},
      {.names = "--help,-h", .value = ""},
  };
  return all;
}

void check_words(std::string_view text) {
  const auto arguments = cli::parse_kafka_words(flags(), cli::split(text, '\n'));
  if (!arguments) {
    MOLDAU_ASSERT(arguments.error().exit == cli::Exit::usage && !arguments.error().what.empty());
    return;
  }
  MOLDAU_ASSERT(arguments->all("partitions").size() <= text.size());
  const auto number = arguments->number("partitions", 1, 100);
  if (number && *number) MOLDAU_ASSERT(**number >= 1 && **number <= 100);
}

void check_line(std::string_view text) {
  Input in(as_bytes(text));
  cli::Properties properties{{"parse.key", in.flag() ? "true" : "false"},
                             {"parse.headers", in.flag() ? "true" : "false"},
                             {"ignore.error", in.flag() ? "true" : "false"}};
  if (in.flag()) properties["null.marker"] = std::string(as_text(in.bytes(2)));
  if (in.flag()) properties["key.separator"] = std::string(as_text(in.bytes(1)));
  if (in.flag()) properties["headers.separator"] = std::string(as_text(in.bytes(2)));
  const auto reader = cli::LineReader::create(properties);
  if (!reader) return;
  const std::string line(in.text());
  const auto record = reader->read(line, 1);
  if (!record) return;
  const std::size_t key = record->key.value_or("").size();
  MOLDAU_ASSERT(key + record->value.value_or("").size() <= line.size(), "more comes out than went in");
}

void check_expression(std::string_view text) {
  static const cli::Json row = *cli::Json::parse(
      R"({"partitions": 3, "name": "orders", "value": {"level": "error", "n": 1.5}, "list": ["a", 1], "z": null})");
  // Patterns are RE2's business, and compiling one takes longer than a thousand inputs.
  if (text.contains("=~")) return;
  const auto expression = cli::Expression::parse(text, "--where");
  if (!expression) {
    MOLDAU_ASSERT(expression.error().exit == cli::Exit::usage);
    return;
  }
  const bool matches = expression->matches(row);
  const auto negated = cli::Expression::parse("NOT (" + std::string(text) + ")", "--where");
  if (negated) MOLDAU_ASSERT(negated->matches(row) != matches, "NOT does not negate");
}

void run(ByteView bytes) {
  Input in(bytes);
  switch (in.below(3)) {
    case 0:
      return check_words(in.text());
    case 1:
      return check_line(in.text());
    default:
      return check_expression(in.text());
  }
}

void seeds(Seeds& seeds) {
  const auto add = [&](char kind, std::string_view text) { seeds.add(std::string(1, kind).append(text)); };
  add(0, "--topic\na\n--part\n3\n--config=a=b\n--config\nc=d\nword");
  add(0, "-topic=a\n--print\n--several\na=b\nc=d\n--\n--topic");
  add(0, "--codec\ngzip\n--help\n--topics");
  add(1, std::string("\1\1\0\0\0\0h:1,i:2\tk\tv", 18));
  add(1, std::string("\1\0\0\1NN\1:\0k:NN", 13));
  add(2, "partitions > 3 AND name = \"ord*\"");
  add(2, "value.level == error || (value[\"n\"] <= 1.5 && NOT z)");
  add(2, "list:a list:* -name:x");
}

MOLDAU_FUZZ_TARGET(command_words, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz

// The small grammars of the command line: offsets, times, durations, lists of partitions and replicas,
// key=value.
#include "cli/arguments.h"
#include "cli/offset_range.h"
#include "cli/timestamp_text.h"
#include "cli/topic_names.h"
#include "fuzz/input.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 64;
constexpr TimestampMs kNow = 1'700'000'000'000;

void check_range(std::string_view text) {
  const auto range = cli::parse_offset_range(text, kNow);
  if (!range) {
    MOLDAU_ASSERT(range.error().exit == cli::Exit::usage && !range.error().what.empty());
    return;
  }
  MOLDAU_ASSERT(range->from.kind == cli::OffsetBound::Kind::timestamp || range->from.value >= 0);
}

void check_time(std::string_view text) {
  std::string_view rest = text;
  const auto taken = cli::take_time(rest, kNow);
  MOLDAU_ASSERT(rest.size() <= text.size() && (taken || rest.size() == text.size()));
  const auto at = cli::parse_time(text, kNow);
  MOLDAU_ASSERT(!at || (taken == at && rest.empty()));
  // What is shown with milliseconds and four digits of a year reads the same.
  constexpr TimestampMs kYear9999 = 253'402'300'799'999;
  if (at && *at >= 0 && *at <= kYear9999) MOLDAU_ASSERT(cli::parse_time(cli::rfc3339(*at), kNow) == at);
}

void check_shown(std::string_view text) {
  Input in(as_bytes(text));
  const auto at = in.number<std::int64_t>();
  const cli::CivilTime time = cli::civil_time(at);
  MOLDAU_ASSERT(time.month >= 1 && time.month <= 12 && time.day >= 1 && time.day <= 31 && time.hour < 24);
  MOLDAU_ASSERT(time.minute < 60 && time.second < 60 && time.weekday < 7 && time.year_day < 366);
  MOLDAU_ASSERT(cli::strftime_text(at, in.text()).size() <= 16 + 64 * in.text().size());
  MOLDAU_ASSERT(cli::go_time_text(at, in.text()).size() <= 16 + 64 * in.text().size());
}

void check_numbers(std::string_view text) {
  if (const auto number = cli::whole_number(text))
    MOLDAU_ASSERT(cli::whole_number(std::to_string(*number)) == number);
  if (const auto duration = cli::parse_duration(text))
    MOLDAU_ASSERT(duration->count() >= 0, "a negative duration");
  if (const auto pair = cli::key_value(text, "--flag"))
    MOLDAU_ASSERT(pair->first + "=" + pair->second == text || !pair->first.empty());
  MOLDAU_ASSERT(cli::split(text, ',').size() <= text.size() + 1);
}

void check_lists(std::string_view text) {
  if (const auto partitions = cli::parse_partitions(text)) {
    MOLDAU_ASSERT(partitions->size() <= 1'000'000, "a short text names more partitions than there can be");
    for (const PartitionIndex partition : *partitions) MOLDAU_ASSERT(partition >= 0);
  }
  if (const auto assignment = cli::parse_assignment(text))
    for (const auto& replicas : *assignment) MOLDAU_ASSERT(!replicas.empty());
}

constexpr void (*kKinds[])(std::string_view) = {check_range, check_time, check_shown, check_numbers,
                                                check_lists};

void run(ByteView bytes) {
  Input in(bytes);
  const std::size_t kind = in.below(std::size(kKinds));
  kKinds[kind](in.text());
}

void seeds(Seeds& seeds) {
  const auto add = [&](char kind, std::string_view text) { seeds.add(std::string(1, kind).append(text)); };
  for (const char* text :
       {"start", "5:10", ":end", "+3", "-3", "@1700000000", "@2024-02-29T12:00:00Z:1h30m", "@-1h:end"})
    add(0, text);
  for (const char* text : {"1700000000", "1700000000123", "1700000000123456789", "2024-02-29",
                           "2024-02-29T12:34:56.789+01:00", "now"})
    add(1, text);
  add(2, std::string(8, '\x01') + "%Y-%m-%dT%H:%M:%S.%L %a %A %b %B %j %p %s %f %%");
  add(2, std::string(8, '\0') + "2006-01-02T15:04:05.000Z07:00 Mon Jan MST PM");
  for (const char* text : {"1h30m", "500ms", "2d", "-7", "9223372036854775807", "a=b=c"}) add(3, text);
  for (const char* text : {"0,1,4-6", "0:1,1:2", "7"}) add(4, text);
}

MOLDAU_FUZZ_TARGET(command_texts, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz

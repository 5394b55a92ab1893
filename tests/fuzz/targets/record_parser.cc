// The percent language for reading, and JSON lines: records out of any input by any format, the same ones
// however the input arrives.
#include "cli/record_parser.h"

#include "fuzz/input.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 160;

bool same(const cli::ParsedRecord& a, const cli::ParsedRecord& b) {
  return a.topic == b.topic && a.key == b.key && a.value == b.value && a.partition == b.partition &&
         a.timestamp == b.timestamp && a.headers.size() == b.headers.size();
}

// A record found in the beginning of the input is the one found in all of it.
void check_early(const cli::RecordParser& parser, std::string_view input,
                 const cli::RecordParser::Found& found) {
  const auto early = parser.next(input.substr(0, found.size), false);
  if (!early || !*early) return;
  MOLDAU_ASSERT((*early)->size == found.size && same((*early)->record, found.record),
                "a record changes when more input is there");
}

void read_all(const cli::RecordParser& parser, std::string_view input) {
  for (int records = 0; records < 8; ++records) {
    const auto found = parser.next(input, true);
    if (!found) {
      MOLDAU_ASSERT(!found.error().what.empty());
      return;
    }
    if (!*found) return;
    MOLDAU_ASSERT((*found)->size <= input.size(), "a record is longer than the input");
    check_early(parser, input, **found);
    if ((*found)->size == 0) return;
    input.remove_prefix((*found)->size);
  }
}

void run(ByteView bytes) {
  Input in(bytes);
  if (in.below(4) == 3) return (void)cli::record_of_json(in.text());
  const auto format = as_text(in.piece());
  // Patterns are RE2's business, and compiling one takes longer than a thousand inputs.
  if (format.contains("{re")) return;
  const auto parser = cli::RecordParser::parse(format);
  if (!parser) {
    MOLDAU_ASSERT(parser.error().exit == cli::Exit::usage && !parser.error().what.empty());
    return;
  }
  read_all(*parser, in.text());
}

void seeds(Seeds& seeds) {
  const auto add = [&](std::string_view format, std::string_view input) {
    Buffer seed;
    seed.append_be<std::uint8_t>(0);
    seed.append_be<std::uint8_t>(static_cast<std::uint8_t>(format.size()));
    seed.append(format);
    seed.append(input);
    seeds.add(seed.view());
  };
  add("%k %v\\n", "a b\nc d\ne f");
  add("%K{big32}%k%V{big32}%v", {"\0\0\0\1a\0\0\0\2bc", 11});
  add("%H%h{%k=%v }%v\\n", "2a=b c=d value\n");
  add("%t,%p,%d,%v{json}\\n", "topic,3,1700000000000,{\"a\": [1]}\n");
  add("%V{3}%v%k{hex}\\n", "abc6162\n");
  add("%v{base64}\\n", "aGVsbG8=\n");
  seeds.add(
      "\x03{\"topic\":\"t\",\"key\":\"k\",\"value\":{\"a\":1},\"headers\":[{\"key\":\"h\",\"value\":null}]}");
  seeds.add("\x03{\"value\":\"aGk=\",\"value_encoding\":\"base64\",\"timestamp\":5,\"partition\":2}");
}

MOLDAU_FUZZ_TARGET(record_parser, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz

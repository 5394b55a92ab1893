// The percent language for printing: every format is refused with words, or prints any record.
#include "cli/record_writer.h"
#include "fuzz/allocations.h"
#include "fuzz/cli_samples.h"
#include "fuzz/input.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 96;

void run(ByteView bytes) {
  Input in(bytes);
  const auto timestamp = in.number<std::int64_t>();
  const auto writer = cli::RecordWriter::parse(in.text());
  if (!writer) {
    MOLDAU_ASSERT(writer.error().exit == cli::Exit::usage && !writer.error().what.empty());
    return;
  }
  const record::RecordView record = sample_record(timestamp);
  const cli::PrintedRecord printed{.topic = "t\x01\xff", .partition = 3, .record = record, .producer_id = 9};
  const Allocations allocations;
  std::string out;
  writer->append(out, printed, 1);
  MOLDAU_ASSERT(allocations.total() <= 4096 * (in.text().size() + 16),
                "a short format prints without bounds");
  std::string again;
  writer->append(again, printed, 1);
  MOLDAU_ASSERT(out == again, "a record is printed differently the second time");
  MOLDAU_ASSERT(cli::Json::parse(cli::json_of(printed, false).to_line()).has_value());
}

void seeds(Seeds& seeds) {
  const auto add = [&](TimestampMs timestamp, std::string_view format) {
    Buffer seed;
    seed.append_be<std::int64_t>(timestamp);
    seed.append(format);
    seeds.add(seed.view());
  };
  add(1'700'000'000'123, "%t %p %o %k %v\\n");
  add(1'700'000'000'123, "%T%K%V%H%h{ %k=%v }%e%x%y%[%|%]%i%%%{%}");
  add(1'700'000'000'123, "%d{strftime[%F %T.%L %a %b %j %f]} %d{go[2006-01-02T15:04:05.000Z07:00]}");
  add(-1, "%p{hex8}%o{big64}%o{little16}%p{byte}%p{bool} \\x41\\t");
  add(INT64_MIN, "%v{hex} %v{base64} %v{base64raw} %v{unpack[>bBhHiIqQc.s$]} %v{json}");
  add(INT64_MAX, "%d%d{strftime[%Y]}%a{compression}%a{timestamp-type}");
}

MOLDAU_FUZZ_TARGET(record_format, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz

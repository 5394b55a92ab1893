// What one batch costs a broker before it is stored: checksum, validation, and what building one costs.
// items_per_second counts records; batches hold records of 100 bytes as kafka-producer-perf-test sends them.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "base/crc32c.h"
#include "base/random.h"
#include "record/builder.h"
#include "record/record.h"
#include "record/validate.h"

namespace moldau::record {
namespace {

constexpr TimestampMs kNow = 1'700'000'000'000;
constexpr std::size_t kValueSize = 100;

// Letters of a small alphabet: compresses to about half.
std::string value_of(Random& random) {
  std::string value(kValueSize, ' ');
  for (char& letter : value) letter = static_cast<char>('a' + random.below(16));
  return value;
}

Slice batch_of(std::int64_t record_count, Codec codec, bool keys = false) {
  Random random(1);
  BatchBuilder builder({.compression = {.codec = codec}});
  for (std::int64_t i = 0; i < record_count; ++i) {
    const std::string key = "key-" + std::to_string(i);
    builder.append(kNow + i / 100, keys ? std::optional(as_bytes(key)) : std::nullopt,
                   as_bytes(value_of(random)));
  }
  Codecs codecs;
  return *std::move(builder).build(codecs);
}

void count(benchmark::State& state, std::int64_t records, std::size_t bytes) {
  state.SetItemsProcessed(state.iterations() * records);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void checksum(benchmark::State& state) {
  const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)), std::byte{7});
  for (auto _ : state) benchmark::DoNotOptimize(crc32c(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(checksum)->Arg(100)->Arg(1 << 10)->Arg(16 << 10)->Arg(128 << 10)->Arg(1 << 20);

void validate(benchmark::State& state, Codec codec, bool compacted) {
  const Slice batch = batch_of(state.range(0), codec, compacted);
  const ValidationRules rules{
      .max_message_bytes = std::size_t{16} << 20, .compacted = compacted, .now_ms = kNow};
  Codecs codecs;
  for (auto _ : state) {
    const auto result = validate_for_append(batch, rules, codecs);
    if (!result) return state.SkipWithError(result.error().message.c_str());
    benchmark::DoNotOptimize(result->max_timestamp);
  }
  count(state, state.range(0), batch.size());
}
BENCHMARK_CAPTURE(validate, uncompressed, Codec::none, false)
    ->Arg(1)
    ->Arg(10)
    ->Arg(150)
    ->Arg(1000)
    ->Arg(9000);
BENCHMARK_CAPTURE(validate, compacted, Codec::none, true)->Arg(150)->Arg(9000);
BENCHMARK_CAPTURE(validate, gzip, Codec::gzip, false)->Arg(150)->Arg(9000);
BENCHMARK_CAPTURE(validate, snappy, Codec::snappy, false)->Arg(150)->Arg(9000);
BENCHMARK_CAPTURE(validate, lz4, Codec::lz4, false)->Arg(150)->Arg(9000);
BENCHMARK_CAPTURE(validate, zstd, Codec::zstd, false)->Arg(150)->Arg(9000);

void validate_and_stamp(benchmark::State& state) {
  const Slice batch = batch_of(state.range(0), Codec::none);
  const ValidationRules rules{.timestamp_type = TimestampType::log_append_time,
                              .max_message_bytes = std::size_t{16} << 20,
                              .now_ms = kNow};
  Codecs codecs;
  for (auto _ : state) benchmark::DoNotOptimize(validate_for_append(batch, rules, codecs)->bytes.data());
  count(state, state.range(0), batch.size());
}
BENCHMARK(validate_and_stamp)->Arg(150)->Arg(9000);

// The bulk path of a leader: validate, then copy to where the log writes from, with offset and epoch set.
void validate_and_append(benchmark::State& state) {
  const Slice batch = batch_of(state.range(0), Codec::none);
  const ValidationRules rules{.max_message_bytes = std::size_t{16} << 20, .now_ms = kNow};
  std::vector<std::byte> log(std::size_t{32} << 20);
  Codecs codecs;
  std::size_t at = 0;
  Offset offset = 0;
  for (auto _ : state) {
    const auto result = validate_for_append(batch, rules, codecs);
    if (at + batch.size() > log.size()) at = 0;
    const MutableBytes target(log.data() + at, batch.size());
    std::ranges::copy(result->bytes.view(), target.begin());
    set_base_offset(target, offset);
    set_partition_leader_epoch(target, 1);
    at += batch.size();
    offset += result->record_count;
  }
  count(state, state.range(0), batch.size());
}
BENCHMARK(validate_and_append)->Arg(150)->Arg(1000)->Arg(9000);

void read_records(benchmark::State& state) {
  const Slice bytes = batch_of(state.range(0), Codec::none);
  const BatchView batch = BatchView::trusted(bytes);
  for (auto _ : state) {
    RecordReader reader(batch, batch.records());
    for (RecordView record; *reader.next(record);) benchmark::DoNotOptimize(record.value);
  }
  count(state, state.range(0), bytes.size());
}
BENCHMARK(read_records)->Arg(150)->Arg(9000);

void build(benchmark::State& state, Codec codec) {
  Random random(1);
  const std::string value = value_of(random);
  Codecs codecs;
  std::size_t size = 0;
  for (auto _ : state) {
    BatchBuilder builder({.compression = {.codec = codec}}, static_cast<std::size_t>(state.range(0)) * 110);
    for (std::int64_t i = 0; i < state.range(0); ++i) builder.append(kNow, std::nullopt, as_bytes(value));
    size = (*std::move(builder).build(codecs)).size();
  }
  count(state, state.range(0), size);
}
BENCHMARK_CAPTURE(build, uncompressed, Codec::none)->Arg(150)->Arg(9000);
BENCHMARK_CAPTURE(build, gzip, Codec::gzip)->Arg(150);
BENCHMARK_CAPTURE(build, snappy, Codec::snappy)->Arg(150);
BENCHMARK_CAPTURE(build, lz4, Codec::lz4)->Arg(150);
BENCHMARK_CAPTURE(build, zstd, Codec::zstd)->Arg(150);

}  // namespace
}  // namespace moldau::record

// The table of `moldau perf …`.
#include "cli/command.h"
#include "cli/handlers.h"

namespace moldau::cli {
namespace {

constexpr Flag kNumRecords{"--num-records", "N", "records to send"};
constexpr Flag kDuration{"--duration", "DUR", "stop after this time"};
constexpr Flag kWarmup{"--warmup", "N", "records that are sent but not counted"};
constexpr Flag kKeyRange{"--key-range", "N", "keys 0 to N-1 in turn"};
constexpr Flag kProducers{"--producers", "N", "so many producers share the load"};
constexpr Flag kHdr{
    "--hdr", "FILE", "write the latencies as an HdrHistogram's percentiles (.hgrm)", {}, Complete::file};
constexpr Flag kCompression{"-z,--compression", "CODEC", "none, gzip, snappy, lz4 or zstd", kCodecs};
constexpr Flag kAcks{"--acks", "N", "-1 (all), 0 or 1", "-1,0,1,all"};
constexpr Flag kJson{"--json", "", "print the result as JSON"};
constexpr Flag kSize{"--record-size", "BYTES", "size of each value (default 100)"};
constexpr Flag kPayload{"--payload-file", "FILE", "lines to send", {}, Complete::file};

}  // namespace

std::vector<Command> perf_commands() {
  return {
      {"perf produce",
       "Measure producing",
       "TOPIC",
       Complete::topic,
       {kNumRecords,
        kSize,
        {"--rate", "N", "records a second; without it as fast as it goes"},
        kDuration,
        kWarmup,
        kPayload,
        kKeyRange,
        kProducers,
        kHdr,
        kCompression,
        kAcks,
        kJson},
       &perf_produce},
      {"perf consume",
       "Measure consuming",
       "TOPIC",
       Complete::topic,
       {{"--num-records", "N", "records to read"},
        {"--from-latest", "", "only what comes from now on"},
        {"--idle-exit", "DUR", "give up when nothing came for so long (default 10s)"},
        kJson},
       &perf_consume},
      {"perf e2e",
       "Measure how long records take from a producer to a consumer",
       "TOPIC",
       Complete::topic,
       {{"--num-records", "N", "records to send (default 1000)"},
        kSize,
        {"--rate", "N", "records a second (default 100)"},
        kDuration,
        {"--warmup", "N", "records that are sent but not counted (default: a tenth, 100 at most)"},
        kKeyRange,
        {"--producers", "N", "so many producers share the load (default 1)"},
        {"--consumers", "N", "so many consumers read every record (default 1)"},
        kHdr,
        kCompression,
        {"--acks", "N", "-1 (all) or 1", "-1,1,all"},
        kJson},
       &perf_e2e},
      {"perf mix",
       "Measure producers and consumers at the same time",
       "TOPIC",
       Complete::topic,
       {{"--duration", "DUR", "so long (default 10s)"},
        kNumRecords,
        kSize,
        {"--rate", "N", "records a second of all producers together (default 1000)"},
        {"--producers", "N", "so many producers share the load (default 1)"},
        {"--consumers", "N", "so many consumers read every record (default 1)"},
        {"--consume-rate", "N", "records a second that each consumer takes at most"},
        {"--from-start", "", "the consumers read what is there already, too"},
        kWarmup,
        kKeyRange,
        kHdr,
        kCompression,
        {"--acks", "N", "-1 (all) or 1", "-1,1,all"},
        kJson},
       &perf_mix},
      {"perf compare",
       "Measure the same load on two clusters by turns",
       "TOPIC",
       Complete::topic,
       {{"--with", "HOST:PORT", "the other cluster; the first one is that of --brokers"},
        {"--rounds", "N", "so often on each (default 3)"},
        {"--num-records", "N", "records of each round (default 100000)"},
        kSize,
        {"--rate", "N", "records a second; without it as fast as it goes"},
        {"--duration", "DUR", "of each round"},
        kWarmup,
        kPayload,
        kKeyRange,
        kProducers,
        kCompression,
        kAcks,
        kJson},
       &perf_compare},
  };
}

}  // namespace moldau::cli

#include "cli/kafka_flags.h"

namespace moldau::cli {

namespace {

const Flag kConfigFile{"--command-config,--consumer.config,--producer.config,--admin.config,--config", "FILE",
                       "properties of the client"};
const Flag kProperty{"--command-property,--consumer-property,--producer-property",
                     "K=V",
                     "a property of the client",
                     {},
                     Complete::none,
                     true};

}  // namespace

std::vector<Flag> console_producer_flags() {
  return {
      kServer,
      kConfigFile,
      kProperty,
      {"--topic", "NAME", "the topic"},
      {"--property,--reader-property",
       "K=V",
       "of the line reader: parse.key, key.separator …",
       {},
       Complete::none,
       true},
      {"--reader-config", "FILE", "properties of the line reader"},
      {"--line-reader", "CLASS", "accepted; there is one line reader"},
      {"--sync", "", "wait for each record"},
      {"--compression-codec", "[CODEC]", "none, gzip (default), snappy, lz4 or zstd"},
      {"--batch-size,--max-partition-memory-bytes", "N", "bytes of a batch"},
      {"--message-send-max-retries", "N", "accepted: retries end with delivery.timeout.ms"},
      {"--retry-backoff-ms", "MS", "pause between retries"},
      {"--timeout", "MS", "how long records wait to be sent together (default 1000)"},
      {"--request-required-acks", "N", "all, 0 or 1"},
      {"--request-timeout-ms", "MS", "of a request"},
      {"--metadata-expiry-ms", "MS", "age of metadata"},
      {"--max-block-ms", "MS", "how long to wait for metadata and memory"},
      {"--max-memory-bytes", "N", "memory for records not sent yet"},
      {"--socket-buffer-size", "N", "accepted"},
      kHelp,
      kVersionFlag,
  };
}

std::vector<Flag> console_consumer_flags() {
  return {
      kServer,
      kConfigFile,
      kProperty,
      {"--topic", "NAME", "the topic"},
      {"--include,--whitelist", "PATTERN", "the topics"},
      {"--from-beginning", "", "everything that is there"},
      {"--max-messages", "N", "stop after so many"},
      {"--timeout-ms", "MS", "stop when nothing came for so long"},
      {"--group", "GROUP", "consumer group"},
      {"--partition", "N", "only this partition"},
      {"--offset", "OFFSET", "earliest, latest or a number; with --partition"},
      {"--property,--formatter-property",
       "K=V",
       "of the formatter: print.key, key.separator …",
       {},
       Complete::none,
       true},
      {"--formatter-config", "FILE", "properties of the formatter"},
      {"--formatter", "CLASS", "how to print"},
      {"--key-deserializer", "CLASS", "of keys"},
      {"--value-deserializer", "CLASS", "of values"},
      {"--isolation-level", "LEVEL", "read_committed or read_uncommitted"},
      {"--skip-message-on-error", "", "accepted"},
      {"--enable-systest-events", "", "accepted"},
      kHelp,
      kVersionFlag,
  };
}

std::vector<Flag> producer_perf_flags() {
  return {
      {"--topic", "NAME", "the topic"},
      {"--num-records", "N", "records to send"},
      {"--record-size", "BYTES", "size of each"},
      {"--throughput", "N", "records a second; -1: as fast as it goes"},
      {"--command-property,--producer-props",
       "K=V...",
       "properties of the producer",
       {},
       Complete::none,
       true},
      {"--bootstrap-server", "HOST:PORT", "the servers to connect to"},
      {"--command-config,--producer.config", "FILE", "properties of the producer"},
      {"--payload-file", "FILE", "records to send"},
      {"--payload-delimiter", "TEXT", "between them (default \\n)"},
      {"--payload-monotonic", "", "numbers as records"},
      {"--print-metrics", "", "counters at the end"},
      {"--transactional-id", "ID", "send in transactions"},
      {"--transaction-id", "ID", "send in transactions"},
      {"--transaction-duration-ms", "MS", "of each transaction"},
      {"--reporting-interval", "MS", "between lines (default 5000)"},
      {"--warmup-records", "N", "records that are not counted"},
      {"--record-key-range", "N", "keys 0 to N-1"},
      {"--key-distribution", "NAME", "sequential or random"},
      {"--random-seed", "N", "of payloads and keys"},
      kHelp,
  };
}

std::vector<Flag> consumer_perf_flags() {
  return {
      kServer,
      {"--topic,--include", "NAME", "the topic"},
      {"--messages,--num-records", "N", "records to read"},
      {"--group", "GROUP", "accepted: reads without a group"},
      {"--fetch-size", "N", "bytes of a fetch of one partition"},
      {"--from-latest", "", "only what comes from now on"},
      {"--socket-buffer-size", "N", "accepted"},
      {"--command-config,--consumer.config", "FILE", "properties of the consumer"},
      kProperty,
      {"--print-metrics", "", "counters at the end"},
      {"--show-detailed-stats", "", "a line for each interval"},
      {"--reporting-interval", "MS", "between lines (default 5000)"},
      {"--timeout", "MS", "stop when nothing came for so long (default 10000)"},
      {"--date-format", "FORMAT", "of times (default yyyy-MM-dd HH:mm:ss:SSS)"},
      {"--hide-header", "", "no line of names"},
      kHelp,
      kVersionFlag,
  };
}

std::vector<Flag> e2e_latency_flags() {
  return {
      kServer,
      {"--topic", "NAME", "the topic"},
      {"--num-records", "N", "records to send, one after the other"},
      {"--producer-acks", "N", "1 or all"},
      {"--record-size", "BYTES", "size of each value"},
      {"--record-key-size", "BYTES", "size of each key (default: no key)"},
      {"--num-headers", "N", "headers of each record"},
      {"--record-header-key-size", "BYTES", "size of a header's key"},
      {"--record-header-size", "BYTES", "size of a header's value"},
      {"--command-config", "FILE", "properties of the clients"},
      kHelp,
      kVersionFlag,
  };
}

}  // namespace moldau::cli

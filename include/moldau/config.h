// Config: everything a client can be told, with Kafka's defaults.
//
//   auto client = moldau::sdk::Client::connect({.bootstrap_servers = "localhost:9092"});
//
// or from the keys of Java's client and of librdkafka:
//
//   auto config = moldau::sdk::Config::from_properties({{"bootstrap.servers", "localhost:9092"},
//   {"linger.ms", "5"}});
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "moldau/error.h"

namespace moldau::sdk {

enum class Acks : std::int8_t { all = -1, none = 0, leader = 1 };
enum class Compression : std::uint8_t { none, gzip, snappy, lz4, zstd };
enum class OffsetReset : std::uint8_t { latest, earliest, none };
enum class Isolation : std::uint8_t { read_uncommitted, read_committed };

struct Config {
  using Milliseconds = std::chrono::milliseconds;

  std::string bootstrap_servers;  // "host:port,host:port"; a missing port is 9092
  std::string client_id = "moldau";
  std::string client_rack;
  Milliseconds request_timeout{30'000};
  Milliseconds connect_timeout{10'000};  // socket.connection.setup.timeout.ms
  Milliseconds api_timeout{60'000};      // default.api.timeout.ms
  Milliseconds retry_backoff{100};
  Milliseconds retry_backoff_max{1'000};
  Milliseconds metadata_max_age{300'000};
  bool allow_auto_create_topics = true;  // of the producer; the broker may refuse

  // Producer.
  Acks acks = Acks::all;
  bool enable_idempotence = true;  // needs acks all
  Compression compression = Compression::none;
  std::size_t batch_size = 16'384;
  Milliseconds linger{5};
  std::size_t max_request_size = 1'048'576;
  std::uint64_t buffer_memory = 33'554'432;
  Milliseconds max_block{60'000};
  Milliseconds delivery_timeout{120'000};
  unsigned max_in_flight = 5;

  // Consumer.
  std::int32_t fetch_min_bytes = 1;
  Milliseconds fetch_max_wait{500};
  std::int32_t fetch_max_bytes = 52'428'800;
  std::int32_t max_partition_fetch_bytes = 1'048'576;
  std::size_t max_poll_records = 500;
  OffsetReset auto_offset_reset = OffsetReset::latest;
  Isolation isolation = Isolation::read_uncommitted;
  bool check_crcs = true;

  // An unknown key, or a value that its key cannot have, is an error that names the key and those near to it.
  static Expected<Config> from_properties(const std::map<std::string, std::string>& properties);
};

}  // namespace moldau::sdk

// Config: everything a client can be told, with Kafka's defaults. A Client has one; a producer or a consumer
// of it may have another, of which it takes its own part.
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
#include <vector>

#include "moldau/error.h"
#include "moldau/hooks.h"

namespace moldau::sdk {

enum class Acks : std::int8_t { all = -1, none = 0, leader = 1 };
enum class Compression : std::uint8_t { none, gzip, snappy, lz4, zstd };
enum class OffsetReset : std::uint8_t { latest, earliest, none };
enum class Isolation : std::uint8_t { read_uncommitted, read_committed };
// Where records with a key but without a partition go: as Java's client sends them, as librdkafka's
// consistent_random, or to all partitions in turn whatever their keys. Without a key: to one partition until
// its batch is full (KIP-794), or in turn.
enum class Partitioner : std::uint8_t { murmur2, crc32, round_robin };
// classic: members assign among themselves. consumer: the broker assigns (KIP-848).
enum class GroupProtocol : std::uint8_t { classic, consumer };
enum class Assignor : std::uint8_t { range, round_robin, cooperative_sticky };

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
  bool allow_auto_create_topics = true;         // of the producer; the broker may refuse
  std::string security_protocol = "PLAINTEXT";  // the only one that this version has

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
  Partitioner partitioner = Partitioner::murmur2;
  std::string transactional_id;              // of transactional_producer()
  Milliseconds transaction_timeout{60'000};  // the broker aborts a transaction that takes longer

  // Consumer.
  std::int32_t fetch_min_bytes = 1;
  Milliseconds fetch_max_wait{500};
  std::int32_t fetch_max_bytes = 52'428'800;
  std::int32_t max_partition_fetch_bytes = 1'048'576;
  std::size_t max_poll_records = 500;
  OffsetReset auto_offset_reset = OffsetReset::latest;
  Isolation isolation = Isolation::read_uncommitted;
  bool check_crcs = true;

  // Consumer, as a member of a group.
  std::string group_id;
  std::string group_instance_id;  // a static member: its partitions wait for it over a restart (KIP-345)
  GroupProtocol group_protocol = GroupProtocol::classic;
  Milliseconds max_poll_interval{300'000};
  bool enable_auto_commit = true;  // of what was polled, in poll() and close()
  Milliseconds auto_commit_interval{5'000};
  // Of the classic protocol. With cooperative_sticky alone nobody stops during a rebalance (KIP-429).
  std::vector<Assignor> assignors{Assignor::range, Assignor::cooperative_sticky};  // by preference
  Milliseconds session_timeout{45'000};
  Milliseconds heartbeat_interval{3'000};
  std::string group_remote_assignor;  // of the consumer protocol: "uniform", "range"; empty: the broker's

  // What the program is told of, for its metrics and traces. Not to be said in properties.
  ClientHooks hooks;

  // What contradicts itself, or what this version does not have, as TLS and SASL: ErrorKind::invalid_argument
  // or unsupported, with what to do. Everything that takes a Config asks it.
  Expected<void> check() const;
  // An unknown key, or a value that its key cannot have, is an error that names the key and those near to it.
  // Keys of TLS and SASL are known, and refused: nothing that is meant to protect is passed over in silence.
  static Expected<Config> from_properties(const std::map<std::string, std::string>& properties);
};

}  // namespace moldau::sdk

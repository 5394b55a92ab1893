// The measurements. Each prepares what it needs on a running broker, measures, and prints one line of JSON.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "record/codec.h"

namespace moldau::load {

struct Broker {
  std::uint16_t port = 9092;
  std::vector<pid_t> pids =
      {};  // whose CPU time and memory are reported, in sum; of all brokers of a cluster
};

struct ProduceShape {
  int connections = 1;
  int depth = 1;  // requests in flight on each connection
  int partitions = 1;
  int replicas = 1;  // with more, each connection goes to one of the leaders
  int records = 1;   // of a batch; one batch makes a request
  int value_bytes = 100;
  int acks = -1;
  record::Codec codec = record::Codec::none;
  // Each connection is a producer with an id of its own, and numbers its batches (KIP-98).
  bool idempotent = false;
  std::vector<std::string> topic_configs;  // key=value
  double warmup_s = 1;
  double seconds = 4;
};

// As fast as it goes, with so many requests in flight: records, requests and bytes per second and per CPU
// second of the broker, latency of an acknowledgement.
void produce(const Broker& broker, const std::string& row, const ProduceShape& shape);

// Requests at a fixed rate, open loop: latency counts from when a request was due, sent late or not.
void latency(const Broker& broker, const std::string& row, const ProduceShape& shape, double rate);

// The same, from when a batch was due until each of `groups` consumers that wait for it has it. Each group is
// one connection that reads all partitions.
void end_to_end(const Broker& broker, const std::string& row, const ProduceShape& shape, double rate,
                int groups);

// Produces `megabytes`, then reads them from the beginning, again and again.
struct ConsumeShape {
  ProduceShape fill;
  int connections = 1;
  int megabytes = 512;
  int partition_max_bytes = 1 << 20;
  double seconds = 4;
};
void consume(const Broker& broker, const std::string& row, const ConsumeShape& shape);

// Round trips with one request in flight, in turns to the broker and to a bare echo server that sends back
// the same bytes from a process of its own.
void round_trip(const Broker& broker, const std::string& row, const ProduceShape& shape);

// Opens `count` connections that ask for ApiVersions and Metadata each, then holds them: latency at a low
// rate before and meanwhile, and what the broker's memory grew by for each.
void connections(const Broker& broker, const std::string& row, int count, const ProduceShape& shape,
                 double rate);

// Creates `partitions` in `topics`: time, memory and CPU of the idle broker; then one record to each.
void density(const Broker& broker, const std::string& row, int partitions, int topics, int replicas);

// One broker of a cluster on 127.0.0.1.
struct Member {
  std::int32_t id = 0;
  std::uint16_t port = 0;
  pid_t pid = 0;
};
// A producer at a fixed rate with three replicas and a sequence for each partition. One of the brokers that
// lead gets SIGKILL: the active controller, or one that is not it. Times until partitions are acknowledged
// again, and what the log holds of it all at the end.
enum class Victim { leader, controller };
void fail_over(const std::vector<Member>& brokers, const std::string& row, const ProduceShape& shape,
               double rate, Victim victim);

// Creates the topic `name` and produces so much to it. With `kill` the broker then gets SIGKILL while
// requests are in flight; what was acknowledged is reported either way.
void fill(const Broker& broker, const std::string& row, const ProduceShape& shape, const std::string& name,
          int megabytes, bool kill);

// Reads the topic `name` from its beginning to its end on one connection while producers at a fixed rate and
// a consumer at the tail go on with another topic, which they began before: speed of the one, latency of the
// others.
void catch_up(const Broker& broker, const std::string& row, const ProduceShape& shape, double rate,
              const std::string& name, int partitions);

// Fills a compacted topic of the broker, whose data are in `folder`, then lets it be compacted, up to its
// active segments, while producers at a fixed rate go on with another topic: speed and CPU time of the one
// (without what the producers cost before), latency of the others before and meanwhile.
struct CompactionShape {
  std::string folder;
  int megabytes = 512;
  int keys = 1'000'000;  // over all partitions
  int partitions = 4;
  int value_bytes = 84;
  int segment_megabytes = 64;
};
void compaction(const Broker& broker, const std::string& row, const ProduceShape& beside, double rate,
                const CompactionShape& shape);

// Starts `command` and measures the time until it listens, answers, and has acknowledged a first record; then
// how long SIGTERM takes. The record goes to a topic created for it, or to `name` when that is given (its
// folder was used before); the records in its `partitions` are then counted.
struct Existing {
  std::string name;
  int partitions = 1;
};
void start(std::uint16_t port, const std::string& row, const std::string& output_path,
           const std::vector<std::string>& command, const Existing& existing);

// A consumer group of one topic: its members join, then again and again some more do, and as many of the
// oldest leave. Each time, until every member has its part in one generation, each partition has exactly one
// owner and the broker says that the group is stable: seconds, the broker's CPU, how long partitions were
// without an owner, and those, too, that stayed with theirs.
enum class GroupProtocol { classic, consumer };
struct RebalanceShape {
  GroupProtocol protocol = GroupProtocol::classic;
  int members = 100;
  int partitions = 1000;
  int percent = 10;  // of the members, that come and go
  int cycles = 3;
  int heartbeat_ms = 500;  // of the classic protocol; in the other it is the broker's
};
void rebalance(const Broker& broker, const std::string& row, const RebalanceShape& shape);

// The machine's own limits: sync, memory, checksum, bare round trip. Files go to `folder`.
void machine(const std::string& folder);

// Takes so much memory and gives it back. A virtual machine gets memory from its host when it touches it, and
// a balloon may give back what lies free: new pages of a file then cost ten times as much as from memory that
// the host has provided. Called right before a row that writes much, so that the row measures the broker.
// Ends after 20 s at most.
void touch(int megabytes);

}  // namespace moldau::load

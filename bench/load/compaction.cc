// A topic with several versions of each key, compacted beside producers at a fixed rate.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/crc32c.h"
#include "call.h"
#include "modes.h"
#include "open_loop.h"
#include "process.h"
#include "program.h"
#include "record/builder.h"
#include "record/record.h"
#include "wire/messages/incremental_alter_configs.h"

namespace moldau::load {

namespace {

constexpr std::size_t kKeyBytes = 16;
constexpr int kBatchRecords = 1000;
constexpr int kConnections = 4;
constexpr int kDepth = 4;
constexpr double kMostSeconds = 900;
constexpr std::int64_t kCheckNs = kSecondNs / 20;
constexpr double kCaughtUpSeconds = 0.05;
constexpr int kRestSeconds = 3;
constexpr int kMostRestSeconds = 120;
// Versions of a key lie far apart, and neighbours are of all keys.
constexpr std::int64_t kStride = 7919;

struct KeyedBatch {
  Slice bytes;
  std::vector<std::size_t> keys_at;  // where in it
};

// Records with room for their keys.
KeyedBatch make_keyed_batch(std::size_t value_bytes) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const TimestampMs now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::string key(kKeyBytes, '0');
  const std::string value(value_bytes, 'v');
  record::BatchBuilder builder(record::BatchFields{}, kBatchRecords * (kKeyBytes + value_bytes + 16));
  for (int i = 0; i < kBatchRecords; ++i) builder.append(now_ms, as_bytes(key), as_bytes(value));
  KeyedBatch batch{.bytes = std::move(builder).build_uncompressed(), .keys_at = {}};
  const auto view = record::BatchView::trusted(batch.bytes);
  record::Codecs codecs;
  record::RecordReader reader(
      view, or_die(record::uncompressed_records(view, codecs, batch.bytes.size()), "records"));
  for (record::RecordView record; or_die(reader.next(record), "a record of our own");)
    batch.keys_at.push_back(static_cast<std::size_t>(record.key->data() - batch.bytes.data()));
  return batch;
}

// Fills a topic with so many records of so many keys in each partition.
class KeyedFill {
 public:
  KeyedFill(std::uint16_t port, const std::string& topic, const CompactionShape& shape)
      : batch_(make_keyed_batch(static_cast<std::size_t>(shape.value_bytes))),
        keys_(std::max<std::int64_t>(1, shape.keys / shape.partitions)),
        batches_(shape.megabytes * std::int64_t{1'000'000} /
                 (static_cast<std::int64_t>(batch_.bytes.size()) * shape.partitions)),
        next_(static_cast<std::size_t>(shape.partitions)),
        connections_(port, [this](const Connections::Answer& answer) { answered(answer); }) {
    for (int i = 0; i < kConnections * kDepth; ++i)
      frames_.push_back(produce_frame(topic, i % shape.partitions, batch_.bytes, -1));
  }

  void run() {
    for (int i = 0; i < kConnections; ++i) connections_.open();
    for (std::size_t i = 0; i < frames_.size(); ++i) send_next(i);
    connections_.drain(kMostSeconds);
  }
  std::int64_t records_in_partition() const { return batches_ * kBatchRecords; }
  std::size_t record_bytes() const { return batch_.bytes.size() / kBatchRecords; }

 private:
  void send_next(std::size_t number) {
    Frame& frame = frames_[number];
    std::int64_t& next = next_[frame.partition];
    if (next == batches_) return;
    set_keys(frame, next++ * kBatchRecords);
    connections_.send(number % kConnections, frame, now_ns());
  }
  void answered(const Connections::Answer& answer) {
    check_produced(answer.request, answer.bytes);
    send_next(static_cast<std::size_t>(&answer.request - frames_.data()));
  }
  void set_keys(Frame& frame, std::int64_t record) const {
    constexpr std::size_t kCrc = 17, kChecked = 21;
    std::byte* const batch = frame.bytes.data() + frame.batch_at;
    for (const std::size_t at : batch_.keys_at) {
      auto key = static_cast<std::uint64_t>(record++ % keys_ * kStride % keys_);
      for (std::size_t digit = kKeyBytes; digit-- > 0; key >>= 4)
        batch[at + digit] = std::byte("0123456789abcdef"[key & 15]);
    }
    store_be<std::uint32_t>(batch + kCrc, crc32c(ByteView(batch + kChecked, batch_.bytes.size() - kChecked)));
  }

  KeyedBatch batch_;
  std::int64_t keys_;
  std::int64_t batches_;  // in each partition
  std::vector<std::int64_t> next_;
  std::vector<Frame> frames_;
  Connections connections_;
};

void set_config(std::uint16_t port, const std::string& topic, const std::string& name,
                const std::string& value) {
  constexpr std::int8_t kTopic = 2;
  const Socket socket = Socket::connect(port);
  socket.set_timeout(kPatienceSeconds);
  wire::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kTopic;
  resource.resource_name = topic;
  resource.configs.push_back({name, 0, value});
  const auto response = call<wire::IncrementalAlterConfigsResponse>(socket, request, 1);
  for (const auto& one : response.responses)
    if (one.error_code != wire::ErrorCode::none)
      die("IncrementalAlterConfigs: " + std::string(wire::name_of(one.error_code)));
}

// The least of what cleaner-offset-checkpoint says of the topic's partitions; 0 when one of them is not
// named.
std::int64_t clean_up_to(const std::string& folder, const std::string& topic, int partitions) {
  std::ifstream file(folder + "/cleaner-offset-checkpoint");
  int version = 0, count = 0, found = 0;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  file >> version >> count;
  std::string name;
  std::int64_t partition = 0, offset = 0;
  while (file >> name >> partition >> offset) {
    if (name != topic) continue;
    ++found;
    least = std::min(least, offset);
  }
  return found == partitions ? least : 0;
}

// Of the segments that are there now. One that goes away meanwhile does not count.
std::uintmax_t log_bytes(const std::string& folder, const std::string& topic, int partitions) {
  std::uintmax_t bytes = 0;
  for (int i = 0; i < partitions; ++i) {
    std::error_code error;
    std::filesystem::directory_iterator entry(folder + "/" + topic + "-" + std::to_string(i), error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      std::error_code gone;
      const std::uintmax_t size = entry->path().extension() == ".log" ? entry->file_size(gone) : 0;
      if (!gone) bytes += size;
    }
  }
  return bytes;
}

double log_mebibytes(const std::string& folder, const std::string& topic, int partitions) {
  return static_cast<double>(log_bytes(folder, topic, partitions)) / (1 << 20);
}

// Until what was produced is in the segments, which a broker may write behind its acknowledgements, and on
// the disk: what that costs belongs neither to the compaction nor to the time before it.
void await_rest(const std::string& folder, const std::string& topic, int partitions) {
  std::uintmax_t before = 0;
  int rested = 0;
  for (int waited = 0; rested < kRestSeconds && waited < kMostRestSeconds; ++waited) {
    ::sleep(1);
    const std::uintmax_t now = log_bytes(folder, topic, partitions);
    rested = now == before ? rested + 1 : 0;
    before = now;
  }
  if (before == 0) die("there are no segments of " + topic + " in " + folder);
  ::sync();
}

}  // namespace

void compaction(const Broker& broker, const std::string& row, const ProduceShape& beside, double rate,
                const CompactionShape& shape) {
  // A ratio of 1 is never exceeded: nothing is compacted before all is there.
  const std::string topic =
      create_topic(broker.port, shape.partitions,
                   {"cleanup.policy=compact", "min.cleanable.dirty.ratio=1",
                    "segment.bytes=" + std::to_string(shape.segment_megabytes * std::int64_t{1'000'000})});
  KeyedFill filling(broker.port, topic, shape);
  filling.run();
  await_rest(shape.folder, topic, shape.partitions);
  OpenLoop load(broker.port, create_topic(broker.port, beside.partitions), beside, rate);
  load.run(beside.warmup_s);
  const CpuMeter idle(broker.pids);
  const auto before = load.run(beside.seconds);
  const double cpus_before = idle.taken() / beside.seconds;
  const double filled_mib = log_mebibytes(shape.folder, topic, shape.partitions);

  // The active segment stays as it is.
  const auto in_segment =
      static_cast<std::int64_t>(shape.segment_megabytes * std::size_t{1'000'000} / filling.record_bytes());
  const std::int64_t target = filling.records_in_partition() - in_segment;
  if (target <= 0) die("a partition has no more than a segment");
  const CpuMeter meter(broker.pids);
  const std::int64_t began = now_ns();
  set_config(broker.port, topic, "min.cleanable.dirty.ratio", "0.01");
  // What was due while this program waited for that answer is late by its own fault.
  static_cast<void>(load.run(kCaughtUpSeconds));
  static_cast<void>(load.take());
  std::int64_t now = now_ns();
  for (std::int64_t check = now; clean_up_to(shape.folder, topic, shape.partitions) < target;
       check += kCheckNs) {
    if (now > began + ns_of(kMostSeconds)) die("it is not compacted after so many seconds");
    for (; now < check; now = now_ns()) load.connections().turn(std::min(check, load.send_due(now)));
  }
  const double seconds = static_cast<double>(now_ns() - began) / kSecondNs;
  const double cpu = meter.taken() - cpus_before * seconds;
  const auto meanwhile = load.take();
  load.finish();
  const double records = static_cast<double>(target) * shape.partitions;
  JsonLine(row)
      .number("seconds", seconds)
      .number("compacted_mb_per_s", records * static_cast<double>(filling.record_bytes()) / 1e6 / seconds)
      .number("records_per_cpu_s", records / std::max(cpu, 0.01))
      .number("cpu_s", cpu)
      .number("filled_mib", filled_mib)
      .number("left_mib", log_mebibytes(shape.folder, topic, shape.partitions))
      .latency(before, "before_")
      .latency(meanwhile)
      .print();
}

}  // namespace moldau::load

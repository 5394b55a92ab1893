#include "client/facade_outbox.h"

#include <utility>

namespace moldau::sdk {

using client::Outcome;
using runtime::Task;

namespace {

constexpr std::size_t kGiveBackBytes = 65536;  // so often those who wait for room are woken

std::size_t size_of(const Record& record) {
  const auto size = [](const std::optional<std::string>& text) { return text ? text->size() : 0; };
  std::size_t bytes = 128 + record.topic.size() + size(record.key) + size(record.value);
  for (const auto& [name, value] : record.headers) bytes += name.size() + size(value);
  return bytes;
}

std::optional<ByteView> view(const std::optional<std::string>& text) {
  return text ? std::optional(as_bytes(*text)) : std::nullopt;
}

Error closed() { return {.kind = ErrorKind::closed, .cause = "the producer was closed"}; }

// The CRC-32 of zlib, as librdkafka's "consistent" partitioners take it.
std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
  }
  return ~crc;
}

client::Partitioner partitioner_of(const Config& config) {
  switch (config.partitioner) {
    case Partitioner::murmur2:
      return nullptr;
    case Partitioner::crc32:
      return [](const client::NewRecord& record, PartitionIndex count) -> std::optional<PartitionIndex> {
        if (!record.key) return std::nullopt;
        return static_cast<PartitionIndex>(crc32(as_text(*record.key)) % static_cast<std::uint32_t>(count));
      };
    case Partitioner::round_robin:
      return [next = std::map<std::string, std::uint32_t, std::less<>>()](const client::NewRecord& record,
                                                                          PartitionIndex count) mutable {
        auto at = next.find(record.topic);
        if (at == next.end()) at = next.emplace(record.topic, 0).first;
        return std::optional(static_cast<PartitionIndex>(at->second++ % static_cast<std::uint32_t>(count)));
      };
  }
  MOLDAU_UNREACHABLE("a partitioner");
}

std::function<void(const client::BatchReport&)> batch_hook_of(const Config& config) {
  if (!config.hooks.on_batch) return nullptr;
  return [hook = config.hooks.on_batch, compression = config.compression](const client::BatchReport& of) {
    BatchReport report{.topic = of.topic,
                       .partition = of.partition,
                       .base_offset = of.base_offset,
                       .records = of.records,
                       .bytes = of.bytes,
                       .uncompressed_bytes = of.uncompressed_bytes,
                       .compression = compression,
                       .tries = of.tries,
                       .gathered = of.gathered,
                       .under_way = of.under_way};
    if (of.failure != nullptr) report.error = client::to_public(*of.failure);
    hook(report);
  };
}

}  // namespace

client::ProducerOptions producer_options_of(const Config& config) {
  return {.acks = static_cast<std::int16_t>(config.acks),
          .idempotent = config.enable_idempotence,
          .compression = {.codec = static_cast<record::Codec>(config.compression)},
          .batch_size = config.batch_size,
          .linger = config.linger,
          .max_request_size = config.max_request_size,
          .buffer_memory = config.buffer_memory,
          .max_block = config.max_block,
          .delivery_timeout = config.delivery_timeout,
          .max_in_flight = config.max_in_flight,
          .auto_create_topics = config.allow_auto_create_topics,
          .partitioner = partitioner_of(config),
          .on_batch = batch_hook_of(config)};
}

void Outbox::open(client::ProducerCore& records) {
  records_ = &records;
  drained_.emplace(core_.executor());
}

void Outbox::add(std::unique_lock<std::mutex> lock, Item item) {
  bytes_ += size_of(item.record);
  items_.push_back(std::move(item));
  if (std::exchange(draining_, true)) return;
  lock.unlock();
  core_.executor().post_remote([this] { drain().detach(); });
}

void Outbox::push(Record record, Callback callback) {
  std::unique_lock lock(mutex_);
  if (!client::on_io_thread()) room_.wait(lock, [&] { return bytes_ < limit_ || shut_; });
  if (!shut_) return add(std::move(lock), {std::move(record), std::move(callback)});
  lock.unlock();
  if (callback) callback(std::unexpected(closed()));
}

Future<RecordMetadata> Outbox::push(Record record) {
  const auto state = std::make_shared<Future<RecordMetadata>::State>();
  push(std::move(record), [state](const Expected<RecordMetadata>& outcome) { state->resolve(outcome); });
  return Future<RecordMetadata>(state);
}

std::optional<Future<RecordMetadata>> Outbox::try_push(Record record) {
  const auto state = std::make_shared<Future<RecordMetadata>::State>();
  Future<RecordMetadata> future(state);
  std::unique_lock lock(mutex_);
  if (bytes_ >= limit_ && !shut_) return std::nullopt;
  if (shut_)
    state->resolve(std::unexpected(closed()));
  else
    add(std::move(lock), {std::move(record), [state](const auto& outcome) { state->resolve(outcome); }});
  return future;
}

void Outbox::shut() {
  const std::lock_guard lock(mutex_);
  shut_ = true;
  room_.notify_all();
}

bool Outbox::is_shut() {
  const std::lock_guard lock(mutex_);
  return shut_;
}

// Until it is empty.
Task<void> Outbox::drain() {
  for (;;) {
    std::deque<Item> items;
    {
      const std::lock_guard lock(mutex_);
      if (items_.empty()) {
        draining_ = false;
        break;
      }
      items.swap(items_);
    }
    std::size_t taken = 0;
    for (Item& item : items) {
      const std::size_t size = size_of(item.record);
      co_await queue(std::move(item));
      taken += size;
      if (taken > kGiveBackBytes) give_back(std::exchange(taken, 0));
    }
    give_back(taken);
  }
  drained_->notify_all();
}

void Outbox::give_back(std::size_t size) {
  const std::lock_guard lock(mutex_);
  bytes_ -= size;
  room_.notify_all();
}

Task<void> Outbox::queue(Item item) {
  std::vector<record::HeaderEntry> headers;
  for (const auto& [name, value] : item.record.headers) headers.push_back({name, view(value)});
  const client::NewRecord record{.topic = item.record.topic,
                                 .partition = item.record.partition,
                                 .key = view(item.record.key),
                                 .value = view(item.record.value),
                                 .headers = headers,
                                 .timestamp = item.record.timestamp_ms.value_or(kNoTimestamp)};
  const auto shared = std::make_shared<Callback>(std::move(item.callback));
  const auto tell = [shared](const Expected<RecordMetadata>& outcome) {
    if (*shared) (*shared)(outcome);
  };
  client::DeliveryCallback delivered = [tell](const Outcome<client::RecordMetadata>& outcome) {
    if (!outcome) return tell(std::unexpected(client::to_public(outcome.error())));
    tell(RecordMetadata{outcome->partition, outcome->offset, outcome->timestamp});
  };
  Outcome<void> queued;
  const auto tried = records_->try_send(record, delivered);
  if (!tried) {
    queued = client::fail(tried.error());
  } else if (*tried == client::ProducerCore::Queued::would_block) {
    queued = co_await records_->send(record, std::move(delivered));
  }
  if (!queued) tell(std::unexpected(client::to_public(queued.error())));
}

bool Outbox::is_drained() {
  const std::lock_guard lock(mutex_);
  return !draining_;
}

Task<void> Outbox::drained(runtime::MonotonicTime deadline) {
  while (!is_drained() && core_.executor().now() < deadline) co_await drained_->wait(deadline);
}

}  // namespace moldau::sdk

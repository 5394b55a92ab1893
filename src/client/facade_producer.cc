#include <condition_variable>
#include <deque>
#include <mutex>

#include "client/embedded.h"
#include "client/producer.h"

namespace moldau::sdk {

using client::Failure;
using client::Outcome;
using runtime::Task;

// Records wait in the outbox, under the mutex, until the I/O thread takes them: the one place where a
// program's threads and the I/O thread meet.
struct Producer::State {
  struct Item {
    Record record;
    Callback callback;
  };

  explicit State(std::shared_ptr<Client::Core> of) : core(std::move(of)) {}

  static std::size_t size_of(const Record& record) {
    std::size_t size =
        128 + record.topic.size() + record.key.value_or("").size() + record.value.value_or("").size();
    for (const auto& [name, value] : record.headers) size += name.size() + value.value_or("").size();
    return size;
  }

  void push(Record record, Callback callback) {
    const std::size_t size = size_of(record);
    std::unique_lock lock(mutex);
    room.wait(lock, [&] { return bytes < core->config.buffer_memory || closed; });
    if (closed) {
      lock.unlock();
      return callback(std::unexpected(Error{.kind = ErrorKind::closed, .cause = "the producer was closed"}));
    }
    bytes += size;
    outbox.push_back({std::move(record), std::move(callback)});
    if (std::exchange(draining, true)) return;
    lock.unlock();
    core->executor().post_remote([this] { drain().detach(); });
  }

  // On the I/O thread: until the outbox is empty.
  Task<void> drain() {
    for (;;) {
      std::deque<Item> items;
      {
        const std::lock_guard lock(mutex);
        if (outbox.empty()) {
          draining = false;
          break;
        }
        items.swap(outbox);
      }
      std::size_t taken = 0;
      for (Item& item : items) {
        const std::size_t size = size_of(item.record);
        co_await queue(std::move(item));
        taken += size;
        if (taken > 65536) give_back(std::exchange(taken, 0));
      }
      give_back(taken);
    }
    drained->notify_all();
  }

  void give_back(std::size_t size) {
    const std::lock_guard lock(mutex);
    bytes -= size;
    room.notify_all();
  }

  Task<void> queue(Item item) {
    std::vector<record::HeaderEntry> headers;
    for (const auto& [name, value] : item.record.headers) headers.push_back({name, view(value)});
    const client::NewRecord record{.topic = item.record.topic,
                                   .partition = item.record.partition,
                                   .key = view(item.record.key),
                                   .value = view(item.record.value),
                                   .headers = headers,
                                   .timestamp = item.record.timestamp_ms.value_or(kNoTimestamp)};
    const auto shared = std::make_shared<Callback>(std::move(item.callback));
    client::DeliveryCallback delivered = [shared](const Outcome<client::RecordMetadata>& outcome) {
      if (!outcome) return (*shared)(std::unexpected(client::to_public(outcome.error())));
      (*shared)(RecordMetadata{outcome->partition, outcome->offset, outcome->timestamp});
    };
    Outcome<void> queued;
    const auto tried = producer->try_send(record, delivered);
    if (!tried) {
      queued = client::fail(tried.error());
    } else if (*tried == client::ProducerCore::Queued::would_block) {
      queued = co_await producer->send(record, std::move(delivered));
    }
    if (!queued) (*shared)(std::unexpected(client::to_public(queued.error())));
  }

  static std::optional<ByteView> view(const std::optional<std::string>& text) {
    return text ? std::optional(as_bytes(*text)) : std::nullopt;
  }

  bool is_drained() {
    const std::lock_guard lock(mutex);
    return !draining;
  }
  Task<void> flush() {
    if (!producer) co_return;
    while (!is_drained()) co_await drained->wait();
    co_await producer->flush();
  }

  void close(std::chrono::milliseconds patience) {
    {
      const std::lock_guard lock(mutex);
      if (std::exchange(closed, true)) return;
      room.notify_all();
    }
    core->call([&]() -> Task<void> {
      const auto deadline = core->executor().now() + patience;
      while (!is_drained() && core->executor().now() < deadline) co_await drained->wait(deadline);
      co_await producer->close(deadline);
      while (!is_drained()) co_await drained->wait();
      producer.reset();
      drained.reset();
    });
  }

  std::shared_ptr<Client::Core> core;
  std::unique_ptr<client::ProducerCore> producer;  // this and the next on the I/O thread only
  std::optional<runtime::Signal> drained;
  std::mutex mutex;
  std::condition_variable room;
  std::deque<Item> outbox;
  std::size_t bytes = 0;
  bool draining = false;
  bool closed = false;
};

Producer::Producer(std::shared_ptr<State> state) : state_(std::move(state)) {}
Producer::Producer(Producer&&) noexcept = default;
Producer& Producer::operator=(Producer&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
Producer::~Producer() {
  if (state_) close();
}

Expected<RecordMetadata> Producer::send(Record record) { return send_async(std::move(record)).get(); }

std::future<Expected<RecordMetadata>> Producer::send_async(Record record) {
  const auto promise = std::make_shared<std::promise<Expected<RecordMetadata>>>();
  auto future = promise->get_future();
  send(std::move(record),
       [promise](const Expected<RecordMetadata>& outcome) { promise->set_value(outcome); });
  return future;
}

void Producer::send(Record record, Callback callback) {
  state_->push(std::move(record), std::move(callback));
}
void Producer::flush() {
  state_->core->call([this] { return state_->flush(); });
}
void Producer::close(std::chrono::milliseconds patience) { state_->close(patience); }

Expected<Producer> Client::producer() {
  const Config& config = core_->config;
  client::ProducerOptions options{.acks = static_cast<std::int16_t>(config.acks),
                                  .idempotent = config.enable_idempotence,
                                  .compression = {.codec = static_cast<record::Codec>(config.compression)},
                                  .batch_size = config.batch_size,
                                  .linger = config.linger,
                                  .max_request_size = config.max_request_size,
                                  .buffer_memory = config.buffer_memory,
                                  .max_block = config.max_block,
                                  .delivery_timeout = config.delivery_timeout,
                                  .max_in_flight = config.max_in_flight,
                                  .auto_create_topics = config.allow_auto_create_topics};
  const auto state = std::make_shared<Producer::State>(core_);
  const auto made = core_->call([&]() -> Task<Outcome<void>> {
    auto producer = client::ProducerCore::create(*core_->cluster, options);
    if (!producer) co_return client::fail(producer.error());
    state->producer = std::move(*producer);
    state->drained.emplace(core_->executor());
    co_return Outcome<void>();
  });
  if (!made) return std::unexpected(client::to_public(made.error()));
  return Producer(state);
}

}  // namespace moldau::sdk

// Outbox: records on their way from a program's threads to a ProducerCore on the I/O thread: the one place
// where the two meet. They wait in it, under its mutex, until the I/O thread takes them.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "client/embedded.h"
#include "client/producer.h"

namespace moldau::sdk {

class Outbox {
 public:
  using Callback = Producer::Callback;

  // What is referred to outlives it. `limit_bytes`: what may wait in it.
  Outbox(Client::Core& core, std::uint64_t limit_bytes) : core_(core), limit_(limit_bytes) {}

  // REQUIRES: on the I/O thread, before the first record. `records` outlives the last one.
  void open(client::ProducerCore& records);

  // From any thread; waits while it is full, but not on the I/O thread.
  void push(Record record, Callback callback);
  Future<RecordMetadata> push(Record record);
  // False while it is full; nothing happened then.
  std::optional<Future<RecordMetadata>> try_push(Record record);
  // Takes nothing more.
  void shut();
  bool is_shut();

  // --- on the I/O thread. Ends when nothing waits in it, or at the deadline.
  runtime::Task<void> drained(runtime::MonotonicTime deadline = runtime::kForever);
  // No call after it. REQUIRES: drained.
  void close() { drained_.reset(); }

 private:
  struct Item {
    Record record;
    Callback callback;
  };

  void add(std::unique_lock<std::mutex> lock, Item item);
  runtime::Task<void> drain();
  runtime::Task<void> queue(Item item);
  void give_back(std::size_t size);
  bool is_drained();

  Client::Core& core_;
  const std::uint64_t limit_;
  client::ProducerCore* records_ = nullptr;  // this and the next on the I/O thread only
  std::optional<runtime::Signal> drained_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::deque<Item> items_;
  std::size_t bytes_ = 0;
  bool draining_ = false;
  bool shut_ = false;
};

// The options of a producer that a program's configuration asks for.
client::ProducerOptions producer_options_of(const Config& config);

}  // namespace moldau::sdk

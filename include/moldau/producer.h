// Producer: sends records, in batches for each partition's leader. Idempotent unless told otherwise: a
// partition gets the records of one producer in their order, and once, also when leaders change or
// connections break.
//
// From any thread. A producer that is out of buffer.memory makes its callers wait: there is no "queue full"
// to deal with. Only try_send() says so instead, and on the I/O thread, in callbacks and coroutines, nothing
// waits: there whoever sends is bounded by what it awaits.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "moldau/future.h"
#include "moldau/record.h"

namespace moldau::sdk {

struct ProducerCounters {
  std::uint64_t records_queued = 0;
  std::uint64_t records_delivered = 0;
  std::uint64_t records_failed = 0;
  std::uint64_t bytes_sent = 0;  // of batches, after compression
  std::uint64_t batches_sent = 0;
  std::uint64_t requests_sent = 0;
  std::uint64_t retries = 0;  // of batches
  std::uint64_t buffered_bytes = 0;
};

class Producer {
 public:
  using Callback = std::function<void(const Expected<RecordMetadata>&)>;

  Producer(Producer&&) noexcept;
  Producer& operator=(Producer&&) noexcept;
  ~Producer();  // close(); does not wait, on any thread, once close_async() has ended

  // Ends when the record was acknowledged.
  Expected<RecordMetadata> send(Record record);
  // Ends when the record is queued; the Future when it was acknowledged or has failed for good. Cancelled, it
  // ends at once, and the record may still be delivered.
  Future<RecordMetadata> send_async(Record record);
  // The same; the callback runs on the I/O thread, once, and must not block.
  void send(Record record, Callback callback);
  // Does not wait: ErrorKind::unavailable while buffer.memory is used up.
  Expected<Future<RecordMetadata>> try_send(Record record);

  // Ends when everything sent before was acknowledged or has failed. Without linger.
  void flush();
  Future<void> flush_async();
  // Flushes for so long, then fails the rest with ErrorKind::closed. Any number of times, from several
  // threads: each ends when it is closed. Nothing is taken any more from the first of them on.
  void close(std::chrono::milliseconds patience = std::chrono::minutes(2));
  Future<void> close_async(std::chrono::milliseconds patience = std::chrono::minutes(2));
  ProducerCounters counters();

  struct State;  // inside
  explicit Producer(std::shared_ptr<State> state);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace moldau::sdk

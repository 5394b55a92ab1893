// TransactionalProducer and Transaction: records in any partitions, and offsets of consumers, that are seen
// all at once or not at all.
//
//   auto producer = client.transactional_producer("orders-1");
//   auto transaction = producer->begin();
//   transaction->send({.topic = "paid", .value = ...}, {});
//   transaction->send_offsets(consumer);     // what was polled is done, if and only if it commits
//   auto committed = transaction->commit();  // else its end aborts it
//
// Exactly-once from topic to topic: poll, begin, send, send_offsets, commit; when any of it fails, abort and
// Consumer::seek_to_committed(). The consumer has enable.auto.commit=false. Consumers of the result use
// isolation.level=read_committed.
//
// A transactional id belongs to one producer at a time: a newer one fences the older, whose calls then fail
// with ErrorKind::fenced, for good.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "moldau/consumer.h"
#include "moldau/future.h"
#include "moldau/producer.h"
#include "moldau/record.h"

namespace moldau::sdk {

class Transaction;

// One transaction at a time. From any thread.
class TransactionalProducer {
 public:
  TransactionalProducer(TransactionalProducer&&) noexcept;
  TransactionalProducer& operator=(TransactionalProducer&&) noexcept;
  ~TransactionalProducer();  // close(); does not wait, on any thread, once close_async() has ended

  // ErrorKind::invalid_argument: the transaction before has not ended.
  Expected<Transaction> begin();
  // Aborts what is open. No call after it but these two.
  void close(std::chrono::milliseconds patience = std::chrono::seconds(30));
  Future<void> close_async(std::chrono::milliseconds patience = std::chrono::seconds(30));

  struct State;  // inside
  explicit TransactionalProducer(std::shared_ptr<State> state);

 private:
  std::shared_ptr<State> state_;
};

// Aborted by its destructor when it was not committed. It does not outlive its producer's close().
class Transaction {
 public:
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // As Producer's. A record that fails fails the transaction: commit() says so.
  void send(Record record, Producer::Callback callback);
  Future<RecordMetadata> send_async(Record record);

  // What the consumer has polled, for its group, or these offsets. Refused when the group has given the
  // partitions to others since.
  Expected<void> send_offsets(Consumer& consumer);
  Expected<void> send_offsets(GroupMetadata group, Offsets offsets);
  Future<void> send_offsets_async(GroupMetadata group, Offsets offsets);

  // Ends when all is decided: everything was acknowledged and is seen by read_committed in a moment. After a
  // failure the transaction is to be aborted; a retriable one left it open whether it was committed: commit()
  // again tells.
  Expected<void> commit();
  Future<void> commit_async();
  // Nothing of it will be seen by read_committed.
  Expected<void> abort();
  Future<void> abort_async();

 private:
  friend class TransactionalProducer;
  Transaction(std::shared_ptr<TransactionalProducer::State> state, std::uint64_t number);
  std::shared_ptr<TransactionalProducer::State> state_;
  std::uint64_t number_ = 0;
  bool ended_ = false;
};

}  // namespace moldau::sdk

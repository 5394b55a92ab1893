// A coordinator with a log that takes everything at once: each event's records are appended and replayed, in
// the form in which they are stored, as by whoever drives Transactions.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "transaction/transactions.h"

namespace moldau::transaction {

using wire::ErrorCode;

inline const TopicPartition kA{"a", 0};
inline const TopicPartition kB{"b", 1};
inline constexpr std::int32_t kTimeoutMs = 60'000;

class Coordinator {
 public:
  explicit Coordinator(TransactionVersion version = 2) : version_(version) {}

  const Transactions& state() const { return *state_; }

  void apply(const Records& records) {
    for (const Record& record : records) {
      const EncodedRecord encoded = encode(record, version_);
      const Offset at = static_cast<Offset>(log_.size());
      log_.push_back(encoded);
      state_->replay(record, at);
    }
  }
  // Another coordinator reads the log.
  void fail_over() {
    state_ = std::make_unique<Transactions>(settings);
    for (std::size_t at = 0; at < log_.size(); ++at) {
      const auto record = decode(log_[at].key, log_[at].value);
      ASSERT_TRUE(record && *record);
      state_->replay(**record, static_cast<Offset>(at));
    }
  }

  // --- requests
  std::optional<ProducerId> fresh(const std::string& id) {
    if (!state_->needs_producer_id(id)) return std::nullopt;
    return next_producer_id_++;
  }
  wire::InitProducerIdResponse init(const std::string& id = "t", std::optional<Producer> named = {},
                                    std::int32_t timeout_ms = kTimeoutMs) {
    wire::InitProducerIdRequest request;
    request.transactional_id = id;
    request.transaction_timeout_ms = timeout_ms;
    if (named) {
      request.producer_id = named->id;
      request.producer_epoch = named->epoch;
    }
    return take(state_->init_producer_id(request, fresh(id), now_ms));
  }
  // As a client does: until what was under way is aborted.
  Producer producer(const std::string& id = "t") {
    auto answer = init(id);
    if (answer.error_code == ErrorCode::concurrent_transactions) {
      finish(id);
      answer = init(id);
    }
    EXPECT_EQ(answer.error_code, ErrorCode::none);
    return {answer.producer_id, answer.producer_epoch};
  }
  ErrorCode add(Producer producer, std::set<TopicPartition> partitions = {kA}, TransactionVersion client = 2,
                const std::string& id = "t") {
    return take(state_->add_partitions(id, producer, partitions, client, now_ms));
  }
  ErrorCode verify(Producer producer, const TopicPartition& partition = kA, const std::string& id = "t") {
    return state_->verify(id, producer, {partition}).response.at(partition);
  }
  wire::EndTxnResponse end(Producer producer, bool committed, TransactionVersion client = 2,
                           const std::string& id = "t") {
    const wire::EndTxnRequest request{id, producer.id, producer.epoch, committed};
    return take(state_->end(request, client, fresh(id), now_ms));
  }
  // The producer goes on with what the answer says.
  ErrorCode end_and_follow(Producer& producer, bool committed, const std::string& id = "t") {
    const auto answer = end(producer, committed, 2, id);
    if (answer.error_code == ErrorCode::none) producer = {answer.producer_id, answer.producer_epoch};
    return answer.error_code;
  }
  // All partitions have their markers.
  std::optional<Ending> finish(const std::string& id = "t") {
    const auto ending = state_->ending_of(id);
    if (ending) apply(state_->complete(*ending, now_ms));
    return ending;
  }
  void abort_timed_out() {
    for (const std::string& id : state_->timed_out(now_ms))
      apply(state_->abort_timed_out(id, fresh(id), now_ms));
  }

  wire::DescribeTransactionsResponse::TransactionState describe(const std::string& id = "t") const {
    return state_->describe(id).response;
  }
  std::string state_of(const std::string& id = "t") const { return describe(id).transaction_state; }

  template <class Response>
  Response take(Outcome<Response> outcome) {
    last_after = outcome.after;
    last_records = outcome.records;
    apply(outcome.records);
    return std::move(outcome.response);
  }

  Settings settings;
  TimestampMs now_ms = 1'000'000;
  Offset last_after = 0;
  Records last_records;
  std::size_t log_size() const { return log_.size(); }
  const EncodedRecord& logged(std::size_t at) const { return log_.at(at); }

 private:
  const TransactionVersion version_;
  std::unique_ptr<Transactions> state_ = std::make_unique<Transactions>(settings);
  std::vector<EncodedRecord> log_;
  ProducerId next_producer_id_ = 1'000;
};

inline bool operator==(Producer a, Producer b) { return a.id == b.id && a.epoch == b.epoch; }

}  // namespace moldau::transaction

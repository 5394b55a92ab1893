// Transactions of version 1 against a scripted coordinator: what is asked in which order, what is asked
// again, and what fails a transaction, or the producer for good. Version 2 is tested on a node
// (tests/unit/node).
#include "client/transactional_producer.h"

#include "fixture.h"
#include "wire/messages/add_offsets_to_txn.h"
#include "wire/messages/add_partitions_to_txn.h"
#include "wire/messages/end_txn.h"
#include "wire/messages/find_coordinator.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/txn_offset_commit.h"

namespace moldau::client {
namespace {

using Kind = FakeBroker::Script::Kind;
using wire::ApiKey;
using wire::ErrorCode;
using Codes = std::deque<ErrorCode>;

class TransactionalProducerTest : public ClientTest {
 protected:
  TransactionalProducerTest() {
    options_.api_timeout = 3s;
    options_.connection.request_timeout = 1s;
    cluster_.add_topic("t", 2);
    broker().serves<wire::FindCoordinatorRequest, wire::FindCoordinatorResponse>([](const auto& request) {
      wire::FindCoordinatorResponse response;
      for (const std::string& key : request.coordinator_keys)
        response.coordinators.push_back({key, 0, "127.0.0.1", 9092, ErrorCode::none, {}});
      return response;
    });
    broker().serves<wire::InitProducerIdRequest, wire::InitProducerIdResponse>([this](const auto& request) {
      inits_.push_back(request);
      wire::InitProducerIdResponse response;
      response.error_code = next(init_codes_);
      response.producer_id = 7;
      response.producer_epoch = epoch_++;
      return response;
    });
    broker().serves<wire::AddPartitionsToTxnRequest, wire::AddPartitionsToTxnResponse>(
        [this](const auto& request) {
          const ErrorCode code = next(add_codes_);
          wire::AddPartitionsToTxnResponse response;
          for (const auto& topic : request.v3_and_below_topics) {
            auto& out = response.results_by_topic_v3_and_below.emplace_back();
            out.name = topic.name;
            for (const PartitionIndex index : topic.partitions)
              out.results_by_partition.push_back({index, code});
          }
          return response;
        });
    broker().serves<wire::AddOffsetsToTxnRequest, wire::AddOffsetsToTxnResponse>(
        [](const auto&) { return wire::AddOffsetsToTxnResponse(); });
    broker().serves<wire::TxnOffsetCommitRequest, wire::TxnOffsetCommitResponse>([this](const auto& request) {
      const ErrorCode code = next(offset_codes_);
      wire::TxnOffsetCommitResponse response;
      for (const auto& topic : request.topics) {
        auto& out = response.topics.emplace_back();
        out.name = topic.name;
        for (const auto& one : topic.partitions) out.partitions.push_back({one.partition_index, code});
      }
      return response;
    });
    broker().serves<wire::EndTxnRequest, wire::EndTxnResponse>([this](const auto& request) {
      wire::EndTxnResponse response;
      response.error_code = next(end_codes_);
      if (response.error_code == ErrorCode::none) ends_.push_back(request.committed);
      return response;
    });
  }
  ~TransactionalProducerTest() override {
    if (producer_) world_.run(producer_->close(in(10s)));
    producer_.reset();
  }

  static ErrorCode next(Codes& codes) {
    if (codes.empty()) return ErrorCode::none;
    const ErrorCode code = codes.front();
    codes.pop_front();
    return code;
  }
  TransactionalProducer& producer() {
    if (!producer_) {
      auto opened = world_.run(TransactionalProducer::open(client(), {.linger = 0s}, {.id = "x"}));
      EXPECT_TRUE(opened.has_value()) << opened.error().to_string();
      producer_ = std::move(*opened);
    }
    return *producer_;
  }
  Outcome<RecordMetadata> send(std::string_view value, PartitionIndex partition = 0) {
    return world_.run(producer().records().deliver(record("t", value, partition)));
  }
  Outcome<void> commit() { return world_.run(producer().commit()); }
  Outcome<void> abort() { return world_.run(producer().abort()); }
  std::vector<ApiKey> asked() const {
    std::vector<ApiKey> keys;
    for (const auto& header : brokers_.front()->seen)
      if (header.api_key != ApiKey::api_versions && header.api_key != ApiKey::metadata &&
          header.api_key != ApiKey::find_coordinator)
        keys.push_back(header.api_key);
    return keys;
  }
  // The broker does not answer this kind of request any more.
  void silence(ApiKey key) {
    broker().hook = [key](const wire::RequestFrame& frame) -> std::optional<FakeBroker::Script> {
      if (frame.header.api_key != key) return std::nullopt;
      return FakeBroker::Script{Kind::never_answer, {}};
    };
  }

  Codes init_codes_, add_codes_, offset_codes_, end_codes_;
  ProducerEpoch epoch_ = 0;
  std::vector<wire::InitProducerIdRequest> inits_;
  std::vector<bool> ends_;
  std::unique_ptr<TransactionalProducer> producer_;
};

TEST_F(TransactionalProducerTest, PartitionsAreAddedBeforeTheirRecordsAndOnce) {
  ASSERT_TRUE(producer().begin());
  ASSERT_TRUE(send("a"));
  ASSERT_TRUE(send("b"));
  ASSERT_TRUE(commit());
  EXPECT_EQ(asked(), (std::vector{ApiKey::init_producer_id, ApiKey::add_partitions_to_txn, ApiKey::produce,
                                  ApiKey::produce, ApiKey::end_txn}));
  for (const auto& header : broker().seen) {
    if (header.api_key == ApiKey::produce) EXPECT_LT(header.api_version, 12);
    if (header.api_key == ApiKey::add_partitions_to_txn) EXPECT_LE(header.api_version, 3);
    if (header.api_key == ApiKey::end_txn) EXPECT_LT(header.api_version, 5);
  }
  ASSERT_TRUE(producer().begin());
  ASSERT_TRUE(send("c")) << "the sequence goes on under the same epoch";
  ASSERT_TRUE(commit());
  EXPECT_EQ(broker().count(ApiKey::add_partitions_to_txn), 2u) << "to the new transaction";
  EXPECT_EQ(values_in("t"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(ends_, (std::vector{true, true}));
}

TEST_F(TransactionalProducerTest, AnEmptyTransactionIsNobodysBusiness) {
  ASSERT_TRUE(producer().begin());
  ASSERT_TRUE(commit());
  ASSERT_TRUE(producer().begin());
  ASSERT_TRUE(abort());
  EXPECT_EQ(broker().count(ApiKey::end_txn), 0u);
}

TEST_F(TransactionalProducerTest, WhatPassesIsAskedAgain) {
  init_codes_ = {ErrorCode::coordinator_load_in_progress, ErrorCode::concurrent_transactions};
  add_codes_ = {ErrorCode::concurrent_transactions, ErrorCode::concurrent_transactions,
                ErrorCode::not_coordinator};
  offset_codes_ = {ErrorCode::coordinator_load_in_progress, ErrorCode::unknown_topic_or_partition};
  end_codes_ = {ErrorCode::coordinator_not_available, ErrorCode::concurrent_transactions};
  ASSERT_TRUE(producer().begin());
  ASSERT_TRUE(send("a"));
  ASSERT_TRUE(world_.run(producer().send_offsets({.group_id = "g"}, {{{"t", 0}, {.offset = 1}}})));
  ASSERT_TRUE(commit());
  EXPECT_EQ(ends_, std::vector{true});
}

TEST_F(TransactionalProducerTest, ACommitWithoutAnAnswerMayBeRepeated) {
  ASSERT_TRUE(producer().begin());
  ASSERT_TRUE(send("a"));
  silence(ApiKey::end_txn);
  const auto unknown = commit();
  ASSERT_FALSE(unknown);
  EXPECT_TRUE(unknown.error().retriable) << unknown.error().to_string();
  EXPECT_FALSE(producer().begin()) << "it is still open";
  broker().hook = nullptr;
  EXPECT_TRUE(commit());
  EXPECT_EQ(ends_, std::vector{true});
}

TEST_F(TransactionalProducerTest, ACommitWithoutAnAnswerMayBeAbortedAndTakesAnotherEpoch) {
  ASSERT_TRUE(producer().begin());
  ASSERT_TRUE(send("a"));
  silence(ApiKey::end_txn);
  ASSERT_FALSE(commit());
  broker().hook = nullptr;
  ASSERT_TRUE(abort());
  EXPECT_EQ(ends_, std::vector{false});
  ASSERT_EQ(inits_.size(), 2u) << "the lost request must not end the next transaction";
  EXPECT_EQ(inits_[1].producer_id, 7);
  EXPECT_EQ(inits_[1].producer_epoch, 0);
  ASSERT_TRUE(producer().begin());
  ASSERT_TRUE(send("b"));
  EXPECT_TRUE(commit());
}

TEST_F(TransactionalProducerTest, ACommitWithoutAnAnswerThatWasDecidedStays) {
  ASSERT_TRUE(producer().begin());
  ASSERT_TRUE(send("a"));
  silence(ApiKey::end_txn);
  ASSERT_FALSE(commit());
  broker().hook = nullptr;
  end_codes_ = {ErrorCode::invalid_txn_state};
  EXPECT_TRUE(abort());
  EXPECT_EQ(ends_, std::vector{true});
  EXPECT_TRUE(producer().begin());
  EXPECT_TRUE(abort());
}

TEST_F(TransactionalProducerTest, ARecordThatIsRefusedFailsTheTransactionAndTakesAnotherEpoch) {
  ASSERT_TRUE(producer().begin());
  ASSERT_TRUE(send("a"));
  broker().produce_error = [](const auto&, const auto&) { return ErrorCode::message_too_large; };
  EXPECT_FALSE(send("b"));
  broker().produce_error = nullptr;
  const auto later = send("c");
  ASSERT_FALSE(later) << "nothing comes after it";
  const auto committed = commit();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().broker, ErrorCode::message_too_large);
  EXPECT_FALSE(committed.error().retriable);
  EXPECT_NE(committed.error().hint.find("Abort"), std::string::npos);
  ASSERT_TRUE(abort());
  EXPECT_EQ(ends_, std::vector{false});
  EXPECT_EQ(inits_.size(), 2u);
  ASSERT_TRUE(producer().begin());
  ASSERT_TRUE(send("d")) << "sequences begin anew";
  ASSERT_TRUE(commit());
  EXPECT_EQ(values_in("t"), (std::vector<std::string>{"a", "d"}));
}

TEST_F(TransactionalProducerTest, WhoIsFencedIsSoForGood) {
  end_codes_ = {ErrorCode::invalid_producer_epoch};
  ASSERT_TRUE(producer().begin());
  ASSERT_TRUE(send("a"));
  const auto committed = commit();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().broker, ErrorCode::producer_fenced);
  EXPECT_FALSE(committed.error().address.empty());
  EXPECT_NE(committed.error().hint.find("x"), std::string::npos) << "it names the transactional id";
  EXPECT_FALSE(send("b"));
  EXPECT_FALSE(abort());
  EXPECT_FALSE(producer().begin());
}

TEST_F(TransactionalProducerTest, WhoIsForgottenAsksForAnotherEpoch) {
  end_codes_ = {ErrorCode::invalid_producer_id_mapping};
  ASSERT_TRUE(producer().begin());
  ASSERT_TRUE(send("a"));
  EXPECT_FALSE(commit());
  ASSERT_TRUE(abort());
  EXPECT_EQ(inits_.size(), 2u);
  ASSERT_TRUE(producer().begin());
  ASSERT_TRUE(send("b"));
  EXPECT_TRUE(commit());
}

TEST_F(TransactionalProducerTest, APartitionThatMayNotBeWrittenFailsTheTransaction) {
  add_codes_ = {ErrorCode::topic_authorization_failed};
  ASSERT_TRUE(producer().begin());
  EXPECT_FALSE(send("a"));
  EXPECT_FALSE(commit());
  ASSERT_TRUE(abort());
  EXPECT_TRUE(values_in("t").empty());
}

TEST_F(TransactionalProducerTest, AnIdThatMayNotBeUsedIsTold) {
  init_codes_ = {ErrorCode::transactional_id_authorization_failed};
  const auto opened = world_.run(TransactionalProducer::open(client(), {}, {.id = "x"}));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::permission);
  const auto timeout = world_.run(TransactionalProducer::open(client(), {}, {.id = "x", .timeout = 0s}));
  EXPECT_FALSE(timeout);
}

}  // namespace
}  // namespace moldau::client

// TransactionalProducer: writes records to partitions and offsets to groups so that all of them are seen, or
// none (KIP-98, KIP-447, KIP-360), with both versions of transactions: of version 2 (KIP-890) where the
// cluster has finalized it, of version 1 elsewhere. One transaction at a time. Lives on the shard of its
// ClusterClient; close() before destruction.
//
//   begin(), then records().send(...) and send_offsets(...), then commit() or abort(). What fails on the way
//   fails the transaction, which can then only be aborted. A failure that has ended the producer, since
//   another one has its transactional id, is final.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/coordinator_link.h"
#include "client/group_consumer.h"
#include "client/producer.h"

namespace moldau::client {

struct TransactionalOptions {
  std::string id;                              // transactional.id
  Duration timeout = std::chrono::minutes(1);  // transaction.timeout.ms: aborted by the broker then
};

class TransactionalProducer : private ProducerTransaction {
 public:
  using Offsets = GroupConsumer::Offsets;

  // Fences whoever had this id before and has what it left open aborted. Asked again within api_timeout.
  static Task<Outcome<std::unique_ptr<TransactionalProducer>>> open(ClusterClient& cluster,
                                                                    ProducerOptions producer,
                                                                    TransactionalOptions options);
  ~TransactionalProducer() override;

  // Errc::invalid_argument: one is open already.
  Outcome<void> begin();
  // What was consumed is done when the transaction is committed, and only then.
  Task<Outcome<void>> send_offsets(GroupIdentity group, Offsets offsets);
  // Sends everything and has it seen. Retriable failure: it is not known whether it was committed; commit()
  // again says so, or abort(), which leaves it as it is if it was.
  Task<Outcome<void>> commit();
  // Fails what is queued, and what comes, until abort() has ended.
  void give_up();
  // Nothing of it will be seen. Without an open transaction nothing happens.
  Task<Outcome<void>> abort();
  // Aborts what is open, within `deadline`.
  Task<void> close(MonotonicTime deadline = runtime::kForever);

  // For records, while a transaction is open.
  ProducerCore& records() { return *producer_; }
  bool is_open() const { return state_ == State::open || state_ == State::ending; }
  std::uint64_t begun() const { return begun_; }  // transactions, this one among them
  ProducerId producer_id() const { return producer_id_; }
  ProducerEpoch producer_epoch() const { return producer_epoch_; }

 private:
  enum class State : std::uint8_t { ready, open, ending, ended };

  TransactionalProducer(ClusterClient& cluster, TransactionalOptions options);

  // ProducerTransaction.
  const std::string& id() const override { return options_.id; }
  Outcome<void> accepts() const override;
  const std::optional<Failure>& failure() const override { return failure_; }
  bool includes(const std::string& topic, PartitionIndex partition) override;
  bool adds_by_producing() const override { return version_2_; }
  void note_failure(const Failure& failure) override;

  Task<Outcome<void>> init();
  Task<Outcome<void>> learn_version();
  Task<void> add_partitions();
  Task<Outcome<void>> add_group(const GroupIdentity& group);
  Task<Outcome<void>> commit_offsets(const GroupIdentity& group, const Offsets& offsets);
  CoordinatorLink& link_to(const std::string& group);
  Task<void> drain();
  Task<Outcome<void>> end(bool committed);
  Task<Outcome<void>> abort_at_coordinator();
  void finish();
  Outcome<void> judge(wire::ErrorCode code);
  Failure fenced(wire::ErrorCode code) const;

  ClusterClient& cluster_;
  const TransactionalOptions options_;
  std::unique_ptr<ProducerCore> producer_;
  CoordinatorLink coordinator_;
  std::map<std::string, std::unique_ptr<CoordinatorLink>> group_coordinators_;

  ProducerId producer_id_ = kNoProducerId;
  ProducerEpoch producer_epoch_ = kNoProducerEpoch;
  bool version_2_ = false;
  State state_ = State::ready;
  std::optional<Failure> failure_;  // of the transaction, or for good
  bool fatal_ = false;
  std::uint64_t begun_ = 0;
  bool started_ = false;  // the coordinator may have heard of it
  bool commit_unknown_ = false;
  bool needs_init_ = false;  // another epoch, before the next transaction
  using Partitions = std::map<std::string, std::set<PartitionIndex>, std::less<>>;
  Partitions added_, asked_,
      to_add_;  // those that belong to it, that the coordinator is asked for, that wait
  bool adding_now_ = false;
  unsigned sending_offsets_ = 0;
  runtime::Signal settled_;  // offsets were sent, or partitions added
  runtime::Gate gate_;
};

}  // namespace moldau::client

// What producers may ask a coordinator of transactions in any order, with what they say made up, while it
// moves, its records are refused, and time passes.
#include "transaction/transactions.h"

#include <array>
#include <map>
#include <memory>

#include "fuzz/input.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

using transaction::EncodedRecord;
using transaction::Producer;
using transaction::Record;
using transaction::Records;
using transaction::State;
using transaction::Transaction;
using transaction::Transactions;
using wire::ErrorCode;

constexpr std::size_t kMaxSize = 300;

class Coordinator {
 public:
  explicit Coordinator(Input& in) : in_(in) { fail_over(); }

  void step() {
    switch (in_.below(12)) {
      case 0:
      case 1:
        return init();
      case 2:
      case 3:
        return add();
      case 4:
        return verify();
      case 5:
      case 6:
        return end();
      case 7:
        return complete();
      case 8:
        return pass_time();
      case 9:
        refuses_ = !refuses_;
        return;
      case 10:
        return check_fail_over();
      case 11:
        return run(state_->expire_ids(now_));
    }
  }

  void check_fail_over() {
    const std::uint64_t before = state_->state_hash();
    fail_over();
    MOLDAU_ASSERT(state_->state_hash() == before, "a new coordinator knows something else");
    for (const char* id : {"a", "b", ""}) static_cast<void>(state_->describe(id));
    static_cast<void>(state_->list({}, now_));
  }

 private:
  std::string id() { return std::array{"a", "b", ""}[in_.below(5) % 3]; }
  // One that there was, or is not.
  Producer producer() {
    const auto& [given, epoch] =
        *std::next(given_.begin(), static_cast<std::ptrdiff_t>(in_.below(given_.size())));
    return {given, static_cast<ProducerEpoch>(in_.flag() ? epoch : in_.between(-1, 5))};
  }
  std::set<TopicPartition> partitions() {
    std::set<TopicPartition> some;
    for (std::size_t i = in_.below(3); i > 0; --i) some.insert({"t", in_.between(0, 2)});
    return some;
  }
  transaction::TransactionVersion client() { return in_.flag() ? 2 : 0; }
  std::optional<ProducerId> fresh(const std::string& id) {
    return state_->needs_producer_id(id) ? std::optional(next_id_++) : std::nullopt;
  }

  void init() {
    wire::InitProducerIdRequest request;
    request.transactional_id = id();
    request.transaction_timeout_ms = in_.between(-1, 100) * 10'000;
    if (in_.flag()) {
      const Producer named = producer();
      request.producer_id = named.id;
      request.producer_epoch = named.epoch;
    }
    const auto outcome = state_->init_producer_id(request, fresh(*request.transactional_id), now_);
    MOLDAU_ASSERT(outcome.response.error_code == ErrorCode::none ||
                      outcome.response.error_code == ErrorCode::concurrent_transactions ||
                      outcome.records.empty(),
                  "who is refused changes nothing");
    run(outcome.records);
    if (outcome.response.error_code != ErrorCode::none) return;
    MOLDAU_ASSERT(outcome.response.producer_epoch >= 0);
    give(outcome.response.producer_id, outcome.response.producer_epoch);
  }
  void add() {
    const std::string name = id();
    const auto outcome = state_->add_partitions(name, producer(), partitions(), client(), now_);
    MOLDAU_ASSERT(outcome.response == ErrorCode::none || outcome.records.empty());
    run(outcome.records);
  }
  void verify() {
    const std::string name = id();
    const auto& [verdicts, records, after] = state_->verify(name, producer(), partitions());
    MOLDAU_ASSERT(records.empty());
    const auto known = states_.find(name);
    for (const auto& [partition, code] : verdicts) {
      const bool open = known != states_.end() && known->second.state == State::ongoing &&
                        known->second.partitions.contains(partition);
      MOLDAU_ASSERT(open || code != ErrorCode::none, "verified where nothing is open");
    }
  }
  void end() {
    const Producer who = producer();
    const wire::EndTxnRequest request{id(), who.id, who.epoch, in_.flag()};
    const auto outcome = state_->end(request, client(), fresh(request.transactional_id), now_);
    MOLDAU_ASSERT(outcome.response.error_code == ErrorCode::none || outcome.records.empty());
    run(outcome.records);
    if (outcome.response.error_code == ErrorCode::none && !refuses_)
      give(outcome.response.producer_id, outcome.response.producer_epoch);
  }
  void complete() {
    for (const std::string& name : state_->prepared()) {
      const auto ending = state_->ending_of(name);
      MOLDAU_ASSERT(ending.has_value());
      if (in_.flag()) run(state_->complete(*ending, now_));
    }
  }
  void pass_time() {
    now_ += 1'000 * (in_.between(0, 255) - 32);
    for (const std::string& name : state_->timed_out(now_))
      run(state_->abort_timed_out(name, fresh(name), now_));
  }

  void give(ProducerId producer, ProducerEpoch epoch) {
    auto& highest = given_[producer];
    highest = std::max(highest, epoch);
    if (given_.size() > 8) given_.erase(given_.begin());
  }

  // What Kafka's coordinator allows to come after what.
  static void check_step(const std::optional<Transaction>& before, const Record& record) {
    if (!record.value) {
      MOLDAU_ASSERT(before && transaction::is_idle(before->state), "dropped while it is in use");
      return;
    }
    const Transaction& after = *record.value;
    const State from = before ? before->state : State::empty;
    switch (after.state) {
      case State::empty:
        MOLDAU_ASSERT(transaction::is_idle(from) && after.partitions.empty());
        break;
      case State::ongoing:
        MOLDAU_ASSERT(before && (transaction::is_idle(from) || from == State::ongoing));
        break;
      case State::prepare_commit:
        MOLDAU_ASSERT(before && from == State::ongoing, "committed without having begun");
        MOLDAU_ASSERT(after.partitions == before->partitions);
        break;
      case State::prepare_abort:
        MOLDAU_ASSERT(before && !transaction::is_prepared(from), "a decision flips");
        MOLDAU_ASSERT(from != State::ongoing || after.partitions == before->partitions);
        break;
      case State::complete_commit:
        MOLDAU_ASSERT(from == State::prepare_commit, "a decision flips");
        break;
      case State::complete_abort:
        MOLDAU_ASSERT(from == State::prepare_abort, "a decision flips");
        break;
      case State::dead:
      case State::prepare_epoch_fence:
        MOLDAU_UNREACHABLE("a state that is in no record");
    }
    if (before && before->producer_id == after.producer_id)
      MOLDAU_ASSERT(after.epoch >= before->epoch, "an epoch falls");
  }
  void run(const Records& records) {
    if (refuses_) return;
    for (const Record& record : records) {
      const auto known = states_.find(record.transactional_id);
      check_step(known == states_.end() ? std::nullopt : std::optional(known->second), record);
      if (record.value)
        states_.insert_or_assign(record.transactional_id, *record.value);
      else
        states_.erase(record.transactional_id);
      log_.push_back(transaction::encode(record, 2));
      state_->replay(record, static_cast<Offset>(log_.size()) - 1);
    }
  }
  void fail_over() {
    state_ = std::make_unique<Transactions>(transaction::Settings());
    Offset offset = 0;
    for (const EncodedRecord& encoded : log_) {
      const auto record = transaction::decode(encoded.key, encoded.value);
      MOLDAU_ASSERT(record.has_value() && record->has_value(), "our own record");
      state_->replay(**record, offset++);
    }
  }

  Input& in_;
  TimestampMs now_ = 1'700'000'000'000;
  std::unique_ptr<Transactions> state_;
  std::vector<EncodedRecord> log_;
  std::map<std::string, Transaction> states_;            // as the records say
  std::map<ProducerId, ProducerEpoch> given_{{900, 0}};  // the last few; 900 is nobody's
  ProducerId next_id_ = 1'000;
  bool refuses_ = false;
};

void run(ByteView bytes) {
  Input in(bytes);
  Coordinator coordinator(in);
  while (!in.empty()) coordinator.step();
  coordinator.check_fail_over();
}

void seeds(Seeds& seeds) {
  // A producer begins, adds, commits, is complete; and begins anew, to be aborted by time.
  seeds.add(
      std::string_view("\0\0\7\0\2\0\1\1\2\0\1\1\5\1\1\0\1\1\7\1\12\2\0\1\1\1\1\1\10\377\7\1\0\0\7\0", 36));
  seeds.add(std::string_view("\0\0\7\0\2\0\1\1\2\0\1\0\4\0\1\1\1\0\5\1\1\0\0\0\7\1\11\0\0\7\0\11\13", 33));
  for (char c = 0; c < 12; ++c) seeds.add(std::string(20, c));
}

MOLDAU_FUZZ_TARGET(transactions, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz

// What producers ask for.
#include <algorithm>
#include <variant>

#include "base/assert.h"
#include "transaction/transactions.h"
#include "transaction/transitions.h"

namespace moldau::transaction {

using wire::ErrorCode;

namespace {

bool names_producer(const wire::InitProducerIdRequest& request) {
  return request.producer_id != kNoProducerId && request.producer_epoch != kNoProducerEpoch;
}

// A producer that wants its own epoch raised is who it says, or it was, and has not heard of the change.
bool is_known_producer(const Transaction& transaction, const wire::InitProducerIdRequest& request) {
  return !names_producer(request) || transaction.epoch == kNoProducerEpoch ||
         request.producer_id == transaction.producer_id ||
         (request.producer_id == transaction.previous_producer_id && is_exhausted(request.producer_epoch));
}

wire::InitProducerIdResponse refused(ErrorCode code) {
  wire::InitProducerIdResponse response;
  response.error_code = code;
  response.producer_id = kNoProducerId;
  response.producer_epoch = kNoProducerEpoch;
  return response;
}

// The error of who is not, or no longer, the producer of an id.
ErrorCode check_producer(const Transaction& transaction, Producer producer) {
  if (transaction.producer_id != producer.id) return ErrorCode::invalid_producer_id_mapping;
  if (transaction.epoch != producer.epoch) return ErrorCode::producer_fenced;
  if (is_prepared(transaction.state)) return ErrorCode::concurrent_transactions;
  return ErrorCode::none;
}

// An EndTxn of version 2 that came before: the epoch that it names has been raised by it.
struct Retry {
  bool after_bump = false;
  bool after_rotation = false;
  explicit operator bool() const { return after_bump || after_rotation; }
};
Retry retry_of(const Transaction& transaction, Producer producer) {
  return {.after_bump = transaction.epoch == producer.epoch + 1,
          .after_rotation = transaction.previous_producer_id == producer.id &&
                            producer.epoch == kLastUsableEpoch && transaction.epoch == 0};
}

bool is_current(const Transaction& transaction, Producer producer, Retry retry) {
  const bool same = transaction.epoch == producer.epoch;
  if (is_prepared(transaction.state)) return retry.after_bump;
  if (transaction.state == State::complete_commit || transaction.state == State::complete_abort)
    return static_cast<bool>(retry) || same;
  return same;
}

// What an EndTxn does: an error, or nothing to do (none), or the state that it leads to.
using Verdict = std::variant<ErrorCode, State>;

Verdict judge_end(const Transaction& transaction, bool commits) {
  switch (transaction.state) {
    case State::ongoing:
      return commits ? State::prepare_commit : State::prepare_abort;
    case State::prepare_commit:
      return commits ? ErrorCode::concurrent_transactions : ErrorCode::invalid_txn_state;
    case State::prepare_abort:
      return commits ? ErrorCode::invalid_txn_state : ErrorCode::concurrent_transactions;
    case State::complete_commit:
      return commits ? ErrorCode::none : ErrorCode::invalid_txn_state;
    case State::complete_abort:
      return commits ? ErrorCode::invalid_txn_state : ErrorCode::none;
    case State::empty:
      return ErrorCode::invalid_txn_state;
    case State::dead:
    case State::prepare_epoch_fence:
      break;
  }
  MOLDAU_UNREACHABLE("a state that is in no record");
}

Verdict judge_first(const Transaction& transaction, const wire::EndTxnRequest& request) {
  if (transaction.producer_id != request.producer_id) return ErrorCode::invalid_producer_id_mapping;
  if (transaction.epoch != request.producer_epoch) return ErrorCode::producer_fenced;
  return judge_end(transaction, request.committed);
}

// KIP-890: whoever names the current epoch ends a transaction of its own, also one that it has added nothing
// to, by abort; whoever names the one before asks again.
Verdict judge_second(const Transaction& transaction, const wire::EndTxnRequest& request) {
  const Producer producer{request.producer_id, request.producer_epoch};
  const Retry retry = retry_of(transaction, producer);
  if (transaction.producer_id != producer.id && !retry.after_rotation)
    return ErrorCode::invalid_producer_id_mapping;
  if (!is_current(transaction, producer, retry)) return ErrorCode::producer_fenced;
  if (!is_idle(transaction.state) || retry) return judge_end(transaction, request.committed);
  if (request.committed) return ErrorCode::invalid_txn_state;
  return State::prepare_abort;
}

}  // namespace

bool Transactions::needs_producer_id(std::string_view id) const {
  const Entry* entry = find(id);
  return entry == nullptr || is_exhausted(entry->transaction.epoch);
}

Outcome<wire::InitProducerIdResponse> Transactions::init_producer_id(
    const wire::InitProducerIdRequest& request, std::optional<ProducerId> fresh, TimestampMs now_ms) const {
  MOLDAU_ASSERT(request.transactional_id.has_value());
  const std::string& id = *request.transactional_id;
  if (id.empty()) return {refused(ErrorCode::invalid_request)};
  if (request.transaction_timeout_ms <= 0 || request.transaction_timeout_ms > settings_.max_timeout_ms)
    return {refused(ErrorCode::invalid_transaction_timeout)};
  MOLDAU_ASSERT(fresh.has_value() || !needs_producer_id(id));

  const Entry* entry = find(id);
  Transaction now;
  if (entry != nullptr) {
    now = entry->transaction;
  } else {
    now.producer_id = *fresh;
  }
  const Offset after = entry ? entry->end : 0;
  if (!is_known_producer(now, request)) return {refused(ErrorCode::producer_fenced), {}, after};
  if (is_prepared(now.state)) return {refused(ErrorCode::concurrent_transactions), {}, after};
  if (now.state == State::ongoing) {
    // The epoch that fences is never given out: the one after it will be.
    const Decision decision{State::prepare_abort, now.client_version, true, fresh};
    return {refused(ErrorCode::concurrent_transactions),
            {Record{id, transaction::prepared(now, decision, now_ms)}}};
  }

  const bool named = names_producer(request);
  Transaction next;
  if (is_exhausted(now.epoch) && (!named || request.producer_epoch == now.epoch)) {
    next = rotated(now, *fresh, request.transaction_timeout_ms, named, now_ms);
  } else if (!named || now.epoch == kNoProducerEpoch || request.producer_epoch == now.epoch) {
    next = bumped(now, request.transaction_timeout_ms, named, now_ms);
    if (entry == nullptr) next.previous_producer_id = kNoProducerId;
  } else if (request.producer_epoch == now.last_epoch) {
    next = initialised_again(now, request.transaction_timeout_ms, now_ms);
  } else {
    return {refused(ErrorCode::producer_fenced), {}, after};
  }
  wire::InitProducerIdResponse response;
  response.producer_id = next.producer_id;
  response.producer_epoch = next.epoch;
  return {std::move(response), {Record{id, std::move(next)}}, after};
}

Outcome<ErrorCode> Transactions::add_partitions(const std::string& id, Producer producer,
                                                const std::set<TopicPartition>& partitions,
                                                TransactionVersion client_version, TimestampMs now_ms) const {
  if (id.empty()) return {ErrorCode::invalid_request};
  const Entry* entry = find(id);
  if (entry == nullptr) return {ErrorCode::invalid_producer_id_mapping, {}, end_};
  const Transaction& now = entry->transaction;
  const ErrorCode code = check_producer(now, producer);
  if (code != ErrorCode::none) return {code, {}, entry->end};
  if (now.state == State::ongoing && std::ranges::includes(now.partitions, partitions))
    return {ErrorCode::none, {}, entry->end};
  return {ErrorCode::none, {Record{id, with_partitions(now, partitions, client_version, now_ms)}}};
}

Outcome<std::map<TopicPartition, ErrorCode>> Transactions::verify(
    const std::string& id, Producer producer, const std::set<TopicPartition>& partitions) const {
  Outcome<std::map<TopicPartition, ErrorCode>> outcome;
  const Entry* entry = find(id);
  ErrorCode code = ErrorCode::none;
  if (entry == nullptr) {
    code = id.empty() ? ErrorCode::invalid_request : ErrorCode::invalid_producer_id_mapping;
    outcome.after = end_;
  } else {
    code = check_producer(entry->transaction, producer);
    outcome.after = entry->end;
  }
  for (const TopicPartition& partition : partitions) {
    const bool missing = code == ErrorCode::none && !entry->transaction.partitions.contains(partition);
    outcome.response.emplace(partition, missing ? ErrorCode::transaction_abortable : code);
  }
  return outcome;
}

Outcome<wire::EndTxnResponse> Transactions::end(const wire::EndTxnRequest& request,
                                                TransactionVersion client_version,
                                                std::optional<ProducerId> fresh, TimestampMs now_ms) const {
  Outcome<wire::EndTxnResponse> outcome;
  const Entry* entry = find(request.transactional_id);
  if (entry == nullptr) {
    outcome.response.error_code = request.transactional_id.empty() ? ErrorCode::invalid_request
                                                                   : ErrorCode::invalid_producer_id_mapping;
    outcome.after = end_;
    return outcome;
  }
  const Transaction& now = entry->transaction;
  const bool bumps = client_version >= kEpochBumpFrom;
  const Verdict verdict = bumps ? judge_second(now, request) : judge_first(now, request);
  outcome.after = entry->end;
  Successor successor{now.producer_id, now.epoch};
  if (const auto* decided = std::get_if<State>(&verdict)) {
    const Decision decision{*decided, client_version, false, fresh};
    Transaction next = transaction::prepared(now, decision, now_ms);
    successor = successor_of(next);
    outcome.records.push_back({request.transactional_id, std::move(next)});
  } else {
    outcome.response.error_code = std::get<ErrorCode>(verdict);
    if (outcome.response.error_code != ErrorCode::none) return outcome;
  }
  outcome.response.producer_id = successor.id;
  outcome.response.producer_epoch = successor.epoch;
  return outcome;
}

}  // namespace moldau::transaction

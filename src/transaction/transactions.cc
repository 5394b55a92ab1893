// What is known, what is seen, and what time does.
#include "transaction/transactions.h"

#include <algorithm>
#include <limits>

#include "transaction/transitions.h"

namespace moldau::transaction {

using wire::ErrorCode;

namespace {

class Hash {
 public:
  void add(ByteView bytes) {
    for (const std::byte byte : bytes) value_ = (value_ ^ std::to_integer<std::uint64_t>(byte)) * kPrime;
    value_ = (value_ ^ bytes.size()) * kPrime;
  }
  std::uint64_t value() const { return value_; }

 private:
  static constexpr std::uint64_t kPrime = 0x100000001b3;  // FNV-1a
  std::uint64_t value_ = 0xcbf29ce484222325;
};

// Records may say any time.
std::int64_t ms_between(TimestampMs then, TimestampMs now) {
  std::int64_t passed = 0;
  if (!__builtin_sub_overflow(now, then, &passed)) return passed;
  return now < then ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
}

}  // namespace

const Transactions::Entry* Transactions::find(std::string_view id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

void Transactions::replay(const Record& record, Offset offset) {
  end_ = offset + 1;
  if (record.value) {
    entries_.insert_or_assign(record.transactional_id, Entry{*record.value, end_});
  } else {
    entries_.erase(record.transactional_id);
  }
}

std::uint64_t Transactions::state_hash() const {
  Hash hash;
  for (const auto& [id, entry] : entries_) {
    const EncodedRecord encoded = encode({id, entry.transaction}, kFlexibleRecordsFrom);
    hash.add(encoded.key);
    hash.add(*encoded.value);
  }
  return hash.value();
}

// --- what is seen

Outcome<wire::DescribeTransactionsResponse::TransactionState> Transactions::describe(
    const std::string& id) const {
  Outcome<wire::DescribeTransactionsResponse::TransactionState> outcome;
  outcome.response.transactional_id = id;
  const Entry* entry = find(id);
  if (entry == nullptr) {
    outcome.after = end_;  // it may have been dropped just now
    outcome.response.error_code =
        id.empty() ? ErrorCode::invalid_request : ErrorCode::transactional_id_not_found;
    return outcome;
  }
  const Transaction& transaction = entry->transaction;
  outcome.after = entry->end;
  outcome.response.transaction_state = name_of(transaction.state);
  outcome.response.transaction_timeout_ms = transaction.timeout_ms;
  outcome.response.transaction_start_time_ms = transaction.start_ms;
  outcome.response.producer_id = transaction.producer_id;
  outcome.response.producer_epoch = transaction.epoch;
  auto& topics = outcome.response.topics;
  for (const TopicPartition& partition : transaction.partitions) {
    if (topics.empty() || topics.back().topic != partition.topic)
      topics.emplace_back().topic = partition.topic;
    topics.back().partitions.push_back(partition.partition);
  }
  return outcome;
}

Outcome<wire::ListTransactionsResponse> Transactions::list(const wire::ListTransactionsRequest& filters,
                                                           TimestampMs now_ms) const {
  Outcome<wire::ListTransactionsResponse> outcome;
  outcome.after = end_;
  std::set<State> states;
  for (const std::string& name : filters.state_filters) {
    if (const auto state = state_named(name)) {
      states.insert(*state);
    } else {
      outcome.response.unknown_state_filters.push_back(name);
    }
  }
  for (const auto& [id, entry] : entries_) {
    const Transaction& transaction = entry.transaction;
    const bool wanted =
        (filters.producer_id_filters.empty() ||
         std::ranges::count(filters.producer_id_filters, transaction.producer_id) > 0) &&
        (filters.state_filters.empty() || states.contains(transaction.state)) &&
        (filters.duration_filter < 0 || ms_between(transaction.start_ms, now_ms) > filters.duration_filter);
    if (wanted)
      outcome.response.transaction_states.push_back(
          {id, transaction.producer_id, std::string(name_of(transaction.state))});
  }
  return outcome;
}

// --- what is decided

std::vector<std::string> Transactions::prepared() const {
  std::vector<std::string> ids;
  for (const auto& [id, entry] : entries_)
    if (is_prepared(entry.transaction.state)) ids.push_back(id);
  return ids;
}

std::optional<Ending> Transactions::ending_of(std::string_view id) const {
  const Entry* entry = find(id);
  if (entry == nullptr || !is_prepared(entry->transaction.state)) return std::nullopt;
  const Transaction& transaction = entry->transaction;
  return Ending{.transactional_id = std::string(id),
                .producer = {transaction.producer_id, transaction.epoch},
                .committed = transaction.state == State::prepare_commit,
                .partitions = transaction.partitions,
                .version = transaction.client_version,
                .after = entry->end};
}

Records Transactions::complete(const Ending& ending, TimestampMs now_ms) const {
  const Entry* entry = find(ending.transactional_id);
  // Its record tells one end from another.
  if (entry == nullptr || !is_prepared(entry->transaction.state) || entry->end != ending.after) return {};
  return {Record{ending.transactional_id, completed(entry->transaction, now_ms)}};
}

// --- time

bool Transactions::has_timed_out(const Transaction& transaction, TimestampMs now_ms) const {
  return transaction.state == State::ongoing &&
         ms_between(transaction.start_ms, now_ms) > transaction.timeout_ms;
}

std::vector<std::string> Transactions::timed_out(TimestampMs now_ms) const {
  std::vector<std::string> ids;
  for (const auto& [id, entry] : entries_)
    if (has_timed_out(entry.transaction, now_ms)) ids.push_back(id);
  return ids;
}

Records Transactions::abort_timed_out(const std::string& id, std::optional<ProducerId> fresh,
                                      TimestampMs now_ms) const {
  const Entry* entry = find(id);
  if (entry == nullptr || !has_timed_out(entry->transaction, now_ms)) return {};
  const Decision decision{.state = State::prepare_abort,
                          .client_version = entry->transaction.client_version,
                          .fences = true,
                          .fresh = fresh};
  return {Record{id, transaction::prepared(entry->transaction, decision, now_ms)}};
}

Records Transactions::expire_ids(TimestampMs now_ms) const {
  Records records;
  for (const auto& [id, entry] : entries_) {
    const Transaction& transaction = entry.transaction;
    const bool expired =
        is_idle(transaction.state) && transaction.last_update_ms <= now_ms - settings_.id_expiration_ms;
    if (expired) records.push_back({id, std::nullopt});
  }
  return records;
}

}  // namespace moldau::transaction

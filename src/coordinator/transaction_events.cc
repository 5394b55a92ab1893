// From a request to its answer.
#include <algorithm>

#include "coordinator/transaction_coordinator.h"

namespace moldau::coordinator {

using runtime::Task;
using transaction::Transactions;
using wire::ErrorCode;

// --- events

// Each record is of another id, and stands for itself.
Task<TransactionCoordinator::Written> TransactionCoordinator::write(HostedPtr hosted,
                                                                    transaction::Records records) {
  std::vector<StateLog::Entry> entries;
  for (const transaction::Record& record : records) {
    transaction::EncodedRecord encoded = transaction::encode(record, version_);
    entries.push_back({std::move(encoded.key), std::move(encoded.value)});
  }
  Written written;
  std::size_t done = 0;
  while (done < entries.size()) {
    const auto rest = std::span<const StateLog::Entry>(entries).subspan(done);
    const std::size_t count = hosted->log.fitting(rest);
    const auto attempt = [&] {
      return hosted->log.append(rest.first(count), parts_.wall_clock.now_ms(), record::Codec::none);
    };
    const auto first = co_await hosted->append(attempt, parts_.settings.commit_timeout);
    if (!first) {
      written.code = error_code_of(first.error());
      break;
    }
    for (std::size_t i = 0; i < count; ++i)
      hosted->state->replay(records[done + i], *first + static_cast<Offset>(i));
    written.end = *first + static_cast<Offset>(count);
    done += count;
  }
  for (std::size_t i = 0; i < done; ++i) {
    if (records[i].value && transaction::is_prepared(records[i].value->state))
      complete(hosted, records[i].transactional_id).detach();
  }
  co_return written;
}

Task<TransactionResult<ProducerId>> TransactionCoordinator::fresh_producer_id() {
  const auto id = co_await parts_.links.next_producer_id();
  if (!id) co_return std::unexpected(ErrorCode::coordinator_load_in_progress);
  co_return *id;
}

template <class Body>
auto TransactionCoordinator::run(PartitionIndex at, Body body)
    -> Task<TransactionResult<decltype(body(std::declval<const Transactions&>()).response)>> {
  co_return co_await run_with_id(
      at, [](const Transactions&) { return false; },
      [&](const Transactions& state, std::optional<ProducerId>) { return body(state); });
}

template <class Needs, class Body>
auto TransactionCoordinator::run_with_id(PartitionIndex at, Needs needs, Body body) -> Task<TransactionResult<
    decltype(body(std::declval<const Transactions&>(), std::optional<ProducerId>()).response)>> {
  const runtime::Gate::Pass pass(hosted_.gate());
  if (!pass) co_return std::unexpected(ErrorCode::not_coordinator);
  std::optional<ProducerId> fresh;
  HostedPtr hosted;
  for (;;) {
    const auto is_ready = co_await hosted_.ready(at);
    if (!is_ready) co_return std::unexpected(is_ready.error());
    hosted = *is_ready;
    if (fresh || !needs(*hosted->state)) break;
    const auto id = co_await fresh_producer_id();
    if (!id) co_return std::unexpected(id.error());
    fresh = *id;
  }
  auto outcome = body(*hosted->state, fresh);
  const Written written = co_await write(hosted, std::move(outcome.records));
  if (written.code != ErrorCode::none) co_return std::unexpected(written.code);
  const ErrorCode code =
      co_await hosted->committed(std::max(outcome.after, written.end), parts_.settings.commit_timeout);
  if (code != ErrorCode::none) co_return std::unexpected(code);
  co_return std::move(outcome.response);
}

// --- requests

Task<TransactionResult<wire::InitProducerIdResponse>> TransactionCoordinator::init_producer_id(
    PartitionIndex at, wire::InitProducerIdRequest request) {
  const std::string& id = *request.transactional_id;
  co_return co_await run_with_id(
      at, [&](const Transactions& state) { return state.needs_producer_id(id); },
      [&](const Transactions& state, std::optional<ProducerId> fresh) {
        return state.init_producer_id(request, fresh, parts_.wall_clock.now_ms());
      });
}

Task<TransactionResult<ErrorCode>> TransactionCoordinator::add_partitions(
    PartitionIndex at, std::string id, transaction::Producer producer, std::set<TopicPartition> partitions,
    transaction::TransactionVersion client_version) {
  co_return co_await run(at, [&](const Transactions& state) {
    return state.add_partitions(id, producer, partitions, client_version, parts_.wall_clock.now_ms());
  });
}

Task<TransactionResult<std::map<TopicPartition, ErrorCode>>> TransactionCoordinator::verify(
    PartitionIndex at, std::string id, transaction::Producer producer, std::set<TopicPartition> partitions) {
  co_return co_await run(at,
                         [&](const Transactions& state) { return state.verify(id, producer, partitions); });
}

Task<TransactionResult<wire::EndTxnResponse>> TransactionCoordinator::end(
    PartitionIndex at, wire::EndTxnRequest request, transaction::TransactionVersion client_version) {
  const auto needs = [&](const Transactions& state) {
    return client_version >= transaction::kEpochBumpFrom && state.knows(request.transactional_id) &&
           state.needs_producer_id(request.transactional_id);
  };
  co_return co_await run_with_id(at, needs, [&](const Transactions& state, std::optional<ProducerId> fresh) {
    return state.end(request, client_version, fresh, parts_.wall_clock.now_ms());
  });
}

Task<TransactionResult<wire::DescribeTransactionsResponse::TransactionState>>
TransactionCoordinator::describe(PartitionIndex at, std::string id) {
  co_return co_await run(at, [&](const Transactions& state) { return state.describe(id); });
}

Task<TransactionResult<wire::ListTransactionsResponse>> TransactionCoordinator::list(
    wire::ListTransactionsRequest filters) {
  wire::ListTransactionsResponse all;
  for (const PartitionIndex at : hosted_.indexes()) {
    auto some = co_await run(
        at, [&](const Transactions& state) { return state.list(filters, parts_.wall_clock.now_ms()); });
    if (!some && some.error() == ErrorCode::not_coordinator) continue;  // it is another broker's now
    if (!some) co_return std::unexpected(some.error());
    std::ranges::move(some->transaction_states, std::back_inserter(all.transaction_states));
  }
  co_return all;
}

}  // namespace moldau::coordinator

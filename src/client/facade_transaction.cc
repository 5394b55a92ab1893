#include "client/facade_closing.h"
#include "client/facade_outbox.h"
#include "client/transactional_producer.h"

namespace moldau::sdk {

using client::Outcome;
using runtime::Task;

// Commits and aborts first let the records through that were sent before.
struct TransactionalProducer::State {
  explicit State(std::shared_ptr<Client::Core> of, const Config& config)
      : core(std::move(of)), outbox(*core, config.buffer_memory) {}

  // Starts an operation of this transaction on the I/O thread; close() waits for it. What comes too late for
  // it does not touch the next one.
  template <class F>
  Future<void> start(std::uint64_t transaction, F function) {
    return core->start([this, transaction, function = std::move(function)]() mutable {
      return run(transaction, std::move(function));
    });
  }
  template <class F>
  Task<Outcome<void>> run(std::uint64_t transaction, F function) {
    if (!producer) co_return client::fail(client::ClusterClient::closed());
    const runtime::Gate::Pass pass(*working);
    if (!pass) co_return client::fail(client::ClusterClient::closed());
    if (transaction != producer->begun())
      co_return client::fail(client::local_failure(Errc::invalid_argument, "the transaction has ended"));
    co_return co_await function(*this);
  }

  Future<void> commit(std::uint64_t transaction) {
    return start(transaction, [](State& state) -> Task<Outcome<void>> {
      co_await state.outbox.drained();
      co_return co_await state.producer->commit();
    });
  }
  Future<void> abort(std::uint64_t transaction) {
    return start(transaction, [](State& state) -> Task<Outcome<void>> {
      state.producer->give_up();
      co_await state.outbox.drained();
      co_return co_await state.producer->abort();
    });
  }
  Future<void> send_offsets(std::uint64_t transaction, client::GroupIdentity group,
                            client::TransactionalProducer::Offsets offsets) {
    return start(transaction, [group = std::move(group), offsets = std::move(offsets)](State& state) {
      return state.producer->send_offsets(group, offsets);
    });
  }

  Future<void> close(std::chrono::milliseconds patience) {
    outbox.shut();
    return closing.begin([&] {
      core->start([this, patience] { return finish(patience); }).then([this](const Expected<void>&) {
        closing.end();
      });
    });
  }
  Task<void> finish(std::chrono::milliseconds patience) {
    const auto deadline = core->executor().now() + patience;
    Task<void> ended = working->close();
    co_await outbox.drained(deadline);
    co_await producer->close(deadline);
    co_await outbox.drained();
    co_await std::move(ended);
    working.reset();
    producer.reset();
    outbox.close();
  }

  std::shared_ptr<Client::Core> core;
  std::unique_ptr<client::TransactionalProducer> producer;  // this and the next on the I/O thread only
  std::optional<runtime::Gate> working;
  Outbox outbox;
  Closing closing;
};

TransactionalProducer::TransactionalProducer(std::shared_ptr<State> state) : state_(std::move(state)) {}
TransactionalProducer::TransactionalProducer(TransactionalProducer&&) noexcept = default;
TransactionalProducer& TransactionalProducer::operator=(TransactionalProducer&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
TransactionalProducer::~TransactionalProducer() {
  if (state_) close();
}

void TransactionalProducer::close(std::chrono::milliseconds patience) { close_async(patience).get(); }
Future<void> TransactionalProducer::close_async(std::chrono::milliseconds patience) {
  return state_->close(patience);
}

Expected<Transaction> TransactionalProducer::begin() {
  auto begun = state_->core->call([this]() -> Task<Outcome<std::uint64_t>> {
    if (!state_->producer) co_return client::fail(client::ClusterClient::closed());
    if (auto open = state_->producer->begin(); !open) co_return client::fail(std::move(open).error());
    co_return state_->producer->begun();
  });
  if (!begun) return std::unexpected(client::to_public(std::move(begun).error()));
  return Transaction(state_, *begun);
}

Transaction::Transaction(std::shared_ptr<TransactionalProducer::State> state, std::uint64_t number)
    : state_(std::move(state)), number_(number) {}
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction::~Transaction() {
  if (!state_ || ended_ || state_->outbox.is_shut()) return;
  // A coroutine's last hold of it may end on the I/O thread.
  if (client::on_io_thread()) {
    abort_async().then([](const Expected<void>&) {});
  } else {
    static_cast<void>(abort());
  }
}

void Transaction::send(Record record, Producer::Callback callback) {
  state_->outbox.push(std::move(record), std::move(callback));
}
Future<RecordMetadata> Transaction::send_async(Record record) {
  return state_->outbox.push(std::move(record));
}

Expected<void> Transaction::send_offsets(Consumer& consumer) {
  return send_offsets(consumer.group_metadata(), consumer.polled());
}
Expected<void> Transaction::send_offsets(GroupMetadata group, Offsets offsets) {
  return send_offsets_async(std::move(group), std::move(offsets)).get();
}
Future<void> Transaction::send_offsets_async(GroupMetadata group, Offsets offsets) {
  client::TransactionalProducer::Offsets to_send;
  for (auto& [partition, offset] : offsets)
    to_send[{partition.topic, partition.partition}] = {offset.offset, offset.leader_epoch,
                                                       std::move(offset.metadata)};
  return state_->send_offsets(number_,
                              {.group_id = std::move(group.group_id),
                               .generation = group.generation,
                               .member_id = std::move(group.member_id),
                               .instance_id = std::move(group.instance_id)},
                              std::move(to_send));
}

Expected<void> Transaction::commit() {
  auto committed = commit_async().get();
  ended_ = committed.has_value();
  return committed;
}
Future<void> Transaction::commit_async() { return state_->commit(number_); }
Expected<void> Transaction::abort() {
  auto aborted = abort_async().get();
  ended_ = aborted.has_value();
  return aborted;
}
Future<void> Transaction::abort_async() { return state_->abort(number_); }

Expected<TransactionalProducer> Client::transactional_producer(std::string transactional_id) {
  Config config = core_->config;
  config.transactional_id = std::move(transactional_id);
  return transactional_producer(config);
}

Expected<TransactionalProducer> Client::transactional_producer(const Config& config) {
  if (auto wrong = config.check(); !wrong) return std::unexpected(std::move(wrong).error());
  const auto state = std::make_shared<TransactionalProducer::State>(core_, config);
  auto opened = core_->call([&]() -> Task<Outcome<void>> {
    auto producer = co_await client::TransactionalProducer::open(
        *core_->cluster, producer_options_of(config),
        {.id = config.transactional_id, .timeout = config.transaction_timeout});
    if (!producer) co_return client::fail(std::move(producer).error());
    state->producer = std::move(*producer);
    state->working.emplace(core_->executor());
    state->outbox.open(state->producer->records());
    co_return Outcome<void>();
  });
  if (!opened) {
    state->outbox.shut();
    return std::unexpected(client::to_public(std::move(opened).error()));
  }
  return TransactionalProducer(state);
}

}  // namespace moldau::sdk

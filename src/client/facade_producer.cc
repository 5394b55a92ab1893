#include "client/facade_closing.h"
#include "client/facade_outbox.h"

namespace moldau::sdk {

using client::Outcome;
using runtime::Task;

struct Producer::State {
  explicit State(std::shared_ptr<Client::Core> of, const Config& config)
      : core(std::move(of)), outbox(*core, config.buffer_memory) {}

  Task<void> flush() {
    if (!producer) co_return;
    const runtime::Gate::Pass pass(*flushing);
    if (!pass) co_return;
    co_await outbox.drained();
    co_await producer->flush();
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
    Task<void> flushed = flushing->close();
    co_await outbox.drained(deadline);
    co_await producer->close(deadline);
    co_await outbox.drained();
    co_await std::move(flushed);
    flushing.reset();
    producer.reset();
    outbox.close();
  }

  ProducerCounters counters() const {
    if (!producer) return {};
    const client::ProducerCounters& now = producer->counters();
    return {.records_queued = now.records_queued,
            .records_delivered = now.records_delivered,
            .records_failed = now.records_failed,
            .bytes_sent = now.bytes_sent,
            .batches_sent = now.batches_sent,
            .requests_sent = now.requests_sent,
            .retries = now.retries,
            .buffered_bytes = producer->buffered_bytes()};
  }

  std::shared_ptr<Client::Core> core;
  std::unique_ptr<client::ProducerCore> producer;  // this and the next on the I/O thread only
  std::optional<runtime::Gate> flushing;
  Outbox outbox;
  Closing closing;
};

Producer::Producer(std::shared_ptr<State> state) : state_(std::move(state)) {}
Producer::Producer(Producer&&) noexcept = default;
Producer& Producer::operator=(Producer&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
Producer::~Producer() {
  if (state_) close();
}

Expected<RecordMetadata> Producer::send(Record record) {
  detail::check_may_block();
  return send_async(std::move(record)).get();
}
Future<RecordMetadata> Producer::send_async(Record record) { return state_->outbox.push(std::move(record)); }
void Producer::send(Record record, Callback callback) {
  state_->outbox.push(std::move(record), std::move(callback));
}

Expected<Future<RecordMetadata>> Producer::try_send(Record record) {
  if (auto sent = state_->outbox.try_push(std::move(record))) return std::move(*sent);
  return std::unexpected(Error{.kind = ErrorKind::unavailable,
                               .cause = "buffer.memory is used up",
                               .retriable = true,
                               .hint = "Send again once earlier records were acknowledged."});
}

void Producer::flush() { flush_async().get(); }
Future<void> Producer::flush_async() {
  return state_->core->start([state = state_.get()] { return state->flush(); });
}
void Producer::close(std::chrono::milliseconds patience) { close_async(patience).get(); }
Future<void> Producer::close_async(std::chrono::milliseconds patience) { return state_->close(patience); }

ProducerCounters Producer::counters() {
  return state_->core->call([this]() -> Task<ProducerCounters> { co_return state_->counters(); });
}

Expected<Producer> Client::producer() { return producer(core_->config); }

Expected<Producer> Client::producer(const Config& config) {
  if (auto wrong = config.check(); !wrong) return std::unexpected(std::move(wrong).error());
  const auto state = std::make_shared<Producer::State>(core_, config);
  const auto made = core_->call([&]() -> Task<Outcome<void>> {
    auto producer = client::ProducerCore::create(*core_->cluster, producer_options_of(config));
    if (!producer) co_return client::fail(producer.error());
    state->producer = std::move(*producer);
    state->flushing.emplace(core_->executor());
    state->outbox.open(*state->producer);
    co_return Outcome<void>();
  });
  if (!made) {
    state->outbox.shut();
    return std::unexpected(client::to_public(made.error()));
  }
  return Producer(state);
}

}  // namespace moldau::sdk

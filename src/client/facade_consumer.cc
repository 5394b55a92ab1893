#include "client/consumer.h"
#include "client/embedded.h"

namespace moldau::sdk {

using client::Outcome;
using runtime::Task;

namespace {

client::StartAt to_core(StartAt start) {
  return {static_cast<client::StartAt::Kind>(start.kind), start.value};
}

std::optional<std::string_view> text(const std::optional<ByteView>& bytes) {
  return bytes ? std::optional(as_text(*bytes)) : std::nullopt;
}

RecordView view_of(const client::FetchedRecords& fetched, const record::RecordView& record) {
  RecordView view{.topic = fetched.topic,
                  .partition = fetched.partition,
                  .offset = record.offset,
                  .timestamp_ms = record.timestamp,
                  .key = text(record.key),
                  .value = text(record.value)};
  for (const auto& header : record.headers) view.headers.push_back({header.key, text(header.value)});
  return view;
}

Records to_records(std::vector<client::FetchedRecords> polled) {
  const auto memory = std::make_shared<std::vector<client::FetchedRecords>>(std::move(polled));
  std::vector<RecordView> views;
  for (const auto& fetched : *memory) {
    for (const auto& record : fetched.records) views.push_back(view_of(fetched, record));
  }
  return Records(std::move(views), memory);
}

}  // namespace

struct Consumer::State {
  explicit State(std::shared_ptr<Client::Core> of) : core(std::move(of)) {}

  // Calls a function of the consumer on the I/O thread.
  template <class F>
  auto on_io(F function) {
    using R = std::invoke_result_t<F&, client::ConsumerCore&>;
    return core->call([&]() -> Task<R> { co_return function(*consumer); });
  }

  std::shared_ptr<Client::Core> core;
  std::unique_ptr<client::ConsumerCore> consumer;  // on the I/O thread only
  bool closed = false;
};

Consumer::Consumer(std::shared_ptr<State> state) : state_(std::move(state)) {}
Consumer::Consumer(Consumer&&) noexcept = default;
Consumer& Consumer::operator=(Consumer&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
Consumer::~Consumer() {
  if (state_) close();
}

void Consumer::assign(const std::string& topic, std::int32_t partition, StartAt start) {
  state_->on_io([&](client::ConsumerCore& core) { core.assign(topic, partition, to_core(start)); });
}

Expected<void> Consumer::assign(const std::string& topic, StartAt start) {
  const auto assigned = state_->core->call([&]() -> Task<Outcome<void>> {
    auto topics = co_await state_->core->cluster->topics({.names = std::vector{topic}});
    if (!topics) co_return client::fail(topics.error());
    for (const client::TopicInfo& info : *topics) {
      if (info.error != wire::ErrorCode::none) co_return client::fail(client::broker_failure(info.error));
      for (const auto& partition : info.partitions) {
        state_->consumer->assign(topic, partition.index, to_core(start));
      }
    }
    co_return Outcome<void>();
  });
  return client::to_public(assigned);
}

void Consumer::unassign(const std::string& topic, std::int32_t partition) {
  state_->on_io([&](client::ConsumerCore& core) { core.unassign(topic, partition); });
}
void Consumer::pause(const std::string& topic, std::int32_t partition) {
  state_->on_io([&](client::ConsumerCore& core) { core.pause(topic, partition); });
}
void Consumer::resume(const std::string& topic, std::int32_t partition) {
  state_->on_io([&](client::ConsumerCore& core) { core.resume(topic, partition); });
}
std::optional<std::int64_t> Consumer::position(const std::string& topic, std::int32_t partition) {
  return state_->on_io([&](client::ConsumerCore& core) { return core.position(topic, partition); });
}
bool Consumer::at_end(const std::string& topic, std::int32_t partition) {
  return state_->on_io([&](client::ConsumerCore& core) { return core.at_end(topic, partition); });
}

Expected<Records> Consumer::poll(std::chrono::milliseconds timeout) {
  auto polled = state_->core->call([&] {
    return state_->consumer->poll(state_->core->executor().now() + timeout,
                                  state_->core->config.max_poll_records);
  });
  if (!polled) return std::unexpected(client::to_public(std::move(polled).error()));
  return to_records(std::move(*polled));
}

void Consumer::close() {
  if (std::exchange(state_->closed, true)) return;
  state_->core->call([this]() -> Task<void> {
    co_await state_->consumer->close();
    state_->consumer.reset();
  });
}

Consumer Client::consumer() {
  const Config& config = core_->config;
  const client::ConsumerOptions options{
      .fetch_min_bytes = config.fetch_min_bytes,
      .fetch_max_wait = config.fetch_max_wait,
      .fetch_max_bytes = config.fetch_max_bytes,
      .max_partition_fetch_bytes = config.max_partition_fetch_bytes,
      .isolation = static_cast<client::Isolation>(config.isolation),
      .offset_reset = static_cast<client::OffsetReset>(config.auto_offset_reset),
      .check_crcs = config.check_crcs,
      .rack = config.client_rack};
  const auto state = std::make_shared<Consumer::State>(core_);
  core_->call([&]() -> Task<void> {
    state->consumer = std::make_unique<client::ConsumerCore>(*core_->cluster, options);
    co_return;
  });
  return Consumer(state);
}

}  // namespace moldau::sdk

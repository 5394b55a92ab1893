#include "client/facade_consumer.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

namespace moldau::sdk {

using client::Outcome;
using runtime::Task;

namespace {

client::StartAt to_core(StartAt start) {
  return {static_cast<client::StartAt::Kind>(start.kind), start.value};
}

Error wrong(std::string cause) { return {.kind = ErrorKind::invalid_argument, .cause = std::move(cause)}; }

// Those that there are now.
client::Membership::Subscription topics_like(client::ClusterClient& cluster,
                                             std::shared_ptr<const re2::RE2> pattern) {
  return [&cluster, pattern = std::move(pattern)]() -> Task<Outcome<std::vector<std::string>>> {
    const auto matching = pattern;  // the function may go while it waits
    const auto topics = co_await cluster.topics({});
    if (!topics) co_return client::fail(topics.error());
    std::vector<std::string> names;
    for (const client::TopicInfo& topic : *topics)
      if (!topic.internal && re2::RE2::FullMatch(topic.name, *matching)) names.push_back(topic.name);
    co_return names;
  };
}

// A poll that somebody ended says so.
Expected<Records> as_cancelled(Expected<Records> polled, bool closed) {
  if (!polled && polled.error().kind == ErrorKind::closed && !closed)
    polled.error().kind = ErrorKind::cancelled;
  return polled;
}

}  // namespace

Consumer::Consumer(std::shared_ptr<State> state) : state_(std::move(state)) {}
Consumer::Consumer(Consumer&&) noexcept = default;
Consumer& Consumer::operator=(Consumer&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
Consumer::~Consumer() {
  if (state_) close();
}

// --- the group

Expected<void> Consumer::subscribe(std::vector<std::string> topics, RebalanceHooks hooks) {
  if (topics.empty()) return std::unexpected(wrong("subscribe() needs a topic"));
  const client::Membership::Subscription names =
      [topics = std::move(topics)]() -> Task<Outcome<std::vector<std::string>>> {
    const auto all = topics;
    co_return all;
  };
  unsubscribe();
  state_->hooks.set(std::move(hooks));
  return state_->start([names](State& state) { return state.subscribe(names, {}); }).get();
}

Expected<void> Consumer::subscribe_pattern(std::string pattern, RebalanceHooks hooks) {
  const auto compiled = std::make_shared<const re2::RE2>(pattern, re2::RE2::Quiet);
  if (!compiled->ok())
    return std::unexpected(wrong("the pattern " + pattern + " is none: " + compiled->error()));
  unsubscribe();
  state_->hooks.set(std::move(hooks));
  return state_
      ->start([compiled, pattern](State& state) {
        return state.subscribe(topics_like(*state.core->cluster, compiled), pattern);
      })
      .get();
}

void Consumer::unsubscribe() {
  static_cast<void>(state_->hooks.serve(state_->start([](State& state) -> Task<Outcome<void>> {
    co_await state.unsubscribe();
    co_return Outcome<void>();
  })));
}

GroupMetadata Consumer::group_metadata() {
  return state_->on_io(GroupMetadata(), [&](client::ConsumerCore&, client::GroupConsumer*) {
    const client::GroupIdentity& as = state_->polled_as;
    return GroupMetadata{.group_id = as.group_id,
                         .generation = as.generation,
                         .member_id = as.member_id,
                         .instance_id = as.instance_id};
  });
}

Offsets Consumer::polled() {
  return state_->on_io(Offsets(),
                       [&](client::ConsumerCore&, client::GroupConsumer*) { return state_->polled_to; });
}

// --- partitions

Expected<void> Consumer::assign(const std::string& topic, std::int32_t partition, StartAt start) {
  return client::to_public(state_->on_io(
      Outcome<void>(client::fail(client::ClusterClient::closed())),
      [&](client::ConsumerCore& core, client::GroupConsumer* group) -> Outcome<void> {
        if (group != nullptr)
          return client::fail(client::local_failure(Errc::invalid_argument, "the group gives the partitions",
                                                    "Use another consumer, or unsubscribe first."));
        core.assign(topic, partition, to_core(start));
        return {};
      }));
}

Expected<void> Consumer::assign(const std::string& topic, StartAt start) {
  const auto partitions = state_
                              ->start([topic](State& state) -> Task<Outcome<std::vector<std::int32_t>>> {
                                const std::string name = topic;
                                auto topics =
                                    co_await state.core->cluster->topics({.names = std::vector{name}});
                                if (!topics) co_return client::fail(topics.error());
                                std::vector<std::int32_t> indexes;
                                for (const client::TopicInfo& info : *topics) {
                                  if (info.error != wire::ErrorCode::none)
                                    co_return client::fail(client::broker_failure(info.error));
                                  for (const auto& one : info.partitions) indexes.push_back(one.index);
                                }
                                co_return indexes;
                              })
                              .get();
  if (!partitions) return std::unexpected(partitions.error());
  for (const std::int32_t index : *partitions)
    if (auto assigned = assign(topic, index, start); !assigned) return assigned;
  return {};
}

void Consumer::unassign(const std::string& topic, std::int32_t partition) {
  state_->on_io(false, [&](client::ConsumerCore& core, client::GroupConsumer* group) {
    if (group == nullptr) core.unassign(topic, partition);
    return group == nullptr;
  });
}

std::vector<TopicPartition> Consumer::assignment() {
  return state_->on_io(std::vector<TopicPartition>(),
                       [&](client::ConsumerCore& core, client::GroupConsumer* group) {
                         std::vector<TopicPartition> out;
                         for (auto& one : group != nullptr ? group->assignment() : core.assignment())
                           out.push_back({std::move(one.topic), one.partition});
                         return out;
                       });
}

Expected<void> Consumer::seek(const std::string& topic, std::int32_t partition, StartAt start) {
  return client::to_public(state_->on_io(
      Outcome<void>(client::fail(client::ClusterClient::closed())),
      [&](client::ConsumerCore& core, client::GroupConsumer* group) -> Outcome<void> {
        if (group != nullptr) return group->seek({topic, partition}, to_core(start));
        const auto assigned = core.assignment();
        if (std::ranges::find(assigned, moldau::TopicPartition{topic, partition}) == assigned.end())
          return client::fail(client::local_failure(
              Errc::invalid_argument, topic + "-" + std::to_string(partition) + " is not assigned"));
        core.seek(topic, partition, to_core(start));
        return {};
      }));
}

Expected<void> Consumer::seek_to_committed() {
  return state_->start([](State& state) { return state.seek_to_committed(); }).get();
}

void Consumer::pause(const std::string& topic, std::int32_t partition) {
  state_->on_io(true, [&](client::ConsumerCore& core, client::GroupConsumer* group) {
    if (group != nullptr)
      group->pause({topic, partition});
    else
      core.pause(topic, partition);
    return true;
  });
}
void Consumer::resume(const std::string& topic, std::int32_t partition) {
  state_->on_io(true, [&](client::ConsumerCore& core, client::GroupConsumer* group) {
    if (group != nullptr)
      group->resume({topic, partition});
    else
      core.resume(topic, partition);
    return true;
  });
}
std::optional<std::int64_t> Consumer::position(const std::string& topic, std::int32_t partition) {
  return state_->on_io(
      std::optional<std::int64_t>(),
      [&](client::ConsumerCore& core, client::GroupConsumer*) { return core.position(topic, partition); });
}
bool Consumer::at_end(const std::string& topic, std::int32_t partition) {
  return state_->on_io(false, [&](client::ConsumerCore& core, client::GroupConsumer*) {
    return core.at_end(topic, partition);
  });
}
Offsets Consumer::positions() {
  return state_->on_io(Offsets(),
                       [&](client::ConsumerCore&, client::GroupConsumer*) { return state_->positions(); });
}

// --- polls

Expected<Records> Consumer::poll(std::chrono::milliseconds timeout) {
  auto polled = state_->hooks.serve(
      state_->start([timeout](State& state) { return state.poll(timeout, ++state.polls); }));
  return as_cancelled(std::move(polled), state_->closed);
}

Future<Records> Consumer::poll_async(std::chrono::milliseconds timeout) {
  const auto result = std::make_shared<Future<Records>::State>();
  const auto number = std::make_shared<std::atomic<std::uint64_t>>(0);
  result->set_canceller([weak = std::weak_ptr(state_), number] {
    const auto state = weak.lock();
    if (!state) return;
    if (client::on_io_thread()) return state->interrupt(*number);
    state->core->call([&]() -> Task<void> {
      state->interrupt(*number);
      co_return;
    });
  });
  auto polling = state_->start([timeout, number](State& state) -> Task<Outcome<Records>> {
    const std::uint64_t mine = ++state.polls;
    const auto patience = timeout;
    *number = mine;
    const HookRelay::Here here(state.hooks);
    co_return co_await state.poll(patience, mine);
  });
  std::move(polling).then([result, state = state_.get()](Expected<Records> polled) {
    result->resolve(as_cancelled(std::move(polled), state->closed));
  });
  return Future<Records>(result);
}

void Consumer::wakeup() {
  if (client::on_io_thread()) return state_->interrupt(0);
  state_->core->call([this]() -> Task<void> {
    state_->interrupt(0);
    co_return;
  });
}

// --- commits

Expected<void> Consumer::commit() { return commit_async().get(); }
Expected<void> Consumer::commit(Offsets offsets) { return commit_async(std::move(offsets)).get(); }
Future<void> Consumer::commit_async() {
  return state_->start([](State& state) { return state.commit({}); });
}
Future<void> Consumer::commit_async(Offsets offsets) {
  return state_->start([offsets = std::move(offsets)](State& state) { return state.commit(offsets); });
}
Expected<Offsets> Consumer::committed(std::vector<TopicPartition> partitions) {
  return state_
      ->start([partitions = std::move(partitions)](State& state) { return state.committed(partitions); })
      .get();
}

// --- the end

Future<void> Consumer::State::begin_close(bool hooks_here) {
  closed = true;
  return closing.begin([&] {
    core->start([this, hooks_here] { return finish(hooks_here); }).then([this](const Expected<void>&) {
      closing.end();
    });
  });
}

void Consumer::close() {
  if (state_->closing.ended()) return;
  static_cast<void>(state_->hooks.serve(state_->begin_close(false)));
}
Future<void> Consumer::close_async() { return state_->begin_close(true); }

}  // namespace moldau::sdk

// What the public consumer does on the I/O thread.
#include <algorithm>

#include "client/admin.h"
#include "client/facade_consumer.h"

namespace moldau::sdk {

using client::Outcome;
using runtime::Task;

namespace {

std::optional<std::string_view> text(const std::optional<ByteView>& bytes) {
  return bytes ? std::optional(as_text(*bytes)) : std::nullopt;
}

RecordView view_of(const client::FetchedRecords& fetched, const record::RecordView& record,
                   LeaderEpoch leader_epoch) {
  RecordView view{.topic = fetched.topic,
                  .partition = fetched.partition,
                  .offset = record.offset,
                  .timestamp_ms = record.timestamp,
                  .leader_epoch = leader_epoch,
                  .key = text(record.key),
                  .value = text(record.value)};
  for (const auto& header : record.headers) view.headers.push_back({header.key, text(header.value)});
  return view;
}

Records to_records(std::vector<client::FetchedRecords> polled) {
  const auto memory = std::make_shared<std::vector<client::FetchedRecords>>(std::move(polled));
  std::vector<RecordView> views;
  for (const auto& fetched : *memory) {
    std::size_t at = 0;
    for (const client::FetchedBatch& batch : fetched.batches)
      for (const std::size_t end = at + batch.records; at < end; ++at)
        views.push_back(view_of(fetched, fetched.records[at], batch.leader_epoch));
  }
  return Records(std::move(views), memory);
}

client::ConsumerOptions consumer_options_of(const Config& config) {
  return {.fetch_min_bytes = config.fetch_min_bytes,
          .fetch_max_wait = config.fetch_max_wait,
          .fetch_max_bytes = config.fetch_max_bytes,
          .max_partition_fetch_bytes = config.max_partition_fetch_bytes,
          .isolation = static_cast<client::Isolation>(config.isolation),
          .offset_reset = static_cast<client::OffsetReset>(config.auto_offset_reset),
          .check_crcs = config.check_crcs,
          .rack = config.client_rack};
}

client::Assignor assignor_of(Assignor assignor) {
  switch (assignor) {
    case Assignor::range:
      return client::Assignor::range;
    case Assignor::round_robin:
      return client::Assignor::round_robin;
    case Assignor::cooperative_sticky:
      return client::Assignor::cooperative_sticky;
  }
  MOLDAU_UNREACHABLE("an assignor");
}

client::GroupConsumerOptions group_options_of(const Config& config, std::optional<std::string> pattern) {
  client::GroupConsumerOptions options{.consumer = consumer_options_of(config),
                                       .auto_commit = config.enable_auto_commit,
                                       .auto_commit_interval = config.auto_commit_interval};
  client::GroupOptions& group = options.group;
  group.group_id = config.group_id;
  if (!config.group_instance_id.empty()) group.instance_id = config.group_instance_id;
  group.rebalance_timeout = config.max_poll_interval;
  group.session_timeout = config.session_timeout;
  group.heartbeat_interval = config.heartbeat_interval;
  group.look_interval = config.metadata_max_age;
  group.rack = config.client_rack;
  group.assignors.clear();
  for (const Assignor each : config.assignors) group.assignors.push_back(assignor_of(each));
  if (config.group_protocol == GroupProtocol::consumer) {
    group.protocol = client::GroupProtocol::consumer;
    group.pattern = std::move(pattern);
    if (!config.group_remote_assignor.empty()) group.remote_assignor = config.group_remote_assignor;
  }
  return options;
}

client::GroupConsumer::Offsets to_core(const Offsets& offsets) {
  client::GroupConsumer::Offsets out;
  for (const auto& [partition, offset] : offsets)
    out[{partition.topic, partition.partition}] = {offset.offset, offset.leader_epoch, offset.metadata};
  return out;
}

Offsets to_public(const client::GroupConsumer::Offsets& offsets) {
  Offsets out;
  for (const auto& [partition, offset] : offsets)
    out[{partition.topic, partition.partition}] = {offset.offset, offset.leader_epoch, offset.metadata};
  return out;
}

client::Failure no_group(std::string_view what) {
  return client::local_failure(Errc::invalid_argument, std::string(what) + " needs a group.id");
}

}  // namespace

Consumer Client::consumer() {
  auto made = consumer(core_->config);
  MOLDAU_ASSERT(made.has_value(), "a configuration that a client has is valid");
  return std::move(*made);
}

Expected<Consumer> Client::consumer(const Config& config) {
  if (auto wrong = config.check(); !wrong) return std::unexpected(std::move(wrong).error());
  const auto state = std::make_shared<Consumer::State>(core_, config);
  state->polled_as.group_id = config.group_id;
  core_->call([&]() -> Task<void> {
    state->direct = std::make_unique<client::ConsumerCore>(*core_->cluster, consumer_options_of(config));
    state->working.emplace(core_->executor());
    co_return;
  });
  return Consumer(state);
}

// --- polling

Task<Outcome<Records>> Consumer::State::poll(std::chrono::milliseconds timeout, std::uint64_t number) {
  polling = number;
  const auto deadline = core->executor().now() + timeout;
  const GroupPtr member = group;
  Outcome<std::vector<client::FetchedRecords>> polled;
  if (member) {
    if (auto notice = member->take_notice())
      polled = client::fail(std::move(*notice));
    else
      polled = co_await member->poll(deadline, config.max_poll_records);
  } else {
    polled = co_await direct->poll(deadline, config.max_poll_records);
  }
  polling = 0;
  if (!polled) co_return client::fail(std::move(polled).error());
  if (member) {
    for (const client::FetchedRecords& lot : *polled) {
      // The position may be behind records that are not handed out: of transactions, say.
      const auto position = member->records().position(lot.topic, lot.partition);
      member->done({lot.topic, lot.partition}, position.value_or(lot.records.back().offset + 1));
    }
    polled_as = member->identity();
  }
  polled_to = positions();
  co_return to_records(std::move(*polled));
}

void Consumer::State::interrupt(std::uint64_t number) {
  if (working && (number == 0 || number == polling)) reading().interrupt();
}

// --- the group

Task<Outcome<void>> Consumer::State::subscribe(client::Membership::Subscription topics,
                                               std::optional<std::string> pattern) {
  if (config.group_id.empty()) co_return client::fail(no_group("subscribe()"));
  if (!direct->assignment().empty())
    co_return client::fail(client::local_failure(Errc::invalid_argument,
                                                 "partitions are assigned to this consumer by hand",
                                                 "Unassign them, or use another consumer to subscribe."));
  co_await unsubscribe();
  group = std::make_shared<client::GroupConsumer>(
      *core->cluster, group_options_of(config, std::move(pattern)), std::move(topics), &hooks);
  co_return Outcome<void>();
}

Task<void> Consumer::State::unsubscribe() {
  const GroupPtr left = group;
  if (!left) co_return;
  co_await left->close();  // hooks may commit meanwhile
  if (group == left) group = nullptr;
}

Offsets Consumer::State::positions() {
  if (group) return to_public(group->to_commit());
  Offsets offsets;
  for (const auto& one : direct->assignment())
    if (const auto position = direct->position(one.topic, one.partition))
      offsets[{one.topic, one.partition}] = {.offset = *position};
  return offsets;
}

Task<Outcome<void>> Consumer::State::commit(std::optional<Offsets> offsets) {
  if (const GroupPtr member = group) {
    co_return co_await member->commit(offsets ? to_core(*offsets) : member->to_commit());
  }
  if (config.group_id.empty()) co_return client::fail(no_group("commit()"));
  std::vector<std::pair<moldau::TopicPartition, client::GroupOffset>> wanted;
  for (auto& [partition, offset] : to_core(offsets ? *offsets : positions()))
    wanted.emplace_back(partition, offset);
  if (wanted.empty()) co_return Outcome<void>();
  client::AdminCore admin(*core->cluster);
  const auto altered = co_await admin.alter_group_offsets(config.group_id, std::move(wanted));
  if (!altered) co_return client::fail(altered.error());
  for (const auto& [partition, one] : *altered)
    if (!one) co_return client::fail(one.error());
  co_return Outcome<void>();
}

Task<Outcome<Offsets>> Consumer::State::committed(std::vector<TopicPartition> partitions) {
  if (config.group_id.empty()) co_return client::fail(no_group("committed()"));
  std::vector<moldau::TopicPartition> wanted;
  for (auto& one : partitions) wanted.push_back({std::move(one.topic), one.partition});
  if (const GroupPtr member = group) {
    auto found = co_await member->committed(std::move(wanted));
    if (!found) co_return client::fail(std::move(found).error());
    co_return to_public(*found);
  }
  client::AdminCore admin(*core->cluster);
  const auto listed = co_await admin.list_group_offsets(config.group_id, std::move(wanted));
  if (!listed) co_return client::fail(listed.error());
  Offsets offsets;
  for (const auto& [partition, one] : *listed) {
    if (!one) co_return client::fail(one.error());
    offsets[{partition.topic, partition.partition}] = {one->offset, one->leader_epoch, one->metadata};
  }
  co_return offsets;
}

Task<Outcome<void>> Consumer::State::seek_to_committed() {
  if (const GroupPtr member = group) co_return co_await member->seek_to_committed();
  std::vector<TopicPartition> assigned;
  for (const auto& one : direct->assignment()) assigned.push_back({one.topic, one.partition});
  const auto offsets = co_await committed(assigned);
  if (!offsets) co_return client::fail(offsets.error());
  for (const auto& [partition, offset] : *offsets)
    direct->seek(partition.topic, partition.partition, client::StartAt::offset(offset.offset));
  co_return Outcome<void>();
}

Task<void> Consumer::State::finish(bool hooks_here) {
  std::optional<HookRelay::Here> here;
  if (hooks_here) here.emplace(hooks);
  co_await unsubscribe();
  Task<void> ended = working->close();
  co_await direct->close();
  co_await std::move(ended);
  working.reset();
  direct.reset();
}

}  // namespace moldau::sdk

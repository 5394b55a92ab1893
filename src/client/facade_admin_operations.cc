// Transactions, log folders, the quorum and features.
#include <algorithm>

#include "client/admin_transactions.h"
#include "client/facade_admin.h"

namespace moldau::sdk {

using client::AdminCore;
using client::Outcome;
using client::TransactionAdmin;
using runtime::Task;

namespace {

using Names = Admin::PerItem<std::string, void>;

// What is -1 on the wire where there is nothing.
std::optional<std::int64_t> if_any(std::int64_t value) {
  return value < 0 ? std::nullopt : std::optional(value);
}

client::TransactionFilter to_core(TransactionFilter filter) {
  client::TransactionFilter out{.states = std::move(filter.states), .producers = std::move(filter.producers)};
  if (filter.longer_than) out.longer_than = *filter.longer_than;
  out.id_pattern = std::move(filter.id_pattern);
  return out;
}

TransactionDescription describe(const client::TransactionDescription& from) {
  TransactionDescription out{.id = from.id,
                             .coordinator = from.coordinator,
                             .producer_id = from.producer,
                             .producer_epoch = from.epoch,
                             .state = from.state,
                             .timeout = std::chrono::milliseconds(from.timeout_ms),
                             .started_ms = from.started};
  for (const auto& one : from.partitions) out.partitions.push_back(to_partition(one));
  return out;
}

std::vector<ActiveProducer> describe(const std::vector<client::ActiveProducer>& producers) {
  std::vector<ActiveProducer> out;
  for (const client::ActiveProducer& one : producers)
    out.push_back({.producer_id = one.id,
                   .producer_epoch = one.epoch,
                   .last_sequence = one.last_sequence,
                   .last_timestamp_ms = one.last_timestamp,
                   .coordinator_epoch = one.coordinator_epoch,
                   .transaction_start = if_any(one.transaction_start)});
  return out;
}

std::vector<LogDirDescription> describe(const std::vector<client::LogDir>& dirs) {
  std::vector<LogDirDescription> out;
  for (const client::LogDir& dir : dirs) {
    LogDirDescription& to = out.emplace_back();
    to.path = dir.path;
    if (dir.error != wire::ErrorCode::none) to.error = client::to_public(client::broker_failure(dir.error));
    to.total_bytes = if_any(dir.total_bytes);
    to.usable_bytes = if_any(dir.usable_bytes);
    for (const client::ReplicaSize& one : dir.replicas)
      to.replicas.push_back({to_partition(one.partition), one.size_bytes, one.offset_lag, one.is_future});
  }
  return out;
}

std::vector<QuorumReplica> describe(const std::vector<client::QuorumReplica>& replicas) {
  std::vector<QuorumReplica> out;
  for (const client::QuorumReplica& one : replicas)
    out.push_back({.id = one.id,
                   .directory_id = one.directory_id.to_string(),
                   .log_end_offset = one.log_end_offset,
                   .last_fetch_ms = if_any(one.last_fetch),
                   .last_caught_up_ms = if_any(one.last_caught_up)});
  return out;
}

client::FeatureUpgrade to_core(FeatureUpdate::Kind kind) {
  switch (kind) {
    case FeatureUpdate::Kind::upgrade:
      return client::FeatureUpgrade::upgrade;
    case FeatureUpdate::Kind::safe_downgrade:
      return client::FeatureUpgrade::safe_downgrade;
    case FeatureUpdate::Kind::unsafe_downgrade:
      return client::FeatureUpgrade::unsafe_downgrade;
  }
  MOLDAU_UNREACHABLE("a kind of update");
}

// One after the other: each has a coordinator of its own.
template <class T>
Task<Outcome<client::PerItem<std::string, T>>> each(AdminCore& admin, std::vector<std::string> ids,
                                                    Task<Outcome<T>> (TransactionAdmin::*call)(std::string)) {
  TransactionAdmin transactions(admin.cluster());
  client::PerItem<std::string, T> results;
  for (const std::string& id : ids) results.emplace_back(id, co_await (transactions.*call)(id));
  co_return results;
}

}  // namespace

Future<std::vector<TransactionListing>> Admin::list_transactions(TransactionFilter filter) {
  using Listed = Outcome<std::vector<client::TransactionListing>>;
  using Result = Expected<std::vector<TransactionListing>>;
  return state_->ask(
      [wanted = to_core(std::move(filter))](AdminCore& admin) -> Task<Listed> {
        TransactionAdmin transactions(admin.cluster());
        co_return co_await transactions.list(wanted);
      },
      [](auto listed) -> Result {
        if (!listed) return std::unexpected(client::to_public(std::move(listed).error()));
        std::vector<TransactionListing> out;
        for (auto& one : *listed) out.push_back({one.id, one.producer, one.state, one.coordinator});
        return out;
      });
}

Future<Admin::PerItem<std::string, TransactionDescription>> Admin::describe_transactions(
    std::vector<std::string> ids) {
  using Result = PerItem<std::string, TransactionDescription>;
  return state_->ask(
      [ids = std::move(ids)](AdminCore& admin) { return each(admin, ids, &TransactionAdmin::describe); },
      [](auto outcome) {
        return items<Result>(std::move(outcome), kSameName,
                             [](const client::TransactionDescription& one) { return describe(one); });
      });
}

Future<Admin::PerItem<TopicPartition, std::vector<ActiveProducer>>> Admin::describe_producers(
    std::vector<TopicPartition> partitions) {
  using Result = PerItem<TopicPartition, std::vector<ActiveProducer>>;
  return state_->ask(
      [wanted = sdk::to_core(partitions)](AdminCore& admin) { return admin.describe_producers(wanted); },
      [](auto outcome) {
        return items<Result>(std::move(outcome), to_partition,
                             [](const auto& producers) { return describe(producers); });
      });
}

Future<void> Admin::abort_transaction(TopicPartition partition, ActiveProducer producer) {
  const client::AbortMarker marker{.partition = sdk::to_core(partition),
                                   .producer = producer.producer_id,
                                   .epoch = static_cast<ProducerEpoch>(producer.producer_epoch),
                                   .coordinator_epoch = std::max(producer.coordinator_epoch, 0)};
  return state_->ask(
      [marker](AdminCore& admin) -> Task<Outcome<void>> {
        TransactionAdmin transactions(admin.cluster());
        co_return co_await transactions.write(marker);
      },
      [](auto written) { return client::to_public(std::move(written)); });
}

Future<Admin::PerItem<std::string, FencedProducer>> Admin::fence_producers(std::vector<std::string> ids) {
  using Result = PerItem<std::string, FencedProducer>;
  return state_->ask(
      [ids = std::move(ids)](AdminCore& admin) { return each(admin, ids, &TransactionAdmin::fence); },
      [](auto outcome) {
        return items<Result>(std::move(outcome), kSameName, [](const client::FencedProducer& one) {
          return FencedProducer{one.id, one.epoch};
        });
      });
}

Future<Admin::PerItem<std::int32_t, std::vector<LogDirDescription>>> Admin::describe_log_dirs(
    std::vector<std::int32_t> brokers) {
  using Result = PerItem<std::int32_t, std::vector<LogDirDescription>>;
  return state_->ask(
      [brokers = std::move(brokers)](AdminCore& admin) { return admin.describe_log_dirs(brokers); },
      [](auto outcome) {
        return items<Result>(
            std::move(outcome), [](std::int32_t id) { return id; },
            [](const std::vector<client::LogDir>& dirs) { return describe(dirs); });
      });
}

Future<QuorumDescription> Admin::describe_quorum() {
  return state_->ask([](AdminCore& admin) { return admin.describe_quorum(); },
                     [](auto quorum) -> Expected<QuorumDescription> {
                       if (!quorum) return std::unexpected(client::to_public(std::move(quorum).error()));
                       return QuorumDescription{.leader = quorum->leader,
                                                .leader_epoch = quorum->leader_epoch,
                                                .high_watermark = quorum->high_watermark,
                                                .voters = describe(quorum->voters),
                                                .observers = describe(quorum->observers)};
                     });
}

Future<std::vector<FeatureDescription>> Admin::describe_features() {
  using Result = Expected<std::vector<FeatureDescription>>;
  return state_->ask([](AdminCore& admin) { return admin.describe_features(); },
                     [](auto described) -> Result {
                       if (!described)
                         return std::unexpected(client::to_public(std::move(described).error()));
                       std::vector<FeatureDescription> out;
                       for (auto& one : described->features)
                         out.push_back({one.name, one.supported_min, one.supported_max, one.finalized});
                       return out;
                     });
}

Future<Names> Admin::update_features(std::vector<FeatureUpdate> updates, bool validate_only) {
  std::vector<client::FeatureUpdate> wanted;
  for (FeatureUpdate& one : updates) wanted.push_back({std::move(one.name), one.level, to_core(one.kind)});
  return state_->ask(
      [wanted = std::move(wanted), validate_only](AdminCore& admin) {
        return admin.update_features(wanted, validate_only);
      },
      [](auto outcome) { return items<Names>(std::move(outcome), kSameName, kNothing); });
}

}  // namespace moldau::sdk

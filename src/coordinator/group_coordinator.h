// GroupCoordinator: the groups of those partitions of __consumer_offsets that this broker leads and that
// belong to one shard. Loads a partition's groups when it comes to lead it, drops them when it leads no
// longer; appends what an event changes, and lets an answer leave when the log is committed as far as the
// answer needs it. Lives on the shard of the partitions.
//
// An event is judged, appended and replayed within one turn of the loop, so that the next one sees what it
// has changed. Only a commit log without space keeps a partition's events waiting.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "coordinator/hosted_partitions.h"
#include "coordinator/image_topics.h"
#include "coordinator/settings.h"
#include "group/groups.h"
#include "metadata/image.h"
#include "runtime/wait.h"
#include "wire/error_code.h"

namespace moldau::coordinator {

// What a request is refused with: NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE;
// UNKNOWN_SERVER_ERROR for what is too large to be stored.
template <class T>
using GroupResult = std::expected<T, wire::ErrorCode>;

class GroupCoordinator {
 public:
  struct Parts {
    runtime::Executor& executor;
    runtime::WallClock& wall_clock;
    replication::PartitionSet& partitions;
    const Settings& settings;
    std::uint64_t seed = 0;
  };
  // What the parts refer to outlives this object.
  explicit GroupCoordinator(Parts parts);
  // REQUIRES: stop() has ended.
  ~GroupCoordinator();
  GroupCoordinator(const GroupCoordinator&) = delete;
  GroupCoordinator& operator=(const GroupCoordinator&) = delete;

  // The partitions are what this image says, which differs from the one before by `delta`.
  void apply(std::shared_ptr<const metadata::Image> image, const metadata::Delta& delta);
  // Whoever waits, or asks from here on, is told NOT_COORDINATOR.
  runtime::Task<void> stop();

  // --- requests; `at`: the partition that the group's id belongs to.
  // Answered with the group's next generation; unless nobody wants to know any more: abandon().
  runtime::Task<GroupResult<wire::JoinGroupResponse>> join(PartitionIndex at, wire::JoinGroupRequest request,
                                                           group::Client client, group::Ticket ticket);
  runtime::Task<GroupResult<wire::SyncGroupResponse>> sync(PartitionIndex at, wire::SyncGroupRequest request,
                                                           group::Client client, group::Ticket ticket);
  void abandon(PartitionIndex at, group::Ticket ticket);
  runtime::Task<GroupResult<wire::HeartbeatResponse>> heartbeat(PartitionIndex at,
                                                                wire::HeartbeatRequest request);
  runtime::Task<GroupResult<wire::ConsumerGroupHeartbeatResponse>> heartbeat(
      PartitionIndex at, wire::ConsumerGroupHeartbeatRequest request, group::Client client);
  runtime::Task<GroupResult<wire::LeaveGroupResponse>> leave(PartitionIndex at,
                                                             wire::LeaveGroupRequest request,
                                                             group::Client client);
  runtime::Task<GroupResult<wire::OffsetCommitResponse>> commit_offsets(PartitionIndex at,
                                                                        wire::OffsetCommitRequest request,
                                                                        group::Client client);
  // The guard of a transaction that offsets are about to be committed in: as Partition::guard_for.
  runtime::Task<GroupResult<replication::TransactionGuard>> guard_transaction(PartitionIndex at,
                                                                              ProducerId producer_id,
                                                                              ProducerEpoch epoch);
  // In that transaction, which ends by end_transaction(). `producer`: the request's.
  runtime::Task<GroupResult<wire::TxnOffsetCommitResponse>> commit_offsets(
      PartitionIndex at, wire::TxnOffsetCommitRequest request, StateLog::Producer producer);
  // The marker of a transaction in which offsets were committed. None, once it is committed itself; else what
  // WriteTxnMarkers answers for a partition.
  runtime::Task<wire::ErrorCode> end_transaction(PartitionIndex at, record::EndTransaction marker,
                                                 std::int16_t transaction_version);
  runtime::Task<GroupResult<wire::OffsetFetchResponse::Group>> fetch_offsets(
      PartitionIndex at, wire::OffsetFetchRequest::Group request, bool require_stable);
  runtime::Task<GroupResult<wire::OffsetDeleteResponse>> delete_offsets(PartitionIndex at,
                                                                        wire::OffsetDeleteRequest request);
  runtime::Task<GroupResult<wire::DescribeGroupsResponse::Group>> describe(PartitionIndex at,
                                                                           std::string group_id,
                                                                           wire::ApiVersion version);
  runtime::Task<GroupResult<wire::ConsumerGroupDescribeResponse::Group>> describe_consumers(
      PartitionIndex at, std::string group_id);
  runtime::Task<GroupResult<wire::ErrorCode>> delete_group(PartitionIndex at, std::string group_id);
  // Of all its partitions.
  runtime::Task<GroupResult<std::vector<wire::ListGroupsResponse::Group>>> list(
      wire::ListGroupsRequest filters);

  // For metrics: of all its partitions that are loaded.
  std::vector<group::Glance> glances() const;
  // For those who watch from outside: by partition, once it is loaded.
  std::map<PartitionIndex, std::uint64_t> state_hashes() const;

 private:
  // A request that waits for what others do.
  struct Waiting {
    explicit Waiting(runtime::Executor& executor) : shot(executor) {}
    runtime::OneShot shot;
    std::optional<group::Answer> answer;
  };
  struct Hosted : HostedPartition {
    using HostedPartition::HostedPartition;
    std::unique_ptr<group::Groups> groups;
    std::map<group::Ticket, Waiting*> waiting;
    std::map<std::string, TopicId> forgotten;  // topics that went while it was loaded
    runtime::TimerId alarm = runtime::TimerId::none;
    group::Time alarm_at = group::kNever;
    std::size_t size() const { return groups->size(); }
  };
  using HostedPtr = std::shared_ptr<Hosted>;
  // Whether the records of an event take effect together or, when they are too many, one batch after another.
  enum class Batches : std::uint8_t { one, several };
  struct Written {
    Offset end = 0;
    wire::ErrorCode code = wire::ErrorCode::none;
  };

  group::Now now() const;
  runtime::Task<replication::PartitionResult<void>> read_log(Hosted& hosted, std::size_t& malformed);
  runtime::Task<void> loaded(HostedPtr hosted);
  void left(Hosted& hosted);
  void forget_topics(std::map<std::string, TopicId> topics);

  using Producer = std::optional<StateLog::Producer>;
  runtime::Task<Written> write(HostedPtr hosted, group::Records records, Batches batches,
                               Producer producer = {});
  void replay(Hosted& hosted, const group::Record& record, Offset offset, const Producer& producer) const;
  runtime::Task<wire::ErrorCode> committed(HostedPtr hosted, Offset end);
  void deliver(Hosted& hosted);
  // `body(Groups&)` gives an Outcome.
  template <class Body>
  auto run(PartitionIndex at, Batches batches, Body body, Producer producer = {})
      -> runtime::Task<GroupResult<decltype(body(std::declval<group::Groups&>()).response)>>;
  // `body(Groups&)` gives records; the answer comes when it comes.
  template <class Response, class Body>
  runtime::Task<GroupResult<Response>> run_and_wait(PartitionIndex at, std::string group_id,
                                                    group::Ticket ticket, Body body);

  void arm(const HostedPtr& hosted);
  runtime::Task<void> expire(HostedPtr hosted);
  runtime::Task<void> expire_offsets(HostedPtr hosted);

  Parts parts_;
  Random random_;
  HostedPartitions<Hosted> hosted_;
  std::shared_ptr<const metadata::Image> image_;
  std::shared_ptr<const ImageTopics> topics_;
};

}  // namespace moldau::coordinator

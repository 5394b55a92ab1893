// The clients of the cluster scenario: producers, consumers and an administrator, each on a machine of its
// own. They know every node's address, find leaders by Metadata and by the errors of those who lead no more,
// retry, and tell the Ledger everything, through every fault until `stopping`.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "record/codec.h"
#include "simulation/broker_client.h"
#include "simulation/ledger.h"
#include "simulation/metadata_observer.h"
#include "wire/messages/fetch.h"
#include "wire/messages/metadata.h"
#include "wire/messages/produce.h"

namespace moldau::simulation {

// Sentinels of ListOffsets.
inline constexpr TimestampMs kLatest = -1;
inline constexpr TimestampMs kEarliest = -2;

// What the clients of one scenario share.
struct ClusterWork {
  World& world;
  Ledger& ledger;
  MetadataObserver& metadata;
  unsigned nodes;  // ids 1 to this
  bool stopping = false;
  bool calm = false;           // faults have stopped: no client pauses for long any more
  std::set<NodeId> gone = {};  // for good
  std::function<void(MonotonicTime until)> expect_voters_change = {};
  bool retries_as_new = false;  // mutant of the client: a retry is sent as if it were new
};

// All its replicas are on nodes that are gone.
bool is_out_of_reach(const metadata::Partition& state, const std::set<NodeId>& gone);

class ClusterClient {
 public:
  ClusterClient(runtime::World& machine, ClusterWork& work);

 protected:
  using Epochs = std::map<TopicIdPartition, LeaderEpoch>;
  struct Link {
    explicit Link(runtime::Executor& executor) : connecting(executor, 1) {}
    std::shared_ptr<BrokerConnection> connection;
    runtime::Semaphore connecting;
    // What this connection has told: it may not know less when it is asked later (I-R15).
    Epochs epochs;
  };
  struct Leader {
    NodeId node = kNoNode;
    LeaderEpoch epoch = kNoEpoch;
    std::vector<NodeId> replicas;
  };

  // Null when there is none now; then some time has passed.
  runtime::Task<std::shared_ptr<BrokerConnection>> connect(NodeId node);
  NodeId any_node();
  // Asks when it is not known; node kNoNode: nobody knows now, and some time has passed.
  runtime::Task<Leader> leader_of(TopicIdPartition key);
  // Its epoch stays: what an older one says is not believed any more (KIP-320).
  void forget_leader(const TopicIdPartition& key) { leaders_[key].node = kNoNode; }
  runtime::Task<bool> refresh();
  runtime::Task<void> pause(std::int64_t most_ms);
  bool stopping() const { return work_.stopping; }
  Ledger& ledger() { return work_.ledger; }
  Marks& marks() { return work_.world.marks(); }
  void problem(std::string what) { work_.ledger.report(std::move(what)); }
  std::optional<TopicIdPartition> draw_partition();
  // ListOffsets, of the leader: false when nobody can say now.
  runtime::Task<bool> list_offset(TopicIdPartition key, TimestampMs timestamp, Offset* found = nullptr);
  // Counts what is rare among the errors of Produce and Fetch. True: the leader has changed.
  bool note_error(wire::ErrorCode code);

  runtime::World& machine_;
  ClusterWork& work_;
  runtime::Executor& executor_;
  Random random_;

 private:
  void take_metadata(const wire::MetadataResponse& answer, NodeId from, const Epochs& before);
  static void note_epochs(const wire::MetadataResponse& answer, Epochs& told);

  std::map<NodeId, Link> links_;
  std::map<TopicIdPartition, Leader> leaders_;
};

class ClusterProducer : public ClusterClient {
 public:
  ClusterProducer(runtime::World& machine, ClusterWork& work);
  // Ends some time after `stopping`.
  runtime::Task<void> run();

 private:
  struct Batch {
    RecordId first = 0;
    std::int32_t count = 0;
    Sequence sequence = kNoSequence;
    Slice bytes = {};
    std::vector<SentRecord> records = {};
    int tries = 0;
    NodeId first_sent_to = kNoNode;
  };
  // One producer id's records to one partition, at most five batches of them in flight; or records of nobody.
  struct Session {
    TopicIdPartition key;
    ProducerId producer_id = kNoProducerId;
    ProducerEpoch producer_epoch = kNoProducerEpoch;
    Sequence next_sequence = 0;
    std::int16_t acks = -1;
    std::deque<Batch> unacknowledged = {};
    bool over = false;
    bool idempotent() const { return producer_id != kNoProducerId; }
  };
  enum class Fate : std::uint8_t { acknowledged, again, lost };

  runtime::Task<void> lane();
  runtime::Task<std::optional<Session>> start_session();
  runtime::Task<void> produce(Session& session);
  Batch make_batch(Session& session);
  Slice encode(const Session& session, const Batch& batch);
  void renew(Session& session, Batch& batch);
  wire::ProduceRequest request_for(const Session& session, const Batch& batch);
  runtime::Task<Result<wire::ProduceResponse>> send(std::shared_ptr<BrokerConnection> to, NodeId leader,
                                                    const Session& session, Batch& batch);
  runtime::Task<void> send_unanswered(std::shared_ptr<BrokerConnection> to, Session& session);
  Fate judge(Session& session, const Batch& batch, NodeId leader, const Result<wire::ProduceResponse>& answer,
             Offset before, bool at_head);
  Fate judge_sequence(Session& session, const Batch& batch, bool at_head);

  record::Codecs codecs_;
  std::set<TopicIdPartition> busy_;
  std::size_t window_;
};

class ClusterConsumer : public ClusterClient {
 public:
  ClusterConsumer(runtime::World& machine, ClusterWork& work);
  runtime::Task<void> run();

 private:
  // What one Fetch asked for.
  struct Asked {
    Offset position = 0;
    LeaderEpoch leader_epoch =
        kNoEpoch;  // that the leader was to know; kNoEpoch: a follower, or nothing said
  };
  using Questions = std::map<TopicIdPartition, Asked>;

  runtime::Task<void> poll();
  runtime::Task<void> reset();
  void take(const wire::FetchResponse& response, const Questions& asked);
  void take_partition(const TopicIdPartition& key, const Asked& asked,
                      const wire::FetchResponse::TopicResponse::PartitionResponse& answer);
  void out_of_range(const TopicIdPartition& key, const Asked& asked);

  bool from_followers_;
  std::map<TopicIdPartition, Offset> positions_;
  std::set<TopicIdPartition> lost_;  // their positions are gone: as auto.offset.reset=earliest
};

// Everything that an operator does to a cluster that goes on working.
class ClusterAdmin : public ClusterClient {
 public:
  ClusterAdmin(runtime::World& machine, ClusterWork& work);
  runtime::Task<void> run();
  // Reads every partition from its log start to its end, from its leader. False when that is not possible
  // now.
  runtime::Task<bool> read_back();
  // Where that was not possible.
  const std::string& unread() const { return unread_; }

 private:
  runtime::Task<void> create_topic();
  runtime::Task<void> delete_topic();
  runtime::Task<void> alter_config();
  runtime::Task<void> add_partitions();
  runtime::Task<void> delete_records();
  runtime::Task<void> reassign(bool cancel);
  runtime::Task<void> elect_leaders();
  runtime::Task<void> change_voters();
  runtime::Task<void> add_voter(NodeId node);
  runtime::Task<void> remove_voter(raft::ReplicaKey voter);
  runtime::Task<bool> read_partition(TopicIdPartition key);
  // Takes over what has happened to topics, known from what is committed.
  void look_at_topics();
  TopicModel design(const std::string& name, std::int16_t& replication_factor);
  std::string draw_name();

  std::string unread_;
  int next_name_ = 0;
  // Every topic that was ever asked for, by name, with all that was ever asked of it: a request may be
  // carried out late, more than once, and on the next topic of the name.
  std::map<std::string, TopicModel> designs_;
  std::vector<std::string> free_names_;  // of deleted topics
};

}  // namespace moldau::simulation

// The clients of the single-node scenario: a producer, a consumer and an administrator, each on a machine of
// its own. They tell the Auditor everything, and go on through every fault until `stopping`.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "record/codec.h"
#include "simulation/auditor.h"
#include "simulation/broker_client.h"
#include "wire/messages/fetch.h"
#include "wire/messages/metadata.h"
#include "wire/messages/produce.h"

namespace moldau::simulation {

// What the clients of one scenario share.
struct Workload {
  World& world;
  Auditor& auditor;
  runtime::Endpoint broker;
  bool stopping = false;
  bool calm = false;  // faults have stopped: no client pauses for long any more
  // Mutant of the client: a retry is sent as if it were new.
  bool retries_as_new = false;
};

// What every client does: a connection that is made again when it breaks, and pauses.
class SimulatedClient {
 public:
  SimulatedClient(runtime::World& machine, Workload& workload);

 protected:
  // Null when there is none now; then some time has passed.
  runtime::Task<std::shared_ptr<BrokerConnection>> connection();
  runtime::Task<void> pause(std::int64_t most_ms);
  bool stopping() const { return work_.stopping; }
  Auditor& auditor() { return work_.auditor; }
  void problem(std::string what) { work_.auditor.report(std::move(what)); }
  // A partition of a live topic at random; empty when there is none. Those of topics that may be deleted only
  // with `any`.
  std::optional<TopicIdPartition> draw_partition(bool any);

  runtime::World& machine_;
  Workload& work_;
  runtime::Executor& executor_;
  Random random_;

 private:
  std::shared_ptr<BrokerConnection> connection_;
  runtime::Semaphore connecting_;
};

class SimulatedProducer : public SimulatedClient {
 public:
  SimulatedProducer(runtime::World& machine, Workload& workload);
  // Ends some time after `stopping`.
  runtime::Task<void> run();

 private:
  struct Batch {
    RecordId first;
    std::int32_t count;
    Sequence sequence;
    Slice bytes;
    std::vector<SentRecord> records;
    int tries = 0;
  };
  // One producer id's records to one partition, at most five batches of them in flight.
  struct Session {
    TopicIdPartition key;
    ProducerId producer_id;
    ProducerEpoch producer_epoch;
    Sequence next_sequence = 0;
    std::deque<Batch> unacknowledged;
    std::uint64_t cuts = 0;  // of the partition when the session began
    bool over = false;
  };
  enum class Fate : std::uint8_t { acknowledged, again, lost };

  runtime::Task<void> lane();
  runtime::Task<std::optional<Session>> start_session();
  runtime::Task<void> produce(Session& session);
  // One request for several partitions, of records without a producer id: they are sent once.
  runtime::Task<void> produce_wide();
  void take_wide(const wire::ProduceResponse& response, const std::map<TopicIdPartition, Batch>& batches,
                 const std::map<TopicIdPartition, Snapshot>& before);
  Batch make_batch(Session& session);
  Slice encode(const Session& session, const Batch& batch);
  runtime::Task<Result<wire::ProduceResponse>> send(std::shared_ptr<BrokerConnection> connection,
                                                    const Session& session, Batch& batch);
  Fate judge(Session& session, const Batch& batch, const Result<wire::ProduceResponse>& answer,
             const Snapshot& before, bool at_head);

  record::Codecs codecs_;
  wire::ApiVersion version_;
  std::set<TopicIdPartition> busy_;
  std::size_t window_;
};

class SimulatedConsumer : public SimulatedClient {
 public:
  SimulatedConsumer(runtime::World& machine, Workload& workload);
  runtime::Task<void> run();

 private:
  struct Position {
    Offset offset = 0;
    bool in_session = false;
    Offset asked = -1;  // what the session knows
  };

  runtime::Task<void> poll();
  wire::FetchRequest make_request(std::map<TopicIdPartition, Snapshot>& before);
  void take(const wire::FetchResponse& response, const std::map<TopicIdPartition, Snapshot>& before);
  void take_partition(const TopicIdPartition& key,
                      const wire::FetchResponse::TopicResponse::PartitionResponse& answer,
                      const Snapshot& before);
  void refresh_partitions();
  void forget_session();

  wire::ApiVersion version_;
  bool uses_ids_;
  bool uses_sessions_;
  std::int8_t isolation_;
  std::map<TopicIdPartition, Position> positions_;
  std::set<TopicIdPartition> dropped_;  // to be told to the session
  std::int32_t session_id_ = 0;
  std::int32_t session_epoch_ = 0;
};

// Creates and deletes topics, alters configs, adds partitions, deletes records, and asks what is there.
class SimulatedAdmin : public SimulatedClient {
 public:
  SimulatedAdmin(runtime::World& machine, Workload& workload, bool retention, bool page_cache);
  runtime::Task<void> run();
  // Asks for everything once more and compares. False when no complete answer came.
  runtime::Task<bool> check_metadata();
  // Reads every partition from its log start to its end. False when that is not possible now.
  runtime::Task<bool> read_back();

 private:
  struct Creation {
    TopicModel topic;  // without id
  };
  runtime::Task<void> create_topic(bool stable);
  runtime::Task<void> delete_topic();
  runtime::Task<void> alter_config();
  runtime::Task<void> add_partitions();
  runtime::Task<void> delete_records();
  runtime::Task<bool> list_offset(TopicIdPartition key, TimestampMs timestamp, Offset* found = nullptr);
  runtime::Task<bool> look_at_topics();
  runtime::Task<bool> look_at_configs(TopicModel& topic);
  runtime::Task<bool> read_partition(TopicIdPartition key);
  void adopt(const std::string& name, const TopicId& id, std::int32_t partitions);

  bool retention_;
  bool page_cache_;
  int next_name_ = 0;
  std::map<std::string, TopicModel> creations_;  // sent and not yet known to have happened, by name
  std::vector<std::string> free_names_;          // of deleted topics
};

}  // namespace moldau::simulation

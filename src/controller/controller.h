// Controller: the rules of the cluster's metadata. Each function takes a request and the image that it is to
// be judged by, and answers with a response and the records that make it true. Nothing has changed yet when
// it returns: the caller submits the records and sends the response once they are committed. Pure: no I/O, no
// clock, no state but its settings; safe on any shard.
//
// The image must be the newest one of the active controller, uncommitted records included
// (quorum::MetadataQuorum::leader_image()), or two requests could contradict each other: judge and submit
// without waiting for anything in between. Whether the client may do what it asks is not judged here. Error
// codes and messages are Kafka's.
//
// Every change of a partition goes through one builder (partition_change.h), which elects and keeps ISR and
// ELR; a partition is changed by at most one record of an outcome. Records that do not fit the image do not
// come out of here, nor configs that would not be valid (RA-16).
//
// Atomicity (RA-15): the records of an outcome are committed together, unless it says that it is `divisible`:
// then each prefix of them is a sound state too, and what is left undone by a crash the next controller finds
// again by itself (a session that expires, a heartbeat, a partition without a leader).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "config/topic_config.h"
#include "controller/broker_sessions.h"
#include "metadata/image.h"
#include "wire/messages/allocate_producer_ids.h"
#include "wire/messages/alter_configs.h"
#include "wire/messages/alter_partition.h"
#include "wire/messages/alter_partition_reassignments.h"
#include "wire/messages/assign_replicas_to_dirs.h"
#include "wire/messages/broker_heartbeat.h"
#include "wire/messages/broker_registration.h"
#include "wire/messages/controller_registration.h"
#include "wire/messages/create_partitions.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/delete_topics.h"
#include "wire/messages/elect_leaders.h"
#include "wire/messages/incremental_alter_configs.h"
#include "wire/messages/list_partition_reassignments.h"
#include "wire/messages/unregister_broker.h"
#include "wire/messages/update_features.h"

namespace moldau::controller {

// The most partitions that one request may create.
inline constexpr std::int64_t kMaxPartitionsPerRequest = 10'000;
// The most records of an outcome that is not divisible; a request that would need more is refused with
// POLICY_VIOLATION. A record takes 30 to 150 bytes with three replicas: such an outcome stays below the 8 MiB
// of one submit() (quorum::QuorumOptions::max_batch_bytes).
inline constexpr std::size_t kMaxRecordsPerOperation = 20'000;
// Producer ids are handed to brokers in blocks (kafka-protocol.md, AllocateProducerIds).
inline constexpr std::int32_t kProducerIdBlockSize = 1000;

inline constexpr std::string_view kTooManyRecords = "Unable to perform excessively large batch operation.";

template <class Response>
struct Outcome {
  Response response;
  std::vector<metadata::Record> records;  // to be committed together; empty: nothing changes
  bool divisible = false;                 // pieces of them may be committed one after the other, in order
};

// The records of a divisible outcome in pieces that one submit() takes. All of them are judged by the same
// image: submit every piece before waiting for the first, or somebody else's change comes between them.
std::vector<std::vector<metadata::Record>> in_pieces(std::vector<metadata::Record> records,
                                                     std::size_t max_records = kMaxRecordsPerOperation);

struct ControllerSettings {
  config::ConfigMap static_broker;  // Settings::broker: defaults of partitions, replication and topic configs
  bool elects_fenced = false;       // ElectionRules'
};

class Controller {
 public:
  explicit Controller(ControllerSettings settings) : settings_(std::move(settings)) {}
  const ControllerSettings& settings() const { return settings_; }

  // All topics of the request are judged one by one: some may fail while others are created. With
  // `validate_only` the answer is the same and there are no records.
  Outcome<wire::CreateTopicsResponse> create_topics(const metadata::Image& image,
                                                    const wire::CreateTopicsRequest& request,
                                                    Random& random) const;
  // By name (`topic_names`, or `topics` with names) and by id.
  Outcome<wire::DeleteTopicsResponse> delete_topics(const metadata::Image& image,
                                                    const wire::DeleteTopicsRequest& request) const;
  Outcome<wire::CreatePartitionsResponse> create_partitions(const metadata::Image& image,
                                                            const wire::CreatePartitionsRequest& request,
                                                            Random& random) const;

  // Resources of topics, brokers and the default of all brokers (a broker without a name). Loggers are the
  // broker's own business and do not come here.
  Outcome<wire::AlterConfigsResponse> alter_configs(const metadata::Image& image,
                                                    const wire::AlterConfigsRequest& request) const;
  Outcome<wire::IncrementalAlterConfigsResponse> incremental_alter_configs(
      const metadata::Image& image, const wire::IncrementalAlterConfigsRequest& request) const;

  // KIP-584. All updates or none, and only what every registered broker and controller supports. Turning
  // eligible leader replicas on brings the configs that make them safe (see activation_records()).
  // `kraft_version`: the level of that feature, which is the quorum's own matter and in no record of ours; it
  // may be asked for as it is.
  Outcome<wire::UpdateFeaturesResponse> update_features(const metadata::Image& image,
                                                        const wire::UpdateFeaturesRequest& request,
                                                        std::int16_t kraft_version) const;

  // --- brokers and controllers.

  // What a new active controller commits before anything else; mostly nothing. With eligible leader replicas
  // the cluster has one `min.insync.replicas` for all brokers (KIP-966): it is written down here, and values
  // of single brokers are removed.
  std::vector<metadata::Record> activation_records(const metadata::Image& image) const;

  // A broker comes (back): fenced, under a new epoch, which is the offset of its record when the records are
  // submitted at `next_offset`. What an earlier process of the id led or was in sync with is given up first:
  // see brokers.cc for what an unclean shutdown or another log directory costs. `has_live_session`:
  // BrokerSessions::is_live(); another incarnation is refused while it holds (RA-25). The same incarnation
  // again is answered as before, without records.
  Outcome<wire::BrokerRegistrationResponse> register_broker(const metadata::Image& image,
                                                            const wire::BrokerRegistrationRequest& request,
                                                            Offset next_offset, bool has_live_session) const;
  // Unfences a broker that has applied its own registration, fences one that wants it, takes leadership and
  // ISR membership from one that wants to shut down, and tells it to go once it leads nothing and everybody
  // knows. Directories that are reported offline lose their replicas. A broker that has all of its
  // directories cordoned, for want of room, leads nothing where others in sync can (partitions_handed_over).
  // `sessions` is read only: tell it of the heartbeat afterwards. CurrentMetadataOffset is that of the last
  // record which the broker has applied (Image::end_offset() - 1). Divisible.
  Outcome<wire::BrokerHeartbeatResponse> heartbeat(const metadata::Image& image,
                                                   const wire::BrokerHeartbeatRequest& request,
                                                   const BrokerSessions& sessions) const;
  // The session of the broker has expired. No records when it is fenced already or not registered. Divisible:
  // the broker is fenced by the last record.
  std::vector<metadata::Record> fence_broker(const metadata::Image& image, NodeId broker) const;
  // The broker is gone for good; its replicas stay assigned to it, as in Kafka.
  Outcome<wire::UnregisterBrokerResponse> unregister_broker(
      const metadata::Image& image, const wire::UnregisterBrokerRequest& request) const;
  // KIP-919: each controller tells where it can be reached, also the active one.
  Outcome<wire::ControllerRegistrationResponse> register_controller(
      const metadata::Image& image, const wire::ControllerRegistrationRequest& request) const;

  // --- partitions.

  // A leader wants another ISR (KIP-497, 841, 903, 966). Each partition is judged by itself. The answer is
  // the state after the records. Versions: `new_isr` is read when `new_isr_with_epochs` is empty.
  Outcome<wire::AlterPartitionResponse> alter_partition(const metadata::Image& image,
                                                        const wire::AlterPartitionRequest& request) const;
  // Starts, replaces or (without replicas) cancels reassignments. One that is replaced keeps in mind what the
  // replicas were before the first: cancelling leads back there.
  Outcome<wire::AlterPartitionReassignmentsResponse> alter_partition_reassignments(
      const metadata::Image& image, const wire::AlterPartitionReassignmentsRequest& request) const;
  // Without records; `image` should be the committed one.
  Outcome<wire::ListPartitionReassignmentsResponse> list_partition_reassignments(
      const metadata::Image& image, const wire::ListPartitionReassignmentsRequest& request) const;
  // Preferred or unclean elections on demand; divisible.
  Outcome<wire::ElectLeadersResponse> elect_leaders(const metadata::Image& image,
                                                    const wire::ElectLeadersRequest& request) const;
  // In which of its directories a broker has placed replicas (KIP-858).
  Outcome<wire::AssignReplicasToDirsResponse> assign_replicas_to_dirs(
      const metadata::Image& image, const wire::AssignReplicasToDirsRequest& request) const;

  // Every `leader.imbalance.check.interval.seconds` when `auto.leader.rebalance.enable`: the preferred
  // replica leads wherever it is in sync and alive (RP-20). At most `max_records` records; call again at once
  // when there are that many. Divisible.
  std::vector<metadata::Record> balance_leaders(const metadata::Image& image,
                                                std::size_t max_records = 1000) const;
  // Every `unclean.leader.election.interval.ms`, and when configs have changed: partitions without a leader
  // get one where their topic's `unclean.leader.election.enable` allows, or a clean one after all (RP-16). At
  // most `max_records` records. Divisible.
  std::vector<metadata::Record> elect_unclean_where_allowed(const metadata::Image& image,
                                                            std::size_t max_records = 1000) const;

  Outcome<wire::AllocateProducerIdsResponse> allocate_producer_ids(
      const metadata::Image& image, const wire::AllocateProducerIdsRequest& request) const;

  // What DescribeConfigs is computed from for a topic (may be empty) on a broker. Borrows from the image and
  // from this object.
  config::ConfigLayers layers(const metadata::Image& image, std::string_view topic, NodeId broker) const;

 private:
  ControllerSettings settings_;
};

}  // namespace moldau::controller

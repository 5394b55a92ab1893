// Controller: the rules of the cluster's metadata. Each function takes a request and the image that it is to
// be judged by, and answers with a response and the records that make it true. Nothing has changed yet when
// it returns: the caller submits the records and sends the response once they are committed. Pure: no I/O, no
// clock, no state but its settings; safe on any shard.
//
// The image must be the newest one of the active controller, uncommitted records included
// (quorum::MetadataQuorum::leader_image()), or two requests could contradict each other. Whether the client
// may do what it asks is not judged here. Error codes and messages are Kafka's.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "config/topic_config.h"
#include "metadata/image.h"
#include "wire/messages/allocate_producer_ids.h"
#include "wire/messages/alter_configs.h"
#include "wire/messages/broker_heartbeat.h"
#include "wire/messages/broker_registration.h"
#include "wire/messages/create_partitions.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/delete_topics.h"
#include "wire/messages/incremental_alter_configs.h"
#include "wire/messages/update_features.h"

namespace moldau::controller {

// The most partitions that one request may create, and the most records of one operation.
inline constexpr std::int64_t kMaxPartitionsPerRequest = 10'000;
// Producer ids are handed to brokers in blocks (kafka-protocol.md, AllocateProducerIds).
inline constexpr std::int32_t kProducerIdBlockSize = 1000;

template <class Response>
struct Outcome {
  Response response;
  std::vector<metadata::Record> records;  // to be committed together; empty: nothing changes
};

struct ControllerSettings {
  config::ConfigMap static_broker;  // Settings::broker: defaults of partitions, replication and topic configs
};

class Controller {
 public:
  explicit Controller(ControllerSettings settings) : settings_(std::move(settings)) {}

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

  // KIP-584. Only what every registered broker supports.
  Outcome<wire::UpdateFeaturesResponse> update_features(const metadata::Image& image,
                                                        const wire::UpdateFeaturesRequest& request) const;

  // A broker comes (back): fenced, under the new epoch `epoch`, which must be above every epoch before (the
  // offset of the record is). `has_live_session`: the broker of that id was heard of within its session time.
  Outcome<wire::BrokerRegistrationResponse> register_broker(const metadata::Image& image,
                                                            const wire::BrokerRegistrationRequest& request,
                                                            metadata::BrokerEpoch epoch,
                                                            bool has_live_session) const;
  // Unfences a broker that has caught up with the metadata, fences one that wants it, moves leadership away
  // from one that wants to shut down. `registered_at`: the offset of its registration record.
  Outcome<wire::BrokerHeartbeatResponse> heartbeat(const metadata::Image& image,
                                                   const wire::BrokerHeartbeatRequest& request) const;
  // The session of the broker has expired. No records when it is fenced already or not registered.
  std::vector<metadata::Record> fence_broker(const metadata::Image& image, NodeId broker) const;

  Outcome<wire::AllocateProducerIdsResponse> allocate_producer_ids(
      const metadata::Image& image, const wire::AllocateProducerIdsRequest& request) const;

  // What DescribeConfigs is computed from for a topic (may be empty) on a broker. Borrows from the image and
  // from this object.
  config::ConfigLayers layers(const metadata::Image& image, std::string_view topic, NodeId broker) const;

 private:
  ControllerSettings settings_;
};

}  // namespace moldau::controller

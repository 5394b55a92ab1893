// FakeBroker: a scripted broker on the simulated network. Speaks real frames; answers from a small model of
// topics and logs, or as a test's script says. Several of them form a cluster that shares one FakeCluster.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "record/batch.h"
#include "record/builder.h"
#include "runtime/wait.h"
#include "simulation/world.h"
#include "wire/frame.h"
#include "wire/messages/api_versions.h"
#include "wire/messages/fetch.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/list_offsets.h"
#include "wire/messages/metadata.h"
#include "wire/messages/produce.h"

namespace moldau::client {

struct FakePartition {
  NodeId leader = 0;
  LeaderEpoch epoch = 1;
  std::vector<Slice> batches;  // base offsets set
  Offset end = 0;
  Offset start = 0;
  // As Kafka's: per producer id the epoch and the next sequence, and what each sequence got.
  struct Producer {
    ProducerEpoch epoch = -1;
    Sequence next = 0;
    std::map<Sequence, Offset> appended;
  };
  std::map<ProducerId, Producer> producers;
};

struct FakeTopic {
  TopicId id;
  std::vector<FakePartition> partitions;
};

class FakeBroker;

struct FakeCluster {
  std::map<std::string, FakeTopic> topics;
  std::vector<FakeBroker*> brokers;
  ProducerId next_producer_id = 1000;
  FakePartition& partition(const std::string& topic, PartitionIndex index) {
    return topics.at(topic).partitions.at(static_cast<std::size_t>(index));
  }
  void add_topic(const std::string& name, int partitions, NodeId leader = 0);
};

class FakeBroker {
 public:
  // What to do with one request instead of the model's answer.
  struct Script {
    enum class Kind { answer_normally, drop_connection, drop_after_apply, never_answer, raw } kind;
    Slice raw;  // a whole frame without its size, or with it when raw_frame
    bool raw_frame = false;
  };
  // Looks at each request; empty: the model answers.
  using Hook = std::function<std::optional<Script>(const wire::RequestFrame&)>;

  FakeBroker(simulation::World& world, FakeCluster& cluster, NodeId id, std::uint16_t port);

  // From now on it serves this kind of request, in all versions that we know: `function` makes the answer.
  template <class Request, class Response>
  void serves(std::function<Response(const Request&)> function) {
    ranges[Request::kKey] = {Request::kMinVersion, Request::kMaxVersion};
    served_[Request::kKey] = [function = std::move(function)](const wire::RequestFrame& frame) {
      const auto version = frame.header.api_version;
      return wire::encode_response(frame.header.correlation_id, version,
                                   function(*Request::decode(frame.body, version)));
    };
  }
  runtime::Task<void> stop();

  Hook hook;
  std::map<wire::ApiKey, std::pair<wire::ApiVersion, wire::ApiVersion>> ranges;  // told and checked
  wire::ApiVersion api_versions_max = 4;
  std::function<void(wire::ProduceResponse&, const wire::ProduceRequest&)> edit_produce;
  std::function<void(wire::FetchResponse&, const wire::FetchRequest&)> edit_fetch;
  std::function<std::optional<wire::ErrorCode>(const wire::ProduceRequest::TopicData&,
                                               const wire::ProduceRequest::TopicData::PartitionData&)>
      produce_error;
  bool hints = true;  // leader hints in Produce and Fetch

  runtime::Endpoint endpoint() const { return {"127.0.0.1", port_}; }
  NodeId id() const { return id_; }
  std::vector<wire::RequestHeader> seen;  // every request
  std::vector<wire::FetchRequest> fetches;
  unsigned connections = 0;
  void drop_connections();
  std::size_t count(wire::ApiKey key) const;

 private:
  struct Peer;
  using PeerPtr = std::shared_ptr<Peer>;
  runtime::Task<void> accept_loop();
  runtime::Task<void> serve(PeerPtr peer);
  runtime::Task<bool> answer(PeerPtr peer, wire::RequestFrame request);
  SliceList model_answer(const wire::RequestFrame& request, bool& closes);
  wire::ApiVersionsResponse versions() const;
  wire::MetadataResponse metadata(const wire::MetadataRequest& request);
  wire::ProduceResponse produce(const wire::ProduceRequest& request);
  wire::FetchResponse fetch(const wire::FetchRequest& request);
  wire::ListOffsetsResponse list_offsets(const wire::ListOffsetsRequest& request);
  wire::ErrorCode append(FakePartition& partition, Slice batch, Offset& base_offset);
  std::string name_of(const std::string& name, const TopicId& id) const;
  bool has_data(const wire::FetchRequest& request);

  std::map<wire::ApiKey, std::function<SliceList(const wire::RequestFrame&)>> served_;
  simulation::World& world_;
  FakeCluster& cluster_;
  NodeId id_;
  std::uint16_t port_;
  std::unique_ptr<runtime::Listener> listener_;
  std::vector<PeerPtr> peers_;
  runtime::Gate gate_;

 public:
  // The fetch session that is open, if any: what the client may send next.
  std::int32_t session_id = 0;
  std::int32_t session_epoch = 0;
  std::map<std::pair<std::string, PartitionIndex>, Offset> session;
  bool forget_session = false;
};

}  // namespace moldau::client

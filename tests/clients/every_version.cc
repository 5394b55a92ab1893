// every_version HOST PORT API-VERSIONS.TSV SEED: speaks every API at every version to a live node. Checks
// that what ApiVersions tells is what Apache Kafka 4.3 tells for the same APIs, that an empty request and
// random ones of every version get an answer of the right form, and that a round of topic, records and
// offsets works at every version. Prints each failure as a line; exit code 1 if there was one.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>

#include "base/crc32c.h"
#include "base/random.h"
#include "wire/api.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/messages/add_offsets_to_txn.h"
#include "wire/messages/add_partitions_to_txn.h"
#include "wire/messages/add_raft_voter.h"
#include "wire/messages/alter_configs.h"
#include "wire/messages/alter_partition_reassignments.h"
#include "wire/messages/api_versions.h"
#include "wire/messages/consumer_group_describe.h"
#include "wire/messages/consumer_group_heartbeat.h"
#include "wire/messages/create_partitions.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/delete_groups.h"
#include "wire/messages/delete_records.h"
#include "wire/messages/delete_topics.h"
#include "wire/messages/describe_cluster.h"
#include "wire/messages/describe_configs.h"
#include "wire/messages/describe_groups.h"
#include "wire/messages/describe_log_dirs.h"
#include "wire/messages/describe_producers.h"
#include "wire/messages/describe_quorum.h"
#include "wire/messages/describe_topic_partitions.h"
#include "wire/messages/describe_transactions.h"
#include "wire/messages/elect_leaders.h"
#include "wire/messages/end_txn.h"
#include "wire/messages/fetch.h"
#include "wire/messages/find_coordinator.h"
#include "wire/messages/heartbeat.h"
#include "wire/messages/incremental_alter_configs.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/join_group.h"
#include "wire/messages/leave_group.h"
#include "wire/messages/list_config_resources.h"
#include "wire/messages/list_groups.h"
#include "wire/messages/list_offsets.h"
#include "wire/messages/list_partition_reassignments.h"
#include "wire/messages/list_transactions.h"
#include "wire/messages/metadata.h"
#include "wire/messages/offset_commit.h"
#include "wire/messages/offset_delete.h"
#include "wire/messages/offset_fetch.h"
#include "wire/messages/offset_for_leader_epoch.h"
#include "wire/messages/produce.h"
#include "wire/messages/remove_raft_voter.h"
#include "wire/messages/sync_group.h"
#include "wire/messages/txn_offset_commit.h"
#include "wire/messages/unregister_broker.h"
#include "wire/messages/update_features.h"
#include "wire/messages/write_txn_markers.h"

using namespace moldau;
using namespace moldau::wire;

namespace {

constexpr int kAnswerSeconds = 15;
constexpr int kRandomRequests = 100;  // of each version
constexpr ApiVersion kProduceServedFrom = 3;
int failures = 0;

void complain(const std::string& text) {
  ++failures;
  std::printf("FAILED: %s\n", text.c_str());
}

std::string name_of(ApiKey key, ApiVersion version) {
  return std::string(wire::name_of(key)) + " v" + std::to_string(version);
}

// ---- a connection
// -------------------------------------------------------------------------------------------

class Peer {
 public:
  explicit Peer(const sockaddr_in& address) : address_(address) {}
  ~Peer() { hang_up(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // The answer's frame without its size; nothing when the connection ended or stayed silent.
  std::optional<Slice> ask(const SliceList& request) {
    if (socket_ < 0) connect();
    for (const Slice& slice : request) {
      if (send(socket_, slice.data(), slice.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(slice.size()))
        return lost();
    }
    const auto prefix = receive(4);
    if (!prefix) return lost();
    const auto frame = receive(load_be<std::uint32_t>(prefix->data()));
    return frame ? Slice::take(*frame) : lost();
  }

 private:
  void connect() {
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    const timeval patience{kAnswerSeconds, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address_), sizeof address_) == 0) return;
    std::perror("connect");
    std::exit(1);
  }
  void hang_up() {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
  }
  std::optional<Slice> lost() {
    hang_up();
    return std::nullopt;
  }
  std::optional<std::vector<std::byte>> receive(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t at = 0; at < size;) {
      const ssize_t got = recv(socket_, bytes.data() + at, size - at, 0);
      if (got <= 0) return std::nullopt;
      at += static_cast<std::size_t>(got);
    }
    return bytes;
  }

  sockaddr_in address_;
  int socket_ = -1;
};

std::int32_t next_correlation_id() {
  static std::int32_t last = 1000;
  return ++last;
}

// The body of the answer, checked as far as its header.
template <class Request>
std::optional<Slice> ask(Peer& peer, ApiVersion version, const Request& request) {
  const RequestHeader header{Request::kKey, version, next_correlation_id(), "every-version"};
  const auto frame = peer.ask(encode_request(header, request));
  if (!frame) {
    complain(name_of(Request::kKey, version) + ": no answer to " + request.to_json(version));
    return std::nullopt;
  }
  const auto response = decode_response_frame(*frame, Request::kKey, version);
  if (!response || response->correlation_id != header.correlation_id) {
    complain(name_of(Request::kKey, version) + ": the answer's header is wrong");
    return std::nullopt;
  }
  return response->body;
}

template <class Response, class Request>
std::optional<Response> call(Peer& peer, ApiVersion version, const Request& request) {
  const auto body = ask(peer, version, request);
  if (!body) return std::nullopt;
  auto response = Response::decode(*body, version);
  if (response) return std::move(*response);
  complain(name_of(Request::kKey, version) + ": the answer cannot be decoded: " + response.error().message +
           "; it answers " + request.to_json(version));
  return std::nullopt;
}

// ---- every API with empty and random requests
// ---------------------------------------------------------------

// What would keep the node from answering at once is taken out of random requests.
template <class Request>
void hurry(Request&) {}
void hurry(FetchRequest& request) { request.max_wait_ms = 10; }
void hurry(ProduceRequest& request) {
  if (request.acks == 0) request.acks = 1;
}
void hurry(JoinGroupRequest& request) { request.session_timeout_ms = 1; }  // too short: it joins nothing

template <class Request, class Response>
void try_version(Peer& peer, ApiVersion version, Random& random) {
  Request empty;
  hurry(empty);
  call<Response>(peer, version, empty);
  for (int i = 0; i < kRandomRequests; ++i) {
    Request request = Request::random(random, version);
    hurry(request);
    call<Response>(peer, version, request);
  }
}

using TryVersion = void (*)(Peer&, ApiVersion, Random&);
template <class Request, class Response>
constexpr std::pair<ApiKey, TryVersion> entry() {
  return {Request::kKey, try_version<Request, Response>};
}

const std::map<ApiKey, TryVersion> kRequests{
    entry<ProduceRequest, ProduceResponse>(),
    entry<FetchRequest, FetchResponse>(),
    entry<ListOffsetsRequest, ListOffsetsResponse>(),
    entry<MetadataRequest, MetadataResponse>(),
    entry<FindCoordinatorRequest, FindCoordinatorResponse>(),
    entry<ApiVersionsRequest, ApiVersionsResponse>(),
    entry<CreateTopicsRequest, CreateTopicsResponse>(),
    entry<DeleteTopicsRequest, DeleteTopicsResponse>(),
    entry<DeleteRecordsRequest, DeleteRecordsResponse>(),
    entry<InitProducerIdRequest, InitProducerIdResponse>(),
    entry<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>(),
    entry<DescribeConfigsRequest, DescribeConfigsResponse>(),
    entry<AlterConfigsRequest, AlterConfigsResponse>(),
    entry<DescribeLogDirsRequest, DescribeLogDirsResponse>(),
    entry<CreatePartitionsRequest, CreatePartitionsResponse>(),
    entry<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(),
    entry<DescribeQuorumRequest, DescribeQuorumResponse>(),
    entry<UpdateFeaturesRequest, UpdateFeaturesResponse>(),
    entry<DescribeClusterRequest, DescribeClusterResponse>(),
    entry<DescribeProducersRequest, DescribeProducersResponse>(),
    entry<ListConfigResourcesRequest, ListConfigResourcesResponse>(),
    entry<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>(),
    entry<ElectLeadersRequest, ElectLeadersResponse>(),
    entry<AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse>(),
    entry<ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse>(),
    entry<UnregisterBrokerRequest, UnregisterBrokerResponse>(),
    entry<AddRaftVoterRequest, AddRaftVoterResponse>(),
    entry<RemoveRaftVoterRequest, RemoveRaftVoterResponse>(),
    entry<JoinGroupRequest, JoinGroupResponse>(),
    entry<SyncGroupRequest, SyncGroupResponse>(),
    entry<HeartbeatRequest, HeartbeatResponse>(),
    entry<LeaveGroupRequest, LeaveGroupResponse>(),
    entry<OffsetCommitRequest, OffsetCommitResponse>(),
    entry<OffsetFetchRequest, OffsetFetchResponse>(),
    entry<OffsetDeleteRequest, OffsetDeleteResponse>(),
    entry<DescribeGroupsRequest, DescribeGroupsResponse>(),
    entry<ListGroupsRequest, ListGroupsResponse>(),
    entry<DeleteGroupsRequest, DeleteGroupsResponse>(),
    entry<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>(),
    entry<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse>(),
    entry<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>(),
    entry<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse>(),
    entry<EndTxnRequest, EndTxnResponse>(),
    entry<WriteTxnMarkersRequest, WriteTxnMarkersResponse>(),
    entry<TxnOffsetCommitRequest, TxnOffsetCommitResponse>(),
    entry<DescribeTransactionsRequest, DescribeTransactionsResponse>(),
    entry<ListTransactionsRequest, ListTransactionsResponse>(),
};

int try_everything(Peer& peer, const ApiVersionsResponse& told, std::uint64_t seed) {
  int versions = 0;
  for (const auto& api : told.api_keys) {
    const auto key = static_cast<ApiKey>(api.api_key);
    const auto request = kRequests.find(key);
    if (request == kRequests.end()) {
      complain("ApiVersions tells of key " + std::to_string(api.api_key) + ", which this test does not know");
      continue;
    }
    for (ApiVersion version = api.min_version; version <= api.max_version; ++version) {
      if (key == ApiKey::produce && version < kProduceServedFrom) continue;
      Random random(seed * 1000003 + static_cast<std::uint64_t>(api.api_key) * 100 + version);
      request->second(peer, version, random);
      ++versions;
    }
  }
  return versions;
}

// ---- what ApiVersions tells
// ---------------------------------------------------------------------------------

struct Range {
  int min;
  int max;
};

std::map<int, Range> ranges_of_kafka(const char* path) {
  std::map<int, Range> ranges;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] < '0' || line[0] > '9') continue;
    std::istringstream words(line);
    int key;
    std::string name;
    Range range;
    if (words >> key >> name >> range.min >> range.max) ranges[key] = range;
  }
  return ranges;
}

void check_ranges(const ApiVersionsResponse& told, std::map<int, Range> kafka) {
  kafka[static_cast<int>(ApiKey::produce)].min = 0;           // KAFKA-18659: told from 0, served from 3
  kafka[static_cast<int>(ApiKey::init_producer_id)].max = 5;  // 6 is unstable, so Kafka does not tell it
  for (const auto& api : told.api_keys) {
    const auto range = kafka.find(api.api_key);
    if (range == kafka.end()) {
      complain("ApiVersions tells of key " + std::to_string(api.api_key) + ", which Kafka 4.3 does not have");
    } else if (range->second.min != api.min_version || range->second.max != api.max_version) {
      complain(std::string(wire::name_of(static_cast<ApiKey>(api.api_key))) + ": told " +
               std::to_string(api.min_version) + ".." + std::to_string(api.max_version) +
               ", Kafka 4.3 tells " + std::to_string(range->second.min) + ".." +
               std::to_string(range->second.max));
    }
  }
}

void check_served(const ApiVersionsResponse& told) {
  for (const auto& [key, request] : kRequests) {
    bool found = false;
    for (const auto& api : told.api_keys) found |= api.api_key == static_cast<std::int16_t>(key);
    if (!found) complain(std::string(wire::name_of(key)) + " is not told by ApiVersions");
  }
}

// ---- a round of topic, records and offsets at every version
// -------------------------------------------------

constexpr std::int64_t kTimestamp = 1'700'000'000'000;

// A batch of one record without key, value or headers.
Slice one_record_batch() {
  std::vector<std::byte> batch(61);
  const std::byte record[] = {std::byte{12}, std::byte{0}, std::byte{0}, std::byte{0},
                              std::byte{1},  std::byte{1}, std::byte{0}};
  batch.insert(batch.end(), std::begin(record), std::end(record));
  std::byte* at = batch.data();
  store_be<std::int32_t>(at + 8, static_cast<std::int32_t>(batch.size() - 12));
  store_be<std::int32_t>(at + 12, -1);
  store_be<std::int8_t>(at + 16, 2);
  store_be<std::int64_t>(at + 27, kTimestamp);
  store_be<std::int64_t>(at + 35, kTimestamp);
  store_be<std::int64_t>(at + 43, -1);
  store_be<std::int16_t>(at + 51, -1);
  store_be<std::int32_t>(at + 53, -1);
  store_be<std::int32_t>(at + 57, 1);
  store_be<std::uint32_t>(at + 17, crc32c(ByteView(batch).subspan(21)));
  return Slice::take(std::move(batch));
}

void expect(bool holds, ApiKey key, ApiVersion version, const std::string& answer) {
  if (!holds) complain(name_of(key, version) + ": unexpected answer " + answer);
}

Uuid create_topic(Peer& peer, ApiVersion version, const std::string& name) {
  CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = 1;
  topic.replication_factor = 1;
  request.timeout_ms = 10000;
  const auto answer = call<CreateTopicsResponse>(peer, version, request);
  if (!answer) return {};
  expect(answer->topics.size() == 1 && answer->topics[0].error_code == ErrorCode::none, request.kKey, version,
         answer->to_json(version));
  return answer->topics.empty() ? Uuid{} : answer->topics[0].topic_id;
}

void produce_one(Peer& peer, ApiVersion version, const std::string& name, Uuid id,
                 std::int64_t expected_offset) {
  ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 10000;
  auto& topic = request.topic_data.emplace_back();
  topic.name = name;
  topic.topic_id = id;
  topic.partition_data.emplace_back().records = SliceList{one_record_batch()};
  const auto answer = call<ProduceResponse>(peer, version, request);
  if (!answer) return;
  const bool shaped = answer->responses.size() == 1 && answer->responses[0].partition_responses.size() == 1;
  expect(shaped && answer->responses[0].partition_responses[0].error_code == ErrorCode::none &&
             answer->responses[0].partition_responses[0].base_offset == expected_offset,
         request.kKey, version, answer->to_json(version));
}

void fetch_all(Peer& peer, ApiVersion version, const std::string& name, Uuid id, std::int64_t end) {
  FetchRequest request;
  request.replica_id = -1;
  request.max_wait_ms = 100;
  request.min_bytes = 1;
  request.max_bytes = 1 << 20;
  request.session_epoch = -1;
  auto& topic = request.topics.emplace_back();
  topic.topic = name;
  topic.topic_id = id;
  auto& partition = topic.partitions.emplace_back();
  partition.partition = 0;
  partition.current_leader_epoch = -1;
  partition.fetch_offset = 0;
  partition.partition_max_bytes = 1 << 20;
  const auto answer = call<FetchResponse>(peer, version, request);
  if (!answer) return;
  const bool shaped = answer->responses.size() == 1 && answer->responses[0].partitions.size() == 1;
  if (!shaped) return expect(false, request.kKey, version, answer->to_json(version));
  const auto& got = answer->responses[0].partitions[0];
  const std::size_t bytes = got.records ? size_of(*got.records) : 0;
  expect(got.error_code == ErrorCode::none && got.high_watermark == end &&
             bytes == static_cast<std::size_t>(end) * one_record_batch().size(),
         request.kKey, version, answer->to_json(version));
}

void look_up(Peer& peer, ApiVersion version, const std::string& name, std::int64_t timestamp,
             std::int64_t expected) {
  ListOffsetsRequest request;
  request.replica_id = -1;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  auto& partition = topic.partitions.emplace_back();
  partition.partition_index = 0;
  partition.current_leader_epoch = -1;
  partition.timestamp = timestamp;
  const auto answer = call<ListOffsetsResponse>(peer, version, request);
  if (!answer) return;
  const bool shaped = answer->topics.size() == 1 && answer->topics[0].partitions.size() == 1;
  expect(shaped && answer->topics[0].partitions[0].error_code == ErrorCode::none &&
             answer->topics[0].partitions[0].offset == expected,
         request.kKey, version, answer->to_json(version));
}

void describe(Peer& peer, ApiVersion version, const std::string& name, Uuid id) {
  MetadataRequest request;
  request.topics.emplace().emplace_back().name = name;
  const auto answer = call<MetadataResponse>(peer, version, request);
  if (!answer) return;
  expect(answer->topics.size() == 1 && answer->topics[0].error_code == ErrorCode::none &&
             answer->topics[0].partitions.size() == 1 && answer->brokers.size() == 1 &&
             (version < 10 || answer->topics[0].topic_id == id),
         request.kKey, version, answer->to_json(version));
}

template <class Request>
void for_each_version(const std::function<void(ApiVersion)>& visit) {
  for (ApiVersion version = Request::kMinVersion; version <= Request::kMaxVersion; ++version) visit(version);
}

void check_round(Peer& peer, const std::string& prefix) {
  for_each_version<CreateTopicsRequest>(
      [&](ApiVersion version) { create_topic(peer, version, prefix + std::to_string(version)); });
  const std::string name = prefix + "round";
  const Uuid id = create_topic(peer, CreateTopicsRequest::kMaxVersion, name);
  std::int64_t end = 0;
  for_each_version<ProduceRequest>([&](ApiVersion version) { produce_one(peer, version, name, id, end++); });
  for_each_version<FetchRequest>([&](ApiVersion version) { fetch_all(peer, version, name, id, end); });
  for_each_version<MetadataRequest>([&](ApiVersion version) { describe(peer, version, name, id); });
  for_each_version<ListOffsetsRequest>([&](ApiVersion version) {
    look_up(peer, version, name, -1, end);
    look_up(peer, version, name, -2, 0);
    look_up(peer, version, name, kTimestamp, 0);
    look_up(peer, version, name, kTimestamp + 1, -1);
    if (version >= 7) look_up(peer, version, name, -3, 0);
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: every_version HOST PORT API-VERSIONS.TSV SEED\n");
    return 2;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
  inet_pton(AF_INET, argv[1], &address.sin_addr);
  Peer peer(address);

  ApiVersionsRequest request;
  request.client_software_name = "every-version";
  request.client_software_version = "1";
  const auto told = call<ApiVersionsResponse>(peer, ApiVersionsRequest::kMaxVersion, request);
  if (!told) return 1;
  check_ranges(*told, ranges_of_kafka(argv[3]));
  check_served(*told);
  check_round(peer, std::string("every-version.") + argv[4] + ".");
  const int versions = try_everything(peer, *told, std::strtoull(argv[4], nullptr, 10));
  std::printf("%zu APIs, %d versions, %d requests of each, %d failures\n", told->api_keys.size(), versions,
              kRandomRequests + 1, failures);
  return failures > 0;
}

#include "call.h"

#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "cluster.h"
#include "program.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/delete_topics.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/list_offsets.h"

namespace moldau::load {

namespace {

constexpr wire::ApiVersion kListOffsetsVersion = 7;
constexpr wire::ApiVersion kDeleteTopicsVersion = 5;

struct Created {
  std::uint16_t port;
  std::string topic;
};
std::vector<Created> created;

std::vector<std::size_t> first(int partitions) {
  std::vector<std::size_t> all(static_cast<std::size_t>(partitions));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

// Offsets of the ends of a topic's partitions; nothing while this broker does not lead one of them.
std::optional<std::int64_t> sum_of_ends(const Socket& socket, const std::string& topic,
                                        const std::vector<std::size_t>& partitions) {
  constexpr std::int64_t kLatest = -1;
  wire::ListOffsetsRequest request;
  auto& asked = request.topics.emplace_back();
  asked.name = topic;
  for (const std::size_t i : partitions) {
    auto& partition = asked.partitions.emplace_back();
    partition.partition_index = static_cast<PartitionIndex>(i);
    partition.timestamp = kLatest;
  }
  const auto response = call<wire::ListOffsetsResponse>(socket, request, kListOffsetsVersion);
  std::int64_t sum = 0;
  for (const auto& answered : response.topics) {
    for (const auto& partition : answered.partitions) {
      if (wire::is_retriable(partition.error_code)) return std::nullopt;
      if (partition.error_code != wire::ErrorCode::none) {
        die("ListOffsets: " + std::string(wire::name_of(partition.error_code)));
      }
      sum += partition.offset;
    }
  }
  return sum;
}

// Metadata may name a leader before it leads.
bool is_led(const Socket& socket, const NewTopic& topic) {
  if (topic.replicas == 1) return sum_of_ends(socket, topic.name, first(topic.partitions)).has_value();
  const auto ports = leaders_now(socket, topic.name, topic.partitions, topic.replicas);
  if (std::ranges::find(ports, 0) != ports.end()) return false;
  const Leaders leaders(ports);
  for (std::size_t i = 0; i < leaders.count(); ++i) {
    const Socket to_leader = Socket::connect(leaders.port(i));
    to_leader.set_timeout(kPatienceSeconds);
    if (!sum_of_ends(to_leader, topic.name, leaders.partitions_of(i))) return false;
  }
  return true;
}

bool all_led(const Socket& socket, const std::vector<NewTopic>& topics) {
  return std::ranges::all_of(topics, [&](const NewTopic& topic) { return is_led(socket, topic); });
}

}  // namespace

std::vector<std::byte> ask(const Socket& socket, ByteView frame) {
  socket.send_all(frame);
  std::byte size[4];
  socket.receive_exactly(size);
  const auto length = load_be<std::int32_t>(size);
  if (length < 4 || length > (256 << 20)) die("a response frame of an impossible size");
  std::vector<std::byte> answer(static_cast<std::size_t>(length));
  socket.receive_exactly(answer);
  return answer;
}

namespace {

void add_config(auto& asked, const std::string& config) {
  const std::size_t equals = config.find('=');
  if (equals == config.npos) die("a topic's config is key=value, not " + config);
  auto& entry = asked.configs.emplace_back();
  entry.name = config.substr(0, equals);
  entry.value = config.substr(equals + 1);
}

wire::CreateTopicsRequest creation_of(const std::vector<NewTopic>& topics) {
  wire::CreateTopicsRequest request;
  request.timeout_ms = static_cast<std::int32_t>(kPatienceSeconds * 1000);
  for (const NewTopic& topic : topics) {
    auto& asked = request.topics.emplace_back();
    asked.name = topic.name;
    asked.num_partitions = topic.partitions;
    asked.replication_factor = static_cast<std::int16_t>(topic.replicas);
    for (const std::string& config : topic.configs) add_config(asked, config);
  }
  return request;
}

// A broker that has just begun to listen may not know itself yet.
bool passes(wire::ErrorCode error) {
  return wire::is_retriable(error) || error == wire::ErrorCode::invalid_replication_factor ||
         error == wire::ErrorCode::unknown_server_error;
}

}  // namespace

void create_topics(std::uint16_t port, const std::vector<NewTopic>& topics) {
  const Socket socket = Socket::connect(port);
  socket.set_timeout(kPatienceSeconds);
  const std::int64_t deadline = now_ns() + kPatienceSeconds * kSecondNs;
  wire::CreateTopicsRequest request = creation_of(topics);
  while (!request.topics.empty()) {
    const auto response = call<wire::CreateTopicsResponse>(socket, request, kCreateTopicsVersion);
    for (const auto& topic : response.topics) {
      if (topic.error_code != wire::ErrorCode::none && (!passes(topic.error_code) || now_ns() > deadline)) {
        die("CreateTopics: " + std::string(wire::name_of(topic.error_code)) + ": " +
            topic.error_message.value_or(""));
      }
      if (topic.error_code != wire::ErrorCode::none) continue;
      std::erase_if(request.topics, [&](const auto& asked) { return asked.name == topic.name; });
    }
    if (!request.topics.empty()) ::usleep(1000);
  }
  for (; !all_led(socket, topics); ::usleep(1000)) {
    if (now_ns() > deadline) die("the topics have no leaders");
  }
}

std::string create_topic(std::uint16_t port, int partitions, const std::vector<std::string>& configs,
                         int replicas) {
  const std::string name = "load-" + std::to_string(now_ns());
  NewTopic topic{.name = name, .partitions = partitions, .configs = configs, .replicas = replicas};
  topic.configs.emplace_back("file.delete.delay.ms=100");
  create_topics(port, {std::move(topic)});
  created.push_back({port, name});
  return name;
}

void delete_created_topics() {
  for (const Created& one : created) {
    const Socket socket = Socket::connect(one.port);
    socket.set_timeout(kPatienceSeconds);
    wire::DeleteTopicsRequest request;
    request.topic_names = {one.topic};
    request.timeout_ms = static_cast<std::int32_t>(kPatienceSeconds * 1000);
    const auto response = call<wire::DeleteTopicsResponse>(socket, request, kDeleteTopicsVersion);
    for (const auto& topic : response.responses)
      if (topic.error_code != wire::ErrorCode::none)
        die("DeleteTopics: " + std::string(wire::name_of(topic.error_code)));
  }
  created.clear();
}

ProducerId init_producer_id(std::uint16_t port) {
  const Socket socket = Socket::connect(port);
  socket.set_timeout(30);
  for (const std::int64_t deadline = now_ns() + 30 * kSecondNs;; ::usleep(1000)) {
    const auto response = call<wire::InitProducerIdResponse>(socket, wire::InitProducerIdRequest(), 4);
    if (response.error_code == wire::ErrorCode::none) return response.producer_id;
    if (now_ns() > deadline) die("InitProducerId: " + std::string(wire::name_of(response.error_code)));
  }
}

void produce_until_acknowledged(const Socket& socket, const Frame& frame) {
  for (const std::int64_t deadline = now_ns() + 60 * kSecondNs;; ::usleep(500)) {
    const auto error = error_of_produced(frame, ask(socket, frame.bytes));
    if (error == wire::ErrorCode::none) return;
    if (!wire::is_retriable(error) || now_ns() > deadline)
      die("Produce: " + std::string(wire::name_of(error)));
  }
}

std::int64_t count_records(std::uint16_t port, const std::string& topic, int partitions) {
  const Socket socket = Socket::connect(port);
  socket.set_timeout(30);
  for (const std::int64_t deadline = now_ns() + 60 * kSecondNs;; ::usleep(1000)) {
    if (const auto sum = sum_of_ends(socket, topic, first(partitions))) return *sum;
    if (now_ns() > deadline) die("the partitions of " + topic + " have no leaders");
  }
}

}  // namespace moldau::load

#include "call.h"

#include <unistd.h>

#include <algorithm>

#include "program.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/metadata.h"

namespace moldau::load {

namespace {

template <class Response, class Request>
Response call(const Socket& socket, const Request& request, wire::ApiVersion version) {
  const Slice frame = joined(wire::encode_request(
      {.api_key = Request::kKey, .api_version = version, .correlation_id = 7, .client_id = "moldau_load"},
      request));
  const Slice answer = Slice::take(ask(socket, frame));
  const auto response =
      or_die(wire::decode_response_frame(answer, Response::kKey, version), "header of a response");
  return or_die(Response::decode(response.body, version), "body of a response");
}

bool has_leaders(const Socket& socket, const std::vector<NewTopic>& topics) {
  wire::MetadataRequest request;
  request.topics.emplace();
  for (const NewTopic& topic : topics) request.topics->emplace_back().name = topic.name;
  const auto response = call<wire::MetadataResponse>(socket, request, kMetadataVersion);
  if (response.topics.size() != topics.size()) return false;
  return std::ranges::all_of(response.topics, [](const auto& topic) {
    return topic.error_code == wire::ErrorCode::none &&
           std::ranges::all_of(topic.partitions, [](const auto& it) { return it.leader_id >= 0; });
  });
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

void create_topics(std::uint16_t port, const std::vector<NewTopic>& topics) {
  const Socket socket = Socket::connect(port);
  socket.set_timeout(30);
  wire::CreateTopicsRequest request;
  request.timeout_ms = 30'000;
  for (const NewTopic& topic : topics) {
    auto& asked = request.topics.emplace_back();
    asked.name = topic.name;
    asked.num_partitions = topic.partitions;
    asked.replication_factor = 1;
  }
  const auto response = call<wire::CreateTopicsResponse>(socket, request, kCreateTopicsVersion);
  for (const auto& topic : response.topics) {
    if (topic.error_code != wire::ErrorCode::none) {
      die("CreateTopics: " + std::string(wire::name_of(topic.error_code)) + ": " +
          topic.error_message.value_or(""));
    }
  }
  for (const std::int64_t deadline = now_ns() + 30 * kSecondNs; !has_leaders(socket, topics);
       ::usleep(1000)) {
    if (now_ns() > deadline) die("the topics have no leaders after 30 s");
  }
}

std::string create_topic(std::uint16_t port, int partitions) {
  const std::string name = "load-" + std::to_string(now_ns());
  create_topics(port, {{.name = name, .partitions = partitions}});
  return name;
}

}  // namespace moldau::load

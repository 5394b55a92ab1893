// One request after another on a connection of its own: what prepares a measurement.
#pragma once

#include <string>

#include "frames.h"
#include "program.h"
#include "socket.h"

namespace moldau::load {

inline constexpr int kPatienceSeconds = 240;

// One frame out, one in; what follows the size.
std::vector<std::byte> ask(const Socket& socket, ByteView frame);

// The same with messages; dies when the answer is none.
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

// Creates the topics and waits until every partition is led, by the one broker that there is or by some
// broker with all replicas in sync; asks again while brokers are starting. Dies after 240 s.
struct NewTopic {
  std::string name;
  int partitions = 1;
  std::vector<std::string> configs = {};  // key=value
  int replicas = 1;
};
void create_topics(std::uint16_t port, const std::vector<NewTopic>& topics);

// A topic with a name that was never used before, whose files go as soon as it is deleted.
std::string create_topic(std::uint16_t port, int partitions, const std::vector<std::string>& configs = {},
                         int replicas = 1);

// Those of create_topic(): a broker that stays up for the next measurement shall not fill the disk.
void delete_created_topics();

// A new producer's id.
ProducerId init_producer_id(std::uint16_t port);

// Sends the frame again and again until it is acknowledged; dies after 60 s.
void produce_until_acknowledged(const Socket& socket, const Frame& frame);

// Records in the first `partitions` of a topic, by the offsets of their ends.
std::int64_t count_records(std::uint16_t port, const std::string& topic, int partitions);

}  // namespace moldau::load

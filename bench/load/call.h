// One request after another on a connection of its own: what prepares a measurement.
#pragma once

#include <string>

#include "frames.h"
#include "socket.h"

namespace moldau::load {

// One frame out, one in; `answer` is what follows the size.
std::vector<std::byte> ask(const Socket& socket, ByteView frame);

// Creates the topics and waits until every partition has a leader; asks again while the broker is starting.
// Dies after 240 s.
struct NewTopic {
  std::string name;
  int partitions = 1;
  std::vector<std::string> configs = {};  // key=value
};
void create_topics(std::uint16_t port, const std::vector<NewTopic>& topics);

// A topic with a name that was never used before, whose files go as soon as it is deleted.
std::string create_topic(std::uint16_t port, int partitions, const std::vector<std::string>& configs = {});

// Those of create_topic(): a broker that stays up for the next measurement shall not fill the disk.
void delete_created_topics();

// A new producer's id.
ProducerId init_producer_id(std::uint16_t port);

// Sends the frame again and again until it is acknowledged; dies after 60 s.
void produce_until_acknowledged(const Socket& socket, const Frame& frame);

// Records in the first `partitions` of a topic, by the offsets of their ends.
std::int64_t count_records(std::uint16_t port, const std::string& topic, int partitions);

}  // namespace moldau::load

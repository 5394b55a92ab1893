// One request after another on a connection of its own: what prepares a measurement.
#pragma once

#include <string>

#include "frames.h"
#include "socket.h"

namespace moldau::load {

// One frame out, one in; `answer` is what follows the size.
std::vector<std::byte> ask(const Socket& socket, ByteView frame);

// Creates the topics and waits until every partition has a leader. Dies after 30 s.
struct NewTopic {
  std::string name;
  int partitions = 1;
};
void create_topics(std::uint16_t port, const std::vector<NewTopic>& topics);

// A topic with a name that was never used before.
std::string create_topic(std::uint16_t port, int partitions);

}  // namespace moldau::load

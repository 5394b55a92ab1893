// Several brokers on 127.0.0.1: who leads which partitions, and connections to each of them.
#pragma once

#include <string>
#include <vector>

#include "socket.h"

namespace moldau::load {

// Of each partition of a topic, the port of its leader, as this broker tells; 0: it has none, or fewer than
// so many replicas in sync.
std::vector<std::uint16_t> leaders_now(const Socket& socket, const std::string& topic, int partitions,
                                       int in_sync);

// The partitions of a topic by who leads them. Connections are spread evenly: number i goes to leader i
// modulo their count.
class Leaders {
 public:
  explicit Leaders(const std::vector<std::uint16_t>& by_partition);
  // As it is now. With one replica: the broker that was asked leads all, and is not asked.
  static Leaders find(std::uint16_t port, const std::string& topic, int partitions, int replicas);

  std::size_t count() const { return ports_.size(); }
  std::uint16_t port(std::size_t leader) const { return ports_[leader]; }
  const std::vector<std::size_t>& partitions_of(std::size_t leader) const { return partitions_[leader]; }
  std::size_t leader_of_connection(std::size_t connection) const { return connection % count(); }
  // One of so many connections, always the same for a partition.
  std::size_t connection_of(std::size_t partition, std::size_t connections) const;

 private:
  std::vector<std::uint16_t> ports_;
  std::vector<std::vector<std::size_t>> partitions_;  // by leader
  std::vector<std::size_t> leader_of_;                // by partition
};

// The id of the active controller.
std::int32_t active_controller(std::uint16_t port);

}  // namespace moldau::load

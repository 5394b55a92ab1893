// Fabric: the simulated network between all machines of a world. Streams are ordered and reliable, like TCP:
// loss shows as delay, a cut link as silence until it heals, and trouble as resets at any byte.
//
// Machine i is reached as "10.0.0.<i+1>" or "machine-<i>", and by names given with add_name(); "localhost"
// and "127.x.y.z" are the machine itself, "0.0.0.0", "::" and "" listen on all its addresses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/random.h"
#include "runtime/network.h"
#include "simulation/faults.h"
#include "simulation/options.h"
#include "simulation/scheduler.h"

namespace moldau::simulation {

class Process;
class Connection;
class SimulatedListener;

// One direction between two machines.
struct Link {
  bool cut = false;
  Duration extra_latency{};
  std::uint64_t bytes_per_second = 0;  // 0: no limit
};

class Fabric {
 public:
  Fabric(std::uint64_t seed, unsigned machines, const NetworkOptions& options, Scheduler& scheduler,
         FaultCounters& counters);
  ~Fabric();
  Fabric(const Fabric&) = delete;

  NetworkFaults& faults() { return options_.faults; }
  NetworkOptions& options() { return options_; }
  Link& link(unsigned from, unsigned to) { return links_[from * machines_ + to]; }

  // Segments from `from` to `to` wait until the link heals; connects time out.
  void cut(unsigned from, unsigned to);
  void cut_both(unsigned a, unsigned b);
  void heal(unsigned from, unsigned to) { link(from, to).cut = false; }
  // Cuts everything between the group and all others, both ways.
  void isolate(const std::vector<unsigned>& group);
  void heal_all();
  // Resets every connection between the two at once, wherever its bytes are.
  void reset_connections(unsigned a, unsigned b);

  void add_name(std::string host, unsigned machine);
  static std::string address_of(unsigned machine);
  std::size_t open_connections() const { return connections_.size(); }

 private:
  friend class ProcessNetwork;
  friend class SimulatedListener;
  friend class SimulatedStream;
  friend class Connection;
  friend class Process;
  friend class Machine;

  struct Address {
    unsigned machine;
    bool loopback;
  };
  Result<Address> resolve(const std::string& host, unsigned from) const;
  Duration latency(unsigned from, unsigned to);
  // One of those that listen there, at random; null when nobody does.
  SimulatedListener* find_listener(const Address& address, std::uint16_t port);
  bool roll(double rate) { return rate > 0 && random_.chance(rate); }
  void power_on(unsigned machine) { powered_[machine] = true; }
  // The process is gone: its listeners end; its streams are reset, or fall silent when power was lost.
  void process_died(Process& process, bool silently);
  // Whether a packet gets through now.
  bool passes(unsigned from, unsigned to) { return powered_[to] && !link(from, to).cut; }
  std::uint16_t free_port(unsigned machine);

  NetworkOptions options_;
  unsigned machines_;
  Scheduler& scheduler_;
  FaultCounters& counters_;
  Random random_;
  Owner owner_;
  Place place_;  // of the steps of the network itself
  std::vector<Link> links_;
  std::unordered_map<std::string, unsigned> names_;
  std::vector<SimulatedListener*> listeners_;
  std::vector<Connection*> connections_;
  std::vector<bool> powered_;  // by machine
  std::uint16_t next_port_ = 32768;
};

}  // namespace moldau::simulation

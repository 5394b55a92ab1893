// TestCluster: real nodes for the tests of a program that uses this client: processes of the moldau binary on
// free ports of 127.0.0.1, in a folder that goes with them. A test stops, kills and pauses them.
//
//   auto cluster = moldau::sdk::TestCluster::start({.nodes = 3});
//   auto client = Client::connect({.bootstrap_servers = cluster->bootstrap_servers()});
//   …
//   cluster->kill(2);     // kill -9; what was acknowledged is still there
//   cluster->restart(2);
//
// Nodes are numbered from 1, which are their ids. Topics have three replicas where there are three nodes, of
// which two have to acknowledge. For Linux. One call at a time; calls wait for the nodes.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "moldau/error.h"

namespace moldau::sdk {

struct TestClusterOptions {
  int nodes = 1;  // 1 to 9; up to three of them are controllers, too
  // The path of moldau; empty: what the variable MOLDAU_BINARY says, else the first one in PATH.
  std::string binary;
  // Of every node, by the names that `moldau start --set` takes.
  std::map<std::string, std::string> settings;
  std::chrono::milliseconds patience{60'000};  // of everything that waits for nodes
};

class TestCluster {
 public:
  // Ends once all nodes are in service. ErrorKind::not_found: there is no binary; unavailable: a node has
  // ended, with the last that it said; timed_out. The kernel ends the nodes with the thread that calls this
  // one or restart(), so that none of them outlives a test that crashes.
  static Expected<TestCluster> start(TestClusterOptions options = {});
  TestCluster(TestCluster&&) noexcept;
  TestCluster& operator=(TestCluster&&) noexcept;
  ~TestCluster();  // kills the nodes and removes their folder

  int nodes() const;
  // Of all nodes, whether or not they run; does not change.
  std::string bootstrap_servers() const;
  // "127.0.0.1:port". REQUIRES of this and the next: 1 <= node <= nodes().
  std::string address(int node) const;
  // What it has said since the beginning.
  std::string log(int node) const;

  // All: ErrorKind::invalid_argument where the node is not there, or not in that state.
  Expected<void> kill(int node);  // kill -9
  // In order, as for an upgrade; ErrorKind::unavailable: with another exit code than 0.
  Expected<void> stop(int node);
  // After kill() or stop(), with its data; ends once it is in service again. As start().
  Expected<void> restart(int node);
  // It stands still, as a machine that hangs, until resume(), kill() or stop().
  Expected<void> pause(int node);
  Expected<void> resume(int node);

  struct State;  // inside
  explicit TestCluster(std::unique_ptr<State> state);

 private:
  std::unique_ptr<State> state_;
};

}  // namespace moldau::sdk

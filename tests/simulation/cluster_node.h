// ClusterNode: one machine of a cluster and the lives of the node on it. Starting and stopping take simulated
// time beside everything else: poll() moves on what has ended. What a killed process had built is closed in
// the background, where it can touch nothing any more.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/node.h"
#include "simulation/mutants.h"
#include "simulation/replay.h"
#include "simulation/world.h"

namespace moldau::simulation {

class ClusterNode {
 public:
  enum class State : std::uint8_t { down, starting, running, stopping };

  // `recorder`: hears the requests that come to the node; may be null.
  ClusterNode(World& world, unsigned machine, config::Settings settings, Mutant mutant, Recorder* recorder);
  ~ClusterNode();
  ClusterNode(const ClusterNode&) = delete;

  // REQUIRES: state() == down.
  void start();
  // In order. REQUIRES: state() == running.
  void stop();
  // REQUIRES: state() != down.
  void kill();
  void power_loss();
  // What has ended since the last call: true when the state has changed.
  bool poll();

  State state() const { return state_; }
  bool alive() const { return state_ != State::down; }
  // The node while it runs or stops; null before its start has ended.
  const node::Node* node() const { return node_.get(); }
  // The start has ended, well or not: poll() before watched().
  bool start_ended() const { return starting_ && starting_->ended(); }
  // From where its start has opened the logs; null when there is nothing to see.
  const node::Node* watched() const { return watched_; }
  NodeId id() const { return *settings_.node_id; }
  bool is_controller() const { return settings_.controller_role; }
  Machine& machine() { return machine_; }
  config::Settings& settings() { return settings_; }
  // Its disk has been wiped, and the controller has not heard of it yet: what the process before had is
  // counted on in vain.
  bool is_missed() const { return missed_; }
  void set_missed(bool missed) { missed_ = missed; }
  // Of this many processes; a new one has other objects.
  std::uint64_t life() const { return life_; }
  MonotonicTime since() const { return since_; }  // when this state began
  // Of the last start or stop that failed although its process lived.
  const std::string& error() const { return error_; }
  bool stopped_in_order() const { return stopped_in_order_; }
  // Dead processes that are not closed yet.
  std::size_t corpses() const { return corpses_.size(); }
  // What has not ended is left behind: the run is over.
  void leak();

 private:
  using Starting = runtime::Task<Result<std::unique_ptr<node::Node>>>;
  using Stopping = runtime::Task<Status>;
  struct Corpse {
    std::optional<Starting> starting;
    std::unique_ptr<node::Node> node;
    std::optional<Stopping> stopping;
    std::unique_ptr<runtime::World> world;
  };

  void enter(State state);
  void bury();
  static bool decayed(Corpse& corpse);
  void started();
  void stopped();

  World& world_;
  Machine& machine_;
  config::Settings settings_;
  Mutant mutant_;
  Recorder* recorder_;
  State state_ = State::down;
  MonotonicTime since_;
  std::uint64_t life_ = 0;
  std::unique_ptr<runtime::World> decorated_;  // null: the process itself
  std::optional<Starting> starting_;
  std::unique_ptr<node::Node> node_;
  const node::Node* watched_ = nullptr;
  std::optional<Stopping> stopping_;
  std::deque<Corpse> corpses_;
  std::string error_;
  bool stopped_in_order_ = false;
  bool failed_ = false;  // its metadata log: it is to end
  bool missed_ = false;
};

}  // namespace moldau::simulation

#include "simulation/cluster_node.h"

#include <algorithm>

namespace moldau::simulation {

ClusterNode::ClusterNode(World& world, unsigned machine, config::Settings settings, Mutant mutant,
                         Recorder* recorder)
    : world_(world),
      machine_(world.machine(machine)),
      settings_(std::move(settings)),
      mutant_(mutant),
      recorder_(recorder),
      since_(world.now()) {}

ClusterNode::~ClusterNode() = default;

void ClusterNode::enter(State state) {
  state_ = state;
  since_ = world_.now();
}

void ClusterNode::start() {
  MOLDAU_ASSERT(state_ == State::down);
  if (!machine_.running()) machine_.restart();
  ++life_;
  error_.clear();
  stopped_in_order_ = failed_ = false;
  runtime::World* world = &machine_.process();
  if (mutant_ != Mutant::none) {
    decorated_ = mutate(mutant_, *world);
  } else if (recorder_ != nullptr) {
    decorated_ = recorder_->listen_at(*world);
  }
  if (decorated_) world = decorated_.get();
  const std::uint64_t life = life_;
  const auto opened = [this, life](const node::Node& node) {
    if (life == life_ && alive()) watched_ = &node;
  };
  const auto failed = [this, life](const Error& error) {
    if (life != life_) return;
    failed_ = true;
    world_.note("the metadata log of node " + std::to_string(id()) + " has failed: " + error.message);
  };
  enter(State::starting);
  starting_.emplace(node::Node::start(*world, settings_,
                                      {.admin = false,
                                       .process_metrics = {},
                                       .opened = opened,
                                       .rules = rules_of(mutant_),
                                       .failed = failed}));
}

void ClusterNode::stop() {
  MOLDAU_ASSERT(state_ == State::running);
  world_.note("stop of node " + std::to_string(id()));
  stopping_.emplace(node_->stop());
  enter(State::stopping);
}

void ClusterNode::kill() {
  if (machine_.running()) machine_.kill();
  bury();
}

void ClusterNode::power_loss() {
  machine_.power_loss();
  bury();
}

void ClusterNode::bury() {
  corpses_.push_back({std::move(starting_), std::move(node_), std::move(stopping_), std::move(decorated_)});
  starting_.reset();
  stopping_.reset();
  watched_ = nullptr;
  enter(State::down);
}

bool ClusterNode::decayed(Corpse& corpse) {
  if (corpse.starting) {
    if (!corpse.starting->ended()) return false;
    auto started = std::move(*corpse.starting).take();
    corpse.starting.reset();
    if (started) corpse.node = std::move(*started);
  }
  if (!corpse.node) return true;
  if (!corpse.stopping) corpse.stopping.emplace(corpse.node->stop());
  if (!corpse.stopping->ended()) return false;
  static_cast<void>(std::move(*corpse.stopping).take());
  corpse.stopping.reset();
  corpse.node.reset();
  return true;
}

bool ClusterNode::poll() {
  std::erase_if(corpses_, decayed);
  const State before = state_;
  // A crash point of the drive has fired.
  if (state_ != State::down && !machine_.running()) bury();
  if (state_ == State::starting && starting_->ended()) started();
  if (state_ == State::running && failed_) stop();
  if (state_ == State::stopping && stopping_->ended()) stopped();
  return state_ != before;
}

void ClusterNode::started() {
  auto result = std::move(*starting_).take();
  starting_.reset();
  if (result) {
    if (world_.now() - since_ > 1s) world_.marks().hit(Mark::start_waited_for_quorum);
    node_ = std::move(*result);
    watched_ = node_.get();
    return enter(State::running);
  }
  watched_ = nullptr;
  error_ = result.error().message;
  world_.note("node " + std::to_string(id()) + " did not start: " + error_);
  world_.marks().hit(Mark::start_failed);
  // Its process ends.
  machine_.kill();
  decorated_.reset();
  enter(State::down);
}

void ClusterNode::stopped() {
  const Status result = std::move(*stopping_).take();
  stopping_.reset();
  stopped_in_order_ = result.has_value();
  if (!result) {
    error_ = result.error().message;
    world_.note("node " + std::to_string(id()) + " did not stop in order: " + error_);
  }
  watched_ = nullptr;
  node_.reset();
  decorated_.reset();
  machine_.kill();
  enter(State::down);
}

void ClusterNode::leak() {
  if (state_ != State::down) {
    if (machine_.running()) machine_.kill();
    bury();
  }
  for (Corpse& corpse : corpses_) {
    if (decayed(corpse)) continue;
    if (corpse.starting) std::move(*corpse.starting).detach();
    if (corpse.stopping) std::move(*corpse.stopping).detach();
    static_cast<void>(corpse.node.release());
    static_cast<void>(corpse.world.release());
  }
  corpses_.clear();
}

}  // namespace moldau::simulation

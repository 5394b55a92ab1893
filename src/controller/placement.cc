#include "controller/placement.h"

#include <algorithm>
#include <map>
#include <string>

namespace moldau::controller {

namespace {

// The brokers of one rack, taken in turn from a place that moves on with every partition.
class Rack {
 public:
  void add(NodeId broker, bool fenced) { (fenced ? fenced_ : unfenced_).push_back(broker); }
  std::size_t unfenced_count() const { return unfenced_.size(); }
  std::size_t count() const { return unfenced_.size() + fenced_.size(); }
  void start_at(std::uint64_t turn) { turn_ = turn; }
  void next_partition() {
    taken_ = 0;
    ++turn_;
  }
  // The next broker for the partition under way; kNoNode when there is none left.
  NodeId take_unfenced() { return taken_ < unfenced_.size() ? take() : kNoNode; }
  NodeId take_any() { return taken_ < count() ? take() : kNoNode; }

 private:
  NodeId take() {
    const std::size_t at = taken_++;
    if (at < unfenced_.size()) return unfenced_[(turn_ + at) % unfenced_.size()];
    return fenced_[(turn_ + at) % fenced_.size()];
  }

  std::vector<NodeId> unfenced_;
  std::vector<NodeId> fenced_;
  std::uint64_t turn_ = 0;
  std::size_t taken_ = 0;
};

class Racks {
 public:
  Racks(const metadata::Image& image, Random& random) {
    std::map<std::string, Rack> by_name;  // brokers without a rack share one without a name
    for (const auto& [id, broker] : image.brokers()) {
      if (broker->in_controlled_shutdown) continue;
      by_name[broker->rack.value_or("")].add(id, broker->fenced);
      ++broker_count_;
      unfenced_count_ += broker->fenced ? 0 : 1;
    }
    for (auto& [name, rack] : by_name) racks_.push_back(std::move(rack));
    for (Rack& rack : racks_) rack.start_at(random.below(rack.count()));
    if (!racks_.empty()) first_ = random.below(racks_.size());
  }

  std::size_t broker_count() const { return broker_count_; }
  std::size_t unfenced_count() const { return unfenced_count_; }

  Replicas next_partition(std::size_t replication_factor) {
    Replicas replicas;
    take(replicas, replication_factor, &Rack::take_unfenced);
    take(replicas, replication_factor, &Rack::take_any);
    for (Rack& rack : racks_) rack.next_partition();
    ++first_;
    return replicas;
  }

 private:
  void take(Replicas& replicas, std::size_t wanted, NodeId (Rack::*next)()) {
    for (std::size_t idle = 0, at = first_; replicas.size() < wanted && idle < racks_.size(); ++at) {
      const NodeId broker = (racks_[at % racks_.size()].*next)();
      idle = broker == kNoNode ? idle + 1 : 0;
      if (broker != kNoNode) replicas.push_back(broker);
    }
  }

  std::vector<Rack> racks_;
  std::size_t first_ = 0;
  std::size_t broker_count_ = 0;
  std::size_t unfenced_count_ = 0;
};

}  // namespace

Result<std::vector<Replicas>> place(const metadata::Image& image, std::int32_t partition_count,
                                    std::int32_t replication_factor, Random& random) {
  MOLDAU_ASSERT(partition_count > 0 && replication_factor > 0);
  Racks racks(image, random);
  const auto wanted = static_cast<std::size_t>(replication_factor);
  const std::string unable =
      "Unable to replicate the partition " + std::to_string(replication_factor) + " time(s): ";
  if (racks.unfenced_count() == 0)
    return fail(Errc::invalid_argument, unable + "All brokers are currently fenced.");
  if (racks.broker_count() < wanted)
    return fail(Errc::invalid_argument,
                unable + "The target replication factor of " + std::to_string(replication_factor) +
                    " cannot be reached because only " + std::to_string(racks.broker_count()) +
                    " broker(s) are registered.");
  std::vector<Replicas> out;
  out.reserve(static_cast<std::size_t>(partition_count));
  for (std::int32_t i = 0; i < partition_count; ++i) out.push_back(racks.next_partition(wanted));
  return out;
}

}  // namespace moldau::controller

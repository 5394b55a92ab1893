// Which partitions change, and how, when something happens to a broker or to the configs (KIP-966).
#pragma once

#include <map>
#include <vector>

#include "controller/partition_change.h"
#include "metadata/image.h"

namespace moldau::controller {

class Controller;

// The election rules of each topic by one image; whether a crash takes something from a replica, by the
// configs of the broker that has it. What brokers have in files of their own nobody else knows:
// moldau.durability belongs there only when it is the same on every node. Borrows both.
class RulesOfTopics {
 public:
  RulesOfTopics(const Controller& controller, const metadata::Image& image, NodeId broker = kNoNode)
      : controller_(controller), image_(image), broker_(broker) {}
  const ElectionRules& of(const metadata::Topic& topic);

 private:
  ElectionRules compute(const metadata::Topic& topic) const;

  const Controller& controller_;
  const metadata::Image& image_;
  const NodeId broker_;
  std::map<TopicId, ElectionRules> own_;  // of topics with configs of their own
  std::optional<ElectionRules> common_;   // of all others
};

// The broker is gone or going: it leaves each ISR and leads nothing any more.
std::vector<metadata::Record> partitions_without(const Controller& controller, const metadata::Image& image,
                                                 NodeId broker);
// The same for its replicas in these directories alone.
std::vector<metadata::Record> partitions_without(const Controller& controller, const metadata::Image& image,
                                                 NodeId broker, std::span<const DirectoryId> directories);
// The broker takes no more records, for its device is all but full: wherever another replica in sync does, it
// leads nothing any more, and leaves the ISR unless that falls below min.insync.replicas. What it is alone in
// sync for it keeps, so that it can be read. `full`: brokers that are no better.
std::vector<metadata::Record> partitions_handed_over(const Controller& controller,
                                                     const metadata::Image& image, NodeId broker,
                                                     std::span<const NodeId> full);
// The broker is gone for good: nobody counts on what it has, except as the last known leader.
std::vector<metadata::Record> partitions_unregistered(const Controller& controller,
                                                      const metadata::Image& image, NodeId broker);

// Another process of the broker has started, on these directories.
//
// Whatever the one before led, this one does not: it is fenced. After a shutdown that was not clean it has
// also lost its place in ISR and ELR wherever records are acknowledged before they are synced, as it may have
// lost the last of them with the page cache (RP-09); where they are synced first (moldau.durability), a crash
// takes nothing from it, and it is still eligible. A replica whose directory is not there any more has
// nothing: it begins anew, in the broker's directory if that is the only one, and nobody's hope rests on it.
std::vector<metadata::Record> partitions_restarted(const Controller& controller, const metadata::Image& image,
                                                   NodeId broker, bool clean,
                                                   std::span<const DirectoryId> directories);

// The broker is back: what has no leader may get one.
std::vector<metadata::Record> partitions_led_again(const Controller& controller, const metadata::Image& image,
                                                   NodeId broker);

// Configs or features have become those of `image`; its partitions are still those of before.
std::vector<metadata::Record> partitions_under_new_rules(const Controller& controller,
                                                         const metadata::Image& image);

bool leads_any_partition(const metadata::Image& image, NodeId broker);
bool elr_enabled(const metadata::Image& image);

// With ELR every broker goes by the same min.insync.replicas: the cluster's, written down, and none of a
// broker's own.
std::vector<metadata::Record> elr_safety_records(const Controller& controller, const metadata::Image& image);

// Calls `visit` with each topic and each of its partitions; it returns whether to go on.
template <class Visit>
void for_each_partition(const metadata::Image& image, const Visit& visit) {
  for (const auto& [name, topic] : image.topics())
    for (const auto& partition : topic->partitions)
      if (!visit(*topic, *partition)) return;
}

}  // namespace moldau::controller

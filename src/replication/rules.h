// What replicas keep to. All of it holds; the simulator takes one rule away, to show that its observers see
// the difference (reliability.md, appendix D).
#pragma once

namespace moldau::replication {

struct Rules {
  bool truncates_by_epoch = true;          // not to the high watermark, KIP-101 (21)
  bool answers_unknown_epochs = true;      // of followers: with the end of an epoch before (22)
  bool counts_maximal_isr = true;          // whom the controller was asked to add, KIP-497 (24)
  bool stands_still_below_min_isr = true;  // the high watermark, KIP-966 (25)
  bool joins_from_epoch_start = true;      // the ISR, not only from the high watermark (26)
  bool believes_after_truncation = true;   // the high watermark of a leader, KAFKA-14704 (29)
};

}  // namespace moldau::replication

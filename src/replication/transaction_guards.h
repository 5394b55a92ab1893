// TransactionGuards: which producers may begin a transaction in a partition (KIP-890). Before its first batch
// is appended, the coordinator is asked whether it knows of the partition; the guard that is given out for
// the question goes with the append. A marker that is written meanwhile takes the guard away: what was
// verified was the transaction before, and a batch that came late must not be left hanging after its end.
// The marker of the last transaction leaves the guards of the next one, which may be asked for earlier: with
// version 2 the next one has an epoch of its own.
//
// Pure. Belongs to one replica of one partition, for as long as that leads.
#pragma once

#include <cstdint>
#include <limits>
#include <list>
#include <unordered_map>

#include "base/ids.h"

namespace moldau::replication {

using TransactionGuard = std::uint64_t;
inline constexpr TransactionGuard kNoGuard = 0;
// In the place of one that was not given out, for the partition was not led here.
inline constexpr TransactionGuard kNotAsked = std::numeric_limits<TransactionGuard>::max();

// Of a batch, what tells it from the producer's others. A coordinator's own batches have no sequence.
struct TransactionalBatch {
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch epoch = kNoProducerEpoch;
  Sequence sequence = kNoSequence;
};

class TransactionGuards {
 public:
  static constexpr std::size_t kMostProducers = 4'096;  // those who asked longest ago ask again

  // This batch is about to begin a transaction. Questions about one producer that are under way together
  // share a guard. `strict`: a producer of which nothing is known begins with sequence 0.
  TransactionGuard begin(const TransactionalBatch& batch, bool strict);

  enum class Verdict : std::uint8_t { passes, unverified, out_of_order };
  // Whether it may begin it. `is_known`: the log holds something of its producer. Not before another of its
  // batches with a lower sequence: that one is still on its way (KAFKA-14884, KAFKA-14920).
  Verdict check(const TransactionalBatch& batch, TransactionGuard guard, bool is_known) const;

  // The transaction has begun.
  void forget(ProducerId producer_id);
  // A transaction has ended. `next`: the lowest epoch that those after it may have; a guard for one of that
  // epoch or later was given out for one of them.
  void forget_before(ProducerId producer_id, std::int32_t next);
  void clear();
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    TransactionGuard guard = kNoGuard;
    ProducerEpoch epoch = kNoProducerEpoch;
    Sequence lowest = kNoSequence;
    bool strict = false;
    std::list<ProducerId>::iterator place;
  };
  std::unordered_map<ProducerId, Entry> entries_;
  std::list<ProducerId> oldest_first_;
  TransactionGuard last_ = kNoGuard;
};

}  // namespace moldau::replication

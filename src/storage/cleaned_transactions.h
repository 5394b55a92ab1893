// CleanedTransactions: what one pass over a log, from its first batch on, learns of transactions: whose
// records were aborted, and which markers have nothing left to mark (KIP-98, KIP-534). Pure. A pass ends
// below the last stable offset, so that every transaction in it is decided.
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "record/batch.h"
#include "storage/transaction_index.h"

namespace moldau::storage {

class CleanedTransactions {
 public:
  // All aborted transactions that have records in the pass, in any order; also others before it.
  explicit CleanedTransactions(std::vector<AbortedTransaction> aborted);

  // Every batch of the pass in its order. True: the data batch belongs to an aborted transaction.
  bool note_data(const record::HeaderView& batch);
  // True: no batch of its transaction was seen, so that the marker marks nothing. False of other control
  // records, which mark no transaction. Errc::corrupt. REQUIRES: batch.is_control().
  Result<bool> note_control(const record::BatchView& batch);
  // The aborted transactions whose markers were seen since the last call and mark something still: they stay
  // in the transaction index.
  std::vector<AbortedTransaction> take_marked();

 private:
  struct Ongoing {
    AbortedTransaction transaction;
    bool seen = false;  // a batch of it
  };
  void begin_up_to(Offset offset);
  Ongoing* aborted_at(ProducerId producer, Offset offset);

  std::vector<AbortedTransaction> aborted_;  // by first offset
  std::size_t begun_ = 0;
  std::unordered_map<ProducerId, Ongoing> ongoing_;
  std::unordered_set<ProducerId> committed_;  // of which a batch was seen, and no marker since
  std::vector<AbortedTransaction> marked_;
};

}  // namespace moldau::storage

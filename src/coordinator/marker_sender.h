// MarkerSender: transaction markers on their way to the leaders of partitions. While a broker writes some,
// those that come meanwhile wait, and go to it together: however many transactions end, each broker has one
// request at a time. Lives on one shard.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "runtime/wait.h"
#include "wire/error_code.h"
#include "wire/messages/write_txn_markers.h"

namespace moldau::coordinator {

struct Marker {
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  bool committed = false;
  std::int32_t coordinator_epoch = -1;
  std::int16_t transaction_version = 0;
  std::vector<TopicPartition> partitions;
};

class MarkerSender {
 public:
  using Answers = std::map<TopicPartition, wire::ErrorCode>;
  using Send = std::function<runtime::Task<Result<wire::WriteTxnMarkersResponse>>(
      NodeId, wire::WriteTxnMarkersRequest)>;

  // `send` outlives the requests that it makes, which may end after this sender.
  MarkerSender(runtime::Executor& executor, Send send);
  // REQUIRES: give_up(), and nobody is in write().
  ~MarkerSender();

  // What each partition answers; NETWORK_EXCEPTION where nothing came back: it may be written or not.
  runtime::Task<Answers> write(NodeId leader, Marker marker);
  // All who wait are told that nothing came back, and so is who comes later: a broker that hangs does not
  // hold up a node that stops.
  void give_up();

 private:
  struct Waiting {
    Waiting(runtime::Executor& executor, Marker what) : marker(std::move(what)), done(executor) {}
    Marker marker;
    Answers answers;
    runtime::OneShot done;

    // With what came back of it; null: nothing.
    void answer(const Answers* found);
  };
  using Line = std::vector<Waiting*>;
  struct Leader {
    Line waiting;
    Line asked;  // whose markers are under way
    bool sending = false;
  };
  struct State {
    const Send send;
    std::map<NodeId, Leader> leaders;
    bool given_up = false;
  };
  static runtime::Task<void> drain(std::shared_ptr<State> state, NodeId leader);

  runtime::Executor& executor_;
  const std::shared_ptr<State> state_;
};

}  // namespace moldau::coordinator

// MarkerSender: transaction markers on their way to the leaders of partitions. While a broker writes some,
// those that come meanwhile wait, and go to it together: however many transactions end, each broker has one
// request at a time. Lives on one shard.
#pragma once

#include <functional>
#include <map>
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

  MarkerSender(runtime::Executor& executor, Send send) : executor_(executor), send_(std::move(send)) {}
  // REQUIRES: close() has ended.
  ~MarkerSender();

  // What each partition answers; NETWORK_EXCEPTION where nothing came back: it may be written or not.
  runtime::Task<Answers> write(NodeId leader, Marker marker);
  // Once nobody calls write() any more.
  runtime::Task<void> close();

 private:
  struct Waiting {
    Waiting(runtime::Executor& executor, Marker what) : marker(std::move(what)), done(executor) {}
    Marker marker;
    Answers answers;
    runtime::OneShot done;
  };
  struct Line {
    std::vector<Waiting*> waiting;
    bool sending = false;
  };
  runtime::Task<void> drain(NodeId leader);

  runtime::Executor& executor_;
  const Send send_;
  std::map<NodeId, Line> lines_;
  runtime::Gate gate_{executor_};
};

}  // namespace moldau::coordinator

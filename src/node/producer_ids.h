// ProducerIds: the producer ids that this broker hands out, from blocks that the controller allots to it
// (KIP-730). On shard 0.
#pragma once

#include "node/controller_route.h"
#include "replication/channels.h"

namespace moldau::node {

class ProducerIds {
 public:
  // What is referred to outlives this object.
  ProducerIds(runtime::Executor& executor, ControllerRoute& route,
              const replication::BrokerRegistration& registration)
      : executor_(executor), route_(route), registration_(registration), allocation_(executor, 1) {}

  // One that nobody has had. Errc::unavailable when no block can be had in time.
  runtime::Task<Result<ProducerId>> next();

 private:
  runtime::Task<Status> allocate();

  runtime::Executor& executor_;
  ControllerRoute& route_;
  const replication::BrokerRegistration& registration_;
  ProducerId next_ = 0;  // of the block at hand
  ProducerId block_end_ = 0;
  runtime::Semaphore allocation_;  // one block is asked for at a time
};

}  // namespace moldau::node

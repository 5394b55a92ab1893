// ControllerRegistrar: tells the active controller where this node's controller is reached and which features
// it knows, once for each process, and again should metadata not have it (KIP-919). Nobody waits for it.
// Lives on shard 0.
#pragma once

#include "node/controller_route.h"

namespace moldau::node {

class ControllerRegistrar {
 public:
  // What is referred to outlives stop().
  ControllerRegistrar(runtime::Executor& executor, ControllerRoute& route,
                      wire::ControllerRegistrationRequest self)
      : executor_(executor), route_(route), self_(std::move(self)), gate_(executor), stopping_(executor) {}

  // Of each image that is applied, in their order.
  void look(const metadata::Image& image);
  // Ends with the request that is under way.
  runtime::Task<void> stop();

 private:
  runtime::Task<void> tell();

  runtime::Executor& executor_;
  ControllerRoute& route_;
  const wire::ControllerRegistrationRequest self_;
  bool telling_ = false;  // or told, and no image has it yet
  runtime::Gate gate_;
  runtime::OneShot stopping_;
};

}  // namespace moldau::node

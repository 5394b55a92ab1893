// A shard's ways to controllers: to the active one, for what this broker's clients ask; to the controller of
// this node, for what comes in by its controller listeners. Each carries every request of
// server::ControllerChannel, so they are made here and nowhere else compiled.
#pragma once

#include <memory>

#include "node/active_controller.h"
#include "node/controller_route.h"
#include "node/producer_ids.h"
#include "server/controller_channel.h"

namespace moldau::node {

// `home` is the shard of `route` and `ids`. What is named here outlives the channel.
std::unique_ptr<server::ControllerChannel> to_active_controller(runtime::Executor& here,
                                                                runtime::Executor& home,
                                                                ControllerRoute& route, ProducerIds& ids);
std::unique_ptr<server::ControllerChannel> to_own_controller(runtime::Executor& here,
                                                             ActiveController& controller, ProducerIds& ids);

}  // namespace moldau::node

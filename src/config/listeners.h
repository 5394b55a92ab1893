// Listeners from Kafka's properties (listeners, advertised.listeners …) and from our own tree, which lies
// over them.
#pragma once

#include <optional>

#include "config/resolve.h"

namespace moldau::config {

// What is known before the listeners are.
struct ListenerContext {
  bool broker_role = true;
  bool controller_role = true;
  // The address by which the other controllers know this one, when it is part of a quorum: the controller
  // listener that nobody has configured.
  std::optional<runtime::Endpoint> controller;
};

std::vector<Listener> build_listeners(Resolved& resolved, const Sources& sources,
                                      const ListenerContext& context);
// A host and a port that could be one: no blanks, no scheme; an empty host becomes 0.0.0.0.
Result<runtime::Endpoint> parse_address(std::string_view text);
// Whether a second socket cannot be bound beside the first; an address of any port takes nobody's.
bool overlap(const runtime::Endpoint& a, const runtime::Endpoint& b);

}  // namespace moldau::config

// Listeners from Kafka's properties (listeners, advertised.listeners …) and from our own tree, which lies
// over them.
#pragma once

#include "config/resolve.h"

namespace moldau::config {

std::vector<Listener> build_listeners(Resolved& resolved, const Sources& sources, bool broker_role,
                                      bool controller_role);
// A host and a port that could be one: no blanks, no scheme; an empty host becomes 0.0.0.0.
Result<runtime::Endpoint> parse_address(std::string_view text);

}  // namespace moldau::config

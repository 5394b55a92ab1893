// What a command says on stderr beside its data: notes, errors, and with -v what its connections do. Lines
// for people, or with --log-json one object a line: {"level","message","cause"?,"hint"?,"exit"?}.
#pragma once

#include "cli/session.h"
#include "client/connection.h"

namespace moldau::cli {

// Tells of connections (-v) and of every request (-vv); empty without -v. The session outlives it.
std::function<void(const client::ConnectionEvent&)> observer_of(Session& session);

}  // namespace moldau::cli

// What a profile asks for before its cluster is touched: that its name is seen, and that changes are
// confirmed.
#pragma once

#include "cli/session.h"

namespace moldau::cli {

// Of a command of the tables, by name: whether it changes the cluster without a question of its own.
bool changes_cluster(std::string_view command);

// Shows the profile's name on a terminal when it has a colour, and asks where it says `confirm: always`.
// A usage error for a refused or impossible question.
Answer<void> pass_guard(Session& session);

// "[prod] " in its colour, "" without a profile.
std::string profile_label(const Session& session);
// The terminal's sequence for a colour's name; "" for none.
std::string color_on(std::string_view name);

}  // namespace moldau::cli

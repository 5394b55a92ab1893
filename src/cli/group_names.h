// Groups of a command line: names, or with --regex patterns over the groups that there are.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"

namespace moldau::cli {

// What session's words name, in their order. A usage error when there are none; not found when a pattern
// matches nothing.
runtime::Task<Answer<std::vector<std::string>>> groups_of_words(ClusterSession& session);
// The one word that there must be.
Answer<std::string> group_of_words(const Session& session);
// Not found, with the nearest name that is there, or why else the group could not be used.
runtime::Task<Trouble> group_trouble(ClusterSession& session, const std::string& group,
                                     client::Failure failure);

}  // namespace moldau::cli

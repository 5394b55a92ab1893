// Shell completion: scripts that call `moldau __complete -- words…`, which answers from the command tables
// and, for topics, from the cluster.
#pragma once

#include "cli/session.h"

namespace moldau::cli {

// Prints one candidate a line for the last of the words. Silent on failure.
Exit complete_words(Session& session, const std::vector<std::string>& words);

}  // namespace moldau::cli

// --watch: does a command again and again and shows what changed: on a terminal the whole answer in place of
// the one before, elsewhere one JSON line for each row that was added, changed or removed.
#pragma once

#include "cli/session.h"

namespace moldau::cli {

// The pause between two looks; nothing without --watch. A usage error for a command that is not watched, or a
// pause that is no duration.
Answer<std::optional<runtime::Duration>> watch_pause(const Session& session);

// Until a signal comes, or nobody reads the output any more. A look that fails is told, and the next one
// comes; the first one's failure ends it.
runtime::Task<Answer<Exit>> watch(ClusterSession& session, ClusterTask look, runtime::Duration pause);

// The JSON lines between two looks of a table in JSON lines: {"event":"added|changed|removed","item":{…}}. A
// row is known by its first field, and by its partition or dir when it has one.
std::string changes_between(std::string_view before, std::string_view now);

}  // namespace moldau::cli

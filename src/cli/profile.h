// Profiles: named clusters of a person (~/.config/moldau/config.yaml), and the one of a project
// (.moldau.yaml, found upwards to the top of its git repository).
#pragma once

#include "cli/session.h"

namespace moldau::cli {

// What the project file, and below it the named or current profile, say. A profile that was named and is not
// there is an error; missing files are none.
Answer<Properties> profile_properties(const Invocation& invocation, std::optional<std::string> named);

}  // namespace moldau::cli

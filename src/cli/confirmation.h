// Asking before something is changed.
#pragma once

#include "cli/session.h"

namespace moldau::cli {

// Whether to go on: --dry-run says no, else confirmed() of report.h decides; who says no gets a usage error.
Answer<bool> goes_on(Session& session, const std::string& question);

}  // namespace moldau::cli

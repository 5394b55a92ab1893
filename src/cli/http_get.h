// The one thing that status asks of the admin port: the status code of a GET.
#pragma once

#include <optional>

#include "cli/session.h"

namespace moldau::cli {

// Nothing when nobody answers in HTTP within two seconds. Blocks: it runs a world.
std::optional<int> http_status(Session& session, const runtime::Endpoint& at, std::string_view path);

}  // namespace moldau::cli

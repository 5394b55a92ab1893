#include "cli/confirmation.h"

#include "cli/report.h"

namespace moldau::cli {

Answer<bool> goes_on(Session& session, const std::string& question) {
  if (session.arguments.has("dry-run")) return false;
  const auto sure = confirmed(session, question);
  if (!sure) return std::unexpected(sure.error());
  if (!*sure) return usage_trouble("nothing was changed");
  return true;
}

}  // namespace moldau::cli

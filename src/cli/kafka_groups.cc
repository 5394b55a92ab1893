// kafka-groups: groups of every kind, with the lines of Kafka's own.
#include <algorithm>
#include <array>

#include "cli/handlers.h"
#include "cli/kafka_columns.h"

namespace moldau::cli {
namespace {

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

Answer<void> check_flags(const Arguments& arguments) {
  if (!arguments.has("list"))
    return trouble(Exit::failed, "Command must include exactly one action: --list.");
  const std::string type = lower_case(arguments.text("group-type"));
  constexpr std::string_view kTypes[] = {"classic", "consumer", "share", "streams"};
  if (arguments.has("group-type") && std::ranges::find(kTypes, type) == std::end(kTypes))
    return trouble(Exit::failed, "--group-type must be a valid group type.");
  const int kinds = arguments.has("consumer") + arguments.has("share") + arguments.has("streams");
  if (kinds > 1 || (kinds == 1 && (arguments.has("group-type") || arguments.has("protocol"))))
    return trouble(Exit::failed,
                   "Of --consumer, --share and --streams only one can be used, and without --group-type and "
                   "--protocol");
  return {};
}

bool is_wanted(const Arguments& arguments, const client::GroupListing& group) {
  if (const auto type = arguments.find("group-type"); type && lower_case(group.type) != lower_case(*type))
    return false;
  if (const auto protocol = arguments.find("protocol"); protocol && group.protocol_type != *protocol)
    return false;
  if (arguments.has("consumer"))
    return group.protocol_type == "consumer" || group.protocol_type.empty() || group.type == "Consumer";
  if (arguments.has("share")) return group.type == "Share";
  return !arguments.has("streams") || group.type == "Streams";
}

}  // namespace

ClusterAnswer kafka_groups(ClusterSession& session) {
  if (auto checked = check_flags(session.arguments()); !checked) co_return trouble(checked.error());
  const auto groups = co_await session.admin.list_groups();
  if (!groups) {
    session.out().line("Error while executing groups command : " + words_of(groups.error()));
    co_return trouble(trouble_of(groups.error(), "cannot list groups"));
  }
  constexpr std::size_t kLeast = 20;
  std::vector<std::array<std::string, 3>> rows;
  std::size_t width = kLeast;
  for (const client::GroupListing& group : *groups) {
    if (!is_wanted(session.arguments(), group)) continue;
    rows.push_back({group.id, group.type, group.protocol_type});
    for (const std::string& cell : rows.back()) width = std::max(width, cell.size());
  }
  session.out().line(padded("GROUP", width) + " " + padded("TYPE", width) + " " + padded("PROTOCOL", width));
  for (const auto& [id, type, protocol] : rows)
    session.out().line(padded(id, width) + " " + padded(type, width) + " " + padded(protocol, width) + " ");
  co_return Exit::done;
}

}  // namespace moldau::cli

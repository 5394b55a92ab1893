#include "cli/group_names.h"

#include "cli/topic_names.h"

namespace moldau::cli {

using runtime::Task;

Task<Answer<std::vector<std::string>>> groups_of_words(ClusterSession& session) {
  const std::vector<std::string>& words = session.arguments().words();
  if (words.empty())
    co_return usage_trouble("which group?", "moldau group list shows the groups that there are");
  if (!session.arguments().has("regex")) co_return words;
  const auto groups = co_await session.admin.list_groups();
  if (!groups) co_return trouble(trouble_of(groups.error(), "cannot list groups"));
  std::vector<std::string> names;
  for (const client::GroupListing& group : *groups) names.push_back(group.id);
  std::vector<std::string> matched;
  for (const std::string& pattern : words) {
    const auto some = matching(pattern, names);
    if (!some) co_return trouble(some.error());
    matched.insert(matched.end(), some->begin(), some->end());
  }
  if (matched.empty()) co_return trouble(Exit::not_found, "no group matches");
  co_return matched;
}

Answer<std::string> group_of_words(const Session& session) {
  const std::vector<std::string>& words = session.arguments.words();
  if (words.size() == 1) return words.front();
  return usage_trouble(words.empty() ? "which group?" : "one group at a time");
}

Task<Trouble> group_trouble(ClusterSession& session, const std::string& group, client::Failure failure) {
  Trouble why = trouble_of(failure, "cannot use group " + group);
  if (failure.broker != wire::ErrorCode::group_id_not_found) co_return why;
  why.exit = Exit::not_found;
  why.what = "there is no group " + group;
  why.hint = "moldau group list shows the groups that there are";
  const auto groups = co_await session.admin.list_groups();
  if (groups && groups->size() == 1) why.hint = "there is only group " + groups->front().id;
  co_return why;
}

}  // namespace moldau::cli

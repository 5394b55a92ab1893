#include "cli/report.h"

#include <algorithm>

#include "cli/cluster_guard.h"
#include "wire/error_code.h"

namespace moldau::cli {

Answer<Format> format_of(const Session& session, Format otherwise) {
  std::optional<std::string> asked = session.arguments.find("format");
  if (!asked) {
    const auto& environment = session.invocation.process.environment;
    if (const auto at = environment.find("MOLDAU_FORMAT"); at != environment.end()) asked = at->second;
  }
  if (!asked) return otherwise;
  if (const auto format = parse_format(*asked)) return *format;
  return usage_trouble("unknown format \"" + *asked + "\"", "one of: " + std::string(kFormats));
}

bool colours(const Session& session) {
  const std::string asked = session.arguments.text("color", "auto");
  if (asked != "auto") return asked == "always";
  const auto& environment = session.invocation.process.environment;
  const auto is_set = [&](const char* name) {
    const auto at = environment.find(name);
    return at != environment.end() && !at->second.empty() && at->second != "0";
  };
  if (is_set("NO_COLOR")) return false;
  const auto terminal = environment.find("TERM");
  const bool dumb = terminal != environment.end() && terminal->second == "dumb";
  return is_set("CLICOLOR_FORCE") || (session.invocation.out_is_terminal && !dumb);
}

Answer<void> print_table(Session& session, Table table) {
  const auto format = format_of(session);
  if (!format) return std::unexpected(format.error());
  if (const auto text = session.arguments.find("filter")) {
    const auto condition = Expression::parse(*text, "--filter");
    if (!condition) return std::unexpected(condition.error());
    if (auto filtered = table.filter(*condition); !filtered) return filtered;
  }
  if (const auto by = session.arguments.find("sort")) {
    if (auto sorted = table.sort(*by); !sorted) return sorted;
  }
  if (const auto fields = session.arguments.find("fields")) {
    if (auto projected = table.project(*fields); !projected) return projected;
  }
  session.out.put(table.render(*format, !session.arguments.has("no-heading"), colours(session)));
  return {};
}

namespace {

std::vector<Column> report_columns(std::string item_name, const std::vector<Column>& more) {
  std::vector<Column> columns{{std::move(item_name)}};
  columns.insert(columns.end(), more.begin(), more.end());
  columns.push_back({.name = "status", .state = true});
  return columns;
}

}  // namespace

ItemReport::ItemReport(std::string item_name, std::vector<Column> more_columns)
    : table_(report_columns(std::move(item_name), more_columns)), more_columns_(more_columns.size()) {}

void ItemReport::done(std::string item, std::vector<Json> more) {
  more.resize(more_columns_);
  more.insert(more.begin(), Json(std::move(item)));
  more.emplace_back("OK");
  table_.add(std::move(more));
  ++items_;
}

void ItemReport::failed(std::string item, const client::Failure& failure, std::vector<Json> more) {
  const Trouble why = trouble_of(failure, "");
  std::string status =
      failure.broker == wire::ErrorCode::none ? "" : std::string(wire::name_of(failure.broker)) + ": ";
  more.resize(more_columns_);
  more.insert(more.begin(), Json(std::move(item)));
  more.emplace_back(status + words_of(failure));
  table_.add(std::move(more));
  ++items_;
  failures_.push_back(why.exit);
  if (!why.hint.empty() && std::ranges::find(hints_, why.hint) == hints_.end()) hints_.push_back(why.hint);
}

Answer<Exit> ItemReport::finish(Session& session) && {
  if (auto printed = print_table(session, std::move(table_)); !printed)
    return std::unexpected(printed.error());
  session.out.flush();
  for (const std::string& hint : hints_) session.note("hint: " + hint);
  if (failures_.empty()) return Exit::done;
  const bool all_alike = failures_.size() == items_ &&
                         std::ranges::all_of(failures_, [&](Exit exit) { return exit == failures_.front(); });
  return all_alike ? failures_.front() : Exit::failed;
}

Answer<bool> confirmed(Session& session, std::string_view question) {
  if (session.arguments.has("yes")) return true;
  const Invocation& invocation = session.invocation;
  if (!invocation.in_is_terminal || !invocation.err_is_terminal)
    return usage_trouble(std::string(question) + " needs a yes", "add --yes (-y) where nobody can be asked");
  session.err.put(profile_label(session) + std::string(question) + "? [y/N] ");
  session.err.flush();
  std::string answer;
  while (!answer.ends_with('\n')) {
    std::byte letter{};
    const auto got = invocation.in.read({&letter, 1}, std::chrono::hours(1));
    if (!got || !*got || **got == 0) {
      session.err.line("");
      break;
    }
    answer += static_cast<char>(letter);
  }
  return answer.starts_with('y') || answer.starts_with('Y');
}

Progress::Progress(Session& session, runtime::Executor& executor)
    : session_(session),
      executor_(executor),
      enabled_(session.invocation.err_is_terminal && !session.quiet() &&
               !session.arguments.has("no-progress") && !session.arguments.has("log-json")) {}

bool Progress::due() const { return enabled_ && executor_.now() >= next_; }

void Progress::show(std::string_view text) {
  if (!due()) return;
  next_ = executor_.now() + std::chrono::milliseconds(250);
  const auto columns = static_cast<std::size_t>(std::max(session_.invocation.columns, 2)) - 1;
  session_.err.put("\r\x1b[K" + std::string(text.substr(0, columns)));
  session_.err.flush();
  shown_ = true;
}

void Progress::clear() {
  if (!std::exchange(shown_, false)) return;
  session_.err.put("\r\x1b[K");
  session_.err.flush();
}

}  // namespace moldau::cli

#include "cli/watch.h"

#include <algorithm>

#include "cli/command.h"
#include "cli/report.h"
#include "cli/timestamp_text.h"

namespace moldau::cli {
namespace {

using runtime::Task;

constexpr std::string_view kWatched[] = {
    "topic list",       "topic describe",   "topic offsets",       "cluster info",
    "cluster health",   "topic storage",    "cluster config list", "cluster quorum",
    "cluster logdirs",  "cluster features", "cluster config get",  "cluster brokers",
    "cluster reassign", "quorum status",    "group list",          "group describe"};

std::map<std::string, std::string> rows_of(std::string_view lines) {
  std::map<std::string, std::string> rows;
  for (const std::string& line : split(lines, '\n')) {
    const auto row = Json::parse(line);
    if (!row || !row->as_object() || row->as_object()->empty()) continue;
    std::string id = row->as_object()->front().second.to_line();
    for (const std::string_view name : {"dir", "topic", "partition"}) {
      if (const Json* part = row->find(name)) id += " " + part->to_line();
    }
    rows[id] = line;
  }
  return rows;
}

std::string event(std::string_view name, const std::string& row) {
  return "{\"event\":\"" + std::string(name) + "\",\"item\":" + row + "}\n";
}

class Watch {
 public:
  explicit Watch(ClusterSession& session) : session_(session) {
    if (!terminal() && !session.arguments().has("format")) {
      session.session.arguments.add("format", "jsonl");
      as_events_ = true;
    }
  }

  void show(std::string now) {
    if (now == shown_ && looks_ > 0) return;
    if (terminal())
      session_.out().put("\x1b[H\x1b[2J" + heading() + "\n\n" + now);
    else
      session_.out().put(as_events_ ? changes_between(shown_, now) : looks_ > 0 ? "\n" + now : now);
    session_.out().flush();
    shown_ = std::move(now);
    ++looks_;
  }
  bool first() const { return looks_ == 0; }

 private:
  bool terminal() const { return session_.session.invocation.out_is_terminal; }
  std::string heading() const {
    return "moldau " + std::string(session_.session.command->name) + "   changed " +
           rfc3339(session_.world.wall_clock().now_ms());
  }

  ClusterSession& session_;
  std::string shown_;
  std::size_t looks_ = 0;
  bool as_events_ = false;
};

}  // namespace

std::string changes_between(std::string_view before, std::string_view now) {
  const auto old_rows = rows_of(before), new_rows = rows_of(now);
  std::string out;
  for (const auto& [id, row] : new_rows) {
    const auto at = old_rows.find(id);
    if (at == old_rows.end())
      out += event("added", row);
    else if (at->second != row)
      out += event("changed", row);
  }
  for (const auto& [id, row] : old_rows) {
    if (!new_rows.contains(id)) out += event("removed", row);
  }
  return out;
}

Answer<std::optional<runtime::Duration>> watch_pause(const Session& session) {
  if (!session.arguments.has("watch")) return std::nullopt;
  if (std::ranges::find(kWatched, session.command->name) == std::end(kWatched))
    return usage_trouble("--watch: moldau " + std::string(session.command->name) + " cannot be watched");
  const std::string text = session.arguments.text("watch", "2s");
  const auto pause = parse_duration(text);
  if (pause && *pause >= std::chrono::milliseconds(100)) return pause;
  return usage_trouble("--watch: \"" + text + "\" is no duration of at least 100ms",
                       "for example --watch=5s");
}

Task<Answer<Exit>> watch(ClusterSession& session, ClusterTask look, runtime::Duration pause) {
  session.session.handles_interrupt = true;
  Watch shown(session);
  while (!session.interrupt.raised() && !session.out().broken()) {
    session.out().hold();
    auto answer = co_await look(session);
    std::string text = session.out().take_held();
    if (answer) {
      shown.show(std::move(text));
    } else if (shown.first()) {
      co_return answer;
    } else {
      session.session.note(answer.error().one_line());
    }
    co_await session.interrupt.changed().wait(session.executor().now() + pause);
  }
  co_return session.interrupt.raised() ? exit_of(session.interrupt) : Exit::done;
}

}  // namespace moldau::cli

// Plays tests/transcripts/raft/*.txt. A file is a scenario: lines with `>` are commands, the lines under each
// are what comes of it, everything else is prose. MOLDAU_REWRITE_TRANSCRIPTS=1 writes down what came instead.
// The commands are explained in tests/transcripts/raft/README.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "unit/raft/cluster.h"

namespace moldau::raft::testing {
namespace {

using namespace std::chrono_literals;

// One cluster and the commands on it. What happens is told line by line.
class Stage {
 public:
  std::string run(const std::string& line) {
    out_.clear();
    std::istringstream in(line);
    std::string command;
    in >> command;
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    play(command, words);
    if (cluster_ && cluster_->failed()) out_ += "VIOLATION: " + cluster_->violation() + "\n";
    return out_;
  }

 private:
  static constexpr Duration kMoment = 10ms;  // long for messages, short for every timeout

  void play(const std::string& command, const std::vector<std::string>& words) {
    if (command == "cluster") return begin(words);
    if (!cluster_) return say("there is no cluster");
    if (command == "log") return preset(words);
    if (command == "start") return each(words, [&](NodeId id) { cluster_->restart(id); });
    if (command == "crash") return each(words, [&](NodeId id) { cluster_->crash(id); });
    if (command == "wipe") return each(words, [&](NodeId id) { cluster_->wipe(id); });
    if (command == "isolate") return each(words, [&](NodeId id) { cluster_->isolate(id); });
    if (command == "timeout") return each(words, [&](NodeId id) { cluster_->time_out(id); });
    if (command == "resign") return each(words, [&](NodeId id) { resign(id); });
    if (command == "snapshot") return each(words, [&](NodeId id) { cluster_->take_snapshot(id, true); });
    if (command == "write") return each(words, [&](NodeId id) { write(id); });
    if (command == "add") return each(words, [&](NodeId id) { change(id, true); });
    if (command == "remove") return each(words, [&](NodeId id) { change(id, false); });
    if (command == "heal") return cluster_->heal(), settle();
    if (command == "settle") return cluster_->run_for(kMoment);
    if (command == "tick") return cluster_->run_for(Duration(number(words, 0)));
    if (command == "wait") return cluster_->run_for(std::chrono::seconds(number(words, 0)));
    if (command == "until") return until(words);
    if (command == "messages") return void(cluster_->trace_messages = words.at(0) == "on");
    if (command == "show") return show(words);
    say("no such command: " + command);
  }

  static NodeId number(const std::vector<std::string>& words, std::size_t at) {
    return static_cast<NodeId>(std::strtol(words.at(at).c_str(), nullptr, 10));
  }
  void say(const std::string& line) { out_ += line + "\n"; }

  // cluster VOTERS voters [OBSERVERS observers] [dynamic]: nobody is started.
  void begin(const std::vector<std::string>& words) {
    Shape shape{number(words, 0)};
    shape.observers = words.size() > 3 ? number(words, 2) : 0;
    shape.dynamic = words.back() == "dynamic";
    slowly_ = words.back() == "slowly";
    cluster_.emplace(shape, 1, Faults{.max_delay = 1ns, .fetch_entries = slowly_ ? 1 : 1000});
    for (const NodeId id : cluster_->ids()) cluster_->crash(id);
    cluster_->forget_network();
    cluster_->trace = [this](const std::string& line) { say(line); };
  }
  // log NODE [in EPOCH] : EPOCH…: what the node has on disk.
  void preset(const std::vector<std::string>& words) {
    const auto colon = static_cast<std::size_t>(std::ranges::find(words, ":") - words.begin());
    std::vector<LeaderEpoch> epochs;
    for (std::size_t i = colon + 1; i < words.size(); ++i) epochs.push_back(number(words, i));
    const LeaderEpoch last = epochs.empty() ? 0 : epochs.back();
    cluster_->preset(number(words, 0), epochs, {.epoch = colon > 2 ? number(words, 2) : last});
  }
  template <class Action>
  void each(const std::vector<std::string>& words, Action action) {
    for (std::size_t i = 0; i < words.size(); ++i) action(number(words, i));
    settle();
  }
  void settle() {
    if (!slowly_) cluster_->run_for(kMoment);
  }
  void write(NodeId id) {
    if (!cluster_->write(id)) say(std::to_string(id) + " takes no writes");
  }
  void resign(NodeId id) {
    cluster_->raft(id).resign(cluster_->now());
    cluster_->carry_out(id);
  }
  void change(NodeId id, bool add) {
    const NodeId at = cluster_->leader();
    if (at == kNoNode) return say("nobody leads");
    const Voter* listed = cluster_->raft(at).voters().find(id);
    add ? (void)cluster_->add_voter(at, id)
        : (void)cluster_->remove_voter(at, listed ? listed->key : cluster_->key(id));
  }
  // until NODE has N: goes on until its log has that many entries.
  void until(const std::vector<std::string>& words) {
    const NodeId id = number(words, 0);
    const Time deadline = cluster_->now() + kMoment;
    while (cluster_->log(id).flushed() < number(words, 2) && cluster_->now() < deadline &&
           !cluster_->failed())
      cluster_->run_for(1ns);
  }

  static std::string entry_text(const Entry& entry) {
    constexpr const char* kMarks[] = {"", "L", "K", "V"};
    return std::to_string(entry.epoch) + kMarks[static_cast<std::size_t>(entry.kind)];
  }
  // show [NODE…]: each log as figure 7 draws them, by the entries' epochs.
  void show(const std::vector<std::string>& words) {
    std::vector<NodeId> ids;
    for (std::size_t i = 0; i < words.size(); ++i) ids.push_back(number(words, i));
    for (const NodeId id : ids.empty() ? cluster_->ids() : ids) {
      MemoryLog& log = cluster_->log(id);
      std::string line = std::to_string(id) + " ";
      line += cluster_->is_up(id) ? std::string(name_of(cluster_->raft(id).role())) : "down";
      line.resize(std::max<std::size_t>(line.size(), 14), ' ');
      line += "epoch " + std::to_string(cluster_->stored(id).epoch) + "  |";
      if (log.start().offset > 0) line += " (snapshot of " + std::to_string(log.start().offset) + ")";
      for (Offset at = log.start().offset; at < log.end().offset; ++at) line += " " + entry_text(log.at(at));
      if (cluster_->is_up(id)) line += "  | committed " + std::to_string(cluster_->raft(id).high_watermark());
      say(line);
    }
  }

  std::optional<Cluster> cluster_;
  bool slowly_ = false;
  std::string out_;
};

std::string folder() { return MOLDAU_SOURCE_DIR "/tests/transcripts/raft"; }

std::vector<std::string> transcripts() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder()))
    if (entry.path().extension() == ".txt") out.push_back(entry.path().stem());
  std::ranges::sort(out);
  return out;
}

// The transcript as it is written down, and as it comes out.
std::pair<std::string, std::string> play(std::istream& in) {
  Stage stage;
  std::string written, played;
  bool in_output = false;
  for (std::string line; std::getline(in, line);) {
    written += line + "\n";
    if (line.starts_with("> ")) {
      played += line + "\n" + stage.run(line.substr(2));
      in_output = true;
    } else if (line.empty() || line.starts_with("#") || !in_output) {
      played += line + "\n";
      in_output = false;
    }
  }
  return {written, played};
}

class Transcript : public ::testing::TestWithParam<std::string> {};

TEST_P(Transcript, Holds) {
  const std::string path = folder() + "/" + GetParam() + ".txt";
  std::ifstream in(path);
  ASSERT_TRUE(in) << path;
  const auto [written, played] = play(in);
  if (std::getenv("MOLDAU_REWRITE_TRANSCRIPTS")) {
    std::ofstream(path) << played;
    return;
  }
  EXPECT_EQ(written, played) << path;
  EXPECT_EQ(played.find("VIOLATION"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Raft, Transcript, ::testing::ValuesIn(transcripts()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace moldau::raft::testing

// From the words of the command line to a command, and from what became of it to an exit code.
#include <algorithm>

#include "cli/cli.h"
#include "cli/cluster_guard.h"
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/connection.h"
#include "cli/help.h"
#include "cli/kafka_parser.h"
#include "cli/moldau_parser.h"
#include "cli/profile_keys.h"
#include "cli/version_text.h"

namespace moldau::cli {
namespace {

std::string program_name(const std::string& word) {
  std::string name = word.substr(word.rfind('/') + 1);
  if (name.ends_with(".sh")) name.resize(name.size() - 3);
  return name;
}

Answer<Exit> perform(Session& session) {
  if (const auto* local = std::get_if<LocalTask>(&session.command->task)) return (*local)(session);
  return run_on_cluster(session, std::get<ClusterTask>(session.command->task));
}

int told(Session& session, const Answer<Exit>& answer) {
  session.out.flush();
  if (answer) return static_cast<int>(*answer);
  session.tell(answer.error());
  return static_cast<int>(answer.error().exit);
}

class MoldauRun {
 public:
  MoldauRun(Session& session, std::span<const std::string> words) : session_(session), words_(words) {}

  int run() {
    if (words_.empty()) return print(session_.err, moldau_overview(), Exit::usage);
    if (words_.front() == "__complete") return complete();
    if (has("--help-json")) return print(session_.out, help_json(), Exit::done);
    if (has_assignment("list")) return print(session_.out, assignment_names(), Exit::done);
    if (has_assignment("help")) return print(session_.out, assignment_help(), Exit::done);
    if (words_.front() == "--version") return print(session_.out, version_line() + "\n", Exit::done);
    const Chosen chosen = choose_command(words_);
    const bool asks = has("--help") || has("-h");
    if (!chosen.named.empty() && chosen.named.front() == "help") return help(words_after("help"));
    if (asks) return help(command_words(chosen));
    if (!chosen.command) return told(session_, unknown(chosen));
    return perform_chosen(chosen);
  }

 private:
  // A word before "--".
  bool has(std::string_view word) const {
    const auto end = std::ranges::find(words_, "--");
    return std::find(words_.begin(), end, word) != end;
  }

  // -X list, -X help.
  bool has_assignment(std::string_view word) const {
    const auto at = std::ranges::find(words_, "-X");
    return has("-X") && at + 1 < words_.end() && at[1] == word;
  }

  std::vector<std::string> words_after(std::string_view word) const {
    const auto at = std::ranges::find(words_, word);
    std::vector<std::string> rest;
    for (auto next = at + 1; next < words_.end(); ++next) {
      if (!next->starts_with('-')) rest.push_back(*next);
    }
    return rest;
  }

  static std::vector<std::string> command_words(const Chosen& chosen) {
    if (chosen.command) return split(chosen.command->name, ' ');
    return chosen.named.empty() ? std::vector<std::string>{} : std::vector{chosen.named.front()};
  }

  int print(Printer& printer, const std::string& text, Exit exit) {
    printer.put(text);
    printer.flush();
    return static_cast<int>(exit);
  }

  int help(const std::vector<std::string>& about) {
    const std::string text = moldau_help(about);
    if (!text.empty()) return print(session_.out, text, Exit::done);
    std::string name;
    for (const std::string& word : about) name += (name.empty() ? "" : " ") + word;
    return told(session_, usage_trouble("no help about \"" + name + "\"", "moldau help lists the commands"));
  }

  int complete() {
    std::vector<std::string> rest(words_.begin() + 1, words_.end());
    if (!rest.empty() && rest.front() == "--") rest.erase(rest.begin());
    return static_cast<int>(complete_words(session_, rest));
  }

  static std::unexpected<Trouble> unknown(const Chosen& chosen) {
    if (chosen.named.empty()) return usage_trouble("which command?", "moldau help lists them");
    const std::string noun(canonical_noun(chosen.named.front()));
    std::string listed = moldau_help({noun});
    if (!listed.empty() && chosen.named.size() == 1)
      return usage_trouble("moldau " + noun + " needs a verb", "moldau help " + noun + " lists them");
    std::vector<std::string> names;
    for (const Command& command : moldau_commands()) {
      names.emplace_back(command.name);
      names.emplace_back(command.name.substr(0, command.name.find(' ')));
    }
    std::string typed = noun;
    if (!listed.empty()) typed += " " + chosen.named[1];
    const std::string near = nearest_of(typed, names);
    return usage_trouble("no command \"" + typed + "\"", near.empty() ? "moldau help lists the commands"
                                                                      : "did you mean moldau " + near + "?");
  }

  int perform_chosen(const Chosen& chosen) {
    session_.command = chosen.command;
    auto arguments = parse_moldau_words(*chosen.command, chosen.rest);
    if (!arguments) return told(session_, std::unexpected(std::move(arguments).error()));
    session_.arguments = std::move(*arguments);
    if (std::holds_alternative<ClusterTask>(chosen.command->task)) {
      if (auto resolved = resolve_properties(session_); !resolved)
        return told(session_, std::unexpected(resolved.error()));
      if (auto passed = pass_guard(session_); !passed) return told(session_, std::unexpected(passed.error()));
    }
    return told(session_, perform(session_));
  }

  Session& session_;
  std::span<const std::string> words_;
};

class KafkaRun {
 public:
  KafkaRun(Session& session, std::string name, std::vector<std::string> words)
      : session_(session), name_(std::move(name)), words_(std::move(words)) {}

  int run() {
    if (name_ == "kafka-run-class") {
      if (auto renamed = rename_class(); !renamed) return one_line(renamed.error());
    }
    if (const std::string_view why = missing_tool(name_); !why.empty())
      return one_line({Exit::failed, std::string(why)});
    find_command();
    if (!session_.command) return usage();
    if (words_ == std::vector<std::string>{"--version"}) return print_version();
    if (std::ranges::find(words_, "--help") != words_.end()) return usage();
    for (const std::string& word : words_) {
      if (word == "--zookeeper" || word.starts_with("--zookeeper="))
        return one_line({Exit::failed, "ZooKeeper is gone; use --bootstrap-server host:9092"});
    }
    return parse_and_perform();
  }

 private:
  // kafka-run-class kafka.tools.GetOffsetShell …: the tool of that class.
  Answer<void> rename_class() {
    static constexpr std::pair<std::string_view, std::string_view> kClasses[] = {
        {"GetOffsetShell", "kafka-get-offsets"},
        {"TopicCommand", "kafka-topics"},
        {"ConfigCommand", "kafka-configs"},
        {"ConsoleProducer", "kafka-console-producer"},
        {"ConsoleConsumer", "kafka-console-consumer"},
        {"DumpLogSegments", "kafka-dump-log"},
        {"StorageTool", "kafka-storage"},
        {"ProducerPerformance", "kafka-producer-perf-test"},
        {"ConsumerPerformance", "kafka-consumer-perf-test"},
        {"EndToEndLatency", "kafka-e2e-latency"},
        {"DeleteRecordsCommand", "kafka-delete-records"},
        {"LogDirsCommand", "kafka-log-dirs"},
        {"ClusterTool", "kafka-cluster"},
        {"FeatureCommand", "kafka-features"},
        {"MetadataQuorumCommand", "kafka-metadata-quorum"},
        {"BrokerApiVersionsCommand", "kafka-broker-api-versions"},
        {"ReassignPartitionsCommand", "kafka-reassign-partitions"},
        {"LeaderElectionCommand", "kafka-leader-election"},
        {"Kafka", "kafka-server-start"},
        {"ConsumerGroupCommand", "kafka-consumer-groups"},
        {"GroupsCommand", "kafka-groups"},
        {"TransactionsCommand", "kafka-transactions"},
        {"VerifiableProducer", "kafka-verifiable-producer"},
        {"VerifiableConsumer", "kafka-verifiable-consumer"},
        {"AclCommand", "kafka-acls"},
    };
    while (!words_.empty() &&
           (words_.front() == "-daemon" || words_.front() == "-loggc" || words_.front() == "-name"))
      words_.erase(words_.begin(), words_.begin() + (words_.front() == "-name" && words_.size() > 1 ? 2 : 1));
    if (words_.empty()) return trouble(Exit::failed, "USAGE: kafka-run-class CLASS [options]");
    const std::string name = words_.front().substr(words_.front().rfind('.') + 1);
    for (const auto& [known, tool] : kClasses) {
      if (name != known) continue;
      name_ = tool;
      words_.erase(words_.begin());
      return {};
    }
    return trouble(Exit::failed, "there is no class " + words_.front() + " here: this is no Java program");
  }

  void find_command() {
    session_.command = find_kafka_command(name_);
    if (session_.command || words_.empty()) return;
    // A tool with sub-commands: kafka-storage format …; options may stand before it.
    for (std::size_t i = 0; i < words_.size() && !session_.command; ++i) {
      session_.command = find_kafka_command(name_ + " " + words_[i]);
      if (session_.command) words_.erase(words_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  int parse_and_perform() {
    auto arguments = parse_kafka_words(session_.command->flags, words_);
    if (!arguments) return usage(arguments.error().what);
    session_.arguments = std::move(*arguments);
    if (session_.arguments.has("version")) return print_version();
    if (std::holds_alternative<ClusterTask>(session_.command->task)) {
      if (auto resolved = resolve_kafka_properties(session_); !resolved) return failed(resolved.error());
    }
    session_.first_contact = std::chrono::seconds(15);  // Kafka's tools are started beside the broker
    const Answer<Exit> answer = perform(session_);
    session_.out.flush();
    if (!answer)
      return answer.error().exit == Exit::usage ? usage(answer.error().what) : failed(answer.error());
    return exit_code(*answer);
  }

  // start and stop have the daemon's own codes; everything else ends in 0 or 1 as upstream.
  int exit_code(Exit exit) const {
    if (name_ == "kafka-server-start" || exit == Exit::interrupted || exit == Exit::terminated)
      return static_cast<int>(exit);
    return exit == Exit::done ? 0 : 1;
  }

  int failed(const Trouble& why) {
    session_.tell(why);
    return exit_code(why.exit);
  }

  int one_line(const Trouble& why) {
    session_.err.line(why.one_line());
    return 1;
  }

  int print_version() {
    session_.out.line(version_line());
    return 0;
  }

  int usage(const std::string& problem = {}) {
    if (!problem.empty()) session_.err.line(problem);
    if (session_.command) {
      session_.err.put(help_of(*session_.command, ""));
      return 1;
    }
    session_.err.line("usage: " + name_ + " COMMAND [options]");
    for (const Command& command : kafka_commands()) {
      if (command.name.starts_with(name_ + " "))
        session_.err.line("  " + std::string(command.name) + "  " + std::string(command.summary));
    }
    return 1;
  }

  Session& session_;
  std::string name_;
  std::vector<std::string> words_;
};

bool is_kafka_name(std::string_view name) {
  return name.starts_with("kafka-") || name.starts_with("connect-") || name.starts_with("zookeeper-") ||
         name == "trogdor";
}

}  // namespace

int run(const Invocation& invocation, Environment& environment) {
  MOLDAU_ASSERT(!invocation.words.empty());
  Session session(invocation, environment);
  std::vector<std::string> words(invocation.words.begin() + 1, invocation.words.end());
  std::string name = program_name(invocation.words.front());
  if (!is_kafka_name(name) && !words.empty() && is_kafka_name(words.front())) {
    name = program_name(words.front());
    words.erase(words.begin());
  }
  if (is_kafka_name(name)) return KafkaRun(session, std::move(name), std::move(words)).run();
  return MoldauRun(session, words).run();
}

}  // namespace moldau::cli

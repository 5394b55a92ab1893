#include <array>

#include "config/entries.h"
#include "config/text.h"

namespace moldau::config {
namespace {

// Of Kafka's start scripts and images: they tune the JVM or the image, not the broker.
constexpr std::array<std::string_view, 17> kJvmVariables{"VERSION",
                                                         "HEAP_OPTS",
                                                         "LOG4J_OPTS",
                                                         "OPTS",
                                                         "JMX_OPTS",
                                                         "JVM_PERFORMANCE_OPTS",
                                                         "GC_LOG_OPTS",
                                                         "LOG4J_ROOT_LOGLEVEL",
                                                         "LOG4J_LOGGERS",
                                                         "JMX_HOSTNAME",
                                                         "JMX_PORT",
                                                         "HOME",
                                                         "DEBUG",
                                                         "LOG4J_CMD_OPTS",
                                                         "LOG4J_APPENDERS",
                                                         "SCALA_VERSION",
                                                         "TOOLS_LOG4J_LOGLEVEL"};
constexpr std::array<std::string_view, 3> kClusterIdVariables{"CLUSTER_ID", "KAFKA_KRAFT_CLUSTER_ID",
                                                              "KAFKA_CLUSTER_ID"};

// MOLDAU_LISTENERS__EXTERNAL__ADVERTISE: two underscores are a level. Inside Kafka's names one is a dot.
std::string path_of_variable(std::string_view name) {
  std::string path = replaced(lower(name), "__", ".");
  for (const std::string_view prefix : {"kafka.", "bootstrap.defaults."})
    if (path.starts_with(prefix)) return std::string(prefix) + replaced(path.substr(prefix.size()), "_", ".");
  return path;
}

class EnvironmentWalk {
 public:
  void visit(const std::string& name, const std::string& value) {
    if (has(kClusterIdVariables, name)) return add("cluster.id", name, value, false);
    // Names without a level are the command line's (MOLDAU_BROKERS, MOLDAU_FORMAT).
    if (name.starts_with("MOLDAU_") && name.find("__") != std::string::npos)
      return add(path_of_variable(std::string_view(name).substr(7)), name, value, false);
    if (name.starts_with("KAFKA_CFG_")) return add_property(name, std::string_view(name).substr(10), value);
    if (name.starts_with("KAFKA_")) return visit_kafka(name, std::string_view(name).substr(6), value);
  }
  Reading finish() && {
    if (!ignored_.empty())
      reading_.problems.push_back(
          {Severity::info, "environment", "", "ignored, they are for a JVM: " + ignored_});
    return std::move(reading_);
  }

 private:
  void visit_kafka(const std::string& name, std::string_view rest, const std::string& value) {
    if (!has(kJvmVariables, rest)) return add_property(name, rest, value);
    ignored_ += (ignored_.empty() ? "" : ", ") + name;
  }
  void add_property(const std::string& name, std::string_view rest, const std::string& value) {
    add("kafka." + property_of_variable(rest), name, value, true);
  }
  void add(std::string path, const std::string& name, const std::string& value, bool lenient) {
    reading_.entries.push_back({std::move(path), std::string(trimmed(value)), "environment", name, lenient});
  }

  Reading reading_;
  std::string ignored_;
};

}  // namespace

std::string property_of_variable(std::string_view variable) {
  std::string property = replaced(lower(variable), "___", "-");
  property = replaced(property, "__", "\1");
  return replaced(replaced(property, "_", "."), "\1", "_");
}

Reading read_environment(const std::map<std::string, std::string>& environment) {
  EnvironmentWalk walk;
  for (const auto& [name, value] : environment)
    if (name.starts_with("KAFKA_")) walk.visit(name, value);
  // Later entries have precedence: ours over Kafka's.
  for (const auto& [name, value] : environment)
    if (!name.starts_with("KAFKA_")) walk.visit(name, value);
  return std::move(walk).finish();
}

Reading read_set(const std::vector<std::string>& assignments) {
  Reading reading;
  for (const std::string& assignment : assignments) {
    const std::size_t equals = assignment.find('=');
    const std::string key(trimmed(std::string_view(assignment).substr(0, equals)));
    if (equals == std::string::npos || key.empty()) {
      reading.problems.push_back({Severity::error, "--set", assignment, "is not of the form key=value"});
      continue;
    }
    const bool kafka = find_own_key(key) == nullptr && find_broker_key(key) != nullptr;
    const std::string value(trimmed(std::string_view(assignment).substr(equals + 1)));
    reading.entries.push_back({kafka ? "kafka." + key : key, value, "--set", key, false});
  }
  return reading;
}

}  // namespace moldau::config

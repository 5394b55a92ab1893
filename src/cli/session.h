// Session: one run of one command: what it was asked, where it prints, and how it reaches a cluster.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "cli/printer.h"
#include "cli/table.h"
#include "client/admin.h"

namespace moldau::cli {

struct Command;

// Client properties by Kafka's names: bootstrap.servers, acks, linger.ms …
using Properties = std::map<std::string, std::string, std::less<>>;

// Where the name of the cluster came from, and what its profile says about it.
struct NamedCluster {
  std::string from;     // "--brokers", "profile prod"; empty: the default
  std::string profile;  // in force; may be empty
  std::string color;
  bool confirm = false;  // ask before anything is changed
};

struct Session {
  Session(const Invocation& invocation, Environment& environment)
      : invocation(invocation), environment(environment), out(invocation.out), err(invocation.err) {}

  const Invocation& invocation;
  Environment& environment;
  const Command* command = nullptr;
  Arguments arguments;
  Printer out;
  Printer err;
  Properties properties;       // merged from every source, see connection.h
  bool defaults_used = false;  // no source named a cluster
  NamedCluster cluster;
  // Set before its first suspension by a command that ends in its own way after SIGINT or SIGTERM; others are
  // cut off.
  bool handles_interrupt = false;
  // So long the first connection is tried for.
  runtime::Duration first_contact = std::chrono::seconds(5);

  // A line on stderr, at once; with --log-json an object.
  void note(std::string_view line);
  // What went wrong, on stderr.
  void tell(const Trouble& trouble);
  bool quiet() const { return arguments.has("quiet"); }
};

// What a command on a cluster works with; lives on shard 0 while the command runs.
struct ClusterSession {
  Session& session;
  runtime::World& world;
  Interrupt& interrupt;
  client::ClusterClient& cluster;
  client::AdminCore admin;

  const Arguments& arguments() const { return session.arguments; }
  Printer& out() { return session.out; }
  runtime::Executor& executor() { return cluster.executor(); }
};

using ClusterTask = runtime::Task<Answer<Exit>> (*)(ClusterSession&);

// Runs `task` with a client for session.properties. The exit code of --timeout is unreachable's.
Answer<Exit> run_on_cluster(Session& session, ClusterTask task);
// The same without a client: for commands that need the disk or clock only.
Answer<Exit> run_on_world(Session& session, std::function<runtime::Task<Answer<Exit>>(Context)> task);

// Of a command that a signal ended.
Exit exit_of(const Interrupt& interrupt);
// Why it failed, without the name of the broker's error code before it.
std::string words_of(const client::Failure& failure);
// What a person is told of a Failure of the client. `what`: what was tried ("cannot create topic t").
Trouble trouble_of(const client::Failure& failure, std::string what);

}  // namespace moldau::cli

// Server: the listeners of one shard and the connections that came in by them. Lives on its shard.
#pragma once

#include <list>
#include <memory>
#include <vector>

#include "server/connection.h"

namespace moldau::server {

class Server {
 public:
  explicit Server(Broker& broker);
  ~Server();

  // Takes connections in from here on. `listener`: its name, as in the image's broker endpoints.
  // `controller`: it serves the controller's APIs. REQUIRES then: the broker has `own_controller` and
  // `quorum`.
  void serve(std::string listener, std::unique_ptr<runtime::Listener> socket, bool controller = false);
  // Closes listeners and connections; ends once nothing of them runs any more.
  runtime::Task<void> stop();
  std::size_t connection_count() const { return connections_.size(); }

 private:
  using Connections = std::list<std::unique_ptr<Connection>>;
  struct Entrance {
    std::string listener;
    bool controller;
  };

  runtime::Task<void> accept_all(Entrance entrance, runtime::Listener& socket);
  void admit(const Entrance& entrance, std::unique_ptr<runtime::Stream> stream);
  runtime::Task<void> run(Connections::iterator connection);
  // Closes connections that are idle, stay inside a frame for too long, or are slow with one while others
  // wait for its memory.
  runtime::Task<void> watch_idle();
  void close_stale(runtime::MonotonicTime now);
  bool over_limit(const std::string& host);

  Broker& broker_;
  std::vector<std::unique_ptr<runtime::Listener>> listeners_;
  Connections connections_;
  std::unordered_map<std::string, std::int64_t> per_host_;
  runtime::Gate gate_;
  runtime::OneShot stopping_;
  bool watching_ = false;
};

}  // namespace moldau::server

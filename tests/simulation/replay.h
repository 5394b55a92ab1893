// Replay of very old requests: of what nodes once sent to each other a little is kept, and sent again much
// later, over a connection of its own, as by a network that holds packets for long (reliability.md RA-24, and
// the replays of 3.7). The answer goes nowhere. Only what epochs fence: a request of a client may be done
// twice.
#pragma once

#include <deque>
#include <memory>

#include "base/random.h"
#include "runtime/world.h"
#include "simulation/world.h"

namespace moldau::simulation {

class Recorder {
 public:
  explicit Recorder(World& world) : world_(world), random_(world.random().next()) {}

  // `world` with an ear at its listeners. Both outlive what is built on the result.
  std::unique_ptr<runtime::World> listen_at(runtime::World& world);
  // Sends old requests again from time to time, from this machine, until `stopping`.
  runtime::Task<void> run(runtime::World& from, const bool& stopping);

  // A whole frame has come to a listener.
  void note(const runtime::Endpoint& to, ByteView frame);

 private:
  struct Kept {
    runtime::Endpoint to;
    Slice frame;
  };
  runtime::Task<void> send(runtime::World& from, Kept kept);

  World& world_;
  Random random_;
  std::deque<Kept> kept_;
};

}  // namespace moldau::simulation

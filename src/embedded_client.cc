// moldau_client_embedded: the public client (include/moldau) on the real World, with an I/O thread of its
// own.
#include "client/embedded.h"
#include "platform/world.h"

namespace moldau {
namespace {

class RealEmbeddedWorld final : public client::EmbeddedWorld {
 public:
  RealEmbeddedWorld() { world_.start(); }
  ~RealEmbeddedWorld() override {
    world_.stop();
    world_.join();
  }
  runtime::World& world() override { return world_; }

 private:
  platform::RealWorld world_;
};

}  // namespace

sdk::Expected<sdk::Client> sdk::Client::connect(Config config) {
  return client::connect(std::move(config), std::make_unique<RealEmbeddedWorld>());
}

}  // namespace moldau

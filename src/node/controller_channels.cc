#include "node/controller_channels.h"

namespace moldau::node {
namespace {

class RoutedChannel final : public server::PassEach<RoutedChannel> {
 public:
  RoutedChannel(runtime::Executor& here, runtime::Executor& home, ControllerRoute& route, ProducerIds& ids)
      : here_(here), home_(home), route_(route), ids_(ids) {}

  template <class Request>
  runtime::Task<server::AnswerTo<Request>> pass(Request request) {
    return runtime::on_shard(
        here_, home_, [&home = home_, &route = route_, request = std::move(request)]() mutable {
          return route.ask(std::move(request), home.now() + ControllerRoute::kClientTimeout);
        });
  }
  runtime::Task<Result<ProducerId>> next_producer_id() override {
    co_return co_await runtime::on_shard(here_, home_, [&ids = ids_] { return ids.next(); });
  }

 private:
  runtime::Executor& here_;
  runtime::Executor& home_;
  ControllerRoute& route_;
  ProducerIds& ids_;
};

class OwnChannel final : public server::PassEach<OwnChannel> {
 public:
  OwnChannel(runtime::Executor& here, ActiveController& controller, ProducerIds& ids)
      : here_(here), controller_(controller), ids_(ids) {}

  template <class Request>
  runtime::Task<server::AnswerTo<Request>> pass(Request request) {
    return runtime::on_shard(here_, controller_.executor(),
                             [&controller = controller_, request = std::move(request)]() mutable {
                               return controller.ask(std::move(request));
                             });
  }
  runtime::Task<Result<ProducerId>> next_producer_id() override {
    co_return co_await runtime::on_shard(here_, controller_.executor(), [&ids = ids_] { return ids.next(); });
  }
  void note_connection_lost(NodeId broker) override {
    controller_.executor().post_remote([alive = controller_.alive(), broker] {
      if (const auto controller = alive.lock()) (*controller)->note_connection_lost(broker);
    });
  }

 private:
  runtime::Executor& here_;
  ActiveController& controller_;
  ProducerIds& ids_;
};

}  // namespace

std::unique_ptr<server::ControllerChannel> to_active_controller(runtime::Executor& here,
                                                                runtime::Executor& home,
                                                                ControllerRoute& route, ProducerIds& ids) {
  return std::make_unique<RoutedChannel>(here, home, route, ids);
}

std::unique_ptr<server::ControllerChannel> to_own_controller(runtime::Executor& here,
                                                             ActiveController& controller, ProducerIds& ids) {
  return std::make_unique<OwnChannel>(here, controller, ids);
}

}  // namespace moldau::node

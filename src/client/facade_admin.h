// The inside of the public Admin: requests of AdminCore as Futures of public values.
#pragma once

#include "client/admin.h"
#include "client/embedded.h"

struct moldau::sdk::Admin::State {
  // `call(AdminCore&)` on the I/O thread, and what `convert` makes of its outcome: an Expected.
  template <class Call, class Convert>
  auto ask(Call call, Convert convert) {
    using Outcome = typename std::invoke_result_t<Call&, client::AdminCore&>::value_type;
    using Result = std::invoke_result_t<Convert&, Outcome>;
    return core->start([from = core.get(), call = std::move(call),
                        convert = std::move(convert)]() mutable -> runtime::Task<Result> {
      client::AdminCore admin(*from->cluster);
      co_return convert(co_await call(admin));
    });
  }

  std::shared_ptr<Client::Core> core;
};

namespace moldau::sdk {

inline moldau::TopicPartition to_core(const TopicPartition& partition) {
  return {partition.topic, partition.partition};
}
inline TopicPartition to_partition(const moldau::TopicPartition& one) { return {one.topic, one.partition}; }
std::vector<moldau::TopicPartition> to_core(const std::vector<TopicPartition>& partitions);

// Results of items with their public keys and values.
template <class To, class Key, class From, class KeyOf, class ValueOf>
Expected<To> items(client::Outcome<client::PerItem<Key, From>> outcome, KeyOf key_of, ValueOf value_of) {
  if (!outcome) return std::unexpected(client::to_public(std::move(outcome).error()));
  To out;
  for (auto& [key, value] : *outcome) {
    if (!value) {
      out.emplace_back(key_of(key), std::unexpected(client::to_public(std::move(value).error())));
    } else if constexpr (std::is_void_v<From>) {
      out.emplace_back(key_of(key), Expected<void>());
    } else if constexpr (std::is_void_v<typename To::value_type::second_type::value_type>) {
      out.emplace_back(key_of(key), Expected<void>());
    } else {
      out.emplace_back(key_of(key), value_of(*value));
    }
  }
  return out;
}
inline constexpr auto kSameName = [](const std::string& name) { return name; };
inline constexpr auto kNothing = [] {};

// Of requests for one item: its own failure, or the one of the request.
template <class Key, class T>
Expected<void> only_item(client::Outcome<client::PerItem<Key, T>> outcome) {
  if (!outcome) return std::unexpected(client::to_public(std::move(outcome).error()));
  for (auto& [key, one] : *outcome)
    if (!one) return std::unexpected(client::to_public(std::move(one).error()));
  return {};
}

}  // namespace moldau::sdk

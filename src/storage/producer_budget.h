// ProducerBudget: how many producers all logs of one shard may know together (RE-06). A client that asks for
// a new producer id for each record fills memory otherwise until producer.id.expiration.ms has passed. Where
// it gets too much, the log that knows the most forgets those that have been silent the longest, never one
// with an open transaction; a producer that is forgotten is taken for a new one. Lives on one shard.
#pragma once

#include <cstddef>
#include <vector>

namespace moldau::storage {

class ProducerBudget {
 public:
  // A log, as far as this is concerned.
  class Holder {
   public:
    virtual std::size_t producer_count() const = 0;
    // Forgets about a quarter, the longest silent first.
    virtual void forget_silent_producers() = 0;

   protected:
    ~Holder() = default;

   private:
    friend class ProducerBudget;
    std::size_t counted_ = 0;  // of producer_count(), in the budget's total
    std::size_t place_ = 0;    // among the budget's holders
  };

  // About 200 bytes each.
  static constexpr std::size_t kDefaultLimit = 200'000;
  explicit ProducerBudget(std::size_t limit = kDefaultLimit) : limit_(limit) {}
  ProducerBudget(const ProducerBudget&) = delete;

  // Before the holder goes it leaves.
  void join(Holder& holder);
  void leave(Holder& holder);
  // The holder may know more or fewer than before: makes room if need be.
  void note(Holder& holder) {
    if (holder.producer_count() != holder.counted_) recount(holder);
  }

  std::size_t total() const { return total_; }
  std::size_t limit() const { return limit_; }

 private:
  void recount(Holder& holder);

  const std::size_t limit_;
  std::size_t total_ = 0;
  std::vector<Holder*> holders_;
};

}  // namespace moldau::storage

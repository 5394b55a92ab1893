// The topics of the cluster's image, as groups need them.
#pragma once

#include <memory>

#include "group/topics.h"
#include "metadata/image.h"

namespace moldau::coordinator {

class ImageTopics final : public group::Topics {
 public:
  explicit ImageTopics(std::shared_ptr<const metadata::Image> image) : image_(std::move(image)) {}

  // Of the image: made anew only when topics have changed.
  std::uint64_t version() const override { return static_cast<std::uint64_t>(image_->end_offset()); }
  std::optional<group::TopicView> find(std::string_view name) const override;
  std::optional<std::string> name_of(const TopicId& id) const override;
  void for_each_name(const std::function<void(const std::string& name)>& visit) const override;

 private:
  const std::shared_ptr<const metadata::Image> image_;
};

}  // namespace moldau::coordinator

// Who leads a partition after a broker came or went: the ISR first, then the eligible leaders (KIP-966).
#pragma once

#include <vector>

#include "metadata/image.h"

namespace moldau::controller {

// The broker is gone or going: it leaves each ISR in which it is not alone, and leads nothing any more. Where
// it was the whole ISR the partition is without a leader until it is back.
std::vector<metadata::Record> partitions_without(const metadata::Image& image, NodeId broker);

// The broker is back: it leads what has no leader and whose ISR (or eligible leaders, if the ISR is empty) it
// belongs to.
std::vector<metadata::Record> partitions_led_again(const metadata::Image& image, NodeId broker);

}  // namespace moldau::controller

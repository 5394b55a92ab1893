// Threads of this room: named, and with every signal blocked, so that signals reach only the main thread.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace moldau::platform {

// `name` has at most 15 characters. They prefer_latency() from the start.
std::thread named_thread(std::string name, std::move_only_function<void()> body);

// Asks the scheduler for short time slices for the calling thread (Linux 6.12; earlier ones ignore it; needs
// no privilege): where all cores are busy its wake-ups wait less behind other processes, of which each could
// cost a tick of 4 ms. Its share of the processor stays the same.
void prefer_latency();

}  // namespace moldau::platform

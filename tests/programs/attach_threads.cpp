// attach_threads.cpp [THREADS] -- a C++ program that works on many threads until it gets SIGTERM: something to attach
// to.
//
// Each thread fills and empties containers, checks what it finds in them, and sleeps a little. At the end it prints
// "consistent", or exits with 1.

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

std::atomic<bool> stopping{false};
std::atomic<int> wrong{0};

std::string
text_of(int key) {
    return std::string(static_cast<size_t>(key % 700), static_cast<char>('a' + key % 26));
}

// A round of insertions, checks and removals.
void
turn_over(std::map<int, std::string> &kept, int seed) {
    for (int i = 0; i < 50; i++) {
        int key = (seed * 131 + i * 7919) % 5000;
        auto found = kept.find(key);
        if (found == kept.end()) {
            kept[key] = text_of(key);
        } else {
            wrong += found->second != text_of(key);
            kept.erase(found);
        }
    }
}

void
work(int number) {
    std::map<int, std::string> kept;
    for (int round = 0; !stopping; round++) {
        turn_over(kept, number + round);
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

} // namespace

int
main(int argc, char **argv) {
    int count = argc > 1 ? std::atoi(argv[1]) : 200;
    std::signal(SIGTERM, [](int) { stopping = true; });
    std::vector<std::thread> threads;
    for (int i = 0; i < count; i++) {
        threads.emplace_back(work, i);
    }
    std::puts("ready");
    std::fflush(stdout);
    for (auto &thread : threads) {
        thread.join();
    }
    std::puts(wrong == 0 ? "consistent" : "WRONG");
    return wrong == 0 ? 0 : 1;
}

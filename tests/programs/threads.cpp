// threads.cpp [THREADS] -- a C++ program with many threads whose output depends on nothing but their number.
//
// Every thread fills containers, throws and catches, gives blocks to its neighbours to free, and leaves a thread_local
// object whose destructor runs while the thread ends. The sum of all checksums is printed.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

// Sum of what the destructors of thread_local objects see.
std::atomic<uint64_t> last_words{0};

// xorshift64*: the same numbers in every run.
class Random {
  public:
    explicit Random(uint64_t seed) : state(seed * 2654435769u + 1) {
    }
    uint64_t
    operator()(uint64_t limit) {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return (state * 2685821657736338717u >> 11) % limit;
    }

  private:
    uint64_t state;
};

// All threads wait here for the last one; usable once.
class Barrier {
  public:
    explicit Barrier(unsigned count) : missing(count) {
    }
    void
    wait() {
        std::unique_lock<std::mutex> lock(mutex);
        if (--missing == 0) {
            all_here.notify_all();
        }
        all_here.wait(lock, [this] { return missing == 0; });
    }

  private:
    std::mutex mutex;
    std::condition_variable all_here;
    unsigned missing;
};

// Grows during the thread's life and is freed by the run-time system after the thread's function has returned.
struct Diary {
    std::vector<std::unique_ptr<std::string>> pages;
    ~Diary() {
        uint64_t sum = 0;
        for (auto &page : pages) {
            sum += page->size();
        }
        pages.clear();
        std::string after(1000, 'z'); // allocation in a destructor at thread exit
        last_words += sum + after.size();
    }
};

thread_local Diary diary;

struct Block {
    size_t size;
    unsigned char *bytes;
};

// Blocks that others have left for one thread.
struct Mailbox {
    std::mutex mutex;
    std::vector<Block> blocks;
};

uint64_t
containers(Random &random) {
    std::map<uint64_t, std::string> map;
    std::unordered_map<std::string, std::vector<int>> table;
    std::list<std::string> list;
    std::deque<uint64_t> deque;
    std::set<std::string> set;
    for (int i = 0; i < 2000; i++) {
        map[random(500)] += std::string(random(60), 'a');
        table["key " + std::to_string(random(100))].push_back(i);
        list.push_front(std::string(random(300), 'b'));
        deque.push_back(random(1000));
        set.insert(std::to_string(random(700)));
        if (list.size() > 100) {
            list.pop_back();
            deque.pop_front();
        }
    }
    uint64_t sum = map.size() + 7 * table.size() + 13 * set.size();
    for (auto &entry : map) {
        sum = sum * 31 + entry.second.size();
    }
    for (auto value : deque) {
        sum = sum * 31 + value;
    }
    return sum;
}

uint64_t
descend(Random &random, int depth) {
    std::vector<char> ballast(random(5000) + 1);
    if (depth == 0) {
        throw std::runtime_error(std::string(random(200) + 20, 'e'));
    }
    return descend(random, depth - 1) + ballast.size();
}

uint64_t
exceptions(Random &random) {
    uint64_t sum = 0;
    for (int i = 0; i < 50; i++) {
        try {
            sum += descend(random, 10);
        } catch (const std::exception &error) {
            sum = sum * 31 + std::strlen(error.what());
        }
    }
    return sum;
}

void
send_blocks(Random &random, std::vector<Mailbox> &boxes, size_t self) {
    for (size_t i = 0; i < 400; i++) {
        size_t size = i % 50 == 0 ? 20000 + random(100000) : 1 + random(2000);
        Block block{size, static_cast<unsigned char *>(std::malloc(size))};
        std::memset(block.bytes, static_cast<int>(size & 0xff), size);
        Mailbox &box = boxes[(self + 1 + i) % boxes.size()];
        std::lock_guard<std::mutex> lock(box.mutex);
        box.blocks.push_back(block);
    }
}

// The order in which blocks arrive varies; the sum does not.
uint64_t
free_blocks(Mailbox &box) {
    uint64_t sum = 0;
    for (Block &block : box.blocks) {
        for (size_t i = 0; i < block.size; i++) {
            if (block.bytes[i] != (block.size & 0xff)) {
                std::printf("a block of %zu bytes was damaged\n", block.size);
                std::exit(1);
            }
        }
        sum += block.size;
        std::free(block.bytes);
    }
    box.blocks = {};
    return sum;
}

void
work(size_t self, std::vector<Mailbox> &boxes, Barrier &all_sent, std::atomic<uint64_t> &total) {
    Random random(self + 1);
    for (int i = 0; i < 20; i++) {
        diary.pages.push_back(std::make_unique<std::string>(random(500), 'd'));
    }
    uint64_t sum = containers(random) + exceptions(random);
    send_blocks(random, boxes, self);
    all_sent.wait();
    total += sum + free_blocks(boxes[self]);
}

} // namespace

int
main(int argc, char **argv) {
    unsigned count = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 200;
    std::vector<Mailbox> boxes(count);
    Barrier all_sent(count);
    std::atomic<uint64_t> total{0};
    std::vector<std::thread> threads;
    for (size_t i = 0; i < count; i++) {
        threads.emplace_back(work, i, std::ref(boxes), std::ref(all_sent), std::ref(total));
    }
    for (auto &thread : threads) {
        thread.join();
    }
    std::printf("%u threads: %016llx, at their ends: %llu\n", count, static_cast<unsigned long long>(total.load()),
                static_cast<unsigned long long>(last_words.load()));
    return 0;
}

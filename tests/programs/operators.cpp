// operators.cpp -- C++'s operators new and delete, each form, with handlers that give memory back, throw, or are not
// there. Prints one line for each part; exits with 1 at the first that fails.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

namespace {

// What new gives goes here, or the compiler would drop a call whose result nobody wants.
void *volatile result;

const std::size_t too_large = std::size_t(1) << 60;

void
require(bool met, const char *what) {
    if (!met) {
        std::fprintf(stderr, "not true: %s\n", what);
        std::exit(1);
    }
}

bool
is_aligned(const void *ptr, std::size_t alignment) {
    return (reinterpret_cast<std::uintptr_t>(ptr) & (alignment - 1)) == 0;
}

// Not folded by the compiler, which may drop pairs of new and delete expressions.
std::size_t
opaque(std::size_t n) {
    volatile std::size_t v = n;
    return v;
}

void
each_form(std::size_t size) {
    void *p = ::operator new(opaque(size));
    std::memset(p, 1, size);
    ::operator delete(p);
    p = ::operator new[](opaque(size));
    ::operator delete[](p);
    p = ::operator new(opaque(size), std::nothrow);
    require(p != nullptr, "nothrow gives a block");
    ::operator delete(p, std::nothrow);
    p = ::operator new[](opaque(size), std::nothrow);
    ::operator delete[](p, std::nothrow);
    p = ::operator new(opaque(size));
    ::operator delete(p, size);
    p = ::operator new[](opaque(size));
    ::operator delete[](p, size);
}

void
each_aligned_form(std::size_t size, std::size_t alignment) {
    const std::align_val_t al = std::align_val_t(alignment);
    void *p = ::operator new(opaque(size), al);
    require(is_aligned(p, alignment), "new is aligned");
    std::memset(p, 1, size);
    ::operator delete(p, al);
    p = ::operator new[](opaque(size), al);
    require(is_aligned(p, alignment), "new[] is aligned");
    ::operator delete[](p, al);
    p = ::operator new(opaque(size), al, std::nothrow);
    require(is_aligned(p, alignment), "new(nothrow) is aligned");
    ::operator delete(p, al, std::nothrow);
    p = ::operator new[](opaque(size), al, std::nothrow);
    ::operator delete[](p, al, std::nothrow);
    p = ::operator new(opaque(size), al);
    ::operator delete(p, size, al);
    p = ::operator new[](opaque(size), al);
    ::operator delete[](p, size, al);
}

template <typename New>
bool
throws_bad_alloc(New make) {
    try {
        make();
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

int calls;

void
handler_that_gives_up() {
    if (++calls == 3) {
        std::set_new_handler(nullptr);
    }
}

void
handler_that_throws() {
    calls++;
    throw std::bad_alloc();
}

void
without_memory() {
    const std::align_val_t al = std::align_val_t(4096);
    require(throws_bad_alloc([] { result = ::operator new(opaque(too_large)); }), "new throws");
    require(throws_bad_alloc([] { result = ::operator new[](opaque(too_large)); }), "new[] throws");
    require(throws_bad_alloc([=] { result = ::operator new(opaque(too_large), al); }), "aligned new throws");
    require(::operator new(opaque(too_large), std::nothrow) == nullptr, "nothrow gives null");
    require(::operator new[](opaque(too_large), std::nothrow) == nullptr, "nothrow[] gives null");
    require(::operator new(opaque(too_large), al, std::nothrow) == nullptr, "aligned nothrow gives null");
}

template <typename New>
void
expect_calls(std::new_handler handler, int expected, New make) {
    calls = 0;
    std::set_new_handler(handler);
    make();
    require(calls == expected, "the handler is called until it gives up");
    std::set_new_handler(nullptr);
}

void
handlers() {
    const std::align_val_t al = std::align_val_t(64);
    auto plain = [] {
        require(throws_bad_alloc([] { result = ::operator new(opaque(too_large)); }), "new throws at last");
    };
    auto aligned = [=] {
        require(throws_bad_alloc([=] { result = ::operator new(opaque(too_large), al); }), "aligned, too");
    };
    auto nothrow = [] { require(::operator new(opaque(too_large), std::nothrow) == nullptr, "null at last"); };
    auto both = [=] { require(::operator new(opaque(too_large), al, std::nothrow) == nullptr, "aligned null"); };
    expect_calls(handler_that_gives_up, 3, plain);
    expect_calls(handler_that_gives_up, 3, aligned);
    expect_calls(handler_that_gives_up, 3, nothrow);
    expect_calls(handler_that_gives_up, 3, both);
    expect_calls(handler_that_throws, 1, plain);
    expect_calls(handler_that_throws, 1, aligned);
    expect_calls(handler_that_throws, 1, nothrow);
    expect_calls(handler_that_throws, 1, both);
}

struct alignas(256) wide {
    char bytes[256];
};

void
containers() {
    std::vector<std::string> strings;
    for (int i = 0; i < 10000; i++) {
        strings.push_back(std::string(std::size_t(i % 300), 'x'));
    }
    std::vector<std::unique_ptr<wide>> wides;
    for (int i = 0; i < 1000; i++) {
        wides.push_back(std::make_unique<wide>());
        require(is_aligned(wides.back().get(), 256), "wide objects are aligned");
    }
    std::unique_ptr<wide[]> array(new wide[17]);
    require(is_aligned(array.get(), 256), "arrays of them, too");
}

} // namespace

int
main() {
    for (std::size_t size = 0; size < 200000; size += 1 + size / 3) {
        each_form(size);
        for (std::size_t alignment = 8; alignment <= 65536; alignment *= 4) {
            each_aligned_form(size, alignment);
        }
    }
    std::puts("each form");
    without_memory();
    std::puts("without memory");
    handlers();
    std::puts("handlers");
    containers();
    std::puts("containers");
    return 0;
}

// plugins.cpp -- a C++ host of plug-ins: each has a Lua state with a limit, and accounts by name.
//
//   c++ plugins.cpp $(pkg-config --cflags --libs lunalloc-lua lua5.4) -o plugins && ./plugins
#include <lua.hpp>
#include <lunalloc_lua.h>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

class Plugin {
  public:
    Plugin(const char *label, const lunalloc_lua_options_t &options)
        : name(label), state(lunalloc_lua_newstate(&options), lua_close) {
        if (!state) {
            throw std::runtime_error("no memory for a state");
        }
        meter = lunalloc_lua_meter(state.get());
        luaL_openlibs(state.get());
    }

    // What the code allocates is charged to the scope of that name.
    void
    run(const char *scope, const std::string &code) {
        int before = lunalloc_meter_enter(meter, lunalloc_meter_scope(meter, scope));
        int status = luaL_dostring(state.get(), code.c_str());
        lunalloc_meter_enter(meter, before);
        if (status != LUA_OK) {
            throw std::runtime_error(name + ": " + lua_tostring(state.get(), -1));
        }
    }

    void
    report() const {
        for (int i = 0; const char *scope = lunalloc_meter_scope_name(meter, i); i++) {
            std::cout << name << ": " << (lunalloc_meter_scope_bytes(meter, i) >> 10) << " KiB " << scope << "\n";
        }
    }

  private:
    std::string name;
    std::unique_ptr<lua_State, void (*)(lua_State *)> state;
    lunalloc_meter_t *meter;
};

int
main() {
    lunalloc_lua_options_t options{};
    options.limit = 4 << 20;
    Plugin maps("maps", options), chat("chat", options);
    maps.run("tiles", "tiles = {} for i = 1, 2000 do tiles[i] = ('#'):rep(1000) .. i end");
    maps.run("routes", "routes = {} for i = 1, 1000 do routes[i] = { i, i + 1 } end");
    try {
        chat.run("log", "log = {} while true do log[#log + 1] = ('said'):rep(100) .. #log end");
    } catch (const std::runtime_error &error) {
        std::cout << error.what() << "\n";
    }
    maps.report();
    chat.report();
}

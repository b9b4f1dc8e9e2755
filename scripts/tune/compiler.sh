#!/bin/sh
# compiler.sh -- a C++ compiler on a file of templates.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/a.cpp" <<'CPP'
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <unordered_map>
#include <vector>
template <int N> struct tower { std::map<std::string, tower<N - 1>> m; std::vector<tower<N - 1>> v; };
template <> struct tower<0> { std::string s; };
int main() {
    tower<24> t;
    std::regex r("a(b|c)*d");
    std::unordered_map<std::string, std::function<int(int)>> f;
    std::vector<int> v(10);
    std::sort(v.begin(), v.end(), [](int a, int b) { return a > b; });
    std::cout << std::regex_match("abd", r) << f.size() << t.v.size() << '\n';
}
CPP
"${CXX:-g++}" -O1 -c "$dir/a.cpp" -o "$dir/a.o"

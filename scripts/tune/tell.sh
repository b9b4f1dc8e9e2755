#!/bin/sh
# tell.sh BEGIN [END] -- tells the tuner the time of a load: from BEGIN to END, or to now, in ns as `date +%s%N` has
# them. So the rest behind the load counts for memory, and not as time.
end=${2:-$(date +%s%N)}
awk -v ns=$((end - $1)) 'BEGIN { printf "time %.6f\n", ns / 1e9 }' >"${LUNALLOC_FIGURES:-/dev/null}"

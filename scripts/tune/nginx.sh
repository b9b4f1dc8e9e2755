#!/bin/sh
# nginx.sh -- an nginx worker that compresses pages for many connections, and rests before it ends. Tells the time of
# the load:
#
#     lunalloc tune --measure nginx --settle 0.3s -- sh scripts/tune/nginx.sh
set -eu
port=${PORT:-$((20000 + $$ % 10000))} # below those that the kernel gives to clients
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/www"
head -c 60000 /dev/zero | tr '\0' 'a' >"$dir/www/index.html"
cat >"$dir/nginx.conf" <<CONF
daemon off; master_process off; pid $dir/pid; error_log $dir/error.log crit;
events { worker_connections 512; }
http {
    access_log off; gzip on; gzip_min_length 100; gzip_buffers 32 8k; keepalive_requests 100;
    client_body_temp_path $dir/b; proxy_temp_path $dir/p; fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u;
    scgi_temp_path $dir/s;
    server { listen unix:$dir/socket; root $dir/www; }
    server { listen 127.0.0.1:$port; root $dir/www; }
}
CONF
nginx -c "$dir/nginx.conf" -p "$dir" 2>"$dir/messages" &
nginx=$!
until [ -s "$dir/pid" ]; do kill -0 "$nginx" || exit 1; sleep 0.02; done
begin=$(date +%s%N)
ab -q -k -n 30000 -c 200 -H 'Accept-Encoding: gzip' "http://127.0.0.1:$port/" >"$dir/ab"
end=$(date +%s%N)
sh scripts/tune/tell.sh "$begin" "$end"
sleep 0.6
kill "$nginx"
wait

module plimsoll.dev/bench/gateway

go 1.26.3

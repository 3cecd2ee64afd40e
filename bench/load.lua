-- Sends the requests of a file in turn, and prints what came of it as one line of JSON.
--
-- REQUESTS names the file: each request as it goes over the wire, behind a line with its length in bytes. So all that a
-- request is made of, such as another user's token in each, is decided where the file is written.

local requests, at = {}, 0

function init(args)
    local file = assert(io.open(os.getenv("REQUESTS"), "rb"))
    for length in file:lines() do
        requests[#requests + 1] = file:read(tonumber(length))
    end
    file:close()
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p90_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f, ' ..
            '"refused": %d, "broken": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(90) / 1e3,
        latency:percentile(99) / 1e3, latency.max / 1e3, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end

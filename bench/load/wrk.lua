-- Owns what wrk sends and how it reports. Arguments after "--": the request's path (absolute-form for a proxy), its Host,
-- "keep" or "close", and for an upload its size in bytes, with "chunked" behind it for a chunked one.
local raw

function init(args)
  wrk.path = args[1]
  wrk.headers["Host"] = args[2]
  wrk.headers["User-Agent"] = "bench"
  if args[3] == "close" then wrk.headers["Connection"] = "close" end
  if args[4] then
    wrk.method = "POST"
    wrk.body = string.rep("x", tonumber(args[4]))
  end
  if args[5] == "chunked" then
    local piece = string.rep("x", 65536)
    local chunks = {}
    for i = 1, tonumber(args[4]) / 65536 do chunks[i] = "10000\r\n" .. piece .. "\r\n" end
    raw = "POST " .. args[1] .. " HTTP/1.1\r\nHost: " .. args[2] ..
      "\r\nUser-Agent: bench\r\nTransfer-Encoding: chunked\r\n\r\n" .. table.concat(chunks) .. "0\r\n\r\n"
    request = function() return raw end
  end
end

function done(summary, latency)
  local e = summary.errors
  print(string.format(
    '{"operations":%d,"receivedBytes":%d,"seconds":%f,"p50Us":%f,"p99Us":%f,"failedReads":%d,"failures":%d,"firstFailure":"%d connects, %d writes, %d statuses, %d time-outs"}',
    summary.requests, summary.bytes, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), e.read,
    e.connect + e.write + e.status + e.timeout, e.connect, e.write, e.status, e.timeout
  ))
end

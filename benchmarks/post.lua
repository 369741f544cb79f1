-- wrk: posts webhooks that are all different. BENCH_BODIES is a file with one webhook per line, either the bare
-- body or "signature<TAB>body"; each of BENCH_THREADS threads takes its share. At the end one line of JSON goes to
-- standard output behind the word "RESULT".
local bodies, signatures = {}, {}
local threads, counter = 0, 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  local at = 0
  local step = tonumber(os.getenv("BENCH_THREADS") or "2")
  for line in io.lines(os.getenv("BENCH_BODIES")) do
    if at % step == number then
      local tab = line:find("\t", 1, true)
      if tab then
        signatures[#signatures + 1] = line:sub(1, tab - 1)
        bodies[#bodies + 1] = line:sub(tab + 1)
      else
        bodies[#bodies + 1] = line
      end
    end
    at = at + 1
  end
  path = wrk.path
end

function request()
  counter = counter + 1
  local body = bodies[(counter - 1) % #bodies + 1]
  local headers = "POST " .. path .. " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
  if #signatures > 0 then
    headers = headers .. "X-Signature: " .. signatures[(counter - 1) % #bodies + 1] .. "\r\n"
  end
  return headers .. "Content-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "bad": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end

-- Sends one POST and holds every answer against what the upstream is known to say: status, length, first and last bytes.
-- Environment: BODY_FILE, EXPECT_FILE, and HEADERS as lines of `name: value`.
local function read(path)
  local file = assert(io.open(path, 'rb'))
  local text = file:read('*a')
  file:close()
  return text
end

local body = os.getenv('BODY_FILE') and read(os.getenv('BODY_FILE')) or nil
local expected = read(os.getenv('EXPECT_FILE'))
wrong = 0
checked = 0
local threads = {}

wrk.method = body and 'POST' or 'GET'
wrk.body = body
for line in (os.getenv('HEADERS') or ''):gmatch('[^\n]+') do
  local name, value = line:match('^([^:]+): (.*)$')
  wrk.headers[name] = value
end

function setup(thread)
  table.insert(threads, thread)
end

function response(status, headers, answer)
  checked = checked + 1
  if status ~= 200 or answer ~= expected then wrong = wrong + 1 end
end

function done(summary, latency, requests)
  local total, bad = 0, 0
  for _, thread in ipairs(threads) do
    total = total + thread:get('checked')
    bad = bad + thread:get('wrong')
  end
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"duration":%d,"checked":%d,"wrong":%d,"errors":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, total, bad, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end

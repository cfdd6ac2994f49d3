-- Signed pushes, each with a delivery id of its own; the bodies of PUSHES (a folder of <n>.json and <n>.sig) in turn.
local requests, sent = {}, 0
math.randomseed(tonumber(os.getenv("SEED")))
local began = math.random(0, 0x7fffffff)

local function read(path)
  local file = io.open(os.getenv("PUSHES") .. path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

function init()
  local n = 0
  while true do
    local body, signature = read("/" .. n .. ".json"), read("/" .. n .. ".sig")
    if not body then break end
    n = n + 1
    local head = {
      "POST " .. wrk.path .. " HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", "User-Agent: GitHub-Hookshot/load",
      "X-GitHub-Event: push", "X-Hub-Signature-256: " .. signature, "Content-Length: " .. #body, "X-GitHub-Delivery: ",
    }
    requests[n] = { table.concat(head, "\r\n"), "\r\n\r\n" .. body }
  end
end

-- Ids as GitHub's are, of version 1: the low bits of the time stand first. A millisecond lies between two, as on a busy day of a large
-- organisation, so they are neither all alike nor all over the store's index.
function request()
  sent = sent + 1
  local of = requests[sent % #requests + 1]
  local ticks = (began + sent * 10000) % 0x100000000
  local id = string.format("%08x-cc78-11f0-%04x-4c9367dc0958", ticks, math.random(0x8000, 0xbfff))
  return of[1] .. id .. of[2]
end

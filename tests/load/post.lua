-- Signed pushes, each with a delivery id of its own; the bodies of PUSHES (a folder of <n>.json and <n>.sig) in turn.
local requests, sent = {}, 0
math.randomseed(tonumber(os.getenv("SEED")))

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

-- As random as GitHub's ids are: they are not in order, and the store's index has to bear that.
function request()
  sent = sent + 1
  local of = requests[sent % #requests + 1]
  local r = math.random
  local id = string.format("%08x-%04x-4%03x-8%03x-%04x%08x", r(0, 0x7fffffff), r(0, 0xffff), r(0, 0xfff), r(0, 0xfff), r(0, 0xffff), sent)
  return of[1] .. id .. of[2]
end

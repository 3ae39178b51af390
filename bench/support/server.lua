--- bench/floor as a server of rounds: it starts sandboxes of its own and any other programs, by
--- posix_spawn, with both outputs captured. popen is one-way, so its words come through a named
--- pipe.
local build = os.getenv "O" or "build"

local M = {}

local Server = {}
Server.__index = Server

local function quoted(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- place: a directory for the pipe. operations, program: of the sandbox that it makes itself ("f").
--- peers: lists of words; the first is "p", the second "q", ... files: open for them from 10 on.
---@param place string
---@param what {operations: string[]?, program: string[]?, files: string[]?, peers: string[][]?}
function M.start(place, what)
  local words = {build .. "/bench/floor", build .. "/core/moonsand-init"}
  local function section(list)
    table.move(list or {}, 1, #(list or {}), #words + 1, words)
    words[#words + 1] = "---"
  end
  section(what.operations)
  section(what.program)
  section(what.files)
  for _, peer in ipairs(what.peers or {}) do section(peer) end
  return setmetatable(M.open(place .. "/answers", words), Server)
end

--- A program that answers orders: {orders = file, answers = file}.
---@param answers string   a path for the pipe
---@param words string[]
function M.open(answers, words)
  for i, word in ipairs(words) do words[i] = quoted(word) end
  os.remove(answers)
  assert(os.execute("mkfifo " .. quoted(answers)))
  local shell_line = ("exec %s >%s"):format(table.concat(words, " "), quoted(answers))
  local orders = assert(io.popen(shell_line, "w"))
  orders:setvbuf "no"
  return {orders = orders, answers = assert(io.open(answers))}
end

--- One round, whatever comes of it.
---@param letter string
---@return number seconds
---@return number processor seconds
---@return string output
---@return integer status
function Server:try(letter)
  self.orders:write(letter)
  local ns, status, size, us = self.answers:read("n", "n", "n", "n")
  assert(us and self.answers:read(1) == "\n", "bench/floor ended early")
  local output = size > 0 and self.answers:read(size) or ""
  return ns / 1e9, us / 1e6, output, status
end

--- One round that has to end well.
function Server:run(letter)
  local seconds, busy, output, status = self:try(letter)
  assert(status == 0, ("%s ended with status %d: %s"):format(letter, status, output))
  return seconds, busy, output
end

function Server:close()
  self.orders:close()
  self.answers:close()
end

Server.__close = Server.close

return M

--- The fuzzers' dictionary: the verbs, their fields, and the words that the checks compare with, as
--- they stand in the sources. `lua fuzz/words.lua >build/fuzz/words`
local core = require "moonsand.core"

local sources = {"bind.c", "bpf.c", "caps.c", "check.c", "dev.c", "exec.c", "filter.c", "ids.c",
  "landlock.c", "mount.c", "ns.c", "overlay.c", "rlimit.c", "syscalls.c"}

-- What fuzz/value.c reads, and the numbers at which something ends.
local others = {"<fd>", "<closed>", "<process>", "<ended>", "<function>", "<file>",
  "<closed-file>", "@", "5000*", "17*",
  "inf", "nan", "nil", "true", "false", '"\\0"', '"a\\0b"', "{", "}", "=", "[", "]", "/", "/..",
  "/a/", "//", "-1", "0", "0.5", "1e308", "0x7fffffff", "0x7fffffffffffffff", "4294967295",
  "0x8000000000000000", "4294967296", "cap_sys_admin", "EPERM", "openat?", "read", "clone3"}

local seen = {}

local function add(word)
  if word == "" or #word > 40 or seen[word] then return end
  seen[word] = true
  print('"' .. word:gsub('[\\"]', "\\%0") .. '"')
end

for verb, fields in pairs(core.verbs()) do
  add(verb)
  for _, field in ipairs(fields) do add(field .. "=") end
end
for _, name in ipairs(sources) do
  local source <close> = assert(io.open("core/" .. name))
  for word in source:read("a"):gmatch('"([%w_=/.]+)"') do add(word) end
end
for _, word in ipairs(others) do add(word) end

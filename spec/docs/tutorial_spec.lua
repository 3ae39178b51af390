-- What docs/tutorial.md says is typed is typed, at a terminal, and what it says is shown is shown.
local core = require "moonsand.core"
local host = require "spec.support.host"
local terminal = require "spec.support.terminal"

--- The blocks of the page: {kind, file, text}.
local function blocks()
  local list = {}
  for info, text in host.read "docs/tutorial.md":gmatch "\n```(%l+[^\n]*)\n(.-\n)```" do
    list[#list + 1] = {kind = info:match "^%l+", file = info:match "file=(%S+)", text = text}
  end
  return list
end

--- What a block says is typed, each with what is to be shown for it.
local function inputs(text)
  local list = {}
  for line in text:gmatch "([^\n]*)\n" do
    local prompt, typed = line:match "^(%$ )(.*)$"
    if not prompt then prompt, typed = line:match "^(>>? )(.*)$" end
    if prompt then
      list[#list + 1] = {prompt = prompt, typed = typed, shown = {}}
    else
      table.insert(list[#list].shown, line)
    end
  end
  return list
end

--- A line of the page as a pattern.
local function pattern(line)
  return "^" .. line:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"):gsub("…", ".-") .. "$"
end

--- Are these lines what is to be shown? A line `…` stands for any others.
local function matches(wanted, shown)
  local at, skips = 1, false
  for _, line in ipairs(wanted) do
    if line == "…" then
      skips = true
    else
      while skips and shown[at] and not shown[at]:find(pattern(line)) do at = at + 1 end
      if not shown[at] or not shown[at]:find(pattern(line)) then return false, line end
      at, skips = at + 1, false
    end
  end
  return skips or shown[at] == nil, "the end"
end

--- What stays on the screen of a text with the footer's cursor movements.
local function lines_of(text)
  local list = {}
  text = text:gsub("\27%]8;;.-\27\\", ""):gsub("\27%[[%d;?]*[%a]", ""):gsub("\r\n", "\n")
  for line in text:gmatch "([^\n]*)\n" do list[#list + 1] = (line:gsub("^.*\r", "")) end
  return list
end

--- Wait for a prompt at the end of what is shown.
local function wait(t)
  local function asks()
    t:shows("\0", 0)
    return t.shown:find "[\nJ]%$ $" or t.shown:find "^%$ $" or t.shown:find "\n>>? $"
  end
  assert(host.eventually(asks, 60), t.shown)
end

local function type_it(t, input)
  wait(t)
  if input.prompt ~= "$ " then
    assert(host.eventually(function() return t:is_raw() end), t.shown)
  end
  assert.are.equal(input.prompt, t.shown:match ">>? $" or t.shown:match "%$ $")
  t.shown = ""
  t:type(input.typed .. "\r")
  wait(t)
  local shown = lines_of(t.shown)
  table.remove(shown, 1) -- what was typed
  local fine, line = matches(input.shown, shown)
  assert(fine, ("after '%s' there is no line '%s' but\n%s"):format(input.typed, line,
    table.concat(shown, "\n")))
end

describe("the tutorial", function()
  it("says what happens", function()
    local dir <close> = host.scratch()
    local here = core.realpath "."
    local t <close> = terminal.start {"env", "-C", dir.path, "PS1=$ ", "HOME=" .. dir.path,
      "PATH=" .. here .. "/bin:" .. os.getenv "PATH", "SHIPPED=" .. here .. "/recipes", "sh", "-i"}
    assert(core.resize(t.master, 50, 200))
    local count = 0
    for _, block in ipairs(blocks()) do
      if block.file then dir:file(block.file, block.text) end
      for _, input in ipairs(block.kind == "console" and inputs(block.text) or {}) do
        type_it(t, input)
        count = count + 1
      end
    end
    assert.is_true(count > 30, count .. " inputs")
  end)

  it("does not take one text for another", function()
    assert.is_true((matches({"a", "…", "b…"}, {"a", "x", "y", "b1"})))
    assert.is_true((matches({"a", "…"}, {"a"})))
    assert.is_false((matches({"a"}, {"a", "x"})))
    assert.is_false((matches({"a", "b"}, {"a", "x", "b"})))
    assert.is_false((matches({"…", "b"}, {"a"})))
    assert.is_false((matches({"a.c"}, {"abc"})))
  end)
end)

-- What docs/coming-from.md says of our command line is true.
local core = require "moonsand.core"
local host = require "spec.support.host"

local page = host.read "docs/coming-from.md"

--- A section's rows: {theirs, ours, remark}.
local function rows(section)
  local text = ("\n" .. page):match("\n## " .. section .. "\n(.-)\n## ")
    or ("\n" .. page):match("\n## " .. section .. "\n(.*)$")
  local list = {}
  for line in text:gmatch "[^\n]+" do
    local theirs, ours, remark = line:match "^| (.-) | (.-) | ?(.-) ?|$"
    if ours and theirs:find "[`(]" then
      list[#list + 1] = {theirs = theirs, ours = ours, remark = remark}
    end
  end
  return list
end

--- Where the files are that the page names.
local function place()
  local dir = host.scratch()
  dir:file("profile.lua", 'return {cwd = "/"}')
  dir:file("policy.lua", 'return {deny = {"ptrace"}}')
  dir:file("landlock.lua", 'return {execute = {"/usr"}, best_effort = true}')
  return dir
end

--- The options of ours in a section: in the second column, and in remarks.
local function options_in(section)
  local list = {}
  for _, row in ipairs(rows(section)) do
    for span in (row.ours .. row.remark):gmatch "`(%-%-[^`]+)`" do
      local is_theirs = row.theirs:find("`" .. span, 1, true) and not row.ours:find(span, 1, true)
      if not span:find("PATH", 1, true) and not is_theirs then list[#list + 1] = span end
    end
  end
  return list
end

describe("what is said of our options to those who come from", function()
  for _, section in ipairs {"bubblewrap", "nsjail", "unshare", "firejail"} do
    it(section .. " is understood by moonsand run", function()
      local dir <close> = place()
      local list, lines = options_in(section), {"cd " .. dir.path}
      for i, span in ipairs(list) do
        local words = span:gsub("[?]", "\\%0")
        local command = ("%s/bin/moonsand run %s --plan -- true 2>&1"):format(
          assert(core.realpath "."), words)
        lines[#lines + 1] = ("out=$(%s) || echo %d \"$out\""):format(command, i)
      end
      assert.is_true(#list >= 8, section .. ": " .. #list)
      local pipe <close> = assert(io.popen(("sh %s 2>&1"):format(dir:file("check",
        table.concat(lines, "\n") .. "\n"))))
      for line in pipe:lines() do
        local i, why = line:match "^(%d+) moonsand: (.*)$"
        local span = list[tonumber(i)]
        local no_range = why and why:find "has no range of ids" -- that is about this host
        if span and span:find " " and not no_range then error(span .. ": " .. why) end
        -- a name alone speaks of an option, and is no command line
        local is_name = not why or why:find "requires an argument" or why:find "no %-%-lower"
        assert.is_truthy(is_name or no_range, line)
      end
    end)

    it(section .. " has three columns, and an answer to everything", function()
      for _, row in ipairs(rows(section)) do
        assert.is_truthy(row.ours == "default" or row.ours == "-" or row.ours:find "^`%-%-",
          row.theirs)
      end
    end)
  end

  for program, section in pairs {bwrap = "bubblewrap", unshare = "unshare"} do
    it(section .. " is about every option that the installed one has", function()
      local pipe <close> = assert(io.popen(program .. " --help 2>&1"))
      local help, text = pipe:read "a", {}
      if not help:find("--", 1, true) then return pending(program .. " is not installed") end
      for _, row in ipairs(rows(section)) do text[#text + 1] = row.theirs end
      local known = table.concat(text, " ")
      for line in help:gmatch "[^\n]+" do
        local option = line:match "^%s+%-%a, (%-%-[%w-]+)" or line:match "^%s+(%-%-[%w-]+)"
        if option and option ~= "--help" and option ~= "--version" then
          local is_there = known:find(option .. "`", 1, true) or known:find(option .. " ", 1, true)
          assert.is_truthy(is_there, option .. " is not there")
        end
      end
    end)
  end
end)

describe("the command lines of the page", function()
  it("run", function()
    local dir <close> = place()
    local here, count = assert(core.realpath "."), 0
    for block in page:gmatch "```sh\n(.-)```" do
      for line in block:gmatch "[^\n]+" do
        if line:find "^moonsand run" then
          count = count + 1
          local pipe <close> = assert(io.popen(("cd %s && %s/bin/%s 2>&1"):format(dir.path, here,
            line)))
          local out = pipe:read "a"
          local ok = pipe:close()
          assert.is_true(ok, line .. "\n" .. out)
        end
      end
    end
    assert.are.equal(4, count)
  end)
end)

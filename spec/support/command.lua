-- `moonsand` as a program, in shell text: `$M` is the command, `$R` a directory of recipes below
-- `dir`, MOONSAND_DIR another one.
local M = {}

local function run(dir, head, text)
  local pipe <close> = assert(io.popen(([[
    exec 2>&1
    M="$PWD/bin/moonsand"; R='%s/recipes'
    export MOONSAND_DIR='%s/state'
    %s
    %s]]):format(dir.path, dir.path, head, text)))
  local out = pipe:read("a")
  local _, how, code = pipe:close()
  return out, how == "exit" and code or how
end

--- Over the recipes of `$R` and of examples/.
---@return string out
---@return integer|string code   or how it ended otherwise
function M.shell(dir, text)
  return run(dir, [[export BBPATH="$R:$PWD/examples/recipes"]], text)
end

--- Over `$R` alone, which has a copy of examples/recipes/hello that may be changed.
---@return string out
---@return integer|string code
function M.hello(dir, text)
  return run(dir, [[export BBPATH="$R" LC_ALL=C.UTF-8
    mkdir -p "$R"; [ -d "$R/hello" ] || cp -r examples/recipes/hello "$R"]], text)
end

return M

--- Mutated recipes: the inputs of fuzz/recipes.lua. Number i of a seed is always the same text.
local find = require "moonsand.recipe.find"
local read = require("moonsand.text").read

local M = {}

---@class fuzz.Sample
---@field files table<string, string>   path -> text
---@field main string                   the path of the file that is read
---@field bbpath string

local words = {
  "${", "}", "${A}", "${@", "${=", "${@d.getVar('A')}", "${=d:get('A')}", "${@bb.utils.contains(",
  ":append", ":prepend", ":remove", ":append:o", ":o", "_append", " += ", " =+ ", " .= ", " =. ",
  " ?= ", " ??= ", " := ", " = ", '"', "'", '"""', "\\\n", "\\", "\n", "\r\n", "\t", "\0", "\255",
  "#", "# x \\\n", "()", " {\n", "}\n", "\n}\n", "[", "]", "[func]", "[vardeps]", "unset ",
  "export ", "inherit ", "inherit base\n", "inherit_defer native\n", "require ", "include ",
  "include_all ", "addtask ", "deltask ", "addhandler ", "addpylib . x\n", "addfragments ",
  "EXPORT_FUNCTIONS ", "python () {\n", "python do_x() {\n", "lua () {\n", "lua do_x() {\n",
  "fakeroot ", "def f(d):\n    return d\n", "do_compile() {\n", "OVERRIDES = ", "OVERRIDES .= ",
  "BBCLASSEXTEND = \"native x:y\"\n", "BB_DEFER_BBCLASSES = ", "PN", "FILE", "BBPATH", "DEPENDS",
  "A", "B", "/", "..", "${${A}}", "${A", "A = \"${B}${B}\"\n", "B = \"${A}\"\n", " after ",
  " before ", "%", "~", "local x = ", " while true do end ", "('x'):rep(1 << 40)", "$(", "`",
  "<<EOF\n", "case x in\n", "esac\n", "if true; then\n", "1e999", "-1", "'x' * 99999999",
}

--- The recipes, classes and configuration below a directory, each as a sample of its own.
---@param directory string
---@return fuzz.Sample[]
function M.shipped(directory)
  local files, samples = {}, {}
  local function walk(at)
    for _, name in ipairs(find.disk.list(directory .. at)) do
      local path = at .. "/" .. name
      if find.disk.kind(directory .. path) == "directory" then
        walk(path)
      elseif name:find("%.bb$") or name:find("%.bbclass$") or name:find("%.conf$") then
        files["/R" .. path] = read(directory .. path)
      end
    end
  end
  walk("")
  local paths = {}
  for path in pairs(files) do paths[#paths + 1] = path end
  table.sort(paths)
  for _, path in ipairs(paths) do
    samples[#samples + 1] = {files = files, main = path, bbpath = "/R"}
  end
  return samples
end

local function number(most) return math.random(1, math.max(1, most)) end

local function place(text) return math.random(0, #text) end

local function insert(text, what)
  local at = place(text)
  return text:sub(1, at) .. what .. text:sub(at + 1)
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("[^\n]*\n?") do
    if line ~= "" then lines[#lines + 1] = line end
  end
  return lines
end

local function piece(text, most)
  local from = place(text)
  return text:sub(from + 1, from + number(most))
end

-- Each makes another text of a text; `other` is the text of a second sample.
local mutations = {
  function(text) return insert(text, words[number(#words)]) end,
  function(text) return insert(text, words[number(#words)] .. words[number(#words)]) end,
  function(text) return insert(text, string.char(math.random(0, 255))) end,
  function(text)
    local at = place(text)
    return text:sub(1, at) .. text:sub(at + 1 + number(8))
  end,
  function(text)
    local at = number(#text)
    return text:sub(1, at - 1) .. string.char(math.random(0, 255)) .. text:sub(at + 1)
  end,
  function(text) return text:sub(1, place(text)) end,
  function(text)
    local lines = lines_of(text)
    if #lines == 0 then return text end
    table.remove(lines, number(#lines))
    return table.concat(lines)
  end,
  function(text)
    local lines = lines_of(text)
    if #lines == 0 then return text end
    local a, b = number(#lines), number(#lines)
    lines[a], lines[b] = lines[b], lines[a]
    return table.concat(lines)
  end,
  function(text)
    local lines = lines_of(text)
    if #lines == 0 then return text end
    return insert(text, lines[number(#lines)]:rep(number(3)))
  end,
  function(text, other)
    local lines = lines_of(other)
    if #lines == 0 then return text end
    local from = number(#lines)
    return insert(text, table.concat(lines, "", from, math.min(#lines, from + number(6))))
  end,
  function(text) return insert(text, piece(text, 40)) end,
  function(text, other) return insert(text, piece(other, 200)) end,
  function(text)
    local one, two = piece(text, 12), piece(text, 12)
    local at, last = text:find(one, 1, true)
    return at and text:sub(1, at - 1) .. two .. text:sub(last + 1) or text
  end,
  function(text) return insert(text, words[number(#words)]:rep(2 ^ number(10) // 1)) end,
  function(text) return insert(text, piece(text, 20):rep(2 ^ number(9) // 1)) end,
}

--- Mutated input number i.
---@param samples fuzz.Sample[]
---@param seed integer
---@param i integer
---@return fuzz.Sample
function M.input(samples, seed, i)
  math.randomseed(seed, i)
  local sample, other = samples[number(#samples)], samples[number(#samples)]
  local text = sample.files[sample.main]
  for _ = 1, number(6) do
    text = mutations[number(#mutations)](text, other.files[other.main])
  end
  local files = setmetatable({[sample.main] = text}, {__index = sample.files})
  return {files = files, main = sample.main, bbpath = sample.bbpath}
end

--- A disk of texts for the reader.
---@param sample fuzz.Sample
---@return moonsand.recipe.Disk
function M.disk(sample)
  local files = sample.files
  return {
    read = function(path) return files[path] end,
    kind = function(path) return files[path] and "file" or nil end,
    list = function() return {} end,
  }
end

return M

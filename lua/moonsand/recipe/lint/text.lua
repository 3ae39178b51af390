--- Slips that show in the text of a file alone.
local M = {}

-- Lists of words: what is added to them needs a blank in between.
local lists = {}
for name in ([[
SRC_URI DEPENDS RDEPENDS RRECOMMENDS RSUGGESTS RPROVIDES RREPLACES RCONFLICTS PROVIDES PACKAGES
PACKAGE_ARCHS FILES CONFFILES IMAGE_INSTALL IMAGE_FEATURES IMAGE_FSTYPES EXTRA_IMAGE_FEATURES
DISTRO_FEATURES MACHINE_FEATURES COMBINED_FEATURES PACKAGECONFIG EXTRA_OECONF EXTRA_OEMAKE
EXTRA_OECMAKE EXTRA_OEMESON CFLAGS CXXFLAGS CPPFLAGS LDFLAGS TARGET_CFLAGS TARGET_CXXFLAGS
TARGET_LDFLAGS BUILD_CFLAGS INSANE_SKIP INHERIT BBCLASSEXTEND LICENSE_FLAGS PACKAGES_DYNAMIC
PACKAGE_BEFORE_PN ASSUME_PROVIDED BBFILES
]]):gmatch("%S+") do lists[name] = true end

-- Variables and functions of a package, which is named after the colon.
M.of_packages = {}
for name in ([[
RDEPENDS RRECOMMENDS RSUGGESTS RPROVIDES RREPLACES RCONFLICTS FILES CONFFILES ALLOW_EMPTY
INSANE_SKIP SYSTEMD_SERVICE SYSTEMD_AUTO_ENABLE INITSCRIPT_NAME INITSCRIPT_PARAMS ALTERNATIVE
USERADD_PARAM GROUPADD_PARAM GROUPMEMS_PARAM DEBIAN_NOAUTONAME PKG pkg_postinst pkg_preinst
pkg_postrm pkg_prerm
]]):gmatch("%S+") do M.of_packages[name] = true end

local function base_of(name)
  return (name:match("^[^:]+"))
end

-- The override syntax of before 2021: RDEPENDS_${PN}, do_install_append, EXTRA_OECONF_class-native.
local function old_spelling(name)
  local base = base_of(name)
  local head, tail = base:match("^(.-)_(%${B?PN}.*)$")
  if head and M.of_packages[head] then return head .. ":" .. tail .. name:sub(#base + 1) end
  for _, word in ipairs {"append", "prepend", "remove"} do
    local before, after = base:match("^(.+)_" .. word .. "(_?.*)$")
    if before and (after == "" or after:sub(1, 1) == "_") then
      return before .. ":" .. word .. after:gsub("^_", ":") .. name:sub(#base + 1)
    end
  end
  local before, class = base:match("^(.+)_(class%-[%l%-]+)$")
  if before then return before .. ":" .. class .. name:sub(#base + 1) end
end

local function check_spelling(statement, add)
  local new = statement.name and old_spelling(statement.name)
  if new then
    add(statement.line, "deprecated", ("'%s' is the old spelling of an override: it sets a " ..
      "variable of that name, and nothing else"):format(statement.name),
      ("write '%s'"):format(new))
  end
end

local calls = {
  {"bb%.data%.getVar%(", "bb.data.getVar", "d.getVar('NAME')"},
  {"bb%.data%.setVar%(", "bb.data.setVar", "d.setVar('NAME', value)"},
  {"d%.getVar%([^()]-,%s*True%s*%)", "getVar(..., True)", "leave the True out: it is the default"},
  {"d%.getVar%([^()]-,%s*1%s*%)", "getVar(..., 1)", "leave the 1 out: it is the default"},
  {"base_contains%(", "base_contains", "bb.utils.contains"},
  {"[\"'][%w_]+_append[\"']", "'..._append' as a name", "'...:append'"},
}

-- Calls of before, in code or in `${@...}`.
local function check_calls(statement, add)
  local text = statement.text or ""
  if statement.language == "shell" then return end
  for _, call in ipairs(calls) do
    local at = statement.language and 1 or text:find("${@", 1, true)
    local found = at and text:find(call[1], at)
    if found then
      local _, lines = text:sub(1, found):gsub("\n", "")
      local line = statement.line + (statement.kind == "function" and lines + 1 or lines)
      add(statement.kind == "set" and statement.line or line, "deprecated",
        ("%s is from before"):format(call[2]), ("write %s"):format(call[3]):gsub(
        "^write leave", "leave"))
    end
  end
end

-- Python takes a tab for up to eight spaces, people and editors for four.
local function check_tabs(statement, add)
  if statement.language ~= "python" then return end
  local number = statement.kind == "function" and statement.line or statement.line - 1
  for line in (statement.text .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    if line:find("^ *\t") then
      add(number, "tabs", "a tab in the indentation of Python", "use four spaces for each level")
      return
    end
  end
end

-- SRC_URI:append = "file://x": no blank before it, and the last word grows.
local function check_glue(statement, add)
  local name, text = statement.name, statement.text
  if statement.kind ~= "set" or statement.flag or not lists[base_of(name)] or text == "" then
    return
  end
  local operator = statement.operator
  local appends = operator == ".=" or operator == "=" and name:find(":append%f[:\0]")
  local prepends = operator == "=." or operator == "=" and name:find(":prepend%f[:\0]")
  if appends and text:find("^[%w/%-]") then
    add(statement.line, "glued", ("'%s' adds to a list of words without a blank before it"):format(
      name), ("begin the text with a blank: \" %s"):format(text:match("^%S+")))
  elseif prepends and text:find("[%w/]$") then
    add(statement.line, "glued", ("'%s' adds to a list of words without a blank after it"):format(
      name), "end the text with a blank")
  end
end

local function pending(name)
  return name:find(":append%f[:\0]") or name:find(":prepend%f[:\0]")
    or name:find(":remove%f[:\0]")
end

local reads = {include = true, include_all = true, inherit = true}

-- A = "1" and later A = "2" in one file: the first is never seen, unless something reads it.
local function check_overwritten(statements, add)
  local last = {}
  for _, statement in ipairs(statements) do
    local name, kind = statement.name, statement.kind
    if reads[kind] or statement.operator == ":=" then
      last = {}
    elseif kind == "set" and not statement.flag then
      local before = last[name]
      if before and statement.operator == "=" then
        add(before.line, "overwritten", ("'%s' is set again in line %d before anything reads it")
          :format(name, statement.line), "remove one of the two")
      end
      last[name] = statement.operator == "=" and not pending(name) and statement or nil
    elseif kind == "unset" then
      last[name or statement.text or ""] = nil
    end
  end
end

--- Check the statements of a file.
---@param statements moonsand.recipe.Statement[]
---@param add fun(line: integer, rule: string, message: string, fix: string)
function M.check(statements, add)
  for _, statement in ipairs(statements) do
    check_spelling(statement, add)
    check_calls(statement, add)
    check_tabs(statement, add)
    check_glue(statement, add)
  end
  check_overwritten(statements, add)
end

return M

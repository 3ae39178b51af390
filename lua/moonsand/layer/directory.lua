--- Trees as the Remote Execution API names them: `Directory` and `Tree` messages, canonical bytes.
--- A node is {files = {{name, digest, size, executable}}, directories = {{name, node}}, symlinks =
--- {{name, target}}}; each list in byte order of the names. `seal` adds digest and bytes.
local core = require "moonsand.core"
local fault = require "moonsand.fault"

local M = {}

---@class moonsand.Node
---@field files {name: string, digest: string, size: integer, executable: boolean}[]
---@field directories {name: string, node: moonsand.Node}[]
---@field symlinks {name: string, target: string}[]
---@field digest? string  SHA-256 of `bytes`, after `seal`
---@field bytes? string   the Directory message, after `seal`

--- An empty directory.
---@return moonsand.Node
function M.new()
  return {files = {}, directories = {}, symlinks = {}}
end

local byte, char, sub = string.byte, string.char, string.sub

local function varint(n)
  if n < 128 then return char(n) end
  local bytes = {}
  while n > 127 do
    bytes[#bytes + 1] = char(n & 127 | 128)
    n = n >> 7
  end
  bytes[#bytes + 1] = char(n)
  return table.concat(bytes)
end

-- A length-delimited field.
local function field(tag, bytes)
  return char(tag) .. varint(#bytes) .. bytes
end

local function digest_message(digest, size)
  local hash = field(0x0a, digest)
  if size == 0 then return hash end
  return hash .. "\x10" .. varint(size)
end

local function encode(node)
  local parts = {}
  for _, file in ipairs(node.files) do
    parts[#parts + 1] = field(0x0a, field(0x0a, file.name)
      .. field(0x12, digest_message(file.digest, file.size))
      .. (file.executable and "\x20\x01" or ""))
  end
  for _, entry in ipairs(node.directories) do
    parts[#parts + 1] = field(0x12, field(0x0a, entry.name)
      .. field(0x12, digest_message(entry.node.digest, #entry.node.bytes)))
  end
  for _, link in ipairs(node.symlinks) do
    parts[#parts + 1] = field(0x1a, field(0x0a, link.name) .. field(0x12, link.target))
  end
  return table.concat(parts)
end

--- Compute bytes and digest of a node and of everything below it.
---@param node moonsand.Node
---@return moonsand.Node
function M.seal(node)
  if node.digest then return node end
  for _, entry in ipairs(node.directories) do M.seal(entry.node) end
  node.bytes = encode(node)
  node.digest = core.sha256(node.bytes)
  return node
end

-- Children before parents, each distinct directory once; the reverse is topological.
local function postorder(node, seen, out)
  if seen[node.digest] then return end
  seen[node.digest] = true
  for _, entry in ipairs(node.directories) do postorder(entry.node, seen, out) end
  out[#out + 1] = node
end

--- The topologically sorted `Tree` message: root first, parents before children, each once.
---@param node moonsand.Node  sealed
---@return string
function M.tree_message(node)
  local nodes, parts = {}, {field(0x0a, node.bytes)}
  postorder(node, {}, nodes)
  for i = #nodes - 1, 1, -1 do parts[#parts + 1] = field(0x12, nodes[i].bytes) end
  return table.concat(parts)
end

local function malformed(why)
  fault.throw("layer", "not a tree's manifest: " .. why)
end

local function read_varint(bytes, at)
  local value, shift = 0, 0
  repeat
    local b = byte(bytes, at)
    if not b or shift > 56 then malformed("it ends too early") end
    value = value | (b & 127) << shift
    at, shift = at + 1, shift + 7
  until b < 128
  return value, at
end

-- One field of a message: its tag, its value (bytes, or an integer), where the next one begins.
local function next_field(bytes, at)
  local tag, size = byte(bytes, at, at + 1)
  if size and size < 128 then
    at = at + 2
  else
    size, at = read_varint(bytes, at + 1)
  end
  local kind = tag & 7
  if kind == 0 then return tag, size, at end
  if kind ~= 2 then malformed("unknown field") end
  if size > #bytes - at + 1 then malformed("it ends too early") end
  return tag, sub(bytes, at, at + size - 1), at + size
end

local function record(bytes, names)
  local out, at = {}, 1
  local tag, value
  while at <= #bytes do
    tag, value, at = next_field(bytes, at)
    local name = names[tag]
    if not name then malformed("unknown field") end
    out[name] = value
  end
  return out
end

local node_fields = {[0x0a] = "name", [0x12] = "digest", [0x20] = "executable"}
local link_fields = {[0x0a] = "name", [0x12] = "target"}
local digest_fields = {[0x0a] = "hash", [0x10] = "size"}

local function read_digest(bytes)
  local digest = record(bytes or "", digest_fields)
  local hash = digest.hash
  if type(hash) ~= "string" or #hash ~= 64 or hash:find("[^0-9a-f]") then
    malformed("a digest is no SHA-256")
  end
  return hash, digest.size or 0
end

local function check_name(name, seen)
  if type(name) ~= "string" or name == "" or name == "." or name == ".." or name:find("[/\0]") then
    malformed(("'%s' is no name"):format(tostring(name)))
  end
  if not utf8.len(name) then malformed("a name is not UTF-8") end
  if seen[name] then malformed(("'%s' is there twice"):format(name)) end
  seen[name] = true
  return name
end

local readers = {
  [0x0a] = function(node, bytes, seen)
    local file = record(bytes, node_fields)
    local digest, size = read_digest(file.digest)
    node.files[#node.files + 1] = {name = check_name(file.name, seen), digest = digest,
      size = size, executable = file.executable == 1}
  end,
  [0x12] = function(node, bytes, seen)
    local entry = record(bytes, node_fields)
    node.directories[#node.directories + 1] = {name = check_name(entry.name, seen),
      digest = (read_digest(entry.digest))}
  end,
  [0x1a] = function(node, bytes, seen)
    local link = record(bytes, link_fields)
    if type(link.target) ~= "string" or link.target == "" or link.target:find("\0", 1, true) then
      malformed(("the link '%s' leads nowhere"):format(tostring(link.name)))
    end
    node.symlinks[#node.symlinks + 1] = {name = check_name(link.name, seen), target = link.target}
  end,
}

--- One `Directory` message; its directories carry digests, not nodes yet.
---@param bytes string
---@return moonsand.Node
function M.decode(bytes)
  local node, seen, at = M.new(), {}, 1
  local tag, value
  while at <= #bytes do
    tag, value, at = next_field(bytes, at)
    local reader = readers[tag]
    if not reader then malformed("unknown field") end
    reader(node, value, seen)
  end
  node.bytes, node.digest = bytes, core.sha256(bytes)
  return node
end

local function connect(node, known)
  for _, entry in ipairs(node.directories) do
    local child = known[entry.digest]
    if not child then malformed(("the directory '%s' is missing"):format(entry.name)) end
    entry.node, entry.digest = child, nil
  end
end

-- A path has 4096 bytes, so no real tree is deeper; and equal directories that hold equal ones make
-- a few kilobytes stand for more paths than there are atoms.
local DEPTH_MAX, PATHS_MAX = 2048, 50000000

-- The paths below a node and its height; each node is counted once.
local function measure(node, sizes, depth)
  local known = sizes[node]
  if known then return known.paths, known.height end
  if depth > DEPTH_MAX then malformed("it is too deep") end
  local paths, height = #node.files + #node.symlinks, 0
  for _, entry in ipairs(node.directories) do
    local more, below = measure(entry.node, sizes, depth + 1)
    paths, height = paths + 1 + more, math.max(height, below + 1)
  end
  if paths > PATHS_MAX then malformed("it has too many paths") end
  if height > DEPTH_MAX then malformed("it is too deep") end
  sizes[node] = {paths = paths, height = height}
  return paths, height
end

--- A `Tree` message, in any order, as connected nodes. Nothing in it is believed: names, digests,
--- references and size are checked.
---@param bytes string
---@return moonsand.Node root
function M.read_tree(bytes)
  local root, known, all = nil, {}, {}
  local at = 1
  local tag, value
  while at <= #bytes do
    tag, value, at = next_field(bytes, at)
    if tag ~= 0x12 and (tag ~= 0x0a or root) then malformed("unknown field") end
    local node = M.decode(value)
    if tag == 0x0a then root = node end
    if not known[node.digest] then
      known[node.digest], all[#all + 1] = node, node
    end
  end
  if not root then malformed("it has no root") end
  for _, node in ipairs(all) do connect(node, known) end
  measure(root, {}, 0)
  return root
end

---@class moonsand.TreeEntry
---@field path string
---@field type "file"|"directory"|"symlink"
---@field digest? string
---@field size? integer
---@field executable? boolean
---@field target? string

local function flatten(node, prefix, out)
  for _, file in ipairs(node.files) do
    out[#out + 1] = {path = prefix .. file.name, type = "file", digest = file.digest,
      size = file.size, executable = file.executable}
  end
  for _, link in ipairs(node.symlinks) do
    out[#out + 1] = {path = prefix .. link.name, type = "symlink", target = link.target}
  end
  for _, entry in ipairs(node.directories) do
    out[#out + 1] = {path = prefix .. entry.name, type = "directory"}
    flatten(entry.node, prefix .. entry.name .. "/", out)
  end
  return out
end

--- Every path in the tree, parents before children: files, links, then directories of each.
---@param node moonsand.Node
---@return moonsand.TreeEntry[]
function M.entries(node)
  return flatten(node, "", {})
end

--- Number of files and links, and bytes of all files (each path counts).
---@param node moonsand.Node
---@return integer files
---@return integer bytes
function M.totals(node)
  local files, bytes = #node.files + #node.symlinks, 0
  for _, file in ipairs(node.files) do bytes = bytes + file.size end
  for _, entry in ipairs(node.directories) do
    local more_files, more_bytes = M.totals(entry.node)
    files, bytes = files + more_files, bytes + more_bytes
  end
  return files, bytes
end

--- The node at a path below, or nil (also when it is no directory).
---@param node moonsand.Node
---@param path string
---@return moonsand.Node?
function M.find(node, path)
  for name in path:gmatch("[^/]+") do
    local found
    for _, entry in ipairs(node.directories) do
      if entry.name == name then found = entry.node end
    end
    if not found then return nil end
    node = found
  end
  return node
end

return M

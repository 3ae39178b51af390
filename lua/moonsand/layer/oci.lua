--- The few documents of an OCI image layout that an archive needs, always with the same bytes.
local core = require "moonsand.core"
local json = require "dkjson"

local M = {}

M.MANIFEST = "application/vnd.oci.image.manifest.v1+json"
M.CONFIG = "application/vnd.oci.image.config.v1+json"
M.LAYER = "application/vnd.oci.image.layer.v1.tar"
M.CLOSURE = "application/vnd.moonsand.closure.v1"
local EMPTY <const> = "application/vnd.oci.empty.v1+json"
local INDEX <const> = "application/vnd.oci.image.index.v1+json"
local NAME <const> = "org.opencontainers.image.ref.name"

--- What the file `oci-layout` says.
M.LAYOUT = '{"imageLayoutVersion":"1.0.0"}'

local keys = {"schemaVersion", "mediaType", "artifactType", "created", "architecture", "os",
  "config", "layers", "manifests", "rootfs", "type", "diff_ids", "digest", "size", "annotations"}

local function encode(value) return json.encode(value, {keyorder = keys}) end

local architectures = {x86_64 = "amd64", aarch64 = "arm64", i386 = "386", arm = "arm",
  riscv64 = "riscv64", ppc64le = "ppc64le", s390x = "s390x"}

---@class moonsand.Blob
---@field digest string
---@field size integer
---@field text? string
---@field file? string   where it lies, when it is large
---@field type? string   its media type

--- A blob of a text.
---@param text string
---@param kind string   its media type
---@return moonsand.Blob
function M.blob(text, kind)
  return {digest = core.sha256(text), size = #text, text = text, type = kind}
end

local function descriptor(blob)
  return {mediaType = blob.type, digest = "sha256:" .. blob.digest, size = blob.size}
end

local function list(blobs)
  local out = {}
  for i, blob in ipairs(blobs) do out[i] = descriptor(blob) end
  return out
end

--- The config and the manifest of an image of layers, the lowest first.
---@param blobs moonsand.Blob[]
---@return moonsand.Blob config
---@return moonsand.Blob manifest
function M.image(blobs)
  local ids = {}
  for i, blob in ipairs(blobs) do ids[i] = "sha256:" .. blob.digest end
  local machine = core.abis()[1] or ""
  local config = M.blob(encode {architecture = architectures[machine] or machine, os = "linux",
    config = setmetatable({}, {__jsontype = "object"}),
    rootfs = {type = "layers", diff_ids = ids}}, M.CONFIG)
  return config, M.blob(encode {schemaVersion = 2, mediaType = M.MANIFEST,
    config = descriptor(config), layers = list(blobs)}, M.MANIFEST)
end

--- The manifest of what only moonsand reads; the first blob says what the others are.
---@param blobs moonsand.Blob[]
---@return moonsand.Blob config
---@return moonsand.Blob manifest
function M.artifact(blobs)
  local config = M.blob("{}", EMPTY)
  return config, M.blob(encode {schemaVersion = 2, mediaType = M.MANIFEST,
    artifactType = M.CLOSURE, config = descriptor(config), layers = list(blobs)}, M.MANIFEST)
end

--- The index of manifests, each with a name; the artifact's says that it is one.
---@param manifests {blob: moonsand.Blob, name: string, artifact?: boolean}[]
---@return string
function M.index(manifests)
  local out = {}
  for i, item in ipairs(manifests) do
    out[i] = descriptor(item.blob)
    out[i].artifactType = item.artifact and M.CLOSURE or nil
    out[i].annotations = {[NAME] = item.name}
  end
  return encode {schemaVersion = 2, mediaType = INDEX, manifests = out}
end

-- Text that nests without end is no document either.
local function decode(text)
  local ok, value = pcall(json.decode, text)
  return ok and type(value) == "table" and value or {}
end

local function digest_of(entry)
  return type(entry) == "table" and type(entry.digest) == "string"
    and entry.digest:match("^sha256:(%x+)$") or nil
end

--- The digest of the artifact's manifest, from an index.
---@param text string
---@return string?
function M.find_artifact(text)
  local entries = decode(text).manifests
  for _, entry in ipairs(type(entries) == "table" and entries or {}) do
    if type(entry) == "table" and entry.artifactType == M.CLOSURE then return digest_of(entry) end
  end
end

--- The digest of the first blob of a manifest.
---@param text string
---@return string?
function M.first_blob(text)
  local blobs = decode(text).layers
  return type(blobs) == "table" and digest_of(blobs[1]) or nil
end

return M

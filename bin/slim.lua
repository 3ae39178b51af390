--- Compiled Lua without the names of local variables and upvalues: half of the strings that a
--- command reads when it starts, and nobody asks for them but the texts of errors that are bugs
--- ("local 'x'"). Line numbers stay. The format is that of ldump.c and lundump.c, Lua 5.4.

local HEADER = "\27Lua\x54\0\x19\x93\r\n\x1a\n" -- and the sizes of an instruction and of numbers
local INSTRUCTION, NUMBER = 4, 8
local FLOAT, INTEGER, SHORT, LONG = 0x13, 0x03, 0x04, 0x14

--- A reader that hands on what it reads: `out` gets each piece but those that are left out.
---@param code string
---@param at integer
local function new_reader(code, at)
  local out, from = {}, 1
  local self = {}

  --- A number in groups of seven bits, the last one marked.
  function self.size()
    local number = 0
    repeat
      local byte = code:byte(at)
      number, at = number << 7 | byte & 0x7f, at + 1
    until byte & 0x80 ~= 0
    return number
  end

  function self.byte()
    at = at + 1
    return code:byte(at - 1)
  end

  function self.skip(bytes) at = at + bytes end

  --- Its size is one more than its length; a nil has size 0.
  function self.text()
    local size = self.size()
    if size > 0 then self.skip(size - 1) end
  end

  --- What `read` passes over is not in the result; `instead` is.
  function self.drop(read, instead)
    out[#out + 1] = code:sub(from, at - 1)
    out[#out + 1] = instead
    read()
    from = at
  end

  function self.rest()
    assert(at == #code + 1, "compiled code does not end where it should")
    out[#out + 1] = code:sub(from)
    return table.concat(out)
  end

  return self
end

local function constant(reader)
  local kind = reader.byte()
  if kind == FLOAT or kind == INTEGER then
    reader.skip(NUMBER)
  elseif kind == SHORT or kind == LONG then
    reader.text()
  end
end

local function each(reader, read)
  for _ = 1, reader.size() do read(reader) end
end

local NONE = "\x80" -- how many there are: 0

local function line(reader)
  reader.size()
  reader.size()
end

local function variable(reader)
  reader.text()
  line(reader)
end

local function debug_information(reader)
  reader.skip(reader.size()) -- lines, as differences
  each(reader, line)
  reader.drop(function() each(reader, variable) end, NONE)
  reader.drop(function() each(reader, reader.text) end, NONE)
end

local function body(reader)
  reader.text() -- the file
  line(reader)
  reader.skip(3) -- parameters, vararg, stack
  reader.skip(reader.size() * INSTRUCTION)
  each(reader, constant)
  reader.skip(reader.size() * 3) -- upvalues
  each(reader, body)
  debug_information(reader)
end

--- `code` of string.dump without names.
---@param code string
---@return string
return function(code)
  local sizes = string.char(INSTRUCTION, NUMBER, NUMBER) .. string.pack("jn", 0x5678, 370.5)
  assert(code:sub(1, #HEADER + #sizes) == HEADER .. sizes, "compiled code of another format")
  local reader = new_reader(code, #HEADER + #sizes + 2) -- one byte: upvalues of the whole
  body(reader)
  return reader.rest()
end

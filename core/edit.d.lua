---@meta
--- Editing lines at this process's terminal (libedit), and stopping what runs.

---@class moonsand.core
local core = {}

---@class moonsand.Editor
local Editor = {}

--- One line of the terminal. `complete` gets the text before and after the cursor; what it inserts
--- goes to the cursor, what it shows below the line.
---@param prompt string
---@param complete? fun(before: string, after: string): insert: string?, show: string?
---@return string|false|nil line   false: ctrl-C; nil: there are no more
function Editor:read(prompt, complete) end

--- To the history, from which the arrow keys take.
---@param line string
function Editor:add(line) end

--- May be called twice.
function Editor:close() end

--- An editor; nil where there is no libedit.
---@param name string      of the program, for ~/.editrc
---@param size? integer    lines of the history; 1000
---@return moonsand.Editor?, string? message, integer? errno
function core.editor(name, size) end

--- `xpcall`, in which ctrl-C (the signal INT) is an error "interrupted!" of what runs. Signals that
--- it has left blocked are as before afterwards.
---@param run function
---@param handler fun(problem: any): any
---@param ... any   for `run`
---@return boolean ok, any ...
function core.interruptible(run, handler, ...) end

--- `xpcall` for code that may not have the whole machine: beyond so many bytes more than there are
--- now it fails with "not enough memory" (the handler is not called then), beyond so many
--- instructions with "too many instructions". It cannot yield.
---@param bounds {memory: integer, steps: integer}
---@param run function
---@param handler fun(problem: any): any
---@param ... any   for `run`
---@return boolean ok, any ...
function core.bounded(bounds, run, handler, ...) end

return core

"""Lua scripts as Redis runs them: each in a fresh environment that reaches the commands and nothing else.

The scripts are a learner's, the interpreter is in the world's own process. Hence no Python object is within their
reach, no bytecode is loaded, what a script leaves in a table or a global is gone with it, and one that doesn't end is
stopped (real Redis answers BUSY instead).
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable
from typing import Any

from fakeredis._helpers import SimpleError, SimpleString

from .operations import UNSUPPORTED

_INSTRUCTIONS_BEFORE_STOP = 2_000_000
_MOST_MEMORY = 64 * 1024 * 1024
_DEEPEST = 100

_RUNNER = r"""
local call_command, json_encode, json_decode, null, UNSUPPORTED, LIMIT, DEEPEST = ...
local loadstring, setfenv, xpcall, pcall, error = loadstring, setfenv, xpcall, pcall, error
local type, pairs, rawget, setmetatable, getmetatable = type, pairs, rawget, setmetatable, getmetatable
local tostring, select, byte = tostring, select, string.byte
local getinfo, sethook, randomseed = debug.getinfo, debug.sethook, math.randomseed
local sha1hex = select(8, ...)
local of_texts = getmetatable("")
of_texts.__metatable = false

-- Once the limit is reached, each further instruction stops the script: it could catch a single error.
local function stop()
    sethook(stop, "", 1)
    error({err = UNSUPPORTED .. "a script of more than " .. LIMIT .. " instructions"}, 0)
end

local function line()
    for level = 2, 40 do
        local info = getinfo(level, "Sl")
        if not info then return end
        if info.source == "@user_script" then return info.currentline end
    end
end

local function failing(text)
    error({err = text, line = line()}, 0)
end

local function caller(raises)
    return function(...)
        if select("#", ...) == 0 then
            failing("ERR Please specify at least one argument for this redis lib call")
        end
        for i = 1, select("#", ...) do
            local kind = type((select(i, ...)))
            if kind ~= "string" and kind ~= "number" then
                failing("ERR Lua redis lib command arguments must be strings or integers")
            end
        end
        local reply = call_command(...)
        if type(reply) == "table" and reply.err then
            reply.line = line()
            reply.source = "@user_script"
            if raises then error(reply, 0) end
        end
        return reply
    end
end

local MOST_MATCHING = 1e8
local MISSING = {bit = true, cmsgpack = true, struct = true, coroutine = true}
local ALLOWED = {
    "assert", "error", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawset", "select", "setmetatable",
    "getmetatable", "tonumber", "tostring", "type", "unpack", "xpcall", "_VERSION",
}
local base, libraries = {}, {}
for _, name in pairs(ALLOWED) do base[name] = _G[name] end

-- As Redis does, so that scripts written for the string that an error once was go on working.
local function caught(done, ...)
    local problem = ...
    if not done and type(problem) == "table" and type(rawget(problem, "err")) == "string" then
        return false, rawget(problem, "err")
    end
    return done, ...
end
base.pcall = function(...) return caught(pcall(...)) end

-- Without the address, which differs from run to run.
base.tostring = function(value)
    local kind = type(value)
    if kind == "table" or kind == "function" or kind == "userdata" then
        local meta = kind == "table" and getmetatable(value)
        return type(meta) == "table" and meta.__tostring and meta.__tostring(value) or kind .. ": (nil)"
    end
    return tostring(value)
end

for _, name in pairs({"string", "table", "math"}) do
    libraries[name] = {}
    for key, value in pairs(_G[name]) do libraries[name][key] = value end
end
libraries.string.dump = nil
-- A pattern is matched within one instruction, so that the limit of instructions doesn't stop it: those are refused
-- that may take for ever, which is the length of the text to the power of the number of repeats.
local count = string.gsub
for _, name in pairs({"find", "match", "gmatch", "gsub"}) do
    local matching = string[name]
    libraries.string[name] = function(text, pattern, ...)
        local subject, shape = type(text) == "number" and tostring(text) or text, pattern
        if type(subject) == "string" and type(shape) == "string" and not (name == "find" and select(2, ...)) then
            local _, repeats = count(shape, "[%*%+%-%?]", "")
            if repeats > 1 and #subject ^ repeats > MOST_MATCHING then
                error({err = UNSUPPORTED .. "a Lua pattern with " .. repeats .. " repeats on so long a text"}, 0)
            end
        end
        return matching(text, pattern, ...)
    end
end
of_texts.__index = libraries.string
libraries.cjson = {encode = json_encode, decode = json_decode, null = null}
for _, name in pairs({"encode", "decode"}) do
    local convert = libraries.cjson[name]
    libraries.cjson[name] = function(value)
        local result, problem = convert(value)
        if problem then failing("ERR " .. problem) end
        return result
    end
end
libraries.redis = {
    call = caller(true), pcall = caller(false), sha1hex = function(text) return sha1hex(tostring(text)) end,
    log = function() end, LOG_DEBUG = 0, LOG_VERBOSE = 1, LOG_NOTICE = 2, LOG_WARNING = 3,
    error_reply = function(text) return {err = text:find("^%-") and text:sub(2) or "ERR " .. text} end,
    status_reply = function(text) return {ok = text} end,
}

local function readonly()
    error("Attempt to modify a readonly table", 2)
end

local function missing(_, name)
    local value = base[name]
    if value ~= nil then return value end
    if MISSING[name] then error({err = "ERR " .. UNSUPPORTED .. "the Lua library " .. name}, 0) end
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end

local guard = {__index = missing, __newindex = readonly, __metatable = false}
local guards = {}
for library, content in pairs(libraries) do
    guards[library] = {__index = content, __newindex = readonly, __metatable = false}
end

local function environment(keys, argv)
    local env = {KEYS = keys, ARGV = argv}
    for library, meta in pairs(guards) do env[library] = setmetatable({}, meta) end
    env._G = env
    env.loadstring = function(text, name)
        if type(text) ~= "string" or byte(text) == 27 then return nil, "no bytecode" end
        local chunk, problem = loadstring(text, name)
        return chunk and setfenv(chunk, env), problem
    end
    return setmetatable(env, guard)
end

local function described(problem)
    sethook()
    if type(problem) == "table" then
        if rawget(problem, "err") == nil then return {err = "ERR unknown error"} end
        local where = rawget(problem, "line") or line()
        return {err = tostring(rawget(problem, "err")), line = where}
    end
    return {err = "ERR " .. tostring(problem), line = line()}
end

-- A copy without metatables and holes, as deep as Redis would show it.
local function plain(value, depth)
    local kind = type(value)
    if kind == "table" then
        if depth > DEEPEST then return {err = "ERR reached lua stack limit"} end
        local err, ok = rawget(value, "err"), rawget(value, "ok")
        if type(err) == "string" then return {err = err} end
        if type(ok) == "string" then return {ok = ok} end
        local list, i = {}, 1
        local item = rawget(value, 1)
        while item ~= nil do
            list[i] = plain(item, depth + 1)
            i = i + 1
            item = rawget(value, i)
        end
        return list
    elseif kind == "string" or kind == "number" then
        return value
    elseif value == true then
        return 1
    end
    return null
end

return function(script, keys, argv)
    if byte(script) == 27 then return {err = "ERR no bytecode"} end
    local chunk, problem = loadstring(script, "@user_script")
    if not chunk then return {err = "ERR Error compiling script (new function): " .. problem} end
    setfenv(chunk, environment(keys, argv))
    randomseed(0)
    sethook(stop, "", LIMIT)
    local done, result = xpcall(function() return plain(chunk(), 0) end, described)
    sethook()
    if done then return {value = result} end
    return {problem = result}
end
"""


def _nobody(*_: object) -> str:
    raise AttributeError("scripts can't look into Python")


class Scripts:
    """The Lua interpreter of one simulated server.

    ``carry_out`` carries out one command for a script; it returns what fakeredis's commands return.
    Raises ImportError where Lua (the package ``lupa``) is not installed.
    """

    def __init__(self, carry_out: Callable[[tuple[bytes, ...]], Any]) -> None:
        lua51: Any = importlib.import_module("lupa.lua51")
        self._type_of: Any = lua51.lua_type
        self._carry_out = carry_out
        self._null = object()
        self._lua: Any = lua51.LuaRuntime(
            encoding=None,
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
            attribute_filter=_nobody,
            max_memory=_MOST_MEMORY,
        )
        load: Any = self._lua.eval("function(text, ...) return assert(loadstring(text, '@runner'))(...) end")
        self._run: Any = load(
            _RUNNER.encode(),
            self._call,
            self._encode,
            self._decode,
            self._null,
            UNSUPPORTED.encode(),
            _INSTRUCTIONS_BEFORE_STOP,
            _DEEPEST,
            lambda text: hashlib.sha1(text).hexdigest().encode(),
        )

    def run(self, script: bytes, keys: tuple[bytes, ...], argv: tuple[bytes, ...]) -> Any:
        """The script's reply. Raises fakeredis's `SimpleError` with the text that Redis would answer, and
        `MemoryError` where the interpreter has none left: it can't be used any more."""
        table = self._lua.table_from
        try:
            outcome = self._run(script, table(keys), table(argv))
        except Exception as error:
            raise MemoryError(str(error)) from None
        if outcome[b"err"] is not None:
            raise SimpleError(_text(outcome[b"err"]))
        problem = outcome[b"problem"]
        if problem is not None:
            where = f", on @user_script:{problem[b'line']}." if problem[b"line"] is not None else "."
            raise SimpleError(f"{_text(problem[b'err'])} script: {hashlib.sha1(script).hexdigest()}{where}")
        return self._reply(outcome[b"value"])

    def _reply(self, value: Any) -> Any:
        if value is self._null or value is None:
            return None
        if isinstance(value, bytes | int):
            return value
        if isinstance(value, float):
            # Redis casts to a 64-bit integer; what doesn't fit becomes the smallest one.
            return int(value) if -(2.0**63) <= value < 2.0**63 else -(2**63)
        if value[b"err"] is not None:
            return SimpleError(_text(value[b"err"]))
        if value[b"ok"] is not None:
            return SimpleString(value[b"ok"])
        return [self._reply(value[i]) for i in range(1, len(value) + 1)]

    def _call(self, *arguments: Any) -> Any:
        """One `redis.call`; never raises, for the error would pass through Lua as a Python object."""
        try:
            return self._as_lua(self._carry_out(tuple(a if isinstance(a, bytes) else _number(a) for a in arguments)))
        except Exception as error:
            return self._as_lua(SimpleError(f"ERR {UNSUPPORTED}{arguments[0]!r} in a script ({error})"))

    def _as_lua(self, reply: Any) -> Any:
        """A reply as RESP2 gives it to a script: no such thing is false, OK and errors are tables."""
        if reply is None:
            return False
        if isinstance(reply, SimpleString):
            return self._lua.table_from({b"ok": reply.value})
        if isinstance(reply, SimpleError):
            return self._lua.table_from({b"err": reply.value.encode()})
        if isinstance(reply, list):
            return self._lua.table_from([self._as_lua(item) for item in reply])
        return reply

    def _encode(self, value: Any) -> Any:
        try:
            return json.dumps(self._from_lua(value), separators=(",", ":")).encode()
        except Exception as error:
            return None, str(error).encode()

    def _decode(self, text: Any) -> Any:
        try:
            return self._to_lua(json.loads(text))
        except Exception as error:
            return None, str(error).encode()

    def _from_lua(self, value: Any, depth: int = 0) -> Any:
        if value is self._null:
            return None
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, float):
            return float(f"{value:.14g}")
        if value is None or isinstance(value, bool | int):
            return value
        if depth > _DEEPEST or self._type_of(value) != "table":
            raise ValueError("Cannot serialise this: type not supported")
        pairs = dict(value.items())
        if pairs and sorted(key for key in pairs if isinstance(key, int)) == list(range(1, len(pairs) + 1)):
            return [self._from_lua(pairs[i], depth + 1) for i in range(1, len(pairs) + 1)]
        return {
            key.decode() if isinstance(key, bytes) else str(key): self._from_lua(item, depth + 1)
            for key, item in pairs.items()
        }

    def _to_lua(self, value: Any) -> Any:
        if value is None:
            return self._null
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, list):
            return self._lua.table_from([self._to_lua(item) for item in value])
        if isinstance(value, dict):
            return self._lua.table_from({key.encode(): self._to_lua(item) for key, item in value.items()})
        return value


def _number(value: float) -> bytes:
    return f"{value:.17g}".encode()


def _text(error: bytes) -> str:
    return error.decode("utf-8", "replace")

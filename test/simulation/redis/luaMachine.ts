// Runs Lua scripts as Redis does: one machine for a server, each script compiled once, `redis.call` into the model, and
// Redis' own rules of what a reply is in Lua and back. The language is Lua 5.3 (fengari); what Redis' 5.1 does otherwise
// and our scripts rely on is set right here.
import { createHash } from 'node:crypto'
import { decodeJson, encodeJson, type LuaValue } from './cjson.ts'
import { isError, type Reply } from './reply.ts'

// Read by fengari when it is loaded: a whole number prints without `.0`, as in Lua 5.1.
process.env.FENGARICONF = JSON.stringify({ LUA_COMPAT_FLOATSTRING: true })
const { lua, lauxlib, lualib } = require('fengari') as typeof import('fengari')

type LuaState = Parameters<typeof lua.lua_gettop>[0]

/** Runs one command for a script. Errors come back as replies. */
export type Call = (args: string[]) => Reply

/** One character a byte, both ways. */
const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')

const [KEYS, ARGV, OK_FIELD, ERROR_FIELD] = ['KEYS', 'ARGV', 'ok', 'err'].map(bytesOf) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
]

/** `unpack` has moved; all numbers are doubles, of which 32-bit whole numbers would be a poor copy. */
const PRELUDE = `
  unpack = table.unpack
  local toNumber, ofBase = tonumber, redis.ofBase
  redis.ofBase = nil
  tonumber = function(text, base)
    if base then return ofBase(tostring(text), base) end
    local number = toNumber(text)
    return number and number + 0.0
  end
`

export class LuaMachine {
  readonly #state = lauxlib.luaL_newstate()
  readonly #compiled = new Map<string, number>()
  #call: Call = () => null

  constructor() {
    const state = this.#state
    for (const [name, open] of [
      ['_G', lualib.luaopen_base],
      ['table', lualib.luaopen_table],
      ['string', lualib.luaopen_string],
      ['math', lualib.luaopen_math],
    ] as const) {
      lauxlib.luaL_requiref(state, bytesOf(name), open, true)
      lua.lua_pop(state, 1)
    }
    this.#offer('redis', {
      call: () => this.#callBack(true),
      pcall: () => this.#callBack(false),
      status_reply: () => this.#tableWith(OK_FIELD),
      error_reply: () => this.#tableWith(ERROR_FIELD),
      sha1hex: () => this.#hash(),
      ofBase: () => this.#numberOfBase(),
    })
    this.#offer('cjson', { decode: () => this.#decode(), encode: () => this.#encode() })
    this.#compile('prelude', PRELUDE)
    this.#enter('prelude')
    lua.lua_pcall(state, 0, 0, 0)
  }

  /** @returns what is wrong with the script's text, or undefined. */
  compile(sha: string, source: string): string | undefined {
    return this.#compiled.has(sha) ? undefined : this.#compile(sha, source)
  }

  has(sha: string): boolean {
    return this.#compiled.has(sha)
  }

  /** All scripts are unknown from now on. */
  flush(): void {
    this.#compiled.clear()
  }

  /** Runs a compiled script to its end. What it has written stays, also when it fails. */
  run(sha: string, keys: readonly string[], args: readonly string[], call: Call): Reply {
    const state = this.#state
    this.#call = call
    this.#setList(KEYS, keys)
    this.#setList(ARGV, args)
    this.#enter(sha)
    const isFine = lua.lua_pcall(state, 0, 1, 0) === lua.LUA_OK
    const reply = isFine ? this.#replyAt(-1) : this.#failureAt(-1, sha)
    lua.lua_settop(state, 0)
    return reply
  }

  #compile(sha: string, source: string): string | undefined {
    const state = this.#state
    const bytes = bytesOf(source)
    const outcome = lauxlib.luaL_loadbuffer(state, bytes, bytes.length, bytesOf('@user_script'))
    if (outcome !== lua.LUA_OK) {
      const why = textOf(lua.lua_tostring(state, -1)!)
      lua.lua_settop(state, 0)
      return why
    }
    this.#compiled.set(sha, lauxlib.luaL_ref(state, lua.LUA_REGISTRYINDEX))
    return undefined
  }

  #enter(sha: string): void {
    lua.lua_rawgeti(this.#state, lua.LUA_REGISTRYINDEX, this.#compiled.get(sha)!)
  }

  #offer(name: string, functions: Record<string, () => number>): void {
    const state = this.#state
    lua.lua_createtable(state, 0, 4)
    for (const [each, run] of Object.entries(functions)) {
      lua.lua_pushcfunction(state, run)
      lua.lua_setfield(state, -2, bytesOf(each))
    }
    lua.lua_setglobal(state, bytesOf(name))
  }

  #setList(name: Uint8Array, items: readonly string[]): void {
    const state = this.#state
    lua.lua_createtable(state, items.length, 0)
    for (let at = 0; at < items.length; at++) {
      lua.lua_pushstring(state, bytesOf(items[at]!))
      lua.lua_rawseti(state, -2, at + 1)
    }
    lua.lua_setglobal(state, name)
  }

  #callBack(isRaising: boolean): number {
    const state = this.#state
    const args: string[] = []
    const count = lua.lua_gettop(state)
    for (let at = 1; at <= count; at++) {
      const text = this.#wordAt(at)
      if (text === undefined)
        return this.#raise('ERR Lua redis lib command arguments must be strings or integers')
      args.push(text)
    }
    const reply = this.#call(args)
    if (isError(reply) && isRaising) return this.#raise(reply.error)
    this.#push(reply)
    return 1
  }

  /** Redis writes a number that a script passes on with 17 digits. */
  #wordAt(at: number): string | undefined {
    const state = this.#state
    switch (lua.lua_type(state, at)) {
      case lua.LUA_TSTRING:
        return textOf(lua.lua_tostring(state, at)!)
      case lua.LUA_TNUMBER:
        return String(lua.lua_tonumber(state, at))
      default:
        return undefined
    }
  }

  /** As a table, as Redis 7 raises errors: a script that catches it sees `err`. */
  #raise(text: string): number {
    lua.lua_createtable(this.#state, 0, 1)
    lua.lua_pushstring(this.#state, bytesOf(text))
    lua.lua_setfield(this.#state, -2, ERROR_FIELD)
    return lua.lua_error(this.#state)
  }

  #tableWith(field: Uint8Array): number {
    lua.lua_createtable(this.#state, 0, 1)
    lua.lua_pushvalue(this.#state, 1)
    lua.lua_setfield(this.#state, -2, field)
    return 1
  }

  #hash(): number {
    const hash = createHash('sha1').update(bytesOf(this.#wordAt(1) ?? ''))
    lua.lua_pushstring(this.#state, bytesOf(hash.digest('hex')))
    return 1
  }

  /** `tonumber` with a base, for numbers beyond 32 bits too. */
  #numberOfBase(): number {
    const state = this.#state
    const base = lua.lua_tonumber(state, 2)
    const text = textOf(lua.lua_tostring(state, 1)!).trim().toLowerCase()
    const digits = [...text].map(digit => Number.parseInt(digit, 36))
    const isNumber = digits.length > 0 && digits.every(digit => digit < base)
    if (isNumber)
      lua.lua_pushnumber(
        state,
        digits.reduce((sum, digit) => sum * base + digit, 0),
      )
    else lua.lua_pushnil(state)
    return 1
  }

  #decode(): number {
    const state = this.#state
    const bytes = lua.lua_tostring(state, 1)
    try {
      if (!bytes) throw new TypeError("bad argument #1 to 'decode' (string expected)")
      this.#pushValue(decodeJson(textOf(bytes)))
      return 1
    } catch (thrown) {
      lua.lua_pushstring(state, bytesOf(`user_script:0: ${String(thrown)}`))
    }
    return lua.lua_error(state)
  }

  #encode(): number {
    lua.lua_pushstring(this.#state, bytesOf(encodeJson(this.#valueAt(1))))
    return 1
  }

  /** A reply as a script sees it: no RESP3. */
  #push(reply: Reply): void {
    const state = this.#state
    if (reply === null) return lua.lua_pushboolean(state, false)
    if (typeof reply === 'number') return lua.lua_pushnumber(state, reply)
    if (typeof reply === 'string') return lua.lua_pushstring(state, bytesOf(reply))
    if (Array.isArray(reply)) return this.#pushAll(reply)
    if ('map' in reply) return this.#pushAll(reply.map)
    if ('set' in reply) return this.#pushAll(reply.set)
    if ('push' in reply) return this.#pushAll(reply.push)
    if ('scored' in reply) return this.#pushAll(reply.scored.flatMap(([member, at]) => [member, String(at)]))
    if ('double' in reply) return lua.lua_pushstring(state, bytesOf(String(reply.double)))
    if ('verbatim' in reply) return lua.lua_pushstring(state, bytesOf(reply.verbatim))
    if ('nullArray' in reply) return lua.lua_pushboolean(state, false)
    const [field, text] = 'error' in reply ? [ERROR_FIELD, reply.error] : [OK_FIELD, reply.status]
    lua.lua_createtable(state, 0, 1)
    lua.lua_pushstring(state, bytesOf(text))
    lua.lua_setfield(state, -2, field)
  }

  #pushAll(items: readonly Reply[]): void {
    lua.lua_createtable(this.#state, items.length, 0)
    for (let at = 0; at < items.length; at++) {
      this.#push(items[at]!)
      lua.lua_rawseti(this.#state, -2, at + 1)
    }
  }

  #replyAt(at: number): Reply {
    const state = this.#state
    switch (lua.lua_type(state, at)) {
      case lua.LUA_TSTRING:
        return textOf(lua.lua_tostring(state, at)!)
      case lua.LUA_TNUMBER:
        return Math.trunc(lua.lua_tonumber(state, at))
      case lua.LUA_TBOOLEAN:
        return lua.lua_toboolean(state, at) ? 1 : null
      case lua.LUA_TTABLE:
        return this.#tableAt()
      default:
        return null
    }
  }

  /** Of the table on top: an error, a status, or a list up to its first nil. */
  #tableAt(): Reply {
    const error = this.#fieldOf(ERROR_FIELD)
    if (error !== undefined) return { error }
    const status = this.#fieldOf(OK_FIELD)
    if (status !== undefined) return { status }
    const items: Reply[] = []
    for (let at = 1; ; at++) {
      const isThere = lua.lua_rawgeti(this.#state, -1, at) !== lua.LUA_TNIL
      if (isThere) items.push(this.#replyAt(-1))
      lua.lua_pop(this.#state, 1)
      if (!isThere) return items
    }
  }

  #fieldOf(field: Uint8Array): string | undefined {
    const isText = lua.lua_getfield(this.#state, -1, field) === lua.LUA_TSTRING
    const text = isText ? textOf(lua.lua_tostring(this.#state, -1)!) : undefined
    lua.lua_pop(this.#state, 1)
    return text
  }

  #failureAt(at: number, sha: string): Reply {
    const isTable = lua.lua_type(this.#state, at) === lua.LUA_TTABLE
    const why = isTable ? this.#fieldOf(ERROR_FIELD) : textOf(lua.lua_tostring(this.#state, at)!)
    return { error: `${isTable ? '' : 'ERR '}${why} script: ${sha}, on @user_script:0.` }
  }

  #pushValue(value: LuaValue): void {
    const state = this.#state
    if (value === null) return lua.lua_pushlightuserdata(state, null)
    if (typeof value === 'boolean') return lua.lua_pushboolean(state, value)
    if (typeof value === 'number') return lua.lua_pushnumber(state, value)
    if (typeof value === 'string') return lua.lua_pushstring(state, bytesOf(value))
    lua.lua_createtable(state, 0, 0)
    if (Array.isArray(value)) {
      value.forEach((item, at) => {
        this.#pushValue(item)
        lua.lua_rawseti(state, -2, at + 1)
      })
      return
    }
    for (const [name, item] of Object.entries(value)) {
      this.#pushValue(item)
      lua.lua_setfield(state, -2, bytesOf(name))
    }
  }

  #valueAt(at: number): LuaValue {
    const state: LuaState = this.#state
    switch (lua.lua_type(state, at)) {
      case lua.LUA_TSTRING:
        return textOf(lua.lua_tostring(state, at)!)
      case lua.LUA_TNUMBER:
        return lua.lua_tonumber(state, at)
      case lua.LUA_TBOOLEAN:
        return lua.lua_toboolean(state, at)
      case lua.LUA_TTABLE: {
        const fields: [string, LuaValue][] = []
        lua.lua_pushvalue(state, at)
        lua.lua_pushnil(state)
        while (lua.lua_next(state, -2)) {
          const value = this.#valueAt(-1)
          lua.lua_pop(state, 1)
          fields.push([this.#wordAt(-1) ?? '', value])
        }
        lua.lua_pop(state, 1)
        const isList = fields.length > 0 && fields.every(([name], index) => name === String(index + 1))
        return isList ? fields.map(([, value]) => value) : Object.fromEntries(fields)
      }
      default:
        return null
    }
  }
}

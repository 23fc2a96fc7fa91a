// The parts of fengari that are used here. It brings no types of its own.
declare module 'fengari' {
  type LuaState = object & { readonly __lua: unique symbol }
  type LuaFunction = (state: LuaState) => number

  export const lua: {
    LUA_OK: number
    LUA_TNIL: number
    LUA_TBOOLEAN: number
    LUA_TLIGHTUSERDATA: number
    LUA_TNUMBER: number
    LUA_TSTRING: number
    LUA_TTABLE: number
    LUA_REGISTRYINDEX: number
    LUA_MULTRET: number
    lua_createtable(state: LuaState, items: number, fields: number): void
    lua_error(state: LuaState): never
    lua_getfield(state: LuaState, index: number, name: Uint8Array): number
    lua_gettop(state: LuaState): number
    lua_next(state: LuaState, index: number): number
    lua_pcall(state: LuaState, args: number, results: number, handler: number): number
    lua_pop(state: LuaState, count: number): void
    lua_pushboolean(state: LuaState, value: boolean): void
    lua_pushcfunction(state: LuaState, run: LuaFunction): void
    lua_pushlightuserdata(state: LuaState, value: unknown): void
    lua_pushnil(state: LuaState): void
    lua_pushnumber(state: LuaState, value: number): void
    lua_pushstring(state: LuaState, value: Uint8Array): void
    lua_pushvalue(state: LuaState, index: number): void
    lua_rawgeti(state: LuaState, index: number, at: number): number
    lua_rawseti(state: LuaState, index: number, at: number): void
    lua_setfield(state: LuaState, index: number, name: Uint8Array): void
    lua_setglobal(state: LuaState, name: Uint8Array): void
    lua_settop(state: LuaState, index: number): void
    lua_toboolean(state: LuaState, index: number): boolean
    lua_tonumber(state: LuaState, index: number): number
    lua_tostring(state: LuaState, index: number): Uint8Array | null
    lua_type(state: LuaState, index: number): number
  }
  export const lauxlib: {
    luaL_loadbuffer(state: LuaState, source: Uint8Array, size: number, name: Uint8Array): number
    luaL_newstate(): LuaState
    luaL_ref(state: LuaState, index: number): number
    luaL_requiref(state: LuaState, name: Uint8Array, open: LuaFunction, isGlobal: boolean): void
  }
  export const lualib: {
    luaopen_base: LuaFunction
    luaopen_table: LuaFunction
    luaopen_string: LuaFunction
    luaopen_math: LuaFunction
  }
}

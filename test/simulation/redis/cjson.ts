// Redis' `cjson` for scripts. Texts have one character for each byte, and JSON's own escapes become UTF-8, as there.

export type LuaValue = null | boolean | number | string | LuaValue[] | { [name: string]: LuaValue }

/** @throws SyntaxError for what is no JSON. */
export const decodeJson = (bytes: string): LuaValue =>
  mapTexts(JSON.parse(Buffer.from(bytes, 'latin1').toString('utf8')) as LuaValue, text =>
    Buffer.from(text, 'utf8').toString('latin1'),
  )

/** lua-cjson writes numbers with 14 digits; ours have at most 13. */
export const encodeJson = (value: LuaValue): string =>
  Buffer.from(
    JSON.stringify(mapTexts(value, text => Buffer.from(text, 'latin1').toString('utf8'))),
    'utf8',
  ).toString('latin1')

function mapTexts(value: LuaValue, change: (text: string) => string): LuaValue {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map(each => mapTexts(each, change))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [change(name), mapTexts(each, change)]),
  )
}

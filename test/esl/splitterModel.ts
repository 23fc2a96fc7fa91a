// A model of how FreeSWITCH 1.10 takes an event socket command and an originate apart, written from its behaviour:
// packets end at a blank line; arguments split on blanks; variables on commas and `=`; quotes, escapes, `^^x`, `:_:`,
// `|`, `ARRAY::` and the words that mod_event_socket looks for do what they do there. The tests hold our builders
// against it: what it reads must be exactly what was meant.

export interface Packet {
  command: string
  headers: [name: string, value: string][]
}

/** The commands that a switch would read from these bytes. */
export function readPackets(wire: string): Packet[] {
  return wire
    .replace(/\r/g, '')
    .split(/\n\n/)
    .map(packet => packet.replace(/^\n+/, ''))
    .filter(packet => packet !== '')
    .map(packet => {
      const [command = '', ...lines] = packet.split('\n')
      const headers = lines.map((line): [string, string] => {
        const colon = line.indexOf(':')
        return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).trimStart()]
      })
      const text = packet.toLowerCase()
      const isSwapped = text.includes('mod_event_socket') && /unload|reload/.test(text)
      return { command: isSwapped ? 'api bgapi reload mod_event_socket' : command, headers }
    })
}

export type Variables = Record<string, string>

export interface Peer {
  variables: Variables
  address: string
}

export interface Dial {
  /** Of the `{}` in front. */
  variables: Variables
  /** In order; more than one would ring several phones. */
  peers: Peer[]
  /** Whether the text would be expanded, or be split into parallel calls. */
  isExpanded: boolean
  isEnterprise: boolean
}

export interface Originate extends Dial {
  /** `&bridge`, or a plain word, which would be an extension. */
  application: string
  argument: string
  extraArguments: string[]
}

/** What `originate <text>` does, or undefined when it answers with its usage. */
export function readOriginate(text: string): Originate | undefined {
  const [dialString, extension, ...extraArguments] = splitOnBlanks(text)
  if (dialString === undefined || extension === undefined || extraArguments.length > 5) return undefined
  const [beforeClose = ''] = extension.split(')')
  const open = beforeClose.indexOf('(')
  return {
    ...readDialString(dialString),
    application: open < 0 ? beforeClose : beforeClose.slice(0, open),
    argument: open < 0 ? '' : beforeClose.slice(open + 1),
    extraArguments,
  }
}

/** What a dial string rings: of `originate` after its arguments were split, or of `bridge`. */
export function readDialString(text: string): Dial {
  const isExpanded = /\$\{|\$\$|\\\$/.test(text)
  if (text.includes(':_:')) return { variables: {}, peers: [], isExpanded, isEnterprise: true }
  const global = readBlocks(withoutBlanks(text), '{', '}')
  const peers = splitOn(withoutBlanks(global.rest), '|', 1024)
    .flatMap(alternative => splitPeers(alternative))
    .map(peer => {
      const local = readBlocks(withoutBlanks(peer), '[', ']')
      return { variables: local.variables, address: withoutBlanks(local.rest) }
    })
  return { variables: global.variables, peers, isExpanded, isEnterprise: false }
}

/** Commas part peers, but not inside a peer's own block. */
function splitPeers(text: string): string[] {
  const peers: string[] = []
  let start = 0
  let at = 0
  while (at < text.length) {
    if (text[at] === '[') at = Math.max(at, endOf(text, at, '[', ']'))
    else if (text[at] === ',' && text[at - 1] !== '\\') {
      peers.push(text.slice(start, at))
      start = at + 1
    }
    at += 1
  }
  return [...peers, text.slice(start)]
}

/** Any number of blocks at the front, and what follows them. */
function readBlocks(text: string, open: string, close: string): { variables: Variables; rest: string } {
  const variables: Variables = {}
  let rest = text
  while (rest.startsWith(open)) {
    const end = endOf(rest, 0, open, close)
    if (end < 0) return { variables, rest: '' }
    let inner = rest.slice(1, end)
    let separator = ','
    if (inner.startsWith('^^')) {
      separator = inner[2] ?? ','
      inner = inner.slice(3)
    }
    for (const pair of splitOn(inner, separator, 1024)) {
      const [name, value] = splitOn(pair, '=', 2)
      if (name !== undefined && value !== undefined) setVariable(variables, name, value)
    }
    rest = withoutBlanks(rest.slice(end + 1))
  }
  return { variables, rest }
}

function endOf(text: string, start: number, open: string, close: string): number {
  let depth = 0
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === open) depth += 1
    else if (text[at] === close && --depth === 0) return at
  }
  return -1
}

function setVariable(variables: Variables, name: string, value: string): void {
  const stored = value.replace(/^(?:ARRAY::)+/, '')
  if (stored === '') delete variables[name]
  else variables[name] = stored
}

/** Arguments of an API command. */
function splitOnBlanks(text: string): string[] {
  const parts: string[] = []
  let at = 0
  while (at < text.length) {
    const start = at
    while (text[at] === ' ') at += 1
    let isQuoted = false
    for (; at < text.length && (isQuoted || text[at] !== ' '); at += 1) {
      if (text[at] === '\\') at += 1
      else if (text[at] === "'") isQuoted = !isQuoted
    }
    parts.push(cleaned(text.slice(start, at), undefined))
    while (text[at] === ' ') at += 1
  }
  return parts
}

/** Pieces between separators that are neither quoted nor escaped; the last place takes all that is left. */
function splitOn(text: string, separator: string, piecesMax: number): string[] {
  const isOverridden = text.startsWith('^^') && text.length > 3
  const by = isOverridden ? text[2]! : separator
  const source = isOverridden ? text.slice(3) : text
  const pieces: string[] = []
  let start = 0
  let isQuoted = false
  for (let at = 0; at < source.length && pieces.length < piecesMax - 1; at += 1) {
    if (source[at] === '\\') at += 1
    else if (source[at] === "'" && (isQuoted || source.includes("'", at + 1))) isQuoted = !isQuoted
    else if (source[at] === by && !isQuoted) {
      pieces.push(source.slice(start, at))
      start = at + 1
    }
  }
  if (start < source.length) pieces.push(source.slice(start))
  return pieces.map(piece => cleaned(piece, by))
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', s: ' ' }

/** A piece without its quotes, its escapes carried out, its outer blanks gone. */
function cleaned(piece: string, separator: string | undefined): string {
  let text = ''
  let keep = 0
  let isQuoted = false
  const source = withoutBlanks(piece)
  for (let at = 0; at < source.length; at += 1) {
    const next = source[at + 1] ?? ''
    if (source[at] === '\\' && (["'", '"', '\\', separator].includes(next) || ESCAPES[next])) {
      text += ESCAPES[next] ?? next
      keep = text.length
      at += 1
    } else if (source[at] === "'" && (isQuoted || source.includes("'", at + 1))) {
      isQuoted = !isQuoted
      if (!isQuoted) keep = text.length
      else keep = Math.max(keep, text.length)
    } else {
      text += source[at]
      if (source[at] !== ' ' || isQuoted) keep = text.length
    }
  }
  return text.slice(0, keep)
}

const withoutBlanks = (text: string): string => text.replace(/^ +/, '')

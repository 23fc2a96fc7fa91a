// Which of two forms of an answer a client would rather have (RFC 9110, 12.5.1).

/** Whether JSON is preferred to plain text: equal wishes are none, and PBXs compare the plain text. */
export function prefersJson(accept: string | null): boolean {
  // A PBX's HTTP client sends `*/*`, or nothing.
  if (accept === null || !/json|application\/\*/i.test(accept)) return false
  const ranges = accept.toLowerCase().split(',').map(readRange)
  return qualityOf('application/json', ranges) > qualityOf('text/plain', ranges)
}

interface Range {
  type: string
  /** 0 to 1; 0 is "not this one". */
  quality: number
}

function readRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map(each => each.trim())
  const given = parameters.find(each => /^q\s*=/.test(each))
  const quality = given === undefined ? 1 : Number(given.slice(given.indexOf('=') + 1))
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 1 }
}

/** By the range that fits most exactly. */
function qualityOf(type: string, ranges: readonly Range[]): number {
  for (const fitting of [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']) {
    const found = ranges.find(range => range.type === fitting)
    if (found) return found.quality
  }
  return 0
}

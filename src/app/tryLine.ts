// One line for a newcomer to paste into a terminal: a request by curl, or by the JavaScript runtime that is surely there
// where curl is missing. It reads the same in sh, bash and zsh: whatever a shell could take for itself is quoted.

/** Finds a program on PATH. */
export type Which = (name: string) => string | null

/** A POST of form fields, its status and answer printed. Fields and URLs of ours hold no single quote.
 *  @param tokenVariable the environment's variable that holds the bearer token of the request, if it wants one. */
export function postLine(
  url: string,
  fields: Record<string, string>,
  which: Which,
  tokenVariable?: string,
): string {
  if (which('curl')) {
    const data = Object.entries(fields).map(([name, value]) => `-d ${name}=${value}`)
    const token = tokenVariable === undefined ? [] : [`-H "authorization: Bearer $${tokenVariable}"`]
    return [`curl -i '${url}'`, ...token, ...data].join(' ')
  }
  const body = new URLSearchParams(fields)
  const token =
    tokenVariable === undefined ? '' : `headers:{authorization:"Bearer "+${runtimeEnv}.${tokenVariable}},`
  return `${runtime(which)} -e 'fetch("${url}",{method:"POST",${token}body:new URLSearchParams("${body}")}).then(async r=>console.log(r.status,await r.text()))'`
}

/** A GET, its answer printed. */
export function getLine(url: string, which: Which): string {
  if (which('curl')) return `curl -s '${url}'`
  return `${runtime(which)} -e 'fetch("${url}").then(async r=>console.log(await r.text()))'`
}

/** As the line's own program reads its environment; this process reads only settings. */
const runtimeEnv = 'process["env"]'

/** The image has Bun alone. */
const runtime = (which: Which): string => ['node', 'bun'].find(name => which(name)) ?? process.execPath

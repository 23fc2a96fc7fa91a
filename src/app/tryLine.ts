// One line for a newcomer to paste into a terminal: a request by curl, or by the JavaScript runtime that is surely there
// where curl is missing. It reads the same in sh, bash and zsh: whatever a shell could take for itself is quoted.

/** Finds a program on PATH. */
export type Which = (name: string) => string | null

/** The line that sends form fields by POST and prints the status and the answer. Fields and URLs of ours hold no single quote.
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

/** The line that sends a GET and prints the answer. */
export function getLine(url: string, which: Which): string {
  if (which('curl')) return `curl -s '${url}'`
  return `${runtime(which)} -e 'fetch("${url}").then(async r=>console.log(await r.text()))'`
}

/** How the line's program reads its environment. This process reads nothing but settings. */
const runtimeEnv = 'process["env"]'

/** The container image has Bun, and neither curl nor Node. */
const runtime = (which: Which): string => ['node', 'bun'].find(name => which(name)) ?? process.execPath

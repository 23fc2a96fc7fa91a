// Reads the summary that `bun test` prints at its end and makes the one closing line of it. Text in, a line
// out: the running and the printing are done elsewhere.

// Biome would have the escape character out of a regular expression; it is what starts a colour.
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')
const RAN = /^Ran \d+ tests? across \d+ files?\./
const COUNT = /^\s*(\d+) (pass|fail|skip|todo|errors?|filtered out|expect\(\) calls)$/
const BAILED_OUT = /^Bailed out after (\d+) failures?/

/** The closing line of a test run: `N passed, N failed`. Skipped tests stand in Bun's own summary above. A run that
 *  crashed or ran no test is `0 passed, 1 failed`, and no run that ended with an error shows 0 failed.
 *  @param {string} output what `bun test` wrote to standard error
 *  @param {number} exitCode what it exited with
 *  @returns {{ line: string, exitCode: number }} Bun's exit code, or 1 where Bun said 0 but no test ran */
export function closingLine(output, exitCode) {
  const { passed, failed, skipped } = countsOf(output.replace(COLOURS, '').split(/\r?\n/))
  if (passed + failed + skipped === 0) return { line: '0 passed, 1 failed', exitCode: exitCode || 1 }
  const failedAtLeast = exitCode === 0 ? failed : Math.max(failed, 1)
  return { line: `${passed} passed, ${failedAtLeast} failed`, exitCode }
}

function countsOf(lines) {
  const ran = lines.findLastIndex(line => RAN.test(line))
  if (ran === -1) return { passed: 0, failed: 0, skipped: 0 }
  // Only the block right above the last "Ran …" is Bun's; the same words elsewhere are a test's own output.
  const counts = {}
  for (let place = ran - 1; place >= 0; place--) {
    const found = COUNT.exec(lines[place])
    if (!found) break
    counts[found[2]] = Number(found[1])
  }
  if (counts.pass === undefined) return countsAfterBail(lines, ran)
  return {
    passed: counts.pass,
    failed: counts.fail ?? 0,
    skipped: (counts.skip ?? 0) + (counts.todo ?? 0),
  }
}

// With --bail Bun prints no counts, only each test's own line and how many failures were too many.
function countsAfterBail(lines, ran) {
  const bailed = lines
    .slice(ran)
    .map(line => BAILED_OUT.exec(line))
    .find(found => found !== null)
  if (!bailed) return { passed: 0, failed: 0, skipped: 0 }
  return {
    passed: lines.filter(line => line.startsWith('(pass) ')).length,
    failed: Number(bailed[1]),
    skipped: 0,
  }
}

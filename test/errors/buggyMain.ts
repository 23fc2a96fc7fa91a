// The service's own main, with a bug that waits for a signal: SIGUSR2 throws, SIGHUP rejects and nobody catches. What is
// thrown quotes what it should not.
import { TELLTALE } from './telltale.ts'

process.on('SIGUSR2', () => {
  throw new Error(`a bug: ${TELLTALE}`, { cause: new TypeError(`beneath it: ${TELLTALE}`) })
})
process.on('SIGHUP', () => {
  void Promise.reject(new Error('nobody caught this'))
})
await import('../../src/main.ts')

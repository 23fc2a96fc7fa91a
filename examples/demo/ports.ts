// The demonstration's ports: the usual ones, so that what the documentation says can be typed, or free ones where
// those are taken.
import { createServer } from 'node:net'

/** The usual port if nobody listens there, else any free one. */
export async function usualOrFree(usual: number): Promise<number> {
  return (await tryPort(usual)) ?? (await tryPort(0))!
}

/** Asked with a plain server: Bun's own shares its port with whoever has it already, and says nothing. */
function tryPort(port: number): Promise<number | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined))
    })
  })
}

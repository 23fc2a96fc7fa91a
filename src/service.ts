// The process, put together by its role: the front, the agents, and the internal listener that every role has. A
// stop goes through the same rooms: nothing new is taken, what runs ends, then everything is let go.
import { type Agents, openAgents } from './agents.ts'
import { type Front, type FrontOptions, openFront } from './front.ts'
import { createInternalApp } from './http/internalApp.ts'

export type ServiceOptions = FrontOptions

export type Service = Awaited<ReturnType<typeof openService>>

export async function openService(options: ServiceOptions) {
  const { config, metrics, log } = options
  const front: Front | undefined = config.role === 'agent' ? undefined : await openFront(options)
  const agents: Agents | undefined = config.role === 'front' ? undefined : openAgents(options)
  let isDraining = false

  const readiness = (): string[] => [
    ...(isDraining ? ['draining'] : []),
    ...(front?.obstacles() ?? []),
    // A process that serves PBXs too must not lose their traffic because a switch is away.
    ...(config.role === 'agent' ? (agents?.obstacles() ?? []) : []),
  ]
  const internalApp = createInternalApp({
    readiness,
    metrics,
    beforeScrape: () => {
      front?.beforeScrape()
      agents?.beforeScrape()
    },
    adminToken: config.adminToken,
    log,
  })
  internalApp.listen({ hostname: config.internalHost, port: config.internalPort })

  return {
    front,
    publicUrl: front?.publicUrl,
    internalUrl: `http://${config.internalHost}:${internalApp.server?.port}`,

    /** Ends in good order: at most after the longest wait, or the longest call that `DRAIN_MAX` allows. */
    async stop(): Promise<void> {
      isDraining = true
      await Promise.all([front?.drain(), agents?.drain()])
      await front?.close()
      await internalApp.stop()
    },
  }
}

// A leg as a test may look at it: plain data, a copy, the same in this process and over the control port.

import type { Channel } from './channel.ts'

export interface ChannelView {
  uuid: string
  destination: string
  gateway: string | undefined
  dialId: string | undefined
  state: 'ringing' | 'early' | 'answered' | 'ending'
  /** The leg it talks to. */
  bridgedTo: string | undefined
  isParked: boolean
  /** What it runs, e.g. `bridge`. */
  application: string | undefined
  playing: string | undefined
  queued: string[]
  displaced: { path: string; direction: 'read' | 'write' | 'both'; isMixed: boolean }[]
  eavesdrops: { target: string; isHeardByTarget: boolean; isHeardByOther: boolean } | undefined
  callerIdNumber: string
  calleeIdNumber: string
  variables: Record<string, string | string[]>
}

export function viewOf(leg: Channel): ChannelView {
  const { profile, eavesdropping } = leg
  return {
    uuid: leg.uuid,
    destination: leg.destination,
    gateway: leg.gateway,
    dialId: leg.dialId,
    state: leg.isEnding || leg.answerState === 'hangup' ? 'ending' : leg.answerState,
    bridgedTo: leg.bridge?.isTalking ? leg.bridge.other(leg).uuid : undefined,
    isParked: leg.isParked,
    application: leg.application?.name,
    playing: leg.playback?.path,
    queued: [...leg.playQueue],
    displaced: leg.bugs
      .filter(bug => bug.kind === 'displace')
      .map(({ path, direction, isMixed }) => ({ path, direction, isMixed })),
    eavesdrops: eavesdropping && {
      target: eavesdropping.target.uuid,
      isHeardByTarget: eavesdropping.isHeardByTarget,
      isHeardByOther: eavesdropping.isHeardByOther,
    },
    callerIdNumber: profile.callerIdNumber,
    calleeIdNumber: profile.calleeIdNumber,
    variables: Object.fromEntries(leg.variables.entries()),
  }
}

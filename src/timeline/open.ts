// The timeline room's door: a connection of its own, so that calls' commands never stand behind timelines', and what
// records and reads on it. With `TIMELINES_MAX=0` there is nothing to record; what is kept is still read.
import type { Log } from '../base/log.ts'
import type { Clock } from '../base/units.ts'
import { openRedis, type RedisSettings } from '../redis/connect.ts'
import { type KeptTimelines, openKeptTimelines, openTimelines } from '../redis/timelines/timelines.ts'
import type { Tracer } from '../tracing/types.ts'
import { openTimelineReader, type TimelineReader } from './reader.ts'
import { createRecorder, NO_RECORDER, type Recorder } from './recorder.ts'
import { createShare } from './share.ts'
import { createTracedRecorder, type Traces } from './traced.ts'

export interface TimelineSettings {
  redis: RedisSettings
  /** Timelines that are kept in all; 0: none is recorded. */
  timelinesMax: number
  showsFullNumbers: boolean
}

export interface TimelineRoom {
  recorder: Recorder
  /** Only where there is a tracer. */
  traces: Traces | undefined
  reader: TimelineReader
  /** Whose call is told of. */
  kept: Pick<KeptTimelines, 'isOf'>
  /** Writes what is left, for at most a second, and lets go. */
  close(): Promise<void>
}

/** Who records. */
export interface Scribe {
  by: string
  /** Makes a trace of what is recorded; it is closed with the room. */
  tracer: Tracer | undefined
  onDropped: () => void
  clock: Clock
  log: Log
}

export function openTimelineRoom(settings: TimelineSettings, who: Scribe): TimelineRoom {
  const { timelinesMax, showsFullNumbers } = settings
  const redis = openRedis(settings.redis, 'timelines', who.log)
  const store = openTimelines(redis, settings)
  const share = createShare({ timelinesMax, clock: who.clock })
  const plain =
    timelinesMax === 0
      ? NO_RECORDER
      : createRecorder({ ...who, append: store.append, share, showsFullNumbers })
  const traced = who.tracer && createTracedRecorder(plain, who.tracer, { ...who, showsFullNumbers })
  const recorder = traced ?? plain
  const kept = openKeptTimelines(redis)
  return {
    recorder,
    traces: traced,
    reader: openTimelineReader(kept, { showsFullNumbers, clock: who.clock }),
    kept,
    async close() {
      await recorder.close()
      redis.disconnect()
    },
  }
}

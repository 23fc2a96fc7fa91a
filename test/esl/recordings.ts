// Finds recordings of a real switch and reads them: the fixtures beside this file, and a larger collection of the same
// form where one is at hand (`ESL_TRANSCRIPTS`, by default a folder next to the project).
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'bun'

export interface Recording {
  /** `asp-a-hangs-up`, or `asp-a-hangs-up -2` for its second connection. */
  name: string
  raw: Buffer
  /** The frames of that connection as another program cut them; empty when only bytes were kept. */
  frames: string[]
  /** What the client sent, and how many frames the switch had sent before that. */
  packets: { text: string; framesBefore: number }[]
}

const FIXTURES = join(import.meta.dir, 'fixtures')
const COLLECTION = process.env.ESL_TRANSCRIPTS ?? join(import.meta.dir, '../../../shared/esl-transcripts')

/** Every recording that can be found. The fixtures are always among them. */
export function allRecordings(): Recording[] {
  const folders = [FIXTURES, COLLECTION].filter(existsSync)
  return folders.flatMap(folder =>
    readdirSync(folder, { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .flatMap(entry => recordingsOf(join(folder, entry.name), entry.name)),
  )
}

/** One of the fixtures. */
export function fixture(name: string): Recording {
  const [recording] = recordingsOf(join(FIXTURES, name), name)
  if (!recording) throw new Error(`no such fixture: ${name}`)
  return recording
}

function recordingsOf(folder: string, name: string): Recording[] {
  const framesFile = readdirSync(folder).find(file => file.startsWith('frames.jsonl'))
  const lines = framesFile ? contents(join(folder, framesFile)).toString('utf8').trim().split('\n') : []
  // The end of a stream is written down as an empty frame.
  const frames = lines
    .map(line => JSON.parse(line) as { dir: string; text: string; conn?: number })
    .filter(frame => frame.text !== '')
  return readdirSync(folder)
    .filter(file => /^freeswitch(-\d)?\.raw(\.gz)?$/.test(file))
    .map(file => {
      const suffix = /-(\d)/.exec(file)?.[1]
      const ours = frames.filter(frame => (frame.conn ?? 1) === Number(suffix ?? 1))
      const isOfSwitch = (frame: { dir: string }) => frame.dir === 'freeswitch'
      return {
        name: suffix ? `${name} -${suffix}` : name,
        raw: contents(join(folder, file)),
        frames: ours.filter(isOfSwitch).map(frame => frame.text),
        packets: ours.flatMap((frame, at) =>
          isOfSwitch(frame)
            ? []
            : [{ text: frame.text, framesBefore: ours.slice(0, at).filter(isOfSwitch).length }],
        ),
      }
    })
}

function contents(file: string): Buffer {
  const bytes = readFileSync(file)
  return file.endsWith('.gz') ? Buffer.from(gunzipSync(bytes)) : bytes
}

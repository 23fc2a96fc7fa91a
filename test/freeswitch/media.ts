// The sound of one phone: an RTP socket that plays a tone all the time, hears what comes back, and presses keys
// (RFC 4733). Which call it belongs to, and when it opens and closes, its phone knows.
import type { udp } from 'bun'
import { createTone, PACKET_MS, PACKET_SAMPLES, SAMPLES_PER_SECOND, samplesOf } from './tones.ts'

export interface Media {
  readonly port: number
  /** Where the other side listens, as its SDP says. Playing begins with it. */
  sendTo(host: string, port: number): void
  /** Everything that arrives from now on for so long, as one stretch of samples; silence where nothing came. */
  hear(lengthMs: number): Promise<Float32Array>
  /** Presses keys, one after another. Resolves when the last was let go. */
  press(digits: string): Promise<void>
  close(): void
}

const PCMU = 0
/** What the phones' SDP names for telephone-event. */
export const KEYPAD_PAYLOAD = 101
const KEYS = '0123456789*#'

/** A key is held for 100 ms, and the next is pressed 60 ms later: what people's phones do. */
const KEY_PACKETS = 5
const KEY_PAUSE_MS = 60

/** After a pause of this process only so many packets are sent at once; the rest of the pause is silence. */
const CATCH_UP_PACKETS = 5

/** Opens the socket on a free port. @param hertz of the tone that it plays; undefined: it sends silence. */
export async function openMedia(host: string, hertz: number | undefined): Promise<Media> {
  const recorders = new Set<(samples: Float32Array) => void>()
  const tone = createTone(hertz ?? 0)
  const ssrc = Math.floor(Math.random() * 0xffff_ffff)
  let target: { host: string; port: number } | undefined
  let sequence = Math.floor(Math.random() * 0xffff)
  let timestamp = 0
  let nextAtMs = 0
  let timer: ReturnType<typeof setInterval> | undefined

  const socket: udp.Socket<'buffer'> = await Bun.udpSocket({
    hostname: host,
    socket: {
      data: (_socket, packet) => {
        if (packet.length <= RTP_HEAD || (packet[1]! & 0x7f) !== PCMU) return
        const samples = samplesOf(packet.subarray(RTP_HEAD))
        for (const record of recorders) record(samples)
      },
      // The same refusal, told later.
      error: () => undefined,
    },
  })

  function send(payload: Uint8Array, type: number, isMarked = false): void {
    if (!target) return
    const packet = Buffer.alloc(RTP_HEAD + payload.length)
    packet[0] = 0x80
    packet[1] = type | (isMarked ? 0x80 : 0)
    packet.writeUInt16BE(sequence, 2)
    packet.writeUInt32BE(timestamp, 4)
    packet.writeUInt32BE(ssrc, 8)
    packet.set(payload, RTP_HEAD)
    sequence = (sequence + 1) & 0xffff
    try {
      socket.send(packet, target.port, target.host)
    } catch {
      // ECONNREFUSED: the switch closes its port a moment before it says that the call is over.
    }
  }

  function play(): void {
    const nowMs = performance.now()
    nextAtMs = Math.max(nextAtMs, nowMs - CATCH_UP_PACKETS * PACKET_MS)
    for (; nextAtMs <= nowMs; nextAtMs += PACKET_MS) {
      send(tone(), PCMU)
      timestamp = (timestamp + PACKET_SAMPLES) >>> 0
    }
  }

  async function pressOne(key: number): Promise<void> {
    for (let step = 1; step <= KEY_PACKETS; step += 1) {
      const isLast = step === KEY_PACKETS
      const payload = Buffer.from([key, (isLast ? 0x80 : 0) | 10, 0, 0])
      payload.writeUInt16BE(step * PACKET_SAMPLES, 2)
      // The end is said three times, because one packet may be lost (RFC 4733, 2.5.1.4).
      for (let time = 0; time < (isLast ? 3 : 1); time += 1) send(payload, KEYPAD_PAYLOAD, step === 1)
      await Bun.sleep(PACKET_MS)
    }
  }

  return {
    port: socket.port,
    sendTo(toHost, port) {
      target = { host: toHost, port }
      nextAtMs = performance.now()
      timer ??= setInterval(play, PACKET_MS / 2)
    },
    async hear(lengthMs) {
      const chunks: Float32Array[] = []
      const record = (samples: Float32Array) => void chunks.push(samples)
      recorders.add(record)
      await Bun.sleep(lengthMs)
      recorders.delete(record)
      const length = Math.max(
        (SAMPLES_PER_SECOND * lengthMs) / 1_000,
        chunks.reduce((sum, chunk) => sum + chunk.length, 0),
      )
      const all = new Float32Array(length)
      let place = 0
      for (const chunk of chunks) {
        all.set(chunk, place)
        place += chunk.length
      }
      return all
    },
    async press(digits) {
      clearInterval(timer)
      for (const digit of digits) {
        await pressOne(KEYS.indexOf(digit))
        timestamp = (timestamp + KEY_PACKETS * PACKET_SAMPLES) >>> 0
        await Bun.sleep(KEY_PAUSE_MS)
      }
      nextAtMs = performance.now()
      timer = setInterval(play, PACKET_MS / 2)
    },
    close() {
      clearInterval(timer)
      socket.close()
    },
  }
}

const RTP_HEAD = 12

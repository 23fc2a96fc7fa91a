// Sounds as numbers: a tone is made as G.711 mu-law bytes, and looked for again in what was heard. Samples go in and
// a loudness comes out; how the bytes travel is not known here.

/** Telephone audio: 8,000 samples a second (G.711), sent as 20 ms of 160 samples. */
export const SAMPLES_PER_SECOND = 8_000
export const PACKET_MS = 20
export const PACKET_SAMPLES = (SAMPLES_PER_SECOND * PACKET_MS) / 1_000

/** Of full scale. Four of them at once do not clip. */
export const TONE_AMPLITUDE = 0.2

/** What counts as heard: a tenth of what was sent. Leakage of the other tones stays below a hundredth. */
export const HEARD_AMPLITUDE = TONE_AMPLITUDE / 10

/** Hands out one packet after another of a tone without a break. @param hertz below 4,000. */
export function createTone(hertz: number, amplitude: number = TONE_AMPLITUDE): () => Uint8Array {
  let sample = 0
  return () => {
    const bytes = new Uint8Array(PACKET_SAMPLES)
    for (let place = 0; place < PACKET_SAMPLES; place += 1, sample += 1)
      bytes[place] = muLawOf(amplitude * sine(hertz, sample))
    return bytes
  }
}

const sine = (hertz: number, sample: number): number =>
  Math.sin((2 * Math.PI * hertz * sample) / SAMPLES_PER_SECOND)

/** How loud one frequency is in the samples: the amplitude of its sine, of full scale (Goertzel's algorithm).
 *  @param samples at least 50 ms, or neighbouring tones run into each other. */
export function loudnessOf(hertz: number, samples: Float32Array): number {
  if (samples.length === 0) return 0
  const factor = 2 * Math.cos((2 * Math.PI * hertz) / SAMPLES_PER_SECOND)
  let last = 0
  let beforeLast = 0
  for (const [place, sample] of samples.entries()) {
    const next = sample * hann(place, samples.length) + factor * last - beforeLast
    beforeLast = last
    last = next
  }
  const power = last * last + beforeLast * beforeLast - factor * last * beforeLast
  // The window halves what it lets through, hence 4 and not 2.
  return (4 * Math.sqrt(Math.max(0, power))) / samples.length
}

/** Without a window a loud tone would be seen at every other frequency too. */
const hann = (place: number, length: number): number => 0.5 - 0.5 * Math.cos((2 * Math.PI * place) / length)

/** G.711 mu-law of a sample from -1 to 1. */
function muLawOf(sample: number): number {
  const linear = Math.max(-CLIP, Math.min(CLIP, Math.round(sample * 32_767)))
  const magnitude = Math.abs(linear) + BIAS
  const exponent = Math.max(0, 31 - Math.clz32(magnitude) - 7)
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f
  return ~((linear < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff
}

const BIAS = 0x84
const CLIP = 32_635

const DECODED = Float32Array.from({ length: 256 }, (_, byte) => {
  const code = ~byte & 0xff
  const magnitude = ((((code & 0x0f) << 3) + BIAS) << ((code >> 4) & 0x07)) - BIAS
  return ((code & 0x80) === 0 ? magnitude : -magnitude) / 32_768
})

/** Samples from -1 to 1 of mu-law bytes. */
export const samplesOf = (bytes: Uint8Array): Float32Array => Float32Array.from(bytes, byte => DECODED[byte]!)

/** A WAV file of one tone, 16 bits mono, for the switch to play. */
export function wavOf(hertz: number, lengthSeconds: number): Uint8Array {
  const count = SAMPLES_PER_SECOND * lengthSeconds
  const file = Buffer.alloc(44 + 2 * count)
  file.write('RIFF', 0, 'latin1')
  file.writeUInt32LE(36 + 2 * count, 4)
  file.write('WAVEfmt ', 8, 'latin1')
  file.writeUInt32LE(16, 16)
  file.writeUInt16LE(1, 20)
  file.writeUInt16LE(1, 22)
  file.writeUInt32LE(SAMPLES_PER_SECOND, 24)
  file.writeUInt32LE(2 * SAMPLES_PER_SECOND, 28)
  file.writeUInt16LE(2, 32)
  file.writeUInt16LE(16, 34)
  file.write('data', 36, 'latin1')
  file.writeUInt32LE(2 * count, 40)
  for (let sample = 0; sample < count; sample += 1)
    file.writeInt16LE(Math.round(TONE_AMPLITUDE * 32_767 * sine(hertz, sample)), 44 + 2 * sample)
  return file
}

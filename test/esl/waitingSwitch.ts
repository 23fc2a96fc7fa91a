// A switch on a thread of its own that tells, through shared memory, which packets have reached it. A test can so wait
// for a packet with its own thread standing still, which proves that the bytes were sent before it stood still.
import { spoofSwitch } from './spoofedSwitch.ts'

declare const self: Worker

self.onmessage = (message: MessageEvent<SharedArrayBuffer>) => {
  const arrived = new Int32Array(message.data)
  const spoof = spoofSwitch({
    answer(packet) {
      if (!packet.startsWith('bgapi ') && !packet.startsWith('api status')) return false
      Atomics.add(arrived, 0, 1)
      Atomics.notify(arrived, 0)
      return true
    },
  })
  self.postMessage(spoof.port)
}

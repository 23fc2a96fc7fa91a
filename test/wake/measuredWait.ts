// The wait worker's program, and a scale: it tells how much its heap holds, for the test that nothing stays there.
import { heapStats } from 'bun:jsc'
import '../../workers/wait.ts'

const scale = new BroadcastChannel('weigh')
scale.onmessage = ({ data }) => {
  if (data !== 'weigh') return
  Bun.gc(true)
  scale.postMessage(heapStats().heapSize)
}
